package sequential

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func logs(e ...float64) []float64 {
	for i := range e {
		e[i] = math.Log(e[i])
	}
	return e
}

func TestMix(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name          string
		logE, weights []float64
		want          float64
	}{
		{"equal", logs(1, 3), nil, math.Log(2)},
		{"weighted", logs(1, 3), []float64{.25, .75}, math.Log(2.5)},
		{"weight 0", logs(1, 1e9), []float64{1, 0}, 0},
		{"huge", []float64{5000, 5000}, nil, 5000},
		{"nothing of one", []float64{-inf, 0}, nil, math.Log(.5)},
		{"nothing of all", []float64{-inf, -inf}, nil, -inf},
		{"NaN loses its mass", []float64{math.NaN(), 0}, nil, math.Log(.5)},
		{"no weights", logs(5, 5), []float64{0, 0}, -inf},
		{"too few weights", logs(4, 4), []float64{.5}, math.Log(2)},
		{"none", nil, nil, -inf},
	} {
		if got := Mix(c.logE, c.weights); math.Abs(got-c.want) > 1e-12 && got != c.want {
			t.Errorf("%s: got %g, want %g", c.name, got, c.want)
		}
	}
}

// holmByDefinition minimises over all sets that contain i.
func holmByDefinition(e, w []float64) []float64 {
	out := make([]float64, len(e))
	for i := range e {
		out[i] = math.Inf(1)
		for set := range 1 << len(e) {
			if set>>i&1 == 0 {
				continue
			}
			sum, mass := 0.0, 0.0
			for k := range e {
				if set>>k&1 == 1 {
					sum += w[k] * e[k]
					mass += w[k]
				}
			}
			out[i] = math.Min(out[i], sum/mass)
		}
	}
	return out
}

func TestHolm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SliceOfN(rapid.Float64Range(1e-3, 100), 1, 7).Draw(t, "e")
		w := rapid.SliceOfN(rapid.Float64Range(.01, 1), len(e), len(e)).Draw(t, "w")
		want := holmByDefinition(e, w)
		for i, got := range Holm(logs(slices.Clone(e)...), w) {
			if math.Abs(math.Exp(got)-want[i]) > 1e-9*want[i] {
				t.Fatalf("metric %d: got %g, want %g", i, math.Exp(got), want[i])
			}
		}
	})
	// The unweighted formula of STATISTICS §4.
	got := Holm(logs(40, 1, 3), nil)
	for i, want := range []float64{(40. + 1 + 3) / 3, 1, 2} {
		near(t, "unweighted", math.Exp(got[i]), want, 1e-12)
	}
	inf := math.Inf(-1)
	got = Holm([]float64{9, math.NaN(), 3, inf}, []float64{.5, .2, 0, .3})
	if got[1] != inf || got[2] != inf || got[3] != inf || math.Abs(got[0]-(9+math.Log(.5/.8))) > 1e-9 {
		t.Errorf("NaN, weight 0 and no evidence: got %v", got)
	}
	if got := Holm([]float64{4000, 3000}, nil); got[0] != 4000-math.Ln2 || got[1] != 3000 {
		t.Errorf("huge: got %v", got)
	}
}

func TestBH(t *testing.T) {
	for _, c := range []struct {
		name string
		e    []float64
		want []int
	}{
		{"none", []float64{1, 2, 3}, nil},
		{"one of four", []float64{1, 90, 3, 5}, []int{1}},
		{"two carry each other", []float64{45, 1, 41, 5}, []int{0, 2}},
		{"all", []float64{20, 20, 21}, []int{0, 1, 2}},
		{"empty", nil, nil},
	} {
		if got := BH(logs(slices.Clone(c.e)...), .05); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if got := BH([]float64{math.NaN(), 9}, .05); !slices.Equal(got, []int{1}) {
		t.Errorf("NaN: got %v, want [1]", got)
	}
}

func TestHorizonThreshold(t *testing.T) {
	for _, c := range []struct {
		alpha float64
		looks int
		want  float64
	}{
		{.05, 60, 7.7}, {.01, 30, 24.4}, {.005, 240, 53.9}, {.02, 10, 11.7},
		{.05, 3, 5.9}, {.05, 241, 20}, {.1, 60, 7.7}, {.5, 60, 2}, {.001, 60, 1000}, {.05, 0, 20}, {.05, -1, 20},
		{.05, 120, math.Sqrt(7.7 * 8.7)}, {.05, 17, 6.452},
		{0, 60, math.Inf(1)}, {1, 60, math.Inf(1)}, {math.NaN(), 60, math.Inf(1)},
	} {
		if got := HorizonThreshold(c.alpha, c.looks); math.Abs(got-c.want) > .002*c.want && got != c.want {
			t.Errorf("α=%g, %d looks: got %.3f, want %.3f", c.alpha, c.looks, got, c.want)
		}
	}
	for looks := 1; looks < 300; looks++ {
		before := 0.0
		for alpha := .2; alpha > .001; alpha *= .93 {
			v := HorizonThreshold(alpha, looks)
			if v < before || v > 1/alpha+1e-9 {
				t.Fatalf("α=%g, %d looks: %.3f after %.3f, at most %.1f", alpha, looks, v, before, 1/alpha)
			}
			before = v
		}
	}
}
