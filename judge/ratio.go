package judge

import (
	"fmt"
	"math"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/stats/sequential"
)

// judgeRatio gathers evidence on a count of bad events among requests
// (STATISTICS §3.2).
func judgeRatio(tr *trial, tl *timeline, s sharpness) {
	c, b := tl.pools(tr.frozen, 0)
	prior := tr.frozen.Prior
	lower := tr.m.Worse == plan.Lower
	alw := allowance{prior.podsOf(0, defaultPodErrors, maxPodErrors), s, lower}
	tolerance, margin := logMargin(tr.m.Tolerance, tr.m.Worse, s.scale), logMargin(tr.m.Margin, tr.m.Worse, s.scale)

	blocks := pairCounts(tr, c, b)
	tr.effect = ratioEffect(tr, blocks)
	predict(blocks, prior, b)
	failures := prior != nil && countsFailures(tr.m, prior.Rate)
	up := sequential.Counts{Side: sequential.Worse, D: tr.m.Tolerance.Absolute * s.scale, Restarts: true, Lower: lower, Failures: failures}
	down := sequential.Counts{Side: sequential.NotWorse, D: tr.m.Margin.Absolute * s.scale, Lower: lower, Failures: failures}
	counted := blocks
	if failures {
		counted = complement(blocks)
	}
	phi := s.phi(nil, prior.dispersion(0, 1), counted)
	setNull(counted, c, b, func(float64, float64) float64 { return alw.factor(tolerance) })
	tr.worse = up.Evidence(nil, counted, phi)
	if beyondLuck(tr.worse, up, counted, alw.luck(phi, counted, c, b)) && !lower {
		tr.details = fmt.Sprintf("up to %s× may be the luck of the canary's pods, which differ by %s",
			number(math.Exp(alw.rollback(0, meanPods(c), meanPods(b)))), percent(alw.pods.Spread(s.zRollback)))
	}

	setNull(counted, c, b, func(kc, kb float64) float64 { return alw.factor(alw.promote(margin, kc, kb)) })
	hollow := Hollow(tr.m, tr.effect.Baseline, s.scale)
	switch tr.certifies = certifiesRatio(counted, down, tr.effect.Baseline); {
	case hollow != "" && s.edition >= 1:
		tr.certifies, tr.hollow, tr.cannot = false, true, hollow
	case tr.certifies:
		tr.notWorse = last(down.Evidence(nil, counted, phi))
	default:
		tr.cannot = needsPods(alw.pods.PodsNeeded(margin, meanPods(b), s.zPromote))
	}
	e := tr.effect
	e.Dispersion, e.PodSpread, e.Level = lastPhi(phi), alw.spread(), 1-s.alpha
	e.Low, e.High = ratioBounds(blocks, lastPhi(phi), s)
	e.Limit = limitWords(alw.factor(tolerance), tr.m, s.scale)
}

// Hollow says why a share's margin, multiplied by scale (1; 2 where the arms do not share
// time), excludes no canary beside a baseline of this level: its boundary lies beyond all
// or none of the requests. It is empty where the margin excludes something, and for what
// is no share.
func Hollow(m plan.Metric, baseline, scale float64) string {
	if m.Reading.Kind != queries.Ratio {
		return ""
	}
	relative, absolute := m.Margin.Relative*scale, m.Margin.Absolute*scale
	if m.Worse == plan.Lower {
		if at := baseline*(1-relative) - absolute; baseline <= 0 || at > 0 {
			return ""
		}
		return fmt.Sprintf("the margin beside a baseline of %s allows a canary with none at all, so that every canary would pass; write a smaller margin", percent(baseline))
	}
	at := baseline*(1+relative) + absolute
	if at < 1 {
		return ""
	}
	return fmt.Sprintf("the margin beside a baseline of %s ends at %s, so that every canary would pass; where the query counts what went well, ask for the failures (1 - good/all) or write worse: lower; else write a smaller margin",
		percent(baseline), percent(at))
}

// beyondLuck keeps the lesser of the evidence that the canary is worse than tolerated and
// of the evidence that it is worse than the luck of its pods. The second is tempered by
// phi; nil means that there is no luck to allow for. It reports whether luck is what the
// newest evidence lacks.
func beyondLuck(worse []float64, up sequential.Counts, blocks []sequential.CountBlock, phi []float64) bool {
	if phi == nil {
		return false
	}
	for t := range blocks {
		blocks[t].A = 1
	}
	lacks := false
	for t, v := range up.Evidence(nil, blocks, phi) {
		lacks = worse[t] >= math.Log(harmEvidence) && v < math.Log(harmEvidence)
		worse[t] = math.Min(worse[t], v)
	}
	return lacks
}

// complement counts the failures of blocks that count successes.
func complement(blocks []sequential.CountBlock) []sequential.CountBlock {
	out := make([]sequential.CountBlock, len(blocks))
	for t, k := range blocks {
		k.Xc, k.Xb, k.Pi = math.Max(k.Nc-k.Xc, 0), math.Max(k.Nb-k.Xb, 0), math.Max(1-k.Pi, 0)
		out[t] = k
	}
	return out
}

