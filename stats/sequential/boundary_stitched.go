package sequential

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// PolyStitching is the polynomially stitched boundary, of the order of the law of
// the iterated logarithm, for sub-gamma sums with scale C (0: sub-Gaussian). It
// holds for v from VMin > 0 on; S > 1 and Eta > 1 shape it (1.4 and 2).
type PolyStitching struct{ VMin, C, S, Eta float64 }

// Bound returns the boundary at time v: √(k1²·v·ℓ + (k2·C·ℓ)²) + k2·C·ℓ with
// ℓ = S·log log(η·v/VMin) + log(ζ(S)/(α·log^S η)).
func (p PolyStitching) Bound(v, alpha float64) float64 {
	v = math.Max(v, p.VMin)
	l := p.S*math.Log(math.Log(p.Eta*v/p.VMin)) + math.Log(mathext.Zeta(p.S, 1)/alpha) - p.S*math.Log(math.Log(p.Eta))
	k1, k2 := stitches(p.Eta)
	linear := k2 * p.C * l
	return math.Sqrt(k1*k1*v*l+linear*linear) + linear
}

// stitches returns the constants (η^¼+η^-¼)/√2 and (√η+1)/2.
func stitches(eta float64) (k1, k2 float64) {
	fourth := math.Sqrt(math.Sqrt(eta))
	return (fourth + 1/fourth) / math.Sqrt2, (math.Sqrt(eta) + 1) / 2
}

// DoubleStitching is a boundary for all quantiles and times at once: it bounds
// t·(F̂_t(x) - p) at the p-quantile x, for every p in (0, 1) and every t (Howard &
// Ramdas 2022, Sequential estimation of quantiles with applications to A/B testing
// and best-arm identification). It is tightest for t from TOpt >= 1 on; Delta > 0,
// S > 1 and Eta > 1 shape it (0.5, 1.4, 2).
type DoubleStitching struct{ TOpt, Delta, S, Eta float64 }

// Bound returns the boundary for quantile p after t samples.
func (d DoubleStitching) Bound(p, t, alpha float64) float64 {
	t = math.Max(t, d.TOpt)
	logit := math.Log(p) - math.Log1p(-p)
	r := p
	if p < .5 {
		r = math.Min(.5, expit(logit+2*d.Delta*math.Sqrt(d.TOpt*d.Eta/t)))
	}
	variance := r * (1 - r)
	j := math.Sqrt(t/d.TOpt)*math.Abs(logit)/(2*d.Delta) + 1
	zeta := mathext.Zeta(d.S, 1)
	l := d.S*math.Log(math.Log(d.Eta*t/d.TOpt)) + d.S*math.Log(j) +
		math.Log(2*zeta*(2*zeta+1)/alpha) - d.S*math.Log(math.Log(d.Eta))
	k1, k2 := stitches(d.Eta)
	linear := k2 * (1 - 2*p) / 3 * l
	return d.Delta*math.Sqrt(d.Eta*t*variance/d.TOpt) +
		math.Sqrt(k1*k1*variance*t*l+linear*linear) + linear
}

// EmpiricalProcessLIL bounds the greatest distance between an empirical and the true
// distribution function, over all values and all times at once: after t >= TMin
// samples A·√((log(1+log(t/TMin)) + C)/t), C for the level (Howard & Ramdas 2022).
// A > 1/√2 (0.85) trades early for late tightness. It holds for independent samples
// of one distribution only.
type EmpiricalProcessLIL struct{ TMin, A float64 }

// Bound returns the boundary after t samples, +Inf for t < TMin.
func (e EmpiricalProcessLIL) Bound(t, alpha float64) float64 {
	if t < e.TMin {
		return math.Inf(1)
	}
	return e.A * math.Sqrt((math.Log1p(math.Log(t/e.TMin))+e.constant(alpha))/t)
}

// constant returns the least C whose error, at the best epoch ratio η, is alpha.
func (e EmpiricalProcessLIL) constant(alpha float64) float64 {
	excess := func(c float64) float64 { return e.logError(c) - math.Log(alpha) }
	low, high := 1., 5.
	for excess(high) > 0 {
		low, high = high, 2*high
	}
	return findRoot(excess, around(excess, low, high, 1e-13))
}

// logError returns the log of the least error over η: the error is
// 4·e^(-γC)·(1 + 1/((γ-1)·log η)) with γ = 2/η·(A-√(2(η-1)/C))², where γ > 1.
func (e EmpiricalProcessLIL) logError(c float64) float64 {
	gamma := func(eta float64) float64 {
		root := e.A - math.Sqrt(2*(eta-1)/c)
		if root <= 0 {
			return 0
		}
		return 2 / eta * root * root
	}
	rest := func(eta float64) float64 { return gamma(eta) - 1 }
	top := findRoot(rest, around(rest, 1, 2*e.A*e.A, 1e-15))
	return leastOf(func(eta float64) float64 {
		g := gamma(eta)
		if g <= 1 || eta <= 1 {
			return math.MaxFloat64
		}
		return math.Log(4) - g*c + math.Log1p(1/((g-1)*math.Log(eta)))
	}, 1, top)
}

// leastOf returns the minimum of a function with one valley, by golden sections.
func leastOf(f func(float64) float64, low, high float64) float64 {
	const ratio = .6180339887498949
	a, b := high-ratio*(high-low), low+ratio*(high-low)
	fa, fb := f(a), f(b)
	for high-low > 1e-10*(math.Abs(low)+math.Abs(high)) {
		if fa <= fb {
			high, b, fb = b, a, fa
			a = high - ratio*(high-low)
			fa = f(a)
		} else {
			low, a, fa = a, b, fb
			b = low + ratio*(high-low)
			fb = f(b)
		}
	}
	return math.Min(fa, fb)
}
