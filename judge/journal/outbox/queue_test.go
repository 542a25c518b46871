package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// calls records what a handler was called with.
type calls struct {
	mu   sync.Mutex
	keys []string
	say  func(n int, j outbox.Job) error // n counts from 1; nil says yes
}

func (c *calls) handle(_ context.Context, j outbox.Job) error {
	c.mu.Lock()
	c.keys = append(c.keys, j.Key)
	n, say := len(c.keys), c.say
	c.mu.Unlock()
	if say == nil {
		return nil
	}
	return say(n, j)
}

func (c *calls) seen() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.keys)
}

// tell is a kind whose failures are tried again at once.
func tell() map[string]outbox.Kind {
	return map[string]outbox.Kind{"tell": {Timeout: time.Second, First: 10 * time.Millisecond, Longest: 20 * time.Millisecond}}
}

// settled waits until a job is in a state.
func settled(t *testing.T, q *outbox.Queue, key string, want outbox.State) outbox.Work {
	t.Helper()
	var w outbox.Work
	eventually(t, 90*time.Second, fmt.Sprintf("%s %s", key, want), func() bool {
		var err error
		if w, err = q.Get(t.Context(), outbox.ID(key)); err != nil && !errors.Is(err, outbox.ErrNotFound) {
			t.Fatal(err)
		}
		return w.State == want
	})
	return w
}

func TestWorkFollowsFromItsTransactionOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, where string) {
		q, db := attached(t, where, quick(tell()))
		done := &calls{}
		running(t, q, map[string]outbox.Handler{"tell": done.handle})
		taken := errors.New("taken back")
		err := within(t.Context(), db, func(tx outbox.Tx, _ func(string, ...any) error) error {
			if err := q.Add(t.Context(), tx, outbox.Job{Kind: "tell", Key: "never"}); err != nil {
				t.Fatal(err)
			}
			return taken
		})
		if !errors.Is(err, taken) {
			t.Fatal(err)
		}
		job := outbox.Job{Kind: "tell", Key: "a", Rollout: "r", Target: "host", Body: json.RawMessage(`{"n":1}`)}
		for range 2 { // the second changes nothing
			if err := q.Enqueue(t.Context(), job, job); err != nil {
				t.Fatal(err)
			}
		}
		w := settled(t, q, "a", outbox.Done)
		if w.Attempts != 1 || w.Rollout != "r" || w.Target != "host" || w.Ended.IsZero() || w.Error != "" {
			t.Errorf("got %+v, want one attempt that succeeded", w)
		}
		// A key that was done stays done.
		if err := q.Enqueue(t.Context(), job, outbox.Job{Kind: "tell", Key: "last"}); err != nil {
			t.Fatal(err)
		}
		settled(t, q, "last", outbox.Done)
		if got := done.seen(); !slices.Equal(got, []string{"a", "last"}) {
			t.Errorf("got %v, want a and last once each", got)
		}
		if all, err := q.List(t.Context(), outbox.Filter{}); err != nil || len(all) != 2 {
			t.Errorf("got %d works, error %v; want 2", len(all), err)
		}
	})
}

func TestFailuresAreTriedAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, where string) {
		q, _ := attached(t, where, quick(tell()))
		flaky := &calls{say: func(n int, _ outbox.Job) error {
			switch n {
			case 1:
				return errors.New("the receiver answered 500")
			case 2:
				panic("at the disco")
			}
			return nil
		}}
		running(t, q, map[string]outbox.Handler{"tell": flaky.handle})
		if err := q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "a"}); err != nil {
			t.Fatal(err)
		}
		if w := settled(t, q, "a", outbox.Done); w.Attempts != 3 {
			t.Errorf("got %d attempts, want 3", w.Attempts)
		}
		s, err := q.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Attempts[outbox.Attempted{Kind: "tell", Result: "failed"}] != 2 || s.Attempts[outbox.Attempted{Kind: "tell", Result: "done"}] != 1 {
			t.Errorf("got attempts %v, want 2 failed and 1 done", s.Attempts)
		}
		if len(s.Counts) != 1 || s.Counts[0].State != outbox.Done || s.Counts[0].Works != 1 {
			t.Errorf("got %+v, want one done", s.Counts)
		}
	})
}

func TestDeadLettersAreSeenAndTriedAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, where string) {
		var mu sync.Mutex
		var late time.Duration // how far the clock has been moved
		o := quick(tell())
		o.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(late)
		}
		q, _ := attached(t, where, o)
		well, tries := false, 0
		gone := &calls{say: func(_ int, j outbox.Job) error {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case well:
				return nil
			case j.Key == "refused":
				return fmt.Errorf("410 Gone: %w", outbox.ErrPermanent)
			}
			if tries++; tries == 3 {
				late = time.Hour
			}
			return errors.New("no route to host")
		}}
		running(t, q, map[string]outbox.Handler{"tell": gone.handle})
		err := q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "late", Deadline: time.Now().Add(time.Hour - time.Minute)},
			outbox.Job{Kind: "tell", Key: "refused"})
		if err != nil {
			t.Fatal(err)
		}
		if w := settled(t, q, "refused", outbox.Dead); w.Attempts != 1 || !strings.Contains(w.Error, "410 Gone") {
			t.Errorf("got %d attempts and %q, want one, and 410 Gone", w.Attempts, w.Error)
		}
		if w := settled(t, q, "late", outbox.Dead); w.Attempts != 3 || !strings.Contains(w.Error, "no route to host") || !strings.Contains(w.Error, "deadline") {
			t.Errorf("got %d attempts and %q, want 3, the deadline and the last failure", w.Attempts, w.Error)
		}
		dead, err := q.List(t.Context(), outbox.Filter{State: outbox.Dead})
		if err != nil || len(dead) != 2 {
			t.Fatalf("got %d dead, error %v; want 2", len(dead), err)
		}
		mu.Lock()
		well = true
		mu.Unlock()
		for _, w := range dead {
			again, err := q.Retry(t.Context(), w.ID)
			if err != nil || again.State != outbox.Queued || !again.Deadline.After(w.Deadline) && w.Key == "late" {
				t.Fatalf("got %+v, error %v; want it queued with a later deadline", again, err)
			}
		}
		settled(t, q, "late", outbox.Done)
		settled(t, q, "refused", outbox.Done)
		if _, err := q.Retry(t.Context(), outbox.ID("late")); !errors.Is(err, outbox.ErrState) {
			t.Errorf("retry of done work: got %v, want ErrState", err)
		}
		if _, err := q.Drop(t.Context(), outbox.ID("late")); !errors.Is(err, outbox.ErrState) {
			t.Errorf("drop of done work: got %v, want ErrState", err)
		}
		if _, err := q.Retry(t.Context(), "nobody"); !errors.Is(err, outbox.ErrNotFound) {
			t.Errorf("retry of nothing: got %v, want ErrNotFound", err)
		}
	})
}

func TestDroppedWorkIsNotDone(t *testing.T) {
	onBoth(t, func(t *testing.T, where string) {
		q, _ := attached(t, where, quick(tell()))
		later := time.Now().Add(time.Hour)
		if err := q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "a", NotBefore: later}, outbox.Job{Kind: "tell", Key: "b"}); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "b"} {
			if w, err := q.Drop(t.Context(), outbox.ID(key)); err != nil || w.State != outbox.Cancelled {
				t.Fatalf("got %s, error %v; want it cancelled", w.State, err)
			}
		}
		if err := q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "c"}); err != nil {
			t.Fatal(err)
		}
		done := &calls{}
		running(t, q, map[string]outbox.Handler{"tell": done.handle})
		settled(t, q, "c", outbox.Done)
		if got := done.seen(); !slices.Equal(got, []string{"c"}) {
			t.Errorf("got %v, want c only", got)
		}
	})
}

// A handler that does not heed its end is left after the drain, and its work is
// done by the next process.
func TestStoppingHandsBack(t *testing.T) {
	onBoth(t, func(t *testing.T, where string) {
		q, _ := attached(t, where, quick(tell()))
		began := make(chan struct{})
		slow := func(ctx context.Context, _ outbox.Job) error {
			close(began)
			<-ctx.Done()
			return ctx.Err()
		}
		o := quick(map[string]outbox.Kind{"tell": {Timeout: time.Minute}})
		first, _ := attached(t, where, o)
		stop := running(t, first, map[string]outbox.Handler{"tell": slow})
		if err := first.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "a"}); err != nil {
			t.Fatal(err)
		}
		<-began
		stop()
		w, err := q.Get(t.Context(), outbox.ID("a"))
		if err != nil || w.State != outbox.Queued {
			t.Fatalf("got %+v, error %v; want it queued", w, err)
		}
		done := &calls{}
		running(t, q, map[string]outbox.Handler{"tell": done.handle})
		settled(t, q, "a", outbox.Done)
	})
}

func TestRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, where string) {
		q, _ := attached(t, where, quick(tell()))
		for name, j := range map[string]outbox.Job{
			"unknown kind": {Kind: "shout", Key: "a"},
			"no key":       {Kind: "tell"},
			"no JSON":      {Kind: "tell", Key: "a", Body: json.RawMessage("{")},
		} {
			if err := q.Enqueue(t.Context(), j); err == nil {
				t.Errorf("%s was accepted", name)
			}
		}
		if err := q.Add(t.Context(), outbox.Tx{}, outbox.Job{Kind: "tell", Key: "a"}); err == nil {
			t.Error("a job without a transaction was accepted")
		}
	})
}

func TestOldWorkIsForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, where string) {
		now := time.Now()
		o := quick(tell())
		o.Now = func() time.Time { return now }
		q, _ := attached(t, where, o)
		if err := q.Enqueue(t.Context(), outbox.Job{Kind: "tell", Key: "a"}, outbox.Job{Kind: "tell", Key: "b"}); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Drop(t.Context(), outbox.ID("a")); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			after time.Duration
			want  int64
		}{{29 * 24 * time.Hour, 0}, {31 * 24 * time.Hour, 1}, {1000 * 24 * time.Hour, 0}} {
			now = now.Add(c.after)
			if n, err := q.Forget(t.Context()); err != nil || n != c.want {
				t.Errorf("after %s: got %d forgotten, error %v; want %d", c.after, n, err, c.want)
			}
			now = now.Add(-c.after)
		}
	})
}
