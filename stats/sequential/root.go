package sequential

import "math"

// bracket is where a root is sought: the function has opposite signs at low and
// high, or the end nearer to 0 is returned.
type bracket struct {
	low, high float64
	// The function's values there.
	atLow, atHigh float64
	tolerance     float64 // of the root: absolute, and relative to its size
}

// around returns the bracket with the function's values.
func around(f func(float64) float64, low, high, tolerance float64) bracket {
	return bracket{low: low, high: high, atLow: f(low), atHigh: f(high), tolerance: tolerance}
}

// findRoot returns a root of f inside the bracket by Brent's method (Brent 1973,
// Algorithms for minimization without derivatives, ch. 4): inverse quadratic
// interpolation, secants and bisection.
func findRoot(f func(float64) float64, in bracket) float64 {
	a, b := in.low, in.high
	fa, fb := in.atLow, in.atHigh
	if fa == 0 || (fa > 0) == (fb > 0) {
		if math.Abs(fa) <= math.Abs(fb) {
			return a
		}
		return b
	}
	c, fc := a, fa
	step, before := b-a, b-a
	for range 200 {
		if (fb > 0) == (fc > 0) {
			c, fc = a, fa
			step, before = b-a, b-a
		}
		if math.Abs(fc) < math.Abs(fb) {
			a, b, c = b, c, b
			fa, fb, fc = fb, fc, fb
		}
		tolerance := 2*0x1p-53*math.Abs(b) + .5*in.tolerance*(1+math.Abs(b))
		middle := .5 * (c - b)
		if math.Abs(middle) <= tolerance || fb == 0 {
			break
		}
		step, before = nextStep(brentPoint{a, b, c, fa, fb, fc}, step, before, tolerance)
		a, fa = b, fb
		if math.Abs(step) > tolerance {
			b += step
		} else {
			b += math.Copysign(tolerance, middle)
		}
		fb = f(b)
	}
	return b
}

// brentPoint is the state of Brent's method: b is the best point, c the other side
// of the root, a the point before b.
type brentPoint struct{ a, b, c, fa, fb, fc float64 }

// nextStep returns the step to take from b and what the step before it was.
func nextStep(p brentPoint, step, before, tolerance float64) (next, last float64) {
	middle := .5 * (p.c - p.b)
	if math.Abs(before) < tolerance || math.Abs(p.fa) <= math.Abs(p.fb) {
		return middle, middle
	}
	s := p.fb / p.fa
	var num, den float64
	if p.a == p.c {
		num, den = 2*middle*s, 1-s
	} else {
		q, r := p.fa/p.fc, p.fb/p.fc
		num = s * (2*middle*q*(q-r) - (p.b-p.a)*(r-1))
		den = (q - 1) * (r - 1) * (s - 1)
	}
	if num > 0 {
		den = -den
	}
	num = math.Abs(num)
	if 2*num < math.Min(3*middle*den-math.Abs(tolerance*den), math.Abs(before*den)) {
		return num / den, step
	}
	return middle, middle
}
