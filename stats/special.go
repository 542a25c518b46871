package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// normalBelow returns P(Z <= z) and normalAbove P(Z >= z), each by its own
// complementary error function, so that neither becomes 0 before about 38σ.
func normalBelow(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
func normalAbove(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// normalQuantile returns z with P(Z <= z) = p, for 0 < p < 1.
func normalQuantile(p float64) float64 { return mathext.NormalQuantile(p) }

// normalSides returns the p-value of a standard normal statistic.
func normalSides(alt Alternative, z float64) float64 {
	return sides(alt, normalAbove(z), normalBelow(z))
}

// studentAbove returns P(T >= t) for Student's t with df degrees of freedom.
func studentAbove(t, df float64) float64 {
	if math.IsInf(t, 0) {
		return normalAbove(t)
	}
	if df > 1e5 {
		return normalAbove(normalised(t, df))
	}
	x := df / (df + t*t)
	if 1-x < x { // near the middle, where 1-x is the small part
		half := mathext.RegIncBeta(.5, df/2, t*t/(df+t*t)) / 2
		return .5 - math.Copysign(half, t)
	}
	tail := mathext.RegIncBeta(df/2, .5, x) / 2
	if t < 0 {
		return 1 - tail
	}
	return tail
}

// normalised returns the standard normal value with the tail of Student's t, for many
// degrees of freedom, where the beta function's argument is too near 1: Hill 1970,
// Algorithm 395.
func normalised(t, df float64) float64 {
	a := df - .5
	b := 48 * a * a
	w := math.Sqrt(a * math.Log1p(t*t/df))
	if w > 60 {
		return math.Copysign(w, t) // no float is that far out
	}
	w2 := w * w
	z := w + w*(w2+3)/b - w*(((4*w2+33)*w2+240)*w2+855)/(10*b*(b+.8*w2*w2+100))
	return math.Copysign(z, t)
}

// studentSides returns the p-value of a statistic with Student's distribution.
func studentSides(alt Alternative, t, df float64) float64 {
	return sides(alt, studentAbove(t, df), studentAbove(-t, df))
}

// StudentQuantile returns t with P(T <= t) = p, of Student's distribution with df > 0 degrees
// of freedom; p is in (0, 1).
func StudentQuantile(p, df float64) float64 {
	if p == .5 {
		return 0
	}
	if p < .5 {
		return -studentUpper(p, df)
	}
	return studentUpper(1-p, df)
}

// studentUpper returns t > 0 with P(T >= t) = tail, tail < ½: by a root in log t,
// which is accurate for every number of degrees of freedom.
func studentUpper(tail, df float64) float64 {
	f := func(l float64) float64 { return math.Log(studentAbove(math.Exp(l), df)) - math.Log(tail) }
	low, high := -1.0, 1.0
	for f(low) < 0 && low > -60 {
		low *= 2
	}
	for f(high) > 0 && high < 600 {
		high *= 2
	}
	return math.Exp(uniroot(f, low, high, 0))
}

// betaQuantile returns x with I_x(a, b) = p, for a, b > 0.
func betaQuantile(p, a, b float64) float64 {
	if p <= 0 {
		return 0
	}
	if p >= 1 {
		return 1
	}
	x := mathext.InvRegIncBeta(a, b, p)
	// Newton's method ends what the inversion began: its last digits are not right.
	for range 4 {
		if !(x > 0 && x < 1) {
			break
		}
		density := math.Exp((a-1)*math.Log(x) + (b-1)*math.Log1p(-x) - mathext.Lbeta(a, b))
		step := (mathext.RegIncBeta(a, b, x) - p) / density
		if !(math.Abs(step) < x/2 && math.Abs(step) < (1-x)/2) {
			break
		}
		x -= step
	}
	return x
}

// binomialWeights returns P(X = k), k = 0…n, for X ~ Bin(n, p): by recurrence from
// the mode outwards, normalised, so that each weight is good to its last digits.
func binomialWeights(n int, p float64) []float64 {
	w := make([]float64, n+1)
	switch {
	case p <= 0:
		w[0] = 1
		return w
	case p >= 1:
		w[n] = 1
		return w
	}
	mode := min(int(float64(n+1)*p), n)
	return outwards(w, mode, func(k int) float64 { // w[k+1]/w[k]
		return float64(n-k) / float64(k+1) * p / (1 - p)
	})
}

// outwards fills w from the index mode with the given ratios of neighbours,
// w[k+1]/w[k], and normalises it to the sum 1.
func outwards(w []float64, mode int, ratio func(k int) float64) []float64 {
	w[mode] = 1
	sum := 1.0
	for k := mode + 1; k < len(w); k++ {
		w[k] = w[k-1] * ratio(k-1)
		sum += w[k]
		if w[k] == 0 {
			break
		}
	}
	for k := mode - 1; k >= 0; k-- {
		w[k] = w[k+1] / ratio(k)
		sum += w[k]
		if w[k] == 0 {
			break
		}
	}
	for k := range w {
		w[k] /= sum
	}
	return w
}
