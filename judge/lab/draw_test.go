package lab

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// sample is the mean and the variance of n draws.
func sample(n int, draw func() float64) (mean, variance float64) {
	var sum, squares float64
	for range n {
		v := draw()
		sum += v
		squares += v * v
	}
	mean = sum / float64(n)
	return mean, squares/float64(n) - mean*mean
}

// TestDrawnMoments compares means and variances with the distributions', on both
// sides of the samplers' changes of method.
func TestDrawnMoments(t *testing.T) {
	d := newDrawer(testSeed, 1)
	for _, tt := range []struct {
		name           string
		draw           func() float64
		mean, variance float64
	}{
		{"poisson 0.3", func() float64 { return d.poisson(.3) }, .3, .3},
		{"poisson 9", func() float64 { return d.poisson(9) }, 9, 9},
		{"poisson 12", func() float64 { return d.poisson(12) }, 12, 12},
		{"poisson 3000", func() float64 { return d.poisson(3000) }, 3000, 3000},
		{"binomial 300, 0.002", func() float64 { return d.binomial(300, .002) }, .6, .5988},
		{"binomial 30, 0.9", func() float64 { return d.binomial(30, .9) }, 27, 2.7},
		{"binomial 50, 0.4", func() float64 { return d.binomial(50, .4) }, 20, 12},
		{"binomial 3000, 0.97", func() float64 { return d.binomial(3000, .97) }, 2910, 87.3},
		{"gamma 0.2", func() float64 { return d.gamma(.2) }, .2, .2},
		{"gamma 400", func() float64 { return d.gamma(400) }, 400, 400},
		{"overdispersed 4, 3", func() float64 { return d.overdispersed(4, 3) }, 4, 12},
		{"overdispersed 4, 1", func() float64 { return d.overdispersed(4, 1) }, 4, 4},
	} {
		const n = 40000
		mean, variance := sample(n, tt.draw)
		if gap := math.Abs(mean-tt.mean) / math.Sqrt(tt.variance/n); gap > 4.5 {
			t.Errorf("%s: got mean %v, want %v (%.1f standard errors apart)", tt.name, mean, tt.mean, gap)
		}
		// Heavy tails make the variance the less certain of the two.
		if math.Abs(variance/tt.variance-1) > .12 {
			t.Errorf("%s: got variance %v, want %v", tt.name, variance, tt.variance)
		}
	}
}

// TestDrawnShapes compares whole distributions with the exact probabilities by
// chi-square over the values around the mode.
func TestDrawnShapes(t *testing.T) {
	d := newDrawer(testSeed, 2)
	for _, tt := range []struct {
		name string
		draw func() float64
		prob func(float64) float64
		from int
	}{
		{"poisson 7", func() float64 { return d.poisson(7) }, distuv.Poisson{Lambda: 7}.Prob, 2},
		{"poisson 20", func() float64 { return d.poisson(20) }, distuv.Poisson{Lambda: 20}.Prob, 10},
		{"binomial 40, 0.1", func() float64 { return d.binomial(40, .1) }, distuv.Binomial{N: 40, P: .1}.Prob, 0},
		{"binomial 60, 0.3", func() float64 { return d.binomial(60, .3) }, distuv.Binomial{N: 60, P: .3}.Prob, 9},
	} {
		const n, width = 50000, 16
		var seen [width]float64
		for range n {
			if k := int(tt.draw()) - tt.from; k >= 0 && k < width {
				seen[k]++
			}
		}
		var chi float64
		for k, got := range seen {
			want := n * tt.prob(float64(tt.from+k))
			chi += (got - want) * (got - want) / want
		}
		if chi > (distuv.ChiSquared{K: width}).Quantile(.9999) {
			t.Errorf("%s: got chi-square %.1f on %d values, counts %v", tt.name, chi, width, seen)
		}
	}
}

func TestWander(t *testing.T) {
	d := newDrawer(testSeed, 3)
	v := make([]float64, 60000)
	d.wander(v, .8, .3)
	var products, squares float64
	for i, x := range v {
		squares += x * x
		if i > 0 {
			products += x * v[i-1]
		}
	}
	if sd := math.Sqrt(squares / float64(len(v))); math.Abs(sd-.3) > .015 {
		t.Errorf("got standard deviation %v, want 0.3", sd)
	}
	if memory := products / squares; math.Abs(memory-.8) > .015 {
		t.Errorf("got autocorrelation %v, want 0.8", memory)
	}
}

func TestShares(t *testing.T) {
	d := newDrawer(testSeed, 4)
	v := make([]float64, 20)
	d.shares(v, podEvenness)
	var sum float64
	for _, x := range v {
		sum += x
		if x < .03 || x > .07 {
			t.Errorf("got a share of %v, want about 0.05", x)
		}
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("got shares that sum to %v, want 1", sum)
	}
}
