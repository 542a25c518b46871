package stats

import (
	"fmt"
	"math"
	"slices"
)

// SignedRank is Wilcoxon's signed-rank test for pairs: whether the differences
// x[i]-y[i]-Shift are symmetric around 0. Differences of 0 are dropped, the others'
// sizes get midranks, and V is the sum of the ranks of the positive ones. The exact
// distribution flips the signs; the asymptotic one has
//
//	E = n(n+1)/4,  σ² = n(n+1)(2n+1)/24 - Σ(t³-t)/48
//
// and a continuity correction of ½. The estimate is the median of the Walsh averages
// of the differences, the interval runs between two of them.
//
// It assumes that the differences are independent and symmetric. Neighbouring blocks
// of one service are not independent: there it rejects far too often.
//
// [SignedRankPratt] keeps the ranks of the zeros.
//
// Source: Wilcoxon 1945, Individual comparisons by ranking methods; Streitberg &
// Röhmel 1986. It returns ErrTooFew, ErrNotFinite, ErrOptions or ErrTooLarge.
func SignedRank(x, y []float64, opt RankSumOptions) (RankTest, error) {
	if len(x) != len(y) {
		return RankTest{}, fmt.Errorf("%d values of the canary, %d of the baseline: pairs are needed: %w", len(x), len(y), ErrOptions)
	}
	level, err := checkRankTest(x, y, opt)
	if err != nil {
		return RankTest{}, err
	}
	opt.Level = level
	s := newSignedPairs(x, y, opt.Shift)
	switch {
	case len(s.d) == 0:
		return noDifference(opt), nil
	case opt.Compat == R42:
		return s.compatR(opt)
	}
	return s.native(opt)
}

// noDifference is the result where every difference is the shift itself.
func noDifference(opt RankSumOptions) RankTest {
	shift := func() float64 { return opt.Shift }
	return RankTest{
		P: 1, Greater: 1, Less: 1, Degenerate: true, Estimate: opt.Shift,
		Interval: oneSided(opt.Alternative, Interval{Level: opt.Level}, shift, shift),
	}
}

// signedPairs are the differences that are not 0, sorted.
type signedPairs struct {
	d       []float64 // x-y-shift
	about   []float64 // the same around the shift that is estimated: d+shift
	dropped bool
}

func newSignedPairs(x, y []float64, shift float64) signedPairs {
	var s signedPairs
	for i := range x {
		d := x[i] - y[i] - shift
		if d == 0 {
			s.dropped = true
			continue
		}
		s.d = append(s.d, d)
		s.about = append(s.about, d+shift)
	}
	slices.Sort(s.d)
	slices.Sort(s.about)
	return s
}

// signedSum is V, how many differences it is of, how many of them are 0 and kept their
// ranks (Pratt), and the tie term of the others.
type signedSum struct {
	v, n, zeros, ties float64
	ranks             []float64 // of those that are not 0
}

// sumRanks computes V of the values moved down by a shift, leaving out zeros.
func sumRanks(d []float64, shift float64) signedSum {
	sizes := make([]float64, 0, len(d))
	positive := make([]bool, 0, len(d))
	for _, v := range d {
		if v -= shift; v != 0 {
			sizes = append(sizes, math.Abs(v))
			positive = append(positive, v > 0)
		}
	}
	out := signedSum{n: float64(len(sizes)), ranks: Midranks(sizes)}
	for i, r := range out.ranks {
		if positive[i] {
			out.v += r
		}
	}
	slices.Sort(sizes)
	out.ties = tieTerm(sizes)
	return out
}

func (s signedSum) mean() float64 { return (s.n*(s.n+1) - s.zeros*(s.zeros+1)) / 4 }

func (s signedSum) sigma() float64 {
	squares := func(n float64) float64 { return n * (n + 1) * (2*n + 1) }
	return math.Sqrt((squares(s.n)-squares(s.zeros))/24 - s.ties/48)
}

// z is the standardised statistic with the continuity correction of the options.
func (s signedSum) z(opt RankSumOptions) float64 {
	d := s.v - s.mean()
	if !opt.Uncorrected {
		d -= continuity(opt.Alternative, d)
	}
	return d / s.sigma()
}

// tails returns the one-sided p-values, exact or asymptotic.
func (s signedSum) tails(opt RankSumOptions, exact bool) (greater, less float64) {
	if !exact {
		up, down := opt, opt
		up.Alternative, down.Alternative = Greater, Less
		return normalAbove(s.z(up)), normalBelow(s.z(down))
	}
	doubled := make([]int, len(s.ranks))
	for i, r := range s.ranks {
		doubled[i] = int(2 * r)
	}
	at := int(2 * s.v)
	for sum, p := range signSums(doubled) {
		if sum >= at {
			greater += p
		}
		if sum <= at {
			less += p
		}
	}
	return greater, less
}

func (s signedPairs) native(opt RankSumOptions) (RankTest, error) {
	return s.decide(sumRanks(s.d, 0), opt)
}

