package judge

import "github.com/serin-canary/serin/queries"

// pool is one arm's processes taken together, block by block. A block that is not
// ok has no usable number.
type pool struct {
	ok   []bool
	n    []float64 // requests, or the count itself
	x    []float64 // bad among them
	sum  []float64 // sum of observations
	over []float64 // block-major exceedances, bounds wide; NaN where a process lacks the bound
	v    []float64 // mean of a gauge over its processes
	pods []float64 // effective number of processes, (Σn)²/Σn²
}

// pooling says what newPool takes in.
type pooling struct {
	blocks int
	bounds int
	warm   func(process string) int // first block that counts
	skip   func(block int) bool     // blocks that are left out
}

// newPool adds up the warm processes of a frame. A process's gap leaves that
// process out of that block; a block without any process is not ok.
func newPool(f queries.Frame, o pooling) pool {
	p := pool{
		ok: make([]bool, o.blocks), n: make([]float64, o.blocks), x: make([]float64, o.blocks),
		sum: make([]float64, o.blocks), v: make([]float64, o.blocks), pods: make([]float64, o.blocks),
	}
	if o.bounds > 0 {
		p.over = make([]float64, o.blocks*o.bounds)
	}
	squares := make([]float64, o.blocks)
	skip := make([]bool, o.blocks)
	for t := range skip {
		skip[t] = o.skip != nil && o.skip(t)
	}
	for i := range f.Processes {
		p.add(&f.Processes[i], o, lining{squares, skip})
	}
	for t := range p.pods {
		switch {
		case squares[t] > 0:
			p.pods[t] = p.n[t] * p.n[t] / squares[t]
		case p.pods[t] > 0: // a gauge: processes were counted
			p.v[t] /= p.pods[t]
		}
	}
	return p
}

// lining is what the processes of a pool are added up with: Σn² of each block, and
// the blocks that are left out.
type lining struct {
	squares []float64
	skip    []bool
}

func (p *pool) add(pr *queries.Process, o pooling, l lining) {
	from := 0
	if o.warm != nil {
		from = o.warm(pr.Name)
	}
	last := min(o.blocks, max(len(pr.N), len(pr.V)))
	for t := from; t < last; t++ {
		if l.skip[t] {
			continue
		}
		if pr.V != nil {
			if !queries.IsGap(pr.V[t]) {
				p.ok[t] = true
				p.v[t] += pr.V[t]
				p.pods[t]++
			}
			continue
		}
		if queries.IsGap(pr.N[t]) || gapAt(pr.X, t) || gapAt(pr.Sum, t) {
			continue
		}
		p.ok[t] = true
		p.n[t] += pr.N[t]
		l.squares[t] += pr.N[t] * pr.N[t]
		if pr.X != nil {
			p.x[t] += pr.X[t]
		}
		if pr.Sum != nil {
			p.sum[t] += pr.Sum[t]
		}
		p.addOver(pr.Over, t, o.bounds)
	}
}

func gapAt(c queries.Column, t int) bool { return c != nil && queries.IsGap(c[t]) }

// addOver adds a process's exceedances. A bound that the process lacks is a gap for
// the whole arm: a part over the whole would look like an improvement.
func (p *pool) addOver(over queries.Column, t, bounds int) {
	if bounds == 0 {
		return
	}
	dst := p.over[t*bounds : (t+1)*bounds]
	have := over[min(t*bounds, len(over)):min((t+1)*bounds, len(over))]
	for k, v := range have {
		dst[k] += v // a gap stays a gap
	}
	for k := len(have); k < bounds; k++ {
		dst[k] = queries.Gap()
	}
}

// pools returns both arms of a metric over the blocks that may be compared.
func (tl *timeline) pools(f FrozenMetric, bounds int) (c, b pool) {
	skip := func(t int) bool { return !tl.compared(t) }
	n := tl.closed
	c = newPool(f.Canary, pooling{n, bounds, func(s string) int { return tl.warmFrom(canary, s) }, skip})
	b = newPool(f.Baseline, pooling{n, bounds, func(s string) int { return tl.warmFrom(baseline, s) }, skip})
	return c, b
}
