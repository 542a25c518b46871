package httpjson

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ohler55/ojg/jp"

	"github.com/serin-canary/serin/queries/store"
)

// Config configures a [Source].
type Config struct {
	Name string `yaml:"-"` // the source's name in plans
	// URL is asked; its placeholders are filled in.
	URL string `yaml:"url"`
	// Points is a JSONPath to the points, each [time, value]: $.data[*].
	Points string `yaml:"points"`
	// Times is how times are written, in the URL and in the answer: s (default) or ms since
	// the Unix epoch, or rfc3339.
	Times string `yaml:"times"`
	// Bearer says where a token is: file:PATH or env:NAME.
	Bearer store.Secret `yaml:"bearer"`
	// Headers are sent with each request.
	Headers map[string]string `yaml:"headers"`
	// Timeout bounds one request (default 30 s).
	Timeout time.Duration `yaml:"timeout"`
	// Concurrency bounds the requests under way (default 8).
	Concurrency int `yaml:"concurrency"`

	// Guard refuses addresses that may not be dialled.
	Guard store.Guard `yaml:"-"`
}

// The ways of writing times.
const (
	seconds = "s"
	millis  = "ms"
	rfc3339 = "rfc3339"
)

// Check returns everything that is wrong, by the field's name. It quotes nothing that
// may be a secret.
func (c Config) Check() map[string]error {
	out := map[string]error{}
	if _, err := parseTemplate(c.URL); err != nil {
		out["url"] = err
	}
	if c.Points == "" {
		out["points"] = errors.New("is missing; write a JSONPath to the points, each [time, value], for example $.data[*]")
	} else if _, err := jp.ParseString(c.Points); err != nil {
		out["points"] = fmt.Errorf("%q is no JSONPath: %w", c.Points, err)
	}
	switch c.Times {
	case "", seconds, millis, rfc3339:
	default:
		out["times"] = fmt.Errorf("%q is none of s, ms and rfc3339", c.Times)
	}
	if c.Bearer != "" {
		if err := c.Bearer.Check(); err != nil {
			out["bearer"] = err
		}
	}
	for name, value := range c.Headers {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Cookie", "Proxy-Authorization":
			out["headers"] = fmt.Errorf("the value of %s is a credential and does not belong here; name where it is, as bearer", name)
		case "Host", "Content-Length", "Transfer-Encoding", "":
			out["headers"] = fmt.Errorf("header %q cannot be set here", name)
		}
		if strings.ContainsAny(name, "\r\n\x00: ") || strings.ContainsAny(value, "\r\n\x00") {
			out["headers"] = fmt.Errorf("header %q cannot be sent", name)
		}
	}
	if c.Timeout < 0 {
		out["timeout"] = errors.New("cannot be negative")
	}
	if c.Concurrency < 0 {
		out["concurrency"] = errors.New("cannot be negative")
	}
	return out
}

// template is a URL cut into text and placeholders.
type template struct {
	pieces []piece
	labels bool // it has {labels}
}

// piece is literal text, or a placeholder in the path or in the query.
type piece struct {
	text, holder string
	query        bool
}

// parseTemplate reads a URL with placeholders. Scheme and host have none, and it names
// what is asked for and which times.
func parseTemplate(text string) (template, error) {
	var t template
	have := map[string]bool{}
	plain, rest, query := "", text, false
	for rest != "" {
		before, after, open := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return template{}, errors.New("has a } without a {")
		}
		query = query || strings.Contains(before, "?")
		t.pieces = append(t.pieces, piece{text: before})
		plain += before
		if !open {
			break
		}
		holder, next, closed := strings.Cut(after, "}")
		if !closed || holder == "" || strings.ContainsAny(holder, "{/?&") {
			return template{}, errors.New("has a placeholder that is not closed; write {name}")
		}
		if strings.Count(plain, "/") < 3 {
			return template{}, errors.New("has a placeholder in its host; placeholders stand in the path and after the ?")
		}
		t.pieces = append(t.pieces, piece{holder: holder, query: query})
		have[holder] = true
		plain += "x"
		rest = next
	}
	t.labels = have["labels"]
	u, err := url.Parse(plain)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return template{}, errors.New("is no URL; write for example https://metrics.example.com/series/{name}?from={from}&to={to}&step={step}&{labels}")
	case u.User != nil:
		return template{}, errors.New("has a user or password in it, which would be logged; name a token as bearer")
	case u.Fragment != "":
		return template{}, errors.New("has a fragment, which is never sent")
	case !have["name"] || !have["from"] || !have["to"]:
		return template{}, errors.New("does not have {name}, {from} and {to}: every question would be answered alike")
	}
	return t, nil
}
