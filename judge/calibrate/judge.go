package calibrate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// Result is what became of one draw. Times are blocks since its start; 0 is never.
type Result struct {
	Index int       `json:"index"`
	Slot  int       `json:"slot"` // the stretch of history that it is of
	Start time.Time `json:"start"`
	Pods  []string  `json:"pods"` // that were judged as the canary
	// Again is how often these pods had been judged in this stretch before.
	Again int `json:"again,omitempty"`

	// RolledBack and Promoted are the first outcome; at most one is not 0.
	RolledBack int `json:"rolledBack,omitempty"`
	Promoted   int `json:"promoted,omitempty"`
	// Harm is when there would have been a rollback up to the deadline, had the
	// comparison gone on after a promotion.
	Harm int `json:"harm,omitempty"`
	// Blamed are the metrics that a rollback names; By says what rolled back.
	Blamed []string `json:"blamed,omitempty"`
	By     Cause    `json:"by,omitempty"`
	// Paired is how many blocks were compared, Requests how many the canary had a block.
	Paired   int     `json:"paired"`
	Requests float64 `json:"requests"`
	// Peak is the highest evidence of harm of all metrics together, log10.
	Peak    float64        `json:"peak"`
	Metrics []MetricResult `json:"metrics"`
}

// Cause is what rolled back.
type Cause string

// The causes of a rollback.
const (
	ByEvidence Cause = "evidence"
	ByLimit    Cause = "limit"  // outside the statistics
	ByPolicy   Cause = "policy" // missing data, mostly
)

// MetricResult is what became of one metric in one draw.
type MetricResult struct {
	Name string `json:"name"`
	// Peak is its highest evidence of harm, log10; nil where it spends no error budget.
	Peak *float64 `json:"peak,omitempty"`
	// Proven is after how many blocks it was first proven not worse than its margin, up
	// to the promotion; 0 is never.
	Proven int `json:"proven,omitempty"`
	// Dispersion and PodSpread are φ̂ and σ̂_pod as the last look used them.
	Dispersion float64 `json:"dispersion,omitempty"`
	PodSpread  float64 `json:"podSpread,omitempty"`
}

// trial is what draws are judged by.
type trial struct {
	plan     plan.Plan
	baseline rollout.Arm
	history  *History
	canary   map[string]string // the baseline's key by the canary's
	engine   string
	harm     *Harm
	touch    map[string]touch // what the harm does, by the baseline's key
}

// newTrial prepares a plan for draws. What waits for a person or for a controller is
// taken out: a deadline holds, and no weight is declared.
func newTrial(h *History, p plan.Plan, baseline rollout.Arm) (trial, error) {
	p = backtest.Timeless(p)
	p.AtDeadline, p.Reversible = plan.Hold, true
	canary, err := distinct(p, baseline)
	return trial{plan: p, baseline: baseline, history: h, canary: canary}, err
}

// harmed puts a harm into the canaries of a trial. Keys are those of the plan's metrics, in
// their order.
func (t trial) harmed(by *Harm, keys []string) trial {
	t.harm, t.touch = by, map[string]touch{}
	for i, m := range t.plan.Metrics {
		if how := by.touches(m); how != "" && t.touch[keys[i]] == "" {
			t.touch[keys[i]] = how
		}
	}
	return t
}

