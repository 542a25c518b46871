package sequential

import "math"

// DirichletMultinomial returns the natural log of the evidence that counts S_i over
// categories do not come from the probabilities theta0: the mixture of multinomial
// likelihood ratios over a Dirichlet with parameters k·theta0,
//
//	log E = logB(kθ0+S) - logB(kθ0) - Σ S_i·log θ0_i,  logB(v) = Σ logΓ(v_i) - logΓ(Σ v_i)
//
// (Lindon & Malek 2022, Anytime-valid inference for multinomial count data). k > 0
// concentrates the alternatives about theta0, 100 for small departures. It is
// two-sided, and exact only for independent events: for display, not for a verdict.
// It is 0, no evidence, where it cannot be computed: lengths differ, a number is
// negative or not finite, or a category of probability 0 has a count.
func DirichletMultinomial(theta0, counts []float64, k float64) float64 {
	if len(theta0) != len(counts) || !positive(k) {
		return 0
	}
	var logE, prior, total float64
	for i, p := range theta0 {
		s := counts[i]
		if !atLeast0(p) || !atLeast0(s) || p == 0 && s > 0 {
			return 0
		}
		prior += k * p
		if s == 0 {
			continue
		}
		total += s
		logE += lgamma(k*p+s) - lgamma(k*p) - s*math.Log(p)
	}
	if total == 0 {
		return 0
	}
	return logE - lgamma(prior+total) + lgamma(prior)
}

// TwoArmMultinomial returns the natural log of the evidence that two arms with a
// known split of the traffic differ in any bucket: xc and xb count the buckets of
// canary and baseline, share ρ is the canary's part of the traffic, and
//
//	log E = Σ logB(κρ+xc, κ(1-ρ)+xb) - logB(κρ, κ(1-ρ)) - xc·log ρ - xb·log(1-ρ)
//
// (Lindon & Malek 2022: each bucket is a Poisson stream). For display, as above. It
// is 0, no evidence, for a share outside (0, 1), unequal lengths or improper counts.
func TwoArmMultinomial(xc, xb []float64, share, kappa float64) float64 {
	if len(xc) != len(xb) || !(share > 0 && share < 1) || !positive(kappa) {
		return 0
	}
	a, b := kappa*share, kappa*(1-share)
	none := logBeta(a, b)
	logE := 0.0
	for i := range xc {
		if !atLeast0(xc[i]) || !atLeast0(xb[i]) {
			return 0
		}
		logE += logBeta(a+xc[i], b+xb[i]) - none - xc[i]*math.Log(share) - xb[i]*math.Log1p(-share)
	}
	return logE
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// logBeta returns log B(a,b).
func logBeta(a, b float64) float64 { return lgamma(a) + lgamma(b) - lgamma(a+b) }
