package sequential

import "math"

// RatioInterval returns a confidence sequence for the ratio r = p_c/p_b at its end,
// by inversion of the process without restarts: low is the greatest r whose null
// "p_c <= r·p_b" has evidence of 1/alphaLow against it, high the least whose null
// "p_c >= r·p_b" has 1/alphaHigh. The true ratio, if it is constant, is ever below
// low with probability at most alphaLow, and above high with at most alphaHigh, if
// phi is 1; phi tempers as in [Counts.Evidence], and here is one number, the newest.
// A and Pi of the blocks are not used. It is what the verdict rests on, with the
// same grid, so it does not shrink below half of the grid's least distance, 4 %.
//
// Where nothing bounds it, and for an alpha outside (0, 1), low is 0 and high +Inf.
func RatioInterval(blocks []CountBlock, phi, alphaLow, alphaHigh float64) (low, high float64) {
	if !positive(phi) {
		return 0, math.Inf(1)
	}
	var room [128]riskBlock
	r := newRatioRisk(room[:0], blocks)
	scale := math.Sqrt(phi / max(r.information(), .1))
	low = math.Exp(search{
		excess: r.excess(Worse, phi, alphaLow), from: r.center, step: -scale, limit: r.center - 50,
	}.crossing())
	high = math.Exp(search{
		excess: r.excess(NotWorse, phi, alphaHigh), from: r.center, step: scale, limit: r.center + 50,
	}.crossing())
	return low, high
}

// riskBlock is a block as the ratio sees it.
type riskBlock struct{ odds, m float64 } // Nc/Nb; events of both arms

// ratioRisk computes conditional evidence at any ratio.
type ratioRisk struct {
	blocks []riskBlock
	xc     float64 // events of the canary
	center float64 // log of the fitted ratio
}

func newRatioRisk(room []riskBlock, blocks []CountBlock) *ratioRisk {
	r := &ratioRisk{blocks: room}
	var fit ratioFit
	for _, b := range blocks {
		if b.counted() && b.Xc+b.Xb > 0 {
			fit.add(b.Xc, b.Xb, b.share())
			r.xc += b.Xc
			r.blocks = append(r.blocks, riskBlock{b.Nc / b.Nb, b.Xc + b.Xb})
		}
	}
	r.center = math.Log(fit.ratio())
	return r
}

// information returns Σ Mθ(1-θ) at the fitted ratio.
func (r *ratioRisk) information() float64 {
	sum, ratio := 0.0, math.Exp(r.center)
	for _, b := range r.blocks {
		theta := 1 / (1 + 1/(b.odds*ratio))
		sum += b.m * theta * (1 - theta)
	}
	return sum
}

// excess returns log E - log 1/α as a function of the log ratio.
func (r *ratioRisk) excess(side Side, phi, alpha float64) func(float64) float64 {
	if !(alpha > 0 && alpha < 1) {
		return func(float64) float64 { return -1 }
	}
	standard := defaultGrid()
	c := Counts{Side: side}
	tilts := c.tilts(nil, standard[:])
	return func(logRatio float64) float64 {
		var sums [len(standard)]float64
		for i, alt := range tilts {
			sums[i] = alt.g * r.xc
		}
		ratio := math.Exp(logRatio)
		for _, b := range r.blocks {
			theta := 1 / (1 + 1/(b.odds*ratio))
			for i, alt := range tilts {
				sums[i] -= b.m * log1p(theta*alt.less)
			}
		}
		return logMean(sums[:], 1/phi) + math.Log(alpha)
	}
}

// search looks for where excess becomes positive, going from a point in steps of
// growing size towards a limit.
type search struct {
	excess      func(float64) float64
	from        float64
	step, limit float64 // step < 0 searches downwards
}

