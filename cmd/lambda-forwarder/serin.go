package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// maxAnswer bounds what is read of an answer: ECS takes no large hookDetails.
const maxAnswer = 64 << 10

// refusedError is an answer that no second attempt changes: a token that is not
// accepted, a plan that is missing.
type refusedError struct {
	status int
	text   string
}

// Error implements error.
func (e *refusedError) Error() string {
	return fmt.Sprintf("Serin refused it with status %d: %s", e.status, e.text)
}

// server is the Serin that is asked.
type server struct {
	url, token string
	timeout    time.Duration // of one attempt
	tries      int
	client     *http.Client
	pause      func(ctx context.Context, d time.Duration) error
}

func newServer(s settings) *server {
	return &server{
		url: s.url, token: s.token, timeout: s.timeout, tries: s.tries, pause: pause,
		client: &http.Client{
			// A redirect would carry the token to where nobody has agreed that it goes.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// post sends a body, a few times where that helps, and returns the answer's body. Its
// error is a refusedError where another attempt cannot help.
func (s *server) post(ctx context.Context, path string, body []byte, tries int) ([]byte, error) {
	var err error
	for n := range tries {
		if n > 0 {
			if s.pause(ctx, 200*time.Millisecond<<min(n-1, 4)) != nil {
				break // the last failure says more
			}
		}
		var answer []byte
		answer, err = s.once(ctx, path, body)
		var refused *refusedError
		if err == nil || errors.As(err, &refused) {
			return answer, err
		}
	}
	return nil, err
}

// once is one attempt.
func (s *server) once(ctx context.Context, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("User-Agent", "serin-lambda-forwarder")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("Serin cannot be reached: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("Serin's answer was cut off: %w", err)
	}
	switch code := resp.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
		return nil, fmt.Errorf("Serin cannot answer now, status %d: %s", code, said(answer))
	case code != http.StatusOK && code != http.StatusAccepted:
		return nil, &refusedError{code, said(answer)}
	case len(answer) > maxAnswer:
		return nil, &refusedError{code, fmt.Sprintf("its answer is longer than %d bytes", maxAnswer)}
	}
	return answer, nil
}

// said reads Serin's own words out of an answer that is no success, or what there is.
func said(answer []byte) string {
	var words struct{ Error, Next string }
	if json.Unmarshal(answer, &words) != nil || words.Error == "" {
		return printable(answer)
	}
	if words.Next != "" {
		words.Error += "; " + words.Next
	}
	return printable([]byte(words.Error))
}

// printable returns the beginning of a text in one line, for logs and reasons.
func printable(b []byte) string {
	const most = 500
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b[:min(len(b), most)]), "?"))
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return "no reason was given"
	}
	return text
}

// pause waits, or returns why it could not.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
