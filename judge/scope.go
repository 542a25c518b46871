package judge

import (
	"fmt"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// question is one thing to ask a source for both arms: a metric, or a limit that
// has a query of its own.
type question struct {
	key      string // name under which its evidence is frozen
	block    plan.Duration
	metric   *plan.Metric // nil for a limit
	readings [2]queries.Reading
	bounds   []float64 // of a histogram, fixed for the rollout
	err      error     // the query could not be narrowed to an arm
}

// questions lists what a plan asks, narrowed to the arms of a rollout. Limits are
// asked of the canary only.
func questions(p plan.Plan, r rollout.Rollout) []question {
	arms := [2]plan.Arm{plan.Arm(r.Canary), plan.Arm(r.Baseline)}
	var out []question
	for i := range p.Metrics {
		m := &p.Metrics[i]
		q := question{key: m.Name, block: p.Block, metric: m}
		if m.Block > p.Block {
			q.block = m.Block
		}
		for s, arm := range arms {
			if q.readings[s], q.err = m.Scoped(arm); q.err != nil {
				q.err = fmt.Errorf("%s: %w", side(s), q.err)
				break
			}
		}
		out = append(out, q)
	}
	for _, l := range p.Limits {
		if l.Metric != "" {
			continue
		}
		q := question{key: limitKey(l), block: p.Block}
		q.readings[canary], q.err = l.Scoped(arms[canary])
		out = append(out, q)
	}
	return out
}