// pairCounts returns one count block for every closed block; a block without data
// of both arms is empty, which contributes nothing.
func pairCounts(tr *trial, c, b pool) []sequential.CountBlock {
	blocks := make([]sequential.CountBlock, len(c.ok))
	for t := range blocks {
		blocks[t].A = 1
		if !c.ok[t] || !b.ok[t] || c.n[t] <= 0 || b.n[t] <= 0 {
			continue
		}
		blocks[t].Nc, blocks[t].Xc = c.n[t], c.x[t]
		blocks[t].Nb, blocks[t].Xb = b.n[t], b.x[t]
		tr.paired++
		tr.canaryN += c.n[t]
		tr.baselineN += b.n[t]
	}
	return blocks
}

// predict sets the predicted baseline rate of each block, from earlier blocks only.
func predict(blocks []sequential.CountBlock, prior *Prior, b pool) {
	var total, bad float64
	if prior != nil {
		total, bad = prior.Total, prior.Bad
	}
	pi := sequential.Predict(total, bad, b.n, b.x)
	for t := range blocks {
		blocks[t].Pi = pi[t]
	}
}

// setNull sets the multiplicative part of the null of each block.
func setNull(blocks []sequential.CountBlock, c, b pool, a func(kc, kb float64) float64) {
	lastC, lastB, lastA := -1.0, -1.0, 1.0
	for t := range blocks {
		if blocks[t].Nc == 0 {
			continue
		}
		if c.pods[t] != lastC || b.pods[t] != lastB {
			lastC, lastB = c.pods[t], b.pods[t]
			lastA = a(lastC, lastB)
		}
		blocks[t].A = lastA
	}
}

// certifiesRatio reports whether the promote null lies on the far side of the
// baseline at all: with few pods and no absolute part it may not.
func certifiesRatio(blocks []sequential.CountBlock, down sequential.Counts, rate float64) bool {
	a := lastNull(blocks)
	if down.Lower {
		return a*rate-down.D < rate || rate == 0 && down.D > 0
	}
	return a*rate+down.D > rate || rate == 0 && down.D > 0
}

func lastNull(blocks []sequential.CountBlock) float64 {
	for t := len(blocks) - 1; t >= 0; t-- {
		if blocks[t].Nc > 0 {
			return blocks[t].A
		}
	}
	return 1
}

// ratioEffect compares the canary's ratio with what the baseline's would be under
// the canary's traffic: each block's baseline ratio weighted by the canary's
// requests in it, so that a change of split cannot fake a difference.
func ratioEffect(tr *trial, blocks []sequential.CountBlock) *Effect {
	var bad, expected float64
	for _, k := range blocks {
		if k.Nc == 0 {
			continue
		}
		bad += k.Xc
		expected += k.Nc * k.Xb / k.Nb
	}
	e := &Effect{
		Unit: "ratio", Blocks: tr.paired, CanaryRequests: tr.canaryN, BaselineRequests: tr.baselineN,
	}
	if tr.canaryN > 0 {
		e.Canary, e.Baseline = bad/tr.canaryN, expected/tr.canaryN
	}
	if e.Baseline > 0 {
		e.Ratio = e.Canary / e.Baseline
	}
	return e
}

// ratioBounds inverts the evidence into an always-valid interval of the ratio.
func ratioBounds(blocks []sequential.CountBlock, phi float64, s sharpness) (low, high *float64) {
	l, h := sequential.RatioInterval(blocks, phi, s.alpha/2, s.alpha/2)
	if l > 0 {
		low = &l
	}
	if !math.IsInf(h, 1) {
		high = &h
	}
	return low, high
}

// limitWords writes the tolerated value: "1.1× + 0.05 pp". Where pods differ by more
// than the tolerance, the boundary lies further off than the plan's, which is said.
func limitWords(factor float64, m plan.Metric, scale float64) string {
	sign, w := "+", number(factor)+"×"
	if own := math.Exp(directed(logMargin(m.Tolerance, m.Worse, scale), m.Worse)); number(own) != number(factor) {
		w += fmt.Sprintf(" (the plan's %s×, widened by how much pods differ)", number(own))
	}
	if m.Worse == plan.Lower {
		sign = "−"
	}
	d := m.Tolerance.Absolute * scale
	switch {
	case d == 0:
		return w
	case m.Reading.Kind == queries.Ratio:
		return fmt.Sprintf("%s %s %s pp", w, sign, number(d*100))
	}
	return fmt.Sprintf("%s %s %s", w, sign, withUnit(d, m.Unit))
}

// directed gives a log margin the sign of the side on which it lies.
func directed(margin float64, worse plan.Direction) float64 {
	if worse == plan.Lower {
		return -margin
	}
	return margin
}

func needsPods(k int) string {
	if k == 0 {
		return "pods differ so much that no number of them can prove this margin; widen it or find out why they differ"
	}
	return fmt.Sprintf("needs at least %d canary pods: pods differ too much for fewer to prove this margin", k)
}
