package stats

import "math"

// RelativeEffect is the result of BrunnerMunzel.
type RelativeEffect struct {
	// Superiority is P(X>Y) + ½P(X=Y), X being the canary: ½ if neither tends to be larger.
	Superiority float64
	// Interval of Superiority, inside [0, 1].
	Interval Interval
	// Statistic is positive where the canary tends to be larger; Student's t with DF
	// degrees of freedom under "Superiority is ½". Both are 0 where P is exact.
	Statistic, DF float64
	// P is the p-value of the alternative, PNormal the same by the normal distribution.
	P, PNormal float64
	// Exact says that P (and PNormal) is of the permutation distribution, because the
	// samples do not overlap at all or every placement is alike, so that no variance
	// can be estimated; the interval is then all of [0, 1].
	Exact bool
}

// BrunnerMunzel tests whether one sample tends to be larger than the other without
// assuming equal shapes or spreads, which MannWhitney does: one canary pod varies
// more than the mean over nineteen. With joint midranks R and within-sample midranks
// r, S²x is the variance of Rx-rx, S²y that of Ry-ry, and
//
//	W = mn(R̄x-R̄y)/((m+n)√(m·S²x + n·S²y))
//	df = (m·S²x+n·S²y)²/((m·S²x)²/(m-1) + (n·S²y)²/(n-1))
//
// Source: Brunner & Munzel 2000, The nonparametric Behrens–Fisher problem. It returns
// ErrTooFew, ErrNotFinite or ErrOptions.
func BrunnerMunzel(x, y []float64, alt Alternative, level float64) (RelativeEffect, error) {
	if err := checkSamples(x, y, 2); err != nil {
		return RelativeEffect{}, err
	}
	level, err := checkAsked(alt, level)
	if err != nil {
		return RelativeEffect{}, err
	}
	m, n := float64(len(x)), float64(len(y))
	joint := Midranks(append(append(make([]float64, 0, len(x)+len(y)), x...), y...))
	rx, ry := joint[:len(x)], joint[len(x):]
	meanX, meanY := mean(rx), mean(ry)
	vx, vy := m*placementVariance(rx, Midranks(x)), n*placementVariance(ry, Midranks(y))
	out := RelativeEffect{Superiority: unit((meanX - (m+1)/2) / n)}
	if vx+vy == 0 {
		return withoutSpread(out, x, y, asked{alt, level})
	}
	out.Statistic = m * n * (meanX - meanY) / ((m + n) * math.Sqrt(vx+vy))
	out.DF = (vx + vy) * (vx + vy) / (vx*vx/(m-1) + vy*vy/(n-1))
	out.P = studentSides(alt, out.Statistic, out.DF)
	out.PNormal = normalSides(alt, out.Statistic)
	tail := 1 - level
	if alt == TwoSided {
		tail /= 2
	}
	reach := StudentQuantile(1-tail, out.DF) * math.Sqrt(vx+vy) / (m * n)
	out.Interval = Interval{Low: 0, High: 1, Level: level}
	if alt != Less {
		out.Interval.Low = math.Max(0, out.Superiority-reach)
	}
	if alt != Greater {
		out.Interval.High = math.Min(1, out.Superiority+reach)
	}
	return out, nil
}

// asked is what a caller asked for.
type asked struct {
	alt   Alternative
	level float64
}

// withoutSpread falls back to the permutation distribution of the ranks.
func withoutSpread(out RelativeEffect, x, y []float64, a asked) (RelativeEffect, error) {
	method := RankSumOptions{Alternative: a.alt, Exactness: Exact}
	if affordRankSum(len(x), len(y)) != nil {
		method.Exactness = Asymptotic
	}
	r, err := MannWhitney(x, y, method)
	out.P, out.PNormal, out.Exact = r.P, r.P, true
	out.Interval = Interval{Low: 0, High: 1, Level: a.level}
	return out, err
}

// placementVariance is the variance of the placements: joint rank - own rank.
func placementVariance(joint, own []float64) float64 {
	d := make([]float64, len(joint))
	for i := range d {
		d[i] = joint[i] - own[i]
	}
	_, variance := moments(d, 1)
	return math.Max(0, variance)
}
