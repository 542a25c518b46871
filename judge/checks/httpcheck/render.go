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
	"text/template"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// probe is a check with its templates rendered.
type probe struct {
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
}

// render fills in a check's templates and says what is wrong with the result.
func render(h checks.HTTP, t checks.Target) (probe, error) {
	p := probe{method: http.MethodGet, status: h.Status, within: h.Within, headers: map[string]string{}, hops: h.Redirects}
	text, err := fill("url", h.URL, t)
	if err != nil {
		return p, err
	}
	if p.url, err = parseURL(text); err != nil {
		return p, err
	}
	method, err := fill("method", h.Method, t)
	if err != nil {
		return p, err
	}
	if method != "" {
		p.method = strings.ToUpper(method)
	}
	p.name = shorten(line(p.method+" "+path(p.url)), 100)
	for key, value := range h.Headers {
		if p.headers[key], err = fill("header "+key, value, t); err != nil {
			return p, err
		}
		if !headerName.MatchString(key) || strings.ContainsAny(p.headers[key], "\r\n\x00") {
			return p, fmt.Errorf("its header %q cannot be sent; look for spaces in the name and line breaks in the value", key)
		}
	}
	if p.body, err = fill("body", h.Body, t); err != nil {
		return p, err
	}
	if err := p.form(h, t); err != nil {
		return p, err
	}
	for _, text := range h.Assert {
		a, err := checks.CompileAssertion(text)
		if err != nil {
			return p, fmt.Errorf("its assertion %s: %w", shorten(line(text), 80), err)
		}
		p.asserts = append(p.asserts, a)
	}
	if len(p.status) == 0 {
		p.status = []int{http.StatusOK}
	}
	if i := slices.IndexFunc(p.status, func(s int) bool { return s < 100 || s > 599 }); i >= 0 {
		return p, fmt.Errorf("it wants the status %d, and there is none; statuses are 100 to 599", p.status[i])
	}
	if h.JSON != nil {
		p.hasJSON = true
		if p.json, err = fillJSON(h.JSON, t); err != nil {
			return p, err
		}
	}
	return p, nil
}

// form makes a body of form fields.
func (p *probe) form(h checks.HTTP, t checks.Target) error {
	if len(h.Form) == 0 {
		return nil
	}
	fields := url.Values{}
	for name, text := range h.Form {
		v, err := fill("form field "+name, text, t)
		if err != nil {
			return err
		}
		fields.Set(name, v)
	}
	p.body = fields.Encode()
	for name := range p.headers {
		if strings.EqualFold(name, "Content-Type") {
			return nil
		}
	}
	p.headers["Content-Type"] = "application/x-www-form-urlencoded"
	return nil
}

var headerName = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

// fill renders one template. A name that the target does not have is an error.
func fill(name, text string, t checks.Target) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	tmpl, err := template.New(name).Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("its %s is no template: %w", name, err)
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, t); err != nil {
		return "", fmt.Errorf("its %s cannot be filled in: %w", name, err)
	}
	return b.String(), nil
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
		return shorten(path(u), 40)
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
	return fillStrings(v, t)
}

func fillStrings(v any, t checks.Target) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		return fill("json", v, t)
	case []any:
		for i := range v {
			if v[i], err = fillStrings(v[i], t); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], err = fillStrings(v[key], t); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
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
