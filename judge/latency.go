package judge

import (
	"fmt"
	"math"
	"slices"

	"github.com/serin-canary/serin/stats/sequential"
)

// How a histogram bound is used; fixed with the prior.
const (
	useScale = "scale" // judged by shifting the baseline's distribution
	useRare  = "rare"  // so few baseline requests lie above it that a fixed amount is tolerated
)

// Limits on a bound's baseline exceedance (STATISTICS §3.4, §0a.2).
const (
	rareExceed    = 3e-4
	commonExceed  = 0.97
	rareTolerance = 0.005 // 0.5 pp
	minExceed     = 5     // canary exceedances that must be expected over the rollout
)

// judgeLatency gathers evidence on a histogram: one stream for each usable bound and one
// for the mean, averaged for rollback with half of the weight on the mean; for promote the bounds next to the
// declared quantiles must certify, or the mean where they cannot.
func judgeLatency(tr *trial, tl *timeline, s sharpness) {
	prior := tr.frozen.Prior
	if prior == nil || len(prior.Streams) == 0 || len(prior.Streams) != len(prior.Bounds) {
		tr.trouble, tr.reason = NoData, "no request of the baseline has been seen yet, so that there is nothing to set bounds by"
		return
	}
	width := len(prior.Bounds)
	c, b := tl.pools(tr.frozen, width)
	h := histogram{
		tr: tr, c: c, b: b, s: s, prior: prior, width: width,
		base:   pairCounts(tr, c, b),
		exceed: make([]float64, width), luck: podLuck(c, b, s),
	}
	for k := range h.exceed {
		h.exceed[k] = prior.Streams[k].Exceed
	}
	delta := tr.m.Tolerance.Relative * s.scale
	h.whole = h.shiftBounds(&delta)
	h.certain = sequential.PromoteRatio(nil, prior.Bounds, h.exceed, tr.m.Margin.Relative*s.scale)
	for i, q := range [...]float64{0.5, 0.95, 0.99} {
		h.quantiles[i] = h.certifier(q, h.certain)
	}
	h.rollback(delta)
	h.promote()
	h.describe()
	if h.whole {
		tr.effect.Limit += fmt.Sprintf(" (at bucket bounds %s×, which is whole buckets)", number(1+delta))
	}
	if h.streams == 0 && (s.exact || tr.notWorse == 0 && !tr.certifies) { // what cannot roll back does not promote
		tr.trouble = CannotJudge
		tr.reason = "no bucket bound of this histogram can prove anything with this traffic; add bounds near the latencies that matter"
	}
}

// shiftBounds sets the null ratio of each bound for a slowdown by delta. For the bounds
// of a native histogram it is a whole number of buckets, where one is near, and then
// delta is set to that and it reports true.
func (h *histogram) shiftBounds(delta *float64) bool {
	ratios, slowdown, whole := sequential.WholeShift(h.prior.Bounds, h.exceed, *delta)
	if whole {
		h.shift, *delta = ratios, slowdown
		return true
	}
	h.shift = sequential.ShiftRatio(nil, h.prior.Bounds, h.exceed, *delta)
	return false
}

// histogram is the work space of one latency metric.
type histogram struct {
	tr    *trial
	c, b  pool
	s     sharpness
	prior *Prior
	width int

	base   []sequential.CountBlock // requests of the paired blocks
	work   []sequential.CountBlock // the blocks of one bound
	exceed []float64               // baseline exceedance of each bound, from the prior
	shift  []float64               // null ratio of each bound at the tolerance

	luck  []float64   // of each block, see podLuck
	grids [][]float64 // alternatives of each bound
	phis  [][]float64 // dispersion of the bounds of quantiles, after each block

	certain   []float64 // promote null ratio of each bound
	quantiles [3]int    // the bounds next to p50, p95 and p99 that can certify, or -1

	whole   bool // bounds are shifted by a whole number of buckets
	streams int  // usable streams, the mean among them
	mean    meanStream
	best    int     // bound with the most evidence
	bestE   float64 // its evidence
	bestPhi float64
}

// stream returns the paired counts of bound k. A block in which either arm lacks
// the bound is left out. The slice is reused by the next call.
func (h *histogram) stream(k int) []sequential.CountBlock {
	h.work = append(h.work[:0], h.base...)
	for t := range h.work {
		b := &h.work[t]
		if b.Nc == 0 {
			continue
		}
		b.Xc, b.Xb = h.c.over[t*h.width+k], h.b.over[t*h.width+k]
		if math.IsNaN(b.Xc) || math.IsNaN(b.Xb) {
			*b = sequential.CountBlock{A: 1}
		}
	}
	return h.work
}

