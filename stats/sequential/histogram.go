package sequential

import (
	"math"
	"sort"
)

// Bounds of the null ratios and of the grid's distances (STATISTICS §3.4).
const (
	leastExceed   = 1e-7
	greatestRatio = 50
	leastStep     = 1.02 // least and greatest ratio between an alternative and the null
	greatestStep  = 20
	rounding      = 1e-9 // slack of comparisons between bounds
)

// ShiftRatio writes the null ratios for "no slower than 1+δ times the baseline" to
// dst, which is grown as needed: r0_k = S(x_k/(1+δ))/S(x_k), by how much more often
// bound x_k is exceeded when every latency is stretched by 1+δ. S is interpolated
// linearly in (log x, logit S), beyond the outer bounds with the slope of the
// nearest two, and r0 is clipped to [1, 50].
//
// bounds holds x_1 < x_2 < … without +Inf, exceed the baseline's fraction S of
// requests above each, in [0, 1] and falling (a rise is levelled). A bound at or
// below 0 does not move, nor does +Inf: 1. Where there is no slope to be had, that is with a single
// positive bound, the ratio is 50, which nothing reaches.
func ShiftRatio(dst, bounds, exceed []float64, delta float64) []float64 {
	dst = resize(dst, len(bounds))
	var room [64]point
	curve := newCurve(room[:0], bounds, exceed)
	for k, x := range bounds {
		dst[k] = curve.ratio(x, delta)
	}
	return dst
}

// WholeShift returns the null ratios of [ShiftRatio] for the bounds of a native
// histogram, without interpolation, and the slowdown that they stand for: the whole
// number n of buckets, each 2^(2^-schema) times as wide, that is nearest to 1+δ (schema
// 3: one bucket, 9.05 %; two, 18.9 %). r0_k = S(x_j)/S(x_k), x_j the greatest bound at or
// below x_k shifted down by n buckets, which is that bound itself unless it was never
// used; below all bounds S is taken to be 1. Both only make r0 greater.
//
// It reports false where the bounds are not on the grid of a schema between 0 and 8, or
// where no whole number of buckets is within a fifth of δ on the log scale.
func WholeShift(bounds, exceed []float64, delta float64) (ratios []float64, slowdown float64, whole bool) {
	n, bucket := wholeBuckets(bounds, delta)
	if n == 0 || len(exceed) != len(bounds) {
		return nil, 0, false
	}
	ratios = make([]float64, len(bounds))
	for k, x := range bounds {
		down := x * math.Exp(-float64(n)*bucket)
		j := sort.Search(len(bounds), func(i int) bool { return bounds[i] > down*(1+rounding) }) - 1
		above := 1.0
		if j >= 0 {
			above = exceed[j]
		}
		ratios[k] = greatestRatio
		if exceed[k] > 0 {
			ratios[k] = math.Min(math.Max(above/exceed[k], 1), greatestRatio)
		}
	}
	return ratios, math.Expm1(float64(n) * bucket), true
}

// wholeBuckets returns by how many buckets of which log width a slowdown shifts
// bounds; 0 buckets where that is no whole number, or bounds are on no such grid.
func wholeBuckets(bounds []float64, delta float64) (n int, bucket float64) {
	if len(bounds) < 2 || !(bounds[0] > 0) || !(delta > 0) {
		return 0, 0
	}
	const finest, off = 8, 1e-6
	for schema := 0; schema <= finest; schema++ {
		bucket = math.Ln2 * math.Exp2(-float64(schema))
		on := true
		for k := 1; k < len(bounds) && on; k++ {
			steps := math.Log(bounds[k]/bounds[k-1]) / bucket
			on = steps > .5 && math.Abs(steps-math.Round(steps)) < off
		}
		if !on {
			continue
		}
		n = int(math.Round(math.Log1p(delta) / bucket))
		if n == 0 || math.Abs(float64(n)*bucket/math.Log1p(delta)-1) > .2 {
			return 0, 0
		}
		return n, bucket
	}
	return 0, 0
}

// PromoteRatio writes the null ratios for the promote side to dst, which is grown
// as needed, without interpolation: r0_k = S(x_j)/S(x_k), x_j the smallest bound at
// or above x_k/(1+δ). A canary that is 1+δ times slower exceeds x_k at least that
// often, whatever the shape between the bounds. It is 1 where x_j is x_k itself, or
// nothing exceeds x_k: there the bound cannot certify anything.
func PromoteRatio(dst, bounds, exceed []float64, delta float64) []float64 {
	dst = resize(dst, len(bounds))
	n := min(len(bounds), len(exceed))
	for k := range bounds {
		dst[k] = 1
		if k >= n || !(bounds[k] > 0) || !(exceed[k] > 0) || !(delta > 0) {
			continue
		}
		need := bounds[k] / (1 + delta) * (1 - rounding)
		j := sort.SearchFloat64s(bounds[:k], need)
		if r := exceed[j] / exceed[k]; r > 1 {
			dst[k] = math.Min(r, greatestRatio)
		}
	}
	return dst
}