// decide makes a test of a sum, with the interval of the differences.
func (s signedPairs) decide(sum signedSum, opt RankSumOptions) (RankTest, error) {
	if opt.Exactness == Exact && float64(len(s.d))*sum.mean() > affordable/8 {
		return RankTest{}, fmt.Errorf("%d pairs, use the asymptotic distribution: %w", len(s.d), ErrTooLarge)
	}
	out := RankTest{Statistic: sum.v, Exact: opt.Exactness == Exact || opt.Exactness == Auto && len(s.d) < cheap}
	out.Greater, out.Less = sum.tails(opt, out.Exact)
	out.P = sides(opt.Alternative, out.Greater, out.Less)
	if !out.Exact {
		out.P = normalSides(opt.Alternative, sum.z(opt))
	}
	set := walsh(s.about)
	out.Estimate = medianOf(set)
	rank, level := s.rankOfEnd(opt, out.Exact)
	out.Interval = oneSided(opt.Alternative, Interval{Level: level}, func() float64 { return selectRank(set, rank) },
		func() float64 { return selectRank(set, set.count()-rank+1) })
	return out, nil
}

// rankOfEnd returns which Walsh average from either end ends the interval, and the
// confidence that this gives, by the distribution without ties.
func (s signedPairs) rankOfEnd(opt RankSumOptions, exact bool) (rank int, level float64) {
	n := len(s.d)
	alpha := 1 - opt.Level
	tail := alpha
	if opt.Alternative == TwoSided {
		tail = alpha / 2
	}
	plain := signedSum{n: float64(n)}
	var below func(v int) float64
	if exact {
		items := make([]int, n)
		for i := range items {
			items[i] = i + 1
		}
		d := uDistribution(signSums(items))
		rank, below = max(d.quantile(tail), 1), d.atMost
	} else {
		below = func(v int) float64 { return normalBelow((float64(v) + .5 - plain.mean()) / plain.sigma()) }
		rank = max(int(math.Floor(plain.mean()+normalQuantile(tail)*plain.sigma()-.5))+1, 1)
	}
	rank = min(rank, (walsh(s.d).count()+1)/2)
	achieved := alpha / tail * below(rank-1)
	if achieved-alpha <= alpha/2 {
		return rank, opt.Level
	}
	if opt.Compat == R42 {
		achieved = twoDigits(achieved)
	}
	return rank, math.Max(0, 1-achieved)
}

// twoDigits rounds a positive number to two significant digits.
func twoDigits(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	if unit < 1 {
		inverse := math.Round(1 / unit)
		return math.Round(v*inverse) / inverse
	}
	return math.Round(v/unit) * unit
}

// compatR follows wilcox.test of R 4.2: exact only without ties and zeros, and an
// asymptotic interval by zeroin, whose level falls until the data can bracket it.
func (s signedPairs) compatR(opt RankSumOptions) (RankTest, error) {
	sum := sumRanks(s.d, 0)
	wanted := opt.Exactness == Exact || opt.Exactness == Auto && len(s.d) < cheap
	if wanted && sum.ties == 0 && !s.dropped {
		opt.Exactness = Exact
		return s.native(opt)
	}
	out := RankTest{Statistic: sum.v}
	out.Greater, out.Less = sum.tails(opt, false)
	out.P = normalSides(opt.Alternative, sum.z(opt))
	low, high := s.about[0], s.about[len(s.about)-1]
	score := func(opt RankSumOptions) func(float64) float64 {
		return func(shift float64) float64 { return sumRanks(s.about, shift).z(opt) }
	}
	w := score(opt)
	atLow, atHigh := w(low), w(high)
	if !(math.Abs(atLow) <= largest && math.Abs(atHigh) <= largest) {
		out.Estimate = low + (high-low)/2
		out.Interval = oneSided(opt.Alternative, Interval{}, func() float64 { return low }, func() float64 { return high })
		return out, nil
	}
	alpha := 1 - opt.Level
	tail := bracketed(opt.Alternative, alpha, atLow, atHigh)
	level := opt.Level
	if tail >= 1 || alpha < tail*.75 {
		level = 1 - math.Min(1, tail)
	}
	end := func(sign float64) float64 {
		if tail >= 1 {
			return median(s.about)
		}
		part := tail
		if opt.Alternative == TwoSided {
			part = tail / 2
		}
		z := sign * -normalQuantile(part)
		return zeroin(func(shift float64) float64 { return w(shift) - z }, searchIn{low, high, atLow - z, atHigh - z, rootTolerance})
	}
	out.Interval = oneSided(opt.Alternative, Interval{Level: level}, func() float64 { return end(1) }, func() float64 { return end(-1) })
	opt.Uncorrected = true
	out.Estimate = uniroot(score(opt), low, high, rootTolerance)
	return out, nil
}

// bracketed doubles alpha until the statistic at the extremes of the data is beyond
// the quantile on the sides that are asked for. (For Less, R tests the quantile of
// half of alpha; so do we.)
func bracketed(alt Alternative, alpha, atLow, atHigh float64) float64 {
	for alpha < 1 {
		upper, lower := -normalQuantile(alpha/2), normalQuantile(alpha/2)
		if alt == Greater {
			upper = -normalQuantile(alpha)
		}
		if (alt == Less || atLow >= upper) && (alt == Greater || atHigh <= lower) {
			break
		}
		alpha *= 2
	}
	return alpha
}

// median returns the median of a sorted sample.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
