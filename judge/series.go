package judge

import (
	"math"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/stats/sequential"
)

// rhoWeight is how many blocks the pre-period's autocorrelation counts for.
const rhoWeight = 20

// contrast is a paired series: one difference of the arms for each paired block.
type contrast struct {
	d     []float64 // raw differences of the paired blocks, in order
	at    []int     // their blocks
	log   bool      // differences of logarithms; else in units of scale
	scale float64
	c, b  []float64 // the arms' values in the paired blocks
	kc    []float64 // and their effective pods
	kb    []float64
}

// engine returns the engine for a contrast: its prior variance follows the pods block by
// block, and is the newest block's for an interval at the end.
func (p *Prior) engine(k contrast, restarts bool) sequential.Series {
	s := sequential.Series{Tau: 1, Rho: defaultRho, RhoWeight: rhoWeight, Restarts: restarts}
	if !p.learnt() || p.Series == nil || p.Series.Var <= 0 {
		return s
	}
	placebo := sequential.SeriesPlacebo{Var: p.Series.Var, Pods: p.Pods, Blocks: p.Blocks}
	s.Nu0, s.Rho, s.VarAt = learntNu, p.Series.Rho, make([]float64, len(k.d))
	for t := range s.VarAt {
		if kc, kb := k.kc[t], k.kb[t]; kc > 0 && kb > 0 {
			s.VarAt[t] = placebo.Contrast(kc, kb)
		}
	}
	s.Var = last(s.VarAt)
	return s
}

// seriesPods is how much pods differ in a series.
func (p *Prior) seriesPods() sequential.Pods {
	s := sequential.Pods{Sigma: defaultPodSeries, Default: defaultPodSeries}
	if p.learnt() && p.Series != nil {
		s.Sigma, s.DF = p.Series.Pod, p.Series.DF
	}
	return s
}

// pairing says how two series are compared.
type pairing struct {
	value func(p pool, t int) float64
	log   bool    // by the difference of logarithms; else in units of scale
	scale float64 // positive
}

// of pairs two series block by block. On the log scale a block where either is not
// positive is left out.
func (p pairing) of(c, b pool) contrast {
	k := contrast{log: p.log, scale: p.scale}
	k.reserve(len(c.ok))
	for t := range c.ok {
		if !c.ok[t] || !b.ok[t] {
			continue
		}
		k.add(t, [2]float64{p.value(c, t), p.value(b, t)}, [2]float64{c.pods[t], b.pods[t]})
	}
	return k
}

// add adds block t, with the values and the pods of both sides, unless they cannot be
// compared.
func (k *contrast) add(t int, v, pods [2]float64) {
	if !finite(v[0]) || !finite(v[1]) || (k.log && (v[0] <= 0 || v[1] <= 0)) {
		return
	}
	d := (v[0] - v[1]) / k.scale
	if k.log {
		d = math.Log(v[0] / v[1])
	}
	k.d, k.at = append(k.d, d), append(k.at, t)
	k.c, k.b = append(k.c, v[0]), append(k.b, v[1])
	k.kc, k.kb = append(k.kc, pods[0]), append(k.kb, pods[1])
}

// reserve makes room for so many blocks, in one piece of memory.
func (k *contrast) reserve(n int) {
	room := make([]float64, 5*n)
	for i, col := range []*[]float64{&k.d, &k.c, &k.b, &k.kc, &k.kb} {
		*col = room[i*n : i*n : (i+1)*n]
	}
	k.at = make([]int, 0, n)
}

// shifted returns the contrasts moved by a margin and signed so that positive
// speaks for the claim. logMargin gives the multiplicative margin of a block.
func (k contrast) shifted(side sequential.Side, worse plan.Direction, absolute float64, logMargin func(kc, kb float64) float64) []float64 {
	dir := 1.0
	if worse == plan.Lower {
		dir = -1
	}
	y := make([]float64, len(k.d))
	for i := range y {
		m := logMargin(k.kc[i], k.kb[i])
		if k.log {
			y[i] = dir*k.d[i] - m
		} else {
			y[i] = (dir*(k.c[i]-math.Exp(dir*m)*k.b[i]) - absolute) / k.scale
		}
		if side == sequential.NotWorse {
			y[i] = -y[i]
		}
	}
	return y
}

// spread writes evidence on the paired blocks out over all blocks: between two of
// them it stays what it was.
func (k contrast) spread(ev []float64, n int) []float64 {
	out := make([]float64, n)
	j, cur := 0, 0.0
	for t := range out {
		for j < len(k.at) && k.at[j] <= t {
			cur = ev[j]
			j++
		}
		out[t] = cur
	}
	return out
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func mean(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	var s float64
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

// meanStream is the t process on the log ratio of mean latencies.
type meanStream struct {
	ok        bool
	k         contrast
	engine    sequential.Series
	worse     []float64
	notWorse  float64
	certifies bool
	cannot    string
}

func newMeanStream(h *histogram, delta float64) meanStream {
	mean := func(p pool, t int) float64 { return p.sum[t] / p.n[t] }
	k := pairing{mean, true, 1}.of(h.c, h.b)
	m := meanStream{k: k}
	if len(k.d) == 0 {
		m.cannot = "no block yet in which both arms reported a mean latency"
		return m
	}
	m.ok = true
	alw := allowance{h.prior.seriesPods(), h.s, false}
	kc, kb := k.kc[len(k.kc)-1], k.kb[len(k.kb)-1]
	m.engine = h.prior.engine(k, true)
	up := k.shifted(sequential.Worse, plan.Higher, 0, func(kc, kb float64) float64 {
		return alw.rollback(math.Log1p(delta), kc, kb)
	})
	m.worse = k.spread(m.engine.Evidence(nil, up, k.d), len(h.c.ok))

	margin := math.Log1p(h.tr.m.Margin.Relative * h.s.scale)
	if alw.promote(margin, kc, kb) <= 0 {
		m.cannot = needsPods(alw.pods.PodsNeeded(margin, kb, h.s.zPromote))
		return m
	}
	down := k.shifted(sequential.NotWorse, plan.Higher, 0, func(kc, kb float64) float64 {
		return alw.promote(margin, kc, kb)
	})
	engine := m.engine
	engine.Restarts = false
	m.certifies, m.notWorse = true, last(engine.Evidence(nil, down, k.d))
	return m
}

// describe fills in the ratio of means and its interval.
func (m meanStream) describe(e *Effect, s sharpness) {
	if !m.ok {
		return
	}
	e.Canary, e.Baseline = mean(m.k.c), mean(m.k.b)
	e.Ratio = math.Exp(mean(m.k.d))
	e.Level = 1 - s.alpha
	engine := m.engine
	engine.Restarts = false
	lo, hi := engine.Interval(m.k.d, s.alpha/2)
	setBounds(e, math.Exp(lo), math.Exp(hi))
}

func setBounds(e *Effect, lo, hi float64) {
	if finite(lo) && lo > 0 {
		e.Low = &lo
	}
	if finite(hi) {
		e.High = &hi
	}
}
