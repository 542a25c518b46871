package plan

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
)

func TestChecks(t *testing.T) {
	p := load(t, `
service: a
checks:
  - name: home
    http: { get: "{{ .Canary.URL }}/health", json: { status: ok, n: 1 }, within: 300ms }
  - name: write
    when: at-end
    required: false
    critical: true
    retries: 3
    http: { method: REPORT, url: "http://{{ .Baseline.Workload }}/x", status: [200, 202], headers: { A: b }, body: "{}" }
`)
	want := []checks.Spec{
		{Name: "home", When: checks.EachLook, Required: true, Retries: 1, HTTP: &checks.HTTP{
			Method: "GET", URL: "{{ .Canary.URL }}/health", Status: []int{200}, JSON: map[string]any{"status": "ok", "n": 1.0}, Within: 300 * time.Millisecond,
		}},
		{Name: "write", When: checks.AtEnd, Critical: true, Retries: 3, HTTP: &checks.HTTP{
			Method: "REPORT", URL: "http://{{ .Baseline.Workload }}/x", Status: []int{200, 202}, Headers: map[string]string{"A": "b"}, Body: "{}",
		}},
	}
	if diff := cmp.Diff(want, p.Checks); diff != "" {
		t.Errorf("checks differ (-want +got):\n%s", diff)
	}
}

func TestDigest(t *testing.T) {
	a := load(t, "service: checkout\npreset: istio\n")
	b := load(t, "# the same\npreset: [istio]\nservice: 'checkout'\nmaxDuration: 1h\n")
	c := load(t, "service: checkout\npreset: istio\nmaxDuration: 61m\n")
	if a.Digest() != b.Digest() || len(a.Digest()) != 64 {
		t.Errorf("got digests %s and %s of one plan, want them equal", a.Digest(), b.Digest())
	}
	if a.Digest() == c.Digest() {
		t.Errorf("got one digest of two plans")
	}
	if got := (Plan{Alpha: math.NaN()}).Digest(); got != "" {
		t.Errorf("got digest %q of a plan that cannot be written, want none", got)
	}
}
