package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/plan"
)

// Replay computes the verdicts of a rollout's looks again, from what they recorded
// and the pinned plan alone. With the build that recorded them they come out byte
// for byte the same; engine is the version that is written into them.
func Replay(p plan.Plan, looks []Look, engine string) ([]Verdict, error) {
	rec := Record{Plan: p}
	out := make([]Verdict, 0, len(looks))
	for i, l := range looks {
		if l.Verdict.Seq != i+1 {
			return nil, fmt.Errorf("look %d of rollout %s is missing", i+1, l.Rollout)
		}
		rec.Rollout, rec.Others, rec.Earlier = l.Verdict.Rollout, l.Context.Others, l.Context.Earlier
		rec.Overrides, rec.Alerts, rec.Underway = l.Context.Overrides, l.Context.Alerts, l.Context.Underway
		joined, err := rec.with(l.Freeze)
		if err != nil {
			return nil, fmt.Errorf("look %d of rollout %s: %w", i+1, l.Rollout, err)
		}
		v := Evaluate(Input{
			Record: joined, At: l.Verdict.At, Seq: l.Verdict.Seq, Closed: l.Context.Closed, Skew: l.Context.Skew,
			Problems: l.Problems, Notes: l.Context.Notes, Checks: l.Checks, Engine: engine,
		})
		out = append(out, v)
		rec = joined
		rec.Looks, rec.Checks = l.Verdict.Seq, latest(rec.Checks, l.Checks)
		rec.Rounds = AppendRounds(p, rec.Rounds, l.Checks)
		if rec.Latch == nil {
			rec.Latch = v.Latched
		}
	}
	return out, nil
}

// latest replaces results by newer ones of the same check, sorted by name.
func latest(have, add []checks.Result) []checks.Result {
	byName := byName(have)
	for _, r := range add {
		byName[r.Name] = r
	}
	out := make([]checks.Result, 0, len(byName))
	for _, r := range byName {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b checks.Result) int { return strings.Compare(a.Name, b.Name) })
	return out
}
