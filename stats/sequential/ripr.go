package sequential

import "math"

// leastRate is the least predicted rate that is used. At 0 the alternative would
// rule out any bad event of the baseline, and one such event would end the process.
const leastRate = 1e-12

// addConditional adds the factors for the null p_c = A·p_b: with
// θ = A·Nc/(A·Nc+Nb) they are g·Xc - (Xc+Xb)·log(1+θ(e^g-1)).
func addConditional(sums []float64, b *CountBlock, alternatives []tilt) {
	m := b.Xc + b.Xb
	if m == 0 {
		return
	}
	theta := 1 / (1 + b.Nb/(b.Nc*b.A))
	for i, alt := range alternatives {
		sums[i] += alt.g*b.Xc - m*log1p(theta*alt.less)
	}
}

// log1p returns log(1+x) for x > -1. It spends a third of the time of math.Log1p
// where x is small, as it is when the canary has a small part of the traffic.
func log1p(x float64) float64 {
	if x > .12 || x < -.12 {
		return math.Log1p(x)
	}
	// 2·artanh(x/(2+x)); the next term is below 1e-16 of the sum.
	s := x / (2 + x)
	z := s * s
	return 2 * s * (1 + z*(1./3+z*(1./5+z*(1./7+z*(1./9+z*(1./11))))))
}

// projector computes e-values against the line p_c = a·p_b + d with d not 0.
type projector struct {
	b      CountBlock
	a, d   float64
	c0     float64 // the point of the line above π, from which alternatives are measured
	nc, nb float64 // exposures as shares, so that squares of them stay in range
}

// add adds the block's log e-values to sums, one for each alternative.
func (p *projector) add(sums []float64, alternatives []tilt, upward bool) {
	if !p.prepare(upward) {
		return
	}
	for i, alt := range alternatives {
		sums[i] += p.logE(alt.exp)
	}
}

// prepare reports whether the block has an alternative at all. Below the line
// there is none if the line is already at or below 0 at the predicted rate.
// Above it there always is: then the line is taken to be at least a tenth of aπ
// high, for an alternative must be a positive rate; it remains predictable and
// above the line, which is all that the proof asks.
func (p *projector) prepare(upward bool) bool {
	if math.IsNaN(p.b.Pi) || math.IsInf(p.b.Pi, 0) || math.IsNaN(p.d) || math.IsInf(p.d, 0) {
		return false
	}
	p.b.Pi = math.Max(p.b.Pi, leastRate)
	p.c0 = p.a*p.b.Pi + p.d
	if upward {
		p.c0 = math.Max(p.c0, .1*p.a*p.b.Pi)
	}
	if p.c0 < leastRate*leastRate {
		return false
	}
	p.nc = 1 / (1 + p.b.Nb/p.b.Nc)
	p.nb = 1 / (1 + p.b.Nc/p.b.Nb)
	return true
}

// logE returns log e for the alternative c* = c0·factor.
func (p *projector) logE(factor float64) float64 {
	alt := p.c0 * factor
	c, q := p.project(alt)
	e := p.b.Nc*(c-alt) + p.b.Nb*(q-p.b.Pi)
	if p.b.Xc > 0 {
		e += p.b.Xc * math.Log(alt/c)
	}
	if p.b.Xb > 0 {
		e += p.b.Xb * math.Log(p.b.Pi/q)
	}
	return e
}

// project returns the point (c, q) of the line that is nearest to (alt, π) in
// Poisson Kullback–Leibler divergence with the block's exposures. Setting the
// derivative along the line to 0 gives a quadratic, in q or equally in c; the one
// is taken whose constant term is negative, so that exactly one root is positive,
// and the root is written without a difference of near numbers.
func (p *projector) project(alt float64) (c, q float64) {
	pi := p.b.Pi
	if p.d > 0 {
		a2 := p.a * (p.nc*p.a + p.nb)
		a1 := p.nc*p.a*(p.d-alt) + p.nb*(p.d-p.a*pi)
		q = positiveRoot(a2, a1, -p.nb*pi*p.d)
		return p.a*q + p.d, q
	}
	a2 := p.nc*p.a + p.nb
	a1 := -p.nc*p.a*(alt+p.d) - p.nb*(p.a*pi+p.d)
	c = positiveRoot(a2, a1, p.nc*p.a*alt*p.d)
	return c, (c - p.d) / p.a
}

// positiveRoot returns the positive root of a2·x² + a1·x + a0 with a2 > 0 > a0.
func positiveRoot(a2, a1, a0 float64) float64 {
	root := math.Sqrt(a1*a1 - 4*a2*a0)
	if a1 <= 0 {
		return (root - a1) / (2 * a2)
	}
	return -2 * a0 / (a1 + root)
}
