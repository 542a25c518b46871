package loadcompare

import (
	"slices"

	"github.com/serin-canary/serin/judge/checks"
)

// Evidence is what one load says of both measures, before anything is concluded. Each
// of its numbers is an e-value of its own null, whatever was found before: those of
// several loads may be multiplied, and averaged with others.
type Evidence struct {
	// Trouble is why the load proves nothing good, and Undecided where it may; Reason is
	// its sentence. Harm counts either way, as far as Compared says.
	Trouble Class
	Reason  string
	// Compared is false where the load cannot be compared at all.
	Compared bool
	Errors   Measured
	Latency  Measured
}

// Measured is the evidence of one measure.
type Measured struct {
	// Worse and NotWorse are natural logarithms: that it is worse than the tolerance, and
	// that it is not worse than the margin.
	Worse, NotWorse float64
	// Shown is what was seen, with numbers.
	Shown string
	// Cannot is why NotWorse can never be proven by this load, "" where it can.
	Cannot string
	// Canary and Baseline are fractions of failed requests, or median latencies in
	// seconds; Ratio is canary over baseline, 0 where there is none.
	Canary, Baseline, Ratio float64
	// CanaryN and BaselineN are the requests that were compared.
	CanaryN, BaselineN int
	// Blocks is how many blocks they were cut into.
	Blocks int
}

// Look returns the evidence of a load. It is a pure function. Alpha and Beta of the
// rules are not used.
func Look(run checks.LoadRun, r Rules) Evidence {
	r = r.withDefaults()
	l := newLooked(run)
	if v, done := l.trouble(r); done {
		return Evidence{Trouble: v.Class, Reason: v.Reason}
	}
	e := Evidence{Compared: true, Errors: l.errors(r).measured(&l), Latency: l.latency(r).measured(&l)}
	late, kept := l.kept()
	switch {
	case !kept:
		e.Trouble, e.Reason = CannotJudge, late
	case run.Ended != "":
		e.Trouble, e.Reason = NoData, run.Ended+", and what was seen until then proves nothing good"
	case l.baseline.failed() >= mostErrors:
		e.Trouble = Environment
		e.Reason = sprintf("environment, not canary: the baseline itself fails (%s; %s of the canary)", percent(l.baseline.failed()), percent(l.canary.failed()))
	}
	c, b := &l.canary, &l.baseline
	e.Errors.Canary, e.Errors.Baseline = c.failed(), b.failed()
	e.Latency.Canary, e.Latency.Baseline = median(answered(c.latency)), median(answered(b.latency))
	for _, m := range [...]*Measured{&e.Errors, &e.Latency} {
		if m.Baseline > 0 {
			m.Ratio = m.Canary / m.Baseline
		}
	}
	return e
}

func (m measure) measured(l *looked) Measured {
	size := max(leastBlock, (l.pairs+mostBlocks-1)/mostBlocks)
	return Measured{
		Worse: m.worse, NotWorse: m.notWorse, Shown: m.shown, Cannot: m.cannot,
		CanaryN: l.canary.n, BaselineN: l.baseline.n, Blocks: (l.pairs + size - 1) / size,
	}
}

// median returns the middle of values, 0 where there are none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}
