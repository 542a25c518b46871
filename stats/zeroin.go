package stats

import "math"

// searchIn is where zeroin looks for a root.
type searchIn struct {
	low, high     float64
	atLow, atHigh float64 // the function's values there; one is ≤ 0, one ≥ 0
	tolerance     float64 // of the root, absolute
}

// uniroot returns a root of f between low and high by zeroin, computing the
// function's values at both ends.
func uniroot(f func(float64) float64, low, high, tolerance float64) float64 {
	return zeroin(f, searchIn{low: low, high: high, atLow: f(low), atHigh: f(high), tolerance: tolerance})
}

// zeroin returns a root of f by Brent's method (Brent 1973, Algorithms for
// minimization without derivatives, ch. 4). It takes the very steps that the
// statistical language R takes, because the roots that rank tests ask for lie
// inside jumps: there any point is as good as another, and only the same steps lead
// to the same point. Callers who want accuracy alone pass a tolerance of 0, which
// means a few units in the last place.
func zeroin(f func(float64) float64, in searchIn) float64 {
	if in.atLow == 0 {
		return in.low
	}
	if in.atHigh == 0 {
		return in.high
	}
	p := brent{a: in.low, b: in.high, c: in.low, fa: in.atLow, fb: in.atHigh, fc: in.atLow}
	const epsilon = 0x1p-52
	for range 1001 {
		before := p.b - p.a
		if math.Abs(p.fc) < math.Abs(p.fb) {
			p.a, p.b, p.c = p.b, p.c, p.b
			p.fa, p.fb, p.fc = p.fb, p.fc, p.fb
		}
		allowed := 2*epsilon*math.Abs(p.b) + in.tolerance/2
		step := (p.c - p.b) / 2
		if math.Abs(step) <= allowed || p.fb == 0 {
			return p.b
		}
		if math.Abs(before) >= allowed && math.Abs(p.fa) > math.Abs(p.fb) {
			step = p.interpolate(step, before, allowed)
		}
		if math.Abs(step) < allowed {
			step = math.Copysign(allowed, step)
		}
		p.a, p.fa = p.b, p.fb
		p.b += step
		p.fb = f(p.b)
		if p.fb > 0 && p.fc > 0 || p.fb < 0 && p.fc < 0 {
			p.c, p.fc = p.a, p.fa
		}
	}
	return p.b
}

// brent is the state of zeroin: b is the best point, c is on the other side of the
// root, a is the point before b.
type brent struct{ a, b, c, fa, fb, fc float64 }

// interpolate returns the step of a secant or an inverse parabola where that stays
// well inside the bracket, and the given step (a bisection) elsewhere.
func (s brent) interpolate(bisection, before, allowed float64) float64 {
	width := s.c - s.b
	var p, q float64
	if s.a == s.c {
		t := s.fb / s.fa
		p, q = width*t, 1-t
	} else {
		u := s.fa / s.fc
		t, v := s.fb/s.fc, s.fb/s.fa
		p = v * (width*u*(u-t) - (s.b-s.a)*(t-1))
		q = (u - 1) * (t - 1) * (v - 1)
	}
	if p > 0 {
		q = -q
	} else {
		p = -p
	}
	if p < .75*width*q-math.Abs(allowed*q)/2 && p < math.Abs(before*q/2) {
		return p / q
	}
	return bisection
}
