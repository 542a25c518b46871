package judge

import (
	"fmt"
	"math"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/stats/sequential"
)

// of returns the constants of one metric's test. Exact evidence takes requests to fail
// independently, and allows for no luck of pods.
func (s sharpness) of(p plan.Plan, m plan.Metric) sharpness {
	if p.IsExact(m) {
		s.exact, s.ignorePods = true, true
	}
	var sum float64
	for _, other := range p.Metrics {
		sum += max(other.Weight, 0)
	}
	for _, c := range p.Checks {
		if c.Load != nil {
			sum += c.Load.Weight
		}
	}
	if m.Weight > 0 {
		s.share = m.Weight / sum
	}
	return s
}

// phi writes φ̂ after each block to dst. It is nil, which is 1 throughout, where
// evidence is exact.
func (s sharpness) phi(dst []float64, d sequential.Dispersion, blocks []sequential.CountBlock) []float64 {
	if s.exact {
		return nil
	}
	return d.Running(dst, blocks)
}

// lastPhi returns the newest φ̂.
func lastPhi(phi []float64) float64 {
	if len(phi) == 0 {
		return 1
	}
	return phi[len(phi)-1]
}

// rollbackThreshold returns the natural logarithm of what the combined evidence must
// reach: of 1/α, or of less where the plan bounds the number of looks.
func rollbackThreshold(p plan.Plan) float64 {
	if n := p.Looks(); n > 0 {
		return math.Log(sequential.HorizonThreshold(p.Alpha, n))
	}
	return logInverse(p.Alpha)
}

// horizon returns the first block whose evidence is not consulted for a rollback, and
// whether there is one: the plan's looks are counted from the block from which its
// clocks count.
func (e *evaluator) horizon() (end int, bounded bool) {
	n, from := e.p.Looks(), e.tl.clock
	if from == unknownBlock {
		from = e.tl.open
	}
	if n == 0 || from == unknownBlock {
		return 0, false
	}
	return from + n, true
}

// consulted is how many of the closed blocks may roll back.
func (e *evaluator) consulted() int {
	if end, bounded := e.horizon(); bounded {
		return min(end, e.tl.closed)
	}
	return e.tl.closed
}

// readAt is the block whose evidence a verdict quotes: the newest that is consulted, or
// at the look that first rolls back the one that decided.
func (e *evaluator) readAt() int {
	if e.latch != nil && e.in.Record.Latch == nil {
		return e.latch.Block
	}
	return e.consulted() - 1
}

// findHorizon says that the looks are used up, once they are.
func (e *evaluator) findHorizon() {
	end, bounded := e.horizon()
	if !bounded || e.tl.closed <= end {
		return
	}
	e.findings = append(e.findings, Finding{
		Name: "horizon", About: AboutRollout, Class: Warning,
		Reason: fmt.Sprintf("the plan consults evidence of harm in its first %s (sequential.mode: horizon), which ended at %s; that of later blocks, now %s, rolls nothing back, and holds promotion from %d:1 on; limits and checks work as before",
			blocksOf(e.p.Looks()), e.tl.end(end-1).UTC().Format("15:04 UTC"), odds(*log10(last(e.combined))), harmEvidence),
		Next: "decide what becomes of the rollout; a longer maxDuration gives the next one more looks",
	})
}

// Promise says what the threshold of a plan promises where that is not the default: what
// is guaranteed, what was measured and what is assumed. It is empty where it is, or where
// the arms do not share time, for which nothing is promised.
func Promise(p plan.Plan, c rollout.Comparison) string {
	if c != rollout.Concurrent && c != "" {
		return ""
	}
	looks := p.Looks()
	var exact, estimated []string
	for _, m := range p.Metrics {
		switch {
		case m.Weight <= 0:
		case p.IsExact(m):
			exact = append(exact, m.Name)
		default:
			estimated = append(estimated, m.Name)
		}
	}
	if looks == 0 && len(exact) == 0 {
		return ""
	}
	s := levelWords(p, len(estimated) == 0)
	if len(exact) > 0 {
		s += fmt.Sprintf("; %s: exact, if requests fail independently of each other and the pods are alike", join(exact))
	}
	if len(exact) > 0 && len(estimated) > 0 {
		s += fmt.Sprintf("; %s: noise is estimated, so the level is measured, not proven", join(estimated))
	}
	return s
}

func levelWords(p plan.Plan, allExact bool) string {
	alpha, looks := percent(p.Alpha), p.Looks()
	switch {
	case looks > 0:
		return fmt.Sprintf("a healthy canary is rolled back with probability %s at most, measured and not proven: evidence of %s is taken as enough because it is consulted for %s and not after",
			alpha, odds(*log10(rollbackThreshold(p))), blocksOf(looks))
	case allExact:
		return fmt.Sprintf("a canary within its tolerances is rolled back by evidence with probability %s at most, proven, however often and long one looks", alpha)
	}
	return fmt.Sprintf("a healthy canary is rolled back with probability %s at most, however often and long one looks", alpha)
}
