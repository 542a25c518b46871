package stats

import (
	"fmt"
	"math"
	"slices"
)

// SignedRankPratt is [SignedRank] with Pratt's treatment of zeros: differences of 0 take
// part in the ranking and are dropped only then, so that many zeros make the few
// other differences count for more, not for the same. With n differences, z of them 0,
//
//	E = (n(n+1) - z(z+1))/4,  σ² = (n(n+1)(2n+1) - z(z+1)(2z+1))/24 - Σ(t³-t)/48
//
// where t runs over the ties among the others; the exact distribution flips their
// signs. Estimate and interval are of all differences, the zeros among them.
//
// Use it where zeros are honest ties of a coarse scale (a queue that is empty in both
// arms). Without zeros it is SignedRank.
//
// Source: Pratt 1959, Remarks on zeros and ties in the Wilcoxon signed rank procedures.
// It returns ErrTooFew, ErrNotFinite, ErrOptions or ErrTooLarge; R42 is ErrOptions, for
// R's wilcox.test knows no such option.
func SignedRankPratt(x, y []float64, opt RankSumOptions) (RankTest, error) {
	if len(x) != len(y) {
		return RankTest{}, fmt.Errorf("%d values of the canary, %d of the baseline: pairs are needed: %w", len(x), len(y), ErrOptions)
	}
	if opt.Compat == R42 {
		return RankTest{}, fmt.Errorf("wilcox.test of R drops zeros; leave Compat out, or use SignedRank: %w", ErrOptions)
	}
	level, err := checkRankTest(x, y, opt)
	if err != nil {
		return RankTest{}, err
	}
	opt.Level = level
	var s signedPairs
	for i := range x {
		d := x[i] - y[i] - opt.Shift
		s.d = append(s.d, d)
		s.about = append(s.about, d+opt.Shift)
	}
	slices.Sort(s.d)
	slices.Sort(s.about)
	sum := sumRanksPratt(s.d)
	if sum.zeros == sum.n {
		return noDifference(opt), nil
	}
	return s.decide(sum, opt)
}

// sumRanksPratt computes V with the ranks that zeros leave to the others.
func sumRanksPratt(d []float64) signedSum {
	sizes := make([]float64, len(d))
	for i, v := range d {
		sizes[i] = math.Abs(v)
	}
	out := signedSum{n: float64(len(d))}
	var others []float64
	for i, r := range Midranks(sizes) {
		switch {
		case d[i] == 0:
			out.zeros++
			continue
		case d[i] > 0:
			out.v += r
		}
		out.ranks = append(out.ranks, r)
		others = append(others, sizes[i])
	}
	slices.Sort(others)
	out.ties = tieTerm(others)
	return out
}
