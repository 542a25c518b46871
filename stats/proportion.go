package stats

import (
	"fmt"
	"math"
)

// Proportions are two counts of events among trials: canary Xc of Nc, baseline Xb of
// Nb.
type Proportions struct{ Xc, Nc, Xb, Nb int }

func (p Proportions) check() error {
	if p.Xc < 0 || p.Xb < 0 || p.Xc > p.Nc || p.Xb > p.Nb {
		return fmt.Errorf("counts %+v: events must be between 0 and the trials: %w", p, ErrOptions)
	}
	if p.Nc == 0 || p.Nb == 0 {
		return fmt.Errorf("counts %+v: both arms need trials: %w", p, ErrTooFew)
	}
	if p.Nc > math.MaxInt32 || p.Nb > math.MaxInt32 {
		return fmt.Errorf("counts %+v: at most 2^31 trials: %w", p, ErrOptions)
	}
	return nil
}

func (p Proportions) floats() (xc, nc, xb, nb float64) {
	return float64(p.Xc), float64(p.Nc), float64(p.Xb), float64(p.Nb)
}

// ChiSquaredTest is the result of ChiSquared.
type ChiSquaredTest struct {
	// Statistic is Pearson's X² of the 2×2 table, with 1 degree of freedom; P is two-sided.
	Statistic, P float64
	// Difference of the proportions and its interval by the normal approximation.
	Difference float64
	Interval   Interval
	// Degenerate says that there are no events, or nothing but events: P is 1.
	Degenerate bool
	// Unreliable says that an expected count is below 5.
	Unreliable bool
}

// ChiSquared compares two proportions by Pearson's X², Σ(|observed-expected|-c)²/expected
// with c = 0, or with Yates' correction c = ½, at most the deviation itself. It is
// here for comparison with other tools: for small counts use Boschloo, for margins
// ScoreTest. Level 0 means 0.95. It returns ErrOptions or ErrTooFew.
//
// Sources: Pearson 1900; Yates 1934.
func ChiSquared(p Proportions, yates bool, level float64) (ChiSquaredTest, error) {
	if err := p.check(); err != nil {
		return ChiSquaredTest{}, err
	}
	level, err := levelOr(level)
	if err != nil {
		return ChiSquaredTest{}, err
	}
	xc, nc, xb, nb := p.floats()
	pc, pb := xc/nc, xb/nb
	inverse := 1/nc + 1/nb
	pooled := (xc + xb) / (nc + nb)
	correction := 0.0
	if yates {
		correction = math.Min(.5, math.Abs(pc-pb)/inverse)
	}
	out := ChiSquaredTest{Difference: pc - pb, P: 1}
	z := normalQuantile((1 + level) / 2)
	reach := z*math.Sqrt(pc*(1-pc)/nc+pb*(1-pb)/nb) + correction*inverse
	out.Interval = Interval{Low: math.Max(pc-pb-reach, -1), High: math.Min(pc-pb+reach, 1), Level: level}
	if pooled == 0 || pooled == 1 {
		out.Degenerate, out.Unreliable = true, true
		return out, nil
	}
	for _, cell := range [][2]float64{{xc, nc * pooled}, {xb, nb * pooled}, {nc - xc, nc * (1 - pooled)}, {nb - xb, nb * (1 - pooled)}} {
		d := math.Max(0, math.Abs(cell[0]-cell[1])-correction)
		out.Statistic += d * d / cell[1]
		out.Unreliable = out.Unreliable || cell[1] < 5
	}
	out.P = unit(2 * normalAbove(math.Sqrt(out.Statistic)))
	return out, nil
}

// Wilson returns the score interval of one proportion, x events of n:
// (p̂ + z²/2n ± z√(p̂(1-p̂)/n + z²/4n²))/(1+z²/n) (Wilson 1927). Level 0 means 0.95.
func Wilson(x, n int, level float64) (Interval, error) {
	if err := (Proportions{Xc: x, Nc: n, Nb: 1}).check(); err != nil {
		return Interval{}, err
	}
	level, err := levelOr(level)
	if err != nil {
		return Interval{}, err
	}
	z := normalQuantile((1 + level) / 2)
	trials := float64(n)
	p, square := float64(x)/trials, z*z/trials
	middle := (p + square/2) / (1 + square)
	reach := z / (1 + square) * math.Sqrt(p*(1-p)/trials+square/(4*trials))
	out := Interval{Low: unit(middle - reach), High: unit(middle + reach), Level: level}
	if x == 0 {
		out.Low = 0
	}
	if x == n {
		out.High = 1
	}
	return out, nil
}

// Newcombe returns the hybrid score interval of the difference of two proportions,
// canary - baseline: with Wilson's limits (l, u) of each, from
// p̂c-p̂b - √((p̂c-lc)²+(ub-p̂b)²) to p̂c-p̂b + √((uc-p̂c)²+(p̂b-lb)²). It is in closed form,
// right near 0, and what is shown by default.
//
// Source: Newcombe 1998, Interval estimation for the difference between independent
// proportions, method 10. It returns ErrOptions or ErrTooFew.
func Newcombe(p Proportions, level float64) (Interval, error) {
	if err := p.check(); err != nil {
		return Interval{}, err
	}
	c, err := Wilson(p.Xc, p.Nc, level)
	if err != nil {
		return Interval{}, err
	}
	b, err := Wilson(p.Xb, p.Nb, level)
	if err != nil {
		return Interval{}, err
	}
	xc, nc, xb, nb := p.floats()
	pc, pb := xc/nc, xb/nb
	return Interval{
		Low:   pc - pb - math.Hypot(pc-c.Low, b.High-pb),
		High:  pc - pb + math.Hypot(c.High-pc, pb-b.Low),
		Level: c.Level,
	}, nil
}
