package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
)

// verdict is short for what every command is about.
type verdict = judge.Verdict

// decider is what the commands need of the judge.
type decider interface {
	Decide(ctx context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error)
}

// trial is one rollout that is judged from the command line.
type trial struct {
	journal *journal.Journal
	judge   decider
	rollout rollout.Rollout
	plan    plan.Plan
	timeout time.Duration // of one look
	now     func() time.Time
	wait    func(ctx context.Context, until time.Time) error
}

// once looks now.
func (t trial) once(ctx context.Context) (*verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	v, err := t.judge.Decide(ctx, t.rollout, t.now())
	if err != nil {
		return nil, fmt.Errorf("no verdict could be formed: %w", err)
	}
	return &v, nil
}

// watch looks whenever a block has closed, until the verdict is final or ctx ends.
// It returns the last verdict, which is nil where there was no look.
func (t trial) watch(ctx context.Context, progress io.Writer) (*verdict, error) {
	live := screen.NewLive(progress, 10*time.Second)
	defer live.Close()
	live.Update(0, "waiting for the first block to close")
	var last *verdict
	for {
		if err := t.wait(ctx, nextClose(t.now(), t.plan)); err != nil {
			return last, nil // interrupted: what is known so far is the answer
		}
		v, err := t.once(ctx)
		switch {
		case err != nil && errors.Is(ctx.Err(), context.Canceled):
			return last, nil
		case err != nil:
			return last, err
		}
		last = v
		live.Update(t.fraction(*v), report.Line(*v, 300))
		if final(v.Outcome) {
			t.end(ctx, *v)
			return last, nil
		}
	}
}

// end closes the rollout in the journal, so that the next one begins afresh. Where
// that fails the verdict stands nevertheless.
func (t trial) end(ctx context.Context, v verdict) {
	_ = t.journal.End(ctx, t.rollout.ID, v.At, "the verdict was "+v.Outcome.String())
}

// fraction is how much of the plan's time is over.
func (t trial) fraction(v verdict) float64 {
	if v.Progress.From.IsZero() || t.plan.MaxDuration <= 0 {
		return 0
	}
	return v.At.Sub(v.Progress.From).Seconds() / t.plan.MaxDuration.D().Seconds()
}

// final reports whether watching on is of no use. A promotion is provisional for a
// controller that goes on asking; whoever asks here acts on the first.
func final(o judge.Outcome) bool { return o != judge.Continue }

// nextClose returns when the next block is taken as closed: at its end plus the
// plan's lag, and a moment later, so that no clock has to be exact.
func nextClose(now time.Time, p plan.Plan) time.Time {
	const moment = 50 * time.Millisecond
	block, lag := p.Block.D(), p.Lag.D()
	return now.Add(-lag).Truncate(block).Add(block).Add(lag).Add(moment)
}

// waitUntil waits until a moment, or until ctx ends, which is an error.
func waitUntil(ctx context.Context, until time.Time) error {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
