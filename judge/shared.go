package judge

import (
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// When the baseline itself counts as degraded (DESIGN §4).
const (
	sharedErrorTimes   = 2
	sharedErrorAdd     = 0.01 // 1 pp
	sharedLatencyTimes = 1.5
	sharedBlocks       = 2 // of the last
	sharedWindow       = 3 // blocks
	sharedMinRequests  = 20
	oldBaseline        = 24 * time.Hour
)

// timeBlocks makes a number of blocks multiply a duration.
func timeBlocks(n int) time.Duration { return time.Duration(n) }

// findShared finds damage that the canary cannot be blamed for alone: a baseline
// that is itself degraded against its own pre-period.
func (e *evaluator) findShared() {
	if e.r.Comparison != rollout.Concurrent && e.r.Comparison != "" {
		return
	}
	for _, tr := range e.trials {
		onset, words := e.degradedBaseline(tr)
		if onset == unknownBlock {
			continue
		}
		f := Finding{
			Name: tr.m.Name + " of both arms", About: AboutTraffic, Class: Both, Holds: true, Stops: true,
			Reason: words, Next: "find what both arms share (a dependency, the network, load); judging goes on when the baseline is well again",
		}
		if e.p.OnShared == plan.Rollback && e.afterStep(onset) {
			f.RollsBack = true
			f.Reason += "; it began within 3 blocks of a traffic step, and the plan says onShared: rollback"
		}
		e.findings = append(e.findings, f)
		e.v.Page = joinDetails(e.v.Page, "both arms are degraded: "+words)
	}
}

// degradedBaseline compares the baseline's newest blocks with its own pre-period.
// It returns the first of the degraded blocks, or unknownBlock.
func (e *evaluator) degradedBaseline(tr *trial) (onset int, words string) {
	prior := tr.frozen.Prior
	if !prior.learnt() || prior.Rate <= 0 && tr.m.Reading.Kind == queries.Histogram {
		return unknownBlock, ""
	}
	from := max(0, e.tl.closed-sharedWindow)
	b := newPool(tr.frozen.Baseline, pooling{blocks: e.tl.closed, warm: func(string) int { return from }})
	onset = unknownBlock
	var hits int
	var n, bad float64
	for t := from; t < e.tl.closed; t++ {
		if !b.ok[t] || b.n[t] < sharedMinRequests {
			continue
		}
		value, limit := 0.0, 0.0
		switch {
		case tr.m.Reading.Kind == queries.Ratio && tr.m.Kind == plan.Errors:
			value, limit = b.x[t]/b.n[t], sharedErrorTimes*prior.Rate+sharedErrorAdd
			bad += b.x[t]
		case tr.m.Reading.Kind == queries.Histogram:
			value, limit = b.sum[t]/b.n[t], sharedLatencyTimes*prior.Rate
			bad += b.sum[t]
		default:
			return unknownBlock, ""
		}
		n += b.n[t]
		if value >= limit {
			if hits++; onset == unknownBlock {
				onset = t
			}
		}
	}
	if hits < sharedBlocks {
		return unknownBlock, ""
	}
	unit := tr.m.Unit
	if tr.m.Reading.Kind == queries.Ratio {
		unit = "ratio"
	}
	return onset, fmt.Sprintf("the baseline's own %s: %s in the last %d blocks, %s before the rollout",
		tr.m.Name, withUnit(bad/n, unit), sharedWindow, withUnit(prior.Rate, unit))
}

// afterStep reports whether block t lies within 3 blocks after a declared step.
func (e *evaluator) afterStep(t int) bool {
	for _, w := range e.r.Weights {
		if i := e.tl.index(w.At); t >= i && t-i <= sharedWindow {
			return true
		}
	}
	return false
}

// findRollout says what there is to say about the rollout itself.
func (e *evaluator) findRollout() {
	for _, o := range e.in.Record.Others {
		e.findings = append(e.findings, Finding{
			Name: "overlap with " + o.Service, About: AboutRollout, Class: Overlap, Holds: true,
			Reason: fmt.Sprintf("%s, on which this service depends, is being rolled out too (revision %s since %s)",
				o.Service, o.Revision, o.Started.UTC().Format(time.RFC3339)),
			Next: "wait until it has ended, so that one change is judged at a time",
		})
	}
	for _, a := range e.in.Record.Earlier {
		e.findings = append(e.findings, Finding{
			Name: "earlier attempt", About: AboutRollout, Class: Warning,
			Reason: fmt.Sprintf("this revision was tried before: %s at %s (%s); promotion now asks for evidence of %s",
				a.Outcome, a.At.UTC().Format(time.RFC3339), a.Reason, odds(*log10(logInverse(e.sharp.beta)))),
		})
	}
	e.findSkew()
	e.findDefaults()
	e.findOldBaseline()
	e.findReach()
	e.findHorizon()
}

// findSkew warns of clocks that disagree by more than half a block: blocks then
// close late, and weights are dated wrongly.
func (e *evaluator) findSkew() {
	d, ahead := e.in.Skew, "ahead of"
	if d < 0 {
		d, ahead = -d, "behind"
	}
	if d <= e.tl.block/2 {
		return
	}
	e.findings = append(e.findings, Finding{
		Name: "clock", About: AboutRollout, Class: Warning,
		Reason: fmt.Sprintf("Serin's clock is %s %s the source's; blocks are closed by the source's, but weights are dated by Serin's", minutes(d), ahead),
		Next:   "let both machines keep time (NTP)",
	})
}

// findDefaults warns where dispersion was not learnt.
func (e *evaluator) findDefaults() {
	for _, tr := range e.trials {
		if tr.weight > 0 && tr.frozen.Prior != nil && !tr.frozen.Prior.learnt() {
			e.findings = append(e.findings, Finding{
				Name: "pre-period", About: AboutRollout, Class: Warning,
				Reason: "the baseline has no history from before the rollout (or too few pods), so that its noise is assumed, not measured: dispersion 2, autocorrelation 0.5, pod spread 0.05 to 0.10",
				Next:   "let the source hold the baseline's metrics for an hour before the next rollout",
			})
			return
		}
	}
}

// findOldBaseline compares the ages of the arms, where the plan asks for them by a
// gauge named "age" in seconds.
func (e *evaluator) findOldBaseline() {
	f, ok := e.in.Record.Frozen.Metrics["age"]
	if !ok {
		return
	}
	c, b := newest(f.Canary), newest(f.Baseline)
	if c < 0 || b < 0 || time.Duration(b-c)*time.Second <= oldBaseline {
		return
	}
	e.findings = append(e.findings, Finding{
		Name: "age of the baseline", About: AboutRollout, Class: OldBaseline,
		Reason: fmt.Sprintf("the baseline has run for %s, the canary for %s: caches, leaks and connections differ by age alone",
			minutes(time.Duration(b)*time.Second), minutes(time.Duration(c)*time.Second)),
		Next: "compare with a fresh baseline, started together with the canary",
	})
}

// newest returns the largest value of the newest block with one, or -1.
func newest(f queries.Frame) float64 {
	for t := f.Window.Len() - 1; t >= 0; t-- {
		most := -1.0
		for _, p := range f.Processes {
			if t < len(p.V) && !queries.IsGap(p.V[t]) {
				most = max(most, p.V[t])
			}
		}
		if most >= 0 {
			return most
		}
	}
	return -1
}
