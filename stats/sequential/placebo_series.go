package sequential

import "math"

// SeriesPlacebo is what the pods of one arm, each compared with the mean of the
// rest over the pre-period, say about a gauge when nothing is wrong.
type SeriesPlacebo struct {
	Var    float64 // s0²: variance over time of the contrast of one pod with the mean of the rest
	Rho    float64 // its lag-1 autocorrelation, in [0, 0.95]
	Pod    float64 // σ̂_pod: sd of the pods' persistent differences, in units of the contrast
	DF     float64 // degrees of freedom of Pod
	Scale  float64 // mean of all values; 1 if that is 0
	Skew   float64 // skewness of the contrasts; beyond 2 the t process needs the placebo calibration
	Log    bool    // contrasts are differences of logarithms; else differences over |Scale|
	Blocks int     // blocks in which at least two pods were there
	Pods   int     // pods that were there for at least 10 of them
}

// PlaceboSeries compares every pod with the mean of the rest: v[i][t] is the value
// of pod i in block t, NaN a gap. The contrast is log v - log(mean of the rest)
// where all values are positive, else (v - mean of the rest)/|Scale|. With x_it
// the contrasts, x̄_i their means over time, K pods and f = (1+ρ)/(1-ρ),
//
//	Var = mean over pods of Var_t(x_it),  ρ = mean lag-1 autocorrelation of x_it - x̄_i,
//	σ̂²_pod = max(0, Var_i(x̄_i)·((K-1)/K)² - Var·(K-1)/K·f/T)
//
// where ρ is corrected for its bias of -(1+3ρ)/T (Kendall 1954) and (K-1)/K undoes
// that the rest varies too. Fewer than two pods with at least 10 blocks leave Var
// and DF at 0: then use the defaults.
func PlaceboSeries(v [][]float64) SeriesPlacebo {
	g := readGauge(v)
	out := SeriesPlacebo{Log: g.log, Scale: g.scale, Blocks: g.blocks}
	var means, variances, rhos, lengths moments
	var cubes, squares, count float64
	for i := range v {
		c := g.contrast(v[i])
		if c.n < leastBlocks {
			continue
		}
		out.Pods++
		means.add(c.mean)
		variances.add(c.squares / (c.n - 1))
		lengths.add(c.n)
		if c.squares > 0 {
			rhos.add(c.lagged / c.squares)
		} else {
			rhos.add(0)
		}
		cubes, squares, count = cubes+c.cubes, squares+c.squares, count+c.n
	}
	if out.Pods < 2 {
		return out
	}
	t := lengths.mean
	rho := (t*rhos.mean + 1) / (t - 3)
	out.Rho = math.Min(math.Max(rho, 0), greatestRho)
	out.Var = variances.mean
	k := float64(out.Pods)
	rest := (k - 1) / k
	noise := out.Var * rest * (1 + out.Rho) / (1 - out.Rho) / t
	out.Pod = math.Sqrt(math.Max(means.variance()*rest*rest-noise, 0))
	out.DF = k - 1
	if squares > 0 {
		out.Skew = cubes / count / math.Pow(squares/count, 1.5)
	}
	return out
}

// Contrast returns the prior variance of the contrast of kc canary pods with kb
// baseline pods: Var·(K-1)/K·(1/kc+1/kb). It is 0, which is no prior, where there
// is no estimate or no pod.
func (p SeriesPlacebo) Contrast(kc, kb float64) float64 {
	if p.Pods < 2 || !positive(kc) || !positive(kb) {
		return 0
	}
	k := float64(p.Pods)
	return p.Var * (k - 1) / k * (1/kc + 1/kb)
}

// gauge holds the sums over pods in each block.
type gauge struct {
	sum    []float64
	pods   []int
	log    bool
	scale  float64
	blocks int
}

func readGauge(v [][]float64) gauge {
	length := 0
	for i := range v {
		length = max(length, len(v[i]))
	}
	g := gauge{sum: make([]float64, length), pods: make([]int, length), log: true}
	var all moments
	for i := range v {
		for t, x := range v[i] {
			if !finite(x) {
				continue
			}
			g.sum[t] += x
			g.pods[t]++
			g.log = g.log && x > 0
			all.add(x)
		}
	}
	g.scale = all.mean
	if g.scale == 0 || !finite(g.scale) {
		g.scale = 1
	}
	for _, n := range g.pods {
		if n > 1 {
			g.blocks++
		}
	}
	return g
}

// contrast holds one pod's contrasts: their mean, and sums about it.
type contrast struct{ n, mean, squares, cubes, lagged float64 }

func (g gauge) contrast(v []float64) contrast {
	var c contrast
	for t := range v {
		if x := g.at(t, v[t]); finite(x) {
			c.n++
			c.mean += (x - c.mean) / c.n
		}
	}
	before := math.NaN()
	for t := range v {
		x := g.at(t, v[t]) - c.mean
		if !finite(x) {
			continue
		}
		c.squares += x * x
		c.cubes += x * x * x
		if finite(before) {
			c.lagged += x * before
		}
		before = x
	}
	return c
}

// at returns the contrast of value x with the rest in block t, NaN if there is none.
func (g gauge) at(t int, x float64) float64 {
	if !finite(x) || g.pods[t] < 2 {
		return math.NaN()
	}
	rest := (g.sum[t] - x) / float64(g.pods[t]-1)
	if g.log {
		return math.Log(x / rest)
	}
	return (x - rest) / math.Abs(g.scale)
}
