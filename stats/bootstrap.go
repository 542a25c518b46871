package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// BootstrapOptions say what a block bootstrap does.
type BootstrapOptions struct {
	Alternative Alternative
	// Level is the confidence level of the interval; 0 means 0.95.
	Level float64
	// Shift is the mean difference of the null hypothesis.
	Shift float64
	// Length is the mean length of a block; 0 means [BlockLength] of the series.
	Length float64
	// Moving takes blocks of one length, Length rounded (Künsch 1989), instead of
	// geometric ones, which keep the resampled series stationary (Politis & Romano 1994).
	Moving bool
	// Draws is how many series are drawn; 0 means 2,000.
	Draws int
	// Seed of the draws: take it from the rollout, so that a verdict can be repeated.
	Seed uint64
}

// BootstrapTest is the result of a block bootstrap of a mean.
type BootstrapTest struct {
	Estimate float64 // mean difference
	// StdErr is its standard error by the long-run variance, and T the distance from
	// the null hypothesis in standard errors.
	StdErr, T float64
	// P is the p-value of the alternative; Greater and Less are the one-sided ones.
	P, Greater, Less float64
	Interval         Interval
	Length           float64 // mean length of a block
	Draws            int
}

const (
	leastBootstrap = 8
	longestMemory  = .95 // of an autocorrelation that is taken at its word
)

// BlockLength returns the mean length of a bootstrap's blocks for a series,
// max(1, n^(1/3)·(2ρ/(1-ρ²))^(2/3)) rounded to whole numbers and at most n/2, with the
// lag-1 autocorrelation ρ of an AR(1) series (STATISTICS §2.9). Independent values need
// blocks of 1.
func BlockLength(d []float64) float64 {
	rho := math.Min(math.Max(centre(d, scaleOf(d)).rho(), 0), longestMemory)
	n := float64(len(d))
	b := math.Round(math.Cbrt(n) * math.Pow(2*rho/(1-rho*rho), 2./3))
	return math.Max(1, math.Min(b, math.Floor(n/2)))
}

// BlockBootstrap tests the mean of the differences d of a paired series, in order of
// time, neighbours of which resemble each other. Series of the same length are drawn
// block by block, the end joined to the beginning, and their means studentised:
//
//	t  = (d̄ - shift)·√n / s,  s² the larger of γ0·(1+ρ̃)/(1-ρ̃) and Bartlett's sum up to the block's length
//	t* = (d̄* - d̄)·√n / s*,   s*² = Σ(S_j - L_j·d̄*)²/n over the drawn blocks, of length L_j and sum S_j
//
// ρ̃ is the lag-1 autocorrelation corrected for its bias, ρ + (1+3ρ)/n (Kendall 1954).
// Where s* is 0 the draw counts as infinitely far. The interval is [d̄ - t*_(1-α/2)·s/√n,
// d̄ - t*_(α/2)·s/√n].
//
// It is asymptotic. Measured on 5,000 AR(1) series of 100 values, 95 % intervals cover the
// mean in 96, 97 and 97 % (moving blocks: 96, 96 and 95 %) at ρ = 0, 0.5 and 0.8, where the
// plain t interval does in 95, 74 and 47 %.
//
// Sources: Künsch 1989, The jackknife and the bootstrap for general stationary
// observations; Politis & Romano 1994, The stationary bootstrap; Götze & Künsch 1996,
// Second-order correctness of the blockwise bootstrap. It returns ErrTooFew (fewer than
// 8 differences), ErrNotFinite, ErrConstant or ErrOptions.
func BlockBootstrap(d []float64, opt BootstrapOptions) (BootstrapTest, error) {
	if err := checkSample("difference", d, leastBootstrap); err != nil {
		return BootstrapTest{}, err
	}
	opt, err := opt.checked(d)
	if err != nil {
		return BootstrapTest{}, err
	}
	unit := scaleOf(d)
	c := centre(d, unit)
	s := math.Sqrt(c.longRun(opt.Length))
	if !(s > 0) {
		return BootstrapTest{}, fmt.Errorf("all %d differences are equal: %w", len(d), ErrConstant)
	}
	root := math.Sqrt(float64(len(d)))
	out := BootstrapTest{
		Estimate: c.mean * unit, StdErr: s / root * unit, T: (c.mean - opt.Shift/unit) * root / s, Length: opt.Length, Draws: opt.Draws,
	}
	drawn := c.draw(opt)
	count := newCounter(out.T, math.Abs(out.T))
	for _, t := range drawn {
		count.count(t)
	}
	out.Greater, out.Less = float64(count.above+1)/float64(count.all+1), float64(count.below+1)/float64(count.all+1)
	out.P = sides(opt.Alternative, out.Greater, out.Less)
	slices.Sort(drawn)
	tail := 1 - opt.Level
	if opt.Alternative == TwoSided {
		tail /= 2
	}
	end := func(p float64) float64 { return out.Estimate - atRank(drawn, p)*out.StdErr }
	out.Interval = oneSided(opt.Alternative, Interval{Level: opt.Level}, func() float64 { return end(1 - tail) }, func() float64 { return end(tail) })
	return out, nil
}

