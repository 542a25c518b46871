package loadcompare

import (
	"math"
	"slices"

	"github.com/serin-canary/serin/judge/checks"
)

// Evidence is what the loads of a check say of both measures after one of them, before
// anything is concluded. Its numbers are e-values, whatever made somebody send another
// load, and may be averaged with others.
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

// Measured is the evidence of one measure: that of all loads so far, and what the newest
// of them showed.
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

// Look returns the evidence of a check's loads after each of them. Unless it is exact, the
// evidence of harm after the n-th load is divided by n². It is a pure function.
// Alpha and Beta of the rules are not used.
func Look(runs []checks.LoadRun, r Rules) []Evidence {
	r = r.withDefaults()
	var g rounds
	out := make([]Evidence, len(runs))
	for i, run := range runs {
		l := newLooked(run)
		if v, done := l.trouble(r); done {
			out[i] = Evidence{Trouble: v.Class, Reason: v.Reason}
			continue
		}
		e := Evidence{Compared: true}
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
		g.add(&l, r, e.Trouble == Undecided)
		e.Errors, e.Latency = g.ofErrors(&l, r).measured(&l), g.ofLatency(&l, r).measured(&l)
		if !r.Exact { // what is estimated is wrong now and then, and each look gives it a chance
			spent := 2 * math.Log(float64(g.loads))
			e.Errors.Worse, e.Latency.Worse = e.Errors.Worse-spent, e.Latency.Worse-spent
		}
		c, b := &l.canary, &l.baseline
		e.Errors.Canary, e.Errors.Baseline = c.failed(), b.failed()
		e.Latency.Canary, e.Latency.Baseline = median(answered(c.latency)), median(answered(b.latency))
		for _, m := range [...]*Measured{&e.Errors, &e.Latency} {
			if m.Baseline > 0 {
				m.Ratio = m.Canary / m.Baseline
			}
		}
		out[i] = e
	}
	return out
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
