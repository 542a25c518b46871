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
	factor, exponent := tEvidence(n*tau*tau, part, nu, t < 0)
	return math.Log(factor) + exponent
}

// tEvidence returns E as factor·e^exponent, in terms of k and of part =
// t²/(nu+t²), which stays finite where s is 0. With m = nu+1 and
// P = P(|T_m| < √(m·a/(1-a))), E = (1±P)/√(1+k)·(1-a)^(-m/2); below 0 the last factor
// cancels against one of 1-P. The exponent is 0 unless E is beyond e^600.
func tEvidence(k, part, nu float64, below bool) (factor, exponent float64) {
	p := (nu + 1) / 2
	scale := 1 / math.Sqrt(1+k)
	a := min(k/(1+k)*part, 1-0x1p-53)
	if a <= 0 {
		return scale, 0
	}
	front := math.Sqrt(a) / betaHalf(p)
	if (p+.5)*a < 10 && a < .5 {
		power := math.Exp(p * math.Log1p(-a)) // at least e^-14
		inside := 2 * front * power * complementSeries(p, a)
		if below {
			inside = -inside
		}
		return (1 + inside) * scale / power, 0
	}
	tail := front / (p * a) * tailFraction(p, (1-a)/a) // 1-P = tail·(1-a)^p
	if below {
		return tail * scale, 0
	}
	rest := p * math.Log1p(-a)
	power := math.Exp(rest)
	if rest > -600 {
		return (2 - tail*power) * scale / power, 0
	}
	return (2 - tail*power) * scale, -rest
}

// complementSeries returns Σ (p+½)_i/(3/2)_i·a^i: P is 2·√a·(1-a)^p/B(p,½) times it.
func complementSeries(p, a float64) float64 {
	term, sum := 1.0, 1.0
	for i := 0.0; term > 1e-16*sum; i++ {
		term *= (p + .5 + i) / (1.5 + i) * a
		sum += term
	}
	return sum
}

// tailFraction returns ₂F₁(1, ½; p+1; -z), 1-P being √a·(1-a)^p/(p·B(p,½)·a) times
// it with z = (1-a)/a: by Gauss's continued fraction, whose coefficients are all
// positive. Sixteen levels are good to 1e-12 for (p+½)·a >= 10, twelve from 14 on and
// eight from 30 on. It is evaluated from its end as a quotient, without divisions on
// the way; coefficients are taken over p² so that the quotient stays in range.
func tailFraction(p, z float64) float64 {
	pairs := 8.0
	if reach := (p + .5) / (1 + z); reach >= 30 {
		pairs = 4
	} else if reach >= 14 {
		pairs = 6
	}
	u := 1 / p
	z *= u
	above, below := 1.0, 1.0
	for m := pairs; m >= 1; m-- {
		v := m * u
		whole := (1 - u + 2*v) * (1 + 2*v) * above
		above, below = whole+m*(1-.5*u+v)*z*below, whole
		whole = (1 - 2*u + 2*v) * (1 - u + 2*v) * above
		above, below = whole+(m-.5)*(1-u+v)*z*below, whole
	}
	return below / above
}

// betaHalf returns B(p, ½) = √π·Γ(p)/Γ(p+½) for p > 0: by the asymptotic series of
// the inverse, to which a small p is brought up by recurrence.
func betaHalf(p float64) float64 {
	factor := math.Sqrt(math.Pi)
	for p < 20 {
		factor *= (p + .5) / p
		p++
	}
	u := 1 / p
	s := 1 + u*(-1./8+u*(1./128+u*(5./1024+u*(-21./32768+u*(-399./262144+u*(869./4194304+u*(39325./33554432)))))))
	return factor * math.Sqrt(u) / s
}
