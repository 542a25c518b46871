// Package logcheck runs checks that count lines of logs.
//
// The lines are those of a Loki in the last minutes, selected by a LogQL query, or those
// of a text over HTTP that match a pattern. A check passes when there are at most as many
// as it allows. Where there is none, it also wants to see that there are lines at all: a
// query whose selector is misspelt finds no errors either. (A service that is silent by
// nature is declared quiet.)
//
// Redirects are not followed. The guard is asked with the resolved address at the dial,
// no proxy is used, and at most 4 MiB of an answer are read, decompressed. A Loki that
// does not answer breaks the check: the canary is not to blame. A text that does not come
// fails it.
package logcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

const (
	maxAnswer = 4 << 20 // bytes
	maxLines  = 1000    // that a check may allow
	sinceThen = 5 * time.Minute
)

// Config is what a [Runner] is made of.
type Config = checks.Reach

// Runner runs checks of logs. It may be used by many goroutines.
type Runner struct{ cfg Config }

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	return &Runner{cfg}
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) { return r.prepare(s.Logs, t) })
}

// probe is a check with its templates rendered.
type probe struct {
	runner  *Runner
	url     *url.URL // of a Loki or of a text
	headers map[string]string
	hidden  []string
	most    int
	quiet   bool

	query, selector string // LogQL; "" for a text
	since           time.Duration

	pattern *regexp.Regexp
}

func (r *Runner) prepare(c *checks.Logs, t checks.Target) (checks.Probe, error) {
	if c == nil {
		return checks.Probe{}, errors.New("it is not a check of logs")
	}
	if c.Max < 0 || c.Max > maxLines {
		return checks.Probe{}, fmt.Errorf("it allows %d lines; write a number from 0 to %d", c.Max, maxLines)
	}
	p := probe{runner: r, most: c.Max, quiet: c.Quiet, since: c.Since}
	var err error
	if p.headers, err = checks.FillAll("header", c.Headers, t); err != nil {
		return checks.Probe{}, err
	}
	if err := checks.SetHeaders(&http.Request{Header: http.Header{}}, p.headers); err != nil {
		return checks.Probe{}, err
	}
	p.hidden = checks.SecretsOf(p.headers)
	if c.Loki != "" {
		return p.loki(c, t)
	}
	text, err := checks.Fill("url", c.URL, t)
	if err != nil {
		return checks.Probe{}, err
	}
	if p.url, err = checks.ReadURL(text, "http", "https"); err != nil {
		return checks.Probe{}, err
	}
	if p.pattern, err = regexp.Compile(c.Pattern); err != nil || c.Pattern == "" {
		return checks.Probe{}, errors.New("its pattern is no regular expression, or there is none")
	}
	return checks.Probe{Name: "logs " + checks.Path(p.url), Within: c.Within, Try: p.readText}, nil
}

func (p probe) loki(c *checks.Logs, t checks.Target) (checks.Probe, error) {
	text, err := checks.Fill("loki", c.Loki, t)
	if err != nil {
		return checks.Probe{}, err
	}
	if p.url, err = checks.ReadURL(text, "http", "https"); err != nil {
		return checks.Probe{}, err
	}
	p.url = p.url.JoinPath("loki/api/v1/query_range")
	if p.query, err = checks.FillQuery("query", c.Query, t); err != nil {
		return checks.Probe{}, err
	}
	if p.selector = checks.LogSelector(p.query); p.selector == "" {
		return checks.Probe{}, errors.New(`its query does not begin with a selector; write for example {app="shop"} |= "error"`)
	}
	if p.since <= 0 {
		p.since = sinceThen
	}
	return checks.Probe{Name: "logs " + checks.Inert(p.query, 80, p.hidden), Within: c.Within, Try: p.askLoki}, nil
}

// counted says what the number of lines means. more says that there may be others; any
// reports whether there are lines at all, where none was counted.
func (p probe) counted(found lines, where string, any func() (bool, *checks.Attempt)) checks.Attempt {
	n := fmt.Sprintf("%d lines", found.n)
	if found.n == 1 {
		n = "1 line"
	}
	if found.more {
		n = "at least " + n
	}
	switch {
	case found.n > p.most:
		return checks.Failing("has %s%s, want at most %d; the last one is %s", n, where, p.most, checks.ExcerptWithout(found.last, 160, p.hidden))
	case found.more:
		return checks.Failing("has %s%s, and no more of it is read, so that it is not known whether there are more than %d", n, where, p.most)
	case found.n > 0:
		return checks.Attempt{Status: checks.Passed, Said: fmt.Sprintf("has %s%s, at most %d are allowed; the last one is %s", n, where, p.most, checks.ExcerptWithout(found.last, 160, p.hidden))}
	}
	seen := "declared quiet"
	if !p.quiet {
		there, no := any()
		if no != nil {
			return *no
		}
		if !there {
			return checks.Failing("has no lines at all%s, so that nothing is known; look for a typo, or write quiet: true where silence is usual", where)
		}
		seen = "there are others"
	}
	return checks.Attempt{Status: checks.Passed, Said: fmt.Sprintf("has no such lines%s (%s)", where, seen)}
}

// lines are what was counted.
type lines struct {
	n    int
	last string
	more bool // not all could be counted
}

// get asks for a URL and reads its answer. With ok, cut says that there was more of it.
func (p probe) get(ctx context.Context, u *url.URL) (body []byte, cut bool, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, false, 0, err
	}
	if err := checks.SetHeaders(req, p.headers); err != nil {
		return nil, false, 0, err
	}
	client := http.Client{
		Transport:     checks.NoUpgrade(p.runner.cfg.Guard.Transport(p.runner.cfg.Roots)),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, false, 0, bare(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if len(body) > maxAnswer {
		return body[:maxAnswer], true, resp.StatusCode, nil
	}
	return body, false, resp.StatusCode, err
}

// bare takes the URL out of an error.
func bare(err error) error {
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			return err
		}
		err = u.Err
	}
}

// readText counts lines of a text.
func (p probe) readText(ctx context.Context) checks.Attempt {
	body, cut, status, err := p.get(ctx, p.url)
	switch {
	case err != nil && status == 0:
		return checks.Unreached(err)
	case err != nil:
		return checks.Failing("answered %d, and its text broke off: %s", status, checks.Cause(err))
	case status != http.StatusOK:
		return checks.Failing("answered %d, want 200", status)
	}
	found, all := lines{more: cut}, 0
	for line := range strings.Lines(string(body)) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			all++
		}
		if p.pattern.MatchString(line) {
			found.n++
			found.last = line
		}
	}
	return p.counted(found, "", func() (bool, *checks.Attempt) { return all > 0, nil })
}
