package webhooks

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal"
)

// streamTime is how long a stream of changes lasts; browsers then open another.
const streamTime = 10 * time.Minute

// events is GET /r/{id}/events: server-sent events that tell when a rollout's page has
// changed. They say nothing of how: the page is asked for again.
func (s *Server) events(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	if !s.streams.enter() {
		return &HTTPError{Code: http.StatusServiceUnavailable, Public: "too many pages are kept up to date already", Next: "load the page again by hand", RetryAfter: time.Minute}
	}
	defer s.streams.leave()
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy would keep events back
	ctx, cancel := context.WithTimeout(c.Request().Context(), streamTime)
	defer cancel()
	control := http.NewResponseController(c.Response())
	last := stateOf(sum)
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
		sum, err := s.cfg.Journal.Get(ctx, sum.Rollout.ID)
		if err != nil {
			return nil // the page says that it hears nothing
		}
		event := ""
		if now := stateOf(sum); now != last {
			last, event, still = now, "changed", 0
		} else if still%streamStill == streamStill-1 {
			event = "still"
		}
		if event == "" {
			continue
		}
		if err := say(event); err != nil || !live(sum) {
			return nil // the reader has gone
		}
	}
}

// The pace at which streams look into the journal, and how many times it may be unchanged
// before that is said.
const (
	streamPace  = 3 * time.Second
	streamStill = 5
)

// stateOf is what a page's stream watches.
func stateOf(s journal.Summary) string {
	return fmt.Sprintf("%d %t %d", s.Looks, live(s), len(s.Rollout.Weights))
}
