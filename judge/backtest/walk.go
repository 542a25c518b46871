package backtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// Past says which rollout is walked through, and where its numbers are.
type Past struct {
	Plan plan.Plan
	// Rollout says who was on trial: its arms, and when it started.
	Rollout rollout.Rollout
	Source  queries.Source
	Engine  string // version written into verdicts
	// Now, where set, is the present: no look lies after it, since the last blocks before
	// it reach the store only after the plan's lag.
	Now time.Time
}

// Walker is a judge with one past rollout before it. It is not safe for concurrent use.
type Walker struct {
	past    Past
	journal *judge.Memory
	judge   *judge.Judge
}

// NewWalker returns a walker who stands before the first look. What asks the present and
// not the past is left out of the plan: its checks and loads, the alerts of others, and
// the rollouts that it depends on.
func NewWalker(p Past) (*Walker, error) {
	if p.Source == nil {
		return nil, errors.New("backtest: a past rollout needs a source of its numbers")
	}
	if p.Rollout.Started.IsZero() {
		return nil, errors.New("backtest: a past rollout needs the time at which it started")
	}
	p.Plan = Timeless(p.Plan)
	if p.Rollout.ID == "" {
		p.Rollout.ID = "backtest"
	}
	if p.Rollout.Comparison == "" {
		p.Rollout.Comparison = rollout.Concurrent
	}
	if p.Rollout.Attempt == 0 {
		p.Rollout.Attempt = 1
	}
	if p.Rollout.Comparison == rollout.ChecksOnly {
		return nil, errors.New("backtest: this rollout is judged by checks alone, and the past cannot be checked")
	}
	j := &judge.Memory{Record: judge.Record{Rollout: p.Rollout, Plan: p.Plan}}
	return &Walker{past: p, journal: j, judge: judge.New(judge.Config{
		Journal: j, Engine: p.Engine, Concurrency: 4,
		// The source's own clock reads the present.
		Sources: map[string]queries.Source{p.Plan.Source: timeless{p.Source}},
	})}, nil
}

// Timeless returns a plan without what can only be asked of the present.
func Timeless(p plan.Plan) plan.Plan {
	p.Checks, p.Alertmanager, p.DependsOn = nil, nil, nil
	return p
}

// At returns the first moment at which n blocks had closed.
func (w *Walker) At(n int) time.Time {
	block := w.past.Plan.Block.D()
	return w.past.Rollout.Started.Truncate(block).Add(time.Duration(n)*block + w.past.Plan.Lag.D())
}

// Look asks for a verdict at the first moment at which n blocks had closed. Looks go
// forward.
func (w *Walker) Look(ctx context.Context, n int) (judge.Verdict, error) {
	v, err := w.judge.Decide(ctx, w.past.Rollout, w.At(n))
	if err != nil {
		return v, err
	}
	if v.Progress.Blocks != n {
		return v, fmt.Errorf("backtest: the judge saw %d blocks where %d had closed", v.Progress.Blocks, n)
	}
	return v, nil
}

// last is how many blocks have closed at the last look, and when the last one ended, of a
// rollout whose clocks began at a time. It goes to the plan's deadline where nobody knows
// when it was over, else to that time, or to where a held rollout would be rolled back.
func (w *Walker) last(until, clock time.Time) (int, time.Time) {
	p, start := w.past.Plan, w.past.Rollout.Started
	end := clock.Add(p.MaxDuration.D())
	if !until.IsZero() {
		end = earlier(end.Add(p.HoldFor.D()), until)
	}
	if !w.past.Now.IsZero() {
		end = earlier(end, w.past.Now.Add(-p.Lag.D()))
	}
	return int(end.Truncate(p.Block.D()).Sub(start.Truncate(p.Block.D())) / p.Block.D()), end
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Record returns what has been recorded so far.
func (w *Walker) Record() judge.Record { return w.journal.Record }

// Blocks is how many blocks a rollout has up to its plan's deadline.
func Blocks(p plan.Plan) int { return int(p.MaxDuration.D() / p.Block.D()) }

// timeless is a source that has no clock.
type timeless struct{ queries.Source }
