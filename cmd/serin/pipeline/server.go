package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

const (
	// oneCall bounds one request: the server itself works a minute on one look.
	oneCall = 75 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 16 << 20
)

// RefusedError is an answer that no second attempt changes.
type RefusedError struct {
	Status int
	Text   string // what the server said
	Next   string // what can be done about it; may be empty
}

// Error implements error.
func (e *RefusedError) Error() string {
	text := fmt.Sprintf("the server refuses (%d): %s", e.Status, e.Text)
	if e.Next != "" {
		text += "\n" + e.Next
	}
	return text
}

// awayError is a server that gives no answer now, and may soon.
type awayError struct {
	cause string
	after time.Duration // when to ask again; 0 where it did not say
}

// Error implements error.
func (e *awayError) Error() string { return e.cause }

// Server is a Serin server.
type Server struct {
	url, token string
	client     *http.Client
}

// NewServer returns a server at an address, which is asked with a token; an empty one
// is not sent.
func NewServer(address, token string) (*Server, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("the server's address (--server, SERIN_URL) is not an http or https URL; write it like https://serin.example.org")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the server's address must have no user, query or fragment: it is shown in logs; the token belongs into SERIN_TOKEN or a file")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the token has a character that no header may have; it is not shown here")
	}
	return &Server{url: strings.TrimRight(address, "/"), token: token, client: &http.Client{
		// A redirect would carry the token to where nobody has agreed that it goes.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Announcement says who is on trial. Its fields are those of POST /v1/rollouts.
type Announcement struct {
	Controller string             `json:"controller"`
	Service    string             `json:"service"`
	Namespace  string             `json:"namespace,omitempty"`
	Revision   string             `json:"revision"`
	Plan       string             `json:"plan,omitempty"`
	Baseline   rollout.Arm        `json:"baseline"`
	Canary     rollout.Arm        `json:"canary"`
	Comparison rollout.Comparison `json:"comparison,omitempty"`
	Started    time.Time          `json:"started,omitzero"`
	Watch      bool               `json:"watch,omitempty"`
}

// Controller is what announces the rollouts of pipelines.
const Controller = "pipeline"

// opened is a rollout that was announced or found.
type opened struct {
	Rollout rollout.Rollout `json:"rollout"`
	New     bool            `json:"new"`
	Link    string          `json:"-"`
}

// announce opens the rollout, or finds it where it is live.
func (s *Server) announce(ctx context.Context, a Announcement) (opened, error) {
	var o opened
	link, err := s.call(ctx, http.MethodPost, "/v1/rollouts", exchange{send: a, into: &o})
	o.Link = link
	if err == nil && o.Rollout.ID == "" {
		err = &RefusedError{Status: http.StatusOK, Text: "its answer names no rollout", Next: "check that the address is that of a Serin server"}
	}
	return o, err
}

// look asks for a verdict. Last says that the last promotion is asked for.
func (s *Server) look(ctx context.Context, id string, last bool) (judge.Verdict, error) {
	var v judge.Verdict
	_, err := s.call(ctx, http.MethodPost, "/v1/rollouts/"+id+"/judge", exchange{send: map[string]bool{"final": last}, into: &v})
	if err == nil && v.Rollout.ID != id {
		err = &RefusedError{Status: http.StatusOK, Text: "its answer is the verdict of another rollout", Next: "check that the address is that of a Serin server"}
	}
	return v, err
}

// declare tells the canary's share of traffic from now on. The same one again changes
// nothing.
func (s *Server) declare(ctx context.Context, id string, percent float64) error {
	_, err := s.call(ctx, http.MethodPost, "/v1/rollouts/"+id+"/weights", exchange{send: map[string]float64{"percent": percent}})
	return err
}

// live returns the live rollouts of a service in a namespace.
func (s *Server) live(ctx context.Context, service, namespace string) ([]journal.Summary, error) {
	return s.List(ctx, journal.Filter{Service: service, Namespace: namespace, Live: true, Limit: 1000})
}

// end closes a rollout.
func (s *Server) end(ctx context.Context, id, why string) error {
	_, err := s.call(ctx, http.MethodDelete, "/v1/rollouts/"+id+"?"+url.Values{"why": {why}}.Encode(), exchange{})
	return err
}

// exchange is what is sent, and what the answer is read into; either may be nil.
type exchange struct{ send, into any }

// request writes a request that says who asks.
func (s *Server) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return nil, err
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	req.Header.Set("User-Agent", "serin")
	return req, nil
}

// call makes one request and returns the answer's Location as a whole URL.
func (s *Server) call(ctx context.Context, method, path string, x exchange) (location string, err error) {
	ctx, cancel := context.WithTimeout(ctx, oneCall)
	defer cancel()
	var body io.Reader
	if x.send != nil {
		b, err := json.Marshal(x.send)
		if err != nil {
			return "", err
		}
		body = bytes.NewReader(b)
	}
	req, err := s.request(ctx, method, path, body)
	if err != nil {
		return "", err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return "", unreachable(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return "", unreachable(err)
	case len(b) > maxAnswer:
		return "", &RefusedError{Status: resp.StatusCode, Text: fmt.Sprintf("its answer is longer than %d MB", maxAnswer>>20)}
	case resp.StatusCode/100 != 2:
		return "", failure(resp, b)
	}
	if x.into != nil {
		if err := json.Unmarshal(b, x.into); err != nil {
			return "", &RefusedError{
				Status: resp.StatusCode, Text: "its answer cannot be read: " + err.Error(),
				Next: "check that the address is that of a Serin server, of about this command's version",
			}
		}
	}
	return s.absolute(resp.Header.Get("Location")), nil
}

// absolute makes a whole URL of a link; a server that does not know its own address
// sends a path.
func (s *Server) absolute(link string) string {
	if strings.HasPrefix(link, "/") {
		return s.url + link
	}
	return link
}

// unreachable says why there is no answer. The client's own text repeats the URL.
func unreachable(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return &awayError{cause: "the server cannot be reached: " + err.Error()}
}

// failure reads an answer that is not a success.
func failure(resp *http.Response, b []byte) error {
	var said struct{ Error, Next string }
	if json.Unmarshal(b, &said) != nil || said.Error == "" {
		said.Error, said.Next = strings.ToLower(http.StatusText(resp.StatusCode)), "check that the address is that of a Serin server"
	}
	switch code := resp.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil || seconds < 0 {
			seconds = 0
		}
		return &awayError{cause: fmt.Sprintf("the server cannot answer now (%d): %s", code, said.Error), after: time.Duration(seconds) * time.Second}
	case code/100 == 3:
		return &RefusedError{Status: code, Text: "it redirects, and the token goes nowhere else", Next: "name the address that it redirects to: " + resp.Header.Get("Location")}
	}
	return &RefusedError{Status: resp.StatusCode, Text: said.Error, Next: said.Next}
}
