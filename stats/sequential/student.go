package sequential

import "math"

// TEvidence returns the natural log of the one-sided t evidence: the half-normal
// mixture, with scale tau, of likelihood ratios of a noncentral against the
// central t. n is the effective number of observations, t = √n·mean/s, and s² has
// nu degrees of freedom (n - 1 without prior information). With k = n·tau² and
// a = k/(1+k)·t²/(nu+t²),
//
//	log E = log 2 - ½log(1+k) - (nu+1)/2·log(1-a) + log F_{nu+1}(±√((nu+1)·a/(1-a)))
//
// with the sign of t and F Student's distribution function. E grows with t, and
// its expectation is at most 1 for every mean that is not positive, at any stopping
// time. t may be infinite (s = 0). The result is finite; it is 0 where the numbers
// say nothing (n, nu or tau not positive, or NaN).
//
// Sources: Gönen, Johnson, Lu & Westfall 2005, The Bayesian two-sample t test;
// Pérez-Ortiz, Lardy, de Heide & Grünwald 2024, E-statistics, group invariance and
// anytime-valid testing; Wang & Ramdas 2025, Anytime-valid t-tests.
func TEvidence(n, t, nu, tau float64) float64 {
	if !positive(n) || !positive(nu) || !positive(tau) || math.IsNaN(t) {
		return 0
	}
	part := 1 / (1 + nu/(t*t)) // t²/(nu+t²)
	if t == 0 {
		part = 0
	}
	return tEvidence(n*tau*tau, part, nu, t < 0)
}

// tEvidence is TEvidence in terms of k and part = t²/(nu+t²), which stays finite
// where s is 0.
func tEvidence(k, part, nu float64, below bool) float64 {
	m := nu + 1
	a := math.Min(k/(1+k)*part, 1-0x1p-53)
	rest := math.Log1p(-a)
	e := math.Ln2 - .5*math.Log1p(k) - .5*m*rest
	tail := logTails(m, a, rest)
	if below {
		return e - math.Ln2 + tail
	}
	return e + math.Log1p(-.5*math.Exp(tail))
}

// logTails returns log P(|T| > x) for Student's T with m degrees of freedom, given
// a = x²/(m+x²) and rest = log(1-a). It is log I_{1-a}(m/2, ½): by the power series
// of the complement where that is short, else by a continued fraction.
func logTails(m, a, rest float64) float64 {
	if a <= 0 {
		return 0
	}
	p := m / 2
	// The common factor a^½(1-a)^p/B(p,½), in logs.
	front := .5*math.Log(a) + p*rest - logBetaHalf(p)
	if a < .5 && (p+.5)*a < 12 {
		// 1-I_{1-a}(p,½) = 2·factor·Σ (p+½)_i/(3/2)_i·a^i
		term, sum := 1.0, 1.0
		for i := 0.0; term > 1e-17*sum; i++ {
			term *= (p + .5 + i) / (1.5 + i) * a
			sum += term
		}
		inside := 2 * math.Exp(front) * sum
		if inside < .999 {
			return math.Log1p(-inside)
		}
	}
	return front - math.Log(p) + math.Log(betaFraction(p, .5, 1-a))
}

// logBetaHalf returns log B(p, ½).
func logBetaHalf(p float64) float64 {
	if p >= 12 {
		// Γ(p)/Γ(p+½)·√p as a series in 1/p, which is exact to 1e-13 here.
		u := 1 / p
		s := 1 + u*(1./8+u*(1./128+u*(-5./1024+u*(-21./32768+u*(399./262144+u*(869./4194304+u*(-39325./33554432)))))))
		return .5*math.Log(math.Pi*u) + math.Log(s)
	}
	x, _ := math.Lgamma(p)
	y, _ := math.Lgamma(p + .5)
	return x - y + .5*math.Log(math.Pi)
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