// WorseGrid returns the distances of the alternatives from the null for bound k on
// side [Worse], as log ratios: what a further stretch of the latencies by 1.1, 1.25,
// 1.6 and 2.5 beyond 1+δ would make of the exceedance, clipped to [1.02, 20]. It is
// nil where there is no bound k.
func WorseGrid(bounds, exceed []float64, delta float64, k int) []float64 {
	if k < 0 || k >= len(bounds) {
		return nil
	}
	return newCurve(nil, bounds, exceed).worseGrid(nil, bounds[k], delta)
}

// WorseGrids returns [WorseGrid] of every bound.
func WorseGrids(bounds, exceed []float64, delta float64) [][]float64 {
	var room [64]point
	curve := newCurve(room[:0], bounds, exceed)
	out, all := make([][]float64, len(bounds)), make([]float64, 0, worseSteps*len(bounds))
	for k, x := range bounds {
		from := len(all)
		all = curve.worseGrid(all, x, delta)
		out[k] = all[from:len(all):len(all)]
	}
	return out
}

// worseSteps is how many alternatives a bound has on side [Worse].
const worseSteps = 4

// worseGrid adds the alternatives of a bound at x to grid.
func (c curve) worseGrid(grid []float64, x, delta float64) []float64 {
	null := c.ratio(x, delta)
	for _, m := range [worseSteps]float64{1.1, 1.25, 1.6, 2.5} {
		grid = append(grid, step(c.ratio(x, (1+delta)*m-1)/null))
	}
	return grid
}

// NotWorseGrid returns the same on side [NotWorse]: the canary is 1.1 and 1.25 times
// faster than the margin 1+δ, and as fast as the baseline.
func NotWorseGrid(bounds, exceed []float64, delta float64, k int) []float64 {
	if k < 0 || k >= len(bounds) {
		return nil
	}
	curve, x := newCurve(nil, bounds, exceed), bounds[k]
	null := PromoteRatio(nil, bounds, exceed, delta)[k]
	grid := make([]float64, 0, 3)
	for _, m := range [...]float64{1.1, 1.25} {
		grid = append(grid, step(null/curve.ratio(x, math.Max((1+delta)/m-1, 0))))
	}
	if equal := step(null); equal > grid[1]*1.05 {
		grid = append(grid, equal)
	}
	return grid
}

// step returns the log of a ratio, clipped.
func step(ratio float64) float64 {
	return math.Log(math.Min(math.Max(ratio, leastStep), greatestStep))
}

// point is a bound on the scales on which S is interpolated.
type point struct{ logX, logit float64 }

// curve is the baseline's exceedance as a function of latency.
type curve []point

func newCurve(room []point, bounds, exceed []float64) curve {
	c := curve(room)
	least := 1 - leastExceed
	for k := range min(len(bounds), len(exceed)) {
		s := exceed[k]
		if math.IsNaN(s) {
			s = least
		}
		least = math.Min(least, math.Max(s, leastExceed))
		if positive(bounds[k]) && (len(c) == 0 || math.Log(bounds[k]) > c[len(c)-1].logX) {
			c = append(c, point{math.Log(bounds[k]), math.Log(least / (1 - least))})
		}
	}
	return c
}

// ratio returns S(x/(1+delta))/S(x), clipped.
func (c curve) ratio(x, delta float64) float64 {
	if !positive(x) || !(delta > 0) {
		return 1
	}
	if len(c) < 2 || math.IsInf(delta, 1) {
		return greatestRatio
	}
	at := math.Log(x)
	r := expit(c.logit(at-math.Log1p(delta))) / expit(c.logit(at))
	return math.Min(math.Max(r, 1), greatestRatio)
}

// logit returns the interpolated logit of S at log latency x.
func (c curve) logit(x float64) float64 {
	k := sort.Search(len(c)-1, func(k int) bool { return c[k].logX >= x })
	k = max(k, 1)
	a, b := c[k-1], c[k]
	return a.logit + (b.logit-a.logit)*(x-a.logX)/(b.logX-a.logX)
}

func expit(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
