package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge"
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

// TestHollowMarginsAreSaid holds that plan check finds a success rate under a name that
// does not tell, by the level that it has.
func TestHollowMarginsAreSaid(t *testing.T) {
	const text = "service: a\nselector: pod=~\"{{ .PodPattern }}\"\nmetrics:\n  - name: share\n    query: sum(rate(answered_total[2m])) / sum(rate(asked_total[2m]))\n"
	p := mustPlan(t, text)
	got := hollow(p, map[string]*judge.Prior{"share": {Rate: 0.997}})
	if len(got) != 1 || !strings.Contains(got[0], "metric share: ") || !strings.Contains(got[0], "write worse: lower") {
		t.Errorf("got %q of a share of 99.7%%, want one fault that says what to write", got)
	}
	if got := hollow(p, map[string]*judge.Prior{"share": {Rate: 0.003}}); len(got) != 0 {
		t.Errorf("got %q of a share of 0.3%%, want none", got)
	}
}

// TestShortLagIsRemarked holds that plan check says where a store's data arrives later than
// the plan waits for it.
func TestShortLagIsRemarked(t *testing.T) {
	for lag, want := range map[string]bool{"": false, "lag: 3m\n": false, "lag: 30s\n": true} {
		p := mustPlan(t, "service: a\nlanguage: cloudwatch\nselector: TargetGroup=\"{{ .Labels.group }}\"\n"+lag+
			"metrics: [{name: slow, query: 'PR(0.5:)(AWS/ApplicationELB:TargetResponseTime)'}]\n")
		var out strings.Builder
		if err := writePlan(&out, p); err != nil || strings.Contains(out.String(), "write at least lag: 3m") != want {
			t.Errorf("%q: got %v and\n%s\nwant a remark: %t", lag, err, out.String(), want)
		}
	}
}
