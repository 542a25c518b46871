package sequential

// Spread returns σ of one pod as the margins use it: Sigma, or more where few pods
// are all that it was learnt from. z is as in [Pods.RollbackMargin].
func (p Pods) Spread(z float64) float64 {
	if !(z > 0) {
		return 0
	}
	return max(p.Reach(z)/z, 0)
}

// Luck writes to dst, which is grown as needed, the φ of each prefix that allows for a
// log ratio that is not 0 but drawn once, with variance τ²(1/kc+1/kb), and then stays:
//
//	φ'_t = φ_t + Σ_{s<=t} variance[s]·I_s,  I = M·ρ(1-ρ),  M = Xc+Xb,  ρ = Nc/(Nc+Nb)
//
// For evidence tempered by φ' the null "p_c <= p_b" reads: the canary is no worse than
// the pods it happens to have. To second order a log likelihood ratio of the log ratio
// g against 0 is (g·x - g²/2)·V, with V = Σ I/φ and x the estimate. Where the truth is
// g + N(0, τ²) against N(0, τ²), it is that over 1 + τ²·V, which is what φ' does; such
// a ratio of marginal likelihoods is an e-process whose null is the marginal one.
//
// It is the alternative to moving the null by a quantile of the luck
// ([Pods.RollbackMargin]): that pays for luck and for noise one after the other, this
// pays the root of the sum of their squares. Restarted processes are tempered by what
// was known before they began, too, which makes them slower, not rasher.
//
// variance[t] holds σ²(1/kc+1/kb) of block t; nil phi is 1. The level is approximate,
// like that of any estimated φ.
func Luck(dst, phi []float64, blocks []CountBlock, variance []float64) []float64 {
	dst = resize(dst, len(blocks))
	sum := 0.0
	for t := range blocks {
		if b := &blocks[t]; b.counted() && t < len(variance) && positive(variance[t]) {
			rho := b.share()
			sum += variance[t] * (b.Xc + b.Xb) * rho * (1 - rho)
		}
		of := 1.0
		if len(phi) > 0 {
			of = phi[min(t, len(phi)-1)]
		}
		dst[t] = of + sum
	}
	return dst
}
