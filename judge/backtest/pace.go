package backtest

import (
	"context"
	"sync"
	"time"

	"github.com/serin-canary/serin/queries"
)

// Paced is a source that is asked at most so often. Whoever reads a past reads it faster
// than it passed, and the store has others to answer.
type Paced struct {
	inner queries.Source
	every time.Duration
	now   func() time.Time
	wait  func(context.Context, time.Duration) error

	mu    sync.Mutex
	next  time.Time
	asked int
}

// NewPaced returns a source that is asked at most perMinute times a minute; 0 is as often
// as one likes.
func NewPaced(inner queries.Source, perMinute int) *Paced {
	p := &Paced{inner: inner, now: time.Now, wait: pause}
	if perMinute > 0 {
		p.every = time.Minute / time.Duration(perMinute)
	}
	return p
}

// Asked is how often the source was asked.
func (p *Paced) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Blocks implements [queries.Source].
func (p *Paced) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	if err := p.wait(ctx, p.turn()); err != nil {
		return queries.Frame{}, &queries.Error{Fault: queries.Unavailable, Text: "it was not asked: the time ended", Err: err}
	}
	return p.inner.Blocks(ctx, r, w)
}

// turn takes the next free moment and returns how far away it is.
func (p *Paced) turn() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	now := p.now()
	at := now
	if p.next.After(now) {
		at = p.next
	}
	p.next = at.Add(p.every)
	return at.Sub(now)
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
