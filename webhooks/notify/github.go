package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/queries/store"
)

// DefaultGitHub is where GitHub's API is.
const DefaultGitHub = "https://api.github.com"

// The bounds of GitHub's texts, in characters.
const (
	gitDescription = 140
	gitComment     = 60_000 // GitHub takes 65,536
)

// GitHub says how a rollout goes at its commit: a commit status, and a comment of the pull
// request that the commit came by.
type GitHub struct {
	// Token is where a token is that may write commit statuses and pull requests of the
	// repositories.
	Token store.Secret `yaml:"token"`
	// Repository is OWNER/NAME, a template over a [Notice]: shop/{{.Service}}.
	Repository string `yaml:"repository"`
	// Commit is a SHA, a tag or a branch, a template over a [Notice] (default
	// {{.Revision}}).
	Commit string `yaml:"commit"`
	// Context names the status (default serin/NAMESPACE/SERVICE), a template.
	Context string `yaml:"context"`
	// Status and Comment may be switched off; both are on by default.
	Status  *bool `yaml:"status"`
	Comment *bool `yaml:"comment"`
	// API is where the API is (default [DefaultGitHub]); on an own server like
	// https://github.example.com/api/v3.
	API string `yaml:"api"`
}

func (g *GitHub) check(at string, fault Fault) {
	if err := g.Token.Check(); err != nil {
		fault(at+".token", "%s", err)
	}
	if g.Repository == "" {
		fault(at+".repository", "name the repository, OWNER/NAME; {{.Service}} may be part of it")
	}
	for _, l := range []struct{ field, text string }{{"repository", g.Repository}, {"commit", g.Commit}, {"context", g.Context}} {
		if l.text == "" {
			continue
		}
		if _, err := readLine(l.text); err != nil {
			fault(at+"."+l.field, "%s", err)
		}
	}
	if g.Status != nil && !*g.Status && g.Comment != nil && !*g.Comment {
		fault(at, "with neither a status nor a comment nothing is told; take one of the two away")
	}
	if g.API != "" {
		if err := checkURL(g.API); err != nil {
			fault(at+".api", "%s", err)
		}
	}
}

func (g *GitHub) open(o opening) (channel, error) {
	h := gitHub{GitHub: *g, caller: caller{o.c.Client, o.c.Now}}
	for _, l := range []struct {
		into           **template.Template
		text, fallback string
	}{{&h.repository, g.Repository, ""}, {&h.commit, g.Commit, "{{.Revision}}"}, {&h.context, g.Context, "serin{{with .Namespace}}/{{.}}{{end}}/{{.Service}}"}} {
		text := l.text
		if text == "" {
			text = l.fallback
		}
		var err error
		if *l.into, err = readLine(text); err != nil {
			return nil, err
		}
	}
	if h.API == "" {
		h.API = DefaultGitHub
	}
	h.API = strings.TrimRight(h.API, "/")
	_, err := g.Token.Read()
	return h, err
}

type gitHub struct {
	GitHub
	caller
	repository, commit, context *template.Template
}

func (g gitHub) host() string { return hostOf(g.API) }

var (
	gitRepository = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z-]{0,99}/[0-9A-Za-z._-]{0,99}[0-9A-Za-z_-]$`)
	gitSHA        = regexp.MustCompile(`^[0-9a-f]{40}$`)
	gitRef        = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._/-]{0,199}$`)
)

// tell implements channel.
func (g gitHub) tell(ctx context.Context, m *message) error {
	if m.entry.handle("sha") == "" && !m.wanted() {
		return nil
	}
	repository, err := write(g.repository, m.Notice)
	if err != nil || !gitRepository.MatchString(repository) {
		return fmt.Errorf("%.100q is no repository, OWNER/NAME: %w", repository, outbox.ErrPermanent)
	}
	sha, err := g.sha(ctx, m, repository)
	if err != nil {
		return err
	}
	if g.Status == nil || *g.Status {
		if err := g.state(ctx, m, "/repos/"+repository+"/statuses/"+sha); err != nil {
			return err
		}
	}
	if g.Comment == nil || *g.Comment {
		return g.comment(ctx, m, repository, sha)
	}
	return nil
}

