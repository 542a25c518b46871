package power

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/stats/sequential"
)

// drawn makes paths of one baseline pod against the rest of 20, as a placebo sees them.
func drawn(t *testing.T, metric string) *study {
	t.Helper()
	return newTestStudy(t, labText, metric, Service{RPS: 1000, Share: .05, Baseline: 19, Canary: 1}, 400)
}

// TestCountsAreAsDispersedAsThePrior compares the variance of the drawn errors with φ
// times their mean.
func TestCountsAreAsDispersedAsThePrior(t *testing.T) {
	st := drawn(t, "errors")
	var n, sum, squares float64
	for i := range st.paths {
		p := &st.paths[i]
		mean := st.model.(counts).lucky(p.rate*math.Exp(p.luck*st.arms.luck)) + .01
		one := st.model.canary(newDice(p.seed, 1), p, .01)
		for b, x := range one.X {
			e := x - one.N[b]*mean
			n, sum, squares = n+1, sum+one.N[b]*mean, squares+e*e
		}
	}
	if phi := squares / sum; math.Abs(phi-1.7) > .1 {
		t.Errorf("dispersion: got %.3f over %.0f blocks, want 1.7", phi, n)
	}
}

// TestLatenciesAreAsDispersedAsThePrior learns from drawn arms, one pod against
// nineteen, and compares the dispersion of each bound and the variance of the mean
// with the prior's.
func TestLatenciesAreAsDispersedAsThePrior(t *testing.T) {
	st := drawn(t, "latency")
	l := st.model.(latency)
	width := len(l.bounds)
	var contrast, blocks float64
	excess := make([]float64, width)
	mean := make([]float64, width)
	for i := range st.paths {
		p := &st.paths[i]
		p.luck = 0
		one := st.model.canary(newDice(p.seed, 1), p, 0)
		for b, n := range one.N {
			blocks++
			m := math.Log(one.Sum[b] / n / l.mean)
			contrast += m * m
			for k := range width {
				e := one.Over[b*width+k] - n*st.prior.Streams[k].Exceed
				excess[k] += e * e
				mean[k] += n * st.prior.Streams[k].Exceed
			}
		}
	}
	want := sequential.SeriesPlacebo{Var: st.prior.Series.Var, Pods: st.prior.Pods}.Contrast(1, 19)
	if got := contrast / blocks; got < want*.9 || got > want*1.1 {
		t.Errorf("variance of the mean's contrast: got %.3g, want %.3g", got, want)
	}
	for k, s := range st.prior.Streams {
		if s.Use != "scale" {
			continue
		}
		// The prior's φ has five neighbouring blocks in it, and the baseline's part of the pace.
		pace := (s.Phi - (1 - s.Exceed)) / inflation(l.rho) * (1 + 1./19)
		if got, want := excess[k]/mean[k]-(1-s.Exceed), pace; math.Abs(got-want) > .25*want+.1 {
			t.Errorf("bound %g: got a dispersion of %.2f beyond independence, want %.2f", l.bounds[k], got, want)
		}
	}
}

// TestShape holds the share above a stretched bound to the engine's own interpolation.
func TestShape(t *testing.T) {
	bounds, exceed := []float64{.01, .05, .1, .5}, []float64{.99, .4, .1, .001}
	s := newShape(bounds, exceed)
	for _, h := range []float64{0, .1, .5} {
		got := s.above(nil, h)
		for k, r := range sequential.ShiftRatio(nil, bounds, exceed, math.Expm1(h)) {
			if want := exceed[k] * r; math.Abs(got[k]-want) > 1e-6 {
				t.Errorf("stretched by e^%g: bound %g is exceeded by %v, want %v", h, bounds[k], got[k], want)
			}
		}
	}
	if got := newShape([]float64{1}, []float64{.3}).above(nil, 2); math.Abs(got[0]-.3) > 1e-12 {
		t.Errorf("a single bound: got %v, want no slope", got)
	}
}

// TestOtherMetricsKeepTheirShare holds that the same evidence weighs less where other
// metrics share the error budget.
func TestOtherMetricsKeepTheirShare(t *testing.T) {
	st := drawn(t, "errors")
	v := st.look(st.record(&st.paths[0], .01), 20)
	for _, f := range v.Findings {
		if f.About == judge.AboutMetric && f.Name == "errors" && math.Abs(f.Weight-.25) > 1e-9 {
			t.Errorf("errors: got a share of %v of the error budget, want a quarter", f.Weight)
		}
	}
	var names []string
	for _, m := range st.sim.Metrics {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"errors", "latency", "cpu"}, names); diff != "" {
		t.Errorf("metrics of the simulated plan:\n%s", diff)
	}
	if st.sim.AtDeadline != plan.Hold || st.sim.Limits != nil {
		t.Errorf("the simulated plan: got %+v, want nothing but evidence to decide", st.sim)
	}
}
