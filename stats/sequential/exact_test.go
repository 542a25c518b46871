package sequential

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The tests of this file compute expectations by enumeration, not simulation: an
// e-value whose expectation under its null exceeds 1 is a broken promise.

// law is a distribution on 0, 1, 2 and so on.
type law []float64

func poissonLaw(mean float64) law {
	out := law{math.Exp(-mean)}
	rest := 1 - out[0]
	for k := 1; rest > 1e-13 && k < 2000; k++ {
		p := out[k-1] * mean / float64(k)
		out = append(out, p)
		rest -= p
	}
	return out
}

func binomialLaw(n int, p float64) law {
	out := make(law, n+1)
	for k := range out {
		choose, _ := math.Lgamma(float64(n + 1))
		a, _ := math.Lgamma(float64(k + 1))
		b, _ := math.Lgamma(float64(n - k + 1))
		out[k] = math.Exp(choose - a - b + xlogy(float64(k), p) + xlogy(float64(n-k), 1-p))
	}
	return out
}

func xlogy(x, y float64) float64 {
	if x == 0 {
		return 0
	}
	return x * math.Log(y)
}

// expectation returns E[exp Evidence] of one block whose counts have the laws.
func expectation(c Counts, b CountBlock, canary, baseline law) float64 {
	sum := 0.0
	dst := make([]float64, 1)
	for xc, p := range canary {
		for xb, q := range baseline {
			if p*q == 0 {
				continue
			}
			b.Xc, b.Xb = float64(xc), float64(xb)
			if c.Failures {
				b.Xc, b.Xb = b.Nc-b.Xc, b.Nb-b.Xb
			}
			sum += p * q * math.Exp(c.Evidence(dst, []CountBlock{b}, nil)[0])
		}
	}
	return sum
}

// nullRates draws rates on or inside the null of c in block b. With Lower the rates
// are those of the good events.
func nullRates(t *rapid.T, c Counts, a, most float64) (pc, pb float64) {
	pb = rapid.Float64Range(0, most).Draw(t, "pb")
	edge := a*pb + c.D
	if c.Lower {
		edge = a*pb - c.D
	}
	below := c.Side == Worse
	if c.Lower {
		below = !below
	}
	inside := rapid.SampledFrom([]float64{0, 0, .01, .1, .5, 1}).Draw(t, "inside")
	if below && edge < 0 {
		return -1, pb // the null is empty there
	}
	if below {
		return math.Min(edge*(1-inside), most), pb
	}
	return math.Max(edge, 0) + inside*math.Max(most-math.Max(edge, 0), 0), pb
}

func drawCounts(t *rapid.T) Counts {
	c := Counts{
		Side:  rapid.SampledFrom([]Side{Worse, NotWorse}).Draw(t, "side"),
		D:     rapid.SampledFrom([]float64{0, .001, .02, .1}).Draw(t, "d"),
		Lower: rapid.Bool().Draw(t, "lower"),
		Grid:  rapid.SampledFrom([][]float64{nil, {.05}, {1}, {3}}).Draw(t, "grid"),
	}
	return c
}

func drawA(t *rapid.T, c Counts) float64 {
	if c.Lower {
		return rapid.Float64Range(.5, 1).Draw(t, "a")
	}
	return rapid.Float64Range(1, 3).Draw(t, "a")
}

func TestExpectationPoisson(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCounts(t)
		a := drawA(t, c)
		const most = 2.
		pc, pb := nullRates(t, c, a, most)
		if pc < 0 || pc > 3*most {
			t.Skip("no such rate")
		}
		b := CountBlock{
			Nc: rapid.Float64Range(.1, 8).Draw(t, "nc"), Nb: rapid.Float64Range(.1, 20).Draw(t, "nb"),
			A: a, Pi: rapid.Float64Range(0, most).Draw(t, "pi"),
		}
		if e := expectation(c, b, poissonLaw(b.Nc*pc), poissonLaw(b.Nb*pb)); e > 1+1e-9 {
			t.Fatalf("%+v %+v at p_c=%g, p_b=%g: expectation %.12g, want <= 1", c, b, pc, pb, e)
		}
	})
}

func TestExpectationBinomial(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCounts(t)
		c.Failures = c.Lower && rapid.Bool().Draw(t, "failures")
		a := drawA(t, c)
		pc, pb := nullRates(t, c, a, 1)
		if pc < 0 || pc > 1 {
			t.Skip("no such probability")
		}
		nc, nb := rapid.IntRange(1, 12).Draw(t, "nc"), rapid.IntRange(1, 30).Draw(t, "nb")
		b := CountBlock{Nc: float64(nc), Nb: float64(nb), A: a, Pi: rapid.Float64Range(0, 1).Draw(t, "pi")}
		if e := expectation(c, b, binomialLaw(nc, pc), binomialLaw(nb, pb)); e > 1+1e-9 {
			t.Fatalf("%+v %+v at p_c=%g, p_b=%g: expectation %.12g, want <= 1", c, b, pc, pb, e)
		}
	})
}

