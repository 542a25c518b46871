package sequential

import (
	"math"
	"testing"
)

func TestExpNear(t *testing.T) {
	for x := -700.; x < 700; x += .0137 {
		if got, want := expNear(x), math.Exp(x); math.Abs(got/want-1) > 1e-15 {
			t.Fatalf("e^%g: got %.17g, want %.17g", x, got, want)
		}
	}
}

func TestLog1p(t *testing.T) {
	for x := -.99; x < 20; x += .00137 {
		if got, want := log1p(x), math.Log1p(x); math.Abs(got-want) > 1e-15*math.Max(math.Abs(want), 1e-3) {
			t.Fatalf("log(1+%g): got %.17g, want %.17g", x, got, want)
		}
	}
	for _, x := range []float64{0, 1e-300, -1e-18, 1e-9} {
		if got, want := log1p(x), math.Log1p(x); math.Abs(got-want) > 1e-15*math.Abs(want) {
			t.Errorf("log(1+%g): got %g, want %g", x, got, want)
		}
	}
}

func TestLogMean(t *testing.T) {
	inf := math.Inf(-1)
	for _, c := range []struct {
		sums []float64
		inv  float64
		want float64
	}{
		{[]float64{0, 0}, 1, 0},
		{[]float64{math.Log(1), math.Log(3)}, 1, math.Log(2)},
		{[]float64{4000, 0}, .5, 2000 - math.Ln2},
		{[]float64{-4000, -4000}, 1, -4000},
		{[]float64{9, -9}, 0, 0},
		{[]float64{inf, inf}, 1, inf},
	} {
		if got := logMean(c.sums, c.inv); math.Abs(got-c.want) > 1e-9 && got != c.want {
			t.Errorf("%v at %g: got %g, want %g", c.sums, c.inv, got, c.want)
		}
	}
}
