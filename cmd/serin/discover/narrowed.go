package discover

import (
	"context"
	"fmt"
	"slices"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
)

// narrowed says of a ratio whose events are its requests narrowed on a label, such as
// code=~"5..", where no value of that label can be meant: in neither arm, and nowhere else
// in the store. A service without errors looks so, and so does one that spells its codes
// otherwise, whose errors would be none for ever.
func narrowed(ctx context.Context, src *prometheus.Source, arms []queries.Reading, over prometheus.Since) ([]string, error) {
	var out []string
	for i, term := range arms[0].Bad {
		all, extra := narrowing(arms[0], term)
		for _, m := range extra {
			var there []string
			match := false
			for _, selector := range append(totals(arms, i), all.Name) {
				values, _, err := src.Values(ctx, m.Label, prometheus.Ask{Selector: selector, Over: over, Limit: 1000})
				if err != nil {
					return nil, err
				}
				match = match || slices.ContainsFunc(values, m.Accepts)
				if selector != all.Name {
					there = append(there, values...)
				}
			}
			slices.Sort(there)
			there = slices.Compact(there)
			if !match && len(there) > 0 {
				out = append(out, fmt.Sprintf("no series of %s has %s%s%q in the last hour, in the arms or elsewhere; the arms have %s %s. That is right where nothing of the kind happened, "+
					"and otherwise the query never counts it", all.Name, m.Label, m.Op, m.Value, m.Label, some(there, false)))
			}
		}
	}
	return out, nil
}

// narrowing returns the requests of the metric that a term of events counts too, and the
// matchers that only the events have.
func narrowing(r queries.Reading, term queries.Term) (all queries.Selection, extra []queries.Matcher) {
	events, ok := selectionOf(term)
	if !ok {
		return all, nil
	}
	for _, t := range r.Total {
		if s, ok := selectionOf(t); ok && s.Name == events.Name {
			return s, slices.DeleteFunc(slices.Clone(events.Matchers), func(m queries.Matcher) bool { return slices.Contains(s.Matchers, m) })
		}
	}
	return all, nil
}

// totals are the selectors of all requests beside a term of events, in each arm.
func totals(arms []queries.Reading, term int) (out []string) {
	for _, r := range arms {
		if term >= len(r.Bad) {
			continue
		}
		if all, _ := narrowing(r, r.Bad[term]); all.Name != "" {
			out = append(out, all.Text)
		}
	}
	return out
}

func selectionOf(t queries.Term) (queries.Selection, bool) {
	ss, err := queries.Selections(queries.Query{Lang: queries.PromQL, Expr: t.Selector})
	if err != nil || len(ss) != 1 || ss[0].Name == "" {
		return queries.Selection{}, false
	}
	return ss[0], true
}

// scopedTo returns a metric's reading for each arm.
func scopedTo(p plan.Plan, m plan.Metric) (out []queries.Reading, err error) {
	for _, arm := range []plan.Arm{p.Arms.Baseline, p.Arms.Canary} {
		r, err := m.Scoped(arm)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
