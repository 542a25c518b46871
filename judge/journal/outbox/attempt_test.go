package outbox

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// bench is a queue in memory whose turns the test takes by hand, at its own time.
type bench struct {
	*Queue
	t     *testing.T
	clock *moving
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, clock: &moving{time.Unix(1_800_000_000, 0)}}
	q, err := New(Options{Now: b.clock.now, Kinds: map[string]Kind{
		"tell": {Patience: time.Hour, First: time.Minute, Longest: time.Minute},
		"look": {Patience: time.Hour, Lapses: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.Queue = q
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	text, err := os.ReadFile("../migrations/00003_work.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatal(err)
	}
	if err := q.Attach(t.Context(), DB{Writer: db, Reader: db}); err != nil {
		t.Fatal(err)
	}
	return b
}

// add adds a job.
func (b *bench) add(j Job) Work {
	b.t.Helper()
	if err := b.Enqueue(b.t.Context(), j); err != nil {
		b.t.Fatal(err)
	}
	return b.read(j.Key)
}

func (b *bench) read(key string) Work {
	b.t.Helper()
	w, err := b.Get(b.t.Context(), ID(key))
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// turn takes a turn with a handler that says err. It returns for how long the work
// is put off, or -1 where it is settled.
func (b *bench) turn(key string, err error) time.Duration {
	b.t.Helper()
	w := b.read(key)
	again, failed := b.attempt(b.t.Context(), turn{ID: w.ID, Generation: w.generation, Of: w.Kind}, func(context.Context, Job) error { return err })
	if failed != nil {
		b.t.Fatal(failed)
	}
	if again == nil {
		return -1
	}
	return *again
}

// Only the newest attempt settles the work.
func TestTheFence(t *testing.T) {
	b := newBench(t)
	b.add(Job{Kind: "tell", Key: "a"})
	one, other := b.read("a"), b.read("a")
	if taken, err := b.take(t.Context(), &one); err != nil || !taken {
		t.Fatalf("got %v, %v; want the first attempt begun", taken, err)
	}
	if taken, err := b.take(t.Context(), &other); err != nil || taken {
		t.Fatalf("got %v, %v; want the same number not taken twice", taken, err)
	}
	later := b.read("a")
	if taken, err := b.take(t.Context(), &later); err != nil || !taken {
		t.Fatalf("got %v, %v; want the second attempt begun", taken, err)
	}
	for name, failure := range map[string]error{"success": nil, "failure": errors.New("no"), "for good": ErrPermanent, "moot": ErrMoot} {
		if _, err := b.settle(t.Context(), one, failure); err != nil {
			t.Fatal(err)
		}
		if w := b.read("a"); w.State != Queued || w.Error != "" || w.failures != 0 {
			t.Errorf("%s of an attempt that was taken over: got %+v, want nothing changed", name, w)
		}
	}
	if _, err := b.settle(t.Context(), later, nil); err != nil {
		t.Fatal(err)
	}
	if w := b.read("a"); w.State != Done || w.Attempts != 2 {
		t.Errorf("got %s after %d attempts, want it done after 2", w.State, w.Attempts)
	}
}

func TestTurns(t *testing.T) {
	b := newBench(t)
	now := b.clock.t
	b.add(Job{Kind: "tell", Key: "a", NotBefore: now.Add(time.Minute)})
	if got := b.turn("a", nil); got != time.Minute || b.read("a").Attempts != 0 {
		t.Errorf("before its time: got %s, want it put off for a minute", got)
	}
	b.clock.t = now.Add(time.Minute)
	if got := b.turn("a", errors.New("no")); got < 30*time.Second || got > 90*time.Second {
		t.Errorf("after a failure: got %s, want about a minute", got)
	}
	// An engine that hands it out too early does not shorten the pause.
	if got := b.turn("a", nil); got <= 0 || b.read("a").Attempts != 1 {
		t.Errorf("too early: got %s and %d attempts, want it put off", got, b.read("a").Attempts)
	}
	b.clock.t = now.Add(61*time.Minute - time.Second) // a second before its deadline
	if got := b.turn("a", errors.New("no")); got != -1 || b.read("a").State != Dead {
		t.Errorf("where no attempt fits any more: got %s and %s, want it dead", got, b.read("a").State)
	}
	if got := b.turn("a", nil); got != -1 || b.read("a").State != Dead {
		t.Errorf("a turn of dead work: got %s and %s, want nothing", got, b.read("a").State)
	}

	dead := b.read("a")
	again, err := b.Retry(t.Context(), dead.ID)
	if err != nil || !again.Deadline.Equal(b.clock.t.Add(time.Hour)) {
		t.Errorf("got a deadline of %s, error %v; want an hour from now", again.Deadline, err)
	}
	if left, err := b.attempt(t.Context(), turn{ID: dead.ID, Generation: dead.generation, Of: "tell"}, nil); left != nil || err != nil || b.read("a").Attempts != dead.Attempts {
		t.Error("a turn that was handed out before the retry was taken")
	}
	if got := b.turn("a", nil); got != -1 || b.read("a").State != Done {
		t.Errorf("after the retry: got %s and %s, want it done", got, b.read("a").State)
	}

	b.add(Job{Kind: "look", Key: "late"})
	b.add(Job{Kind: "look", Key: "moot"})
	if got := b.turn("moot", ErrMoot); got != -1 || b.read("moot").State != Cancelled {
		t.Errorf("moot work: got %s and %s, want it cancelled", got, b.read("moot").State)
	}
	b.clock.t = b.clock.t.Add(2 * time.Hour)
	if got := b.turn("late", nil); got != -1 || b.read("late").State != Cancelled || b.read("late").Attempts != 0 {
		t.Errorf("work that lapsed: got %s and %s, want it cancelled untried", got, b.read("late").State)
	}
}

// While a target rests, its work is put off without an attempt, and no further than
// its deadline.
func TestTurnsWhileATargetRests(t *testing.T) {
	b := newBench(t)
	for range trip {
		b.breakers.note("host", true)
	}
	b.add(Job{Kind: "tell", Key: "a", Target: "host"})
	b.add(Job{Kind: "tell", Key: "short", Target: "host", Deadline: b.clock.t.Add(3 * time.Second)})
	if got := b.turn("a", nil); got != firstRest || b.read("a").Attempts != 0 {
		t.Errorf("got %s and %d attempts, want it put off for %s", got, b.read("a").Attempts, firstRest)
	}
	if got := b.turn("short", nil); got != 3*time.Second {
		t.Errorf("got %s, want it put off until its deadline", got)
	}
	b.clock.t = b.clock.t.Add(firstRest)
	if got := b.turn("short", nil); got != -1 || b.read("short").State != Dead {
		t.Errorf("got %s and %s, want it dead", got, b.read("short").State)
	}
	if got := b.turn("a", nil); got != -1 || b.read("a").State != Done {
		t.Errorf("the probe: got %s and %s, want it done", got, b.read("a").State)
	}
}

// What a target refuses is tried again when it says, however often, and keeps nobody
// else's work from it. It is found among what failed.
func TestRefusals(t *testing.T) {
	b := newBench(t)
	b.add(Job{Kind: "tell", Key: "refused", Target: "host"})
	b.add(Job{Kind: "tell", Key: "fresh", Target: "host"})
	no := &LaterError{Err: errors.New("no such folder"), After: 2 * time.Minute, Refused: true}
	for range 2 * trip {
		if got := b.turn("refused", no); got < no.After {
			t.Fatalf("got it put off for %s, want at least %s", got, no.After)
		}
		b.clock.t = b.read("refused").NotBefore
	}
	if open := b.breakers.open(); len(open) != 0 {
		t.Errorf("got breakers %v, want none: the target answers", open)
	}
	if got := b.turn("fresh", nil); got != -1 {
		t.Errorf("got other work put off for %s, want it done", got)
	}
	failed, err := b.List(t.Context(), Filter{State: Queued, Failed: true})
	if err != nil || len(failed) != 1 || failed[0].Key != "refused" || failed[0].Error != "no such folder" {
		t.Errorf("got %+v, %v; want what was refused, and why", failed, err)
	}
	if n := b.tally.copy()[Attempted{"tell", "refused"}]; n != 2*trip {
		t.Errorf("got %d refusals counted, want %d", n, 2*trip)
	}
}
