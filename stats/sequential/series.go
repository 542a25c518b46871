package sequential

import "math"

// Series is the one-sided t e-process on paired contrasts, one for each block:
// log canary - log baseline, or a difference over a scale. The contrasts may be
// autocorrelated: n blocks count as n/f, f from a lag-1 autocorrelation that is
// estimated with prior weight, and their variance starts from a prior too, which
// is what allows a decision within minutes.
//
// With ȳ the mean of the shifted contrasts, after n blocks
//
//	s² = (ν0·Var + Σ(d-d̄)²)/ν,  ν = ν0 + n - 1
//	ρ̃ = (n0·Rho + n·ρ̂ + c)/(n0 + n - 3c), c = Rho³, clipped to [0, 0.95]
//	f = 1 + 2Σ_{k<n}(1-k/n)ρ̃^k,  n_e = n/f,  E = TEvidence(n_e, √n_e·ȳ/s, ν, Tau)
//
// where c gives back a part of the bias of ρ̂, -(1+3ρ)/n (Kendall 1954): uncorrected,
// contrasts that wander slowly are taken for better known than they are; where they do
// not wander, the correction would cost time and prevent nothing.
//
// It is an exact e-process for independent normal contrasts with ν0 = 0, and one
// approximately otherwise; its level is measured, not proven (STATISTICS §3.5, §8).
type Series struct {
	Tau float64 // prior scale of mean/sd under the alternative; 0 means 1
	// Var is the prior variance s0² of one contrast ([SeriesPlacebo.Contrast]) and
	// Nu0 how many blocks it is worth (30). Unless both are positive there is no
	// prior.
	Var, Nu0 float64
	// VarAt holds the prior variance as it is known at each block, in place of Var, where
	// it changes: with the number of pods. Evidence after a block takes that block's, so
	// that it stays what it was whatever comes later.
	VarAt []float64
	// Rho is the prior lag-1 autocorrelation and RhoWeight how many blocks it is
	// worth (20). Without a positive weight there is no prior.
	Rho, RhoWeight float64
	// Restarts spreads half of the mass over later starts, as in [Counts].
	Restarts bool
}

const greatestRho = .95

// Evidence writes the natural log of E after each prefix to dst, which is grown as
// needed, and returns it; its length is that of y. y holds the contrasts shifted by
// the margin and signed so that values above 0 speak for the claim; d the raw
// contrasts, from which the variance is taken (nil means y; they differ by more
// than a constant where the margin changes with the number of pods). NaN or an
// infinity in either is a gap. The result is finite.
func (s Series) Evidence(dst, y, d []float64) []float64 {
	dst = resize(dst, len(y))
	if d == nil {
		d = y
	}
	var room [65]seriesSum
	sums := append(room[:0], seriesSum{})
	var weightRoom [64]float64
	weights := append(weightRoom[:0], 1)
	idle := 0.0
	if s.Restarts {
		weights[0], idle = .5, .5
	}
	for t := range y {
		if s.Restarts && t > 0 && t%restartEvery == 0 {
			j := float64(t / restartEvery)
			weights = append(weights, .5/(j*(j+1)))
			idle = .5 / (j + 1)
			sums = append(sums, seriesSum{})
		}
		if t < len(d) && finite(y[t]) && finite(d[t]) {
			for i := range sums {
				sums[i].add(y[t], d[t])
			}
		}
		if t < len(s.VarAt) {
			s.Var = s.VarAt[t]
		}
		dst[t] = s.mix(sums, weights, idle)
	}
	return dst
}

// mix returns the log of the average over the starts. What is below e^600 is
// summed as it is, which spares a logarithm and an exponential for each start.
func (s *Series) mix(sums []seriesSum, weights []float64, idle float64) float64 {
	plain, large := idle, math.Inf(-1)
	for i := range sums {
		factor, exponent := s.evidence(&sums[i])
		if exponent == 0 {
			plain += weights[i] * factor
		} else {
			large = logAdd(large, math.Log(weights[i]*factor)+exponent)
		}
	}
	return logAdd(math.Log(plain), large)
}

// seriesSum holds the sums of one start; those of d are taken about its first
// value, which keeps differences of them accurate.
type seriesSum struct {
	n, y          float64
	d, dd, dp     float64 // Σ d, Σ d², Σ d_t·d_(t-1)
	first, latest float64
}

func (a *seriesSum) add(y, d float64) {
	if a.n == 0 {
		a.first = d
	}
	d -= a.first
	a.n++
	a.y += y
	a.d += d
	a.dd += d * d
	a.dp += d * a.latest
	a.latest = d
}

