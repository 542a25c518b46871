package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Rates are two Poisson counts with their exposures, in any unit that both share:
// canary Xc in Tc, baseline Xb in Tb.
type Rates struct {
	Xc, Xb int
	Tc, Tb float64
}

func (r Rates) check() error {
	if r.Xc < 0 || r.Xb < 0 || r.Xc > math.MaxInt32 || r.Xb > math.MaxInt32 {
		return fmt.Errorf("counts %d and %d: between 0 and 2^31: %w", r.Xc, r.Xb, ErrOptions)
	}
	if !(r.Tc > 0 && r.Tb > 0 && r.Tc <= largest && r.Tb <= largest) {
		return fmt.Errorf("exposures %g and %g: positive numbers are needed: %w", r.Tc, r.Tb, ErrOptions)
	}
	return nil
}

// RateMethod is how PoissonRates computes its p-value.
type RateMethod int

const (
	// RateAuto is RateMidP below 100 events and RateScore from there.
	RateAuto RateMethod = iota
	// RateConditional is exact given the sum of the counts.
	RateConditional
	// RateMidP counts the observed outcome half: less conservative, no longer exact.
	RateMidP
	// RateScore is the normal approximation with the variance under the null hypothesis.
	RateScore
	// RateWald is the normal approximation with the variance of the observed counts.
	RateWald
	// RateE sums over both Poisson distributions, ordered by the score statistic.
	RateE
	// RateEWald is RateE ordered by Wald's statistic.
	RateEWald
)

// RateOptions say how PoissonRates compares.
type RateOptions struct {
	Method      RateMethod
	Alternative Alternative
	// Ratio of the rates, canary over baseline, under the null hypothesis; 0 means 1.
	Ratio float64
	// Level is the confidence of the interval; 0 means 0.95.
	Level float64
	// Dispersion divides z by its square root (RateScore and RateWald); 0 means 1.
	Dispersion float64
	// Compat follows another implementation.
	Compat Compat
}

// RateTest is the result of PoissonRates.
type RateTest struct {
	// Statistic is the z of RateScore, RateWald and the E-tests, positive where the
	// canary's rate is above Ratio times the baseline's; 0 for the others.
	Statistic float64
	// P is the p-value of the alternative.
	P float64
	// Estimate is the ratio of the rates: 0 or +Inf where one count is 0, 1 where both
	// are.
	Estimate float64
	// Interval of the ratio, by Clopper and Pearson's of the share of the events.
	Interval Interval
	// Method is what was used.
	Method RateMethod
	// Degenerate says that there were no events: P is 1.
	Degenerate bool
}

// PoissonRates compares two Poisson rates. Given M = Xc+Xb events, Xc is binomial
// with share θ = R·Tc/(R·Tc+Tb) (Przyborowski & Wilenski 1940): that is the conditional
// test, and its interval. With k = R·Tc/Tb, the score statistic is
// (Xc - k·Xb)/√(k(Xc+Xb)) and Wald's (Xc - k·Xb)/√(Xc + k²Xb). The E-test
// (Krishnamoorthy & Thomson 2004, A more powerful test for comparing two Poisson
// means) sums the probabilities of all outcomes whose statistic is at least as
// extreme, at the rates that fit best under the null hypothesis.
//
// It assumes Poisson counts: those of a load balancer are overdispersed. It returns
// ErrOptions, or ErrTooLarge for an E-test or a conditional test of more than 2^24
// outcomes.
func PoissonRates(r Rates, opt RateOptions) (RateTest, error) {
	opt, err := opt.checked(r)
	if err != nil {
		return RateTest{}, err
	}
	events := r.Xc + r.Xb
	if opt.Method == RateAuto {
		opt.Method = RateScore
		if events < 100 {
			opt.Method = RateMidP
		}
	}
	out := RateTest{Method: opt.Method, P: 1, Estimate: ratio(float64(r.Xc)/r.Tc, float64(r.Xb)/r.Tb)}
	out.Interval = r.interval(opt)
	if events == 0 {
		out.Degenerate = true
		return out, nil
	}
	k := opt.Ratio / (r.Tb / r.Tc)
	switch opt.Method {
	case RateConditional, RateMidP:
		if events > conditionalEvents {
			return RateTest{}, fmt.Errorf("%d events, use RateScore: %w", events, ErrTooLarge)
		}
		out.P = r.conditional(opt, k/(1+k))
	case RateScore, RateWald:
		out.Statistic = rateStatistic(opt.Method, float64(r.Xc), float64(r.Xb), k)
		out.Statistic /= math.Sqrt(opt.Dispersion)
		out.P = normalSides(opt.Alternative, out.Statistic)
	default:
		out.Statistic = rateStatistic(opt.Method, float64(r.Xc), float64(r.Xb), k)
		out.P, err = r.eTest(opt, out.Statistic, k)
	}
	return out, err
}

