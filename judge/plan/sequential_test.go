package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func parsed(t *testing.T, text string) Plan {
	t.Helper()
	p, err := Parse("p.yaml", []byte("service: checkout\npreset: [istio, kubernetes]\n"+text))
	if err != nil {
		t.Fatalf("got faults, want none:\n%v", err)
	}
	return p
}

// TestSequentialDefaultsLeaveNoTrace ensures that a plan without the section, and one that
// writes the defaults out, are pinned as they were before there was a section.
func TestSequentialDefaultsLeaveNoTrace(t *testing.T) {
	bare := parsed(t, "")
	written := parsed(t, "sequential: { mode: anytime, dispersion: estimated }\nmetrics: [{ name: errors, dispersion: estimated }]\n")
	if bare.Digest() != written.Digest() {
		t.Errorf("got digests %s and %s, want the same", bare.Digest(), written.Digest())
	}
	text, err := json.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"sequential", "dispersion"} {
		if strings.Contains(string(text), `"`+key+`"`) {
			t.Errorf("a plan without the section is pinned with the key %q", key)
		}
	}
	if h := parsed(t, "sequential: { mode: horizon }"); h.Digest() == bare.Digest() {
		t.Error("mode horizon does not change the digest")
	}
}

// TestLooks ensures that the horizon is the deadline, in blocks, the last of which may
// be cut short by it.
func TestLooks(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 0},
		{"sequential: { mode: anytime }", 0},
		{"sequential: { mode: horizon }", 60},
		{"sequential: { mode: horizon }\nmaxDuration: 90m\nblock: 30s", 180},
		{"sequential: { mode: horizon }\nmaxDuration: 61m\nblock: 2m", 31},
		{"sequential: { mode: horizon }\nmaxDuration: 4h", 240},
	} {
		if got := parsed(t, c.text).Looks(); got != c.want {
			t.Errorf("%q: got %d looks, want %d", c.text, got, c.want)
		}
	}
	if got := (Plan{Sequential: Sequential{Mode: Horizon}, MaxDuration: Duration(time.Hour)}).Looks(); got != 0 {
		t.Errorf("without a block: got %d looks, want 0", got)
	}
}

// TestIsExact ensures that a metric's own word wins over the plan's, and that nothing
// but counts is ever exact.
func TestIsExact(t *testing.T) {
	const gauge = "  - { name: load, query: avg(node_load1), dispersion: estimated, weight: 1 }\n"
	for _, c := range []struct{ name, text, want string }{
		{"default", "", ""},
		{"plan", "sequential: { dispersion: exact }", "errors latency client-errors throttling"},
		{"one metric", "metrics: [{ name: errors, dispersion: exact }]", "errors"},
		{"all but one", "sequential: { dispersion: exact }\nmetrics: [{ name: latency, dispersion: estimated }]", "errors client-errors throttling"},
		{"with a gauge that says so", "sequential: { dispersion: exact }\nmetrics:\n" + gauge, "errors latency client-errors throttling"},
	} {
		p := parsed(t, c.text)
		var got []string
		for _, m := range p.Metrics {
			if p.IsExact(m) {
				got = append(got, m.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got exact %v, want %s", c.name, got, c.want)
		}
	}
}

// TestExactConflicts ensures that one metric's exactness is refused beside a promise
// for all pods, and that this is said once.
func TestExactConflicts(t *testing.T) {
	_, err := Parse("p.yaml", []byte("service: a\npreset: istio\nguarantee: all_pods\nmetrics: [{ name: errors, dispersion: exact }, { name: latency, dispersion: exact }]\n"))
	if err == nil || strings.Count(err.Error(), "guarantee:") != 1 {
		t.Errorf("got %v, want one fault of guarantee", err)
	}
	_, err = Parse("p.yaml", []byte("service: a\npreset: istio\nguarantee: these_pods\nmetrics: [{ name: errors, dispersion: exact }]\n"))
	if err != nil {
		t.Errorf("got %v, want no fault", err)
	}
}
