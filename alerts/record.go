package alerts

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// The arms, as values of the label arm.
const (
	armCanary   = "canary"
	armBaseline = "baseline"
)

// What is recorded of a metric: the middle of a recording's name.
const (
	partValue    = "value"    // what is compared with the baseline
	partRequests = "requests" // events per second that the value rests on
)

// watched is a metric of the plan that rules can be written for.
type watched struct {
	plan.Metric
	canary, baseline queries.Reading
	of               *watched // the metric whose events this one is divided by
	counts           bool     // it rests on events that are counted
}

// name returns the name of a recording, such as rollout:requests:rate5m. Values that
// are no rates keep the ranges of their own queries.
func (b *builder) name(w watched, part string, d time.Duration) string {
	if part == partValue && w.canary.Kind == queries.Gauge {
		return "rollout:value:current"
	}
	return "rollout:" + part + ":rate" + model.Duration(d).String()
}

// recorded selects a recording of one arm.
func (b *builder) recorded(w watched, part, arm string, d time.Duration) parser.Expr {
	return series(b.name(w, part, d), "rollout", b.s.Rollout.ID, "metric", w.Name, "arm", arm)
}

// watch reads the plan's metrics for both arms. One that cannot be read here is left
// out, with the reason: the judge says the same as a finding.
func (b *builder) watch() []watched {
	var out []watched
	byName := map[string]int{}
	for _, m := range b.s.Plan.Metrics {
		if m.Query.Lang != queries.PromQL {
			b.leave("metric %s: its query is in %s, and rules are PromQL", m.Name, m.Query.Lang)
			continue
		}
		w := watched{Metric: m}
		var err error
		if w.canary, err = m.Scoped(plan.Arm(b.s.Rollout.Canary)); err == nil {
			w.baseline, err = m.Scoped(plan.Arm(b.s.Rollout.Baseline))
		}
		if err != nil {
			b.leave("%v", err)
			continue
		}
		w.counts = w.canary.Kind == queries.Ratio || w.canary.Kind == queries.Histogram
		byName[m.Name] = len(out)
		out = append(out, w)
	}
	for i := range out {
		if out[i].Of == "" {
			continue
		}
		if of, ok := byName[out[i].Of]; ok {
			divisor := out[of]
			out[i].of, out[i].counts = &divisor, true
		}
	}
	return out
}

// record adds the recordings of a metric: its value and what it rests on, of both
// arms, over both ranges.
func (b *builder) record(w watched) error {
	for _, arm := range [...]string{armBaseline, armCanary} {
		for _, d := range [...]time.Duration{b.t.short, b.t.long} {
			if w.canary.Kind == queries.Gauge && d != b.t.short {
				continue
			}
			if err := b.recordOne(w, partValue, arm, d); err != nil {
				return err
			}
			if !w.counts {
				continue
			}
			if err := b.recordOne(w, partRequests, arm, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *builder) recordOne(w watched, part, arm string, d time.Duration) error {
	e, err := w.show(part, arm, d)
	if err != nil {
		return fmt.Errorf("alerts: metric %s: %w", w.Name, err)
	}
	b.rules = append(b.rules, rulefmt.Rule{
		Record: b.name(w, part, d), Expr: e.String(),
		Labels: map[string]string{"rollout": b.s.Rollout.ID, "service": b.s.Rollout.Service, "metric": w.Name, "arm": arm, "managed_by": managedBy},
	})
	return nil
}

// show returns what is recorded: one series without labels.
func (w watched) show(part, arm string, d time.Duration) (parser.Expr, error) {
	r := w.canary
	if arm == armBaseline {
		r = w.baseline
	}
	view := queries.View{What: queries.ShowValue, Over: model.Duration(d).String()}
	if part == partRequests {
		if w.of != nil {
			return w.of.show(part, arm, d)
		}
		view.What = queries.ShowRate
		if r.Kind == queries.Counter {
			view.What = queries.ShowValue
		}
	}
	text, err := r.Show(view)
	if err != nil {
		return nil, err
	}
	e, err := parse(text)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Kind == queries.Gauge:
		// One value an arm, as the judge takes it: the mean of its processes.
		return &parser.AggregateExpr{Op: parser.AVG, Expr: e}, nil
	case part == partValue && w.of != nil:
		divisor, err := w.of.show(partRequests, arm, d)
		if err != nil {
			return nil, err
		}
		return binary(parser.DIV, e, divisor), nil
	}
	return e, nil
}
