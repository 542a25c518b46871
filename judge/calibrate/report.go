package calibrate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/judge/backtest/paper"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/power"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// Report is what a plan does to a service's own pods.
type Report struct {
	Plan    string  `json:"plan"`
	Service string  `json:"service"`
	From    string  `json:"from"`
	To      string  `json:"to"`
	Block   string  `json:"block"`
	Alpha   float64 `json:"alpha"` // the most false alarms that the plan promises, on average
	Seed    uint64  `json:"seed"`
	Pods    int     `json:"pods"`   // of a canary
	Others  float64 `json:"others"` // it was compared with, on average
	Harm    *Harm   `json:"harm,omitempty"`
	// HarmedMetrics are the metrics that the harm was put into.
	HarmedMetrics []string `json:"harmedMetrics,omitempty"`
	// Stretches are the slots of history, Skipped those with too few pods.
	Stretches int `json:"stretches"`
	Skipped   int `json:"skipped,omitempty"`

	// Alarms are the draws with a rollback up to the deadline, had the comparison gone on
	// after a promotion; First those whose first outcome it was.
	Alarms   Rate `json:"alarms"`
	First    Rate `json:"first"`
	Promoted Rate `json:"promoted"`
	// MedianMinutes and NinetyMinutes are until half and nine tenths of all draws were
	// promoted; nil is not before the deadline.
	MedianMinutes *float64 `json:"promoteMedianMinutes"`
	NinetyMinutes *float64 `json:"promoteNinetyMinutes"`
	Deadline      string   `json:"deadline"`
	// Likeness is that of the draws' peaks of evidence.
	Likeness Likeness `json:"likeness"`
	Verdict  Promise  `json:"verdict"`
	Metrics  []Metric `json:"metrics"`
	Advice   []Advice `json:"advice"`
	Notes    []string `json:"notes,omitempty"`
	Draws    []Result `json:"draws"`

	block time.Duration
}

// Promise is what the draws say of the promised rate.
type Promise string

// What draws may say: the interval lies at or below α, above it, or on both sides.
const (
	Kept    Promise = "kept"
	Broken  Promise = "broken"
	Unknown Promise = "unknown"
)

// Metric is what a plan's metric does.
type Metric struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Weight   float64 `json:"weight"`
	Required bool    `json:"required"`
	// Alarms are the draws in which it was blamed for a rollback.
	Alarms Rate `json:"alarms"`
	// Peak is the highest evidence of harm that nineteen draws of twenty stay below, log10.
	Peak *float64 `json:"peak,omitempty"`
	// ProvenMinutes is until it is proven not worse than its margin in half of the draws;
	// nil is not before the deadline. Held counts the draws that it held up: it was the
	// last to be proven, or never was.
	ProvenMinutes *float64 `json:"provenMinutes,omitempty"`
	Held          Rate     `json:"held"`
	// Dispersion and PodSpread are the medians of φ̂ and σ̂_pod.
	Dispersion float64 `json:"dispersion,omitempty"`
	PodSpread  float64 `json:"podSpread,omitempty"`
	// Forecast is the smallest regression that it finds; nil where none was made.
	Forecast *power.Metric `json:"forecast,omitempty"`
}

func (p prepared) report(ctx context.Context, rs []Result) (Report, error) {
	h := p.trial.history
	r := Report{
		Plan: p.Plan.Name, Service: p.Plan.Service, From: h.From.UTC().Format(time.RFC3339), To: h.To.UTC().Format(time.RFC3339),
		Block: paper.Lasting(p.Plan.Block.D()), block: p.Plan.Block.D(), Alpha: p.Plan.Alpha, Seed: p.Seed, Pods: p.Pods, Harm: p.Harm,
		Stretches: len(p.layout.slots), Skipped: p.layout.skipped, Deadline: paper.Lasting(p.Plan.MaxDuration.D()), Draws: rs, Notes: p.notes,
	}
	r.HarmedMetrics = p.Harm.touched(p.trial.plan)
	for _, s := range p.layout.slots {
		r.Others += float64(len(s.pods)-p.Pods) / float64(len(p.layout.slots))
	}
	var of []Result
	for _, d := range rs {
		if d.Paired > 0 {
			of = append(of, d)
		}
	}
	kin := kinshipOf(of)
	r.Likeness = kin.alike(kin.peaks())
	others := p.besideEvidence()
	alarms := func(is func(Result) bool) Rate { return kin.alarms(is, r.Likeness, others) }
	r.Alarms = alarms(func(d Result) bool { return d.Harm > 0 })
	r.First = alarms(func(d Result) bool { return d.RolledBack > 0 })
	r.Promoted = kin.rate(func(d Result) bool { return d.Promoted > 0 })
	r.MedianMinutes, r.NinetyMinutes = r.until(of, .5, promotedAt), r.until(of, .9, promotedAt)
	r.Verdict = promise(r.Alarms, r.Alpha)
	for i, m := range p.Plan.Metrics {
		row := r.metric(of, i, Metric{Name: m.Name, Kind: string(m.Kind), Weight: m.Weight, Required: m.Required})
		row.Alarms = alarms(func(d Result) bool { return d.Harm > 0 && slices.Contains(d.Blamed, m.Name) })
		if m.Required {
			row.Held = kin.rate(func(d Result) bool { return d.heldBy(i) })
		}
		r.Metrics = append(r.Metrics, row)
	}
	r.share(rs, p.layout)
	if p.Paths > 0 && p.Harm == nil && len(of) > 0 {
		if err := p.forecast(ctx, &r, of); err != nil {
			return r, err
		}
	}
	if p.Harm != nil {
		return r, nil
	}
	advice, err := p.advice(ctx, r, of)
	r.Advice = advice
	return r, err
}

