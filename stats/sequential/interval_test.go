package sequential

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// at returns the evidence of side against the null with p_c = a·p_b + d.
func at(side Side, blocks []CountBlock, a, d, phi float64) float64 {
	moved := append([]CountBlock(nil), blocks...)
	for i := range moved {
		moved[i].A = a
	}
	return last(Counts{Side: side, D: d}.Evidence(nil, moved, []float64{phi}))
}

func TestRatioIntervalIsTheDual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := drawBlocks(t, rapid.IntRange(1, 8).Draw(t, "blocks"))
		phi := rapid.SampledFrom([]float64{.3, 1, 2.7}).Draw(t, "phi")
		alpha := rapid.SampledFrom([]float64{.05, .01, .2}).Draw(t, "alpha")
		low, high := RatioInterval(blocks, phi, alpha, alpha)
		if !(low >= 0 && low <= high) {
			t.Fatalf("interval (%g, %g)", low, high)
		}
		level := math.Log(1 / alpha)
		if low > 0 && (at(Worse, blocks, low*.9999, 0, phi) < level || at(Worse, blocks, low*1.0001, 0, phi) > level) {
			t.Fatalf("low %g: evidence does not cross there", low)
		}
		if low == 0 && at(Worse, blocks, 1e-15, 0, phi) > level {
			t.Fatal("low 0, but there is evidence against a ratio of 0")
		}
		if !math.IsInf(high, 1) && (at(NotWorse, blocks, high*1.0001, 0, phi) < level || at(NotWorse, blocks, high*.9999, 0, phi) > level) {
			t.Fatalf("high %g: evidence does not cross there", high)
		}
	})
}

func TestRatioIntervalKnownCases(t *testing.T) {
	steady := func(xc, xb float64) []CountBlock {
		blocks := make([]CountBlock, 10)
		for i := range blocks {
			blocks[i] = CountBlock{Nc: 1000, Xc: xc, Nb: 1000, Xb: xb}
		}
		return blocks
	}
	low, high := RatioInterval(steady(20, 10), 1, .025, .025)
	if !(low > 1.2 && low < 2 && high > 2 && high < 3.2) {
		t.Errorf("200 against 100: (%.2f, %.2f)", low, high)
	}
	wide, wider := RatioInterval(steady(20, 10), 4, .025, .025)
	if !(wide < low && wider > high) {
		t.Errorf("φ = 4: (%.2f, %.2f), want wider than (%.2f, %.2f)", wide, wider, low, high)
	}
	if left, right := RatioInterval(steady(20, 10), 1, .025, .2); left != low || right >= high {
		t.Errorf("more error above: (%.2f, %.2f), want (%.2f, less than %.2f)", left, right, low, high)
	}
	if low, high := RatioInterval(steady(0, 10), 1, .05, .05); low != 0 || !(high > 0 && high < .2) {
		t.Errorf("nothing bad in the canary: (%g, %g)", low, high)
	}
	if low, high := RatioInterval(steady(10, 0), 1, .05, .05); !math.IsInf(high, 1) || !(low > 5) {
		t.Errorf("nothing bad in the baseline: (%g, %g)", low, high)
	}
	for name, c := range map[string]struct {
		blocks           []CountBlock
		phi, left, right float64
	}{
		"no blocks": {nil, 1, .05, .05}, "nothing bad": {steady(0, 0), 1, .05, .05},
		"no alpha": {steady(9, 9), 1, 0, 1}, "no φ": {steady(9, 9), 0, .05, .05}, "NaN φ": {steady(9, 9), math.NaN(), .05, .05},
	} {
		if low, high := RatioInterval(c.blocks, c.phi, c.left, c.right); low != 0 || !math.IsInf(high, 1) {
			t.Errorf("%s: (%g, %g), want no bound", name, low, high)
		}
	}
	if low, high := RatioInterval([]CountBlock{{Nc: 1e9, Xc: 3e8, Nb: 1e10, Xb: 3e9}}, 1, .05, .05); !(low > .96 && low < .961 && high > 1.04 && high < 1.041) {
		t.Errorf("huge counts: (%g, %g), want half of the least distance of the grid", low, high)
	}
}

func TestDifferenceInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		pb := math.Exp(rapid.Float64Range(-8, -1).Draw(t, "log p_b"))
		pc := pb * math.Exp(rapid.Float64Range(-2, 2).Draw(t, "log ratio"))
		share := rapid.Float64Range(.02, .5).Draw(t, "share")
		n := math.Exp(rapid.Float64Range(5, 11).Draw(t, "log n"))
		blocks := make([]CountBlock, rapid.IntRange(1, 20).Draw(t, "blocks"))
		nb, xb := make([]float64, len(blocks)), make([]float64, len(blocks))
		for i := range blocks {
			nc := poisson(r, share*n) + 1
			nb[i] = poisson(r, (1-share)*n) + 1
			xb[i] = poisson(r, nb[i]*pb)
			blocks[i] = CountBlock{Nc: nc, Xc: poisson(r, nc*pc), Nb: nb[i], Xb: xb[i]}
		}
		for i, pi := range Predict(10*n, 10*n*pb, nb, xb) {
			blocks[i].Pi = pi
		}
		low, high := DifferenceInterval(blocks, 1.5, .05, .05)
		if !(low <= high) {
			t.Fatalf("interval (%g, %g)", low, high)
		}
		level := math.Log(20)
		for _, end := range []struct {
			side Side
			d    float64
		}{{Worse, low}, {NotWorse, high}} {
			if math.IsInf(end.d, 0) {
				continue
			}
			// The crossing is where it is said to be, and outside of it is evidence.
			out := -1e-6 * (1 + math.Abs(end.d)/1e-2)
			if end.side == NotWorse {
				out = -out
			}
			if inside, outside := at(end.side, blocks, 1, end.d-out, 1.5), at(end.side, blocks, 1, end.d+out, 1.5); !(inside <= level+1e-6 && outside >= level-1e-6) {
				t.Fatalf("%v %g: log E %g inside, %g outside, want %g between", end.side, end.d, inside, outside, level)
			}
			for _, far := range []float64{.01, .03, .1, .5} {
				if e := at(end.side, blocks, 1, end.d+math.Copysign(far, out), 1.5); e < level-1e-6 {
					t.Fatalf("%v: %g beyond the end %g, log E is %g again", end.side, far, end.d, e)
				}
			}
		}
	})
	if low, high := DifferenceInterval(nil, 1, .05, .05); !math.IsInf(low, -1) || !math.IsInf(high, 1) {
		t.Errorf("no blocks: (%g, %g), want no bound", low, high)
	}
	quiet := []CountBlock{{Nc: 3000, Nb: 57000, Pi: 1e-5}}
	if low, high := DifferenceInterval(quiet, 1, .05, .05); !(low <= 0 && low > -.01 && high >= 0 && high < .02) {
		t.Errorf("nothing bad: (%g, %g)", low, high)
	}
}

