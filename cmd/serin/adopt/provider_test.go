package adopt

import (
	"fmt"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// TestProviders ensures that of each of Flagger's providers the built-in checks become
// counts that can be narrowed to either arm, or that the plan says why not.
func TestProviders(t *testing.T) {
	flagger := plan.Arms{
		Baseline: plan.Arm{Namespace: "shop", Workload: "web-primary", PodPattern: "web-primary-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"},
		Canary:   plan.Arm{Namespace: "shop", Workload: "web", PodPattern: "web-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"},
	}
	for _, p := range providers() {
		text := fmt.Sprintf(`kind: Canary
metadata: {name: web, namespace: shop}
spec:
  provider: %s
  targetRef: {name: web, kind: Deployment}
  ingressRef: {name: web-in}
  service: {name: web-svc}
  analysis:
    interval: 1m
    stepWeight: 10
    metrics:
    - {name: request-success-rate, thresholdRange: {min: 99}}
    - {name: request-duration, thresholdRange: {max: 500}}
`, p.names[0])
		got, err := Flagger([]File{{"in.yaml", []byte(text)}}, Options{})
		if err != nil {
			t.Errorf("%s: %v", p.names[0], err)
			continue
		}
		loaded, err := plan.Parse("out.yaml", got[0].Plan)
		if err != nil {
			t.Errorf("%s: %v", p.names[0], err)
			continue
		}
		if p.why != "" {
			if len(loaded.Limits) != 0 {
				t.Errorf("%s: got limits %v, want none", p.names[0], loaded.Limits)
			}
			continue
		}
		if len(loaded.Limits) != 2 {
			t.Errorf("%s: got %d limits, want 2", p.names[0], len(loaded.Limits))
		}
		narrowed(t, p.names[0], loaded, flagger)
		for _, l := range loaded.Limits {
			if l.Metric == "" {
				halfASecond(t, p.names[0], l)
			}
		}
	}
}

// narrowed ensures that errors and latency are counts, and differ between the arms.
func narrowed(t *testing.T, name string, p plan.Plan, arms plan.Arms) {
	t.Helper()
	arms.Baseline.Labels, arms.Canary.Labels = p.Arms.Baseline.Labels, p.Arms.Canary.Labels
	for i, want := range []queries.Kind{queries.Ratio, queries.Histogram} {
		b, err := p.Metrics[i].Scoped(arms.Baseline)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		separates(t, name, p.Metrics[i], arms)
		c, err := p.Metrics[i].Scoped(arms.Canary)
		if err != nil || c.Kind != want || b.Query.Expr == c.Query.Expr {
			t.Errorf("%s: got a %s %s against %s, %v; want a %s that differs between the arms", name, c.Kind, c.Query.Expr, b.Query.Expr, err, want)
		}
	}
}

func halfASecond(t *testing.T, name string, l plan.Limit) {
	t.Helper()
	seconds := *l.Above
	if l.Unit == "ms" {
		seconds /= 1000
	}
	if seconds != 0.5 {
		t.Errorf("%s: got a limit of %v %s, want 500 ms", name, *l.Above, l.Unit)
	}
}
