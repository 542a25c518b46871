package loadcompare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/stats"
	"github.com/serin-canary/serin/stats/sequential"
)

// The use of requests.
const (
	mostBlocks = 25
	leastBlock = 10 // pairs
	// What is taken for φ before anything was seen, and how many blocks that is worth.
	// Slow requests come in bursts that few blocks show; failures are few to begin with.
	priorSlow, priorErrors, priorBlocks = 2.5, 1, 10
	// A fifth of the pairs, and at least 20, set the bounds.
	settingShare, leastSetting = 5, 20
	// How many bounds there are.
	bounds = 5
	// A bound certifies where that many of the baseline's requests exceed it.
	certifies = 20
)

// looked is a load, with the requests of which the arms are not to blame left out.
type looked struct {
	run              checks.LoadRun
	pairs            int
	canary, baseline arm
}

// arm is one arm's requests. Those that are not the arm's to answer for have skip set.
type arm struct {
	skip, bad     []bool
	latency       []float64 // seconds; NaN for none, +Inf beyond all bounds
	n, errors     int
	late, skipped int
	forbidden     int
}

func newLooked(run checks.LoadRun) looked {
	n := min(len(run.Canary), len(run.Baseline))
	warm := min(max(run.Warmup, 0), n)
	return looked{run: run, pairs: n - warm, canary: newArm(run.Canary[warm:n]), baseline: newArm(run.Baseline[warm:n])}
}

func newArm(samples []checks.LoadSample) arm {
	a := arm{skip: make([]bool, len(samples)), bad: make([]bool, len(samples)), latency: make([]float64, len(samples))}
	for i, s := range samples {
		a.latency[i] = math.NaN()
		if s.Late.Seconds() > lateBy {
			a.late++
		}
		switch s.Failure {
		case checks.LoadAnswered:
			a.bad[i] = s.Status < 200 || s.Status >= 400
			if !a.bad[i] {
				// What the load itself was late with is not the arm's.
				a.latency[i] = (s.Latency - s.Late).Seconds()
			}
		case checks.LoadTimedOut, checks.LoadUnsent:
			a.bad[i], a.latency[i] = true, math.Inf(1)
		case checks.LoadCancelled:
			a.skip[i] = true
		case checks.LoadMissed:
			a.skip[i] = true
			a.late++
		case checks.LoadForbidden:
			a.skip[i] = true
			a.forbidden++
		default:
			a.bad[i] = true
		}
		if a.skip[i] {
			a.skipped++
			continue
		}
		a.n++
		if a.bad[i] {
			a.errors++
		}
	}
	return a
}

// failed is the fraction of requests that failed.
func (a arm) failed() float64 { return float64(a.errors) / math.Max(float64(a.n), 1) }

// trouble is a load that cannot be compared at all.
func (l *looked) trouble(r Rules) (Verdict, bool) {
	c, b := l.canary, l.baseline
	late, kept := l.kept()
	switch {
	case c.forbidden+b.forbidden > 0:
		return Verdict{Class: CannotJudge, Reason: sprintf("the guard refused the address of %d requests to the canary and %d to the baseline: allow it, or correct the address", c.forbidden, b.forbidden)}, true
	case min(c.n, b.n) < r.Requests && !kept:
		return Verdict{Class: CannotJudge, Reason: late}, true
	case c.n == 0 || b.n == 0:
		return Verdict{Class: NoData, Reason: join(l.run.Ended, sprintf("%d requests were sent to the canary and %d to the baseline", c.n, b.n))}, true
	case min(c.n, b.n) < r.Requests:
		return Verdict{Class: TooFew, Reason: join(l.run.Ended, sprintf("%d requests to the canary and %d to the baseline, and %d to each are needed: send them longer, or faster", c.n, b.n, r.Requests))}, true
	}
	return Verdict{}, false
}

// kept says whether the load was sent as it was to be.
func (l *looked) kept() (string, bool) {
	late := max(l.canary.late, l.baseline.late)
	if float64(late) <= mostLate*float64(l.pairs) {
		return "", true
	}
	return sprintf("the load did not keep %s requests a second: %d of %d to one arm were never sent or left more than 100 ms late, although connections were free; give this process more CPU, or lower the rate", short(l.run.Rate), late, l.pairs), false
}

