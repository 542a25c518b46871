package sequential

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// lognormalExceed returns the tail of a lognormal at each bound.
func lognormalExceed(bounds []float64, median, sigma float64) []float64 {
	out := make([]float64, len(bounds))
	for k, x := range bounds {
		out[k] = upper(math.Log(x/median) / sigma)
	}
	return out
}

func TestShiftRatioOfASmoothShape(t *testing.T) {
	bounds := []float64{.01, .02, .03, .05, .07, .1, .15, .2, .3, .5, .7, 1}
	exceed := lognormalExceed(bounds, .06, .7)
	got := ShiftRatio(nil, bounds, exceed, .1)
	for k, x := range bounds {
		want := upper(math.Log(x/1.1/.06)/.7) / exceed[k]
		if exceed[k] > 1e-3 && math.Abs(got[k]/want-1) > .04 {
			t.Errorf("%g s: got %.3f, want %.3f", x, got[k], want)
		}
	}
}

func TestShiftRatioAtTheEdges(t *testing.T) {
	for _, c := range []struct {
		name           string
		bounds, exceed []float64
		delta          float64
		want           []float64
	}{
		{"no shift", []float64{1, 2}, []float64{.5, .1}, 0, []float64{1, 1}},
		{"one bound has no slope", []float64{1}, []float64{.5}, .1, []float64{50}},
		{"a bound at 0 stays", []float64{0, 1, 2}, []float64{1, .5, .1}, .1, []float64{1, 1.1499, 1.3066}},
		{"an empty bucket is flat", []float64{1, 2, 4}, []float64{.5, .1, .1}, .1, []float64{1.1499, 1.3066, 1}},
		{"one bucket further", []float64{1, 2, 4}, []float64{.5, .1, .1}, 3, []float64{1.9756, 9.0, 5}},
		{"a rise is levelled", []float64{1, 2, 4}, []float64{.5, .1, .3}, .1, []float64{1.1499, 1.3066, 1}},
		{"nothing is slower", []float64{1, 2}, []float64{.5, 0}, .1, []float64{1.8034, 9.1733}},
		{"everything is", []float64{1, 2}, []float64{1, 1}, .1, []float64{1, 1}},
		{"clipped", []float64{1, 1.01}, []float64{.9, 1e-6}, 1, []float64{1.1111, 50}},
		{"short exceed", []float64{1, 2, 4}, []float64{.5}, .1, []float64{50, 50, 50}},
		{"NaN is as the bound before", []float64{1, 2, 4}, []float64{.5, math.NaN(), .1}, .1, []float64{1, 1, 1.3066}},
		{"none", nil, nil, .1, nil},
	} {
		got := ShiftRatio(nil, c.bounds, c.exceed, c.delta)
		for k := range c.want {
			if math.Abs(got[k]-c.want[k]) > 2e-4*c.want[k] {
				t.Errorf("%s: got %.4f, want %.4f", c.name, got, c.want)
				break
			}
		}
	}
}

func TestPromoteRatio(t *testing.T) {
	bounds := []float64{.05, .1, .15, .2, .5, 1}
	exceed := []float64{.6, .4, .3, .2, .05, 0}
	for _, c := range []struct {
		delta float64
		want  []float64
	}{
		{.5, []float64{1, 1, .4 / .3, .3 / .2, 1, 1}},
		{.49, []float64{1, 1, 1, .3 / .2, 1, 1}}, // 0.15/1.49 is just above 0.1
		{1, []float64{1, 1.5, 4. / 3, 2, 1, 1}},
		{1.5, []float64{1, 1.5, 4. / 3, 2, 4, 1}},
		{0, []float64{1, 1, 1, 1, 1, 1}},
	} {
		got := PromoteRatio(nil, bounds, exceed, c.delta)
		for k := range c.want {
			if math.Abs(got[k]-c.want[k]) > 1e-9 {
				t.Errorf("δ=%g: got %.4f, want %.4f", c.delta, got, c.want)
				break
			}
		}
	}
}

// TestPromoteRatioHoldsForEveryShape is what it is for: whatever the distribution
// between the bounds, a canary 1+δ times slower exceeds by at least the ratio.
func TestPromoteRatioHoldsForEveryShape(t *testing.T) {
	bounds := []float64{.01, .025, .05, .075, .1, .15, .25, .4, .5, 1}
	rapid.Check(t, func(t *rapid.T) {
		delta := rapid.Float64Range(.05, 3).Draw(t, "delta")
		modes := rapid.SliceOfN(rapid.Float64Range(.005, 2), 1, 6).Draw(t, "modes")
		tail := func(x float64) float64 {
			n := 0.0
			for _, m := range modes {
				if m > x {
					n++
				}
			}
			return n / float64(len(modes))
		}
		exceed := make([]float64, len(bounds))
		for k, x := range bounds {
			exceed[k] = tail(x)
		}
		for k, r := range PromoteRatio(nil, bounds, exceed, delta) {
			if slower := tail(bounds[k] / (1 + delta)); slower < r*exceed[k]-1e-12 && r > 1 {
				t.Fatalf("bound %g: slower canary exceeds %.3f, the null begins at %.3f", bounds[k], slower, r*exceed[k])
			}
		}
	})
}

