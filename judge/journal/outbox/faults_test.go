package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// A receiver that is away is left alone after five failures; one attempt finds out
// that it is back, and then all the others follow.
func TestWorkWaitsForItsTarget(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, where string) {
		t.Parallel()
		kinds := map[string]outbox.Kind{"tell": {Timeout: time.Second, First: time.Millisecond, Longest: time.Millisecond, Concurrency: 1}}
		q, _ := attached(t, where, quick(kinds))
		var away atomic.Bool
		away.Store(true)
		var tries, others atomic.Int64
		handler := func(_ context.Context, j outbox.Job) error {
			if j.Target == "well" {
				others.Add(1)
				return nil
			}
			tries.Add(1)
			if away.Load() {
				return errors.New("no route to host")
			}
			return nil
		}
		var jobs []outbox.Job
		for n := range 12 {
			jobs = append(jobs, outbox.Job{Kind: "tell", Key: fmt.Sprint("away.", n), Target: "away"})
		}
		if err := q.Enqueue(t.Context(), jobs...); err != nil {
			t.Fatal(err)
		}
		running(t, q, map[string]outbox.Handler{"tell": handler})
		eventually(t, 60*time.Second, "an open breaker", func() bool {
			s, err := q.Stats(t.Context())
			return err == nil && s.Breakers["away"]
		})
		if err := q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "well", Target: "well"}); err != nil {
			t.Fatal(err)
		}
		settled(t, q, "well", outbox.Done)
		if got := tries.Load(); got != 5 {
			t.Errorf("got %d attempts at a target that is away, want 5", got)
		}
		away.Store(false)
		for _, j := range jobs {
			settledWithin(t, q, j.Key, 90*time.Second)
		}
		if s, err := q.Stats(t.Context()); err != nil || len(s.Breakers) != 0 {
			t.Errorf("got breakers %v, error %v; want none left", s.Breakers, err)
		}
	})
}

// A database that restarts, in peace or in a crash, costs time and no work.
func TestPostgreSQLRestarts(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it crashes and restarts servers; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	if shared.err != nil {
		pgtest.Unavailable(t, shared.err)
	}
	server := pgtest.Start(t, pgtest.Config{Fsync: true})
	where := server.NewDatabase(t)
	create(t, where)
	o, log := quick(tell()), &lines{}
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	q, _ := attached(t, where, o)
	done := &calls{}
	// The queue begins while the server is away.
	if err := server.Down("fast"); err != nil {
		t.Fatal(err)
	}
	running(t, q, map[string]outbox.Handler{"tell": done.handle})
	eventually(t, 60*time.Second, "an engine that could not start", func() bool {
		return log.contains("could not be started")
	})
	if err := server.Up(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "a job accepted", func() bool {
		return q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "before"}) == nil
	})
	settledWithin(t, q, "before", 90*time.Second)
	for n, mode := range []string{"fast", "immediate"} {
		if err := server.Restart(mode); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint("after.", n)
		eventually(t, 30*time.Second, "a job accepted after a restart", func() bool {
			return q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: key}) == nil
		})
		settledWithin(t, q, key, 90*time.Second)
	}
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) contains(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), text)
}

// Work is not begun before its time, and not by a process that cannot do it.
func TestWorkWaitsForItsTimeAndItsHandler(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, where string) {
		t.Parallel()
		kinds := tell()
		kinds["look"] = outbox.Kind{Timeout: time.Second}
		q, _ := attached(t, where, quick(kinds))
		at := time.Now().Add(1500 * time.Millisecond)
		var early atomic.Bool
		stop := running(t, q, map[string]outbox.Handler{"tell": func(context.Context, outbox.Job) error {
			early.Store(time.Now().Before(at))
			return nil
		}})
		if err := q.Enqueue(t.Context(), outbox.Job{Kind: "look", Key: "look"}, outbox.Job{Kind: "tell", Key: "tell", NotBefore: at}); err != nil {
			t.Fatal(err)
		}
		settled(t, q, "tell", outbox.Done)
		if early.Load() {
			t.Error("work was begun before its time")
		}
		if w, err := q.Get(t.Context(), outbox.ID("look")); err != nil || w.State != outbox.Queued || w.Attempts != 0 {
			t.Errorf("got %+v, error %v; want it waiting", w, err)
		}
		stop()
		done := &calls{}
		running(t, q, map[string]outbox.Handler{"look": done.handle})
		settled(t, q, "look", outbox.Done)
	})
}
