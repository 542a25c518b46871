package samples

import (
	"fmt"
	"math"
	"strconv"
)

// sprintf is the one way in which sentences are made here.
func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// words says how the arms differ.
func (f Finding) words() string {
	if math.IsNaN(f.Ratio) {
		return sprintf("the means have no ratio, over %d pairs", f.Pairs)
	}
	return sprintf("the canary's mean is %s× the baseline's over %d pairs", number(f.Ratio), f.Pairs)
}

// decided is the sentence of a metric that is proven.
func (f Finding) decided(what string, evidence float64) string {
	return sprintf("%s; proven %s (evidence %s)", f.words(), what, odds(evidence))
}

// odds writes log10 evidence: 84:1.
func odds(log10 float64) string {
	switch {
	case log10 >= 6:
		return "over 1000000:1"
	case log10 >= 1:
		return strconv.FormatFloat(math.Pow(10, log10), 'f', 0, 64) + ":1"
	default:
		return strconv.FormatFloat(math.Pow(10, log10), 'g', 2, 64) + ":1"
	}
}

func percent(fraction float64) string {
	return strconv.FormatFloat(100*fraction, 'g', 4, 64) + " %"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