// blocks cuts pairs from one on into blocks, and counts what over says of each arm.
func (l *looked) blocks(from int, over func(a *arm, canary bool, i int) (counts, hit bool)) []sequential.CountBlock {
	size := max(leastBlock, (l.pairs-from+mostBlocks-1)/mostBlocks)
	var out []sequential.CountBlock
	for at := from; at < l.pairs; at += size {
		b := sequential.CountBlock{A: 1}
		for i := at; i < min(at+size, l.pairs); i++ {
			tally(&b.Nc, &b.Xc)(over(&l.canary, true, i))
			tally(&b.Nb, &b.Xb)(over(&l.baseline, false, i))
		}
		out = append(out, b)
	}
	return out
}

func tally(n, x *float64) func(counts, hit bool) {
	return func(counts, hit bool) {
		if counts {
			*n++
		}
		if counts && hit {
			*x++
		}
	}
}

// phi tempers evidence where requests come in bursts.
func (r Rules) phi(prior float64, blocks []sequential.CountBlock) []float64 {
	if r.Exact {
		return nil
	}
	return sequential.Dispersion{Phi0: prior, Nu0: priorBlocks, Floor: 1}.Running(nil, blocks)
}

// side is a slowdown, and whether a latency that equals its bound exceeds it: either
// keeps the null, and many equal latencies are told apart by the one that is chosen.
type side struct {
	delta float64
	equal bool
}

// exceed counts the canary's requests beyond (1+δ)x, and the baseline's beyond x. The
// canary's bound is moved by the step in which latencies are recorded, to the side that
// is harder to prove, so that the null holds for what was measured, too.
func (l *looked) exceed(from int, x float64, s side) []sequential.CountBlock {
	bounds := [2]float64{x, x * (1 + s.delta) * math.Exp(checks.LoadResolution)}
	if s.equal {
		bounds[1] = x * (1 + s.delta) * math.Exp(-checks.LoadResolution)
	}
	return l.blocks(from, func(a *arm, canary bool, i int) (bool, bool) {
		bound := bounds[0]
		if canary {
			bound = bounds[1]
		}
		v := a.latency[i]
		return !a.skip[i] && !math.IsNaN(v), v > bound || s.equal && v == bound
	})
}

// shares are the quantiles of the baseline that latencies are compared at.
func shares() [bounds]float64 { return [bounds]float64{.5, .75, .9, .95, .99} }

// quantiles are bounds by an arm's first requests; 0 where there is none, since too few
// were answered, it is beyond them all, or it is the bound before it.
func (a *arm) quantiles(first int) (out [bounds]float64) {
	v := answered(a.latency[:min(first, len(a.latency))])
	slices.Sort(v)
	if len(v) < leastSetting/2 {
		return out
	}
	before := 0.
	for i, q := range shares() {
		if x := v[min(int(q*float64(len(v))), len(v)-1)]; x > before {
			out[i], before = x, x
		}
	}
	return out
}

// answered are the finite latencies.
func answered(v []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(v), func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

// medians says how long the answers took.
func (l *looked) medians() string {
	c, b := answered(l.canary.latency), answered(l.baseline.latency)
	if len(c) == 0 || len(b) == 0 {
		return sprintf("%d canary requests were answered and %d of the baseline's", len(c), len(b))
	}
	ratio, err := stats.MedianRatio(c, b)
	if err != nil {
		return sprintf("the medians of %d and %d answers have no ratio", len(c), len(b))
	}
	return sprintf("the canary's median latency is %s× the baseline's (%s against %s)", short(ratio), seconds(c), seconds(b))
}

// seconds writes the median of latencies.
func seconds(v []float64) string {
	slices.Sort(v)
	d := time.Duration(v[len(v)/2] * float64(time.Second))
	return d.Round(max(d/1000, time.Microsecond)).String()
}

func total(blocks []sequential.CountBlock) (x float64) {
	for _, b := range blocks {
		x += b.Xb
	}
	return x
}

func last(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return v[len(v)-1]
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func (a Amount) words() string {
	return percent(a.Relative) + " and " + short(100*a.Absolute) + " percentage points more errors"
}

// odds writes evidence, a natural logarithm: 84:1.
func odds(ln float64) string {
	switch log10 := ln / math.Ln10; {
	case log10 >= 6:
		return "over 1000000:1"
	case log10 >= 1:
		return strconv.FormatFloat(math.Pow(10, log10), 'f', 0, 64) + ":1"
	default:
		return strconv.FormatFloat(math.Pow(10, log10), 'g', 2, 64) + ":1"
	}
}

func percent(fraction float64) string { return short(100*fraction) + " %" }

func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