// sha returns the commit: what the template makes, or what GitHub resolves it to.
func (g gitHub) sha(ctx context.Context, m *message, repository string) (string, error) {
	if sha := m.entry.handle("sha"); sha != "" {
		return sha, nil
	}
	ref, err := write(g.commit, m.Notice)
	if err != nil || !gitRef.MatchString(ref) || strings.Contains(ref, "..") {
		return "", fmt.Errorf("%.100q is no commit, tag or branch; say with commit: what is: %w", ref, outbox.ErrPermanent)
	}
	if !gitSHA.MatchString(ref) {
		var found struct {
			SHA string `json:"sha"`
		}
		switch code, err := g.ask(ctx, http.MethodGet, "/repos/"+repository+"/commits/"+url.PathEscape(ref), nil, &found); {
		case code == http.StatusUnprocessableEntity, code == http.StatusNotFound:
			return "", refused(fmt.Errorf("%s has no commit %.100q, or the token may not see it", repository, ref))
		case err != nil:
			return "", err
		case !gitSHA.MatchString(found.SHA):
			return "", refused(fmt.Errorf("%s answered no commit for %.100q", g.host(), ref))
		}
		ref = found.SHA
	}
	m.entry.set("sha", ref)
	return ref, m.note(ctx)
}

type gitStatus struct {
	State       string `json:"state"`
	Target      string `json:"target_url,omitempty"`
	Description string `json:"description"`
	Context     string `json:"context"`
}

// state sets the commit status. GitHub shows the newest of a context, and takes 1,000 at
// most, so that it is set where the state changes, and not for a number.
func (g gitHub) state(ctx context.Context, m *message, path string) error {
	name, err := write(g.context, m.Notice)
	if err != nil {
		return fmt.Errorf("the status has no name: %w", outbox.ErrPermanent)
	}
	s := gitStatus{State: gitState(m.Notice), Target: m.Report, Context: fit(oneLine(name), 100, asIs)}
	s.Description = fit(oneLine(gitWatched(m.Notice)+m.brief()), gitDescription, asIs)
	told := digest([]any{s.State, s.Context, m.Headline, m.Over, m.Page != ""})
	was := m.entry.handle("status")
	if was == told {
		return nil
	}
	return m.change(ctx, func(e *entry) { e.set("status", unknown) }, func() error {
		if _, err := g.ask(ctx, http.MethodPost, path, s, nil); err != nil {
			return err
		}
		if was == "" {
			m.sent++
		} else {
			m.updated++
		}
		m.entry.set("status", told)
		return nil
	})
}

// unknown stands where what a service shows is not known.
const unknown = "unknown"

// gitWatched says what a status is that nothing follows from.
func gitWatched(n Notice) string {
	switch {
	case n.Shadow && n.Outcome == judge.Rollback.String():
		return "only watched, would roll back: "
	case n.Shadow:
		return "only watched: "
	}
	return ""
}

// gitState is a rollout as GitHub has words for: pending, success, failure, error.
func gitState(n Notice) string {
	switch {
	case n.Shadow && n.Final:
		return "success" // nothing follows from it; gitWatched says what it is
	case n.Final && n.Outcome == judge.Promote.String():
		return "success"
	case n.Outcome == judge.Rollback.String():
		return "failure"
	case n.Outcome == judge.Inconclusive.String(), n.Over:
		return "error"
	}
	return "pending"
}

// comment brings the pull request's comment up to date. A commit without one has none.
func (g gitHub) comment(ctx context.Context, m *message, repository, sha string) error {
	number := m.entry.handle("pull")
	if number == "" {
		var pulls []struct {
			Number int    `json:"number"`
			Merged string `json:"merged_at"`
			State  string `json:"state"`
		}
		if _, err := g.ask(ctx, http.MethodGet, "/repos/"+repository+"/commits/"+sha+"/pulls", nil, &pulls); err != nil {
			return err
		}
		number = "none"
		for _, p := range pulls {
			if p.Number > 0 && (number == "none" || p.State == "open" || p.Merged != "") {
				number = strconv.Itoa(p.Number)
				if p.State == "open" || p.Merged != "" {
					break
				}
			}
		}
		m.entry.set("pull", number)
		if err := m.note(ctx); err != nil {
			return err
		}
	}
	if number == "none" {
		return nil
	}
	body := gitBody(m)
	if m.entry.Told == digest(body) {
		return nil
	}
	if m.entry.handle("comment") == "" {
		if err := g.begin(ctx, m, "/repos/"+repository+"/issues/"+number+"/comments", body); err != nil || m.entry.Told == digest(body) {
			return err
		}
	}
	return m.change(ctx, untold, func() error {
		code, err := g.ask(ctx, http.MethodPatch, "/repos/"+repository+"/issues/comments/"+m.entry.handle("comment"), map[string]string{"body": body}, nil)
		if code == http.StatusNotFound || code == http.StatusGone {
			return fmt.Errorf("somebody took the comment away, and there is not another one: %w", outbox.ErrMoot)
		}
		if err != nil {
			return err
		}
		m.updated++
		m.entry.Told = digest(body)
		return nil
	})
}

