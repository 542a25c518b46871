package samples

import (
	"math"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/stats/sequential"
)

// The prior autocorrelation of contrasts and how many pairs it is worth: more than in
// package judge, where a time before the rollout tells how the series wander. Here
// what looks like a difference may be the slow wandering of either arm.
const (
	priorRho  = 0.9
	rhoWeight = 40
)

func (m Metric) withDefaults() Metric {
	if !(m.Tolerance > 0) || math.IsInf(m.Tolerance, 0) {
		m.Tolerance = defaultTolerance
		if !(m.Margin > 0) {
			m.Margin = defaultMargin
		}
	}
	if !(m.Margin > m.Tolerance) || math.IsInf(m.Margin, 0) {
		m.Margin = marginOfTolerance * m.Tolerance
	}
	return m
}

// paired are a metric's pairs without gaps, oldest first.
type paired struct {
	c, b []float64
	log  bool // all are positive: contrasts are logarithms of ratios
}

func (m Metric) pairs() paired {
	p := paired{log: true}
	for i := range min(len(m.Canary), len(m.Baseline)) {
		c, b := m.Canary[i], m.Baseline[i]
		if !finite(c) || !finite(b) {
			continue
		}
		p.c, p.b = append(p.c, c), append(p.b, b)
		p.log = p.log && c > 0 && b > 0
	}
	return p
}

// look gathers the evidence of one metric.
func (m Metric) look(r Rules) Finding {
	p := m.pairs()
	f := Finding{Name: m.Name, Pairs: len(p.c), Ratio: mean(p.c) / mean(p.b), Up: mean(p.c) > mean(p.b)}
	if !finite(f.Ratio) {
		f.Ratio = math.NaN()
	}
	if f.trouble(m, p, r) {
		return f
	}
	f.worse, f.notWorse = m.evidence(p)
	if !finite(f.worse) || !finite(f.notWorse) {
		f.worse, f.notWorse, f.Class = 0, 0, judge.CannotJudge
		f.Reason = "the samples or the tolerance are out of the range in which numbers can be compared"
		return f
	}
	f.Worse, f.NotWorse = f.worse/math.Ln10, f.notWorse/math.Ln10
	switch {
	case m.Shown:
		f.Class, f.Reason = judge.Shown, f.words()+"; shown, without weight in the verdict"
	case f.notWorse >= -math.Log(r.Beta):
		f.Class, f.Reason = judge.NotWorse, f.decided("not worse than "+percent(m.Margin), f.NotWorse)
	default:
		f.Reason = sprintf("%s; undecided: evidence %s that it is worse than %s, and %s of the %s needed that it is not worse than %s",
			f.words(), odds(f.Worse), percent(m.Tolerance), odds(f.NotWorse), odds(-math.Log10(r.Beta)), percent(m.Margin))
	}
	return f
}

// trouble gives a metric that cannot be compared its class and sentence.
func (f *Finding) trouble(m Metric, p paired, r Rules) bool {
	switch {
	case !some(m.Canary) && !some(m.Baseline):
		f.Class, f.Reason = judge.NoData, "neither arm has a single sample"
	case !some(m.Canary):
		f.Class, f.Reason = judge.NoData, "the canary has no sample"
	case !some(m.Baseline):
		f.Class, f.Reason = judge.NoData, "the baseline has no sample"
	case f.Pairs < r.Pairs:
		f.Class = judge.TooFew
		f.Reason = sprintf("%d pairs of samples, and %d are needed: judge a longer time, or with a smaller step", f.Pairs, r.Pairs)
	case !same(p):
		return false
	case constant(p.c):
		f.constant = true
		f.Reason = sprintf("both arms are %s in all %d pairs, which proves nothing: there may be nothing to see, or the queries see nothing", number(p.c[0]), f.Pairs)
	default:
		f.Class = judge.SameSeries
		f.Reason = "both arms have the very same samples: the queries are not narrowed to one arm, so that the service is compared with itself"
	}
	return true
}

// evidence returns the natural logarithms of the evidence on both sides. A metric
// that is bad either way spends half of its budget on each, and is not worse where
// neither direction is.
func (m Metric) evidence(p paired) (worse, notWorse float64) {
	if m.Worse != Either {
		return m.oneSided(p, m.Worse == Higher)
	}
	highWorse, highNot := m.oneSided(p, true)
	lowWorse, lowNot := m.oneSided(p, false)
	return sequential.Mix([]float64{highWorse, lowWorse}, nil), math.Min(highNot, lowNot)
}

// oneSided is the evidence that the canary is higher (or lower) than tolerated, and
// that it is not by the margin.
func (m Metric) oneSided(p paired, higher bool) (worse, notWorse float64) {
	s := sequential.Series{Tau: 1, Rho: priorRho, RhoWeight: rhoWeight}
	d, y, z := make([]float64, len(p.c)), make([]float64, len(p.c)), make([]float64, len(p.c))
	sign := 1.0
	if !higher {
		sign = -1
	}
	for i := range d {
		if p.log {
			d[i] = math.Log(p.c[i] / p.b[i])
			y[i] = sign*d[i] - logOf(m.Tolerance, higher)
			z[i] = logOf(m.Margin, higher) - sign*d[i]
			continue
		}
		d[i] = p.c[i] - p.b[i]
		y[i] = sign*d[i] - m.Tolerance*math.Abs(p.b[i])
		z[i] = m.Margin*math.Abs(p.b[i]) - sign*d[i]
	}
	if p.log {
		return last(s.Evidence(nil, y, d)), last(s.Evidence(nil, z, d))
	}
	// A tolerance that follows the baseline varies with it: the variance is that of
	// what is tested.
	return last(s.Evidence(nil, y, nil)), last(s.Evidence(nil, z, nil))
}

// logOf is a tolerance on the log scale; downwards no more than 99 %.
func logOf(tolerance float64, higher bool) float64 {
	if higher {
		return math.Log1p(tolerance)
	}
	return -math.Log1p(-math.Min(tolerance, 0.99))
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func some(v []float64) bool {
	for _, x := range v {
		if finite(x) {
			return true
		}
	}
	return false
}

func same(p paired) bool {
	for i := range p.c {
		if p.c[i] != p.b[i] {
			return false
		}
	}
	return true
}

func constant(v []float64) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}

// mean is that of values; NaN without any, or where their sum leaves the range.
func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x / float64(len(v))
	}
	if len(v) == 0 {
		return math.NaN()
	}
	return sum
}

func last(v []float64) float64 { return v[len(v)-1] }
