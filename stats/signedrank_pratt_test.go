package stats

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// flipsPratt returns the p-values of V over every choice of signs of the differences
// that are not 0, ranked together with the zeros, by the definition alone.
func flipsPratt(d []float64) (greater, less float64) {
	rank := func(v float64) float64 {
		below, same := 0.0, 0.0
		for _, w := range d {
			switch {
			case math.Abs(w) < math.Abs(v):
				below++
			case math.Abs(w) == math.Abs(v):
				same++
			}
		}
		return below + (same+1)/2
	}
	var ranks []float64
	var observed float64
	for _, v := range d {
		if v == 0 {
			continue
		}
		ranks = append(ranks, rank(v))
		if v > 0 {
			observed += rank(v)
		}
	}
	for mask := range 1 << len(ranks) {
		var v float64
		for i, r := range ranks {
			if mask>>i&1 == 1 {
				v += r
			}
		}
		if v >= observed {
			greater++
		}
		if v <= observed {
			less++
		}
	}
	all := math.Ldexp(1, len(ranks))
	return greater / all, less / all
}

func TestPrattAgainstEverySign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := coarse(8).Draw(t, "x")
		y := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1, 2, 3}), len(x), len(x)).Draw(t, "y")
		got, err := SignedRankPratt(x, y, RankSumOptions{Exactness: Exact})
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
		greater, less := flipsPratt(d)
		closeTo(t, "greater", got.Greater, greater, 1e-12)
		closeTo(t, "less", got.Less, less, 1e-12)
	})
}

// TestPrattMoments compares mean and variance of the asymptotic branch with those of
// every choice of signs.
func TestPrattMoments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := sorted(rapid.SliceOfN(rapid.SampledFrom([]float64{-3, -2, -1, 0, 0, 1, 2, 2}), 2, 8).Draw(t, "d"))
		s := sumRanksPratt(d)
		if s.zeros == s.n {
			return
		}
		var mean, square float64
		all := math.Ldexp(1, len(s.ranks))
		for mask := range 1 << len(s.ranks) {
			var v float64
			for i, r := range s.ranks {
				if mask>>i&1 == 1 {
					v += r
				}
			}
			mean += v / all
			square += v * v / all
		}
		closeTo(t, "mean", s.mean(), mean, 1e-9)
		closeTo(t, "variance", s.sigma()*s.sigma(), square-mean*mean, 1e-9)
	})
}

func TestPrattWithoutZerosIsSignedRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := fine(3, 12).Draw(t, "x")
		y := make([]float64, len(x))
		for i := range y {
			y[i] = float64(i)
		}
		for _, opt := range []RankSumOptions{{}, {Alternative: Greater, Exactness: Asymptotic}, {Alternative: Less, Shift: 1e6 + .123}} {
			zero := false
			for i := range x {
				zero = zero || x[i]-y[i]-opt.Shift == 0
			}
			if zero {
				continue
			}
			a, errA := SignedRank(x, y, opt)
			b, errB := SignedRankPratt(x, y, opt)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if a != b {
				t.Fatalf("%+v: got %+v, want %+v", opt, b, a)
			}
		}
	})
}

func TestPrattZerosCount(t *testing.T) {
	x, y := []float64{1, 2, 3, 4, 5, 6, 0, 0, 0, 0}, make([]float64, 10)
	got, err := SignedRankPratt(x, y, RankSumOptions{Exactness: Exact, Alternative: Greater})
	if err != nil || got.Statistic != 5+6+7+8+9+10 || got.P != 1./64 {
		t.Errorf("six of ten above: got %+v, %v, want V = 45 and p = 1/64", got, err)
	}
	if got, err := SignedRankPratt(y, y, RankSumOptions{}); err != nil || !got.Degenerate || got.P != 1 {
		t.Errorf("no differences: got %+v, %v", got, err)
	}
	for name, f := range map[string]func() (RankTest, error){
		"unequal lengths": func() (RankTest, error) { return SignedRankPratt(x, y[:2], RankSumOptions{}) },
		"R":               func() (RankTest, error) { return SignedRankPratt(x, y, RankSumOptions{Compat: R42}) },
	} {
		if got, err := f(); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: got %+v, %v, want ErrOptions", name, got, err)
		}
	}
}
