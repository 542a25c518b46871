package judge

import (
	"math"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/stats/sequential"
)

// Load per pod within which a cost per request can be compared (DESIGN §4).
const (
	loadLow  = 0.8
	loadHigh = 1.25
)

// judgeGauge gathers evidence on a value for each block (STATISTICS §3.5). With
// requests (the metric named by Of) it is a cost per request.
func judgeGauge(tr *trial, tl *timeline, s sharpness, requests *FrozenMetric) {
	prior := tr.frozen.Prior
	if prior == nil || prior.Series == nil {
		tr.trouble, tr.reason = NoData, "no value of the baseline has been seen yet"
		return
	}
	k := gaugeContrast(tr, tl, requests)
	tr.paired = len(k.d)
	if len(k.d) == 0 {
		tr.trouble, tr.reason = NoData, "no block in which both arms have a comparable value"
		return
	}
	harm := prior.Calibration.temper(prior.gaugeWorse(k, tr.m, s))
	did := gaugeGuard(tr, tl, s, requests).apply(harm, k.at)
	tr.worse = tl.expand(k.spread(harm, gaugeLen(tr)), tr.m)
	tr.details = joinDetails(prior.Calibration.words(), did.words())

	alw := allowance{prior.seriesPods(), s, tr.m.Worse == plan.Lower}
	kc, kb := k.kc[len(k.kc)-1], k.kb[len(k.kb)-1]
	engine := prior.engine(k, false)
	margin := logMargin(tr.m.Margin, tr.m.Worse, s.scale)
	if alw.promote(margin, kc, kb) <= 0 && tr.m.Margin.Absolute == 0 {
		tr.cannot = needsPods(alw.pods.PodsNeeded(margin, kb, s.zPromote))
	} else {
		down := k.shifted(sequential.NotWorse, tr.m.Worse, tr.m.Margin.Absolute*s.scale, func(kc, kb float64) float64 {
			return alw.promote(margin, kc, kb)
		})
		tr.certifies, tr.notWorse = true, last(engine.Evidence(nil, down, k.d))
	}
	tr.effect = gaugeEffect(tr, k, engine, s)
	tr.effect.PodSpread = alw.pods.Sigma
	tr.effect.Limit = limitWords(alw.factor(alw.rollback(logMargin(tr.m.Tolerance, tr.m.Worse, s.scale), kc, kb)), tr.m, s.scale)
}

// gaugeGuard puts the pods of both arms in a row, warm ones only. A comparison with the
// past has no guard: its arms do not live through the same minutes.
func gaugeGuard(tr *trial, tl *timeline, s sharpness, requests *FrozenMetric) guard {
	if s.scale > 1 {
		return guard{}
	}
	q := tl.factor(tr.m)
	arm := func(a side, f queries.Frame, of func(FrozenMetric) *queries.Frame) crew {
		var over *queries.Frame
		if requests != nil {
			over = of(*requests)
		}
		return crewOf(f, over, tr.frozen.Prior.Idle, func(s string) int { return (tl.warmFrom(a, s) + q - 1) / q })
	}
	row := arm(canary, tr.frozen.Canary, func(f FrozenMetric) *queries.Frame { return &f.Canary })
	size := row.pods()
	row.join(arm(baseline, tr.frozen.Baseline, func(f FrozenMetric) *queries.Frame { return &f.Baseline }))
	return guard{p: tr.frozen.Prior, m: tr.m, s: s, pods: row, size: size}
}

// gaugeLen is the number of the metric's own blocks that have closed.
func gaugeLen(tr *trial) int {
	return max(tr.frozen.Canary.Window.Len(), tr.frozen.Baseline.Window.Len())
}

// gaugeContrast pairs the arms' values.
func gaugeContrast(tr *trial, tl *timeline, requests *FrozenMetric) contrast {
	p := tr.frozen.Prior
	if requests != nil {
		return costContrast(tr, tl, *requests)
	}
	n, skip := gaugeLen(tr), tl.skipOwn(tr.m)
	q := tl.factor(tr.m)
	warm := func(a side) func(string) int {
		return func(s string) int { return (tl.warmFrom(a, s) + q - 1) / q }
	}
	c := newPool(tr.frozen.Canary, pooling{n, 0, warm(canary), skip})
	b := newPool(tr.frozen.Baseline, pooling{n, 0, warm(baseline), skip})
	value := func(p pool, t int) float64 { return p.v[t] }
	if tr.m.Reading.Kind == queries.Counter {
		value = func(p pool, t int) float64 { return p.n[t] / math.Max(p.pods[t], 1) }
	}
	pair := p.pairing(false)
	pair.value = value
	return pair.of(c, b)
}

