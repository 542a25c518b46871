package webhooks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	pingTime = 2 * time.Second // for all parts together
	pingKeep = time.Second     // how long an answer stands, since anybody may ask
)

// healthz is GET /healthz: the process answers.
func (s *Server) healthz(c echo.Context) error {
	return writeJSON(c, http.StatusOK, map[string]bool{"ok": true})
}

// part is how one part of the server stands.
type part struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Why  string `json:"why"` // empty where it is well
	// Beside says that no verdict needs it: the server is ready without it.
	Beside bool `json:"beside,omitempty"`
}

// readyBody is the answer of GET /readyz.
type readyBody struct {
	OK    bool   `json:"ok"`
	Parts []part `json:"parts"`
}

// readyz is GET /readyz: every part that verdicts need is reachable.
func (s *Server) readyz(c echo.Context) error {
	body := s.ready.look(context.WithoutCancel(c.Request().Context()))
	if s.draining() {
		body.OK = false
		body.Parts = append(body.Parts[:len(body.Parts):len(body.Parts)], part{Name: "server", Why: "it is stopping"})
	}
	code := http.StatusOK
	if !body.OK {
		code = http.StatusServiceUnavailable
	}
	return writeJSON(c, code, body)
}

// readiness asks the parts, all at once, and not more often than callers could
// make it: an answer stands for a second.
type readiness struct {
	now   func() time.Time
	parts []*pinged // by name

	mu   sync.Mutex
	at   time.Time
	last readyBody
}

// pinged is a part that is asked. One that does not answer is not asked again
// until it has: its requests would pile up.
type pinged struct {
	name string
	ping Pinger
	busy chan struct{} // holds one token while it is asked
	// beside says that the server is ready without it.
	beside bool
}

func newReadiness(needed, beside map[string]Pinger, now func() time.Time) *readiness {
	r := &readiness{now: now}
	for _, parts := range []map[string]Pinger{needed, beside} {
		for _, name := range slices.Sorted(maps.Keys(parts)) {
			r.parts = append(r.parts, &pinged{name: name, ping: parts[name], busy: make(chan struct{}, 1)})
		}
	}
	for _, p := range r.parts[len(needed):] {
		p.beside = true
	}
	return r
}

// look asks every part, or returns the answer of a moment ago.
func (r *readiness) look(ctx context.Context) readyBody {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); r.last.Parts != nil && now.Sub(r.at) < pingKeep && !now.Before(r.at) {
		return r.last
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	answers := make([]<-chan error, len(r.parts))
	for i, p := range r.parts {
		answers[i] = p.ask(ctx)
	}
	body := readyBody{OK: true, Parts: []part{}}
	for i, p := range r.parts {
		line := part{Name: p.name, OK: true, Beside: p.beside}
		select {
		case err := <-answers[i]:
			line.OK, line.Why = err == nil, whyNot(err)
		case <-ctx.Done():
			// What answered in time may be ready as well as the end of the time.
			select {
			case err := <-answers[i]:
				line.OK, line.Why = err == nil, whyNot(err)
			default:
				line.OK, line.Why = false, "no answer within "+pingTime.String()
			}
		}
		body.OK = body.OK && (line.OK || p.beside)
		body.Parts = append(body.Parts, line)
	}
	r.last, r.at = body, r.now()
	return body
}

// ask asks one part. The answer comes once, or never.
func (p *pinged) ask(ctx context.Context) <-chan error {
	answer := make(chan error, 1)
	select {
	case p.busy <- struct{}{}:
	default:
		answer <- errors.New("it has not yet answered the last time it was asked")
		return answer
	}
	go func() {
		defer func() {
			if r := recover(); r != nil {
				answer <- fmt.Errorf("it panicked: %v", r)
			}
			<-p.busy
		}()
		answer <- p.ping.Ping(ctx)
	}()
	return answer
}

// whyNot writes an error for strangers.
func whyNot(err error) string {
	if err == nil {
		return ""
	}
	return oneLine(redact(err.Error()), 300)
}