// rollback averages the evidence of all usable bounds, and that average with the mean.
func (h *histogram) rollback(delta float64) {
	total := sequential.NewSum(len(h.base))
	h.best, h.bestE = -1, math.Inf(-1)
	h.grids = sequential.WorseGrids(h.prior.Bounds, h.exceed, delta)
	h.phis = make([][]float64, h.width)
	phi := make([]float64, len(h.base))
	for k := range h.exceed {
		use := h.prior.Streams[k].Use
		if use == "" {
			continue
		}
		blocks := h.stream(k)
		counts, floor := h.upCounts(k, use)
		h.setBoundNull(blocks, k, math.Log(h.shift[k]), true)
		phi = h.s.phi(phi, h.prior.dispersion(k, floor), blocks)
		if e := total.AddCounts(counts, blocks, phi); e > h.bestE {
			h.best, h.bestE, h.bestPhi = k, e, lastPhi(phi)
		}
		if slices.Contains(h.quantiles[:], k) {
			h.phis[k] = slices.Clone(phi)
		}
	}
	h.mean = newMeanStream(h, h.tr.m.Tolerance.Relative*h.s.scale)
	h.streams = total.Processes()
	h.tr.worse = total.Mean()
	if h.mean.ok && !h.s.exact { // a mean has no exact evidence
		h.streams++
		h.tr.worse = halves(h.tr.worse, h.mean.worse)
	}
}

// halves gives half of the stake to "some part is slower", which is the bounds', and
// half to "everything is slower", which is the mean's.
func halves(bounds, mean []float64) []float64 {
	if bounds == nil {
		return mean
	}
	both := sequential.NewSum(len(bounds))
	both.Add(bounds)
	both.Add(mean)
	return both.Mean()
}

// upCounts returns how bound k is judged on the rollback side, and the floor of its
// dispersion.
func (h *histogram) upCounts(k int, use string) (sequential.Counts, float64) {
	if use == useRare {
		predictBound(h.work, h.prior, h.b, boundAt{k, h.width})
		return sequential.Counts{Side: sequential.Worse, D: rareTolerance, Restarts: true}, 1
	}
	return sequential.Counts{Side: sequential.Worse, Restarts: true, Grid: h.grids[k]}, 1 - h.exceed[k]
}

type boundAt struct{ k, width int }

// predictBound sets the predicted exceedance of a rare bound.
func predictBound(blocks []sequential.CountBlock, prior *Prior, b pool, at boundAt) {
	room := make([]float64, 2*len(b.n))
	n, x := room[:len(b.n)], room[len(b.n):]
	for t := range x {
		if v := b.over[t*at.width+at.k]; !math.IsNaN(v) {
			n[t], x[t] = b.n[t], v
		}
	}
	pi := sequential.Predict(prior.Total, prior.Total*prior.Streams[at.k].Exceed, n, x)
	for t := range blocks {
		blocks[t].Pi = pi[t]
	}
}

// setBoundNull sets the boundary of bound k: the shifted baseline, widened for the
// luck of the pods on the rollback side and narrowed on the promote side.
func (h *histogram) setBoundNull(blocks []sequential.CountBlock, k int, logRatio float64, up bool) {
	z, plain := h.s.zRollback, math.Exp(logRatio)
	if !up {
		z = h.s.zPromote
	}
	reach := max(h.prior.podsOf(k, defaultPodSeries, maxPodLatency).Reach(z), 0)
	for t := range blocks {
		if blocks[t].Nc == 0 {
			continue
		}
		switch luck := reach * h.luck[t]; {
		case !up:
			blocks[t].A = math.Exp(logRatio - luck)
		case luck > logRatio:
			blocks[t].A = math.Exp(luck)
		default:
			blocks[t].A = plain
		}
	}
}

// podLuck returns √(1/kc+1/kb) of each block: what the luck of pods is multiplied by.
// It is 0 where pods are not known, or are to be left out of account.
func podLuck(c, b pool, s sharpness) []float64 {
	out := make([]float64, len(c.pods))
	for t := range out {
		if kc, kb := c.pods[t], b.pods[t]; kc > 0 && kb > 0 && !s.ignorePods {
			out[t] = math.Sqrt(1/kc + 1/kb)
		}
	}
	return out
}