// spread returns Σ(d-d̄)² and Σ(d_t-d̄)(d_(t-1)-d̄).
func (a *seriesSum) spread() (squares, lagged float64) {
	mean := a.d / a.n
	squares = max(a.dd-a.d*mean, 0)
	lagged = a.dp - mean*(2*a.d-a.latest) + (a.n-1)*mean*mean
	return squares, lagged
}

// evidence returns E of one start as factor·e^exponent.
func (s *Series) evidence(a *seriesSum) (factor, exponent float64) {
	if a.n == 0 {
		return 1, 0
	}
	effective, squares, nu := s.precision(a)
	if nu <= 0 {
		return 1, 0
	}
	mean := a.y / a.n
	signal := effective * mean * mean
	if signal > 0 {
		signal /= signal + squares
	}
	return tEvidence(effective*s.tau()*s.tau(), signal, nu, mean < 0)
}

func (s *Series) tau() float64 {
	if positive(s.Tau) {
		return s.Tau
	}
	return 1
}

// precision returns the effective number of blocks, ν·s², and ν.
func (s *Series) precision(a *seriesSum) (effective, squares, nu float64) {
	nu0 := 0.0
	if positive(s.Var) && positive(s.Nu0) {
		nu0 = s.Nu0
	}
	squares, lagged := a.spread()
	rho := 0.0
	switch weight := s.RhoWeight; {
	case positive(weight) && finite(s.Rho) && squares > 0:
		c := s.correction()
		rho = ((weight*s.Rho+c)*squares + a.n*lagged) / (squares * (weight + a.n - 3*c))
	case positive(weight) && finite(s.Rho):
		rho = weight * s.Rho / (weight + a.n)
	case squares > 0:
		rho = lagged / squares
	}
	rho = min(max(rho, 0), greatestRho)
	if nu0 > 0 {
		squares += nu0 * s.Var
	}
	return effectiveBlocks(a.n, rho), squares, nu0 + a.n - 1
}

// correction is which part of the bias of ρ̂ is given back; less where the prior is
// worth less than 20 blocks, so that the divisor stays positive.
func (s *Series) correction() float64 {
	rho := min(max(s.Rho, 0), greatestRho)
	return rho * rho * rho * min(s.RhoWeight/20, 1)
}

// effectiveBlocks returns n/f, f = 1 + 2Σ_{k<n}(1-k/n)ρ^k being the variance of a mean
// of n blocks of an AR(1) process over that of independent ones. In closed form
// f = (1+ρ)/(1-ρ) - 2ρ(1-ρ^n)/(n(1-ρ)²).
func effectiveBlocks(n, rho float64) float64 {
	if rho <= 0 {
		return n
	}
	reach := n * (1 - rho)
	return reach * reach / ((1+rho)*reach - 2*rho*(1-power(rho, int(n))))
}

// power returns x^n by squaring.
func power(x float64, n int) float64 {
	out := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			out *= x
		}
		x *= x
	}
	return out
}

// Interval returns a confidence sequence for the mean of the contrasts d at its
// end: the values m that the evidence against "mean <= m" and against "mean >= m"
// both leave below 1/alpha, each side at alpha, without restarts. It is infinite
// where a side is not bounded, which is so for the first blocks without a prior.
func (s Series) Interval(d []float64, alpha float64) (low, high float64) {
	var a seriesSum
	for _, v := range d {
		if finite(v) {
			a.add(v, v)
		}
	}
	low, high = math.Inf(-1), math.Inf(1)
	if a.n == 0 || !(alpha > 0 && alpha < 1) {
		return low, high
	}
	effective, squares, nu := s.precision(&a)
	t := criticalT(effective*s.tau()*s.tau(), nu, -math.Log(alpha))
	if math.IsInf(t, 1) {
		return low, high
	}
	mean := a.d/a.n + a.first
	reach := t * math.Sqrt(squares/nu/effective)
	return mean - reach, mean + reach
}

// criticalT returns the t at which the evidence reaches level, +Inf if it never does.
func criticalT(k, nu, level float64) float64 {
	if nu <= 0 {
		return math.Inf(1)
	}
	excess := func(t float64) float64 {
		factor, exponent := tEvidence(k, 1/(1+nu/(t*t)), nu, false)
		return math.Log(factor) + exponent - level
	}
	if excess(math.MaxFloat64) <= 0 {
		return math.Inf(1)
	}
	high := 4.0
	for excess(high) < 0 {
		high *= 2
	}
	return findRoot(excess, around(excess, 1e-9, high, 1e-12))
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// logAdd returns log(e^a + e^b).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if b < a-negligible || math.IsInf(a, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
