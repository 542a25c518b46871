package loadcompare

import (
	"math"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/stats/sequential"
)

// Amount is how much worse the canary's error rate may be: at most
// (1+Relative)·baseline + Absolute.
type Amount struct {
	Relative float64 // 0.1 is 10 % more
	Absolute float64 // 0.005 is half a percentage point
}

// Rules say what is bad, and bound errors of judgement. Zero fields mean the defaults.
type Rules struct {
	Alpha float64 // false rollback of one comparison (default 0.05)
	Beta  float64 // false proof at a margin (default 0.05)
	// Requests is below how many to each arm nothing is concluded (default 100).
	Requests int
	// Errors is the tolerance (default 10 % and 0.05 pp more) and ErrorMargin what must be
	// excluded (default 50 % and 1 pp: a
	// load of some hundred requests cannot prove less).
	Errors, ErrorMargin Amount
	// Slower is the tolerated slowdown (default 0.1: 10 %) and SlowerMargin the one that
	// must be excluded (default 0.5). A margin that is not above its tolerance is five
	// times the tolerance.
	Slower, SlowerMargin float64
	// Exact takes requests to be independent of each other.
	Exact bool
}

// Limits of what is judged.
const (
	defaultLevel    = 0.05
	defaultRequests = 100
	harmEvidence    = 3 // from where on nothing is proven good, as in package judge
	mostErrors      = 0.5
	// The load is at fault where more than a twentieth of an arm's requests were never
	// sent, or left more than 100 ms late, although connections were free.
	mostLate = 0.05
	lateBy   = 0.1 // seconds
	// A margin that was not given, or is too narrow, is so many tolerances.
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
	if r.Requests <= 0 {
		r.Requests = defaultRequests
	}
	if !r.Errors.valid() {
		r.Errors = Amount{.1, .0005}
	}
	if !r.ErrorMargin.valid() {
		r.ErrorMargin = Amount{.5, .01}
	}
	if r.ErrorMargin.Relative < r.Errors.Relative || r.ErrorMargin.Absolute <= r.Errors.Absolute {
		r.ErrorMargin = Amount{marginOfTolerance * r.Errors.Relative, max(marginOfTolerance*r.Errors.Absolute, .01)}
	}
	if !(r.Slower > 0) || math.IsInf(r.Slower, 0) {
		r.Slower = .1
	}
	if r.SlowerMargin == 0 {
		r.SlowerMargin = .5
	}
	if !(r.SlowerMargin > r.Slower) || math.IsInf(r.SlowerMargin, 0) {
		r.SlowerMargin = marginOfTolerance * r.Slower
	}
	return r
}

func (a Amount) valid() bool {
	return a != Amount{} && a.Relative >= 0 && a.Absolute >= 0 && a.Relative <= 1e6 && a.Absolute <= 1
}

// Class says what a load or one of its measures is. The zero value is Undecided. The
// words are those of package judge.
type Class string

// The classes.
const (
	Undecided   Class = ""             // neither side is proven
	NotWorse    Class = "not-worse"    // proven not worse than the margin
	Worse       Class = "worse"        // proven worse than the tolerance
	NoData      Class = "no-data"      // nothing was sent to an arm
	TooFew      Class = "too-few"      // too few requests to conclude anything
	Environment Class = "environment"  // the baseline fails, too
	CannotJudge Class = "cannot-judge" // the load was not sent as it was to be
)

// Verdict is what a load showed. Its zero value is undecided.
type Verdict struct {
	// Class is Worse, NotWorse, or why neither is proven.
	Class Class
	// Reason is a sentence with numbers.
	Reason string
	// Evidence is log10 of the combined evidence that the canary is worse.
	Evidence float64
	// Findings are those of the errors and of the latencies, where they were compared.
	Findings []Finding
}

// Finding is what was found of one measure.
type Finding struct {
	Name  string // errors, latency
	Class Class
	// Worse and NotWorse are log10 evidence; 0 where there is none.
	Worse, NotWorse float64
	// Reason is a sentence.
	Reason string
}

