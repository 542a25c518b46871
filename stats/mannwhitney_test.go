package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMannWhitneyAgainstEverySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := coarse(4).Draw(t, "x"), coarse(4).Draw(t, "y")
		got, err := MannWhitney(x, y, RankSumOptions{Exactness: Exact})
		if err != nil {
			t.Fatal(err)
		}
		greater, less := exhaustive(x, y, wins)
		closeTo(t, "statistic", got.Statistic, wins(x, y), 0)
		closeTo(t, "greater", got.Greater, greater, 1e-12)
		closeTo(t, "less", got.Less, less, 1e-12)
		closeTo(t, "p", got.P, math.Min(1, 2*math.Min(greater, less)), 1e-12)
	})
}

// The counts by the recursion c(u; m, n) = c(u-n; m-1, n) + c(u; m, n-1).
func TestRankSumDistributionAgainstRecursion(t *testing.T) {
	memo := map[[3]int]float64{}
	var count func(u, m, n int) float64
	count = func(u, m, n int) float64 {
		switch {
		case u < 0 || u > m*n:
			return 0
		case m == 0 || n == 0:
			return 1
		}
		key := [3]int{u, m, n}
		if v, ok := memo[key]; ok {
			return v
		}
		v := count(u-n, m-1, n) + count(u, m, n-1)
		memo[key] = v
		return v
	}
	for _, size := range [][2]int{{1, 1}, {1, 9}, {4, 3}, {12, 12}, {20, 7}, {24, 25}} {
		m, n := size[0], size[1]
		var all float64
		for u := 0; u <= m*n; u++ {
			all += count(u, m, n)
		}
		for u, p := range rankSumDistribution(m, n) {
			near(t, fmt.Sprint(m, n, u), p, count(u, m, n)/all, 1e-12)
		}
	}
}

func TestMannWhitneyIntervalIsMadeOfDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := fine(1, 12).Draw(t, "x"), fine(1, 12).Draw(t, "y")
		if rapid.Bool().Draw(t, "ties") {
			x, y = coarse(12).Draw(t, "x"), coarse(12).Draw(t, "y")
		}
		var all []float64
		for _, a := range x {
			for _, b := range y {
				all = append(all, a-b)
			}
		}
		slices.Sort(all)
		set := differences{x: sorted(x), y: sorted(y)}
		for k := range all {
			closeTo(t, "difference", selectRank(set, k+1), all[k], 0)
		}
		got, err := MannWhitney(x, y, RankSumOptions{})
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "estimate", got.Estimate, (all[(len(all)-1)/2]+all[len(all)/2])/2, 1e-15)
		if !got.Interval.Contains(got.Estimate) {
			t.Fatalf("got %+v, want the estimate inside", got)
		}
	})
}

// A shift is outside of the interval exactly if the test rejects it: the two are made
// from the same distribution.
func TestMannWhitneyIntervalInvertsTest(t *testing.T) {
	draw := rand.New(rand.NewPCG(3, 1))
	for range 30 {
		x, y := normals(draw, 3+draw.IntN(20)), normals(draw, 3+draw.IntN(20))
		got, err := MannWhitney(x, y, RankSumOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Interval.Level != .95 {
			continue // too few values for it
		}
		for _, shift := range []float64{got.Interval.Low, got.Interval.High} {
			inside, _ := MannWhitney(x, y, RankSumOptions{Shift: shift + 1e-9*math.Copysign(1, -shift+got.Estimate)})
			outside, _ := MannWhitney(x, y, RankSumOptions{Shift: shift - 1e-9*math.Copysign(1, -shift+got.Estimate)})
			if !(inside.P >= .05 && outside.P < .05) {
				t.Errorf("at %v: p %v inside, %v outside, want 0.05 between", shift, inside.P, outside.P)
			}
		}
	}
}

func normals(draw *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = draw.NormFloat64()
	}
	return v
}

func TestMannWhitneyIsScaleFree(t *testing.T) {
	draw := rand.New(rand.NewPCG(7, 7))
	for _, n := range []int{8, 70} {
		x, y := normals(draw, n), normals(draw, n+3)
		want, err := MannWhitney(x, y, RankSumOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, unit := range []float64{0x1p-30, 1e-9, 1e-100, 1e12} {
			got, err := MannWhitney(times(x, unit), times(y, unit), RankSumOptions{})
			if err != nil {
				t.Fatal(err)
			}
			near(t, "p", got.P, want.P, 1e-12)
			near(t, "estimate", got.Estimate/unit, want.Estimate, 1e-9)
			near(t, "low", got.Interval.Low/unit, want.Interval.Low, 1e-9)
			near(t, "high", got.Interval.High/unit, want.Interval.High, 1e-9)
		}
	}
}

func times(v []float64, by float64) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = v[i] * by
	}
	return out
}

func TestMannWhitneyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := coarse(60).Draw(t, "x"), coarse(60).Draw(t, "y")
		opt := RankSumOptions{
			Alternative: Alternative(rapid.IntRange(0, 2).Draw(t, "alternative")),
			Exactness:   Exactness(rapid.IntRange(0, 2).Draw(t, "exactness")),
			Compat:      Compat(rapid.IntRange(0, 1).Draw(t, "compat")),
		}
		got, err := MannWhitney(x, y, opt)
		if err != nil {
			t.Fatal(err)
		}
		mustProbability(t, "p", got.P)
		noNaN(t, "result", got.Statistic, got.Greater, got.Less, got.Estimate, got.Interval.Low, got.Interval.High)
		mirror := opt
		mirror.Alternative = []Alternative{TwoSided, Less, Greater}[opt.Alternative]
		back, err := MannWhitney(y, x, mirror)
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "p of the mirror", back.P, got.P, 1e-12)
		closeTo(t, "W and its mirror", back.Statistic+got.Statistic, float64(len(x)*len(y)), 0)
		cube := func(v []float64) []float64 {
			out := make([]float64, len(v))
			for i, u := range v {
				out[i] = u*u*u - 7
			}
			return out
		}
		moved, err := MannWhitney(cube(x), cube(y), opt)
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "p of growing values", moved.P, got.P, 0)
	})
}

func TestMannWhitneyDegenerate(t *testing.T) {
	five := []float64{5, 5, 5, 5}
	for _, compat := range []Compat{Native, R42} {
		got, err := MannWhitney(five, five[:3], RankSumOptions{Compat: compat})
		if err != nil || !got.Degenerate || got.P != 1 || got.Estimate != 0 || got.Interval.Low != 0 || got.Interval.High != 0 {
			t.Errorf("all tied: got %+v, %v", got, err)
		}
	}
	got, err := MannWhitney([]float64{2, 1, 3, 5, 2}, []float64{1, 1, 1, 1, 1}, RankSumOptions{})
	if err != nil || got.P >= .05 || got.P == 0 {
		t.Errorf("one constant arm: got %+v, %v, want 0 < p < 0.05", got, err)
	}
	far, err := MannWhitney(ramp(200, 1000), ramp(200, 0), RankSumOptions{})
	if err != nil || !(far.P > 0 && far.P < 1e-60) {
		t.Errorf("separated: got %v, %v, want a tail that is not 0", far.P, err)
	}
}

func ramp(n int, from float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = from + float64(i)
	}
	return v
}

func TestKayentaRatio(t *testing.T) {
	got, err := KayentaMannWhitney([]float64{0, 0}, []float64{0, 0}, KayentaOptions{})
	if err != nil || got.MeanRatio != 1 || got.High || got.Low || !got.Degenerate {
		t.Errorf("both 0: got %+v, %v", got, err)
	}
	got, err = KayentaMannWhitney([]float64{3, 3, 3}, []float64{1, 1, 1}, KayentaOptions{})
	if err != nil || !got.High || got.Estimate != 2 {
		t.Errorf("constants: got %+v, %v, want high", got, err)
	}
}

func FuzzMannWhitney(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{2, 2}, uint8(0), 1.0)
	f.Add([]byte{0}, []byte{0}, uint8(13), 1e-9)
	f.Add([]byte{255, 7}, []byte{128, 128, 9}, uint8(5), 1e140)
	f.Fuzz(func(t *testing.T, a, b []byte, choice uint8, scale float64) {
		if len(a) > 80 || len(b) > 80 {
			return
		}
		opt := RankSumOptions{
			Alternative: Alternative(choice % 3), Exactness: Exactness(choice / 3 % 3), Compat: Compat(choice / 9 % 2),
		}
		got, err := MannWhitney(floats(a, scale), floats(b, scale), opt)
		if err != nil {
			typed(t, err)
			return
		}
		mustProbability(t, "p", got.P)
		noNaN(t, "result", got.Statistic, got.Estimate, got.Interval.Low, got.Interval.High)
		if got.Interval.Low > got.Interval.High {
			t.Errorf("got %+v, want an interval", got.Interval)
		}
	})
}

// BenchmarkMannWhitneyOverSorting reports how many times longer the test with its
// interval takes than sorting both samples, which it cannot do without.
func BenchmarkMannWhitneyOverSorting(b *testing.B) {
	draw := rand.New(rand.NewPCG(1, 2))
	x, y := normals(draw, 1000), normals(draw, 1000)
	var sorting, comparing time.Duration
	for b.Loop() {
		start := time.Now()
		sorted(x)
		sorted(y)
		between := time.Now()
		if _, err := MannWhitney(x, y, RankSumOptions{}); err != nil {
			b.Fatal(err)
		}
		sorting += between.Sub(start)
		comparing += time.Since(between)
	}
	b.ReportMetric(float64(comparing)/float64(sorting), "×sorting")
}