// promise compares an interval with what was promised.
func promise(r Rate, alpha float64) Promise {
	switch {
	case r.Of == 0:
		return Unknown
	case r.Low > alpha:
		return Broken
	case r.High <= alpha:
		return Kept
	}
	return Unknown
}

func promotedAt(d Result) int { return d.Promoted }

// until is after how many minutes a part of the draws has something behind it.
func (r Report) until(of []Result, part float64, when func(Result) int) *float64 {
	var at []int
	for _, d := range of {
		if n := when(d); n > 0 {
			at = append(at, n)
		}
	}
	slices.Sort(at)
	k := int(math.Ceil(part * float64(len(of))))
	if k < 1 || k > len(at) {
		return nil
	}
	m := float64(at[k-1]) * r.block.Minutes()
	return &m
}

// besideEvidence reports whether something else than evidence may roll a draw back.
func (p prepared) besideEvidence() bool {
	return len(p.trial.plan.Limits) > 0 || p.trial.plan.NoData == plan.Rollback || p.trial.plan.OnShared == plan.Rollback
}

// metric reads what became of a metric, but for its rates.
func (r Report) metric(of []Result, i int, m Metric) Metric {
	if m.Required {
		m.ProvenMinutes = r.until(of, .5, func(d Result) int { return d.Metrics[i].Proven })
	}
	var peaks, phi, spread []float64
	for _, d := range of {
		if p := d.Metrics[i].Peak; p != nil {
			peaks = append(peaks, *p)
		}
		phi, spread = append(phi, d.Metrics[i].Dispersion), append(spread, d.Metrics[i].PodSpread)
	}
	if len(peaks) > 0 {
		slices.Sort(peaks)
		m.Peak = &peaks[min(int(.95*float64(len(peaks))), len(peaks)-1)]
	}
	m.Dispersion, m.PodSpread = median(phi), median(spread)
	return m
}

// heldBy reports whether a metric was the last to be proven, or never was.
func (d Result) heldBy(i int) bool {
	mine := d.Metrics[i].Proven
	if mine == 0 {
		return d.Promoted == 0 && d.RolledBack == 0
	}
	for _, m := range d.Metrics {
		if m.Proven > mine {
			return false
		}
	}
	return d.Promoted > 0
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// share says what draws have in common.
func (r *Report) share(rs []Result, l layout) {
	rounds := (len(rs) + len(l.slots) - 1) / len(l.slots)
	if rounds > 1 {
		r.Notes = append(r.Notes, fmt.Sprintf("Each stretch of history was judged up to %d times, with other pods each time: those draws share their time and most of their baseline, which the interval takes into account.", rounds))
	}
	again := 0
	for _, d := range rs {
		if d.Again > 0 {
			again++
		}
	}
	if again > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d draws judge pods of which some had been judged in the same stretch before: the history has no more pods. More days tell more than more draws.", again))
	}
	if n := notCompared(rs); n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("In %d draws nothing could be compared, and they are not counted.", n))
	}
	if l.skipped > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d stretches of history were left out: too few pods were there all of the time (deployments, scaling).", l.skipped))
	}
}

// forecast simulates how small a regression the plan finds, with the noise of the stretch
// whose traffic is the median's.
func (p prepared) forecast(ctx context.Context, r *Report, of []Result) error {
	mid := slices.Clone(of)
	slices.SortStableFunc(mid, func(a, b Result) int { return cmp.Compare(a.Requests, b.Requests) })
	d := p.layout.draw(mid[len(mid)/2].Index)
	src := &fleet{trial: p.trial, draw: d, chosen: map[string]bool{}}
	for _, name := range d.pods {
		src.chosen[name] = true
	}
	priors, problems := judge.Learn(ctx, src, p.trial.plan, rollout.Rollout{
		Started: d.start, Baseline: p.Baseline, Canary: pretended(p.Baseline), Comparison: rollout.Concurrent,
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	for name, problem := range problems {
		r.Notes = append(r.Notes, fmt.Sprintf("Nothing was forecast of metric %s: %s.", name, problem.Text))
	}
	slices.Sort(r.Notes)
	if len(priors) == 0 {
		return nil
	}
	others := len(p.layout.slots[d.slot].pods) - p.Pods
	q := p.traffic
	span := Span{d.start, d.start.Add(time.Duration(backtest.Blocks(p.Plan)) * p.Plan.Block.D())}
	rps := p.trial.history.perBlock(q, span) / q.Block.Seconds()
	if q.Reading.Kind == queries.Gauge || !(rps > 0) {
		return nil
	}
	f, err := power.Run(ctx, power.Config{
		Plan: p.trial.plan, Priors: priors, Measured: true, Paths: p.Paths, Workers: p.Workers,
		Service: power.Service{RPS: rps, Share: float64(p.Pods) / float64(p.Pods+others), Baseline: others, Canary: p.Pods},
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Notes = append(r.Notes, fmt.Sprintf("The smallest regression could not be forecast: %s.", err))
		return nil
	}
	for i := range r.Metrics {
		for k := range f.Metrics {
			if f.Metrics[k].Name == r.Metrics[i].Name {
				r.Metrics[i].Forecast = &f.Metrics[k]
			}
		}
	}
	return nil
}