// promote takes the least evidence over the bounds next to p50, p95 and p99 that
// can certify; where one of them cannot, the mean must.
func (h *histogram) promote() {
	margin := h.tr.m.Margin.Relative * h.s.scale
	least, bounds, mean := math.Inf(1), 0, false
	for i, k := range h.quantiles {
		if k < 0 {
			mean = true
			continue
		}
		if slices.Contains(h.quantiles[:i], k) {
			continue
		}
		blocks := h.stream(k)
		h.setBoundNull(blocks, k, math.Log(h.certain[k]), false)
		if lastNull(blocks) <= 1 {
			mean = true
			continue
		}
		down := sequential.Counts{
			Side: sequential.NotWorse,
			Grid: sequential.NotWorseGrid(h.prior.Bounds, h.exceed, margin, k),
		}
		least = math.Min(least, last(down.Evidence(nil, blocks, h.phis[k])))
		bounds++
	}
	if mean || bounds == 0 {
		if !h.mean.ok || !h.mean.certifies {
			h.tr.cannot = h.mean.cannot
			return
		}
		least = math.Min(least, h.mean.notWorse)
	}
	h.tr.certifies, h.tr.notWorse = true, least
}

// certifier returns the bound that can certify quantile q: the one whose baseline
// exceedance is nearest to 1-q on the log scale, among those that can certify at
// all. Bounds further than a factor 4 away do not speak of that quantile.
func (h *histogram) certifier(q float64, ratios []float64) int {
	best, far := -1, math.Log(4)
	for k, ex := range h.exceed {
		if h.prior.Streams[k].Use != useScale || ratios[k] <= 1 || ex <= 0 {
			continue
		}
		if d := math.Abs(math.Log(ex / (1 - q))); d < far {
			best, far = k, d
		}
	}
	return best
}

// describe fills in the effect: the ratio of means with its interval, the
// quantiles, and the bound that contributed most.
func (h *histogram) describe() {
	tr := h.tr
	e := &Effect{
		Unit: tr.m.Unit, Blocks: tr.paired, Dispersion: h.bestPhi,
		CanaryRequests: tr.canaryN, BaselineRequests: tr.baselineN,
		Limit: fmt.Sprintf("%s×", number(1+tr.m.Tolerance.Relative*h.s.scale)),
	}
	h.mean.describe(e, h.s)
	q := tr.m.Reading.Quantile
	if q <= 0 || q >= 1 {
		q = 0.99
	}
	qc, qb := quantile(q, h.prior.Bounds, sums(h.c, h.base, h.width)), quantile(q, h.prior.Bounds, sums(h.b, h.base, h.width))
	if tr.paired > 0 && qc > 0 && qb > 0 {
		tr.details = fmt.Sprintf("p%s %s against %s", number(q*100), withUnit(qc, tr.m.Unit), withUnit(qb, tr.m.Unit))
	}
	if h.best >= 0 && h.bestE > 0 { // a bound that speaks against the canary
		h.describeBest(e)
	}
	tr.effect = e
}

// describeBest words the bound with the most evidence.
func (h *histogram) describeBest(e *Effect) {
	var xc, nc, expected float64
	for _, k := range h.stream(h.best) {
		if k.Nc == 0 {
			continue
		}
		xc += k.Xc
		nc += k.Nc
		expected += k.Nc * k.Xb / k.Nb
	}
	bound := withUnit(h.prior.Bounds[h.best], h.tr.m.Unit)
	e.Contributor = "slower than " + bound
	if !h.s.exact {
		e.PodSpread = h.prior.Streams[h.best].Pod
	}
	if expected <= 0 {
		h.tr.details = joinDetails(h.tr.details, fmt.Sprintf("%s of %s canary requests were slower than %s, none of the baseline's",
			count(xc), count(nc), bound))
		return
	}
	h.tr.details = joinDetails(h.tr.details, fmt.Sprintf("requests slower than %s are %s× as frequent, and a slowdown at the tolerance would make them %s×",
		bound, number(xc/expected), number(h.shift[h.best])))
}

// sums adds up an arm's requests and exceedances over the paired blocks.
func sums(p pool, paired []sequential.CountBlock, width int) []float64 {
	out := make([]float64, width+1)
	for t := range paired {
		if paired[t].Nc == 0 {
			continue
		}
		at := p.over[t*width : (t+1)*width]
		if hasNaN(at) {
			continue
		}
		out[width] += p.n[t]
		for k, v := range at {
			out[k] += v
		}
	}
	return out
}

// quantile interpolates linearly inside the bucket that holds it, as
// histogram_quantile does. over holds the exceedances of each bound and, last, the
// number of observations. It returns 0 where there are none.
func quantile(q float64, bounds, over []float64) float64 {
	n := over[len(bounds)]
	if n <= 0 {
		return 0
	}
	rank, below, low := q*n, 0.0, 0.0
	for k, x := range bounds {
		upto := n - over[k]
		if upto >= rank {
			if upto <= below {
				return x
			}
			return low + (x-low)*(rank-below)/(upto-below)
		}
		below, low = upto, x
	}
	return low
}

func hasNaN(v []float64) bool {
	for _, x := range v {
		if math.IsNaN(x) {
			return true
		}
	}
	return false
}
