package judge

import (
	"fmt"
	"math"
	"sort"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"gonum.org/v1/gonum/mathext"
)

// A limit on a rate is crossed in a block where this lower bound exceeds it.
const limitLevel = 0.001

// limitTimes is how much worse than the baseline a rate must be for its limit to
// be the canary's fault.
const limitTimes = 2

// crossing is what came of one limit.
type crossing struct {
	block  int // first block at which it fires; unknownBlock where it does not
	class  Class
	reason string
}

// judgeLimit walks a limit's blocks. Limits look at every block with canary data,
// warm or not.
func (e *evaluator) judgeLimit(l plan.Limit) crossing {
	if l.Metric != "" {
		return e.rateLimit(l)
	}
	f, ok := e.in.Record.Frozen.Metrics[limitKey(l)]
	if !ok || f.Canary.Window.Len() == 0 {
		return crossing{block: unknownBlock, class: NoData, reason: "nothing has been read for this limit yet"}
	}
	if len(f.Canary.Processes) == 0 {
		return crossing{block: unknownBlock, class: Shown, reason: "no series of the canary for this limit; where they should exist, check its query"}
	}
	return e.valueLimit(l, f)
}

// limitKey is the name under which a limit's own evidence is frozen.
func limitKey(l plan.Limit) string { return "limit:" + l.Name }

// rateLimit bounds a ratio metric. It fires after consecutive blocks in which the
// canary's rate is surely above the limit and surely more than [limitTimes] the
// baseline's. "Surely" is a lower bound that knows how much more the baseline's
// counts vary than independent failures would: without it, and counting any two
// blocks of an hour, a service that fails in 15 % of its requests anyway was rolled
// back in a third of the lab's harsh rollouts with nothing wrong.
func (e *evaluator) rateLimit(l plan.Limit) crossing {
	f := e.in.Record.Frozen.Metrics[l.Metric]
	if l.Above == nil {
		return crossing{block: unknownBlock, class: Passed, reason: "not crossed"}
	}
	all := func(string) int { return 0 }
	c := newPool(f.Canary, pooling{e.tl.closed, 0, all, nil})
	b := newPool(f.Baseline, pooling{e.tl.closed, 0, all, nil})
	phi := math.Max(f.Prior.dispersion(0, 1).Phi0, 1)
	need, hits, shared := max(l.Blocks, 1), 0, 0
	for t := range c.ok {
		if !c.ok[t] || c.n[t] <= 0 {
			continue // no requests say nothing either way
		}
		low := lowerRate(c.x[t]/phi, c.n[t]/phi)
		beyond := low > *l.Above
		switch {
		case !beyond:
			hits, shared = 0, 0
		case b.ok[t] && b.n[t] > 0 && low <= limitTimes*b.x[t]/b.n[t]:
			hits, shared = 0, shared+1
		default:
			hits, shared = hits+1, shared+1
		}
		if hits >= need {
			return crossing{t, LimitHit, fmt.Sprintf("%s is %s (%s of %s requests), surely above the limit of %s in %s",
				l.Metric, percent(c.x[t]/c.n[t]), count(c.x[t]), count(c.n[t]), percent(*l.Above), blocksOf(hits))}
		}
	}
	if shared >= need {
		return crossing{unknownBlock, Environment, fmt.Sprintf("%s is above the limit of %s in the newest %s, but it is not surely twice the baseline's: the environment, or too little to blame the canary",
			l.Metric, percent(*l.Above), blocksOf(shared))}
	}
	return crossing{block: unknownBlock, class: Passed, reason: "not crossed"}
}

// lowerRate is the one-sided 99.9 % Clopper–Pearson lower bound of a rate.
func lowerRate(x, n float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= n {
		return math.Pow(limitLevel, 1/n)
	}
	return mathext.InvRegIncBeta(x, n-x+1, limitLevel)
}

// valueLimit bounds a value of each process, or of all of them together, in
// consecutive blocks.
func (e *evaluator) valueLimit(l plan.Limit, f FrozenMetric) crossing {
	first := crossing{block: unknownBlock, class: Passed, reason: "not crossed"}
	for _, p := range e.bounded(l, f.Canary) {
		if t, at := firstCrossing(p.V, l); t != unknownBlock && (first.block == unknownBlock || t < first.block) {
			who := "the canary"
			if l.Each && p.Name != "" {
				who = p.Name
			}
			first = crossing{t, LimitHit, fmt.Sprintf("%s of %s is %s, beyond the limit of %s in %s",
				titleOf(l), who, limitUnit(at, l), limitUnit(bound(l), l), blocksOf(max(l.Blocks, 1)))}
		}
	}
	return first
}