// crossing returns the point, or ±Inf in the direction of the step if there is none
// before the limit. It is usually 2 to 4 standard errors away.
func (s search) crossing() float64 {
	inner, width := s.from+2*s.step, 2*s.step
	at := s.excess(inner)
	if at >= 0 {
		return s.inwards(inner, at)
	}
	for range 200 { // doubling, the limit comes long before
		outer := inner + width
		next := s.excess(outer)
		if next >= 0 {
			return findRoot(s.excess, bracket{low: inner, high: outer, atLow: at, atHigh: next, tolerance: rootTolerance})
		}
		if math.Abs(outer-s.from) >= math.Abs(s.limit-s.from) {
			break
		}
		inner, at, width = outer, next, 2*width
	}
	return math.Inf(int(math.Copysign(1, s.step)))
}

// inwards is crossing for an outer point that is beyond it already, as where the
// fit is not the most likely point. Steps may pass the fit.
func (s search) inwards(outer, at float64) float64 {
	width := 2 * s.step
	for range 60 {
		inner := outer - width
		next := s.excess(inner)
		if next < 0 {
			return findRoot(s.excess, bracket{low: inner, high: outer, atLow: next, atHigh: at, tolerance: rootTolerance})
		}
		outer, at, width = inner, next, 2*width
	}
	return outer
}

// rootTolerance is that of interval ends: far below what is shown.
const rootTolerance = 1e-8

// DifferenceInterval returns a confidence sequence for the difference p_c - p_b at
// its end, by inversion as in [RatioInterval]: of the nulls "p_c <= p_b + d" for low
// and "p_c >= p_b + d" for high. Pi of the blocks is used, A is not. It is -Inf and
// +Inf where nothing bounds it. Its ends are the crossings nearest to the estimate;
// with a Pi that is far off the evidence may fall again beyond them, so its coverage
// is that of a good prediction. It costs about six times what the ratio's does.
func DifferenceInterval(blocks []CountBlock, phi, alphaLow, alphaHigh float64) (low, high float64) {
	if !positive(phi) {
		return math.Inf(-1), math.Inf(1)
	}
	center, sd, rate := riskDifference(blocks)
	step := sd * math.Sqrt(phi)
	limit := 1e3 * (rate + step)
	low = search{
		excess: differenceExcess(blocks, Worse, phi, alphaLow), from: center, step: -step, limit: center - limit,
	}.crossing()
	high = search{
		excess: differenceExcess(blocks, NotWorse, phi, alphaHigh), from: center, step: step, limit: center + limit,
	}.crossing()
	if low > high {
		// No difference fits: it was not constant. The middle is the least wrong.
		low = (low + high) / 2
		high = low
	}
	return low, high
}

// riskDifference returns the Mantel–Haenszel difference of the rates, its standard
// error for Poisson counts, and the greater of the rates' bounds from above.
func riskDifference(blocks []CountBlock) (center, sd, rate float64) {
	var weight, variance, nc, nb, xc, xb float64
	for _, b := range blocks {
		if !b.counted() {
			continue
		}
		w := b.Nc * b.share() * (b.Nb / b.Nc) // NcNb/(Nc+Nb)
		weight += w
		center += w * (b.Xc/b.Nc - b.Xb/b.Nb)
		variance += w * w * (b.Xc/b.Nc/b.Nc + b.Xb/b.Nb/b.Nb)
		nc, nb, xc, xb = nc+b.Nc, nb+b.Nb, xc+b.Xc, xb+b.Xb
	}
	if weight == 0 {
		return 0, 1, 1
	}
	sd = math.Sqrt(variance/weight/weight + .25/nc/nc + .25/nb/nb)
	return center / weight, sd, math.Max((xc+5)/nc, (xb+5)/nb)
}

// differenceExcess returns log E - log 1/α as a function of the difference.
func differenceExcess(blocks []CountBlock, side Side, phi, alpha float64) func(float64) float64 {
	if !(alpha > 0 && alpha < 1) {
		return func(float64) float64 { return -1 }
	}
	standard := defaultGrid()
	c := Counts{Side: side}
	tilts := c.tilts(nil, standard[:])
	return func(d float64) float64 {
		var sums [len(standard)]float64
		c.D = d
		for _, b := range blocks {
			b.A = 1
			c.add(sums[:], &b, tilts)
		}
		return logMean(sums[:], 1/phi) + math.Log(alpha)
	}
}
