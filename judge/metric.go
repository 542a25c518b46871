package judge

import (
	"math"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/stats/sequential"
	"gonum.org/v1/gonum/stat/distuv"
)

// trial is one metric under judgement: its evidence after every closed block, and
// what there is to say about it.
type trial struct {
	m      plan.Metric
	frozen FrozenMetric
	weight float64 // share of the error budget, summing to 1 over the trials

	// worse is the natural logarithm of the evidence for "worse than tolerated"
	// after each block; nil where there is none, which counts as 0 (evidence 1).
	worse []float64
	// notWorse is the same for "not worse than the margin", after the last block.
	notWorse float64
	// certifies says that promote could be proven by this metric at all; where it
	// could not, cannot says why.
	certifies bool
	cannot    string
	// hollow says that the margin excludes nothing at the baseline's level.
	hollow bool

	load bool // of a load: its name is no metric's of the plan

	paired    int // blocks with data of both arms
	canaryN   float64
	baselineN float64
	effect    *Effect
	trouble   Class  // a class that takes the place of evidence
	reason    string // the sentence that goes with trouble
	details   string // more for the sentence: the bound that contributed, quantiles
}

// sharpness holds the constants of one rollout's tests.
type sharpness struct {
	alpha, beta float64 // beta of this attempt
	zRollback   float64 // quantile for the pods' allowance, rollback side
	zPromote    float64
	scale       float64 // margins are multiplied by it (before-after)
	ignorePods  bool    // guarantee: these_pods
	exact       bool    // requests fail independently: φ is 1
	rollback    float64 // natural logarithm of the evidence that rolls back
	share       float64 // the metric's part of the plan's weights; 0 where it has none
	edition     int     // of the rules
}

// alone is the natural logarithm of the evidence with which a metric rolls back by
// itself, the others having none; with a metric without weight, as if it were the only
// one.
func (s sharpness) alone() float64 {
	if s.share <= 0 {
		return s.rollback
	}
	return s.rollback - math.Log(s.share)
}

// sharpnessOf returns the constants of a rollout's tests.
func sharpnessOf(p plan.Plan, r rollout.Rollout) sharpness {
	weighted, scale := 0, 1.0
	for _, m := range p.Metrics {
		if m.Weight > 0 {
			weighted++
		}
	}
	if r.Comparison == rollout.BeforeAfter {
		scale = 2
	}
	return newSharpness(p, r.Attempt, weighted, scale)
}

func newSharpness(p plan.Plan, attempt, weighted int, scale float64) sharpness {
	beta := p.Beta
	for i := 1; i < attempt; i++ {
		beta /= 2
	}
	return sharpness{
		alpha: p.Alpha, beta: beta,
		zRollback:  normalQuantile(1 - p.Alpha/(2*float64(max(weighted, 1)))),
		zPromote:   normalQuantile(1 - beta),
		scale:      scale,
		ignorePods: p.Guarantee == plan.ThesePods,
		rollback:   rollbackThreshold(p),
		edition:    p.Edition,
	}
}

func normalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// allowance turns margins on the log scale into ones that allow for the luck of
// the pods that a rollout happens to have.
type allowance struct {
	pods  sequential.Pods
	sharp sharpness
	lower bool // lower is worse: boundaries lie below the baseline
}

// rollback returns the log margin of a block with kc and kb effective pods, given
// the tolerance's.
func (a allowance) rollback(logTolerance, kc, kb float64) float64 {
	if a.sharp.ignorePods || kc <= 0 || kb <= 0 {
		return logTolerance
	}
	return a.pods.RollbackMargin(logTolerance, kc, kb, a.sharp.zRollback)
}

// promote returns the log margin of the promote side; it may be zero or less, where
// so few pods cannot certify so small a margin.
func (a allowance) promote(logMargin, kc, kb float64) float64 {
	if a.sharp.ignorePods || kc <= 0 || kb <= 0 {
		return logMargin
	}
	return a.pods.PromoteMargin(logMargin, kc, kb, a.sharp.zPromote)
}

// luck returns φ̂ raised by the luck of the pods, block by block ([sequential.Luck]);
// nil where nothing is allowed for.
func (a allowance) luck(phi []float64, blocks []sequential.CountBlock, c, b pool) []float64 {
	sigma := a.pods.Spread(a.sharp.zRollback)
	if a.sharp.ignorePods || sigma <= 0 {
		return nil
	}
	variance := make([]float64, len(blocks))
	for t := range variance {
		if c.pods[t] > 0 && b.pods[t] > 0 {
			variance[t] = sigma * sigma * (1/c.pods[t] + 1/b.pods[t])
		}
	}
	return sequential.Luck(variance, phi, blocks, variance)
}

// spread is σ_pod as used: 0 where nothing is allowed for.
func (a allowance) spread() float64 {
	if a.sharp.exact {
		return 0
	}
	return a.pods.Sigma
}

// factor turns a log margin into the multiple of the baseline where it lies.
func (a allowance) factor(logMargin float64) float64 {
	if a.lower {
		return math.Exp(-logMargin)
	}
	return math.Exp(logMargin)
}

// defaults of the pre-period's estimates where there is none (STATISTICS §1).
const (
	defaultPhi       = 2
	defaultRho       = 0.5
	defaultPodErrors = 0.10
	defaultPodSeries = 0.05
	learntNu         = 30 // weight of a learnt φ0, in blocks
	defaultNu        = 10 // weight of a default φ0
	maxPodErrors     = 0.5
	maxPodLatency    = 0.7
)

func (p *Prior) learnt() bool { return p != nil && p.Blocks > 0 }

// dispersion returns how the evidence of a stream is tempered.
func (p *Prior) dispersion(stream int, floor float64) sequential.Dispersion {
	d := sequential.Dispersion{Phi0: defaultPhi, Nu0: defaultNu, Floor: floor}
	if p.learnt() && stream < len(p.Streams) {
		d.Phi0, d.Nu0 = p.Streams[stream].Phi, learntNu
	}
	return d
}

// podsOf returns the spread between pods of a stream.
func (p *Prior) podsOf(stream int, fallback, most float64) sequential.Pods {
	s := sequential.Pods{Sigma: fallback, Default: fallback}
	if p.learnt() && stream < len(p.Streams) {
		s.Sigma, s.DF = math.Min(p.Streams[stream].Pod, most), p.Streams[stream].DF
	}
	return s
}

// logMargin returns how far a margin lies from the baseline on the log scale,
// without its absolute part: log(1+δ) where higher is worse, -log(1-δ) where lower is.
func logMargin(m plan.Margin, worse plan.Direction, scale float64) float64 {
	r := m.Relative * scale
	if worse == plan.Lower {
		return -math.Log1p(-math.Min(r, 0.99))
	}
	return math.Log1p(r)
}

// meanPods returns the mean effective pods over the blocks with data.
func meanPods(p pool) float64 {
	var s float64
	var n int
	for t, ok := range p.ok {
		if ok && p.pods[t] > 0 {
			s += p.pods[t]
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return s / float64(n)
}

// last returns a slice's last value, and 0 for an empty one.
func last(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return v[len(v)-1]
}
