package stats

import (
	"fmt"
	"math"
)

// Contrast is how two proportions are compared.
type Contrast int

const (
	// Difference is p_c - p_b.
	Difference Contrast = iota
	// Ratio is p_c / p_b.
	Ratio
	// OddsRatio is p_c(1-p_b) / (p_b(1-p_c)).
	OddsRatio
)

// ScoreOptions say how ScoreTest and ScoreInterval compare two proportions.
type ScoreOptions struct {
	Contrast    Contrast
	Alternative Alternative
	// Margin is the contrast under the null hypothesis: 0.005 for a difference, 1.5
	// for a ratio. For Ratio and OddsRatio it must be positive.
	Margin float64
	// Uncorrected leaves out the factor N/(N-1) of Miettinen & Nurminen.
	Uncorrected bool
	// Dispersion divides z by its square root; 0 means 1. It is the variance of the
	// counts over the binomial one.
	Dispersion float64
	// Level is the confidence of ScoreInterval; 0 means 0.95.
	Level float64
	// Compat follows another implementation.
	Compat Compat
}

// widest bounds ratios, so that their products with counts can be squared.
const widest = 1e100

// ScoreResult is the result of ScoreTest.
type ScoreResult struct {
	// Statistic is standard normal under the null hypothesis, positive where the
	// canary has more events than the margin allows.
	Statistic float64
	// P is the p-value of the alternative; Greater and Less are the one-sided ones.
	P, Greater, Less float64
	// CanaryNull and BaselineNull are the proportions that fit best under the null.
	CanaryNull, BaselineNull float64
	// Degenerate says that the data say nothing about the contrast (no events at all
	// for a ratio): Statistic is 0 and P is 1.
	Degenerate bool
}

// ScoreTest compares two proportions with a margin by the score statistic
//
//	z = (p̂_c - p̂_b - δ)/√(V·N/(N-1)),  V = p̃_c(1-p̃_c)/N_c + p̃_b(1-p̃_b)/N_b
//
// for a difference δ; for a ratio R with p̂_c - R·p̂_b and R²Ṽ_b; p̃ are the maximum
// likelihood estimates under the null hypothesis. The odds ratio uses the score
// (p̂_c-p̃_c)/(p̃_c(1-p̃_c)) - (p̂_b-p̃_b)/(p̃_b(1-p̃_b)) over its standard deviation. It keeps
// its level for small counts better than Wald's test and takes a margin.
//
// Sources: Miettinen & Nurminen 1985, Comparative analysis of two rates; Farrington
// & Manning 1990. It returns ErrOptions or ErrTooFew.
func ScoreTest(p Proportions, opt ScoreOptions) (ScoreResult, error) {
	opt, err := opt.checked(p)
	if err != nil {
		return ScoreResult{}, err
	}
	return p.score(opt), nil
}

func (o ScoreOptions) checked(p Proportions) (ScoreOptions, error) {
	if err := p.check(); err != nil {
		return o, err
	}
	level, err := checkAsked(o.Alternative, o.Level)
	if err != nil {
		return o, err
	}
	o.Level = level
	if o.Dispersion == 0 {
		o.Dispersion = 1
	}
	if !(o.Dispersion > 0 && o.Dispersion <= largest) {
		return o, fmt.Errorf("dispersion %g: %w", o.Dispersion, ErrOptions)
	}
	switch o.Contrast {
	case Difference:
		if !(o.Margin > -1 && o.Margin < 1) {
			return o, fmt.Errorf("margin %g: a difference of proportions is between -1 and 1: %w", o.Margin, ErrOptions)
		}
	case Ratio, OddsRatio:
		if !(o.Margin > 0 && o.Margin <= widest) {
			return o, fmt.Errorf("margin %g: a ratio is positive, 1 means equal: %w", o.Margin, ErrOptions)
		}
	default:
		return o, fmt.Errorf("contrast %d: %w", o.Contrast, ErrOptions)
	}
	return o, nil
}

func (p Proportions) score(opt ScoreOptions) ScoreResult {
	xc, nc, xb, nb := p.floats()
	var top, variance, c, b float64
	switch opt.Contrast {
	case Difference:
		b = p.nullDifference(opt.Margin, opt.Compat == Statsmodels013)
		c = unit(b + opt.Margin)
		top = xc/nc - xb/nb - opt.Margin
		variance = c*(1-c)/nc + b*(1-b)/nb
	case Ratio:
		b = p.nullRatio(opt.Margin)
		c = unit(b * opt.Margin)
		top = xc/nc - opt.Margin*xb/nb
		variance = c*(1-c)/nc + opt.Margin*opt.Margin*b*(1-b)/nb
	default:
		b = p.nullOdds(opt.Margin)
		c = opt.Margin * b / (1 + b*(opt.Margin-1))
		vc, vb := nc*c*(1-c), nb*b*(1-b)
		if vc > 0 && vb > 0 {
			top = (xc - nc*c) / vc * nc * nb / (nc + nb)
			top += (nb*b - xb) / vb * nc * nb / (nc + nb)
			variance = (1/vc + 1/vb) * (nc * nb / (nc + nb)) * (nc * nb / (nc + nb))
		}
	}
	if !opt.Uncorrected {
		variance *= (nc + nb) / (nc + nb - 1)
	}
	variance *= opt.Dispersion
	out := ScoreResult{CanaryNull: c, BaselineNull: b}
	if math.Abs(top) <= 4*0x1p-52 && variance == 0 {
		out.Degenerate = true
		out.P, out.Greater, out.Less = 1, 1, 1
		return out
	}
	out.Statistic = top / math.Sqrt(variance)
	out.Greater, out.Less = normalAbove(out.Statistic), normalBelow(out.Statistic)
	out.P = sides(opt.Alternative, out.Greater, out.Less)
	return out
}

