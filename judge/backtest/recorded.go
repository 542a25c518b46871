package backtest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
)

// Recorded judges the looks of a recorded rollout by a plan, which may be another one
// than theirs: the blocks that they froze, at the times at which they looked. was is
// the plan that they were made by.
//
// The other plan must ask the same questions: each of its metrics and limits of their own
// query must be among those of was, by name and by query, and its blocks and its lag must
// be as long. What was learnt of the baseline before the rollout is taken as recorded.
func Recorded(p, was plan.Plan, looks []judge.Look) (Report, error) {
	if len(looks) == 0 {
		return Report{}, errors.New("backtest: the rollout has no recorded look; it was announced and never asked about")
	}
	if err := answers(p, was); err != nil {
		return Report{}, err
	}
	same := p.Digest() == was.Digest()
	if !same {
		p = onlyRecorded(p, was)
	}
	vs, err := judge.Replay(p, looks, looks[len(looks)-1].Verdict.Engine)
	if err != nil {
		return Report{}, err
	}
	r := reportOf(p, vs)
	r.Rollout = looks[0].Rollout
	r.Was = &Was{Plan: was.Name, Outcome: looks[len(looks)-1].Verdict.Outcome.String()}
	for _, l := range looks {
		switch v := l.Verdict; {
		case v.Outcome == judge.Promote && r.Was.Promoted.IsZero():
			r.Was.Promoted = v.At
		case v.Outcome == judge.Rollback && r.Was.RolledBack.IsZero():
			r.Was.RolledBack = v.At
		}
	}
	rec := judge.Record{Plan: p, Rollout: r.Last.Rollout}
	for _, l := range looks {
		if rec.Frozen, err = rec.Frozen.Append(l.Freeze); err != nil {
			return Report{}, err
		}
	}
	r.Trace = judge.TraceOfRecord(rec, r.Last)
	if !same {
		r.Notes = append(r.Notes, "What the recorded plan learnt of the baseline before the rollout is used as it was recorded; looks are those that were made.")
	}
	return r, nil
}

// onlyRecorded leaves out of a plan the checks that were not run.
func onlyRecorded(p, was plan.Plan) plan.Plan {
	ran := map[string]bool{}
	for _, c := range was.Checks {
		ran[c.Name] = true
	}
	kept := p.Checks
	p.Checks = nil
	for _, c := range kept {
		if ran[c.Name] {
			p.Checks = append(p.Checks, c)
		}
	}
	return p
}

// answers says what of a plan's questions a record cannot answer, all of it at once.
func answers(p, was plan.Plan) error {
	var missing []string
	if p.Block != was.Block || p.Lag != was.Lag {
		missing = append(missing, fmt.Sprintf("its blocks of %s with a lag of %s (recorded: %s and %s)", p.Block, p.Lag, was.Block, was.Lag))
	}
	asked := map[string]string{}
	for _, m := range was.Metrics {
		asked[m.Name] = question(m)
	}
	for _, m := range p.Metrics {
		if q, ok := asked[m.Name]; !ok || q != question(m) {
			missing = append(missing, "metric "+m.Name)
		}
	}
	limits := map[string]string{}
	for _, l := range was.Limits {
		limits[l.Name] = l.Query.Expr
	}
	for _, l := range p.Limits {
		if l.Metric == "" && limits[l.Name] != l.Query.Expr {
			missing = append(missing, "limit "+l.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("plan %s asks what the rollout's record cannot answer: %s; only the same queries under the same names were frozen. Ask the source instead (--config or --prometheus), while it still has that time",
		p.Name, strings.Join(missing, ", "))
}

// question is what a metric's frozen blocks are an answer to.
func question(m plan.Metric) string {
	return fmt.Sprintf("%s|%s|%s|%s|%s", m.Query.Lang, m.Query.Expr, m.Selector, m.Of, m.Block)
}
