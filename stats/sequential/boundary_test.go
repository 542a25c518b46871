package sequential

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestBoundariesAreCrossedByTheirMixtures checks each mixture at its own bound, and
// that less error costs more.
func TestBoundariesAreCrossedByTheirMixtures(t *testing.T) {
	for name, b := range map[string]interface {
		LogE(s, v float64) float64
		Bound(v, alpha float64) float64
	}{
		"normal":            NormalMixture{}.Tuned(100, .05),
		"normal, two sides": NormalMixture{TwoSided: true}.Tuned(100, .05),
		"gamma-exponential": GammaExponential{C: .5}.Tuned(100, .05),
		"gamma-Poisson":     GammaPoisson{C: .5}.Tuned(100, .05),
		"beta-binomial":     BetaBinomial{G: .2, H: .8}.Tuned(100, .05),
		"beta, two sides":   BetaBinomial{G: .2, H: .8, TwoSided: true}.Tuned(100, .05),
	} {
		for _, v := range []float64{5, 100, 3000} {
			loose, tight := b.Bound(v, .05), b.Bound(v, .001)
			near(t, name, b.LogE(loose, v), math.Log(20), 1e-6)
			if tight <= loose {
				t.Errorf("%s at %g: bound %g at 0.1 %%, %g at 5 %%", name, v, tight, loose)
			}
		}
		if e := b.LogE(-1e6, 5); math.IsNaN(e) || e > 0 && !strings.Contains(name, "two sides") {
			t.Errorf("%s: far on the other side log E is %g", name, e)
		}
	}
}

func TestNormalMixtureFarBelow(t *testing.T) {
	n := NormalMixture{Rho: 10}
	// Continuous where the logarithm of the tail is taken over by its expansion.
	edge := -25 * math.Sqrt(2*(50.+10))
	if a, b := n.LogE(edge*.9999, 50), n.LogE(edge*1.0001, 50); math.Abs(a-b) > 1e-3 || b > a {
		t.Errorf("log E jumps from %g to %g", a, b)
	}
}

func TestBernoulliSequenceIsWiderThanOneLook(t *testing.T) {
	low, high := BernoulliSequence{100, .05}.Interval(50, 1000, .05)
	if !(low < .037 && low > .02 && high > .065 && high < .1) {
		t.Errorf("50 of 1000: (%.4f, %.4f)", low, high)
	}
	if low, high := (BernoulliSequence{100, .05}).Interval(50, 50, .05); high != 1 || low < .8 {
		t.Errorf("50 of 50: (%.4f, %.4f)", low, high)
	}
}

func TestEmpiricalProcessStarts(t *testing.T) {
	e := EmpiricalProcessLIL{TMin: 100, A: .85}
	if got := e.Bound(99, .05); !math.IsInf(got, 1) {
		t.Errorf("before TMin: got %g, want +Inf", got)
	}
	if a, b := e.Bound(100, .05), e.Bound(1000, .05); b >= a {
		t.Errorf("bound grows from %g to %g", a, b)
	}
}

func TestMultinomialRefuses(t *testing.T) {
	for name, got := range map[string]float64{
		"lengths":        DirichletMultinomial([]float64{1}, []float64{1, 2}, 100),
		"negative":       DirichletMultinomial([]float64{.5, .5}, []float64{-1, 2}, 100),
		"NaN":            DirichletMultinomial([]float64{.5, math.NaN()}, []float64{1, 2}, 100),
		"impossible":     DirichletMultinomial([]float64{0, 1}, []float64{1, 2}, 100),
		"no counts":      DirichletMultinomial([]float64{.5, .5}, []float64{0, 0}, 100),
		"k":              DirichletMultinomial([]float64{.5, .5}, []float64{1, 1}, 0),
		"share":          TwoArmMultinomial([]float64{1}, []float64{1}, 1, 100),
		"arms' lengths":  TwoArmMultinomial([]float64{1}, nil, .5, 100),
		"negative count": TwoArmMultinomial([]float64{-1}, []float64{1}, .5, 100),
	} {
		if got != 0 {
			t.Errorf("%s: log E %g, want 0", name, got)
		}
	}
	if e := DirichletMultinomial([]float64{.5, .5, 0}, []float64{5, 5, 0}, 100); math.IsNaN(e) || e > 0 {
		t.Errorf("an empty impossible category: log E %g", e)
	}
}

// TestMultinomialExpectation enumerates ten draws over three categories.
func TestMultinomialExpectation(t *testing.T) {
	theta := []float64{.5, .3, .2}
	const n = 10
	one, two := 0.0, 0.0
	for a := range n + 1 {
		for b := range n + 1 - a {
			x := []float64{float64(a), float64(b), float64(n - a - b)}
			logP := lgamma(n + 1)
			for i := range x {
				logP += xlogy(x[i], theta[i]) - lgamma(x[i]+1)
			}
			one += math.Exp(logP + DirichletMultinomial(theta, x, 10))
		}
	}
	near(t, "one arm", one, 1, 1e-9)
	for xc, p := range poissonLaw(2) {
		for xb, q := range poissonLaw(6) {
			two += p * q * math.Exp(TwoArmMultinomial([]float64{float64(xc)}, []float64{float64(xb)}, .25, 100))
		}
	}
	near(t, "two arms", two, 1, 1e-6)
}

func TestLongRunAtTheEdges(t *testing.T) {
	if l := LongRunVariance(nil); l.N != 0 || l.Mean != 0 || l.ESS != 0 {
		t.Errorf("nothing: got %+v", l)
	}
	if l := LongRunVariance([]float64{1, 2, 3}); l.N != 3 || l.Mean != 2 || l.Gamma0 != 0 {
		t.Errorf("three values: got %+v", l)
	}
	if l := LongRunVariance(ones(20)); l.Gamma0 != 0 || l.ESS != 20 || l.GeyerMonotone != 0 {
		t.Errorf("constant: got %+v", l)
	}
	swing := make([]float64, 40)
	for i := range swing {
		swing[i] = float64(i%2)*2 - 1
	}
	if l := LongRunVariance(swing); !(l.ESS > 0) || math.IsNaN(l.NeweyWest) {
		t.Errorf("alternating: got %+v", l)
	}
}

// TestGeyerSequences looks for series whose pairs of autocovariances rise again: there
// the monotone sum must be less.
func TestGeyerSequences(t *testing.T) {
	less := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		e := make([]float64, 205)
		for i := range e {
			e[i] = r.NormFloat64()
		}
		d := make([]float64, 200)
		for i := range d {
			d[i] = e[i] + e[i+5]
		}
		l := LongRunVariance(d)
		if l.GeyerMonotone > l.GeyerPositive+1e-12 {
			t.Fatalf("seed %d: monotone %g, positive %g", seed, l.GeyerMonotone, l.GeyerPositive)
		}
		if l.GeyerMonotone < l.GeyerPositive*.99 {
			less++
		}
	}
	if less == 0 {
		t.Error("no series tells the two sequences apart")
	}
}
