package promql

import (
	"testing"
)

// TestCounting has a case for each rule by which samples become counts.
func TestCounting(t *testing.T) {
	all := cases(t)
	if len(all) < 40 {
		t.Errorf("got %d cases, want all of them", len(all))
	}
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			f := &fake{m: record(c)}
			got := read(t, f, c)
			same(t, got.Processes, c.Want)
			same(t, got.Bounds, c.Bounds)
			same(t, codes(got), c.Notes)
			if t.Failed() {
				t.Log("why this rule:", c.Why)
				t.Log("asked:", f.asked)
			}
		})
	}
}
