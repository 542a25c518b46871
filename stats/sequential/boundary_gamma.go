package sequential

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// GammaExponential is the one-sided mixture for sub-exponential sums with scale C
// (of which sums of increments bounded by C from above are an example).
type GammaExponential struct {
	Rho float64 // > 0, in units of v
	C   float64 // > 0, in units of s
}

// Tuned returns the mixture with the best Rho for v > 0 and 0 < alpha < ½.
func (g GammaExponential) Tuned(v, alpha float64) GammaExponential {
	g.Rho = bestRho(v, alpha, false)
	return g
}

// LogE returns the natural log of the mixture for the sum s at time v >= 0. With
// ρ' = ρ/C², v' = v/C², s' = s/C and P the regularised lower gamma function it is
// ρ'·log ρ' - logΓ(ρ') - log P(ρ',ρ') + logΓ(v'+ρ') + log P(v'+ρ', s'+v'+ρ')
// - (v'+ρ')·log(s'+v'+ρ') + s'+v'. It is -Inf for s below -(v+ρ)/C.
func (g GammaExponential) LogE(s, v float64) float64 {
	rho, t, s := g.Rho/(g.C*g.C), v/(g.C*g.C), s/g.C
	at := s + t + rho
	if at <= 0 {
		return math.Inf(-1)
	}
	lead := rho*math.Log(rho) - lgamma(rho) - math.Log(mathext.GammaIncReg(rho, rho))
	return lead + lgamma(t+rho) + math.Log(mathext.GammaIncReg(t+rho, at)) - (t+rho)*math.Log(at) + s + t
}

// Bound returns the boundary at time v >= 0.
func (g GammaExponential) Bound(v, alpha float64) float64 {
	return mixtureBound(g.LogE, v, alpha, math.Inf(1))
}

// GammaPoisson is the one-sided mixture for sub-Poisson sums with scale C, such as
// sums of increments bounded by C on both sides.
type GammaPoisson struct {
	Rho float64 // > 0, in units of v
	C   float64 // > 0, in units of s
}

// Tuned returns the mixture with the best Rho for v > 0 and 0 < alpha < ½.
func (g GammaPoisson) Tuned(v, alpha float64) GammaPoisson {
	g.Rho = bestRho(v, alpha, false)
	return g
}

// LogE returns the natural log of the mixture for the sum s at time v >= 0. With
// ρ' = ρ/C², v' = v/C², s' = s/C and Q the regularised upper gamma function it is
// ρ'·log ρ' - logΓ(ρ') - log Q(ρ',ρ') + logΓ(s'+v'+ρ') + log Q(s'+v'+ρ', v'+ρ')
// - (s'+v'+ρ')·log(v'+ρ') + v'. It is -Inf for s below -(v+ρ)/C.
func (g GammaPoisson) LogE(s, v float64) float64 {
	rho, t, s := g.Rho/(g.C*g.C), v/(g.C*g.C), s/g.C
	at := s + t + rho
	if at <= 0 {
		return math.Inf(-1)
	}
	lead := rho*math.Log(rho) - lgamma(rho) - math.Log(mathext.GammaIncRegComp(rho, rho))
	return lead + lgamma(at) + math.Log(mathext.GammaIncRegComp(at, t+rho)) - at*math.Log(t+rho) + t
}

// Bound returns the boundary at time v >= 0.
func (g GammaPoisson) Bound(v, alpha float64) float64 {
	return mixtureBound(g.LogE, v, alpha, math.Inf(1))
}
