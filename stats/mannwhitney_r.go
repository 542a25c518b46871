package stats

import "math"

// compatR follows wilcox.test of R 4.2 in its choices and its arithmetic. W is
// compared after the shift; estimate and interval are of the samples as they are.
func (s shiftSamples) compatR(opt RankSumOptions) RankTest {
	r := mergeRanks(s.x, s.y, opt.Shift)
	small := len(s.x) < cheap && len(s.y) < cheap
	wanted := opt.Exactness == Exact || opt.Exactness == Auto && small
	if wanted && r.ties == 0 && affordRankSum(len(s.x), len(s.y)) == nil {
		opt.Exactness = Exact
		out, err := s.native(opt)
		if err == nil {
			return out
		}
	}
	out := RankTest{Statistic: r.w}
	if s.allTied(opt.Shift) {
		out.Degenerate = true
		out.P, out.Greater, out.Less = 1, 1, 1
	} else {
		out.Greater, out.Less = s.asymptotic(r, opt)
		out.P = s.pAsymptotic(r, opt)
	}
	out.Interval, out.Estimate = s.rootInterval(opt, false)
	return out
}

// pAsymptotic is the p-value as R has it: the two-sided one corrects once, by the
// sign of the statistic.
func (s shiftSamples) pAsymptotic(r rankSum, opt RankSumOptions) float64 {
	z := r.w - s.mean()
	if !opt.Uncorrected {
		z -= continuity(opt.Alternative, z)
	}
	return normalSides(opt.Alternative, z/s.sigma(r.ties))
}

// rootTolerance is absolute: the intervals of data below 1e-4 are all tolerance.
const rootTolerance = 1e-4

// rootInterval solves W(shift) = quantile by zeroin between the extreme differences.
// W is a step function, so that the solution is somewhere inside a jump. correctAlso
// keeps the continuity correction for the estimate, as Kayenta does.
func (s shiftSamples) rootInterval(opt RankSumOptions, correctAlso bool) (Interval, float64) {
	low, high := s.x[0]-s.y[len(s.y)-1], s.x[len(s.x)-1]-s.y[0]
	score := func(corrected bool) func(float64) float64 {
		return func(shift float64) float64 {
			r := mergeRanks(s.x, s.y, shift)
			z := r.w - s.mean()
			if corrected {
				z -= continuity(opt.Alternative, z)
			}
			return z / s.sigma(r.ties)
		}
	}
	w := score(!opt.Uncorrected)
	atLow, atHigh := w(low), w(high)
	if low == high || math.IsNaN(atLow) || math.IsNaN(atHigh) || math.IsInf(atLow, 0) || math.IsInf(atHigh, 0) {
		// Both arms constant: the differences are one number.
		return oneSided(opt.Alternative, Interval{Level: opt.Level}, func() float64 { return low }, func() float64 { return high }), low + (high-low)/2
	}
	root := func(z float64) float64 {
		from, to := atLow-z, atHigh-z
		if from <= 0 {
			return low
		}
		if to >= 0 {
			return high
		}
		return zeroin(func(shift float64) float64 { return w(shift) - z }, searchIn{low, high, from, to, rootTolerance})
	}
	tail := 1 - opt.Level
	if opt.Alternative == TwoSided {
		tail /= 2
	}
	z := normalQuantile(tail)
	i := oneSided(opt.Alternative, Interval{Level: opt.Level}, func() float64 { return root(-z) }, func() float64 { return root(z) })
	return i, uniroot(score(correctAlso && !opt.Uncorrected), low, high, rootTolerance)
}