// nullDifference returns the baseline's proportion of greatest likelihood where the
// canary's is larger by d: the root of Miettinen & Nurminen's cubic that lies inside. slip takes the baseline's
// events for its trials in one coefficient, see Statsmodels013.
func (p Proportions) nullDifference(d float64, slip bool) float64 {
	xc, nc, xb, nb := p.floats()
	low, high := math.Max(0, -d), math.Min(1, 1-d)
	n := nc + nb
	l3 := n
	l2 := (nc+2*nb)*d - n - xc - xb
	trials := nb
	if slip {
		trials = xb
	}
	l1 := (trials*d-n-2*xb)*d + xc + xb
	l0 := xb * d * (1 - d)
	q := l2*l2*l2/(27*l3*l3*l3) - l1*l2/(6*l3*l3) + l0/(2*l3)
	r := math.Copysign(math.Sqrt(math.Max(0, l2*l2/(9*l3*l3)-l1/(3*l3))), q)
	guess := -l2 / (3 * l3)
	if r != 0 {
		a := (math.Pi + math.Acos(math.Max(-1, math.Min(1, q/(r*r*r))))) / 3
		guess += 2 * r * math.Cos(a)
	}
	guess = math.Max(low, math.Min(high, guess))
	// The cosine loses digits near the ends; Newton's steps bring them back.
	for range 3 {
		value := ((l3*guess+l2)*guess+l1)*guess + l0
		slope := (3*l3*guess+2*l2)*guess + l1
		next := guess - value/slope
		if !(next >= low && next <= high && math.Abs(next-guess) < 1e-6) {
			break
		}
		guess = next
	}
	return guess
}

// nullRatio returns the baseline's proportion of greatest likelihood where the
// canary's is r times as large.
func (p Proportions) nullRatio(r float64) float64 {
	xc, nc, xb, nb := p.floats()
	a := (nc + nb) * r
	b := -(r*(nc+xb) + xc + nb)
	c := xc + xb
	// The smaller root, in the form that does not cancel.
	return math.Min(2*c/(-b+math.Sqrt(math.Max(0, b*b-4*a*c))), math.Min(1, 1/r))
}

// nullOdds returns the baseline's proportion of greatest likelihood where the odds
// are t times as large in the canary.
func (p Proportions) nullOdds(t float64) float64 {
	xc, nc, xb, nb := p.floats()
	a := nb * (t - 1)
	b := nc*t + nb - (xc+xb)*(t-1)
	c := -(xc + xb)
	if c == 0 {
		return 0
	}
	root := math.Sqrt(math.Max(0, b*b-4*a*c))
	if b >= 0 {
		return unit(-2 * c / (b + root))
	}
	return unit((-b + root) / (2 * a))
}

// ScoreInterval returns the margins that ScoreTest does not reject: the interval of
// Miettinen & Nurminen (without their correction, of Mee). The alternative of the
// options chooses its side; Margin is not used. An end where even the extreme of the
// contrast is not rejected is that extreme: ±1, 0 or +Inf.
func ScoreInterval(p Proportions, opt ScoreOptions) (Interval, error) {
	opt.Margin = 0
	if opt.Contrast != Difference {
		opt.Margin = 1
	} else if opt.Compat == Statsmodels013 {
		opt.Uncorrected = false
	}
	opt, err := opt.checked(p)
	if err != nil {
		return Interval{}, err
	}
	// Positions in (-1, 1) stand for margins; ratios run through them as (1+u)/(1-u).
	at := func(u float64) float64 {
		if opt.Contrast == Difference {
			return u
		}
		return (1 + u) / (1 - u)
	}
	z := func(u float64) float64 {
		asked := opt
		asked.Margin = at(u)
		return p.score(asked).Statistic
	}
	tail := 1 - opt.Level
	if opt.Alternative == TwoSided {
		tail /= 2
	}
	limit := -normalQuantile(tail)
	const edge = 1 - 0x1p-40
	solve := func(target, extreme float64) float64 {
		f := func(u float64) float64 { return z(u) - target }
		low, high := f(-edge), f(edge)
		if low <= 0 || high >= 0 { // never rejected on this side
			return at(extreme)
		}
		return at(uniroot(f, -edge, edge, 0))
	}
	return oneSided(opt.Alternative, Interval{Level: opt.Level},
		func() float64 { return solve(limit, -1) }, func() float64 { return solve(-limit, 1) }), nil
}
