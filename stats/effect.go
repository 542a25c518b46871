package stats

import (
	"fmt"
	"math"
)

// CliffsDelta returns (#{x>y} - #{x<y})/(mn), from -1 (every canary value below every
// baseline value) to 1 (Cliff 1993, Dominance statistics). It returns ErrTooFew or
// ErrNotFinite.
func CliffsDelta(x, y []float64) (float64, error) {
	if err := checkSamples(x, y, 1); err != nil {
		return 0, err
	}
	s := newShiftSamples(x, y)
	return (2*mergeRanks(s.x, s.y, 0).w - s.m*s.n) / (s.m * s.n), nil
}

// VarghaDelaney returns A12 = P(X>Y) + ½P(X=Y) = (δ+1)/2 with Cliff's δ (Vargha &
// Delaney 2000). It returns ErrTooFew or ErrNotFinite.
func VarghaDelaney(x, y []float64) (float64, error) {
	if err := checkSamples(x, y, 1); err != nil {
		return 0, err
	}
	s := newShiftSamples(x, y)
	return mergeRanks(s.x, s.y, 0).w / (s.m * s.n), nil
}

// EffectWord names the size of Cliff's δ: negligible below 0.147, small below 0.33,
// medium below 0.474, large from there. It is a word and never a verdict.
func EffectWord(delta float64) string {
	switch size := math.Abs(delta); {
	case size < .147:
		return "negligible"
	case size < .33:
		return "small"
	case size < .474:
		return "medium"
	}
	return "large"
}

// HodgesLehmann returns the median of all differences x-y, in the data's units
// (Hodges & Lehmann 1963). It returns ErrTooFew or ErrNotFinite.
func HodgesLehmann(x, y []float64) (float64, error) {
	if err := checkSamples(x, y, 1); err != nil {
		return 0, err
	}
	return medianOf(differences{x: sorted(x), y: sorted(y)}), nil
}

// HodgesLehmannRatio returns exp(median(log x - log y)): how many times the baseline
// the canary is. It returns ErrTooFew, or ErrNotFinite for values that are not positive.
func HodgesLehmannRatio(x, y []float64) (float64, error) {
	if err := checkSamples(x, y, 1); err != nil {
		return 0, err
	}
	lx, err := logs("canary", x)
	if err != nil {
		return 0, err
	}
	ly, err := logs("baseline", y)
	if err != nil {
		return 0, err
	}
	return math.Exp(medianOf(differences{x: sorted(lx), y: sorted(ly)})), nil
}

// MeanRatio returns mean(x)/mean(y). It returns ErrTooFew, ErrNotFinite, or
// ErrConstant where the baseline's mean is 0.
func MeanRatio(x, y []float64) (float64, error) {
	if err := checkSamples(x, y, 1); err != nil {
		return 0, err
	}
	return ratioOf("mean", mean(x), mean(y))
}

// MedianRatio returns median(x)/median(y), with the errors of MeanRatio.
func MedianRatio(x, y []float64) (float64, error) {
	if err := checkSamples(x, y, 1); err != nil {
		return 0, err
	}
	return ratioOf("median", median(sorted(x)), median(sorted(y)))
}

func ratioOf(what string, a, b float64) (float64, error) {
	if r := a / b; math.Abs(r) <= math.MaxFloat64 {
		return r, nil
	}
	return 0, fmt.Errorf("the baseline's %s is %g, there is no ratio to it: %w", what, b, ErrConstant)
}
