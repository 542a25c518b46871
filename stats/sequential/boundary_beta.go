package sequential

import "math"

// BetaBinomial is the mixture for sub-Bernoulli sums: of increments that lie
// between -G and H about their mean 0, with v = G·H·n after n of them.
type BetaBinomial struct {
	R        float64 // > 0, in units of v
	G, H     float64 // > 0
	TwoSided bool
}

// Tuned returns the mixture with the best R for v > 0 and 0 < alpha < ½.
func (b BetaBinomial) Tuned(v, alpha float64) BetaBinomial {
	b.R = math.Max(bestRho(v, alpha, b.TwoSided)-b.G*b.H, 1e-3*b.G*b.H)
	return b
}

// LogE returns the natural log of the mixture for the sum s at time v >= 0. It is
// -Inf for s outside what R, v, G and H allow.
func (b BetaBinomial) LogE(s, v float64) float64 {
	sum := b.G + b.H
	below, above := (b.R+v-b.G*s)/(b.G*sum), (b.R+v+b.H*s)/(b.H*sum)
	if below <= 0 || above <= 0 {
		return math.Inf(-1)
	}
	part := b.H / sum
	if b.TwoSided {
		part = 1
	}
	return v/(b.G*b.H)*math.Log(sum) - (v+b.H*s)/(b.H*sum)*math.Log(b.G) - (v-b.G*s)/(b.G*sum)*math.Log(b.H) +
		logIncompleteBeta(below, above, part) - logIncompleteBeta(b.R/(b.G*sum), b.R/(b.H*sum), part)
}

// Bound returns the boundary at time v >= 0; it is v/G, which a sum cannot exceed,
// where no boundary is below that.
func (b BetaBinomial) Bound(v, alpha float64) float64 {
	return mixtureBound(b.LogE, v, alpha, v/b.G)
}

// logIncompleteBeta returns log ∫_0^x u^(p-1)(1-u)^(q-1) du.
func logIncompleteBeta(p, q, x float64) float64 {
	if x >= 1 {
		return logBeta(p, q)
	}
	lower := func(p, q, x float64) float64 {
		return p*math.Log(x) + q*math.Log1p(-x) - math.Log(p) + math.Log(betaFraction(p, q, x))
	}
	if x < (p+1)/(p+q+2) {
		return lower(p, q, x)
	}
	whole := logBeta(p, q)
	return whole + math.Log1p(-math.Exp(lower(q, p, 1-x)-whole))
}

// betaFraction returns the continued fraction of the incomplete beta function, the
// factor of x^p(1-x)^q/(p·B(p,q)) in I_x(p,q), by Lentz's method (Lentz 1976). It
// converges quickly for x < (p+1)/(p+q+2), and correctly for every x < 1.
func betaFraction(p, q, x float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 1-(p+q)*x/(p+1)
	if math.Abs(d) < tiny {
		d = tiny
	}
	d = 1 / d
	h := d
	for i := 1.0; i <= 10000; i++ {
		even := i * (q - i) * x / ((p + 2*i - 1) * (p + 2*i))
		odd := -(p + i) * (p + q + i) * x / ((p + 2*i) * (p + 2*i + 1))
		for _, f := range [2]float64{even, odd} {
			d = 1 + f*d
			c = 1 + f/c
			if math.Abs(d) < tiny {
				d = tiny
			}
			if math.Abs(c) < tiny {
				c = tiny
			}
			d = 1 / d
			h *= d * c
		}
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	return h
}

// BernoulliSequence is the confidence sequence for a success probability by
// inversion of the two-sided beta-binomial mixture, tuned to TOpt trials at level
// AlphaOpt. It is the exact sequence for independent trials of one arm.
type BernoulliSequence struct{ TOpt, AlphaOpt float64 }

// Interval returns the interval after trials > 0 with so many successes.
func (b BernoulliSequence) Interval(successes, trials, alpha float64) (low, high float64) {
	p := successes / trials
	excess := func(q float64) float64 {
		if q == p {
			return -1 // where p is 0 or 1 the mixture is not defined there
		}
		if q <= 0 || q >= 1 {
			return 1
		}
		m := BetaBinomial{G: q, H: 1 - q, TwoSided: true}.Tuned(q*(1-q)*b.TOpt, b.AlphaOpt)
		return m.LogE((p-q)*trials, q*(1-q)*trials) + math.Log(alpha)
	}
	low, high = 0, 1
	if p > 0 {
		low = findRoot(excess, around(excess, 0, p, 1e-13))
	}
	if p < 1 {
		high = findRoot(excess, around(excess, p, 1, 1e-13))
	}
	return low, high
}
