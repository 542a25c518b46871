package notify

import (
	"context"
	"errors"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
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
	png, alt, err := picture.Of(judge.TraceOfRecord(rec, *s.Last), metric)
	if errors.Is(err, picture.ErrTooLittle) {
		return Picture{}, nil
	}
	return Picture{PNG: png, Alt: alt}, err
}

// culprit is the metric to blame: what the rollback latched on, or what is proven worse,
// or the one with the most evidence of harm.
func culprit(v *judge.Verdict) string {
	metrics := map[string]bool{}
	most, name := 0.0, ""
	for _, f := range v.Findings {
		if f.About != judge.AboutMetric {
			continue
		}
		metrics[f.Name] = true
		if f.Worse != nil && (name == "" || *f.Worse > most) {
			most, name = *f.Worse, f.Name
		}
	}
	if v.Latched != nil {
		for _, m := range v.Latched.Metrics {
			if metrics[m] {
				return m
			}
		}
	}
	return name
}
