package notify

import (
	"context"
	"errors"
	"slices"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/webhooks/notify/picture"
)

// picture draws the metric that a verdict blames. Without one, or with too little of it,
// there is no picture, and that is no error.
func (n *Notices) picture(ctx context.Context, s journal.Summary) (Picture, error) {
	if s.Last == nil {
		return Picture{}, nil
	}
	metric := culprit(s.Last)
	if metric == "" {
		return Picture{}, nil
	}
	rec, err := n.rollouts.Load(ctx, s.Rollout.ID)
	if err != nil {
		return Picture{}, err
	}
	trace := judge.TraceOfRecord(rec, *s.Last)
	png, alt, err := picture.Of(trace, picture.Metric{Name: metric, Tolerated: tolerated(rec.Plan, s.Last, metric)})
	if errors.Is(err, picture.ErrTooLittle) {
		return Picture{}, nil
	}
	return Picture{PNG: png, Alt: alt}, err
}

// tolerated is what a plan tolerates of a metric, as canary over baseline at the
// baseline's value so far; 0 where that is not known.
func tolerated(p plan.Plan, v *judge.Verdict, metric string) float64 {
	i := slices.IndexFunc(p.Metrics, func(m plan.Metric) bool { return m.Name == metric })
	j := slices.IndexFunc(v.Findings, func(f judge.Finding) bool { return f.Name == metric && f.About == judge.AboutMetric && f.Effect != nil })
	if i < 0 || j < 0 {
		return 0
	}
	m, baseline := p.Metrics[i], v.Findings[j].Effect.Baseline
	if m.Tolerance.Absolute != 0 && !(baseline > 0) {
		return 0
	}
	return max(m.Tolerance.Ratio(m.Worse, baseline), 0)
}

// culprit is the metric to blame: what the rollback latched on, or the one with the most
// evidence of harm that counts. Where a check or a limit rolled back, no metric is to
// blame.
func culprit(v *judge.Verdict) string {
	blamed := func(string) bool { return true }
	if v.Latched != nil && len(v.Latched.Metrics) > 0 {
		blamed = func(name string) bool { return slices.Contains(v.Latched.Metrics, name) }
	}
	most, name := 0.0, ""
	for _, f := range v.Findings {
		if f.About == judge.AboutMetric && f.Weight > 0 && f.Worse != nil && *f.Worse > most && blamed(f.Name) {
			most, name = *f.Worse, f.Name
		}
	}
	return name
}
