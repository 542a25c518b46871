package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
)

func gatePlan(gate string) string {
	return "service: checkout\ncomparison: checks\nchecks:\n  - name: gate\n    datadogGate: " + gate + "\n"
}

func TestDatadogGate(t *testing.T) {
	p, err := Parse("p.yaml", []byte(gatePlan(`{ env: prod, version: "{{ .Canary.Version }}", monitors: "service:checkout env:prod", faulty: true, within: 3m }`)))
	if err != nil {
		t.Fatal(err)
	}
	want := &checks.DatadogGate{Env: "prod", Version: "{{ .Canary.Version }}", Monitors: "service:checkout env:prod", Faulty: true, Within: 3 * time.Minute}
	if d := cmp.Diff(want, p.Checks[0].DatadogGate); d != "" || p.Checks[0].Retries != 0 {
		t.Errorf("got %d retries, and (-want +got):\n%s", p.Checks[0].Retries, d)
	}
	for gate, want := range map[string]string{
		`{ service: checkout }`:                          "env",
		`{ env: "" }`:                                    "env",
		`{ env: "{{ .Nothing }}" }`:                      "Nothing",
		`{ env: prod, monitors: "*" }`:                   "finds every monitor or none",
		`{ env: prod, identifier: a, faulty: true }`:     "keep identifier, or monitors and faulty",
		`{ env: prod, identifier: a, monitors: "tag:a"}`: "keep identifier, or monitors and faulty",
		`{ env: prod, monitor: "tag:a"}`:                 "monitor",
		`{ env: prod, within: 1h }`:                      "within",
	} {
		if _, err := Parse("p.yaml", []byte(gatePlan(gate))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", gate, err, want)
		}
	}
}
