package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswer is how much of an answer is read, in bytes. Serin's are below 16 KiB.
const maxAnswer = 256 << 10

// The words of Serin's answers.
const (
	wordPass         = "pass"
	wordFail         = "fail"
	wordRunning      = "running"
	wordInconclusive = "inconclusive"
)

// answer is one answer of POST /argo/analysis.
type answer struct {
	Verdict           string  `json:"verdict"`
	Code              *int    `json:"code"`
	Score             float64 `json:"score"`
	Reason            string  `json:"reason"`
	Report            string  `json:"report"`
	RetryAfterSeconds int     `json:"retryAfterSeconds"`
	Error             string  `json:"error"`
	Next              string  `json:"next"`
}

// away is an error that may pass: Serin was not reached, or could not form a verdict.
type away struct {
	text  string
	after time.Duration // how long it asked to wait; 0 where it did not
}

// Error implements error.
func (e *away) Error() string { return e.text }

// server is a Serin server, with what it takes to be let in.
type server struct {
	url     *url.URL
	token   string
	roots   *x509.CertPool
	timeout time.Duration
}

// ask sends one call. An error that is no [away] will not pass by itself.
func (s server) ask(ctx context.Context, k call) (answer, error) {
	a, err := s.send(ctx, k)
	if err != nil && s.token != "" && strings.Contains(err.Error(), s.token) {
		hidden := strings.ReplaceAll(err.Error(), s.token, "*****")
		if was := (*away)(nil); errors.As(err, &was) {
			return answer{}, &away{hidden, was.after}
		}
		return answer{}, errors.New(hidden)
	}
	return a, err
}

func (s server) send(ctx context.Context, k call) (answer, error) {
	body, err := json.Marshal(k)
	if err != nil {
		return answer{}, fmt.Errorf("write the call: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.JoinPath("argo", "analysis").String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("write the call: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "serin-argo-plugin")
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := s.client().Do(req)
	if err != nil {
		return answer{}, &away{text: "Serin was not reached: " + err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, &away{text: "Serin's answer broke off: " + err.Error()}
	}
	return read(resp, text)
}

// client returns a client for one call. Calls are seconds apart, so that nothing is
// gained by keeping connections; and a redirect is not followed: the token is for
// one server.
func (s server) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// read reads an answer. Only a 200 with one of Serin's verdicts is one.
func read(resp *http.Response, text []byte) (answer, error) {
	var a answer
	object := len(text) <= maxAnswer && json.Unmarshal(text, &a) == nil && a.Code != nil
	code := resp.StatusCode
	switch {
	case code == http.StatusOK && object && a.meant():
		return a, nil
	case code == http.StatusOK:
		return answer{}, &away{text: "something answered 200 that is not Serin, or of another version (a proxy's login page?)"}
	case passing(code):
		return answer{}, &away{text: fmt.Sprintf("Serin could not answer: %d%s", code, a.says(object)), after: retryAfter(resp.Header, a)}
	case code < http.StatusBadRequest:
		return answer{}, fmt.Errorf("got %d, which is not followed: the token is for one server; correct the address", code)
	}
	return answer{}, fmt.Errorf("Serin refused: %d%s", code, a.says(object))
}

// meant reports whether an answer is one that Serin gives: verdict and code agree.
func (a answer) meant() bool {
	code, known := map[string]int{wordPass: 1, wordFail: -1, wordRunning: 0, wordInconclusive: 0}[a.Verdict]
	return known && *a.Code == code && a.Error == ""
}

// says returns what an error's body says.
func (a answer) says(object bool) string {
	if !object || a.Error == "" {
		return ""
	}
	if a.Next != "" {
		return " " + a.Error + "; " + a.Next
	}
	return " " + a.Error
}

// passing reports whether a status may be another one soon.
func passing(code int) bool {
	return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests ||
		code == http.StatusRequestTimeout || code == http.StatusTooEarly
}

// retryAfter returns how long an answer asks to wait.
func retryAfter(h http.Header, a answer) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil {
		seconds = a.RetryAfterSeconds
	}
	return time.Duration(min(max(seconds, 0), 3600)) * time.Second
}

// shorten brings a text to one line of at most so many bytes.
func shorten(text string, most int) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:max(most-len("…"), 0)], "") + "…"
}
