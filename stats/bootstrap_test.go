package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// autoregressive draws a stationary AR(1) series of mean 0 and variance 1.
func autoregressive(draw *rand.Rand, n int, rho float64) []float64 {
	d := make([]float64, n)
	for t := range d {
		d[t] = draw.NormFloat64()
		if t > 0 {
			d[t] = rho*d[t-1] + math.Sqrt(1-rho*rho)*d[t]
		}
	}
	return d
}

// coverage is how often 95 % intervals hold the true mean 0: the bootstrap's and those
// of the plain t test.
func coverage(t *testing.T, rho float64, opt BootstrapOptions) (boot, plain float64) {
	t.Helper()
	const runs, n = 600, 100
	draw := rand.New(rand.NewPCG(7, 8))
	opt.Draws = 500
	for i := range runs {
		opt.Seed = uint64(i)
		d := autoregressive(draw, n, rho)
		got, err := BlockBootstrap(d, opt)
		if err != nil {
			t.Fatal(err)
		}
		if got.Interval.Contains(0) {
			boot += 1. / runs
		}
		c := centre(d, 1)
		if math.Abs(c.mean) < 1.984*math.Sqrt(c.gamma(0)/(n-1)) { // t quantile, 99 degrees of freedom
			plain += 1. / runs
		}
	}
	return boot, plain
}

func TestBootstrapCoversTheMeanOfAutocorrelatedSeries(t *testing.T) {
	for _, c := range []struct{ rho, least, most float64 }{{0, .93, .99}, {.5, .93, .99}, {.8, .92, .99}} {
		for _, moving := range []bool{false, true} {
			boot, plain := coverage(t, c.rho, BootstrapOptions{Moving: moving})
			t.Logf("ρ = %g, moving %t: bootstrap %.3f, plain t %.3f", c.rho, moving, boot, plain)
			if boot < c.least || boot > c.most {
				t.Errorf("ρ = %g, moving %t: got a coverage of %.3f, want %g to %g", c.rho, moving, boot, c.least, c.most)
			}
			if c.rho > 0 && plain > boot-.1 {
				t.Errorf("ρ = %g: the plain interval covers %.3f, which shows no difference", c.rho, plain)
			}
		}
	}
}

// TestBootstrapOfIndependentValuesIsNormalTheory compares p-value and interval with
// those of the t test.
func TestBootstrapOfIndependentValuesIsNormalTheory(t *testing.T) {
	draw := rand.New(rand.NewPCG(3, 4))
	for range 6 {
		d := normals(draw, 400)
		for i := range d {
			d[i] += .08
		}
		got, err := BlockBootstrap(d, BootstrapOptions{Length: 1, Draws: 10_000, Seed: 5, Alternative: Greater})
		if err != nil {
			t.Fatal(err)
		}
		c := centre(d, 1)
		se := math.Sqrt(c.gamma(0) * 400 / 399 / 400)
		closeTo(t, "mean", got.Estimate, c.mean, 1e-12)
		// The standard error allows for the autocorrelation that so few values may hide.
		if got.StdErr < se*(1-1e-12) || got.StdErr > se*1.13 {
			t.Errorf("standard error: got %v, plain %v", got.StdErr, se)
		}
		closeTo(t, "p", got.P, normalAbove(got.T), .015)
		closeTo(t, "end", got.Interval.Low, got.Estimate-1.649*got.StdErr, .05*got.StdErr)
		if !math.IsInf(got.Interval.High, 1) {
			t.Errorf("one-sided: got the interval %+v", got.Interval)
		}
	}
}

