package main

import (
	"fmt"
	"testing"
)

// TestUnitsAreShown holds how plan check shows a metric's unit: as it was guessed from the
// metric's name, as the plan says, or not at all.
func TestUnitsAreShown(t *testing.T) {
	const quantile = "'histogram_quantile(0.99, sum by (le) (rate(%s_bucket[2m])))'"
	for _, c := range []struct{ name, metric, more, want string }{
		{"guessed", "http_request_duration_seconds", "", "s (by its name)"},
		{"guessed in milliseconds", "istio_request_duration_milliseconds", "", "ms (by its name)"},
		{"overridden", "http_request_duration_seconds", "    unit: ms\n", "ms"},
		{"written where the name says nothing", "latency", "    unit: us\n", "us"},
		{"not known", "latency", "", "–"},
	} {
		p := mustPlan(t, "service: a\nselector: pod=~\"{{ .PodPattern }}\"\nmetrics:\n  - name: latency\n    query: "+fmt.Sprintf(quantile, c.metric)+"\n"+c.more)
		if got := unit(p.Metrics[0]); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