// judge judges one draw.
func (t trial) judge(ctx context.Context, d draw) (Result, error) {
	src := &fleet{trial: t, draw: d, chosen: map[string]bool{}}
	for _, name := range d.pods {
		src.chosen[name] = true
	}
	w, err := backtest.NewWalker(backtest.Past{
		Plan: t.plan, Source: src, Engine: t.engine,
		Rollout: rollout.Rollout{
			ID: fmt.Sprintf("draw-%d", d.index), Service: t.plan.Service, Revision: "pseudo-canary", Plan: t.plan.Name,
			Started: d.start, Attempt: 1, Comparison: rollout.Concurrent,
			Baseline: t.baseline, Canary: pretended(t.baseline),
		},
	})
	if err != nil {
		return Result{}, err
	}
	r := Result{Index: d.index, Slot: d.slot, Start: d.start.UTC(), Pods: d.pods, Again: d.lap}
	run := backtest.Blocks(t.plan)
	proven := map[string]int{}
	var v judge.Verdict
	// Before the plan's fewest blocks nothing can be promoted, and a rollback is found by
	// the later look with its own block.
	for n := min(max(t.plan.MinBlocks, 1), run); n <= run; n++ {
		if v, err = w.Look(ctx, n); err != nil {
			return r, err
		}
		for _, f := range v.Findings {
			if f.About == judge.AboutMetric && f.Class == judge.NotWorse && proven[f.Name] == 0 {
				proven[f.Name] = n
			}
		}
		if v.Outcome == judge.Rollback {
			r.RolledBack = v.Latched.Block + 1
			break
		}
		if v.Outcome == judge.Promote {
			r.Promoted = n
			break
		}
	}
	if r.Promoted > 0 && r.Promoted < run {
		if v, err = w.Look(ctx, run); err != nil {
			return r, err
		}
	}
	r.read(v, w.Record(), t.plan, proven)
	return r, nil
}

// read takes a draw's results from its last look.
func (r *Result) read(v judge.Verdict, rec judge.Record, p plan.Plan, proven map[string]int) {
	if l := v.Latched; l != nil {
		r.Harm, r.Blamed, r.By = l.Block+1, l.Metrics, ByEvidence
		if slices.ContainsFunc(v.Findings, func(f judge.Finding) bool { return f.Class == judge.LimitHit && f.RollsBack }) {
			r.By = ByLimit
		} else if !l.Proven {
			r.By = ByPolicy
		}
	}
	r.Paired = v.Progress.Paired
	if r.Paired > 0 {
		r.Requests = v.Progress.CanaryRequests / float64(r.Paired)
	}
	peaks := judge.PeaksOf(rec, v)
	r.Peak = peaks.Combined
	for _, m := range p.Metrics {
		out := MetricResult{Name: m.Name, Proven: proven[m.Name]}
		for _, k := range peaks.Metrics {
			if k.Metric == m.Name {
				out.Peak = &k.Worse
			}
		}
		for _, f := range v.Findings {
			if f.About == judge.AboutMetric && f.Name == m.Name && f.Effect != nil {
				out.Dispersion, out.PodSpread = f.Effect.Dispersion, f.Effect.PodSpread
			}
		}
		r.Metrics = append(r.Metrics, out)
	}
}

// fleet is a source in which some of the baseline's pods are the canary, from the draw's
// start on. Before it they are not there: a real canary's were not either.
type fleet struct {
	trial
	draw   draw
	chosen map[string]bool
}

// Blocks implements [queries.Source].
func (f *fleet) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	key := keyOf(r, w.Block)
	of, canary := f.canary[key]
	if !canary {
		of = key
	}
	fr, err := f.history.slice(of, w)
	if err != nil {
		return fr, &queries.Error{Fault: queries.Rejected, Source: "history", Text: err.Error(), Err: err}
	}
	fr.Processes = slices.DeleteFunc(fr.Processes, func(p queries.Process) bool { return f.chosen[p.Name] != canary })
	if len(r.Bounds) > 0 && len(fr.Processes) > 0 {
		if fr, err = fr.Project(r.Bounds); err != nil {
			return fr, &queries.Error{Fault: queries.Malformed, Source: "history", Text: err.Error(), Err: err}
		}
	} else if len(r.Bounds) > 0 {
		fr.Bounds = r.Bounds
	}
	if how := f.touch[of]; canary && how != "" {
		fr = f.harm.apply(fr, how, f.draw.index)
	}
	return fr, nil
}