// TestBootstrapOracle enumerates every series of two blocks of half the length, which
// are all that moving blocks of n/2 can draw.
func TestBootstrapOracle(t *testing.T) {
	d := []float64{1, 3, 2, 5, 4, 4, 7, 2}
	c := centre(d, 1)
	s := math.Sqrt(c.longRun(4))
	observed := (c.mean - 2.9) * math.Sqrt(8) / s
	above := 0
	for i := range 8 {
		for j := range 8 {
			var sums [2]float64
			for k := range 4 {
				sums[0] += d[(i+k)%8] - c.mean
				sums[1] += d[(j+k)%8] - c.mean
			}
			mean := (sums[0] + sums[1]) / 8
			squares := math.Pow(sums[0]-4*mean, 2) + math.Pow(sums[1]-4*mean, 2)
			drawn := mean * 8 / math.Sqrt(squares)
			if squares < 1e-20 {
				drawn = math.Inf(int(math.Copysign(1, mean)))
				if math.Abs(mean) < 1e-12 {
					drawn = 0
				}
			}
			if drawn >= observed {
				above++
			}
		}
	}
	got, err := BlockBootstrap(d, BootstrapOptions{Moving: true, Length: 4, Shift: 2.9, Draws: 1 << 18, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	closeTo(t, "T", got.T, observed, 1e-12)
	closeTo(t, "share of draws above", got.Greater, float64(above)/64, .005)
}

func TestBlockLength(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	if got := BlockLength(autoregressive(draw, 1000, .5)); got < 10 || got > 15 { // 10·(4/3)^(2/3) = 12.1
		t.Errorf("ρ = 0.5, n = 1000: got blocks of %g, want about 12", got)
	}
	if got := BlockLength([]float64{1, -1, 1, -1, 1, -1, 1, -1}); got != 1 {
		t.Errorf("alternating: got blocks of %g, want 1", got)
	}
	if got := BlockLength(make([]float64, 9)); got != 1 {
		t.Errorf("constant: got blocks of %g, want 1", got)
	}
	ramp := make([]float64, 60)
	for i := range ramp {
		ramp[i] = float64(i)
	}
	if got := BlockLength(ramp); got > 30 {
		t.Errorf("a ramp of 60: got blocks of %g, want at most half of it", got)
	}
}

func TestBootstrapProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.OneOf(fine(8, 30), rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1, 2}), 8, 30)).Draw(t, "d")
		opt := BootstrapOptions{
			Draws: 100, Seed: rapid.Uint64().Draw(t, "seed"), Moving: rapid.Bool().Draw(t, "moving"),
			Alternative: Alternative(rapid.IntRange(0, 2).Draw(t, "alternative")),
		}
		got, err := BlockBootstrap(d, opt)
		if err != nil {
			if !errors.Is(err, ErrConstant) {
				t.Fatal(err)
			}
			return
		}
		again, err := BlockBootstrap(d, opt)
		if err != nil || again != got {
			t.Fatalf("the same seed: got %+v and %+v, %v", got, again, err)
		}
		mustProbability(t, "p", got.P)
		noNaN(t, "result", got.Estimate, got.StdErr, got.T, got.Interval.Low, got.Interval.High)
		scaled := make([]float64, len(d))
		for i, v := range d {
			scaled[i] = v / 1024
		}
		if small, err := BlockBootstrap(scaled, opt); err != nil || small.P != got.P {
			t.Fatalf("in another unit: got p %v, want %v, %v", small.P, got.P, err)
		}
	})
}

func TestBootstrapRefusals(t *testing.T) {
	d := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	for name, c := range map[string]struct {
		d    []float64
		opt  BootstrapOptions
		want error
	}{
		"too few":      {d[:7], BootstrapOptions{}, ErrTooFew},
		"constant":     {make([]float64, 8), BootstrapOptions{}, ErrConstant},
		"not a number": {append([]float64{math.NaN()}, d...), BootstrapOptions{}, ErrNotFinite},
		"few draws":    {d, BootstrapOptions{Draws: 5}, ErrOptions},
		"long blocks":  {d, BootstrapOptions{Length: 9}, ErrOptions},
		"level":        {d, BootstrapOptions{Level: 2}, ErrOptions},
		"shift":        {d, BootstrapOptions{Shift: math.Inf(1)}, ErrOptions},
	} {
		if got, err := BlockBootstrap(c.d, c.opt); !errors.Is(err, c.want) {
			t.Errorf("%s: got %+v, %v, want %v", name, got, err, c.want)
		}
	}
}
