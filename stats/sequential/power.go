package sequential

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// RequiredInformation returns V: a regression whose log ratio is Δ beyond the
// margin is found with the given probability once Δ² times the information about
// the log ratio has reached V, at level alpha on any number of looks. It solves
// V - z·√V = b(V), z the power's normal quantile and b the boundary of the one-sided
// normal mixture that is tuned to V. The engines, with their grid, restarts and φ̂,
// take about twice as long at the median, plus a block: use it as a first bracket,
// and simulate (STATISTICS §6). It is NaN unless 0 < alpha < ½ and 0 < power < 1.
func RequiredInformation(alpha, power float64) float64 {
	if !(alpha > 0 && alpha < .5 && power > 0 && power < 1) {
		return math.NaN()
	}
	z := mathext.NormalQuantile(power)
	lack := func(v float64) float64 {
		return NormalMixture{}.Tuned(v, alpha).Bound(v, alpha) - v + z*math.Sqrt(v)
	}
	high := 1.0
	for lack(high) > 0 {
		high *= 2
	}
	return findRoot(lack, around(lack, high/2, high, 1e-9))
}

// CountInformation returns what one block says about the log ratio of two rates:
// 1/φ·[1/(Nc·p_c) + 1/(Nb·p_b)]^-1, with p_b = Pi of the block and p_c = ratio·Pi.
// For events that a fraction S of the requests are, divide by 1-S.
func CountInformation(b CountBlock, ratio, phi float64) float64 {
	c, base := b.Nc*b.Pi*ratio, b.Nb*b.Pi
	if !positive(c) || !positive(base) || !positive(phi) {
		return 0
	}
	return 1 / (1/c + 1/base) / phi
}

// SeriesInformation returns what one block says about the mean contrast:
// (1-ρ)/((1+ρ)·variance).
func SeriesInformation(variance, rho float64) float64 {
	if !positive(variance) {
		return 0
	}
	rho = min(max(rho, 0), greatestRho)
	return (1 - rho) / (1 + rho) / variance
}

// SmallestFound returns the log ratio (or contrast) that is found with the
// probability for which [RequiredInformation] gave required, once so much
// information has come in: margin + √(required/information). +Inf without any.
func SmallestFound(margin, required, information float64) float64 {
	if !(information > 0) {
		return math.Inf(1)
	}
	return margin + math.Sqrt(required/information)
}
