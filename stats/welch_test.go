package stats

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestWelchProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := fine(2, 30).Draw(t, "x"), fine(2, 30).Draw(t, "y")
		got, err := Welch(x, y, WelchOptions{})
		if err != nil {
			typed(t, err)
			return
		}
		mustProbability(t, "p", got.P)
		noNaN(t, "result", got.Statistic, got.DF, got.MeanX, got.MeanY, got.StdErr, got.Interval.Low, got.Interval.High)
		least := float64(min(len(x), len(y)) - 1)
		if got.DF < least*(1-1e-12) || got.DF > float64(len(x)+len(y)-2)*(1+1e-12) {
			t.Fatalf("df %v, want between the smaller sample's and the sum", got.DF)
		}
		back, err := Welch(y, x, WelchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "p of the mirror", back.P, got.P, 1e-12)
		for _, unit := range []float64{0x1p-400, 0x1p300} { // squares of these are no floats
			scaled, err := Welch(times(x, unit), times(y, unit), WelchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			closeTo(t, "p in another unit", scaled.P, got.P, 1e-12)
		}
	})
}

func TestWelchIntervalInvertsTest(t *testing.T) {
	x, y := []float64{3, 5, 4, 9, 4.5}, []float64{1, 1.5, 2, 8}
	got, err := Welch(x, y, WelchOptions{Level: .9})
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []float64{got.Interval.Low, got.Interval.High} {
		at, err := Welch(x, y, WelchOptions{Shift: end})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "p at the end of the interval", at.P, .1, 1e-10)
	}
}

func TestWelchErrors(t *testing.T) {
	if _, err := Welch([]float64{2, 2, 2}, []float64{1, 1}, WelchOptions{}); !errors.Is(err, ErrConstant) {
		t.Errorf("constants: got %v", err)
	}
	if _, err := Welch([]float64{2}, []float64{1, 1}, WelchOptions{}); !errors.Is(err, ErrTooFew) {
		t.Errorf("one value: got %v", err)
	}
	if _, err := NonInferiorityLogWelch([]float64{2, 0}, []float64{1, 1}, 1.1, 0); !errors.Is(err, ErrNotFinite) {
		t.Errorf("a zero: got %v", err)
	}
	if _, err := NonInferiorityLogWelch([]float64{2, 1}, []float64{1, 1}, 0, 0); !errors.Is(err, ErrOptions) {
		t.Errorf("no margin: got %v", err)
	}
}

// Student's tail in closed form for 1 and 2 degrees of freedom, far out and near 0.
func TestStudentTails(t *testing.T) {
	for _, v := range []float64{-1e8, -40, -1, -1e-3, 0, 1e-9, .5, 1, 3, 100, 1e6, 1e12} {
		cauchy := math.Atan2(1, v) / math.Pi
		near(t, "df 1", studentAbove(v, 1), cauchy, 1e-12)
		root := math.Sqrt(2 + v*v)
		two := 1 / (root * (root + v))
		if v < 0 {
			two = .5 - v/(2*root)
		}
		near(t, "df 2", studentAbove(v, 2), two, 1e-12)
	}
	// By the incomplete beta function in 40 digits.
	near(t, "df 1e7", studentAbove(3, 1e7), 0.0013499013555185806, 1e-12)
	near(t, "df 2e5", studentAbove(12, 2e5), 1.8237618503778913e-33, 1e-12)
	near(t, "beyond floats", studentAbove(1e200, 2e5), 0, 0)
	near(t, "df 99999", studentAbove(6, 99999), 9.8996476162176596e-10, 1e-9)
	for _, p := range []float64{1e-12, .01, .4, .5, .75, .999} {
		for _, df := range []float64{1, 2.5, 40, 1e4} {
			near(t, "quantile", studentAbove(-StudentQuantile(p, df), df), p, 1e-11)
		}
	}
}

func TestAdjustedPValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 0, 8).Draw(t, "p")
		var all [][]float64
		for _, f := range []func([]float64) ([]float64, error){Hommel, Hochberg, Holm, Bonferroni} {
			v, err := f(p)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, v)
		}
		bh, err := BenjaminiHochberg(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p {
			mustProbability(t, "adjusted", all[3][i])
			if bh[i] < p[i] || bh[i] > all[0][i]+1e-12 {
				t.Fatalf("got BH %v for p %v, want it from p to Hommel's %v", bh[i], p[i], all[0][i])
			}
			for k := 1; k < 4; k++ { // each is sharper than the next
				if all[k-1][i] > all[k][i]+1e-12 {
					t.Fatalf("procedure %d: got %v, want at most %v", k-1, all[k-1][i], all[k][i])
				}
			}
			for j := range p {
				if p[i] < p[j] && all[2][i] > all[2][j] {
					t.Fatal("Holm turned an order round")
				}
			}
		}
	})
	if _, err := Holm([]float64{.5, math.NaN()}); !errors.Is(err, ErrOptions) {
		t.Errorf("NaN: got %v", err)
	}
}

// Hommel's procedure by its definition: the largest Simes p-value over every subset
// that holds the hypothesis.
func TestHommelAgainstClosedTest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 6).Draw(t, "p")
		want := make([]float64, len(p))
		for mask := 1; mask < 1<<len(p); mask++ {
			var in []float64
			for i := range p {
				if mask>>i&1 == 1 {
					in = append(in, p[i])
				}
			}
			simes := 1.0
			for i, v := range sorted(in) {
				simes = min(simes, float64(len(in))*v/float64(i+1))
			}
			for i := range p {
				if mask>>i&1 == 1 {
					want[i] = max(want[i], simes)
				}
			}
		}
		got, err := Hommel(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p {
			closeTo(t, "Hommel", got[i], want[i], 1e-12)
		}
	})
}

func TestEffects(t *testing.T) {
	for delta, want := range map[float64]string{0: "negligible", -.2: "small", .4: "medium", -1: "large"} {
		if got := EffectWord(delta); got != want {
			t.Errorf("%v: got %q, want %q", delta, got, want)
		}
	}
	if _, err := MeanRatio([]float64{1}, []float64{0, 0}); !errors.Is(err, ErrConstant) {
		t.Errorf("a baseline of 0: got %v", err)
	}
	if _, err := HodgesLehmannRatio([]float64{1}, []float64{0, 0}); !errors.Is(err, ErrNotFinite) {
		t.Errorf("logarithm of 0: got %v", err)
	}
}
