package stats

import (
	"fmt"
	"math"
)

// RankSumOptions say how MannWhitney compares. The zero value is a two-sided test
// of no shift, exact where that is cheap, with a 95 % interval.
type RankSumOptions struct {
	Alternative Alternative
	// Shift is the shift of the null hypothesis, x having the distribution of
	// y+Shift, in the units of the data.
	Shift float64
	// Level is the confidence of the interval; 0 means 0.95.
	Level float64
	// Exactness chooses between the exact and the asymptotic distribution.
	Exactness Exactness
	// Uncorrected leaves out the continuity correction of the asymptotic test.
	Uncorrected bool
	// Compat follows another implementation where it differs from ours.
	Compat Compat
}

// Exactness chooses the reference distribution of a rank test.
type Exactness int

const (
	// Auto is exact while both samples have fewer than 50 values.
	Auto Exactness = iota
	// Exact is the permutation distribution of the ranks.
	Exact
	// Asymptotic is the normal distribution, with a continuity correction.
	Asymptotic
)

// Compat names an implementation whose numbers are to be met digit by digit.
type Compat int

const (
	// Native is ours: scale-free, exact with ties, no NaN.
	Native Compat = iota
	// R42 is wilcox.test of R 4.2: no exact distribution with ties, and an
	// asymptotic interval found with an absolute tolerance of 1e-4.
	R42
	// Statsmodels013 is statsmodels 0.13 (ScoreTest, ScoreInterval, PoissonRates). Its
	// cubic for a difference has the baseline's events where its trials belong, its
	// interval of a difference cannot be uncorrected, and its E-test leaves out
	// outcomes whose statistic is equal but for rounding. Elsewhere it means Native.
	Statsmodels013
)

// RankTest is the result of a rank test.
type RankTest struct {
	// Statistic is W = #{x > y+Shift} + ½#{x = y+Shift} for MannWhitney, and
	// V, the sum of the ranks of the positive differences, for SignedRank.
	Statistic float64
	// P is the p-value of the alternative; Greater and Less are the one-sided ones,
	// P(W >= w) and P(W <= w) under the null hypothesis.
	P, Greater, Less float64
	// Estimate is the Hodges–Lehmann estimate of the shift: the median of the
	// differences x-y (of the Walsh averages of the differences, for SignedRank).
	Estimate float64
	// Interval of the shift; one-sided where the alternative is.
	Interval Interval
	// Exact says that P is of the permutation distribution.
	Exact bool
	// Degenerate says that all values are tied: P is 1, and the shift is not
	// estimated but 0.
	Degenerate bool
}

// MannWhitney is the rank-sum test of Wilcoxon, Mann and Whitney for two independent
// samples. The statistic W counts the pairs with x > y, ties as a half. The exact
// p-value is of the permutation distribution of the midranks; the asymptotic one of
//
//	z = (W - mn/2 - c)/σ,  σ² = mn/12·((N+1) - Σ(t³-t)/(N(N-1)))
//
// with c = ±½ and t the sizes of the groups of ties. The shift is estimated by the
// median of the differences x-y (Hodges & Lehmann 1963) and its interval runs between
// order statistics of the differences: both move with the unit of the data.
//
// It assumes independent observations, and for the interval that the arms differ by
// a shift alone; where spreads differ use BrunnerMunzel.
//
// Sources: Wilcoxon 1945; Mann & Whitney 1947; Streitberg & Röhmel 1986, Exact
// distributions for permutation and rank tests; Lehmann 1975, Nonparametrics. It
// returns ErrTooFew, ErrNotFinite, ErrOptions or ErrTooLarge.
func MannWhitney(x, y []float64, opt RankSumOptions) (RankTest, error) {
	level, err := checkRankTest(x, y, opt)
	if err != nil {
		return RankTest{}, err
	}
	opt.Level = level
	s := newShiftSamples(x, y)
	if opt.Compat == R42 {
		return s.compatR(opt), nil
	}
	return s.native(opt)
}

func checkRankTest(x, y []float64, opt RankSumOptions) (level float64, err error) {
	if err := checkSamples(x, y, 1); err != nil {
		return 0, err
	}
	if !(math.Abs(opt.Shift) <= largest) {
		return 0, fmt.Errorf("shift %g: %w", opt.Shift, ErrOptions)
	}
	if opt.Exactness < Auto || opt.Exactness > Asymptotic || opt.Compat < Native || opt.Compat > Statsmodels013 {
		return 0, fmt.Errorf("exactness %d, compatibility %d: %w", opt.Exactness, opt.Compat, ErrOptions)
	}
	return checkAsked(opt.Alternative, opt.Level)
}

// shiftSamples are two sorted samples and their sizes as floats.
type shiftSamples struct {
	x, y []float64
	m, n float64
}

