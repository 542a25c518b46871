package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Server is how a place is reached over HTTP.
type Server struct {
	// URL is the server's, without credentials.
	URL string
	// Authorize adds what proves the caller to a request; nil adds nothing.
	Authorize func(*http.Request) error
	// Headers are sent with every request, such as X-Scope-OrgID.
	Headers map[string]string
	Client  *http.Client
	// Now is for Retry-After with a date; default time.Now.
	Now func() time.Time
}

// client speaks to one server.
type client struct {
	s    Server
	base *url.URL
	name string // for people
}

func newClient(name string, s Server) (*client, error) {
	base, err := url.Parse(strings.TrimRight(s.URL, "/"))
	switch {
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("publish: the URL of %s is none; write it like https://%s.example.com", name, name)
	case base.User != nil:
		return nil, fmt.Errorf("publish: the URL of %s has credentials in it; name files with them instead", name)
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("publish: the URL of %s has more than a path; leave out what follows ? or #", name)
	case s.Client == nil:
		return nil, errors.New("publish: there is no HTTP client")
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return &client{s: s, base: base, name: name}, nil
}

// question is one request.
type question struct {
	method string
	path   []string // segments, unescaped
	query  url.Values
	body   []byte
	kind   string // the body's media type
}

// statusError is an answer that is none of success.
type statusError struct {
	code int
	text string
}

// Error returns what was said.
func (e *statusError) Error() string { return e.text }

func isStatus(err error, code int) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == code
}

// Bounds on answers.
const (
	maxAnswer    = 32 << 20 // bytes
	longestQuote = 400      // bytes of an answer in an error
	longestPause = time.Hour
)

// ask sends a question and returns the answer's body.
func (c *client) ask(ctx context.Context, q question) ([]byte, error) {
	escaped := make([]string, len(q.path))
	for i, p := range q.path {
		escaped[i] = url.PathEscape(p)
	}
	target := strings.TrimRight(c.base.String(), "/") + "/" + strings.Join(escaped, "/")
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, target, bytes.NewReader(q.body))
	if err != nil {
		return nil, &Error{Err: fmt.Errorf("%s: the request cannot be written", c.name), Permanent: true}
	}
	if q.kind != "" {
		r.Header.Set("Content-Type", q.kind)
	}
	r.Header.Set("User-Agent", "serin")
	for k, v := range c.s.Headers {
		r.Header.Set(k, v)
	}
	before := r.Header.Clone()
	if c.s.Authorize != nil {
		if err := c.s.Authorize(r); err != nil {
			return nil, &Error{Err: fmt.Errorf("%s: its credentials cannot be read: %w", c.name, err)}
		}
	}
	hide := secrets(before, r)
	a, err := c.s.Client.Do(r)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // its own text has the whole URL
		}
		return nil, &Error{Err: fmt.Errorf("%s at %s gave no answer: %w", c.name, c.base.Host, err)}
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer))
	if err != nil {
		return nil, &Error{Err: fmt.Errorf("%s at %s: the answer broke off: %w", c.name, c.base.Host, err)}
	}
	switch {
	case a.StatusCode < 200 || a.StatusCode >= 300:
		return nil, c.refused(a, q, said(text, hide))
	case page(a, text):
		// Something in front of it wants a login. Nothing was published.
		return nil, &Error{Err: fmt.Errorf("%s answered %s /%s with a page for people, probably to log in; check the URL and the credentials", c.name, q.method, strings.Join(q.path, "/"))}
	}
	return text, nil
}

// page reports whether an answer is HTML, which none of the APIs here speaks.
func page(a *http.Response, text []byte) bool {
	return strings.Contains(a.Header.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.TrimSpace(text), []byte("<"))
}

// secrets lists what proves the caller in a request: the headers that it has more than
// before, whole and in their parts.
func secrets(before http.Header, r *http.Request) []string {
	var out []string
	for name, values := range r.Header {
		if _, known := before[name]; known {
			continue
		}
		for _, v := range values {
			out = append(out, v)
			out = append(out, strings.Fields(v)...)
		}
	}
	if _, password, ok := r.BasicAuth(); ok {
		out = append(out, password)
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return slices.DeleteFunc(out, func(v string) bool { return v == "" || v == "Bearer" || v == "Basic" })
}

// said shortens an answer to a line in which nothing is repeated that proves the caller.
func said(body []byte, hide []string) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " ")
	for _, secret := range hide {
		text = strings.ReplaceAll(text, secret, "[hidden]")
	}
	if len(text) > longestQuote {
		text = strings.ToValidUTF8(text[:longestQuote], "") + "…"
	}
	return text
}

// refused says what an answer means, and whether trying again helps.
func (c *client) refused(a *http.Response, q question, text string) error {
	if text != "" {
		text = ": " + text
	}
	e := &Error{Err: &statusError{a.StatusCode, fmt.Sprintf("%s answered %s /%s with %d%s%s", c.name, q.method, strings.Join(q.path, "/"), a.StatusCode, text, next(a.StatusCode))}}
	switch code := a.StatusCode; {
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		e.After = c.pause(a.Header.Get("Retry-After"))
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusRequestTimeout, code == http.StatusConflict:
		// Credentials may be on their way, and who was faster is done.
	case code >= 400 && code < 500:
		e.Permanent = true
	}
	return e
}

// next says what to do about a status, where the answer alone does not.
func next(code int) string {
	switch {
	case code == http.StatusUnauthorized:
		return "; the credentials are missing, wrong or expired"
	case code == http.StatusForbidden:
		return "; the credentials lack a right"
	case code >= 300 && code < 400:
		return "; it sends elsewhere, perhaps to log in: give the URL that it sends to, or credentials"
	}
	return ""
}

// pause reads Retry-After. What cannot be read is 0.
func (c *client) pause(text string) time.Duration {
	seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	if err == nil {
		return min(time.Duration(seconds)*time.Second, longestPause)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(c.s.Now()), 0), longestPause)
}
