package aca

import (
	"errors"
	"math"
	"slices"
)

// errAllTied says that a shift exists at which every value has the same rank, so that
// the rank sum has no variance. Kayenta answers it with the label Error.
var errAllTied = errors.New("all values are tied at a shift that the search visits; the test has no variance")

// rootTolerance is the absolute width to which roots are found. That it does not
// scale with the data is one of Kayenta's defects.
const rootTolerance = 1e-4

// shift compares experiment − μ with control by rank sums.
type shift struct {
	x, y []float64 // experiment and control, sorted
}

func newShift(control, experiment []float64) shift {
	return shift{x: slices.Sorted(slices.Values(experiment)), y: slices.Sorted(slices.Values(control))}
}

// maximal ranks what is not a number above all numbers, level with +Inf.
func maximal(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}

// ranks returns the sum of the midranks of x − μ among x − μ and y, and the tie term
// Σ(t³−t). Both are exact. Sorted values stay sorted when a number is subtracted, so
// one merge suffices.
func (s shift) ranks(mu float64) (sum, ties float64) {
	i, j, before := 0, 0, 0.0
	for i < len(s.x) || j < len(s.y) {
		v := math.Inf(1)
		if i < len(s.x) {
			v = maximal(s.x[i] - mu)
		}
		if j < len(s.y) {
			v = min(v, maximal(s.y[j]))
		}
		var inX, inY float64
		for ; i < len(s.x) && maximal(s.x[i]-mu) <= v; i++ {
			inX++
		}
		for ; j < len(s.y) && maximal(s.y[j]) <= v; j++ {
			inY++
		}
		t := inX + inY
		sum += inX * (before + (t+1)/2)
		ties += t*t*t - t
		before += t
	}
	return sum, ties
}

// z is the standardised rank sum at shift μ, with the corrections for continuity and
// for ties (Lehmann, Nonparametrics, 1975). It falls as μ grows.
func (s shift) z(mu float64) (float64, error) {
	m, n := float64(len(s.x)), float64(len(s.y))
	sum, ties := s.ranks(mu)
	d := sum - m*(m+1)/2 - m*n/2
	sd := math.Sqrt(m * n / 12 * ((m + n + 1) - ties/((m+n)*(m+n-1))))
	if sd == 0 {
		return 0, errAllTied
	}
	correction := 0.0
	if d != 0 {
		correction = math.Copysign(0.5, d)
	}
	return (d - correction) / sd, nil
}

// Interval is a confidence interval for the shift experiment − control, in the
// metric's unit, with the estimate in the middle of it, more or less.
type Interval struct {
	Low      float64 // Low is where z reaches the upper quantile.
	High     float64 // High is where z reaches the lower quantile; near ties it can be below Low.
	Estimate float64 // Estimate is where z, correction for continuity included, reaches 0.
}

// MannWhitney inverts the rank sum test (Mann & Whitney 1947) as Kayenta does: the
// normal approximation at every sample size, two-sided, at a confidence in (0, 1). The
// ends agree with R's wilcox.test(exact=FALSE, correct=TRUE); the estimate does not,
// because R drops the correction there. Neither side may be empty or hold NaN.
//
// The error says that all values were tied at some shift; it has no remedy but data.
func MannWhitney(control, experiment []float64, confidence float64) (Interval, error) {
	s := newShift(control, experiment)
	lo, hi := s.x[0]-s.y[len(s.y)-1], s.x[len(s.x)-1]-s.y[0]
	zLo, err := s.z(lo)
	if err != nil {
		return Interval{}, err
	}
	zHi, err := s.z(hi)
	if err != nil {
		return Interval{}, err
	}
	root := func(q float64, guarded bool) (float64, error) {
		switch {
		case guarded && zLo-q <= 0:
			return lo, nil
		case guarded && zHi-q >= 0:
			return hi, nil
		}
		b := bracket{a: lo, b: hi, fa: zLo - q, fb: zHi - q}
		return b.zeroin(func(mu float64) (float64, error) {
			z, err := s.z(mu)
			return z - q, err
		})
	}
	q := math.Sqrt2 * math.Erfinv(confidence)
	low, errLow := root(q, true)
	high, errHigh := root(-q, true)
	estimate, errEstimate := root(0, false)
	if err := errors.Join(errLow, errHigh, errEstimate); err != nil {
		return Interval{}, errAllTied
	}
	return Interval{Low: low, High: high, Estimate: estimate}, nil
}

// bracket holds two points and a function's values there. Below, b is the best guess,
// a the one before, and c the point on the other side of the root.
type bracket struct {
	a, b, c    float64
	fa, fb, fc float64
}

const (
	epsilon  = 2.220446049250313e-16
	maxSteps = 1001
)

// zeroin finds a root by Brent's method (Brent, Algorithms for Minimization without
// Derivatives, 1973, §4), step for step as R does, so that both stop at the same place
// inside a jump of a step function. Without a change of sign it still ends, somewhere.
// Products that are summed are rounded first, so that no processor fuses the two.
func (r bracket) zeroin(f func(float64) (float64, error)) (float64, error) {
	if math.Abs(r.fa) <= math.SmallestNonzeroFloat64 {
		return r.a, nil
	}
	if math.Abs(r.fb) <= math.SmallestNonzeroFloat64 {
		return r.b, nil
	}
	r.c, r.fc = r.a, r.fa
	for range maxSteps {
		previous := r.b - r.a
		if math.Abs(r.fc) < math.Abs(r.fb) {
			r.a, r.fa = r.b, r.fb
			r.b, r.fb = r.c, r.fc
			r.c, r.fc = r.a, r.fa
		}
		tolerance := float64(2*epsilon*math.Abs(r.b)) + rootTolerance/2
		if math.Abs((r.c-r.b)/2) <= tolerance || r.fb == 0 {
			return r.b, nil
		}
		step := r.step(previous, tolerance)
		r.a, r.fa = r.b, r.fb
		r.b += step
		var err error
		if r.fb, err = f(r.b); err != nil {
			return 0, err
		}
		if (r.fb > 0 && r.fc > 0) || (r.fb < 0 && r.fc < 0) {
			r.c, r.fc = r.a, r.fa
		}
	}
	return r.b, nil
}

// step is where to go from b: to where a line or an inverse parabola meets zero if
// that is well inside the bracket and converges, else to the middle.
func (r bracket) step(previous, tolerance float64) float64 {
	width := r.c - r.b
	step := width / 2
	if math.Abs(previous) >= tolerance && math.Abs(r.fa) > math.Abs(r.fb) {
		var p, q float64
		if r.a == r.c {
			t := r.fb / r.fa
			p, q = width*t, 1-t
		} else {
			u, v, w := r.fa/r.fc, r.fb/r.fc, r.fb/r.fa
			p = w * (float64(width*u*(u-v)) - float64((r.b-r.a)*(v-1)))
			q = (u - 1) * (v - 1) * (w - 1)
		}
		if p > 0 {
			q = -q
		} else {
			p = -p
		}
		if p < float64(0.75*width*q)-math.Abs(tolerance*q)/2 && p < math.Abs(previous*q/2) {
			step = p / q
		}
	}
	switch {
	case math.Abs(step) >= tolerance:
		return step
	case step > 0:
		return tolerance
	default:
		return -tolerance
	}
}
