package aca

import (
	"errors"
	"math"
	"testing"

	"github.com/serin-canary/serin/stats"
)

// Package stats has the same interval, written by other hands, for finite data whose
// rank sums vary. It cannot replace ours: it refuses infinities, which Kayenta compares,
// and answers where Kayenta has no variance and says Error.
func TestStatsAgrees(t *testing.T) {
	source, compared := NewJavaRandom(11), 0
	for i := range 600 {
		grain := []float64{0, 0.5, 2}[i%3] // continuous, and with few and many ties
		draw := func(n int) []float64 {
			out := normal(source, 5, 2, n)
			for j, v := range out {
				if grain > 0 {
					out[j] = math.Round(v/grain) * grain
				}
			}
			return scaled(out, []float64{1, 1e-5, 1e4}[i/3%3])
		}
		x, y := draw(1+i%40), draw(1+i%23)
		want, err := stats.KayentaMannWhitney(x, y, stats.KayentaOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := MannWhitney(y, x, 0.98)
		if errors.Is(err, errAllTied) && want.Degenerate {
			continue
		}
		if err != nil {
			t.Fatalf("%v against %v: %v", x, y, err)
		}
		compared++
		for _, pair := range [][2]float64{{got.Low, want.Interval.Low}, {got.High, want.Interval.High}, {got.Estimate, want.Estimate}} {
			if !near(pair[0], pair[1], 1e-12*math.Max(1, math.Abs(pair[1]))) {
				t.Errorf("%d against %d values, grain %v: got %+v, want %+v, %v", len(x), len(y), grain, got, want.Interval, want.Estimate)
				break
			}
		}
	}
	if compared < 500 {
		t.Errorf("only %d pairs were compared", compared)
	}
	if _, err := stats.KayentaMannWhitney([]float64{math.Inf(1), 1}, []float64{1, 2}, stats.KayentaOptions{}); err == nil {
		t.Error("stats takes infinities now: perhaps it can replace ours")
	}
}
