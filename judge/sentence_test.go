package judge

import (
	"math"
	"strings"
	"testing"
)

// TestWordsForEvidence ensures that evidence is called decisive where it would roll back
// by itself, so that no finding is "undecided" and "decisive" at once.
func TestWordsForEvidence(t *testing.T) {
	e := &evaluator{v: Verdict{Threshold: math.Log10(20)}}
	for _, c := range []struct {
		odds, weight float64
		want         string
	}{
		{50, 1. / 3, "notable (50:1)"}, {61, 1. / 3, "decisive (61:1)"}, {21, 1, "decisive (21:1)"}, {50, 0, "decisive (50:1)"},
		{4, 1, "weak (4:1)"}, {2, 1, "no"},
	} {
		worse := math.Log10(c.odds)
		if got := e.evidenceWords(Finding{Worse: &worse, Weight: c.weight}); got != c.want {
			t.Errorf("%g:1 with weight %g: got %s, want %s", c.odds, c.weight, got, c.want)
		}
	}
	if got := e.evidenceWords(Finding{}); got != "no" {
		t.Errorf("none: got %s", got)
	}
}

func TestDetailsAreJoinedWithoutHoles(t *testing.T) {
	for _, c := range [][3]string{{"", "", ""}, {"a", "", "a"}, {"", "b", "b"}, {"a", "b", "a; b"}} {
		if got := joinDetails(c[0], c[1]); got != c[2] {
			t.Errorf("%q and %q: got %q", c[0], c[1], got)
		}
	}
}

// TestWarmUpNeedsNoMending ensures that nobody is sent to look for a fault in the query
// while the canary's pods are warming up.
func TestWarmUpNeedsNoMending(t *testing.T) {
	f := finding(Evaluate(newWorld(7).input(2)), "errors")
	if f.Reason != stillWarm || strings.Contains(f.Next, "query") {
		t.Errorf("after 2 blocks: %s, next: %s", f.Reason, f.Next)
	}
	w := newWorld(7)
	w.gap = func(s side, _ int) bool { return s == canary }
	if f := finding(Evaluate(w.input(5)), "errors"); !strings.Contains(f.Next, "query") {
		t.Errorf("no sample: %s, next: %s", f.Reason, f.Next)
	}
}
