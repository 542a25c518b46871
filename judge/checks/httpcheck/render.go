package httpcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// Request is a check with its templates rendered. It may be sent more than once.
type Request struct {
	runner  *Runner
	name    string // what sentences call it: GET /health
	method  string
	url     *url.URL
	headers map[string]string
	body    string
	status  []int
	json    any // numbers are json.Number
	hasJSON bool
	asserts []*checks.Assertion
	hops    *int // redirects that are followed at most; nil: maxRedirects
	within  time.Duration
	hidden  []string // credentials that are sent, which a server may echo
	veil    *checks.Veil
}

// Name is what sentences call it: GET /health.
func (q *Request) Name() string { return q.name }

// Limit is the longest time that it may take.
func (q *Request) Limit() time.Duration {
	if q.within > 0 {
		return q.within
	}
	return q.runner.cfg.Clock.Timeout
}

// Prepare fills in a check's templates and says what is wrong with the result.
func (r *Runner) Prepare(h checks.HTTP, t checks.Target) (*Request, error) {
	q := &Request{runner: r, method: http.MethodGet, status: h.Status, within: h.Within, hops: h.Redirects, veil: t.Veil()}
	text, err := checks.Fill("url", h.URL, t)
	if err != nil {
		return nil, err
	}
	if q.url, err = parseURL(text); err != nil {
		return nil, err
	}
	method, err := checks.Fill("method", h.Method, t)
	if err != nil {
		return nil, err
	}
	if method != "" {
		q.method = strings.ToUpper(method)
	}
	q.name = q.veil.Hide(checks.Line(q.method+" "+path(q.url), 100))
	if q.headers, err = checks.FillAll("header", h.Headers, t); err != nil {
		return nil, err
	}
	for key, value := range q.headers {
		if !checks.HeaderName(key) || strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("its header %q cannot be sent; look for spaces in the name and line breaks in the value", key)
		}
	}
	if err := q.content(h, t); err != nil {
		return nil, err
	}
	if q.asserts, err = checks.OfHTTP.CompileAll(h.Assert); err != nil {
		return nil, err
	}
	q.hide()
	if err := q.wanted(h, t); err != nil {
		return nil, err
	}
	return q, nil
}

// wanted fills in what the answer must be.
func (q *Request) wanted(h checks.HTTP, t checks.Target) (err error) {
	if len(q.status) == 0 {
		q.status = []int{http.StatusOK}
	}
	if i := slices.IndexFunc(q.status, func(s int) bool { return s < 100 || s > 599 }); i >= 0 {
		return fmt.Errorf("it wants the status %d, and there is none; statuses are 100 to 599", q.status[i])
	}
	if h.JSON != nil {
		q.hasJSON = true
		q.json, err = fillJSON(h.JSON, t)
	}
	return err
}

// shortestLearnt is the length from which what is sent under a credential's name is
// hidden in every sentence, and not in excerpts of the answer alone: a shorter one may be
// a word that sentences use.
const shortestLearnt = 8

// schemes are words before a credential, which are none themselves.
var schemes = regexp.MustCompile(`(?i)^(bearer|basic|token|digest|apikey) `)

// hide notes the credentials that are sent.
func (q *Request) hide() {
	q.hidden = checks.SecretsOf(q.headers)
	if password, ok := q.url.User.Password(); ok {
		q.hidden = append(q.hidden, password)
	}
	if fields, err := url.ParseQuery(q.body); err == nil {
		for name, values := range fields {
			for _, v := range values {
				q.hidden = append(q.hidden, checks.SecretsOf(map[string]string{name: v})...)
			}
		}
	}
	if q.veil == nil {
		return
	}
	for _, v := range q.hidden {
		if len(v) >= shortestLearnt && !schemes.MatchString(v) { // what follows a scheme is hidden by itself
			q.veil.Learn(v)
		}
	}
}

// content makes the body: text, or form fields.
func (q *Request) content(h checks.HTTP, t checks.Target) (err error) {
	if len(h.Form) == 0 {
		q.body, err = checks.Fill("body", h.Body, t)
		return err
	}
	filled, err := checks.FillAll("form field", h.Form, t)
	if err != nil {
		return err
	}
	fields := url.Values{}
	for name, v := range filled {
		fields.Set(name, v)
	}
	q.body = fields.Encode()
	for name := range q.headers {
		if strings.EqualFold(name, "Content-Type") {
			return nil
		}
	}
	q.headers["Content-Type"] = "application/x-www-form-urlencoded"
	return nil
}

// parseURL reads a URL. Its errors do not quote it, since it may hold a password.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("its URL cannot be read; look for spaces, a wrong port and characters that are not escaped")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("its URL must start with http:// or https:// and a host, and starts with %q; is the arm's URL known?", start(u))
	}
	return u, nil
}

// start returns the harmless beginning of a URL.
func start(u *url.URL) string {
	if u.Scheme == "" {
		return checks.Line(path(u), 40)
	}
	return u.Scheme + ":"
}

// path names a URL in sentences, without its user, its query and its fragment.
func path(u *url.URL) string {
	p := u.EscapedPath()
	if p == "" && u.Host != "" {
		p = "/"
	}
	if u.RawQuery != "" {
		p += "?…"
	}
	return p
}

// fillJSON brings what is wanted into the form in which answers are read, and
// renders the strings in it.
func fillJSON(v any, t checks.Target) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("the JSON that it wants cannot be written: %w", err)
	}
	v, err = readJSON(b)
	if err != nil {
		return nil, fmt.Errorf("the JSON that it wants cannot be read: %w", err)
	}
	return checks.FillDocument("json", v, t)
}

// readJSON reads one document with its numbers as they are written.
func readJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return v, nil
}