// atRank returns the quantile of sorted draws that leaves a part p of them below,
// rounded away from the middle.
func atRank(sorted []float64, p float64) float64 {
	n := len(sorted)
	k := int(math.Floor(p * float64(n+1)))
	if p > .5 {
		k = int(math.Ceil(p * float64(n+1)))
	}
	return sorted[min(max(k-1, 0), n-1)]
}

func (o BootstrapOptions) checked(d []float64) (BootstrapOptions, error) {
	var err error
	if o.Level, err = checkAsked(o.Alternative, o.Level); err != nil {
		return o, err
	}
	if o.Draws == 0 {
		o.Draws = 2000
	}
	if o.Draws < 100 || o.Draws > 1<<20 {
		return o, fmt.Errorf("%d draws: choose between 100 and 2^20: %w", o.Draws, ErrOptions)
	}
	if !(math.Abs(o.Shift) <= largest) {
		return o, fmt.Errorf("shift %g: %w", o.Shift, ErrOptions)
	}
	if o.Length == 0 {
		o.Length = BlockLength(d)
	}
	if !(o.Length >= 1 && o.Length <= float64(len(d))) {
		return o, fmt.Errorf("blocks of %g of %d values: choose a length from 1 to the whole series: %w", o.Length, len(d), ErrOptions)
	}
	if o.Moving {
		o.Length = math.Round(o.Length)
	}
	return o, nil
}

// centred is a series in units of its scale, its mean, and the series less its mean.
type centred struct {
	mean float64
	off  []float64
}

func centre(d []float64, unit float64) centred {
	c := centred{off: make([]float64, len(d))}
	for i, v := range d {
		c.mean += (v/unit - c.mean) / float64(i+1)
	}
	for i, v := range d {
		c.off[i] = v/unit - c.mean
	}
	return c
}

// gamma returns the autocovariance at lag k, with divisor n.
func (c centred) gamma(k int) float64 {
	var s float64
	for t := k; t < len(c.off); t++ {
		s += c.off[t] * c.off[t-k]
	}
	return s / float64(len(c.off))
}

// rho is the autocorrelation at lag 1, 0 of a constant series.
func (c centred) rho() float64 {
	v := c.gamma(0)
	if !(v > 0) {
		return 0
	}
	return c.gamma(1) / v
}

// longRun is n times the variance of the mean.
func (c centred) longRun(length float64) float64 {
	rho := c.rho()
	rho = math.Min(math.Max(rho+(1+3*rho)/float64(len(c.off)), 0), longestMemory)
	v := c.gamma(0) * float64(len(c.off)) / float64(len(c.off)-1)
	bartlett := v
	for k := 1; float64(k) < length && k < len(c.off); k++ {
		bartlett += 2 * (1 - float64(k)/length) * c.gamma(k)
	}
	return math.Max(v*(1+rho)/(1-rho), bartlett)
}

// draw returns the studentised means of drawn series.
func (c centred) draw(opt BootstrapOptions) []float64 {
	n := len(c.off)
	rng := rand.New(rand.NewPCG(opt.Seed, uint64(n)))
	// Sums of a stretch of the joined series are differences of these.
	upTo := make([]float64, 2*n+1)
	for i := range 2 * n {
		upTo[i+1] = upTo[i] + c.off[i%n]
	}
	sums, lengths := make([]float64, 0, n), make([]float64, 0, n)
	out := make([]float64, opt.Draws)
	for i := range out {
		sums, lengths = sums[:0], lengths[:0]
		var total float64
		for left := n; left > 0; {
			l := min(opt.length(rng), left)
			from := rng.IntN(n)
			s := upTo[from+l] - upTo[from]
			sums, lengths = append(sums, s), append(lengths, float64(l))
			total += s
			left -= l
		}
		out[i] = studentised(sums, lengths, total/float64(n))
	}
	return out
}

// length draws the length of one block.
func (o BootstrapOptions) length(rng *rand.Rand) int {
	if o.Moving || o.Length <= 1 {
		return int(o.Length)
	}
	// Geometric with mean Length: the number of trials to the first success.
	l := 1 + math.Floor(math.Log1p(-rng.Float64())/math.Log1p(-1/o.Length))
	return int(math.Min(l, 1<<30))
}

// studentised returns mean·√n / s* of a drawn series of deviations.
func studentised(sums, lengths []float64, mean float64) float64 {
	var squares, n float64
	for j, s := range sums {
		r := s - lengths[j]*mean
		squares += r * r
		n += lengths[j]
	}
	switch {
	case mean == 0:
		return 0
	case !(squares > 0):
		return math.Inf(int(math.Copysign(1, mean)))
	}
	return mean * n / math.Sqrt(squares)
}
