package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

const sourceName = "lab"

// planText is the plan of every simulated rollout: three families of metrics of
// equal weight, and the limit on errors that the product's examples have. What is not
// written is the product's default.
const planText = `
service: lab
source: lab
selector: arm="{{ .Version }}"
limits:
  - name: errors
    metric: errors
    above: 20%
METRICS
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
  - name: latency
    query: histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))
`

// The third family, and what some scenarios add, as the product's presets have it.
const (
	gaugeText = `
  - name: cpu
    kind: gauge
    query: avg(lab_value)
    weight: 1
    required: true
`
	costText = `
  - name: cpu
    query: sum(rate(lab_cpu_seconds_total[1m]))
    of: errors
    unit: s
    weight: 1
`
	clientsText = `
  - name: client-errors
    kind: proportion
    worse: higher
    query: sum(rate(http_requests_total{code=~"4.."}[1m])) / sum(rate(http_requests_total[1m]))
    weight: 0
    required: true
`
	throttlingText = `
  - name: throttling
    kind: proportion
    worse: higher
    query: sum(rate(lab_throttled_periods_total[1m])) / sum(rate(lab_periods_total[1m]))
    weight: 0
    required: false
`
	throttledText = `  - name: throttled
    metric: throttling
    above: 25%
`
)

// planText returns the plan of a scenario.
func (s Scenario) planText() string {
	if s.series != nil {
		return s.series.plan
	}
	metrics, limits := gaugeText, ""
	if s.gauge == costShape {
		metrics = costText
	}
	if s.clients != noClientErrors {
		metrics += clientsText
	}
	if s.throttled {
		metrics, limits = metrics+throttlingText, throttledText
	}
	return strings.TrimSpace(strings.Replace(planText, "METRICS\n", limits+"metrics:\n", 1) + strings.TrimPrefix(metrics, "\n"))
}

// variant is a setting of the product's plan that is judged as a rule of its own.
type variant struct {
	rule  string
	about string
	edit  func(*plan.Plan)
}

// serins are the product's rules.
func serins() []variant {
	return []variant{
		{rule: "serin", about: "the product, its defaults", edit: func(*plan.Plan) {}},
		{rule: "serin-relative", about: "the product, errors tolerated by 10% alone (without the 0.05pp)", edit: relative},
		{rule: "serin-horizon", about: "the product, sequential mode horizon: a lower threshold for one hour of looks", edit: horizon},
		{rule: "serin-horizon-relative", about: "mode horizon, errors tolerated by 10% alone", edit: func(p *plan.Plan) { horizon(p); relative(p) }},
		{rule: "serin-strict", about: "the product, profile strict (margins 25%, errors 25% + 0.2pp)", edit: strict},
	}
}

// relative takes the absolute part from the tolerance of errors.
func relative(p *plan.Plan) {
	for i, m := range p.Metrics {
		if m.Kind == plan.Errors {
			p.Metrics[i].Tolerance.Absolute = 0
		}
	}
}

func horizon(p *plan.Plan) { p.Sequential.Mode = plan.Horizon }

// strict sets the margins of the profile strict.
func strict(p *plan.Plan) {
	for i, m := range p.Metrics {
		p.Metrics[i].Margin = plan.Margin{Relative: .25}
		if m.Kind == plan.Errors {
			p.Metrics[i].Margin.Absolute = .002
		}
	}
}

// prepared is a plan that is judged as a rule.
type prepared struct {
	rule string
	plan plan.Plan
}

// labPlan returns the plan of a variant.
func labPlan(v variant, s Scenario) (plan.Plan, error) {
	p, err := plan.Parse("lab.yaml", []byte(s.planText()))
	if err != nil {
		return plan.Plan{}, fmt.Errorf("the lab's own plan cannot be read: %w", err)
	}
	if !s.defaultUp {
		p.Warmup = plan.Warmup{} // simulated canaries are warm from the start
	}
	v.edit(&p)
	return p, nil
}

// trial is the product's judge with one rollout before it.
type trial struct {
	judge   *judge.Judge
	journal *judge.Memory
	plan    plan.Plan
}

func newTrial(p plan.Plan, s Scenario, w *world) trial {
	r := rollout.Rollout{
		ID: "simulated", Service: "lab", Revision: "canary", Plan: p.Name, Started: start(), Attempt: 1,
		Comparison: rollout.Concurrent,
		Canary:     rollout.Arm{Version: "canary"}, Baseline: rollout.Arm{Version: "baseline"},
	}
	if s.split {
		last := 0.0
		for t := range runBlocks {
			if percent := 100 * share(t, runBlocks); percent != last {
				r.Weights = append(r.Weights, rollout.WeightAt{At: start().Add(time.Duration(t) * time.Minute), Percent: percent})
				last = percent
			}
		}
	}
	j := &judge.Memory{Record: judge.Record{Rollout: r, Plan: p}}
	return trial{
		judge:   judge.New(judge.Config{Journal: j, Sources: map[string]queries.Source{sourceName: source{w}}, Engine: "lab", Concurrency: 1}),
		journal: j, plan: p,
	}
}

// look asks for a verdict just after block n has closed.
func (t trial) look(ctx context.Context, n int) (judge.Verdict, error) {
	at := start().Add(time.Duration(n)*t.plan.Block.D() + t.plan.Lag.D() + time.Second)
	v, err := t.judge.Decide(ctx, t.journal.Record.Rollout, at)
	if err != nil {
		return v, err
	}
	if v.Progress.Blocks != n {
		return v, fmt.Errorf("the judge saw %d blocks where %d had closed", v.Progress.Blocks, n)
	}
	return v, nil
}

// decide looks every minute until there is an outcome and returns the first, and
// whether evidence of harm would have come later, had the comparison gone on after
// a promotion.
//
// Looks before the first block at which promotion is possible are left out: a
// rollback that they would have answered is found by the later look, with its own
// block.
func (t trial) decide(ctx context.Context) (ending, error) {
	var e ending
	for n := max(t.plan.MinBlocks, 1); n <= runBlocks; n++ {
		v, err := t.look(ctx, n)
		if err != nil {
			return e, err
		}
		switch v.Outcome {
		case judge.Rollback:
			e.rollback, e.harm = v.Latched.Block+1, v.Latched.Block+1
			e.limit = limited(v)
			return e, nil
		case judge.Promote:
			e.promote = n
			if n < runBlocks {
				if v, err = t.look(ctx, runBlocks); err != nil {
					return e, err
				}
			}
			if v.Latched != nil {
				e.harm, e.limit = v.Latched.Block+1, limited(v)
			}
			return e, nil
		case judge.Continue, judge.Inconclusive:
		}
	}
	return e, nil
}

// ending is how one rule ended one run, in minutes since the start; 0 is never.
type ending struct {
	rollback int  // first outcome
	promote  int  // first outcome
	harm     int  // evidence of harm, whether or not a promotion came before
	limit    bool // a limit outside the statistics was crossed
}

// limited reports whether a limit was crossed.
func limited(v judge.Verdict) bool {
	return slices.ContainsFunc(v.Findings, func(f judge.Finding) bool { return f.Class == judge.LimitHit })
}
