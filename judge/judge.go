package judge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// Config is what a [Judge] is made of.
type Config struct {
	Journal Journal
	// Sources by the name that plans use.
	Sources map[string]queries.Source
	Checks  checks.Runner // may be nil: then every check is broken
	Engine  string        // version written into verdicts
	// Work says that long checks are done as work of their own, which looks begin
	// ([Look.Begin], [Judge.LongCheck]). Where nobody does, they run within a look, in the
	// time that it has; loads are not sent at all.
	Work bool
	// Concurrency bounds the source queries under way in one look (default 16).
	Concurrency int
	Log         *slog.Logger // default: discard
}

// Judge decides. It holds no state of any rollout.
type Judge struct{ cfg Config }

// New returns a judge.
func New(cfg Config) *Judge {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Checks == nil {
		cfg.Checks = checks.Kinds{}
	}
	return &Judge{cfg: cfg}
}

// Limits on one decision.
const (
	defaultConcurrency = 16
	checkConcurrency   = 8
	maxRetries         = 5 // when other looks were committed meanwhile
)

func (j *Judge) concurrency() int {
	if j.cfg.Concurrency > 0 {
		return j.cfg.Concurrency
	}
	return defaultConcurrency
}

// Decide looks at a rollout now: it fetches and freezes the blocks that have
// closed since the last look, runs the checks that are due, and commits the
// verdict. The rollout must be in the journal; of r, only the ID is used.
//
// An error means that no verdict could be formed; it is not an outcome.
func (j *Judge) Decide(ctx context.Context, r rollout.Rollout, now time.Time) (Verdict, error) {
	var err error
	for range maxRetries {
		var v Verdict
		if v, err = j.look(ctx, r.ID, now); !errors.Is(err, ErrStale) {
			return v, err
		}
	}
	return Verdict{}, fmt.Errorf("rollout %s: gave up after %d tries: %w", r.ID, maxRetries, err)
}

// look is one try at a decision.
func (j *Judge) look(ctx context.Context, id string, now time.Time) (Verdict, error) {
	rec, err := j.cfg.Journal.Load(ctx, id)
	if err != nil {
		return Verdict{}, fmt.Errorf("loading rollout %s: %w", id, err)
	}
	reading, done := readingTime(ctx)
	defer done()
	clock, skew := j.sourceClock(reading, rec.Plan.Source, now)
	in := Input{
		At: now.UTC(), Seq: rec.Looks + 1, Engine: j.cfg.Engine,
		Closed: closedBlocks(rec.Plan, rec.Rollout, clock), Skew: skew,
	}
	probed := make(chan []checks.Result, 1)
	go func() { probed <- j.runChecks(ctx, reading, rec, now) }()
	got := j.gather(reading, rec, clock)
	in.Checks = <-probed
	if err := ctx.Err(); err != nil {
		return Verdict{}, fmt.Errorf("rollout %s: no verdict: %w", id, err)
	}
	in.Problems, in.Notes = got.problems, got.notes
	if in.Record, err = rec.with(got.frozen); err != nil {
		return Verdict{}, fmt.Errorf("rollout %s: what is frozen does not fit what was read: %w", id, err)
	}
	in.Checks = append(in.Checks, useResults(rec)...)
	v := Evaluate(in)
	err = j.cfg.Journal.Commit(ctx, Look{
		Rollout: id, Freeze: got.frozen, Checks: in.Checks, Problems: got.problems, Verdict: v,
		Context: Context{Closed: in.Closed, Skew: in.Skew, Others: rec.Others, Earlier: rec.Earlier, Overrides: rec.Overrides, Alerts: rec.Alerts, Underway: rec.Underway, Notes: got.notes},
		Begin:   j.beginnings(in, v),
	})
	if err != nil {
		return Verdict{}, fmt.Errorf("recording the verdict of rollout %s: %w", id, err)
	}
	j.cfg.Log.InfoContext(ctx, "verdict", "rollout", id, "service", v.Rollout.Service, "seq", v.Seq,
		"outcome", v.Outcome.String(), "proven", v.Proven, "evidence_log10", v.Evidence, "paired", v.Progress.Paired, "reason", v.Reason)
	return v, nil
}

// clocked is a source that can tell its own time.
type clocked interface {
	Clock(ctx context.Context) (time.Time, error)
}

// sourceClock returns the time up to which the source can have data: now, or the
// source's own time where that is behind. Without it a block would be frozen before
// the source has seen its end. A source that cannot tell is taken to agree; if it
// cannot be reached, its queries will say so.
func (j *Judge) sourceClock(ctx context.Context, name string, now time.Time) (clock time.Time, skew time.Duration) {
	src, ok := j.cfg.Sources[name].(clocked)
	if !ok {
		return now, 0
	}
	// It may be slow, and the metrics need their time.
	bound, cancel := context.WithTimeout(ctx, clockShare(ctx))
	defer cancel()
	there, err := src.Clock(bound)
	if err != nil {
		return now, 0
	}
	skew = now.Sub(there).Truncate(time.Second)
	if skew <= 0 {
		return now, skew
	}
	return there, skew
}

// with returns the record with a look's freeze added to what is frozen.
func (r Record) with(f Frozen) (Record, error) {
	joined, err := r.Frozen.Append(f)
	r.Frozen = joined
	return r, err
}

// Append returns what is frozen once next has been added. Neither is changed.
func (f Frozen) Append(next Frozen) (Frozen, error) {
	out := Frozen{Metrics: make(map[string]FrozenMetric, len(f.Metrics)+len(next.Metrics))}
	for k, v := range f.Metrics {
		out.Metrics[k] = v
	}
	for k, add := range next.Metrics {
		have, ok := out.Metrics[k]
		if !ok {
			out.Metrics[k] = add
			continue
		}
		if have.Prior == nil {
			have.Prior = add.Prior
		}
		var err error
		if have.Canary, err = joinFrames(have.Canary, add.Canary); err != nil {
			return Frozen{}, fmt.Errorf("%s of the canary: %w", k, err)
		}
		if have.Baseline, err = joinFrames(have.Baseline, add.Baseline); err != nil {
			return Frozen{}, fmt.Errorf("%s of the baseline: %w", k, err)
		}
		if have.Week, err = joinFrames(have.Week, add.Week); err != nil {
			return Frozen{}, fmt.Errorf("%s of the week before: %w", k, err)
		}
		out.Metrics[k] = have
	}
	return out, nil
}

func joinFrames(a, b queries.Frame) (queries.Frame, error) {
	switch {
	case b.Window.Len() == 0:
		return a, nil
	case a.Window.Len() == 0:
		return b, nil
	}
	return a.Append(b)
}
