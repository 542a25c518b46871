package judge

import (
	"strings"
	"testing"
)

// TestClockSetBack has looks at which fewer blocks are closed than are frozen: the
// clock was set back. A rollback that was latched stands, and its metric says why.
func TestClockSetBack(t *testing.T) {
	w := newWorld(3)
	w.errors = func(s side, _ int) float64 {
		if s == canary {
			return 0.03
		}
		return 0.002
	}
	was := Evaluate(w.input(30))
	if was.Outcome != Rollback {
		t.Fatalf("got %s, want a rollback to begin with", was.Outcome)
	}
	for closed := range 30 {
		in := w.input(30)
		in.Closed = closed
		if v := Evaluate(in); v.Promotion.Yes {
			t.Errorf("%d of 30 frozen blocks closed: got promotion: %s", closed, v.Promotion.Reason)
		}
		in.Record.Latch = was.Latched
		v := Evaluate(in)
		f := finding(v, "errors")
		if v.Outcome != Rollback || !v.RollBack.Yes || f.Class != Worse || !strings.Contains(f.Reason, was.Latched.Reason) && f.Worse == nil {
			t.Errorf("%d of 30 frozen blocks closed: got %s, roll back %v; errors: %s, %s", closed, v.Outcome, v.RollBack.Yes, f.Class, f.Reason)
		}
	}
}