// TestExpectationIsTight guards the two tests above against evidence that is simply
// always small: on the null's boundary, with D = 0, the expectation is 1.
func TestExpectationIsTight(t *testing.T) {
	for _, c := range []Counts{{}, {Side: NotWorse}, {Lower: true}} {
		b := CountBlock{Nc: 3, Nb: 10, A: 1.2}
		if e := expectation(c, b, poissonLaw(3*.6), poissonLaw(10*.5)); math.Abs(e-1) > 1e-6 {
			t.Errorf("%+v: expectation on the boundary is %g, want 1", c, e)
		}
		c.D = .1
		b.Pi = .5
		edge := .7
		if c.Lower {
			edge = .5
		}
		if e := expectation(c, b, poissonLaw(3*edge), poissonLaw(10*.5)); e < .8 {
			t.Errorf("%+v: expectation on the boundary is %g, want near 1", c, e)
		}
	}
}

// TestStoppingTimes enumerates every path of seven blocks with one request in each
// arm, restarts and predicted rates included, and stops at the first crossing.
func TestStoppingTimes(t *testing.T) {
	const blocks = 7
	for _, c := range []Counts{
		{Restarts: true}, {Restarts: true, D: .1}, {Side: NotWorse, D: .1}, {Side: NotWorse},
		{Restarts: true, Lower: true, D: .1}, {Restarts: true, Lower: true, Failures: true},
	} {
		a, pb := 1.25, .4
		if c.Lower {
			a = .8
		}
		pc := a*pb + c.D
		if c.Lower {
			pc = a*pb - c.D
		}
		for _, level := range []float64{1.2, 1.5, 2, math.Inf(1)} {
			t.Run(fmt.Sprintf("%+v/%g", c, level), func(t *testing.T) {
				if e := stopped(c, a, pc, pb, blocks, level); e > 1+1e-9 {
					t.Errorf("E at the stopping time has expectation %.9f, want <= 1", e)
				}
			})
		}
	}
}

// stopped returns the expectation of E when first at level, else at the end.
func stopped(c Counts, a, pc, pb float64, blocks int, level float64) float64 {
	total := 0.0
	dst := make([]float64, blocks)
	path := make([]CountBlock, blocks)
	ones, bad := make([]float64, blocks), make([]float64, blocks)
	for code := range 1 << (2 * blocks) {
		p := 1.0
		for i := range path {
			xc, xb := float64(code>>(2*i)&1), float64(code>>(2*i+1)&1)
			p *= (xc*pc + (1-xc)*(1-pc)) * (xb*pb + (1-xb)*(1-pb))
			if c.Failures {
				xc, xb = 1-xc, 1-xb
			}
			path[i] = CountBlock{Nc: 1, Xc: xc, Nb: 1, Xb: xb, A: a}
			ones[i], bad[i] = 1, xb
		}
		for i, pi := range Predict(3, 1, ones, bad) {
			path[i].Pi = pi
		}
		e := c.Evidence(dst, path, nil)
		last := e[blocks-1]
		for _, v := range e {
			if v >= math.Log(level) {
				last = v
				break
			}
		}
		total += p * math.Exp(last)
	}
	return total
}

// TestTEvidenceIsALikelihoodRatio integrates E over the central t distribution: a
// mixture of likelihood ratios has expectation 1 there, and less below 0.
func TestTEvidenceIsALikelihoodRatio(t *testing.T) {
	for _, n := range []float64{2, 3, 5, 10, 30, 90, 300} {
		for _, tau := range []float64{.3, 1, 2} {
			nu := n - 1
			logC := lgamma((nu+1)/2) - lgamma(nu/2) - .5*math.Log(nu*math.Pi)
			sum := 0.0
			// With t = sinh(u) the tails are short enough for a plain sum.
			const h = 1e-3
			for u := -60.; u < 60; u += h {
				x := math.Sinh(u)
				f := logC - (nu+1)/2*math.Log1p(x*x/nu) + math.Log(math.Cosh(u))
				sum += h * math.Exp(f+TEvidence(n, x, nu, tau))
			}
			// At n = 2, tau = 2 the mass beyond the range is 1e-3 of it.
			if math.Abs(sum-1) > 2e-8 {
				t.Errorf("n=%g tau=%g: expectation %.10f, want 1", n, tau, sum)
			}
		}
	}
}
