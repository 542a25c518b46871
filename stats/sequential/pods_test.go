package sequential

import (
	"math"
	"testing"
)

func TestRollbackMargin(t *testing.T) {
	tolerance := math.Log(1.1)
	for _, c := range []struct {
		name   string
		pods   Pods
		kc, kb float64
		want   float64
	}{
		{"the tolerance absorbs the luck", Pods{Sigma: .03, DF: 18, Default: .05}, 1, 19, tolerance},
		{"the luck is greater", Pods{Sigma: .10, DF: 18, Default: .05}, 1, 19, 2.39 * .10 * math.Sqrt(1+1./19)},
		{"more canary pods", Pods{Sigma: .10, DF: 18, Default: .05}, 4, 16, 2.39 * .10 * math.Sqrt(1./4+1./16)},
		{"not estimated", Pods{Default: .05}, 1, 19, 2.39 * .05 * math.Sqrt(1+1./19)},
		// t_4 has its 99.16 % point at 3.946.
		{"few pods, default", Pods{Sigma: .01, DF: 4, Default: .05}, 1, 5, 3.946 * .05 * math.Sqrt(1.2)},
		{"few pods, their own", Pods{Sigma: .20, DF: 4, Default: .05}, 1, 5, 3.946 * .20 * math.Sqrt(1.2)},
		// t_2: 7.607; one degree of freedom counts as two.
		{"two pods", Pods{Sigma: .01, DF: 1, Default: .05}, 1, 2, 7.607 * .05 * math.Sqrt(1.5)},
		{"no luck", Pods{}, 1, 1, tolerance},
		{"no canary pod", Pods{Default: .05}, 0, 19, math.Inf(1)},
	} {
		if got := c.pods.RollbackMargin(tolerance, c.kc, c.kb, 2.39); math.Abs(got-c.want) > 2e-3*c.want && got != c.want {
			t.Errorf("%s: got %.4f, want %.4f", c.name, got, c.want)
		}
	}
}

func TestPromoteMargin(t *testing.T) {
	p := Pods{Sigma: .1, DF: 18}
	near(t, "margin", p.PromoteMargin(math.Log(1.5), 1, 19, 1.64), math.Log(1.5)-.164*math.Sqrt(1+1./19), 1e-12)
	if got := (Pods{Sigma: .4, DF: 18}).PromoteMargin(math.Log(1.5), 1, 19, 1.64); got >= 0 {
		t.Errorf("very different pods: got %.3f, want a margin that certifies nothing", got)
	}
	if got := (Pods{Default: .05}).PromoteMargin(math.Log(1.5), 0, 19, 1.64); !math.IsInf(got, -1) {
		t.Errorf("no canary pod: got %g, want -Inf", got)
	}
}

func TestPodsNeeded(t *testing.T) {
	for _, c := range []struct {
		name   string
		pods   Pods
		margin float64
		kb     float64
		want   int
	}{
		{"one is enough", Pods{Sigma: .1, DF: 18}, math.Log(1.5), 19, 1},
		{"three", Pods{Sigma: .38, DF: 18}, math.Log(1.5), 19, 3},
		{"the baseline is too small", Pods{Sigma: .4, DF: 18}, math.Log(1.5), 2, 0},
		{"no margin", Pods{Sigma: .1, DF: 18}, 0, 19, 0},
		{"NaN", Pods{Sigma: .1, DF: 18}, math.NaN(), 19, 0},
		{"no baseline pod", Pods{Sigma: .1, DF: 18}, 1, 0, 0},
		{"no luck", Pods{}, .1, 1, 1},
	} {
		got := c.pods.PodsNeeded(c.margin, c.kb, 1.64)
		if got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
		if got > 0 && c.pods.PromoteMargin(c.margin, float64(got), c.kb, 1.64) <= 0 {
			t.Errorf("%s: %d pods still have no margin", c.name, got)
		}
		if got > 1 && c.pods.PromoteMargin(c.margin, float64(got-1), c.kb, 1.64) > 0 {
			t.Errorf("%s: fewer than %d pods would do", c.name, got)
		}
	}
}

func TestEffectivePods(t *testing.T) {
	for _, c := range []struct {
		n    []float64
		want float64
	}{
		{[]float64{5, 5, 5}, 3},
		{[]float64{1, 0, 0}, 1},
		{[]float64{2, 1}, 1.8},
		{[]float64{1e300, 1e300}, 2},
		{[]float64{3, math.NaN(), -1, math.Inf(1)}, 1},
		{nil, 0},
	} {
		if got := EffectivePods(c.n); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v: got %g, want %g", c.n, got, c.want)
		}
	}
}