// bounded returns the columns that are compared with a limit's bound: of each process, or
// of all of them together.
func (e *evaluator) bounded(l plan.Limit, f queries.Frame) []queries.Process {
	if l.Growth && f.Processes[0].V != nil && e.p.Edition >= 1 {
		return grown(f, l)
	}
	if !l.Each {
		return []queries.Process{{V: limitValues(together(f, l), l)}}
	}
	out := make([]queries.Process, len(f.Processes))
	for i, p := range f.Processes {
		out[i] = queries.Process{Name: p.Name, V: limitValues(p, l)}
	}
	return out
}

func titleOf(l plan.Limit) string {
	if l.Title != "" {
		return l.Title
	}
	return l.Name
}

func limitUnit(v float64, l plan.Limit) string {
	if l.Fraction {
		return percent(v)
	}
	return withUnit(v, l.Unit)
}

func bound(l plan.Limit) float64 {
	if l.Above != nil {
		return *l.Above
	}
	if l.Below != nil {
		return *l.Below
	}
	return math.Inf(1)
}

// together takes a limit's processes as one: totals are added, other values
// averaged.
func together(f queries.Frame, l plan.Limit) queries.Process {
	sum := f.Total()
	if sum.V == nil || l.Fraction || l.Growth {
		return sum
	}
	out := queries.Process{V: queries.Gaps(len(sum.V))}
	for t := range sum.V {
		n := 0
		for _, p := range f.Processes {
			if t < len(p.V) && !queries.IsGap(p.V[t]) {
				n++
			}
		}
		if n > 0 {
			out.V[t] = sum.V[t] / float64(n)
		}
	}
	return out
}

// limitValues returns what is compared with the bound in each block.
func limitValues(p queries.Process, l plan.Limit) queries.Column {
	src := p.V
	if src == nil {
		src = p.N
		if p.X != nil {
			src = fractions(p)
		}
	}
	out := append(queries.Column(nil), src...)
	switch {
	case l.Growth && p.V == nil: // a counter: growth is the running sum
		var sum float64
		for t, v := range out {
			if !queries.IsGap(v) {
				sum += v
			}
			out[t] = sum
		}
	case l.Growth || l.Fraction:
		fromStart(out, l.Fraction)
	}
	return out
}

// fromStart turns values into fractions of the largest one seen so far, or into their
// growth over the first one, which is how editions before 1 knew growth.
func fromStart(v queries.Column, fraction bool) {
	first, most := math.NaN(), 0.0
	for t, x := range v {
		if queries.IsGap(x) {
			continue
		}
		if math.IsNaN(first) {
			first = x
		}
		most = math.Max(most, x)
		switch {
		case !fraction:
			v[t] = x - first
		case most > 0:
			v[t] = x / most
		default:
			v[t] = math.NaN()
		}
	}
}

func fractions(p queries.Process) queries.Column {
	out := queries.Gaps(len(p.N))
	for t := range out {
		if p.N[t] > 0 && !queries.IsGap(p.X[t]) {
			out[t] = p.X[t] / p.N[t]
		}
	}
	return out
}

// firstCrossing returns the block at which the value has been beyond the bound for
// as many consecutive blocks as the limit asks, and the value there.
func firstCrossing(v queries.Column, l plan.Limit) (int, float64) {
	run := 0
	for t, x := range v {
		beyond := !queries.IsGap(x) && ((l.Above != nil && x > *l.Above) || (l.Below != nil && x < *l.Below))
		if !beyond {
			run = 0
			continue
		}
		if run++; run >= max(l.Blocks, 1) {
			return t, x
		}
	}
	return unknownBlock, 0
}

// sortFindings orders findings as people look for them: what rolls back first,
// then what holds, then the rest, each by weight and name.
func sortFindings(fs []Finding) {
	rank := func(f Finding) int {
		switch {
		case f.RollsBack:
			return 0
		case f.Class == Worse:
			return 1
		case f.Holds && f.Stops:
			return 2
		case f.Holds:
			return 3
		case f.About == AboutMetric && f.Weight > 0:
			return 4
		case f.About == AboutMetric:
			return 5
		}
		return 6
	}
	sort.SliceStable(fs, func(i, j int) bool {
		if a, b := rank(fs[i]), rank(fs[j]); a != b {
			return a < b
		}
		if fs[i].Weight != fs[j].Weight {
			return fs[i].Weight > fs[j].Weight
		}
		return fs[i].Name < fs[j].Name
	})
}
