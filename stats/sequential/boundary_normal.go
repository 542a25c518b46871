package sequential

import "math"

// Boundaries for sums of independent increments, in intrinsic time v (the sum of
// their variances or of a bound on them): with probability 1-α the sum s stays
// below Bound(v, α) for all v at once. They are the known alternatives to the
// engines of this package, for exact modes and for planning; Tuned makes one
// tightest near a given v and α.
//
// Source of all: Howard, Ramdas, McAuliffe & Sekhon 2021, Time-uniform,
// nonparametric, nonasymptotic confidence sequences (Annals of Statistics).

// NormalMixture mixes the exponential supermartingale of a sub-Gaussian sum over a
// normal distribution with precision Rho (Robbins 1970, Statistical methods related
// to the law of the iterated logarithm), or over its positive half.
type NormalMixture struct {
	Rho      float64 // > 0, in units of v
	TwoSided bool    // for |s|; else for s
}

// Tuned returns the mixture with the best Rho for v > 0 and 0 < alpha < ½.
func (n NormalMixture) Tuned(v, alpha float64) NormalMixture {
	n.Rho = bestRho(v, alpha, n.TwoSided)
	return n
}

// bestRho returns v/(2·log(1/α) + log(1+2·log(1/α))), with 2α for one side.
func bestRho(v, alpha float64, twoSided bool) float64 {
	if !twoSided {
		alpha *= 2
	}
	l := -2 * math.Log(alpha)
	return v / (l + math.Log1p(l))
}

// LogE returns the natural log of the mixture for the sum s at time v >= 0:
// ½log(ρ/(v+ρ)) + s²/(2(v+ρ)), one-sided with log 2Φ(s/√(v+ρ)) added.
func (n NormalMixture) LogE(s, v float64) float64 {
	w := v + n.Rho
	e := .5*math.Log(n.Rho/w) + s*s/(2*w)
	if n.TwoSided {
		return e
	}
	z := -s / math.Sqrt(2*w)
	if z > 25 {
		// erfc underflows; z·√π·e^z²·erfc(z) = 1 - 1/(2z²) + …
		return .5*math.Log(n.Rho/w) - math.Log(z*math.Sqrt(math.Pi)) + math.Log1p(-.5/(z*z))
	}
	return e + math.Log(math.Erfc(z))
}

// Bound returns the boundary at time v: √((v+ρ)(log(1+v/ρ)+2·log(1/α))) for two
// sides, and the root of LogE for one.
func (n NormalMixture) Bound(v, alpha float64) float64 {
	two := math.Sqrt((v + n.Rho) * (math.Log1p(v/n.Rho) - 2*math.Log(alpha)))
	if n.TwoSided {
		return two
	}
	return mixtureBound(n.LogE, v, alpha, math.Inf(1))
}

// mixtureBound returns the s >= 0 at which logE reaches log 1/α, or most if it does
// not before.
func mixtureBound(logE func(s, v float64) float64, v, alpha, most float64) float64 {
	excess := func(s float64) float64 { return logE(s, v) + math.Log(alpha) }
	high := math.Min(math.Max(v, 1), most)
	for excess(high) < 0 {
		if high >= most || high > 1e300 {
			return high
		}
		high = math.Min(2*high, most)
	}
	return findRoot(excess, around(excess, 0, high, 1e-13))
}