func (o RateOptions) checked(r Rates) (RateOptions, error) {
	if err := r.check(); err != nil {
		return o, err
	}
	level, err := checkAsked(o.Alternative, o.Level)
	if err != nil {
		return o, err
	}
	o.Level = level
	if o.Ratio == 0 {
		o.Ratio = 1
	}
	if o.Dispersion == 0 {
		o.Dispersion = 1
	}
	if k := o.Ratio * r.Tc / r.Tb; !(o.Ratio > 0 && k > 1/widest && k < widest && o.Dispersion > 0 && o.Dispersion <= largest) {
		return o, fmt.Errorf("ratio %g, dispersion %g: positive numbers are needed: %w", o.Ratio, o.Dispersion, ErrOptions)
	}
	if o.Method < RateAuto || o.Method > RateEWald {
		return o, fmt.Errorf("method %d: %w", o.Method, ErrOptions)
	}
	return o, nil
}

const conditionalEvents = 1 << 24

// conditional is the binomial test of the canary's share of the events.
func (r Rates) conditional(opt RateOptions, share float64) float64 {
	w := binomialWeights(r.Xc+r.Xb, share)
	half := 0.0
	if opt.Method == RateMidP {
		half = w[r.Xc] / 2
	}
	switch opt.Alternative {
	case Greater:
		return unit(sum(w[r.Xc:]) - half)
	case Less:
		return unit(sum(w[:r.Xc+1]) - half)
	default:
		return unit(noMoreProbable(w, r.Xc) - half)
	}
}

// interval is that of Clopper and Pearson for the share of the events, as a ratio.
func (r Rates) interval(opt RateOptions) Interval {
	xc, xb := float64(r.Xc), float64(r.Xb)
	tail := 1 - opt.Level
	if opt.Alternative == TwoSided {
		tail /= 2
	}
	out := Interval{Low: 0, High: math.Inf(1), Level: opt.Level}
	// With Y = 1-share, the odds are taken from the side that does not cancel.
	if r.Xc > 0 && opt.Alternative != Less {
		out.Low = betaOdds(tail, xc, xb+1) * r.Tb / r.Tc
	}
	if r.Xb > 0 && opt.Alternative != Greater {
		out.High = r.Tb / r.Tc / betaOdds(tail, xb, xc+1)
	}
	return out
}

// betaOdds returns x/(1-x) at the quantile x of the beta distribution.
func betaOdds(p, a, b float64) float64 {
	x := betaQuantile(p, a, b)
	return x / (1 - x)
}

// rateStatistic is the score or Wald's statistic; 0 where there are no events.
func rateStatistic(method RateMethod, xc, xb, k float64) float64 {
	variance := (xc + xb) * k
	if method == RateWald || method == RateEWald {
		variance = xc + xb*(k*k)
	}
	if variance == 0 {
		return 0
	}
	return (xc - k*xb) / math.Sqrt(variance)
}

// eTest sums the probability of the outcomes at least as extreme as the observed one.
func (r Rates) eTest(opt RateOptions, observed, k float64) (float64, error) {
	baseline := float64(r.Xc+r.Xb) / (1 + k)
	c, fromC := poissonWeights(k * baseline)
	b, fromB := poissonWeights(baseline)
	if len(c)*len(b) > 1<<24 {
		return 0, fmt.Errorf("%d by %d outcomes, use RateScore: %w", len(c), len(b), ErrTooLarge)
	}
	slack := 1e-12 // equal statistics may differ in their last digits
	if opt.Compat == Statsmodels013 {
		slack = 1e-15
	}
	var p float64
	for i, wc := range c {
		var row float64
		for j, wb := range b {
			s := rateStatistic(opt.Method, float64(fromC+i), float64(fromB+j), k)
			var extreme bool
			switch opt.Alternative {
			case Greater:
				extreme = s >= observed-slack
			case Less:
				extreme = s <= observed+slack
			default:
				extreme = math.Abs(s) >= math.Abs(observed)-slack
			}
			if extreme {
				row += wb
			}
		}
		p += wc * row
	}
	return unit(p), nil
}

// poissonWeights returns the probabilities of a Poisson variable that matter, and of
// which value the first one is.
func poissonWeights(mean float64) (w []float64, from int) {
	reach := 9*math.Sqrt(mean) + 40
	from = int(math.Max(0, mean-reach))
	w = make([]float64, int(mean+reach)-from+1)
	d := distuv.Poisson{Lambda: mean}
	for i := range w {
		w[i] = d.Prob(float64(from + i))
	}
	return w, from
}
