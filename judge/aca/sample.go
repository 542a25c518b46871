package aca

import (
	"errors"
	"math"
	"slices"
)

// errOutlierFactor is what Kayenta's detector demands of its configuration.
var errOutlierFactor = errors.New("canary.outliers.outlierFactor must be greater than 0; the default is 3")

// Summary describes one side of a metric after gaps and outliers were treated. All of
// it is 0 for an empty side.
type Summary struct {
	Min   Number `json:"min"`   // Min is the smallest value.
	Max   Number `json:"max"`   // Max is the largest value.
	Mean  Number `json:"mean"`  // Mean is the arithmetic mean.
	Std   Number `json:"std"`   // Std is the sample standard deviation (n−1); 0 for one value.
	Count int    `json:"count"` // Count is the number of values.
}

// Summarise describes values.
func Summarise(values []float64) Summary {
	if len(values) == 0 {
		return Summary{}
	}
	s := Summary{Min: Number(slices.Min(values)), Max: Number(slices.Max(values)), Mean: Number(mean(values)), Count: len(values)}
	if len(values) > 1 {
		s.Std = Number(math.Sqrt(variance(values, len(values)-1)))
	}
	return s
}

// mean is the sum over n, corrected once by the mean residual, as commons-math does.
// A mean that is not finite is returned as it is.
func mean(values []float64) float64 {
	n := float64(len(values))
	var sum, residual float64
	for _, v := range values {
		sum += v
	}
	m := sum / n
	if math.IsInf(m, 0) {
		return m
	}
	for _, v := range values {
		residual += v - m
	}
	return m + residual/n
}

// variance is the sum of squared deviations over a number of degrees of freedom.
func variance(values []float64, freedom int) float64 {
	m := mean(values)
	var squares, sum float64
	for _, v := range values {
		squares += (v - m) * (v - m)
		sum += v - m
	}
	return (squares - sum*sum/float64(len(values))) / float64(freedom)
}

// percentile is R's type 7 (linear between order statistics) of sorted values, with p
// in percent.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p / 100 * float64(len(sorted)-1)
	i := int(at)
	if i >= len(sorted)-1 {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + float64((at-float64(i))*(sorted[i+1]-sorted[i]))
}

// treatGaps removes NaN or makes it zero. Infinities stay.
func treatGaps(values []float64, s NaNStrategy) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		switch {
		case !math.IsNaN(v):
			out = append(out, v)
		case s == ReplaceNaN:
			out = append(out, 0)
		}
	}
	return out
}

// treatOutliers drops outliers if the settings say so. Kayenta looks at the factor
// even where it is not used.
func treatOutliers(values []float64, o Outliers) ([]float64, error) {
	d := IQR{Factor: 3, ReduceSensitivity: true}
	if o.Factor != nil {
		d.Factor = *o.Factor
	}
	if !(d.Factor > 0) {
		return nil, errOutlierFactor
	}
	if o.Strategy != RemoveOutliers {
		return values, nil
	}
	outlier := d.Outliers(values)
	kept := make([]float64, 0, len(values))
	for i, v := range values {
		if !outlier[i] {
			kept = append(kept, v)
		}
	}
	return kept, nil
}

// IQR finds values beyond Tukey's fences: Factor interquartile ranges below the first
// or above the third quartile, quartiles by linear interpolation (Tukey, Exploratory
// Data Analysis, 1977).
type IQR struct {
	// Factor is how many interquartile ranges away a fence stands; the judge's is 3.
	Factor float64
	// ReduceSensitivity moves the fences out to the 1st and 99th percentile where those
	// are further out. The judge does so.
	ReduceSensitivity bool
}

// Outliers marks the values that lie strictly beyond a fence. Values must not be NaN.
func (d IQR) Outliers(values []float64) []bool {
	sorted := slices.Sorted(slices.Values(values))
	q1, q3 := percentile(sorted, 25), percentile(sorted, 75)
	reach := float64(d.Factor * (q3 - q1))
	low, high := q1-reach, q3+reach
	if d.ReduceSensitivity {
		low, high = math.Min(low, percentile(sorted, 1)), math.Max(high, percentile(sorted, 99))
	}
	out := make([]bool, len(values))
	for i, v := range values {
		out[i] = v < low || v > high
	}
	return out
}
