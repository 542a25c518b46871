package queries

import (
	"context"
	"time"
)

// Asker says on whose behalf a source is asked. Whatever stands between the judge
// and a source shares the source fairly among rollouts by it, and tells by it
// whether an answer to somebody else is one to this asker too.
type Asker struct {
	// Rollout is the ID of the rollout that is looked at.
	Rollout string
	// At is the time at which the look began, by the source's clock.
	At time.Time
	// Lag is how long after its end this rollout's plan takes a block as closed.
	Lag time.Duration
}

// Closed reports whether a window that somebody asked for at a time was closed
// then, as this asker understands it: its samples had as long to arrive as the
// asker's own plan gives them.
func (a Asker) Closed(w Window, at time.Time) bool { return !at.Before(w.End.Add(a.Lag)) }

type askerKey struct{}

// WithAsker returns a context that says who asks.
func WithAsker(ctx context.Context, a Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

// AskerOf returns who asks, and false where nobody said so.
func AskerOf(ctx context.Context) (Asker, bool) {
	a, ok := ctx.Value(askerKey{}).(Asker)
	return a, ok
}
