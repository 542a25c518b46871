package judge

import (
	"fmt"
	"math"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/stats/sequential"
)

// judgeRatio gathers evidence on a count of bad events among requests
// (STATISTICS §3.2).
func judgeRatio(tr *trial, tl *timeline, s sharpness) {
	c, b := tl.pools(tr.frozen, 0)
	prior := tr.frozen.Prior
	alw := allowance{prior.podsOf(0, defaultPodErrors, maxPodErrors), s}
	lower := tr.m.Worse == plan.Lower

	up := sequential.Counts{Side: sequential.Worse, D: tr.m.Tolerance.Absolute * s.scale, Restarts: true, Lower: lower}
	down := sequential.Counts{Side: sequential.NotWorse, D: tr.m.Margin.Absolute * s.scale, Lower: lower}
	blocks := pairCounts(tr, c, b)
	predict(blocks, prior, b)
	setNull(blocks, c, b, func(kc, kb float64) float64 {
		return signed(lower, alw.rollback, logTolerance(tr.m.Tolerance, tr.m.Worse, s.scale), kc, kb)
	})
	phi := prior.dispersion(0, 1).Running(nil, blocks)
	tr.worse = up.Evidence(nil, blocks, phi)

	setNull(blocks, c, b, func(kc, kb float64) float64 {
		return signed(lower, alw.promote, logTolerance(tr.m.Margin, tr.m.Worse, s.scale), kc, kb)
	})
	tr.effect = ratioEffect(tr, blocks, last(phi), alw.pods.Sigma)
	if tr.certifies = certifiesRatio(blocks, down, tr.effect.Baseline); tr.certifies {
		tr.notWorse = last(down.Evidence(nil, blocks, phi))
	} else {
		k := alw.pods.PodsNeeded(math.Abs(logTolerance(tr.m.Margin, tr.m.Worse, s.scale)), meanPods(b), s.zPromote)
		tr.cannot = needsPods(k)
	}
	tr.effect.Low, tr.effect.High = ratioBounds(blocks, last(phi), s)
	tr.effect.Level = 1 - s.alpha
	tr.effect.Limit = limitWords(tr.m.Tolerance, tr.m.Worse, alw, s, c, b)
}

// signed applies an allowance to a log margin of either sign: where lower is worse
// the boundary lies below the baseline.
func signed(lower bool, f func(m, kc, kb float64) float64, m, kc, kb float64) float64 {
	if lower {
		return math.Exp(-f(-m, kc, kb))
	}
	return math.Exp(f(m, kc, kb))
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
func ratioEffect(tr *trial, blocks []sequential.CountBlock, phi, pod float64) *Effect {
	var bad, expected float64
	for _, k := range blocks {
		if k.Nc == 0 {
			continue
		}
		bad += k.Xc
		expected += k.Nc * k.Xb / k.Nb
	}
	e := &Effect{
		Unit: "ratio", Dispersion: phi, PodSpread: pod, Blocks: tr.paired,
		CanaryRequests: tr.canaryN, BaselineRequests: tr.baselineN,
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

// limitWords writes the tolerated value: "1.1× + 0.05 pp".
func limitWords(m plan.Margin, worse plan.Direction, alw allowance, s sharpness, c, b pool) string {
	lower := worse == plan.Lower
	a := signed(lower, alw.rollback, logTolerance(m, worse, s.scale), meanPods(c), meanPods(b))
	w := fmt.Sprintf("%s×", number(a))
	if d := m.Absolute * s.scale; d != 0 {
		sign := "+"
		if lower {
			sign = "−"
		}
		w += fmt.Sprintf(" %s %s pp", sign, number(d*100))
	}
	return w
}

func needsPods(k int) string {
	if k == 0 {
		return "pods differ so much that no number of them can prove this margin; widen it or find out why they differ"
	}
	return fmt.Sprintf("needs at least %d canary pods: pods differ too much for fewer to prove this margin", k)
}
