package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// testBounds are the default Prometheus buckets, in seconds.
var testBounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a simulated service with a known truth. Every cell is a function of the
// seed, the arm, the pod and the block alone, so that a prefix of a run is the run
// of a prefix.
type world struct {
	seed   uint64
	pods   [2]int
	rps    [2]float64 // requests a second of a whole arm
	errors func(s side, t int) float64
	slow   func(s side, t int) float64 // latency multiplier
	tail   func(s side, t int) float64 // fraction of requests ten times as slow
	rate   func(s side, t int) float64 // traffic multiplier
	gap    func(s side, t int) bool
	pre    int // pre-period blocks
	block  time.Duration
}

func newWorld(seed uint64) world {
	return world{
		seed: seed, pods: [2]int{3, 17}, rps: [2]float64{15, 85}, pre: 60, block: time.Minute,
		errors: func(side, int) float64 { return 0.002 },
		slow:   func(side, int) float64 { return 1 },
		tail:   func(side, int) float64 { return 0 },
		rate:   func(side, int) float64 { return 1 },
		gap:    func(side, int) bool { return false },
	}
}

func canaryOnly(v, otherwise float64) func(side, int) float64 {
	return func(s side, _ int) float64 {
		if s == canary {
			return v
		}
		return otherwise
	}
}

// frames returns an errors frame and a latency frame of blocks [from, to).
func (w world) frames(s side, from, to int) (errs, lat queries.Frame) {
	win := queries.Window{
		Start: testStart.Add(time.Duration(from) * w.block), End: testStart.Add(time.Duration(to) * w.block), Block: w.block,
	}
	errs = queries.Frame{Window: win}
	lat = queries.Frame{Window: win, Bounds: testBounds}
	for pod := range w.pods[s] {
		e := queries.Process{Name: fmt.Sprintf("%s-%02d", s, pod)}
		l := queries.Process{Name: e.Name}
		for t := from; t < to; t++ {
			w.cell(s, pod, t, &e, &l)
		}
		errs.Processes = append(errs.Processes, e)
		lat.Processes = append(lat.Processes, l)
	}
	return errs, lat
}

func (w world) cell(s side, pod, t int, e, l *queries.Process) {
	rng := rand.New(rand.NewPCG(w.seed, uint64(s)<<40|uint64(pod)<<20|uint64(t+1000)))
	if w.gap(s, t) {
		e.N, e.X = append(e.N, math.NaN()), append(e.X, math.NaN())
		l.N, l.Sum = append(l.N, math.NaN()), append(l.Sum, math.NaN())
		l.Over = append(l.Over, queries.Gaps(len(testBounds))...)
		return
	}
	n := poisson(rng, w.rps[s]*w.block.Seconds()/float64(w.pods[s])*w.rate(s, t))
	bad := poisson(rng, n*w.errors(s, t))
	e.N, e.X = append(e.N, n), append(e.X, math.Min(bad, n))
	over := make([]float64, len(testBounds))
	var sum float64
	for range int(n) {
		v := 0.06 * math.Exp(0.7*rng.NormFloat64()) * w.slow(s, t)
		if rng.Float64() < w.tail(s, t) {
			v *= 10
		}
		sum += v
		for k, x := range testBounds {
			if v > x {
				over[k]++
			}
		}
	}
	l.N, l.Sum, l.Over = append(l.N, n), append(l.Sum, sum), append(l.Over, over...)
}

func poisson(rng *rand.Rand, mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	if mean > 50 {
		return math.Max(0, math.Round(mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	k, p, limit := 0, 1.0, math.Exp(-mean)
	for {
		if p *= rng.Float64(); p <= limit {
			return float64(k)
		}
		k++
	}
}

// testPlan is a complete plan: errors and latency, both required.
func testPlan() plan.Plan {
	minute := plan.Duration(time.Minute)
	return plan.Plan{
		Edition: plan.Edition,
		Name:    "checkout", Service: "checkout", Source: "prometheus", Mode: plan.Enforce,
		Block: minute, Lag: 30 * plan.Duration(time.Second), PrePeriod: 60 * minute,
		Warmup:      plan.Warmup{For: 3 * minute, Requests: 300, AtMost: 10 * minute},
		MinDuration: 10 * minute, MaxDuration: 60 * minute, HoldFor: 240 * minute,
		MinBlocks: 10, FinalBlocks: 5, MinRequests: 500, NoDataBlocks: 3,
		Alpha: 0.05, Beta: 0.05, AtDeadline: plan.Hold, NoData: plan.Hold, OnShared: plan.Hold,
		Advance: plan.UnlessHarm, LowTraffic: plan.LowHold, Reversible: true, Guarantee: plan.AllPods,
		Metrics: []plan.Metric{
			{
				Name: "errors", Kind: plan.Errors, Worse: plan.Higher, Weight: 1, Required: true, Critical: true,
				Query:     queries.Query{Lang: queries.PromQL, Expr: `sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))`},
				Reading:   queries.Reading{Kind: queries.Ratio},
				Selector:  `arm="{{ .Version }}"`,
				Tolerance: plan.Margin{Relative: 0.1, Absolute: 0.0005}, Margin: plan.Margin{Relative: 0.5, Absolute: 0.005},
			},
			{
				Name: "latency", Kind: plan.Latency, Worse: plan.Higher, Weight: 1, Required: true, Unit: "s",
				Query:     queries.Query{Lang: queries.PromQL, Expr: `histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))`},
				Reading:   queries.Reading{Kind: queries.Histogram, Quantile: 0.99},
				Selector:  `arm="{{ .Version }}"`,
				Tolerance: plan.Margin{Relative: 0.1}, Margin: plan.Margin{Relative: 0.5},
			},
		},
	}
}

func testRollout() rollout.Rollout {
	return rollout.Rollout{
		ID: "abcdefghijklmnop", Service: "checkout", Namespace: "shop", Revision: "5d59f87694", Controller: "flagger",
		Plan: "checkout", Started: testStart, Attempt: 1, Comparison: rollout.Concurrent,
		Canary: rollout.Arm{Version: "canary"}, Baseline: rollout.Arm{Version: "baseline"},
	}
}

// record freezes the first closed blocks of a world, as looks would have.
func (w world) record(closed int) Record {
	rec := Record{Rollout: testRollout(), Plan: testPlan()}
	ce, cl := w.frames(canary, 0, closed)
	be, bl := w.frames(baseline, 0, closed)
	var pe, pl *Prior
	if w.pre > 0 {
		fe, fl := w.frames(baseline, -w.pre, 0)
		pe = newPrior(rec.Plan.Metrics[0], fe, nil, 50000)
		pl = newPrior(rec.Plan.Metrics[1], fl, nil, 50000)
	}
	rec.Frozen.Metrics = map[string]FrozenMetric{
		"errors":  {Prior: pe, Canary: ce, Baseline: be},
		"latency": {Prior: pl, Canary: cl, Baseline: bl},
	}
	return rec
}

// input is what a look after so many closed blocks sees.
func (w world) input(closed int) Input {
	return Input{
		Record: w.record(closed), Seq: 1, Closed: closed, Engine: "test",
		At: testStart.Add(time.Duration(closed)*w.block + 31*time.Second),
	}
}

func finding(v Verdict, name string) Finding {
	for _, f := range v.Findings {
		if f.Name == name {
			return f
		}
	}
	return Finding{Name: "(none)"}
}
