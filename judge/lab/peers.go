package lab

import (
	"math"

	"github.com/serin-canary/serin/stats/sequential"
)

// peer is a rule as other tools apply it, asked every minute of the same numbers
// as the product. What it has not rolled back after an hour it promotes.
type peer struct {
	rule  string
	about string
	// fires reports after which minute (1 to 60) it rolls back; 0 is never.
	fires func(*exhibit) int
}

func peers() []peer {
	return []peer{
		{"kayenta-any", "any of four metrics High to Kayenta's own judge, asked every minute from minute 5", func(x *exhibit) int { return x.kayenta(5, 1, 1) }},
		{"kayenta-any-10m", "the same, asked every ten minutes", func(x *exhibit) int { return x.kayenta(10, 10, 1) }},
		{"kayenta-any-once", "the same, asked once after an hour", func(x *exhibit) int { return x.kayenta(runBlocks, 1, 1) }},
		{"kayenta-score", "two of the four metrics High (score below 75), asked every minute from minute 5", func(x *exhibit) int { return x.kayenta(5, 1, 2) }},
		{"kayenta-score-once", "the same, asked once after an hour", func(x *exhibit) int { return x.kayenta(runBlocks, 1, 2) }},
		{"flagger", "five failed minutes: success below 99% or p99 above 500ms", func(x *exhibit) int { return x.flagger(.01, .5) }},
		{"flagger-tuned", "the same with twice the error rate (at least 1%) and 1.3 times the p99 of the hour before", (*exhibit).flaggerTuned},
		{"argo-95", "four minutes with a success rate below 95%", func(x *exhibit) int { return x.count(4, func(t int) bool { return x.errors[canary][t] > .05 }) }},
		{"argo-99", "four minutes with a success rate below 99%", func(x *exhibit) int { return x.count(4, func(t int) bool { return x.errors[canary][t] > .01 }) }},
		{"z-peeking", "a one-sided 5% z-test on error rates, every minute", func(x *exhibit) int { return x.z(1) }},
		{"z-once", "the same z-test, once after an hour", func(x *exhibit) int { return x.z(runBlocks) }},
		{"sequential-plain", "an anytime-valid test on errors that knows neither overdispersion nor tolerance", (*exhibit).sequential},
	}
}

// exhibit is what a run looks like to other tools: one value a minute, metric and
// arm, through both hours. A minute without data is a gap (not a number).
type exhibit struct {
	world       *world
	errors      [2][]float64
	median, p99 [2][]float64
	cpu         [2][]float64
	highs       [runBlocks + 1]int // metrics High after each minute; -1 where not asked yet
	kayentas    kayentaRule
}

func (x *exhibit) show(w *world) {
	x.world = w
	for i := range w.arms {
		t := &w.arms[i].total
		x.errors[i] = ratios(x.errors[i], t.seen, t.n)
		x.cpu[i] = t.v
		x.median[i] = quantiles(x.median[i], w.bounds, t, .5)
		x.p99[i] = quantiles(x.p99[i], w.bounds, t, .99)
	}
	for t := range x.highs {
		x.highs[t] = -1
	}
}

func ratios(dst, x, n []float64) []float64 {
	dst = dst[:0]
	for t := range x {
		dst = append(dst, x[t]/n[t])
	}
	return dst
}

// quantiles is histogram_quantile for each minute.
func quantiles(dst, limits []float64, t *totals, q float64) []float64 {
	dst = dst[:0]
	for b, n := range t.n {
		dst = append(dst, quantile(limits, t.over[b*len(limits):(b+1)*len(limits)], n, q))
	}
	return dst
}

// quantile interpolates within the bucket that holds the q-th part of n
// observations, as Prometheus does; in the last bucket it is the highest bound.
func quantile(limits, over []float64, n, q float64) float64 {
	if !(n > 0) || len(limits) == 0 {
		return math.NaN()
	}
	rank, low, before := q*n, 0.0, 0.0
	for k, high := range limits {
		upTo := n - over[k]
		if upTo >= rank {
			if upTo == before {
				return high
			}
			return low + (high-low)*(rank-before)/(upTo-before)
		}
		low, before = high, upTo
	}
	return limits[len(limits)-1]
}

// count returns the minute in which something has happened so many times.
func (x *exhibit) count(times int, failed func(t int) bool) int {
	for t := preBlocks; t < allBlocks; t++ {
		if failed(t) {
			if times--; times == 0 {
				return t - preBlocks + 1
			}
		}
	}
	return 0
}

func (x *exhibit) flagger(maxErrors, maxP99 float64) int {
	return x.count(5, func(t int) bool { return x.errors[canary][t] > maxErrors || x.p99[canary][t] > maxP99 })
}

func (x *exhibit) flaggerTuned() int {
	before := func(v []float64) float64 {
		var sum, n float64
		for _, y := range v[:preBlocks] {
			if !math.IsNaN(y) {
				sum, n = sum+y, n+1
			}
		}
		return sum / n
	}
	return x.flagger(math.Max(2*before(x.errors[baseline]), .01), 1.3*before(x.p99[baseline]))
}

// kayenta asks from a minute on, every so many minutes, whether enough metrics are High.
func (x *exhibit) kayenta(from, every, enough int) int {
	for t := from; t <= runBlocks; t += every {
		if x.highsAt(t) >= enough {
			return t
		}
	}
	return 0
}

// highsAt counts the metrics that Kayenta calls High after t minutes.
func (x *exhibit) highsAt(t int) int {
	if x.highs[t] < 0 {
		x.highs[t] = 0
		for _, m := range [...]struct {
			values *[2][]float64
			scale  float64
		}{{&x.errors, kayentaPercent}, {&x.median, kayentaMillis}, {&x.p99, kayentaMillis}, {&x.cpu, kayentaPercent}} {
			if x.kayentas.high(m.values[canary][preBlocks:preBlocks+t], m.values[baseline][preBlocks:preBlocks+t], m.scale) {
				x.highs[t]++
			}
		}
	}
	return x.highs[t]
}

// z looks at all requests so far from a minute on.
func (x *exhibit) z(from int) int {
	const oneSided = 1.6448536269514722
	c, b := x.world.arms[canary].total, x.world.arms[baseline].total
	var nc, xc, nb, xb float64
	for t := range runBlocks {
		nc, xc = nc+c.n[preBlocks+t], xc+c.seen[preBlocks+t]
		nb, xb = nb+b.n[preBlocks+t], xb+b.seen[preBlocks+t]
		if t+1 < from || nc == 0 || nb == 0 {
			continue
		}
		p := (xc + xb) / (nc + nb)
		if se := math.Sqrt(p * (1 - p) * (1/nc + 1/nb)); se > 0 && (xc/nc-xb/nb)/se > oneSided {
			return t + 1
		}
	}
	return 0
}

// sequential is the conditional binomial e-process with dispersion 1 and no
// tolerance, at 20:1.
func (x *exhibit) sequential() int {
	c, b := x.world.arms[canary].total, x.world.arms[baseline].total
	blocks := make([]sequential.CountBlock, runBlocks)
	for t := range blocks {
		i := preBlocks + t
		blocks[t] = sequential.CountBlock{Nc: c.n[i], Xc: c.seen[i], Nb: b.n[i], Xb: b.seen[i], A: 1}
	}
	for t, e := range (sequential.Counts{Side: sequential.Worse, Restarts: true}).Evidence(nil, blocks, nil) {
		if e >= math.Log(20) {
			return t + 1
		}
	}
	return 0
}
