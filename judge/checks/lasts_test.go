package checks_test

import (
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// TestLasts ensures that a check that is done as work of its own is given the time that
// its attempts, pauses and runs can take.
func TestLasts(t *testing.T) {
	http := &checks.HTTP{Within: 5 * time.Second}
	const pause = 250 * time.Millisecond
	for name, c := range map[string]struct {
		spec checks.Spec
		want time.Duration
		long bool
	}{
		"an HTTP check as plans have it":  {checks.Spec{HTTP: &checks.HTTP{}, Retries: 1}, 2 * (10*time.Second + pause), false},
		"its own limit":                   {checks.Spec{HTTP: http}, 5*time.Second + pause, false},
		"three runs with a retry each":    {checks.Spec{HTTP: http, Retries: 1, Repeat: 3}, 6 * (5*time.Second + pause), false},
		"a total bounds all":              {checks.Spec{HTTP: http, Repeat: 100, Total: 20 * time.Second}, 20 * time.Second, false},
		"a long total":                    {checks.Spec{HTTP: http, Total: 31 * time.Second}, 31 * time.Second, true},
		"the steps of a journey":          {checks.Spec{Journey: &checks.Journey{Steps: []checks.Step{{HTTP: *http}}, Cleanup: []checks.Step{{}}}}, 15*time.Second + pause, false},
		"a journey of more than a minute": {checks.Spec{Journey: &checks.Journey{Steps: make([]checks.Step, 20)}}, time.Minute + pause, false},
		"tests that Datadog runs":         {checks.Spec{Synthetics: &checks.Synthetics{}}, 5*time.Minute + pause, true},
		"a gate of Datadog":               {checks.Spec{DatadogGate: &checks.DatadogGate{Within: time.Minute}}, time.Minute + pause, true},
		"a load with its last answer":     {checks.Spec{Load: &checks.Load{Warmup: 10 * time.Second, Duration: time.Minute}}, 81 * time.Second, true},
	} {
		if got := c.spec.Lasts(); got != c.want || c.spec.Long() != c.long {
			t.Errorf("%s: got %s and long %v, want %s and %v", name, got, c.spec.Long(), c.want, c.long)
		}
	}
}