// begin writes the comment, or finds the one that is there by its hidden mark.
func (g gitHub) begin(ctx context.Context, m *message, path, body string) error {
	find := func(ctx context.Context, _ time.Time) (bool, error) {
		id, err := g.find(ctx, path, gitMark(m))
		if id != "" {
			m.entry.set("comment", id)
		}
		return id != "", err
	}
	return m.once(ctx, find, func() error {
		var made struct {
			ID int64 `json:"id"`
		}
		if _, err := g.ask(ctx, http.MethodPost, path, map[string]string{"body": body}, &made); err != nil {
			return err
		}
		m.entry.set("comment", strconv.FormatInt(made.ID, 10))
		m.entry.Told = digest(body)
		return nil
	})
}

// find looks for a comment that begins with the mark.
func (g gitHub) find(ctx context.Context, path, mark string) (string, error) {
	const pages, each = 10, 100
	for page := 1; page <= pages; page++ {
		var all []struct {
			ID   int64  `json:"id"`
			Body string `json:"body"`
		}
		if _, err := g.ask(ctx, http.MethodGet, fmt.Sprintf("%s?per_page=%d&page=%d", path, each, page), nil, &all); err != nil {
			return "", err
		}
		for _, c := range all {
			if strings.HasPrefix(c.Body, mark) {
				return strconv.FormatInt(c.ID, 10), nil
			}
		}
		if len(all) < each {
			break
		}
	}
	return "", nil
}

// ask calls the API. It returns the status where there was an answer.
func (g gitHub) ask(ctx context.Context, method, path string, body, into any) (int, error) {
	token, err := g.Token.Read()
	if err != nil {
		return 0, refused(err)
	}
	k := call{method: method, url: g.API + path, secrets: []string{token}, header: http.Header{}}
	if body != nil {
		if k.body, err = encode(body); err != nil {
			return 0, err
		}
		k.header.Set("Content-Type", "application/json")
	}
	k.header.Set("Authorization", "Bearer "+token)
	k.header.Set("Accept", "application/vnd.github+json")
	k.header.Set("X-GitHub-Api-Version", "2022-11-28")
	a, err := g.do(ctx, k)
	if err != nil {
		return 0, err
	}
	if wait := g.limit(a); wait > 0 {
		return a.code, limited(fmt.Errorf("%s answered %d: its limit on calls is reached", a.host, a.code), wait)
	}
	if err := g.judged(a, token); err != nil {
		return a.code, err
	}
	if into != nil && json.Unmarshal(a.body, into) != nil {
		return a.code, unsureError{errors.New(a.host + " answered what cannot be read")}
	}
	return a.code, nil
}

// limit is how long GitHub asks to wait where its limit on calls is used up, which it says
// by 403 or 429.
func (g gitHub) limit(a answer) time.Duration {
	if a.code != http.StatusForbidden && a.code != http.StatusTooManyRequests {
		return 0
	}
	if after, err := strconv.Atoi(a.header.Get("Retry-After")); err == nil {
		return time.Duration(max(after, 1)) * time.Second
	}
	at, err := strconv.ParseInt(a.header.Get("X-RateLimit-Reset"), 10, 64)
	if a.header.Get("X-RateLimit-Remaining") != "0" || err != nil {
		return 0
	}
	return max(time.Unix(at, 0).Sub(g.now()), time.Second)
}

// probe implements channel.
func (g gitHub) probe(ctx context.Context) (string, error) {
	var limit struct {
		Rate struct {
			Limit, Remaining int
		} `json:"rate"`
	}
	if _, err := g.ask(ctx, http.MethodGet, "/rate_limit", nil, &limit); err != nil {
		return "", err
	}
	text := fmt.Sprintf("the token is known, %d of %d calls are left (rate_limit)", limit.Rate.Remaining, limit.Rate.Limit)
	if strings.Contains(g.Repository, "{{") {
		return text, nil
	}
	repository := g.Repository
	if _, err := g.ask(ctx, http.MethodGet, "/repos/"+repository, nil, nil); err != nil {
		return "", fmt.Errorf("the repository %s: %w", repository, err)
	}
	return text + ", and " + repository + " can be read", nil
}