// pairing says how values are compared, without how they are read: a cost always by
// its logarithm, anything else in units of its mean where it may be 0.
func (p *Prior) pairing(cost bool) pairing {
	if cost {
		return pairing{log: true, scale: 1}
	}
	scale := p.Series.Scale
	if scale <= 0 {
		scale = 1
	}
	return pairing{log: p.Series.Log, scale: scale}
}

// costContrast divides a counter (CPU seconds) by requests, less what an idle
// process costs, in the blocks in which the pods of both arms carry like loads.
func costContrast(tr *trial, tl *timeline, requests FrozenMetric) contrast {
	cc, cb := tl.pools(tr.frozen, 0)
	rc, rb := tl.pools(requests, 0)
	pc, pb := processes(tr.frozen.Canary, tl.closed), processes(tr.frozen.Baseline, tl.closed)
	for t := range cc.ok {
		ok := cc.ok[t] && cb.ok[t] && rc.ok[t] && rb.ok[t] && pc[t] > 0 && pb[t] > 0 && rc.n[t] > 0 && rb.n[t] > 0
		if ok {
			load := (rc.n[t] / pc[t]) / (rb.n[t] / pb[t])
			ok = load >= loadLow && load <= loadHigh
		}
		cc.ok[t] = ok
		if ok {
			idle := tr.frozen.Prior.Idle
			cc.v[t] = (cc.n[t] - idle*pc[t]) / rc.n[t]
			cb.v[t] = (cb.n[t] - idle*pb[t]) / rb.n[t]
			cc.pods[t], cb.pods[t] = pc[t], pb[t]
		}
	}
	pair := tr.frozen.Prior.pairing(true)
	pair.value = func(p pool, t int) float64 { return p.v[t] }
	return pair.of(cc, cb)
}

// processes counts the processes with a number in each block.
func processes(f queries.Frame, n int) []float64 {
	out := make([]float64, n)
	for _, p := range f.Processes {
		for t := 0; t < min(n, len(p.N)); t++ {
			if !queries.IsGap(p.N[t]) {
				out[t]++
			}
		}
	}
	return out
}

func gaugeEffect(tr *trial, k contrast, engine sequential.Series, s sharpness) *Effect {
	e := &Effect{
		Canary: mean(k.c), Baseline: mean(k.b), Unit: tr.m.Unit, Blocks: len(k.d), Level: 1 - s.alpha,
	}
	lo, hi := engine.Interval(k.d, s.alpha/2)
	if k.log {
		e.Ratio = math.Exp(mean(k.d))
		setBounds(e, math.Exp(lo), math.Exp(hi))
		return e
	}
	if e.Baseline > 0 {
		e.Ratio = e.Canary / e.Baseline
		setBounds(e, 1+lo*k.scale/e.Baseline, 1+hi*k.scale/e.Baseline)
	}
	return e
}

// factor is how many of the plan's blocks make one of the metric's.
func (tl *timeline) factor(m plan.Metric) int {
	if m.Block.D() <= tl.block {
		return 1
	}
	return int(m.Block.D() / tl.block)
}

// offset is how many of the plan's blocks the metric's first block begins before
// the rollout's.
func (tl *timeline) offset(m plan.Metric) int {
	if tl.factor(m) == 1 {
		return 0
	}
	return int(tl.start.Sub(tl.start.Truncate(m.Block.D())) / tl.block)
}

// skipOwn says which of a metric's own blocks are left out: those of which any
// part may not be compared.
func (tl *timeline) skipOwn(m plan.Metric) func(int) bool {
	q, off := tl.factor(m), tl.offset(m)
	return func(t int) bool {
		for i := t*q - off; i < (t+1)*q-off; i++ {
			if !tl.compared(i) {
				return true
			}
		}
		return false
	}
}

// expand writes evidence on a metric's own blocks out over the plan's: it counts
// from the end of the block that brought it.
func (tl *timeline) expand(own []float64, m plan.Metric) []float64 {
	q, off := tl.factor(m), tl.offset(m)
	if q == 1 {
		return own
	}
	out := make([]float64, tl.closed)
	for t := range out {
		if j := (t+1+off)/q - 1; j >= 0 && j < len(own) {
			out[t] = own[j]
		} else if j >= len(own) && len(own) > 0 {
			out[t] = own[len(own)-1]
		}
	}
	return out
}
