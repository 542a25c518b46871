package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
)

// TestSynthetics ensures that what a plan says is what the runner is given, and that a
// failed run is not paid for twice unless the plan asks for it.
func TestSynthetics(t *testing.T) {
	const text = "service: a\nchecks:\n  - name: x\n    synthetics: { tests: [abc-def-ghi], startUrl: \"{{ .Canary.URL }}/health\", headers: { a: b }, variables: { V: \"{{ .Revision }}\" }, locations: [\"aws:us-east-1\"], within: 3m }\n"
	want := checks.Spec{Name: "x", When: checks.EachLook, Required: true, Synthetics: &checks.Synthetics{
		Tests: []string{"abc-def-ghi"}, StartURL: "{{ .Canary.URL }}/health", Headers: map[string]string{"a": "b"},
		Variables: map[string]string{"V": "{{ .Revision }}"}, Locations: []string{"aws:us-east-1"}, Within: 3 * time.Minute,
	}}
	if diff := cmp.Diff([]checks.Spec{want}, load(t, text).Checks); diff != "" {
		t.Errorf("checks differ (-want +got):\n%s", diff)
	}
	if got := load(t, text+"    retries: 2\n").Checks[0].Retries; got != 2 {
		t.Errorf("retries: got %d, want 2", got)
	}
}
