package stats

import (
	"errors"
	"fmt"
	"math"
)

// Alternative says against which side a test looks for evidence. x is the canary,
// y is the baseline, everywhere in this package.
type Alternative int

const (
	// TwoSided looks for any difference.
	TwoSided Alternative = iota
	// Greater looks for a canary above the baseline (or above it by the margin).
	Greater
	// Less looks for a canary below the baseline (or below the margin).
	Less
)

// String returns the word for the alternative.
func (a Alternative) String() string {
	switch a {
	case TwoSided:
		return "two-sided"
	case Greater:
		return "greater"
	case Less:
		return "less"
	}
	return fmt.Sprintf("Alternative(%d)", int(a))
}

// The kinds of failure. Every error of this package wraps one of them, so that a
// caller can tell too little data from data that cannot be right.
var (
	// ErrTooFew means that a sample has fewer observations than the method needs.
	ErrTooFew = errors.New("too few observations")
	// ErrNotFinite means an observation that is NaN, infinite, or beyond ±1e150.
	ErrNotFinite = errors.New("an observation is not a usable number")
	// ErrConstant means that the data do not vary, so that nothing can be estimated.
	ErrConstant = errors.New("the data are constant")
	// ErrOptions means an option outside its range: a level, a margin, a count.
	ErrOptions = errors.New("an option is out of range")
	// ErrTooLarge means that an exact method would take too long for this input.
	ErrTooLarge = errors.New("too large for an exact method")
)

// Interval is a confidence interval. A one-sided interval has an infinite end.
type Interval struct {
	Low, High float64
	// Level is the confidence that the interval has: what was asked for, or the
	// nearest that a discrete distribution can give where that is much less.
	Level float64
}

// Contains reports whether v lies in the closed interval.
func (i Interval) Contains(v float64) bool { return i.Low <= v && v <= i.High }

const (
	defaultLevel = 0.95
	largest      = 1e150 // squares of it are still finite
)

// levelOr returns the confidence level of an option, 0 meaning 0.95.
func levelOr(level float64) (float64, error) {
	if level == 0 {
		return defaultLevel, nil
	}
	if !(level > 0 && level < 1) {
		return 0, fmt.Errorf("confidence level %g: choose one between 0 and 1, such as 0.95: %w", level, ErrOptions)
	}
	return level, nil
}

// checkAlternative rejects a number that is no alternative.
func checkAlternative(a Alternative) error {
	if a < TwoSided || a > Less {
		return fmt.Errorf("%v: choose TwoSided, Greater or Less: %w", a, ErrOptions)
	}
	return nil
}

// checkSamples rejects samples that are too small or hold unusable numbers.
func checkSamples(x, y []float64, atLeast int) error {
	if err := checkSample("canary", x, atLeast); err != nil {
		return err
	}
	return checkSample("baseline", y, atLeast)
}

func checkSample(arm string, v []float64, atLeast int) error {
	if len(v) < atLeast {
		return fmt.Errorf("the %s has %d observations, at least %d are needed: %w", arm, len(v), atLeast, ErrTooFew)
	}
	for i, u := range v {
		if !(math.Abs(u) <= largest) {
			return fmt.Errorf("observation %d of the %s is %g: %w", i+1, arm, u, ErrNotFinite)
		}
	}
	return nil
}

// checkAsked checks what a caller asks for and returns the confidence level.
func checkAsked(alt Alternative, level float64) (float64, error) {
	if err := checkAlternative(alt); err != nil {
		return 0, err
	}
	return levelOr(level)
}

// sides picks the p-value of an alternative from the two one-sided ones; the
// two-sided one is twice the smaller, at most 1.
func sides(alt Alternative, greater, less float64) float64 {
	switch alt {
	case Greater:
		return unit(greater)
	case Less:
		return unit(less)
	default:
		return unit(2 * math.Min(greater, less))
	}
}

// unit keeps a probability inside [0, 1] against rounding.
func unit(p float64) float64 { return math.Max(0, math.Min(1, p)) }
