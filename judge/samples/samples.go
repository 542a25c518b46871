package samples

import (
	"math"
	"strings"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/stats/sequential"
)

// Worse says which changes of a metric are bad.
type Worse uint8

// The directions. The zero value sees the most.
const (
	Either Worse = iota
	Higher
	Lower
)

// Metric is one metric's series, and when they are bad.
type Metric struct {
	// Name is for sentences.
	Name string
	// Canary and Baseline are samples, oldest first; those of one index are a pair. NaN
	// and infinities are gaps. What one series has more than the other is left out.
	Canary, Baseline []float64
	// Worse is the bad direction.
	Worse Worse
	// Tolerance is the worsening that does not matter, and Margin the one that promotion
	// must exclude: fractions of the baseline, 0.1 being 10 %. Zero means 0.1 and 0.5. A
	// margin that is not above the tolerance is taken for five times the tolerance.
	Tolerance, Margin float64
	// Shown leaves the metric out of the outcome.
	Shown bool
}

// Rules bound errors. Zero fields mean the defaults.
type Rules struct {
	Alpha float64 // false rollback, over all metrics and looks (default 0.05)
	Beta  float64 // false proof of one metric at its margin (default 0.05)
	Pairs int     // below which nothing is concluded (default 10)
}

// The defaults of a comparison.
const (
	defaultTolerance = 0.1
	defaultMargin    = 0.5
	defaultLevel     = 0.05
	defaultPairs     = 10
	// harmEvidence is from where on nothing is promoted, as in package judge.
	harmEvidence = 3
	// marginOfTolerance is how wide a margin is that was not given, or is too narrow.
	marginOfTolerance = 5
)

func (r Rules) withDefaults() Rules {
	level := func(p *float64) {
		if !(*p > 0 && *p < 1) {
			*p = defaultLevel
		}
	}
	level(&r.Alpha)
	level(&r.Beta)
	if r.Pairs <= 0 {
		r.Pairs = defaultPairs
	}
	return r
}

// Verdict is what was concluded. Its zero value is the safe one.
type Verdict struct {
	// Outcome is continue, promote or rollback. (There is no deadline here.)
	Outcome judge.Outcome
	// Reason is a sentence.
	Reason string
	// Evidence is log10 of the combined evidence that the canary is worse.
	Evidence float64
	// Findings are the metrics', in their order.
	Findings []Finding
}

// Finding is what was found of one metric.
type Finding struct {
	Name  string
	Class judge.Class
	// Up says that the canary's values are larger than the baseline's.
	Up bool
	// Pairs is how many were compared.
	Pairs int
	// Ratio is the mean of the canary over that of the baseline; NaN where that is 0.
	Ratio float64
	// Worse and NotWorse are log10 evidence; 0 where there is none.
	Worse, NotWorse float64
	// Reason is a sentence.
	Reason string

	worse, notWorse float64 // natural logarithms
	constant        bool    // both arms are one number throughout
}

// Compare judges series. It is a pure function.
func Compare(metrics []Metric, r Rules) Verdict {
	r = r.withDefaults()
	v := Verdict{Findings: make([]Finding, len(metrics))}
	var logs []float64
	var at []int
	for i, m := range metrics {
		v.Findings[i] = m.withDefaults().look(r)
		if !m.Shown {
			at, logs = append(at, i), append(logs, v.Findings[i].worse)
		}
	}
	if len(at) == 0 {
		v.Reason = "there is no metric that counts, so that nothing can prove the canary good"
		return v
	}
	combined := sequential.Mix(logs, nil)
	v.Evidence = combined / math.Ln10
	threshold := -math.Log(r.Alpha)
	if combined >= threshold {
		v.blame(at, logs, threshold)
		return v
	}
	v.conclude(metrics, combined, r)
	return v
}

// blame rolls back and names the metrics that closed testing blames by themselves, or
// else the one with the most evidence.
func (v *Verdict) blame(at []int, logs []float64, threshold float64) {
	v.Outcome = judge.Rollback
	top := 0
	var blamed []int
	for i, adjusted := range sequential.Holm(logs, nil) {
		if adjusted >= threshold {
			blamed = append(blamed, at[i])
		}
		if logs[i] > logs[top] {
			top = i
		}
	}
	if len(blamed) == 0 {
		blamed = []int{at[top]}
	}
	for _, i := range blamed {
		f := &v.Findings[i]
		f.Class = judge.Worse
		f.Reason = f.decided("worse than tolerated", f.Worse)
		v.Reason = join(v.Reason, f.Name+": "+f.Reason)
	}
}

// conclude promotes where every metric is proven not worse and nothing speaks of harm. A
// metric that is one number in both arms is proven by nothing: it does not hold up the
// others (errors that nobody had), and alone it promotes nothing.
func (v *Verdict) conclude(metrics []Metric, combined float64, r Rules) {
	proven, counting, open := 0, 0, -1
	var constant []string
	for i, m := range metrics {
		if m.Shown {
			continue
		}
		counting++
		switch {
		case v.Findings[i].Class == judge.NotWorse:
			proven++
		case v.Findings[i].constant:
			constant = append(constant, m.Name)
		case open < 0:
			open = i
		}
	}
	switch {
	case open >= 0:
		f := v.Findings[open]
		v.Reason = sprintf("%d of %d metrics are proven not worse; %s: %s", proven, counting, f.Name, f.Reason)
	case combined >= math.Log(harmEvidence):
		v.Reason = sprintf("evidence of harm is %s, and promotion wants less than %d:1", odds(v.Evidence), harmEvidence)
	case proven == 0:
		v.Reason = sprintf("nothing is proven: each metric is one and the same number in both arms (%s); judge by one that moves, and check that the queries see the service", strings.Join(constant, ", "))
	case len(constant) > 0:
		v.Outcome = judge.Promote
		v.Reason = sprintf("%d of %d metrics are proven not worse than their margin at %s each; the others are one and the same number in both arms, which proves nothing and speaks of no harm: %s",
			proven, counting, odds(-math.Log10(r.Beta)), strings.Join(constant, ", "))
	default:
		v.Outcome = judge.Promote
		v.Reason = sprintf("all %d metrics are proven not worse than their margin at %s each", counting, odds(-math.Log10(r.Beta)))
	}
}
