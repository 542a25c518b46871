package sequential

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// seriesByDefinition computes Evidence prefix by prefix, as documented.
func seriesByDefinition(s Series, y, d []float64) []float64 {
	one := func(y, d []float64) float64 {
		var ys, ds []float64
		for i := range y {
			if finite(y[i]) && finite(d[i]) {
				ys, ds = append(ys, y[i]), append(ds, d[i])
			}
		}
		n := float64(len(ys))
		if n == 0 {
			return 0
		}
		var my, md moments
		for i := range ys {
			my.add(ys[i])
			md.add(ds[i])
		}
		lagged := 0.0
		for i := 1; i < len(ds); i++ {
			lagged += (ds[i] - md.mean) * (ds[i-1] - md.mean)
		}
		rho, c := 0.0, 0.0
		if md.square > 0 {
			rho, c = lagged/md.square, math.Pow(s.Rho, 3)
		}
		rho = math.Min(math.Max((s.RhoWeight*s.Rho+n*rho+c)/(s.RhoWeight+n-3*c), 0), .95)
		f := 1.0
		for k := 1.; k < n; k++ {
			f += 2 * (1 - k/n) * math.Pow(rho, k)
		}
		nu := s.Nu0 + n - 1
		variance := (s.Nu0*s.Var + md.square) / nu
		return TEvidence(n/f, math.Sqrt(n/f)*my.mean/math.Sqrt(variance), nu, s.tau())
	}
	out := make([]float64, len(y))
	for t := range y {
		out[t] = one(y[:t+1], d[:t+1])
		if !s.Restarts {
			continue
		}
		out[t] -= math.Ln2
		idle := .5
		for j := 1; 5*j <= t; j++ {
			w := .5 / float64(j*(j+1))
			idle -= w
			out[t] = logAdd(out[t], math.Log(w)+one(y[5*j:t+1], d[5*j:t+1]))
		}
		out[t] = logAdd(out[t], math.Log(idle))
	}
	return out
}

func TestSeriesAgreesWithItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Series{
			Tau: rapid.Float64Range(.2, 2).Draw(t, "tau"), Var: rapid.Float64Range(1e-4, 1).Draw(t, "var"),
			Nu0: rapid.Float64Range(1, 60).Draw(t, "nu0"), Rho: rapid.Float64Range(0, .95).Draw(t, "rho"),
			RhoWeight: 20, Restarts: rapid.Bool().Draw(t, "restarts"),
		}
		shift := rapid.SampledFrom([]float64{0, .5, -2, 1e3}).Draw(t, "shift")
		d := make([]float64, 23)
		y := make([]float64, len(d))
		for i := range d {
			d[i] = float64(rapid.IntRange(-64, 64).Draw(t, "d"))/64 + shift
			y[i] = d[i] - shift + .2
			if i%7 == 3 {
				y[i] = math.NaN()
			}
		}
		got, want := s.Evidence(nil, y, d), seriesByDefinition(s, y, d)
		for i := range got {
			if math.Abs(got[i]-want[i]) > 1e-6*(1+math.Abs(want[i])) {
				t.Fatalf("prefix %d: got %.12g, want %.12g", i+1, got[i], want[i])
			}
		}
	})
}

func TestTEvidenceAgreesWithStudent(t *testing.T) {
	for _, n := range []float64{1.5, 2, 3.7, 8, 20, 61, 300, 5000} {
		for _, nu := range []float64{.5, 1, 2, 7.3, 29, 59, 80, 400, 4000} {
			for _, x := range []float64{-40, -9, -3, -1, -.01, 0, .01, .7, 2, 5, 30, 1e4} {
				k := n
				a := k / (1 + k) * x * x / (nu + x*x)
				f := distuv.StudentsT{Sigma: 1, Nu: nu + 1}.CDF(math.Copysign(math.Sqrt((nu+1)*a/(1-a)), x))
				if f < 1e-10 {
					continue // not accurate enough to compare with
				}
				want := math.Ln2 - .5*math.Log1p(k) - (nu+1)/2*math.Log1p(-a) + math.Log(f)
				if got := TEvidence(n, x, nu, 1); math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
					t.Errorf("n=%g ν=%g t=%g: got %.12g, want %.12g", n, nu, x, got, want)
				}
			}
		}
	}
}

func TestTEvidenceAtTheEdges(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range [][4]float64{{0, 1, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}, {1, nan, 1, 1}, {nan, 1, 1, 1}, {1, 1, inf, 1}, {-1, 1, 1, 1}} {
		if got := TEvidence(c[0], c[1], c[2], c[3]); got != 0 {
			t.Errorf("%v: got %g, want 0", c, got)
		}
	}
	// Five blocks without a prior can say 72 at most: 2(1+n)^((n-1)/2).
	if got, want := TEvidence(5, inf, 4, 1), math.Log(2*36); math.Abs(got-want) > .01 {
		t.Errorf("greatest evidence of five: got %g, want %g", got, want)
	}
	for _, n := range []float64{1, 1e3, 1e12} {
		for _, nu := range []float64{1e-3, 1, 1e3, 1e12} {
			before := math.Inf(-1)
			for _, x := range []float64{-inf, -1e9, -30, -5, -1, -1e-9, 0, 1e-9, 1, 5, 30, 1e9, inf} {
				e := TEvidence(n, x, nu, 1)
				if math.IsNaN(e) || math.IsInf(e, 0) {
					t.Fatalf("n=%g ν=%g t=%g: log E %g", n, nu, x, e)
				}
				if e < before-1e-9*math.Abs(before) {
					t.Fatalf("n=%g ν=%g t=%g: log E fell from %g to %g", n, nu, x, before, e)
				}
				before = e
			}
		}
	}
}

