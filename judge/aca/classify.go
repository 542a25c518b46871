package aca

import (
	"math"
	"slices"
)

// Label is what a metric's result is called.
type Label string

// Kayenta's labels.
const (
	// Pass counts as good.
	Pass Label = "Pass"
	// High counts as bad: the experiment's values are larger.
	High Label = "High"
	// Low counts as bad: the experiment's values are smaller.
	Low Label = "Low"
	// Nodata counts as neither, except where half of all results are so.
	Nodata Label = "Nodata"
	// NodataFail counts as bad: a side of a metric that must have data is empty.
	NodataFail Label = "NodataFailMetric"
	// Error counts as neither, ever.
	Error Label = "Error"
)

// Classifier compares two sides by the Mann–Whitney interval.
type Classifier struct {
	// Tolerance is the share of the estimated shift that the interval must clear.
	Tolerance float64
	// Confidence is the interval's, in (0, 1).
	Confidence float64
}

// NetflixClassifier is the classifier inside NetflixACAJudge-v1.0: a tolerance of 0.25
// at a confidence of 0.98. Kayenta has properties for both, which nothing reads.
func NetflixClassifier() Classifier { return Classifier{Tolerance: 0.25, Confidence: 0.98} }

// Sides are the values of one metric, after gaps and outliers were treated. They hold
// no NaN.
type Sides struct {
	// Name is the metric's, for reasons.
	Name string
	// Control and Experiment are the values, in any order.
	Control, Experiment []float64
}

// Classification is what a [Classifier] says of one pair of sides.
type Classification struct {
	// Label is the result's name.
	Label Label
	// Reason is Kayenta's sentence, or nothing.
	Reason string
	// Critical says that a result that did not pass fails the whole canary.
	Critical bool
	// Ratio is the ratio of the means, which Kayenta calls deviation: 1 where nothing was
	// compared, NaN where a mean is 0.
	Ratio float64
	// Evidence is what the label rests on, or nil where no interval was needed.
	Evidence *Evidence
}

// Evidence is what Kayenta computes and does not show.
type Evidence struct {
	// Interval is that of the shift.
	Interval Interval
	// Effect is the size of the effect, in the measure of the settings.
	Effect float64
	// Noisy says that noise was added because both sides were constant.
	Noisy bool
}

// Classify labels a metric. Of the settings it uses the direction, the strategy for
// gaps (for empty sides), the flags Critical and MustHaveData, and the limits on
// effects. The noise is drawn from only where both sides are constant and differ.
//
// The error says that the test has no variance; the judge makes it the label [Error].
func (c Classifier) Classify(s Sides, set Settings, noise Noise) (Classification, error) {
	if len(s.Control) == 0 || len(s.Experiment) == 0 {
		return classifyEmpty(s.Name, set), nil
	}
	x, y := s.Experiment, s.Control
	if slices.Equal(slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))) {
		return Classification{Label: Pass, Reason: "The Canary and Baseline data are identical", Ratio: 1}, nil
	}
	noisy := constant(x) && constant(y)
	if noisy && x[0] == y[0] {
		return Classification{Label: Pass, Ratio: 1}, nil
	}
	if noisy {
		x, y = addNoise(noise, x, 0, 1e-5*x[0]), addNoise(noise, y, 0, 1e-5*y[0])
	}
	interval, err := MannWhitney(y, x, c.Confidence)
	if err != nil {
		return Classification{}, err
	}
	ratio := MeanRatio(y, x)
	e := Evidence{Interval: interval, Effect: ratio, Noisy: noisy}
	if set.EffectSize.Measure == CLES {
		e.Effect = CommonLanguage(y, x)
	}
	return c.label(s.Name, set, ratio, e), nil
}

// classifyEmpty labels a metric of which a side is empty.
func classifyEmpty(name string, set Settings) Classification {
	out := Classification{Label: Nodata, Reason: "Missing data for " + name, Critical: set.Critical, Ratio: 1}
	switch {
	case set.NaNStrategy == ReplaceNaN:
		return Classification{Label: Pass, Ratio: 1}
	case set.MustHaveData && !set.Critical:
		out.Label = NodataFail
	}
	return out
}

// label compares the interval and the effect with their limits.
func (c Classifier) label(name string, set Settings, ratio float64, e Evidence) Classification {
	out := Classification{Label: Pass, Ratio: ratio, Evidence: &e}
	limits := set.EffectSize
	bound := c.Tolerance * math.Abs(e.Interval.Estimate)
	// A comparison with NaN must not veto: Kayenta skips the limits then.
	vetoHigh := e.Effect < limits.limit(limits.AllowedIncrease)
	vetoLow := e.Effect > limits.limit(limits.AllowedDecrease)
	switch {
	case set.Direction != Decrease && e.Interval.Low > bound && !vetoHigh:
		out.Label = High
		out.Critical = set.Critical && !(e.Effect < limits.limit(limits.CriticalIncrease))
	case set.Direction != Increase && e.Interval.High < -bound && !vetoLow:
		out.Label = Low
		out.Critical = set.Critical && !(e.Effect > limits.limit(limits.CriticalDecrease))
	default:
		return out
	}
	out.Reason = name + " was classified as " + string(out.Label)
	if out.Critical {
		out.Reason += " (Critical)"
	}
	return out
}

// constant reports whether all values are one.
func constant(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return v != values[0] })
}
