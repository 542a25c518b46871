package share

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/queries"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var zero = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that the test moves; its timers fire as it does.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*timer
	set    chan struct{} // one for each timer that was set
}

type timer struct {
	at time.Time
	f  func()
}

func newClock() *clock { return &clock{now: zero, set: make(chan struct{}, 1000)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{c.now.Add(d), f}
	c.timers = append(c.timers, t)
	c.set <- struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.timers, t)
		if i >= 0 {
			c.timers = slices.Delete(c.timers, i, i+1)
		}
		return i >= 0
	}
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	var due []*timer
	c.timers = slices.DeleteFunc(c.timers, func(t *timer) bool {
		if !t.at.After(c.now) {
			due = append(due, t)
			return true
		}
		return false
	})
	c.mu.Unlock()
	for _, t := range due {
		t.f()
	}
}

// store is a source that answers when the test says so. Every question under way
// is in asked.
type store struct {
	asked chan *asked
}

type asked struct {
	ctx     context.Context
	reading queries.Reading
	window  queries.Window
	reply   chan error // nil: a frame
	notes   []queries.Note
}

func newStore() *store { return &store{asked: make(chan *asked, 10000)} }

func (s *store) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	a := &asked{ctx: ctx, reading: r, window: w, reply: make(chan error, 1)}
	s.asked <- a
	select {
	case err := <-a.reply:
		if err != nil {
			return queries.Frame{}, err
		}
		f := frame(w)
		f.Notes = a.notes
		return f, nil
	case <-ctx.Done():
		return queries.Frame{}, &queries.Error{Fault: queries.Unavailable, Source: "prom", Text: "given up", Err: ctx.Err()}
	}
}

func frame(w queries.Window) queries.Frame {
	n := make(queries.Column, w.Len())
	return queries.Frame{Window: w, Processes: []queries.Process{{Name: "a", N: n}}}
}

// window is of n blocks of a minute that end at the start of time.
func window(n int) queries.Window {
	return queries.Window{Start: zero.Add(-time.Duration(n) * time.Minute), End: zero, Block: time.Minute}
}

func reading(expr string) queries.Reading {
	return queries.Reading{Kind: queries.Counter, Query: queries.Query{Lang: queries.PromQL, Expr: expr}}
}

// world is a queue before a store.
type world struct {
	t     *testing.T
	clock *clock
	store *store
	src   *Source
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, clock: newClock(), store: newStore()}
	c := Config{Name: "prom", Now: w.clock.Now, After: w.clock.After}
	for _, f := range change {
		f(&c)
	}
	w.src = New(w.store, c)
	return w
}

// as is a context of a rollout whose look began d after the window's end.
func (w *world) as(rollout string, d time.Duration) context.Context {
	return queries.WithAsker(w.t.Context(), queries.Asker{Rollout: rollout, At: zero.Add(d), Lag: 30 * time.Second})
}

// result is what a caller got.
type result struct {
	frame queries.Frame
	err   error
}

// ask asks in the background.
func (w *world) ask(ctx context.Context, r queries.Reading) chan result {
	out := make(chan result, 1)
	go func() {
		f, err := w.src.Blocks(ctx, r, window(3))
		out <- result{f, err}
	}()
	return out
}

// next returns the next question that reaches the store.
func (w *world) next() *asked {
	w.t.Helper()
	select {
	case a := <-w.store.asked:
		return a
	case <-time.After(10 * time.Second):
		w.t.Fatal("no question reached the store")
		return nil
	}
}

// none fails where another question has reached the store.
func (w *world) none() {
	w.t.Helper()
	select {
	case a := <-w.store.asked:
		w.t.Fatalf("got question %s at the store, want none", a.reading.Query.Expr)
	default:
	}
}

func (w *world) got(c chan result) result {
	w.t.Helper()
	select {
	case r := <-c:
		return r
	case <-time.After(10 * time.Second):
		w.t.Fatal("the caller was never answered")
		return result{}
	}
}

// await waits until a condition holds.
func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	for range 10000 {
		if ok() {
			return
		}
		<-time.After(time.Millisecond)
	}
	w.t.Fatalf("never came: %s", what)
}

// waiting awaits callers of the one question that is under way.
func (w *world) waiting(n int) {
	w.t.Helper()
	w.await("callers that share a question", func() bool {
		w.src.flights.mu.Lock()
		defer w.src.flights.mu.Unlock()
		for _, f := range w.src.flights.underWay {
			return f.waiting == n
		}
		return n == 0
	})
}

func (w *world) queued(n int) {
	w.t.Helper()
	w.await("questions in the queue", func() bool { _, waits := w.src.gate.load(); return waits == n })
}
