package stats

import (
	"fmt"
	"math"
)

// FisherTest is the result of Fisher.
type FisherTest struct {
	// P is the p-value of the alternative. The two-sided one sums the tables that are
	// no more probable than the observed one.
	P, Greater, Less float64
	// Estimate is the conditional maximum-likelihood estimate of the odds ratio; it is
	// 0 or +Inf at the ends of what the margins allow, and 0 where they allow one table.
	Estimate float64
	// Interval of the odds ratio.
	Interval Interval
}

// FisherOptions say how Fisher compares.
type FisherOptions struct {
	Alternative Alternative
	// Level is the confidence of the interval; 0 means 0.95.
	Level float64
	// Compat R42 solves for estimate and interval as coarsely as R's fisher.test, to
	// about 1e-4.
	Compat Compat
}

// Fisher is Fisher's exact test for two proportions, given how many events there are
// in all: the canary's events are hypergeometric, with odds ratio ω
// P(k) ∝ C(Nc,k)·C(Nb,M-k)·ω^k. The interval solves P_ω(X >= x) = α/2 and
// P_ω(X <= x) = α/2. It is conservative; Boschloo is more powerful.
//
// Source: Fisher 1935, The logic of inductive inference. It returns ErrOptions,
// ErrTooFew, or ErrTooLarge above a million possible tables.
func Fisher(p Proportions, opt FisherOptions) (FisherTest, error) {
	if err := p.check(); err != nil {
		return FisherTest{}, err
	}
	level, err := checkAsked(opt.Alternative, opt.Level)
	if err != nil {
		return FisherTest{}, err
	}
	h := newHypergeometric(p)
	if h.most-h.least >= fisherTables {
		return FisherTest{}, fmt.Errorf("%d tables, use ScoreTest: %w", h.most-h.least+1, ErrTooLarge)
	}
	at := p.Xc - h.least
	w := h.weights(1)
	out := FisherTest{Greater: sum(w[at:]), Less: sum(w[:at+1])}
	switch opt.Alternative {
	case Greater:
		out.P = unit(out.Greater)
	case Less:
		out.P = unit(out.Less)
	default:
		out.P = noMoreProbable(w, at)
	}
	tail := 1 - level
	if opt.Alternative == TwoSided {
		tail /= 2
	}
	s := oddsSolver{h: h, at: at, coarse: opt.Compat == R42}
	out.Estimate = s.solve(func(w []float64) float64 { return expectation(w) - float64(at) }, at == 0, at == len(w)-1)
	out.Interval = Interval{Low: 0, High: math.Inf(1), Level: level}
	if opt.Alternative != Less && at > 0 {
		out.Interval.Low = s.solve(func(w []float64) float64 { return sum(w[at:]) - tail }, false, false)
	}
	if opt.Alternative != Greater && at < len(w)-1 {
		out.Interval.High = s.solve(func(w []float64) float64 { return tail - sum(w[:at+1]) }, false, false)
	}
	return out, nil
}

const fisherTables = 1 << 20

// noMoreProbable sums the weights that are at most the observed one, up to rounding.
func noMoreProbable(w []float64, at int) float64 {
	var p float64
	for _, v := range w {
		if v <= w[at]*(1+1e-7) {
			p += v
		}
	}
	return unit(p)
}

// sum adds the small weights at the ends first, for their digits.
func sum(w []float64) float64 {
	var s float64
	i, j := 0, len(w)-1
	for i <= j {
		if w[i] < w[j] {
			s += w[i]
			i++
		} else {
			s += w[j]
			j--
		}
	}
	return s
}

func expectation(w []float64) float64 {
	var e float64
	for k, v := range w {
		e += float64(k) * v
	}
	return e
}

// hypergeometric is the distribution of the canary's events given both arms' trials
// and the events in all.
type hypergeometric struct {
	nc, nb, events float64
	least, most    int
}

func newHypergeometric(p Proportions) hypergeometric {
	events := p.Xc + p.Xb
	return hypergeometric{
		nc: float64(p.Nc), nb: float64(p.Nb), events: float64(events),
		least: max(0, events-p.Nb), most: min(events, p.Nc),
	}
}

// weights returns P(X = least), …, P(X = most) at an odds ratio: by recurrence from
// the mode outwards.
func (h hypergeometric) weights(odds float64) []float64 {
	w := make([]float64, h.most-h.least+1)
	ratio := func(i int) float64 {
		k := float64(h.least + i)
		return (h.nc - k) * (h.events - k) * odds / ((k + 1) * (h.nb - h.events + k + 1))
	}
	// The mode is where the falling ratio of neighbours passes 1.
	low, high := 0, len(w)-1
	for low < high {
		if middle := (low + high) / 2; ratio(middle) >= 1 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return outwards(w, low, ratio)
}

// oddsSolver finds odds ratios at which a growing function of the weights is 0.
type oddsSolver struct {
	h      hypergeometric
	at     int
	coarse bool
}

// solve returns the odds ratio; atLeast and atMost say that the observed table is at
// the end of what is possible, where there is no root.
func (s oddsSolver) solve(f func(w []float64) float64, atLeast, atMost bool) float64 {
	switch {
	case atLeast:
		return 0
	case atMost:
		return math.Inf(1)
	}
	if s.coarse {
		return s.solveCoarsely(f)
	}
	g := func(l float64) float64 { return f(s.h.weights(math.Exp(l))) }
	low, high := -1.0, 1.0
	for g(low) > 0 && low > -500 {
		low *= 2
	}
	for g(high) < 0 && high < 500 {
		high *= 2
	}
	return math.Exp(uniroot(g, low, high, 0))
}

// solveCoarsely takes R's steps: on the odds ratio below 1, on its inverse above,
// with an absolute tolerance.
func (s oddsSolver) solveCoarsely(f func(w []float64) float64) float64 {
	const epsilon = 0x1p-52
	tolerance := math.Sqrt(math.Sqrt(epsilon))
	g := func(odds float64) float64 {
		if odds == 0 {
			w := make([]float64, s.h.most-s.h.least+1)
			w[0] = 1
			return f(w)
		}
		return f(s.h.weights(odds))
	}
	switch one := g(1); {
	case one > 0:
		return uniroot(g, 0, 1, tolerance)
	case one < 0:
		return 1 / uniroot(func(t float64) float64 { return g(1 / t) }, epsilon, 1, tolerance)
	}
	return 1
}
