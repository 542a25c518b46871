package stats

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// flips returns the p-values of V over every choice of signs.
func flips(d []float64) (greater, less float64) {
	var sizes []float64
	for _, v := range d {
		if v != 0 {
			sizes = append(sizes, math.Abs(v))
		}
	}
	observed := sumRanks(d, 0).v
	signed := make([]float64, len(sizes))
	for mask := range 1 << len(sizes) {
		for i, v := range sizes {
			signed[i] = v
			if mask>>i&1 == 1 {
				signed[i] = -v
			}
		}
		v := sumRanks(signed, 0).v
		if v >= observed {
			greater++
		}
		if v <= observed {
			less++
		}
	}
	all := math.Ldexp(1, len(sizes))
	return greater / all, less / all
}

func TestSignedRankAgainstEverySign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := coarse(8).Draw(t, "x")
		y := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1, 2, 3}), len(x), len(x)).Draw(t, "y")
		got, err := SignedRank(x, y, RankSumOptions{Exactness: Exact})
		if err != nil {
			t.Fatal(err)
		}
		if got.Degenerate {
			return
		}
		d := make([]float64, len(x))
		for i := range x {
			d[i] = x[i] - y[i]
		}
		greater, less := flips(d)
		closeTo(t, "greater", got.Greater, greater, 1e-12)
		closeTo(t, "less", got.Less, less, 1e-12)
	})
}

func TestWalshSelection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := sorted(rapid.OneOf(fine(1, 12), coarse(12)).Draw(t, "d"))
		var all []float64
		for i := range d {
			for j := i; j < len(d); j++ {
				all = append(all, (d[i]+d[j])/2)
			}
		}
		slices.Sort(all)
		for k := range all {
			closeTo(t, "average", selectRank(walsh(d), k+1), all[k], 0)
		}
	})
}

func TestSelectionOfManyNumbers(t *testing.T) {
	x, y := make([]float64, 150), make([]float64, 130)
	for i := range x {
		x[i] = math.Pow(1.1, float64(i%97))
	}
	for i := range y {
		y[i] = float64(i % 9)
	}
	set := differences{x: sorted(x), y: sorted(y)}
	var all []float64
	set.between(math.Inf(-1), math.Inf(1), func(v float64) { all = append(all, v) })
	slices.Sort(all)
	for k := 1; k <= len(all); k += 61 {
		if got := selectRank(set, k); got != all[k-1] {
			t.Errorf("number %d: got %v, want %v", k, got, all[k-1])
		}
	}
}

func TestSignedRankDegenerate(t *testing.T) {
	v := []float64{1, 2, 3}
	got, err := SignedRank(v, v, RankSumOptions{})
	if err != nil || !got.Degenerate || got.P != 1 {
		t.Errorf("no differences: got %+v, %v", got, err)
	}
	if _, err := SignedRank(v, v[:2], RankSumOptions{}); err == nil {
		t.Error("unequal lengths: got no error")
	}
}

func FuzzSignedRank(f *testing.F) {
	f.Add([]byte{1, 2, 3, 2, 2, 9}, uint8(0), 1.0)
	f.Add([]byte{0, 0}, uint8(13), 1e-9)
	f.Add([]byte{1, 2, 200, 7}, uint8(14), 1e100)
	f.Fuzz(func(t *testing.T, raw []byte, choice uint8, scale float64) {
		if len(raw) > 160 {
			return
		}
		v := floats(raw, scale)
		x, y := v[:len(v)/2], v[len(v)/2:len(v)/2*2]
		opt := RankSumOptions{
			Alternative: Alternative(choice % 3), Exactness: Exactness(choice / 3 % 3), Compat: Compat(choice / 9 % 2),
		}
		got, err := SignedRank(x, y, opt)
		if err != nil {
			typed(t, err)
			return
		}
		mustProbability(t, "p", got.P)
		noNaN(t, "result", got.Statistic, got.Estimate, got.Interval.Low, got.Interval.High)
		opt.Alternative = []Alternative{TwoSided, Less, Greater}[opt.Alternative]
		back, err := SignedRank(y, x, opt)
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "p of the mirror", back.P, got.P, 1e-9)
	})
}
