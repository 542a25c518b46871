package sequential

import "math"

// leastBlocks is how many blocks a pod must have been there for to be compared.
const leastBlocks = 10

// CountPlacebo is what the pods of one arm, each compared with the rest of them
// over the pre-period, say about a count stream when nothing is wrong.
type CountPlacebo struct {
	Phi    float64 // dispersion φ0: the greatest of those at 1, 3 and 5 blocks; 0 if it cannot be estimated
	Pod    float64 // σ̂_pod: sd of the persistent differences of log rates between pods
	DF     float64 // degrees of freedom of Pod
	Exceed float64 // the fraction of requests that is counted, over all pods and blocks
	Blocks int     // blocks in which at least two pods were there
	Pods   int     // pods that were there for at least 10 of them
}

// PlaceboCounts compares every pod with all pods together: n[i][t] requests and
// x[i][t] events of pod i in block t; NaN in either is a gap. Per pod
//
//	r = (Σ X(1-ρ) + ½)/(Σ (M-X)ρ + ½),  p = ρr/(ρr+1-ρ),  v = M·p·(1-p),  e = X - M·p
//
// where M_t is all events of the block and ρ_t the pod's share of its requests, and
//
//	φ_L = Σ (Σ_L e)² / Σ v · B/(B-1)
//	σ̂²_pod = max(0, Var(log((Σ X + ½)/(Σ M·ρ + ½))) - mean(φ0/Σ M·ρ))
//
// over groups of L = 1, 3, 5 blocks, B to a pod. The residuals are taken about the
// pod's ratio to the rest, the variance is that of ratios to the whole, whose
// differences are the pods' own. Fewer than two pods with at least
// 10 blocks leave Phi and DF at 0: then use the defaults.
func PlaceboCounts(n, x [][]float64) CountPlacebo {
	total := sumPods(n, x)
	out := CountPlacebo{Exceed: total.rate(), Blocks: total.blocks}
	var fits [3]placeboFit
	for i, length := range lengths() {
		fits[i].blocks = length
	}
	var logs moments
	var inverse float64 // Σ 1/(expected events)
	for i := range min(len(n), len(x)) {
		p := total.pod(n[i], x[i])
		if p.blocks < leastBlocks {
			continue
		}
		out.Pods++
		logs.add(math.Log((p.events + .5) / (p.expected + .5)))
		inverse += 1 / math.Max(p.expected, .5)
		for k := range fits {
			fits[k].add(total, p)
		}
	}
	if out.Pods < 2 {
		return out
	}
	for _, f := range fits {
		out.Phi = math.Max(out.Phi, f.phi())
	}
	out.DF = float64(out.Pods - 1)
	out.Pod = math.Sqrt(math.Max(logs.variance()-out.Phi*inverse/float64(out.Pods), 0))
	return out
}

// podTotals holds the sums over pods in each block.
type podTotals struct {
	n, x   []float64
	blocks int
}

// present reports whether pod values are a sample, not a gap.
func present(n, x float64) bool { return atLeast0(n) && atLeast0(x) }

func sumPods(n, x [][]float64) podTotals {
	length := 0
	for i := range n {
		length = max(length, len(n[i]))
	}
	t := podTotals{n: make([]float64, length), x: make([]float64, length)}
	for block := range length {
		pods := 0
		for i := range n {
			if i < len(x) && block < min(len(n[i]), len(x[i])) && present(n[i][block], x[i][block]) {
				t.n[block] += n[i][block]
				t.x[block] += x[i][block]
				pods++
			}
		}
		if pods < 2 {
			t.n[block] = 0 // nobody to compare with
			continue
		}
		t.blocks++
	}
	return t
}

func (t podTotals) rate() float64 {
	n, x := 0.0, 0.0
	for i := range t.n {
		if t.n[i] > 0 {
			n += t.n[i]
			x += t.x[i]
		}
	}
	if n == 0 {
		return 0
	}
	return x / n
}

// podSeries is one pod with what it should have had.
type podSeries struct {
	n, x     []float64
	events   float64 // Σ X
	expected float64 // Σ M·ρ
	fit      ratioFit
	blocks   int
}

func (t podTotals) pod(n, x []float64) podSeries {
	p := podSeries{n: n, x: x}
	for i := range min(len(n), len(x)) {
		if !(t.n[i] > 0) || !present(n[i], x[i]) {
			continue
		}
		share := n[i] / t.n[i]
		p.events += x[i]
		p.expected += t.x[i] * share
		p.fit.add(x[i], t.x[i]-x[i], share)
		p.blocks++
	}
	return p
}

// placeboFit gathers squared residuals over groups of blocks.
type placeboFit struct {
	blocks       int
	squares, sum float64
}

func (f *placeboFit) add(t podTotals, p podSeries) {
	r := p.fit.ratio()
	var squares, e, v float64
	filled, groups := 0, 0
	for i := range min(len(p.n), len(p.x)) {
		if t.n[i] <= 0 || !present(p.n[i], p.x[i]) {
			continue
		}
		u := p.n[i] / t.n[i] * r
		share := u / (u + 1 - p.n[i]/t.n[i])
		e += p.x[i] - t.x[i]*share
		v += t.x[i] * share * (1 - share)
		if filled++; filled == f.blocks {
			squares += e * e
			f.sum += v
			e, v, filled = 0, 0, 0
			groups++
		}
	}
	if groups > 1 {
		f.squares += squares * float64(groups) / float64(groups-1)
	}
}

// phi returns the dispersion, or 0 if nothing varied.
func (f *placeboFit) phi() float64 {
	if f.sum <= noVariance {
		return 0
	}
	return f.squares / f.sum
}
