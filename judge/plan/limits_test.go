package plan

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/queries"
)

// TestPresetLimits ensures that the default limits are those of the design.
func TestPresetLimits(t *testing.T) {
	p := load(t, "service: a\npreset: [istio, kubernetes]\n")
	type row struct {
		Name, Metric           string
		Above, Below           float64
		Blocks                 int
		Each, Growth, Fraction bool
	}
	var got []row
	for _, l := range p.Limits {
		r := row{l.Name, l.Metric, math.NaN(), math.NaN(), l.Blocks, l.Each, l.Growth, l.Fraction}
		if l.Above != nil {
			r.Above = *l.Above
		}
		if l.Below != nil {
			r.Below = *l.Below
		}
		got = append(got, r)
	}
	no := math.NaN()
	want := []row{
		{"crash-loop", "", 1, no, 1, true, true, false},
		{"oom-kill", "", 0, no, 1, true, false, false},
		{"ready-pods", "", no, 50, 5, false, false, false},
		{"throttled", "throttling", 0.25, no, 2, false, false, false},
	}
	nan := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
	if diff := cmp.Diff(want, got, nan); diff != "" {
		t.Errorf("limits differ (-want +got):\n%s", diff)
	}
}

// TestMergeOfLimits ensures that the other way of saying a bound is gone.
func TestMergeOfLimits(t *testing.T) {
	p := load(t, `
service: a
preset: [istio, kubernetes]
limits:
  - { name: throttled, metric: errors, above: 30% }
  - { name: ready-pods, below: 80 percent, blocks: 4 }
  - { name: crash-loop, enabled: false }
  - { name: oom-kill, query: sum by (pod) (oom_total), selector: 'pod=~"{{ .PodPattern }}"', above: 2 }
`)
	if l := limit(t, p, "throttled"); l.Metric != "errors" || *l.Above != 0.3 || l.Unit != "ratio" {
		t.Errorf("got %+v, want a bound of 30%% on errors", l)
	}
	if l := limit(t, p, "ready-pods"); *l.Below != 80 || l.Blocks != 4 || l.Unit != "percent" {
		t.Errorf("got %+v, want 80 percent in 4 blocks", l)
	}
	if l := limit(t, p, "oom-kill"); *l.Above != 2 || l.Query.Expr != "sum by (pod) (oom_total)" || !l.Each || l.Unit != "" {
		t.Errorf("got %+v, want the plan's query and no unit", l)
	}
	if len(p.Limits) != 3 {
		t.Errorf("got %d limits, want 3 without the one that was dropped", len(p.Limits))
	}
}

func TestLimitQueries(t *testing.T) {
	p := load(t, `
service: a
preset: http
limits:
  - { name: p99, query: 'histogram_quantile(0.99, sum by (le) (rate(x_seconds_bucket[2m])))', above: 1500ms }
  - { name: jobs, query: 'sum(rate(jobs_failed_total[2m]))', growth: true, above: 10 }
  - { name: memory, query: max by (pod) (rss), unit: bytes, above: 2GiB, each: true }
`)
	if l := limit(t, p, "p99"); *l.Above != 1.5 || l.Unit != "s" || l.Reading.Kind != queries.Gauge || l.Blocks != 2 {
		t.Errorf("got %+v, want 1.5 s of a value in 2 blocks", l)
	}
	if l := limit(t, p, "jobs"); *l.Above != 10 || l.Reading.Kind != queries.Counter || l.Blocks != 1 {
		t.Errorf("got %+v, want growth of 10 in 1 block", l)
	}
	if l := limit(t, p, "memory"); *l.Above != 2<<30 || !l.Each {
		t.Errorf("got %+v, want 2 GiB", l)
	}
}
