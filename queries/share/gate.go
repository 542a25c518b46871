package share

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/serin-canary/serin/queries"
)

// Bounds on how long a source is left alone.
const (
	firstPause = time.Second // after one refusal; doubled with each further one
	maxPause   = time.Minute
	maxAsked   = 5 * time.Minute // that a source may ask for by Retry-After
)

// gate lets a bounded number of questions through. The others wait, and are let
// through rollout by rollout in turn: whoever has fifty questions waits for the
// fiftieth, not everybody else.
type gate struct {
	cfg   Config
	count *counters

	mu      sync.Mutex
	running int
	waiting int
	lines   map[string][]*waiter // by rollout; none is empty
	turns   []string             // the rollouts that wait; the first is next

	// until is when a source that refused may be asked again; zero: now. After a
	// refusal, refusals is positive and one question at a time is tried, until the
	// source has answered one.
	until    time.Time
	refusals int
	timer    func() bool // ends the timer that waits for until; nil where none runs
}

// waiter is a question in the queue. Its error, nil when it is let through, is
// sent once.
type waiter struct {
	rollout string
	turn    chan error
}

var errFull = errors.New("share: the queue is full")

func newGate(c Config, count *counters) *gate {
	g := &gate{cfg: c, count: count, lines: map[string][]*waiter{}}
	count.watch(g)
	return g
}

// enter waits for a place. Whoever got nil must call leave.
func (g *gate) enter(ctx context.Context, rollout string) error {
	w := &waiter{rollout: rollout, turn: make(chan error, 1)}
	if err := g.queue(w); err != nil {
		return err
	}
	select {
	case err := <-w.turn:
		return err
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.remove(w) {
		// Its turn came meanwhile, or it was refused.
		if err := <-w.turn; err == nil {
			g.running--
			g.dispatch()
		}
	}
	return &queries.Error{Fault: queries.Unavailable, Source: g.cfg.Name, Text: "no time was left to ask", Err: ctx.Err()}
}

// queue puts a waiter into its rollout's line. Where the queue is full, a question
// of the rollout with the longest line is refused, if that is longer than this one's.
func (g *gate) queue(w *waiter) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting >= g.cfg.Queue {
		longest := ""
		for _, r := range g.turns {
			if len(g.lines[r]) > len(g.lines[longest]) {
				longest = r
			}
		}
		g.count.refused.WithLabelValues("queue-full").Inc()
		if len(g.lines[longest]) <= len(g.lines[w.rollout])+1 {
			return g.full()
		}
		last := g.lines[longest][len(g.lines[longest])-1]
		g.remove(last)
		last.turn <- g.full()
	}
	if len(g.lines[w.rollout]) == 0 {
		g.turns = append(g.turns, w.rollout)
	}
	g.lines[w.rollout] = append(g.lines[w.rollout], w)
	g.waiting++
	g.dispatch()
	return nil
}

func (g *gate) full() error {
	return &queries.Error{
		Fault: queries.Throttled, Source: g.cfg.Name, Err: errFull,
		Text: fmt.Sprintf("%d questions wait for it already, and %d are under way; ask less often, or raise limits.queries", g.waiting, g.running),
	}
}

// remove takes a waiter out of its line, and reports false where it is in none.
func (g *gate) remove(w *waiter) bool {
	line := g.lines[w.rollout]
	i := slices.Index(line, w)
	if i < 0 {
		return false
	}
	g.waiting--
	g.lines[w.rollout] = slices.Delete(line, i, i+1)
	if len(line) == 1 {
		delete(g.lines, w.rollout)
		g.turns = slices.DeleteFunc(g.turns, func(r string) bool { return r == w.rollout })
	}
	return true
}

// dispatch lets through whoever may go. The lock is held.
func (g *gate) dispatch() {
	if g.paused() {
		g.wake()
		return
	}
	places := g.cfg.Concurrency
	if g.refusals > 0 {
		places = 1
	}
	for g.running < places && len(g.turns) > 0 {
		next := g.turns[0]
		w := g.lines[next][0]
		g.turns = append(g.turns[1:], next) // its others come after everybody's
		g.remove(w)
		g.running++
		w.turn <- nil
	}
}

// paused reports whether the source is to be left alone. The lock is held.
func (g *gate) paused() bool { return g.cfg.Now().Before(g.until) }

// wake arranges that the queue moves on once the pause is over. The lock is held.
func (g *gate) wake() {
	if g.timer != nil || g.waiting == 0 {
		return
	}
	g.timer = g.cfg.After(g.until.Sub(g.cfg.Now()), func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.timer = nil
		g.dispatch()
	})
}

// leave gives a place back and says how the question ended.
func (g *gate) leave(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	g.learn(err)
	g.dispatch()
}

// learn reads out of an answer whether the source wants to be left alone. Of
// questions that were under way together, only the first lengthens the pause.
func (g *gate) learn(err error) {
	var e *queries.Error
	known := errors.As(err, &e)
	switch {
	case err == nil, known && (e.Fault == queries.Rejected || e.Fault == queries.Malformed):
		if !g.paused() {
			g.refusals, g.until = 0, time.Time{} // it answers
		}
		return
	case !known || (e.Fault != queries.Throttled && e.RetryAfter <= 0):
		return
	}
	asked := min(e.RetryAfter, maxAsked)
	if !g.paused() {
		g.refusals++
		asked = max(asked, min(firstPause<<min(g.refusals-1, 10), maxPause))
	}
	if until := g.cfg.Now().Add(asked); until.After(g.until) {
		g.until = until
	}
}

// pausedUntil is when the source may be asked again; zero: now.
func (g *gate) pausedUntil() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.paused() {
		return time.Time{}
	}
	return g.until
}

// load returns how many questions are under way and how many wait.
func (g *gate) load() (running, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running, g.waiting
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