// Compare judges a load. It is a pure function.
func Compare(run checks.LoadRun, r Rules) Verdict {
	r = r.withDefaults()
	l := newLooked(run)
	if v, done := l.trouble(r); done {
		return v
	}
	var g rounds
	g.add(&l, r, true)
	errs, slow := g.ofErrors(&l, r), g.ofLatency(&l, r)
	logs := []float64{errs.worse, slow.worse}
	combined := sequential.Mix(logs, nil)
	v := Verdict{Evidence: round(combined)}
	if combined >= -math.Log(r.Alpha) {
		v.Class = Worse
		v.blame(logs, []*measure{&errs, &slow}, r)
	} else {
		v.conclude(&l, combined, []*measure{&errs, &slow}, r)
	}
	v.Findings = []Finding{errs.finding(), slow.finding()}
	return v
}

// blame names the measures that closed testing blames by themselves, or else the one
// with more evidence.
func (v *Verdict) blame(logs []float64, of []*measure, r Rules) {
	top := 0
	if logs[1] > logs[0] {
		top = 1
	}
	for i, adjusted := range sequential.Holm(logs, nil) {
		m := of[i]
		if adjusted < -math.Log(r.Alpha) && i != top {
			m.conclude(r)
			continue
		}
		m.class = Worse
		m.reason = sprintf("%s; proven worse than %s (evidence %s)", m.shown, m.tolerance, odds(m.worse))
		v.Reason = join(v.Reason, m.reason)
	}
}

// conclude is for what is not proven worse.
func (v *Verdict) conclude(l *looked, combined float64, of []*measure, r Rules) {
	good := true
	for _, m := range of {
		m.conclude(r)
		good = good && m.class == NotWorse
		v.Reason = join(v.Reason, m.reason)
	}
	late, kept := l.kept()
	switch {
	case !kept:
		v.Class, v.Reason = CannotJudge, join(late, v.Reason)
	case l.run.Ended != "":
		v.Reason = join(l.run.Ended+", and what was seen until then proves nothing good", v.Reason)
	case l.baseline.failed() >= mostErrors:
		v.Class = Environment
		v.Reason = join("the baseline itself fails, so that this speaks of the environment or of the requests, not of the canary", v.Reason)
	case combined >= math.Log(harmEvidence):
		v.Reason = join(sprintf("evidence of harm is %s, and less than %d:1 is wanted", odds(combined), harmEvidence), v.Reason)
	case good:
		v.Class = NotWorse
	}
}

// measure is the evidence of one measure; logarithms are natural.
type measure struct {
	name              string
	worse, notWorse   float64
	shown             string // what was seen, with numbers
	tolerance, margin string // in words
	cannot            string // why not worse cannot be proven, "" where it can

	class  Class
	reason string
}

func (m *measure) conclude(r Rules) {
	switch {
	case m.cannot != "":
		m.class, m.reason = CannotJudge, join(m.shown, m.cannot)
	case m.notWorse >= -math.Log(r.Beta):
		m.class = NotWorse
		m.reason = sprintf("%s; proven not worse than %s (evidence %s)", m.shown, m.margin, odds(m.notWorse))
	default:
		m.reason = sprintf("%s; undecided: evidence %s that it is worse than %s, and %s of the %s needed that it is not worse than %s; a longer load tells more",
			m.shown, odds(m.worse), m.tolerance, odds(m.notWorse), odds(-math.Log(r.Beta)), m.margin)
	}
}

func (m *measure) finding() Finding {
	return Finding{Name: m.name, Class: m.class, Worse: round(m.worse), NotWorse: round(m.notWorse), Reason: m.reason}
}

// round turns a natural logarithm into log10 with 4 digits.
func round(ln float64) float64 { return math.Round(ln/math.Ln10*1e4) / 1e4 }