func TestGrids(t *testing.T) {
	bounds := simBounds()
	exceed := lognormalExceed(bounds, .06, .7)
	for k := range bounds {
		worse := WorseGrid(bounds, exceed, .1, k)
		if len(worse) != 4 {
			t.Fatalf("bound %d: %v, want 4 distances", k, worse)
		}
		promote := NotWorseGrid(bounds, exceed, 1, k)
		for _, grid := range [][]float64{worse, promote} {
			for i, g := range grid {
				if g < math.Log(1.02)-1e-12 || g > math.Log(20)+1e-12 || i > 0 && g < grid[i-1] {
					t.Errorf("bound %d: %v, want rising within log 1.02 … log 20", k, grid)
				}
			}
		}
		if r := PromoteRatio(nil, bounds, exceed, 1)[k]; r > 1.2 && r < 20 && math.Abs(last(promote)-math.Log(r)) > 1e-9 {
			t.Errorf("bound %d: %v, want the baseline itself, %.3f, last", k, promote, math.Log(r))
		}
	}
	if g := WorseGrid(bounds, exceed, .1, 99); g != nil {
		t.Errorf("no such bound: %v", g)
	}
}

func FuzzHistogram(f *testing.F) {
	f.Add(.1, .2, .5, .9, .5, .1, .1)
	f.Add(50., 190., math.Inf(1), math.NaN(), 2., -.1, math.Inf(1))
	f.Add(0., -1., math.Inf(1), math.NaN(), 2., -1., 50.)
	f.Fuzz(func(t *testing.T, x1, x2, x3, s1, s2, s3, delta float64) {
		bounds, exceed := []float64{x1, x2, x3}, []float64{s1, s2, s3}
		for _, v := range append(ShiftRatio(nil, bounds, exceed, delta), PromoteRatio(nil, bounds, exceed, delta)...) {
			if !(v >= 1 && v <= 50) {
				t.Fatalf("%v %v δ=%g: ratio %g", bounds, exceed, delta, v)
			}
		}
		for k := range bounds {
			for _, g := range append(WorseGrid(bounds, exceed, delta, k), NotWorseGrid(bounds, exceed, delta, k)...) {
				if !(g > 0 && g < 3) {
					t.Fatalf("%v %v δ=%g: distance %g", bounds, exceed, delta, g)
				}
			}
		}
	})
}

// TestWholeShift: on the grid of a native histogram a slowdown by whole buckets needs no
// interpolation, whatever the distribution between the bounds.
func TestWholeShift(t *testing.T) {
	grid := func(schema, n int) []float64 {
		out := make([]float64, n)
		for k := range out {
			out[k] = .01 * math.Exp2(float64(k)*math.Exp2(-float64(schema)))
		}
		return out
	}
	// Two modes, of which one lies within a bucket: nothing that is smooth in log x.
	exceed := func(x float64) float64 {
		s := .4 * math.Erfc(math.Log(x/.02)/.1)
		return s + .1*math.Erfc(math.Log(x/.05)/.3)
	}
	for _, c := range []struct {
		schema   int
		delta    float64
		slowdown float64 // 0: not whole
	}{
		{3, .1, math.Exp2(1./8) - 1}, {3, .2, math.Exp2(2./8) - 1}, {4, .1, math.Exp2(1./8) - 1}, {4, .05, math.Exp2(1./16) - 1},
		{3, .05, 0}, {2, .1, 0}, {0, .1, 0}, {0, 1, 1}, {1, .5, math.Sqrt2 - 1},
	} {
		bounds := grid(c.schema, 24)
		s := make([]float64, len(bounds))
		for k, x := range bounds {
			s[k] = exceed(x)
		}
		ratios, slowdown, whole := WholeShift(bounds, s, c.delta)
		if whole != (c.slowdown > 0) || math.Abs(slowdown-c.slowdown) > 1e-12 {
			t.Errorf("schema %d, %g: got %g, %v, want %g", c.schema, c.delta, slowdown, whole, c.slowdown)
			continue
		}
		for k, r := range ratios {
			want := math.Min(math.Max(exceed(bounds[k]/(1+slowdown))/s[k], 1), 50)
			below := bounds[k]/(1+slowdown) < bounds[0]*(1-1e-9)
			if below && r < want*(1-1e-9) || !below && math.Abs(r/want-1) > 1e-9 {
				t.Errorf("schema %d, %g, bound %g: got %.12g, want %.12g", c.schema, c.delta, bounds[k], r, want)
			}
		}
	}
	sparse := []float64{.01, .01 * math.Exp2(1./8), .01 * math.Exp2(5./8)} // four bounds were never used
	if r, _, whole := WholeShift(sparse, []float64{.8, .5, .1}, .1); !whole || math.Abs(r[2]-5) > 1e-9 || math.Abs(r[0]-1.25) > 1e-9 {
		t.Errorf("got %v, %v, want the next lower bound", r, whole)
	}
	if _, _, whole := WholeShift([]float64{.005, .01, .025, .05}, []float64{1, .9, .5, .1}, .1); whole {
		t.Error("classic bounds are on no grid")
	}
}
