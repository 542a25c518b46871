package judge

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
)

// TestHollowMargin holds that a margin which no canary could cross proves nothing: a
// success rate taken for errors, and a share so low that its margin allows none at all.
func TestHollowMargin(t *testing.T) {
	for _, c := range []struct {
		name           string
		worse          plan.Direction
		base, canaryAt float64
		edition        int
		outcome        Outcome
		class          Class
	}{
		{"successes taken for errors", plan.Higher, 0.997, 0.506, plan.Edition, Continue, CannotJudge},
		{"the same, pinned before the rule", plan.Higher, 0.997, 0.506, 0, Promote, NotWorse},
		{"errors of most requests in both arms", plan.Higher, 0.7, 0.7, plan.Edition, Continue, CannotJudge},
		{"errors below the boundary", plan.Higher, 0.02, 0.02, plan.Edition, Promote, NotWorse},
		{"a share of half a percent that fell to nothing", plan.Lower, 0.005, 0, plan.Edition, Rollback, Worse},
		{"a share of half a percent that did not", plan.Lower, 0.005, 0.005, plan.Edition, Continue, CannotJudge},
		{"a share of a tenth", plan.Lower, 0.1, 0.1, plan.Edition, Promote, NotWorse},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(41)
			w.errors = canaryOnly(c.canaryAt, c.base)
			in := w.input(40)
			in.Record.Plan.Edition = c.edition
			m := &in.Record.Plan.Metrics[0]
			if m.Worse = c.worse; c.worse == plan.Lower {
				m.Kind = plan.Proportion
			}
			v := Evaluate(in)
			f := finding(v, "errors")
			if v.Outcome != c.outcome || f.Class != c.class {
				t.Errorf("got %v and class %q (%s), want %v and %q", v.Outcome, f.Class, f.Reason, c.outcome, c.class)
			}
			if c.class == CannotJudge && !strings.Contains(f.Reason, "every canary would pass") {
				t.Errorf("the reason is %q, which does not say that every canary would pass", f.Reason)
			}
		})
	}
}

// TestHollowMarginAtTheDeadline holds that a deadline does not promote by it either.
func TestHollowMarginAtTheDeadline(t *testing.T) {
	w := newWorld(42)
	w.errors = canaryOnly(0.506, 0.997)
	in := w.input(70)
	in.Record.Plan.AtDeadline = plan.Promote
	if v := Evaluate(in); v.Outcome != Inconclusive || v.Promotion.Yes {
		t.Errorf("got %v, promotion %+v; want inconclusive, and no", v.Outcome, v.Promotion)
	}
}
