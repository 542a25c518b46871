package power

import (
	"math"
	"slices"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/stats/sequential"
)

// model draws one metric of one simulated rollout, and says what its regressions are.
type model interface {
	// value is the canary's value where its regression has this size, from 0.
	value(size float64) float64
	// baseline and canary draw what one pod of an arm reports; all pods of an arm
	// are alike, for their differences are drawn as the luck of the whole arm.
	baseline(d dice, p *path) queries.Process
	canary(d dice, p *path, size float64) queries.Process
}

// pair is what all models know of the arms.
type pair struct {
	kc, kb int     // pods, as simulated
	nc, nb float64 // requests in one of the plan's blocks
	sigma  float64 // sd of pods, on the log scale
	luck   float64 // sd of what they make of the log ratio of the arms: σ·√(1/kc+1/kb)
	lower  bool
}

func newPair(s Service, m plan.Metric, block float64, sigma float64) pair {
	p := pair{
		kc: min(s.Canary, spreadPods), kb: min(s.Baseline, spreadPods), sigma: sigma,
		nc: s.RPS * block * s.Share, nb: s.RPS * block * (1 - s.Share), lower: m.Worse == plan.Lower,
	}
	p.luck = sigma * math.Sqrt(1/float64(p.kc)+1/float64(p.kb))
	return p
}

func (p pair) direction() float64 {
	if p.lower {
		return -1
	}
	return 1
}

// counts is a share of the requests: its regression is added to (or taken from) the
// baseline's, as a fraction.
type counts struct {
	pair
	rate, phi float64
	failures  bool // phi speaks of what is not counted
}

func newCounts(p pair, prior *judge.Prior) counts {
	return counts{
		pair: p, rate: prior.Rate, phi: math.Max(prior.Streams[0].Phi, 1), failures: p.lower && prior.Rate > .5,
	}
}

func (c counts) value(size float64) float64 { return unit(c.rate + c.direction()*size) }

func unit(p float64) float64 { return math.Max(0, math.Min(1, p)) }

// latency is a histogram: its regression is the log of the factor by which requests
// take longer.
type latency struct {
	pair
	bounds []float64
	shape  shape
	mean   float64
	pace   float64 // sd of what stretches a block of the canary, on the log scale
	spread float64 // sd of the log ratio of the means
	rho    float64
}

func newLatency(p pair, prior *judge.Prior) latency {
	exceed := make([]float64, len(prior.Bounds))
	for k, s := range prior.Streams {
		exceed[k] = s.Exceed
	}
	l := latency{pair: p, bounds: prior.Bounds, shape: newShape(prior.Bounds, exceed), mean: prior.Rate}
	arms := 1/float64(p.kc) + 1/float64(p.kb)
	if prior.Series != nil {
		l.rho = prior.Series.Rho
		l.spread = math.Sqrt(contrast(prior, p))
	}
	perPod := prior.RequestsPerBlock / math.Max(float64(prior.Pods), 1)
	l.pace = math.Sqrt(paceVariance(l.shape, prior, perPod) * arms)
	l.spread = math.Max(l.spread, l.pace)
	return l
}

// contrast is the variance of the contrast of the arms' values in one block.
func contrast(prior *judge.Prior, p pair) float64 {
	pods := max(prior.Pods, 2)
	return sequential.SeriesPlacebo{Var: prior.Series.Var, Pods: pods}.Contrast(float64(p.kc), float64(p.kb))
}

// dispersionBlocks is the longest run of blocks over which φ is learnt, so that it
// holds what neighbouring blocks have in common.
const dispersionBlocks = 5

// inflation is what autocorrelation ρ makes of the variance of a sum of so many blocks.
func inflation(rho float64) float64 {
	f, r := 1.0, 1.0
	for k := 1; k < dispersionBlocks; k++ {
		r *= math.Max(rho, 0)
		f += 2 * (1 - float64(k)/dispersionBlocks) * r
	}
	return f
}

// paceVariance is how much the log latency of one pod moves from block to block, from
// what the dispersion of the bounds has beyond that of independent requests: a
// stretch by h moves the share S above a bound by h·D, so φ = 1-S + n·D²·v·f/S.
func paceVariance(s shape, prior *judge.Prior, perPod float64) float64 {
	var over, per float64
	rho := 0.0
	if prior.Series != nil {
		rho = prior.Series.Rho
	}
	for k, st := range prior.Streams {
		if st.Use == "" || !(st.Exceed > 0) || st.Exceed >= 1 {
			continue
		}
		d := s.slope(k)
		over += math.Max(st.Phi-(1-st.Exceed), 0)
		per += perPod * d * d / st.Exceed * inflation(rho)
	}
	if !(per > 0) {
		return 0
	}
	return over / per
}

func (l latency) value(size float64) float64 { return l.mean * math.Exp(size) }

// level is a gauge, or a cost for each request: its regression is the log of a
// factor, or where values may be 0, a part of the baseline's mean (e^size - 1).
type level struct {
	pair
	at, scale float64
	log       bool
	spread    float64 // sd of the contrast in one block
	rho       float64
	idle      float64
	own       int  // blocks of its own
	counter   bool // reported as a count of each block
	cost      bool // for each request
}

func newLevel(p pair, prior *judge.Prior) level {
	s := prior.Series
	l := level{pair: p, at: s.Scale, scale: s.Scale, log: s.Log, rho: s.Rho, idle: prior.Idle, spread: math.Sqrt(contrast(prior, p))}
	if !(l.scale > 0) {
		l.scale, l.log = 1, false
	}
	return l
}

func (l level) value(size float64) float64 {
	if l.log {
		return l.at * math.Exp(l.direction()*size)
	}
	return l.at + l.direction()*math.Expm1(size)*l.scale
}

// shape is a distribution known at its buckets' bounds, linear between them in
// (log x, logit S) as the engine takes it.
type shape struct{ x, logit []float64 }

const leastExceed = 1e-7

func newShape(bounds, exceed []float64) shape {
	s := shape{x: make([]float64, len(bounds)), logit: make([]float64, len(bounds))}
	for k, b := range bounds {
		p := math.Min(math.Max(exceed[k], leastExceed), 1-leastExceed)
		s.x[k], s.logit[k] = math.Log(math.Max(b, 1e-12)), math.Log(p/(1-p))
	}
	return s
}

// above writes the share above each bound, once every latency is stretched by e^h.
func (s shape) above(dst []float64, h float64) []float64 {
	dst = dst[:0]
	for _, x := range s.x {
		dst = append(dst, 1/(1+math.Exp(-s.at(x-h))))
	}
	return dst
}

func (s shape) at(x float64) float64 {
	n := len(s.x)
	if n == 1 {
		return s.logit[0]
	}
	j, _ := slices.BinarySearch(s.x, x)
	j = min(max(j, 1), n-1)
	return s.logit[j-1] + (s.logit[j]-s.logit[j-1])*(x-s.x[j-1])/(s.x[j]-s.x[j-1])
}

// slope is how fast the share above bound k grows with a stretch, at none.
func (s shape) slope(k int) float64 {
	const h = .05
	share := func(h float64) float64 { return 1 / (1 + math.Exp(-s.at(s.x[k]-h))) }
	return (share(h) - share(-h)) / (2 * h)
}
