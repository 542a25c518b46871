package judge

import (
	"context"
	"time"
)

// A caller waits for a bounded time, and a look that takes longer is lost with all
// that it read. So reading ends before the caller's deadline does: what has been
// read by then is frozen and judged, what has not is a problem of this look and is
// asked for again at the next.

const (
	// keepShare is the part of a caller's time that is kept back for evaluating and
	// committing, which take milliseconds, and for the way back.
	keepShare = 8
	maxKept   = time.Second
	// maxClock bounds the question for the source's time.
	maxClock = 5 * time.Second
)

// readingTime returns the context for everything that a look waits for.
func readingTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Until(deadline)/keepShare, maxKept)))
}

// timeLeft returns how long a context still lasts; zero where it has no end.
func timeLeft(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(deadline), time.Millisecond)
}

// clockShare returns how long a source may take to tell its time: a quarter of
// what there is.
func clockShare(ctx context.Context) time.Duration {
	if left := timeLeft(ctx); left > 0 {
		return min(left/4, maxClock)
	}
	return maxClock
}

// inTime says how long was waited.
func (g *gathering) inTime() string {
	switch {
	case g.within == 0:
		return "in time"
	case g.within < time.Second:
		return "within " + g.within.Round(time.Millisecond).String()
	}
	return "within " + g.within.Round(100*time.Millisecond).String()
}
