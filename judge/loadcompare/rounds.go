package loadcompare

import (
	"math"

	"github.com/serin-canary/serin/stats/sequential"
)

// rounds are the loads of a check so far, which are compared as one that was sent in
// pieces: φ̂ is estimated over all of them. Evidence of each by itself, multiplied, would
// also multiply what each φ̂ falls short of where requests come in bursts: over three
// loads of 300 requests a tenth of all equal arms were called worse.
type rounds struct {
	loads  int // so far
	errors series
	slow   [bounds]series
}

// series are the blocks of one comparison: all of them speak of harm, and those of loads
// that may prove something good of the other side.
type series struct{ harm, good []sequential.CountBlock }

// add adds a load. Where it is not good, it may only prove harm.
func (g *rounds) add(l *looked, r Rules, good bool) {
	g.loads++
	failed := l.blocks(0, func(a *arm, _ bool, i int) (bool, bool) { return !a.skip[i], a.bad[i] })
	g.errors.harm = append(g.errors.harm, failed...)
	if good {
		g.errors.good = append(g.errors.good, failed...)
	}
	from := max(leastSetting, l.pairs/settingShare)
	for k, x := range l.baseline.quantiles(from) {
		if x <= 0 {
			continue
		}
		g.slow[k].harm = append(g.slow[k].harm, l.exceed(from, x, side{r.Slower, false})...)
		if good {
			g.slow[k].good = append(g.slow[k].good, l.exceed(from, x, side{r.SlowerMargin, true})...)
		}
	}
}

// failing returns the evidence of the errors.
func (g *rounds) failing(r Rules) (worse, notWorse float64) {
	look := func(s sequential.Side, blocks []sequential.CountBlock, a Amount) float64 {
		nb, xb := make([]float64, len(blocks)), make([]float64, len(blocks))
		for t, b := range blocks {
			nb[t], xb[t] = b.Nb, b.Xb
		}
		phi := r.phi(priorErrors, blocks)
		for t, pi := range sequential.Predict(0, 0, nb, xb) {
			blocks[t].A, blocks[t].Pi = 1+a.Relative, pi
		}
		ev := last(sequential.Counts{Side: s, D: a.Absolute}.Evidence(nil, blocks, phi))
		for t := range blocks {
			blocks[t].A, blocks[t].Pi = 1, 0
		}
		return ev
	}
	return look(sequential.Worse, g.errors.harm, r.Errors), look(sequential.NotWorse, g.errors.good, r.ErrorMargin)
}

// slower returns the evidence of the latencies, and whether any bound could certify that
// they are not worse.
func (g *rounds) slower(r Rules) (worse, notWorse float64, can bool) {
	var harm []float64
	notWorse = math.Inf(1)
	for k := range g.slow {
		if blocks := g.slow[k].harm; len(blocks) > 0 {
			harm = append(harm, last(sequential.Counts{}.Evidence(nil, blocks, r.phi(priorSlow, blocks))))
		}
		if blocks := g.slow[k].good; total(blocks) >= certifies {
			notWorse = math.Min(notWorse, last(sequential.Counts{Side: sequential.NotWorse}.Evidence(nil, blocks, r.phi(priorSlow, blocks))))
		}
	}
	if len(harm) > 0 {
		worse = sequential.Mix(harm, nil)
	}
	if math.IsInf(notWorse, 1) {
		return worse, 0, false
	}
	return worse, notWorse, true
}

// ofErrors is the measure of the errors after a load.
func (g *rounds) ofErrors(l *looked, r Rules) measure {
	c, b := l.canary, l.baseline
	m := measure{
		name:      "errors",
		shown:     sprintf("%d of %d canary requests failed (%s) and %d of %d of the baseline's (%s)", c.errors, c.n, percent(c.failed()), b.errors, b.n, percent(b.failed())),
		tolerance: r.Errors.words(), margin: r.ErrorMargin.words(),
	}
	m.worse, m.notWorse = g.failing(r)
	return m
}

// ofLatency is the measure of the latencies after a load.
func (g *rounds) ofLatency(l *looked, r Rules) measure {
	m := measure{name: "latency", shown: l.medians(), tolerance: percent(r.Slower) + " slower", margin: percent(r.SlowerMargin) + " slower"}
	var can bool
	if m.worse, m.notWorse, can = g.slower(r); !can {
		m.cannot = "too few requests of the baseline were answered to compare latencies by"
	}
	return m
}
