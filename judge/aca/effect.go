package aca

import "math"

// MeanRatio is mean(experiment) / mean(control), without a unit. It is NaN where
// either mean is 0, and then Kayenta applies no limit on effects at all. Of negative
// means it is upside down: from −5 to −10 is a ratio of 2.
func MeanRatio(control, experiment []float64) float64 {
	c, e := mean(control), mean(experiment)
	if c == 0 || e == 0 {
		return math.NaN()
	}
	return e / c
}

// CommonLanguage is the common language effect size (McGraw & Wong 1992):
// P(experiment > control) + ½ P(equal), in [0, 1], from the sum of pooled midranks.
// Neither side may be empty.
func CommonLanguage(control, experiment []float64) float64 {
	s := newShift(control, experiment)
	m, n := float64(len(experiment)), float64(len(control))
	sum, _ := s.ranks(0)
	return (2*sum - m*(m+1)) / (2 * m * n)
}

// CohenD is the distance between the means in pooled standard deviations (Cohen,
// Statistical Power Analysis for the Behavioral Sciences, 1988), without a sign. It is
// part of Kayenta's module; the judge never calls it. It is NaN with fewer than two
// values on a side, and where nothing varies and the means are equal.
func CohenD(control, experiment []float64) float64 {
	m, n := len(experiment), len(control)
	if m < 2 || n < 2 {
		return math.NaN()
	}
	pooled := (float64(m-1)*variance(experiment, m-1) + float64(n-1)*variance(control, n-1)) / float64(m+n-2)
	return math.Abs(mean(experiment)-mean(control)) / math.Sqrt(pooled)
}

// KSigma finds values further than K population standard deviations from the mean. It
// is part of Kayenta's module; the judge never calls it.
type KSigma struct {
	// K is the number of standard deviations; Kayenta's default is 3.
	K float64
}

// Outliers marks the values that lie strictly beyond. Values must not be NaN.
func (d KSigma) Outliers(values []float64) []bool {
	out := make([]bool, len(values))
	if len(values) == 0 {
		return out
	}
	m, sd := mean(values), math.Sqrt(variance(values, len(values)))
	for i, v := range values {
		out[i] = math.Abs(v-m) > d.K*sd
	}
	return out
}

// MeanInequality labels by the means alone, however close they are: the floor that
// Kayenta's own benchmarks compare with. The judge never calls it.
func MeanInequality(control, experiment []float64, d Direction) Label {
	if len(control) == 0 || len(experiment) == 0 {
		return Nodata
	}
	c, e := mean(control), mean(experiment)
	switch {
	case d != Decrease && e > c:
		return High
	case d != Increase && e < c:
		return Low
	default:
		return Pass
	}
}
