package notify

import (
	"testing"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
)

// An innocent metric is not shown as what failed.
func TestWhoIsToBlame(t *testing.T) {
	metric := func(name string, weight, worse float64) judge.Finding {
		return judge.Finding{Name: name, About: judge.AboutMetric, Weight: weight, Worse: &worse}
	}
	latched := func(names ...string) *judge.Latch { return &judge.Latch{Metrics: names} }
	check := judge.Finding{Name: "health", About: judge.AboutCheck, Class: judge.CheckFailed, RollsBack: true}
	for name, c := range map[string]struct {
		verdict judge.Verdict
		want    string
	}{
		"what it latched on": {judge.Verdict{Latched: latched("latency"), Findings: []judge.Finding{metric("errors", 0.5, 1.2), metric("latency", 0.5, 1.1)}}, "latency"},
		"the most evidence": {judge.Verdict{Latched: latched("latency", "errors"), Findings: []judge.Finding{metric("latency", 0.5, 1.1), metric("errors", 0.5, 1.2)}},
			"errors"},
		"a check":          {judge.Verdict{Latched: latched("health"), Findings: []judge.Finding{metric("errors", 0.5, 0.4), check}}, ""},
		"a deadline":       {judge.Verdict{Findings: []judge.Finding{metric("errors", 0.5, 0.4), metric("latency", 0.5, 0.2)}}, "errors"},
		"a policy":         {judge.Verdict{Latched: latched(), Findings: []judge.Finding{metric("errors", 0.5, 0.4)}}, "errors"},
		"no evidence":      {judge.Verdict{Findings: []judge.Finding{metric("errors", 0.5, -0.3)}}, ""},
		"no consequences":  {judge.Verdict{Findings: []judge.Finding{metric("cpu", 0, 3)}}, ""},
		"nothing is known": {judge.Verdict{}, ""},
	} {
		if got := culprit(&c.verdict); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestWhatIsTolerated(t *testing.T) {
	for name, c := range map[string]struct {
		metric   plan.Metric
		baseline float64
		want     float64
	}{
		"relative":                     {plan.Metric{Tolerance: plan.Margin{Relative: 0.25}}, 0.01, 1.25},
		"and absolute":                 {plan.Metric{Tolerance: plan.Margin{Relative: 0.25, Absolute: 0.005}}, 0.01, 1.75},
		"absolute, of nothing":         {plan.Metric{Tolerance: plan.Margin{Absolute: 0.005}}, 0, 0},
		"worse when lower":             {plan.Metric{Tolerance: plan.Margin{Relative: 0.25}, Worse: plan.Lower}, 0.01, 0.75},
		"another metric of the plan's": {plan.Metric{Name: "other", Tolerance: plan.Margin{Relative: 0.25}}, 0.01, 0},
	} {
		v := judge.Verdict{Findings: []judge.Finding{{About: judge.AboutMetric, Effect: &judge.Effect{Baseline: c.baseline}}}}
		if got := tolerated(plan.Plan{Metrics: []plan.Metric{c.metric}}, &v, ""); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
