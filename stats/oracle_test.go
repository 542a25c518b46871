package stats

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// eachSplit calls what with every choice of m of the n indices.
func eachSplit(n, m int, what func(chosen []bool)) {
	chosen := make([]bool, n)
	var choose func(from, left int)
	choose = func(from, left int) {
		if left == 0 {
			what(chosen)
			return
		}
		for i := from; i <= n-left; i++ {
			chosen[i] = true
			choose(i+1, left-1)
			chosen[i] = false
		}
	}
	choose(0, m)
}

// exhaustive returns the p-values of a statistic over every reassignment of the
// pooled values to the arms: by definition, without ranks or recursions.
func exhaustive(x, y []float64, statistic func(x, y []float64) float64) (greater, less float64) {
	pooled := append(append([]float64(nil), x...), y...)
	observed := statistic(x, y)
	var all, above, below float64
	eachSplit(len(pooled), len(x), func(chosen []bool) {
		var a, b []float64
		for i, v := range pooled {
			if chosen[i] {
				a = append(a, v)
			} else {
				b = append(b, v)
			}
		}
		s := statistic(a, b)
		all++
		if s >= observed-1e-9 {
			above++
		}
		if s <= observed+1e-9 {
			below++
		}
	})
	return above / all, below / all
}

// wins counts the pairs with x > y, ties as a half.
func wins(x, y []float64) float64 {
	var w float64
	for _, a := range x {
		for _, b := range y {
			switch {
			case a > b:
				w++
			case a == b:
				w += .5
			}
		}
	}
	return w
}

// coarse draws a small sample with many ties.
func coarse(most int) *rapid.Generator[[]float64] {
	return rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 4), func(i int) float64 { return float64(i) }), 1, most)
}

// fine draws a sample of finite numbers of any size.
func fine(least, most int) *rapid.Generator[[]float64] {
	return rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), least, most)
}

func mustProbability(t rapid.TB, name string, p float64) {
	if !(p >= 0 && p <= 1) {
		t.Fatalf("%s: got %v, want a probability", name, p)
	}
}

// floats reads a fuzzer's bytes as numbers: signed bytes, scaled, with ties.
func floats(raw []byte, scale float64) []float64 {
	v := make([]float64, len(raw))
	for i, b := range raw {
		v[i] = float64(int8(b)) * scale
	}
	return v
}

// typed fails unless an error is of one of the documented kinds.
func typed(t rapid.TB, err error) {
	for _, kind := range []error{ErrTooFew, ErrNotFinite, ErrConstant, ErrOptions, ErrTooLarge} {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Fatalf("got %v, want an error of a documented kind", err)
}

// noNaN fails on NaN.
func noNaN(t rapid.TB, name string, values ...float64) {
	for _, v := range values {
		if math.IsNaN(v) {
			t.Fatalf("%s: got NaN", name)
		}
	}
}

func closeTo(t rapid.TB, name string, got, want, tolerance float64) {
	if got == want {
		return
	}
	if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Fatalf("%s: got %.17g, want %.17g", name, got, want)
	}
}

func TestUnusableInput(t *testing.T) {
	good := []float64{1, 2, 3, 4}
	for name, c := range map[string]struct {
		x    []float64
		opt  RankSumOptions
		want error
	}{
		"empty":       {nil, RankSumOptions{}, ErrTooFew},
		"NaN":         {[]float64{1, math.NaN()}, RankSumOptions{}, ErrNotFinite},
		"infinite":    {[]float64{1, math.Inf(-1)}, RankSumOptions{}, ErrNotFinite},
		"huge":        {[]float64{1, 1e200}, RankSumOptions{}, ErrNotFinite},
		"level":       {good, RankSumOptions{Level: 95}, ErrOptions},
		"alternative": {good, RankSumOptions{Alternative: 7}, ErrOptions},
		"shift":       {good, RankSumOptions{Shift: math.NaN()}, ErrOptions},
		"exactness":   {good, RankSumOptions{Exactness: 9}, ErrOptions},
	} {
		if _, err := MannWhitney(c.x, good, c.opt); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if name == "shift" || name == "exactness" {
			continue
		}
		if _, err := MannWhitney(good, c.x, c.opt); !errors.Is(err, c.want) {
			t.Errorf("%s in the baseline: got %v, want %v", name, err, c.want)
		}
	}
}
