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
	kind     plan.Kind
	metric   *plan.Metric // nil for a limit
	readings [2]queries.Reading
	err      error // the query could not be narrowed to an arm
}

// questions lists what a plan asks, narrowed to the arms of a rollout. Limits are
// asked of the canary only.
func questions(p plan.Plan, r rollout.Rollout) []question {
	arms := [2]plan.Arm{plan.Arm(r.Canary), plan.Arm(r.Baseline)}
	var out []question
	for i := range p.Metrics {
		m := &p.Metrics[i]
		q := question{key: m.Name, block: p.Block, kind: m.Kind, metric: m}
		if m.Block > p.Block {
			q.block = m.Block
		}
		for s, arm := range arms {
			if q.readings[s], q.err = narrow(m.Query, func() ([]queries.Matcher, error) { return m.Matchers(arm) }); q.err != nil {
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
		q.readings[canary], q.err = narrow(l.Query, func() ([]queries.Matcher, error) { return l.Matchers(arms[canary]) })
		out = append(out, q)
	}
	return out
}

// narrow scopes a query to an arm and reads it.
func narrow(q queries.Query, matchers func() ([]queries.Matcher, error)) (queries.Reading, error) {
	ms, err := matchers()
	if err != nil {
		return queries.Reading{}, err
	}
	scoped, err := q.Scoped(ms)
	if err != nil {
		return queries.Reading{}, err
	}
	return queries.Understand(scoped)
}
