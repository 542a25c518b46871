package webhooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
)

// streamTime is how long a stream of changes lasts; browsers then open another.
const streamTime = 10 * time.Minute

// events is GET /r/{id}/events: server-sent events that tell when a rollout's page has
// changed.
func (s *Server) events(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	return s.stream(c, func(ctx context.Context) (state string, over bool, err error) {
		now, err := s.cfg.Journal.Get(ctx, sum.Rollout.ID)
		if err != nil {
			return "", false, err
		}
		decided, err := s.cfg.Journal.Overrides(ctx, sum.Rollout.ID)
		return s.stateOf(now, len(decided)), !live(now), err
	})
}

// isStream reports whether a route is one of them.
func isStream(route string) bool {
	return route == pathChanges || strings.HasSuffix(route, "/events") && (within(route, pathReport) || within(route, pathService))
}

// stream tells when a state has changed, until what it is of is over. It says nothing of
// how: the page is asked for again.
func (s *Server) stream(c echo.Context, look func(context.Context) (state string, over bool, err error)) error {
	if !s.streams.enter() {
		return &HTTPError{Code: http.StatusServiceUnavailable, Public: "too many pages are kept up to date already", Next: "load the page again by hand", RetryAfter: time.Minute}
	}
	defer s.streams.leave()
	ctx, cancel := context.WithTimeout(c.Request().Context(), streamTime)
	defer cancel()
	last, _, err := look(ctx)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy would keep events back
	control := http.NewResponseController(c.Response())
	say := func(event string) error {
		if err := control.SetWriteDeadline(time.Now().Add(writeSlack)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.Response(), "event: %s\ndata: %s\n\n", event, last); err != nil {
			return err
		}
		return control.Flush()
	}
	// What changed before the stream was open has been missed.
	if err := say("changed"); err != nil {
		return nil // the reader has gone
	}
	for still := 0; ; still++ {
		select {
		case <-ctx.Done():
			return nil
		case <-s.stopping:
			return nil
		case <-s.after(streamPace):
		}
		now, over, err := look(ctx)
		if err != nil {
			return nil // the page says that it hears nothing
		}
		event := ""
		if now != last {
			last, event, still = now, "changed", 0
		} else if still%streamStill == streamStill-1 {
			event = "still"
		}
		if event == "" {
			continue
		}
		if err := say(event); err != nil || over {
			return nil // the reader has gone, or knows that nothing more will come
		}
	}
}

// The pace at which streams look into the journal, and how many times it may be unchanged
// before that is said.
const (
	streamPace  = 3 * time.Second
	streamStill = 5
)

// stateOf is what a rollout's stream watches.
func (s *Server) stateOf(sum journal.Summary, decided int) string {
	return fmt.Sprintf("%d %t %d %d %t", sum.Looks, live(sum), len(sum.Rollout.Weights), decided, s.stale(sum))
}

// stale reports whether a rollout's verdict is old, which a page says.
func (s *Server) stale(sum journal.Summary) bool {
	return live(sum) && sum.Last != nil && report.Stale(*sum.Last, s.now()) != ""
}

// listEvents is GET /events: the same for the list of rollouts, of those that the caller may
// know of.
func (s *Server) listEvents(c echo.Context) error {
	w := callerOf(c)
	return s.streamList(c, func(r rollout.Rollout) bool { return w.sees(r.Namespace) })
}

// serviceEvents is GET /s/{namespace}/{service}/events: the same for a service's page.
func (s *Server) serviceEvents(c echo.Context) error {
	namespace, service, err := readService(c)
	if err != nil {
		return err
	}
	return s.streamList(c, func(r rollout.Rollout) bool { return r.Namespace == namespace && r.Service == service })
}

// streamList tells of changes among the rollouts that are shown.
func (s *Server) streamList(c echo.Context, shown func(rollout.Rollout) bool) error {
	return s.stream(c, func(ctx context.Context) (state string, over bool, err error) {
		list, err := s.pulse.read(ctx, s.now(), s.cfg.Journal)
		if err != nil {
			return "", false, err
		}
		h := sha256.New()
		for _, sum := range list {
			if shown(sum.Rollout) {
				fmt.Fprintf(h, "%s %s\n", sum.Rollout.ID, s.stateOf(sum, 0))
			}
		}
		return hex.EncodeToString(h.Sum(nil)[:8]), false, nil
	})
}

// pulse is what the streams of lists watch. It is read once for all of them.
type pulse struct {
	mu   sync.Mutex
	at   time.Time
	list []journal.Summary
}

// How old it may be, and how many rollouts it has.
const (
	pulseAge  = 2 * time.Second
	pulseLive = 1000
	pulsePast = 50
)

// read returns the live rollouts, then the newest ones: whatever opens or ends changes one
// of the two.
func (r *pulse) read(ctx context.Context, now time.Time, j Reader) ([]journal.Summary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now.Sub(r.at); age >= 0 && age < pulseAge {
		return r.list, nil
	}
	live, err := j.List(ctx, journal.Filter{Live: true, Limit: pulseLive})
	if err != nil {
		return nil, err
	}
	past, err := j.List(ctx, journal.Filter{Limit: pulsePast})
	if err != nil {
		return nil, err
	}
	r.at, r.list = now, slices.Concat(live, past)
	return r.list, nil
}
