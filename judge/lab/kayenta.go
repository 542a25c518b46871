package lab

import (
	"math"

	"github.com/serin-canary/serin/judge/aca"
)

// kayentaScale turns shares into percent and seconds into milliseconds. Kayenta finds
// the ends of its interval to within 1e-4 of the metric's unit, whatever that is: of
// error rates written as fractions it would see nothing below a tenth of a thousandth,
// of seconds no tenth of a millisecond. Users who read Kayenta's graphs choose units
// like these.
const (
	kayentaPercent = 100
	kayentaMillis  = 1000
)

// kayentaRule is Kayenta's classification of one metric, with memory to reuse.
type kayentaRule struct {
	control, experiment []float64
}

// high reports whether Kayenta's judge labels a metric High, where only increases are
// bad: its own code decides ([aca.Classifier]), all settings at their defaults. Gaps
// are dropped.
func (k *kayentaRule) high(canary, baseline []float64, scale float64) bool {
	k.experiment, k.control = scaled(k.experiment, canary, scale), scaled(k.control, baseline, scale)
	// A canary whose mean is the smaller is never High; this saves the interval.
	if aca.MeanRatio(k.control, k.experiment) < 1 {
		return false
	}
	found, err := aca.NetflixClassifier().Classify(aca.Sides{Control: k.control, Experiment: k.experiment},
		aca.Settings{Direction: aca.Increase}, aca.NewJavaRandom(aca.DefaultSeed))
	return err == nil && found.Label == aca.High // an error is a label that counts nowhere
}

// scaled returns the values that are no gaps, in another unit.
func scaled(dst, v []float64, scale float64) []float64 {
	dst = dst[:0]
	for _, y := range v {
		if !math.IsNaN(y) {
			dst = append(dst, y*scale)
		}
	}
	return dst
}
