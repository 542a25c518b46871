package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
)

func TestLoadChecks(t *testing.T) {
	p := load(t, `
service: a
checks:
  - name: load
    load:
      targets: [{ get: "{{ .Arm.URL }}/", headers: { X-A: b } }]
      hosts: [a.test, b.test]
      rate: 20
      duration: 30s
      latency: { tolerance: 20% }
`)
	want := []checks.Spec{{
		Name: "load", When: checks.EachLook, Required: true,
		Load: &checks.Load{
			Targets: []checks.LoadTarget{{Method: "GET", URL: "{{ .Arm.URL }}/", Headers: map[string]string{"X-A": "b"}}},
			Hosts:   []string{"a.test", "b.test"}, Rate: 20, Duration: 30 * time.Second, Warmup: 10 * time.Second, Rounds: 3, Weight: .5,
			Errors:  checks.LoadLimits{Tolerance: checks.Worsening{Relative: .1, Absolute: .0005}, Margin: checks.Worsening{Relative: .5, Absolute: .01}},
			Latency: checks.LoadLimits{Tolerance: checks.Worsening{Relative: .2}, Margin: checks.Worsening{Relative: .5}},
		},
	}}
	if diff := cmp.Diff(want, p.Checks); diff != "" {
		t.Errorf("checks differ (-want +got):\n%s", diff)
	}
}

// TestRoundsOfLoads ensures that more rounds than the level was measured for need a plan
// that estimates nothing.
func TestRoundsOfLoads(t *testing.T) {
	for _, c := range []struct {
		rounds, dispersion, fault string
	}{
		{"3", "estimated", ""},
		{"4", "estimated", "checks[0].load.rounds: 4 are too many where dispersion is estimated"},
		{"10", "exact", ""},
	} {
		_, err := Parse("plan.yaml", []byte(`
service: a
comparison: checks
sequential: { dispersion: `+c.dispersion+` }
checks:
  - name: load
    load: { targets: [{ get: "{{ .Arm.URL }}/" }], hosts: [a.test], rate: 20, duration: 30s, rounds: `+c.rounds+` }
`))
		if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%s rounds, %s: got %v, want %q", c.rounds, c.dispersion, err, c.fault)
		}
	}
}
