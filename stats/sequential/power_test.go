package sequential

import (
	"math"
	"testing"
)

// TestRequiredInformation repeats the worked values of STATISTICS §6.
func TestRequiredInformation(t *testing.T) {
	for _, c := range []struct{ alpha, power, want float64 }{{.05 / 3, .8, 16.2}, {.05 / 3, .5, 10.1}} {
		if got := RequiredInformation(c.alpha, c.power); math.Abs(got-c.want) > .1 {
			t.Errorf("α=%.4f power %.1f: got %.2f, want %.1f", c.alpha, c.power, got, c.want)
		}
	}
	// 100 requests a second, 5 %, 0.2 % errors, φ 1.7, margin 1.28.
	b := CountBlock{Nc: 300, Nb: 5700, Pi: .002}
	for _, c := range []struct{ rate, power, minutes float64 }{{.004, .8, 126}, {.007, .8, 15}, {.012, .8, 4}, {.012, .5, 3}} {
		ratio := c.rate / b.Pi
		delta := math.Log(ratio) - math.Log(1.28)
		got := math.Ceil(RequiredInformation(.05/3, c.power) / (delta * delta) / CountInformation(b, ratio, 1.7))
		if math.Abs(got-c.minutes) > math.Max(1, .02*c.minutes) {
			t.Errorf("%.1f %% errors, power %.1f: got %g minutes, want %g", 100*c.rate, c.power, got, c.minutes)
		}
		information := got * CountInformation(b, ratio, 1.7)
		if found := SmallestFound(math.Log(1.28), RequiredInformation(.05/3, c.power), information); found > math.Log(ratio) {
			t.Errorf("%.1f %% errors: after %g minutes only %.3f is found", 100*c.rate, got, found)
		}
	}
	for _, v := range []float64{RequiredInformation(0, .8), RequiredInformation(.05, 1), RequiredInformation(.7, .5)} {
		if !math.IsNaN(v) {
			t.Errorf("no such level or power: got %g", v)
		}
	}
	if CountInformation(CountBlock{}, 1, 1) != 0 || SeriesInformation(0, .5) != 0 || !math.IsInf(SmallestFound(.1, 10, 0), 1) {
		t.Error("nothing should say nothing")
	}
	near(t, "series", SeriesInformation(.01, .5), 100./3, 1e-12)
}