func TestSeriesAtTheEdges(t *testing.T) {
	for name, c := range map[string]struct {
		s    Series
		y, d []float64
	}{
		"one block, no prior": {Series{}, []float64{1}, nil},
		"only gaps":           {Series{Var: 1, Nu0: 30}, nans(4), nil},
		"d is short":          {Series{Var: 1, Nu0: 30}, []float64{1, 2}, []float64{}},
	} {
		for i, e := range c.s.Evidence(nil, c.y, c.d) {
			if e != 0 {
				t.Errorf("%s: log E %g after %d, want 0", name, e, i+1)
			}
		}
	}
	// Constant contrasts: s² = 0, evidence grows but stays finite; at 0 it falls.
	worse := Series{}.Evidence(nil, ones(20), nil)
	for i := 1; i < len(worse); i++ {
		if !(worse[i] > worse[i-1]) || math.IsInf(worse[i], 1) {
			t.Fatalf("constant 1: log E %v", worse)
		}
	}
	if e := last(Series{Restarts: true}.Evidence(nil, make([]float64, 20), nil)); e > 0 || math.IsNaN(e) {
		t.Errorf("constant 0: log E %g, want below 0", e)
	}
	if e := last(Series{Var: math.NaN(), Nu0: 30, Rho: math.NaN(), RhoWeight: 20}.Evidence(nil, ones(20), nil)); math.IsNaN(e) {
		t.Error("NaN prior: log E is NaN")
	}
	long := Series{Var: 1, Nu0: 30, Restarts: true}.Evidence(nil, ones(5000), nil)
	if e := last(long); math.IsNaN(e) || math.IsInf(e, 1) || e < 100 {
		t.Errorf("5000 blocks: log E %g", e)
	}
}

// TestSeriesLevel simulates the exact case: independent normals, no prior, a look
// after each of 60 blocks.
func TestSeriesLevel(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	const runs = 4000
	var mean moments
	crossed := 0
	dst, y := make([]float64, 60), make([]float64, 60)
	for range runs {
		for i := range y {
			y[i] = r.NormFloat64()
		}
		e := Series{Rho: 0, RhoWeight: 1e9}.Evidence(dst, y, nil)
		mean.add(math.Exp(last(e)))
		if firstAt(e, 20) <= len(y) {
			crossed++
		}
	}
	if got := float64(crossed) / runs; got > .05 || got < .005 {
		t.Errorf("ever at 20: %.4f, want at most 0.05 (and near 0.02)", got)
	}
	if mean.mean > 1+4*math.Sqrt(mean.variance()/runs) {
		t.Errorf("mean E %.3f, want at most 1", mean.mean)
	}
}

func TestSeriesInterval(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	d := make([]float64, 40)
	for i := range d {
		d[i] = .2 + .1*r.NormFloat64()
	}
	s := Series{Var: .01, Nu0: 30, Rho: .3, RhoWeight: 20}
	low, high := s.Interval(d, .05)
	if !(low < .2 && .2 < high) || high-low > .3 {
		t.Errorf("interval (%.3f, %.3f) of a mean of 0.2", low, high)
	}
	// Duality: at its ends the evidence is 1/α.
	shifted := func(sign, m float64) []float64 {
		y := make([]float64, len(d))
		for i := range d {
			y[i] = sign * (d[i] - m)
		}
		return y
	}
	near(t, "low end", last(s.Evidence(nil, shifted(1, low), d)), math.Log(20), 1e-6)
	near(t, "high end", last(s.Evidence(nil, shifted(-1, high), d)), math.Log(20), 1e-6)

	if low, high := (Series{}).Interval(d[:2], .05); !math.IsInf(low, -1) || !math.IsInf(high, 1) {
		t.Errorf("two blocks without a prior: (%g, %g), want no bound", low, high)
	}
	if low, high := s.Interval(nil, .05); !math.IsInf(low, -1) || !math.IsInf(high, 1) {
		t.Errorf("no blocks: (%g, %g), want no bound", low, high)
	}
	if low, high := s.Interval(d, 0); !math.IsInf(low, -1) || !math.IsInf(high, 1) {
		t.Errorf("alpha 0: (%g, %g), want no bound", low, high)
	}
}

func FuzzSeries(f *testing.F) {
	f.Add(1., -1., .5, 1., .01, 30., .5, 20., true)
	f.Add(0., 0., 0., 0., 0., 0., 0., 0., false)
	f.Add(1e150, 1e150, -1e150, 1e-9, 1e-9, 1e9, 1., 1., true)
	f.Fuzz(func(t *testing.T, a, b, c, tau, variance, nu0, rho, weight float64, restarts bool) {
		for _, v := range []float64{a, b, c, tau, variance, nu0, rho, weight} {
			if math.Abs(v) > 1e100 {
				t.Skip("squares leave the range")
			}
		}
		s := Series{Tau: tau, Var: variance, Nu0: nu0, Rho: rho, RhoWeight: weight, Restarts: restarts}
		y := []float64{a, b, math.NaN(), c, a, a, b, c}
		for i, e := range s.Evidence(nil, y, nil) {
			if math.IsNaN(e) || math.IsInf(e, 1) {
				t.Fatalf("%+v %v: log E %g after %d", s, y, e, i+1)
			}
		}
		if low, high := s.Interval(y, .05); math.IsNaN(low) || math.IsNaN(high) || low > high {
			t.Fatalf("%+v %v: interval (%g, %g)", s, y, low, high)
		}
	})
}