func newShiftSamples(x, y []float64) shiftSamples {
	return shiftSamples{x: sorted(x), y: sorted(y), m: float64(len(x)), n: float64(len(y))}
}

// mean is the expectation of W under the null hypothesis.
func (s shiftSamples) mean() float64 { return s.m * s.n / 2 }

// sigma is the standard deviation of W given the tie term.
func (s shiftSamples) sigma(ties float64) float64 {
	total := s.m + s.n
	return math.Sqrt(s.m * s.n / 12 * ((total + 1) - ties/(total*(total-1))))
}

// cheap is the size below which exact distributions are computed unasked.
const cheap = 50

func (s shiftSamples) native(opt RankSumOptions) (RankTest, error) {
	r := mergeRanks(s.x, s.y, opt.Shift)
	out := RankTest{Statistic: r.w}
	tied := s.allTied(opt.Shift)
	switch {
	case tied:
		out.Degenerate = true
		out.P, out.Greater, out.Less = 1, 1, 1
	case opt.Exactness == Exact || opt.Exactness == Auto && len(s.x) < cheap && len(s.y) < cheap:
		var err error
		if out.Greater, out.Less, err = s.exact(opt.Shift, r); err != nil {
			return RankTest{}, err
		}
		out.Exact = true
		out.P = sides(opt.Alternative, out.Greater, out.Less)
	default:
		out.Greater, out.Less = s.asymptotic(r, opt)
		out.P = sides(opt.Alternative, out.Greater, out.Less)
	}
	d := differences{x: s.x, y: s.y}
	pairs := d.count()
	out.Estimate = medianOf(d)
	q, achieved := s.rankOfEnd(opt, out.Exact)
	out.Interval = oneSided(opt.Alternative, Interval{Level: achieved}, func() float64 { return selectRank(d, q) },
		func() float64 { return selectRank(d, pairs-q+1) })
	return out, nil
}

// allTied reports that no value differs from another under the null hypothesis.
func (s shiftSamples) allTied(shift float64) bool {
	first, last := s.x[0]-shift, s.x[len(s.x)-1]-shift
	return first == last && s.y[0] == s.y[len(s.y)-1] && first == s.y[0]
}

// asymptotic returns the one-sided p-values of the normal distribution. The
// two-sided test corrects towards the middle, which the smaller of the two gives.
func (s shiftSamples) asymptotic(r rankSum, opt RankSumOptions) (greater, less float64) {
	c := .5
	if opt.Uncorrected {
		c = 0
	}
	sigma := s.sigma(r.ties)
	z := r.w - s.mean()
	return normalAbove((z - c) / sigma), normalBelow((z + c) / sigma)
}

// exact returns the one-sided p-values of the permutation distribution.
func (s shiftSamples) exact(shift float64, r rankSum) (greater, less float64, err error) {
	if r.ties == 0 {
		if err := affordRankSum(len(s.x), len(s.y)); err != nil {
			return 0, 0, err
		}
		d := rankSumDistribution(len(s.x), len(s.y))
		return d.atLeast(int(r.w)), d.atMost(int(r.w)), nil
	}
	pooled := make([]float64, 0, len(s.x)+len(s.y))
	for _, v := range s.x {
		pooled = append(pooled, v-shift)
	}
	pooled = append(pooled, s.y...)
	return tiedRankSum(Midranks(pooled), len(s.x))
}

// rankOfEnd returns which difference from below, and from above, ends the interval,
// and the confidence that this gives.
func (s shiftSamples) rankOfEnd(opt RankSumOptions, exact bool) (rank int, level float64) {
	alpha := 1 - opt.Level
	tail := alpha
	if opt.Alternative == TwoSided {
		tail = alpha / 2
	}
	var below func(u int) float64 // P(W <= u)
	if exact && affordRankSum(len(s.x), len(s.y)) == nil {
		d := rankSumDistribution(len(s.x), len(s.y))
		rank, below = max(d.quantile(tail), 1), d.atMost
	} else {
		sigma := s.sigma(0)
		below = func(u int) float64 { return normalBelow((float64(u) + .5 - s.mean()) / sigma) }
		rank = max(int(math.Floor(s.mean()+normalQuantile(tail)*sigma-.5))+1, 1)
	}
	rank = min(rank, (len(s.x)*len(s.y)+1)/2)
	achieved := alpha / tail * below(rank-1)
	if achieved-alpha > alpha/2 {
		return rank, math.Max(0, 1-achieved)
	}
	return rank, opt.Level
}

// oneSided fills the ends of an interval that the alternative asks for.
func oneSided(alt Alternative, i Interval, low, high func() float64) Interval {
	i.Low, i.High = math.Inf(-1), math.Inf(1)
	if alt != Less {
		i.Low = low()
	}
	if alt != Greater {
		i.High = high()
	}
	return i
}
