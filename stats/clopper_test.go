package stats_test

import (
	"math"
	"testing"

	"github.com/serin-canary/serin/stats"
)

// TestClopperPearson holds intervals against the binomial tails that they are defined by,
// and against the closed form where nothing, or everything, was seen: 1 - 0.025^(1/10).
func TestClopperPearson(t *testing.T) {
	for _, c := range []struct{ k, n, low, high float64 }{
		{0, 10, 0, 0.3084971}, {10, 10, 0.6915029, 1}, {5, 10, 0.1870860, 0.8129140}, {1, 100, 0.0002531460, 0.05445939},
	} {
		i, err := stats.ClopperPearson(c.k, c.n, .95)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(i.Low-c.low) > 1e-5 || math.Abs(i.High-c.high) > 1e-5 {
			t.Errorf("%v of %v: got %v to %v, want %v to %v", c.k, c.n, i.Low, i.High, c.low, c.high)
		}
		if c.k < c.n && math.Abs(1-atLeast(int(c.k)+1, int(c.n), i.High)-.025) > 1e-9 {
			t.Errorf("%v of %v: at the upper bound so few have another probability than 0.025", c.k, c.n)
		}
		if c.k > 0 && math.Abs(atLeast(int(c.k), int(c.n), i.Low)-.025) > 1e-9 {
			t.Errorf("%v of %v: at the lower bound so many have probability %v, want 0.025", c.k, c.n, atLeast(int(c.k), int(c.n), i.Low))
		}
	}
	whole, _ := stats.ClopperPearson(4, 40, .95)
	half, err := stats.ClopperPearson(2.5, 25, .95)
	if err != nil || half.High-half.Low <= whole.High-whole.Low {
		t.Errorf("got %v (%v) of fewer trials and %v of more, want it wider", half, err, whole)
	}
	for _, bad := range [][3]float64{{1, 0, .95}, {-1, 5, .95}, {6, 5, .95}, {1, 5, 1}, {math.NaN(), 5, .95}} {
		if _, err := stats.ClopperPearson(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%v: got no error", bad)
		}
	}
}

// atLeast is the probability of k or more of n.
func atLeast(k, n int, p float64) float64 {
	sum := 0.0
	for i := k; i <= n; i++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}