// TestIntervalCoverage looks after every block, and counts runs whose interval ever
// excluded the truth.
func TestIntervalCoverage(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	const runs = 150
	ratio, difference := 0, 0
	for range runs {
		var nb, xb []float64
		var blocks []CountBlock
		missedRatio, missedDifference := false, false
		for range 15 {
			b := CountBlock{Nc: 300, Xc: poisson(r, 300*.02), Nb: 2700, Xb: poisson(r, 2700*.01)}
			pi := Predict(1000, 10, append(nb, 0), append(xb, 0))
			b.Pi = last(pi)
			nb, xb = append(nb, b.Nb), append(xb, b.Xb)
			blocks = append(blocks, b)
			low, high := RatioInterval(blocks, 1, .05, .05)
			missedRatio = missedRatio || low > 2 || high < 2
			low, high = DifferenceInterval(blocks, 1, .05, .05)
			missedDifference = missedDifference || low > .01 || high < .01
		}
		if missedRatio {
			ratio++
		}
		if missedDifference {
			difference++
		}
	}
	if limit := 22; ratio > limit || difference > limit { // 15 expected at most
		t.Errorf("ever missed: ratio %d, difference %d of %d, want at most %d", ratio, difference, runs, limit)
	}
}

func TestFindRoot(t *testing.T) {
	for name, c := range map[string]struct {
		f         func(float64) float64
		low, high float64
		want      float64
	}{
		"line":        {func(x float64) float64 { return x - 3 }, -10, 10, 3},
		"falling":     {func(x float64) float64 { return 3 - x }, -10, 10, 3},
		"steep":       {func(x float64) float64 { return math.Expm1(50 * (x - .1)) }, -1, 1, .1},
		"flat":        {func(x float64) float64 { return math.Pow(x-2, 9) }, 0, 7, 2},
		"jump":        {func(x float64) float64 { return math.Copysign(1, x-.7) }, 0, 1, .7},
		"at low":      {func(x float64) float64 { return x }, 0, 1, 0},
		"no sign":     {func(x float64) float64 { return x + 1 }, 0, 1, 0},
		"no sign, up": {func(x float64) float64 { return x - 2 }, 0, 1, 1},
	} {
		tolerance := 1e-8
		if name == "flat" {
			tolerance = 1e-2
		}
		if got := findRoot(c.f, around(c.f, c.low, c.high, 1e-12)); math.Abs(got-c.want) > tolerance {
			t.Errorf("%s: got %g, want %g", name, got, c.want)
		}
	}
}

// TestFindRootIsQuick guards what tells Brent's method from bisection, which needs
// forty steps here.
func TestFindRootIsQuick(t *testing.T) {
	for name, f := range map[string]func(float64) float64{
		"exponential": func(x float64) float64 { return math.Exp(x) - 5 },
		"square root": func(x float64) float64 { return math.Sqrt(x+1) - 2 },
		"cubic":       func(x float64) float64 { return x*x*x - 20 },
	} {
		calls := 0
		counted := func(x float64) float64 { calls++; return f(x) }
		if got := findRoot(counted, around(counted, 0, 10, 1e-12)); math.Abs(f(got)) > 1e-9 || calls > 16 {
			t.Errorf("%s: root %g after %d calls, want at most 16", name, got, calls)
		}
	}
}

func FuzzIntervals(f *testing.F) {
	f.Add(300., 5., 5700., 50., .01, 1., .05)
	f.Add(1e9, 1e9, 1e9, 0., 0., .01, .001)
	f.Add(1e-3, 1e6, 1e6, 0., 1., 100., .5)
	f.Fuzz(func(t *testing.T, nc, xc, nb, xb, pi, phi, alpha float64) {
		for _, v := range []float64{nc, xc, nb, xb, pi, phi} {
			if v > 1e12 || v < 0 || v > 0 && v < 1e-12 {
				t.Skip("outside what counts are")
			}
		}
		b := CountBlock{Nc: nc, Xc: xc, Nb: nb, Xb: xb, Pi: pi}
		blocks := []CountBlock{b, {}, b}
		if low, high := RatioInterval(blocks, phi, alpha, alpha/2); !(low >= 0 && low <= high) {
			t.Fatalf("%+v φ=%g α=%g: ratio (%g, %g)", b, phi, alpha, low, high)
		}
		if low, high := DifferenceInterval(blocks, phi, alpha, alpha/2); !(low <= high) {
			t.Fatalf("%+v φ=%g α=%g: difference (%g, %g)", b, phi, alpha, low, high)
		}
	})
}
