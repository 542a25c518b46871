package publish

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// unreadError is that a server has read its files, and Serin's was not among them.
type unreadError struct{ dir string }

// Error says what to mend.
func (e *unreadError) Error() string {
	return "prometheus has read its files and does not have the rules that Serin wrote: add " + filepath.Join(e.dir, "*.yml") + " to rule_files"
}

// believed is how long it is taken for sure that a server which did not read Serin's
// files still does not, while it is configured as it was.
const believed = 10 * time.Minute

// unread remembers that a server does not read Serin's folder. To find that out takes
// two reloads, which are no small thing, so that it is not found out again for every
// rollout at every attempt, but when the server's configuration has changed.
type unread struct {
	mu    sync.Mutex
	err   error
	since time.Time
	as    [sha256.Size]byte // how the server was configured then
}

func (u *unread) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = nil
}

// remember keeps a refusal that is about the folder.
func (p *Prometheus) remember(ctx context.Context, err error) {
	var folder *unreadError
	if !errors.As(err, &folder) {
		return
	}
	as := p.configured(ctx)
	p.unread.mu.Lock()
	defer p.unread.mu.Unlock()
	p.unread.err, p.unread.since, p.unread.as = err, p.http.s.Now(), as
}

// still returns the refusal that is remembered, where trying again would end like it.
func (p *Prometheus) still(ctx context.Context) error {
	p.unread.mu.Lock()
	err, since, as := p.unread.err, p.unread.since, p.unread.as
	p.unread.mu.Unlock()
	if err == nil || p.http.s.Now().Sub(since) >= believed || p.configured(ctx) != as {
		return nil
	}
	return err
}

// configured is a digest of how the server is configured and when it was started. What
// has no such addresses, or does not answer, is always the same.
func (p *Prometheus) configured(ctx context.Context) [sha256.Size]byte {
	var all []byte
	for _, what := range []string{"config", "runtimeinfo"} {
		text, err := p.http.ask(ctx, question{method: http.MethodGet, path: []string{"api", "v1", "status", what}})
		if err == nil {
			all = append(all, fixed(what, text)...)
		}
	}
	return sha256.Sum256(all)
}

// fixed is the part of a status that tells one configuration from another.
func fixed(what string, text []byte) []byte {
	if what == "config" {
		return text
	}
	var answer struct {
		Data struct {
			StartTime string `json:"startTime"`
		} `json:"data"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return nil
	}
	return []byte(answer.Data.StartTime)
}
