package power

import (
	"math"
	"math/rand/v2"

	"github.com/serin-canary/serin/queries"
	"gonum.org/v1/gonum/stat/distuv"
)

// dice draws. Two dice of the same seed draw the same.
type dice struct {
	*rand.Rand
	src *rand.PCG
}

func newDice(seed, stream uint64) dice {
	src := rand.NewPCG(seed, stream)
	return dice{rand.New(src), src}
}

func (d dice) poisson(mean float64) float64 {
	if !(mean > 0) {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: d.src}.Rand()
}

// overdispersed draws a negative binomial count whose variance is phi times its mean;
// with phi <= 1 it is Poisson.
func (d dice) overdispersed(mean, phi float64) float64 {
	if phi <= 1 || !(mean > 0) {
		return d.poisson(mean)
	}
	return d.poisson(distuv.Gamma{Alpha: mean / (phi - 1), Beta: 1 / (phi - 1), Src: d.src}.Rand())
}

func (d dice) binomial(n, p float64) float64 {
	switch {
	case n < 1 || !(p > 0):
		return 0
	case p >= 1:
		return n
	}
	return distuv.Binomial{N: n, P: p, Src: d.src}.Rand()
}

// wander fills dst with a stationary AR(1) series of variance 1.
func (d dice) wander(dst []float64, rho float64) {
	step := math.Sqrt(1 - rho*rho)
	for t := range dst {
		dst[t] = d.NormFloat64()
		if t > 0 {
			dst[t] = rho*dst[t-1] + step*dst[t]
		}
	}
}

// path is one simulated rollout before any regression: what befalls it whatever is
// wrong with the canary.
type path struct {
	luck   float64   // of the pods, in standard deviations
	rate   float64   // of this hour's share of counted requests to the known one
	noise  []float64 // of the metric's own blocks, variance 1
	nc, nb []float64 // requests of the arms, in the plan's blocks
	seed   uint64
	base   queries.Frame // the baseline, drawn once
}

// each divides by how many pods an arm has.
func each(v []float64, pods int) queries.Column {
	out := make(queries.Column, len(v))
	for t := range v {
		out[t] = v[t] / float64(pods)
	}
	return out
}

// draw returns how many of n requests are counted, with probability p each.
func (c counts) draw(d dice, n []float64, p float64, pods int) queries.Process {
	x := make([]float64, len(n))
	for t := range n {
		if c.failures {
			x[t] = n[t] - math.Min(d.overdispersed(n[t]*(1-p), c.phi), n[t])
			continue
		}
		x[t] = math.Min(d.overdispersed(n[t]*p, c.phi), n[t])
	}
	return queries.Process{N: each(n, pods), X: each(x, pods)}
}

// lucky is the share where what is counted, or what is not, is so many times as
// frequent.
func (c counts) lucky(times float64) float64 {
	if c.failures {
		return unit(1 - (1-c.rate)*times)
	}
	return unit(c.rate * times)
}

func (c counts) baseline(d dice, p *path) queries.Process {
	return c.draw(d, p.nb, c.lucky(p.rate), c.kb)
}

func (c counts) canary(d dice, p *path, size float64) queries.Process {
	lucky := c.lucky(p.rate * math.Exp(p.luck*c.luck))
	return c.draw(d, p.nc, unit(lucky+c.direction()*size), c.kc)
}

// draw spreads n requests over the buckets, their latencies stretched by e^h, and
// adds up durations whose log mean is off by e.
func (l latency) draw(d dice, n []float64, pods int, stretch func(t int) (h, e float64)) queries.Process {
	width := len(l.bounds)
	over, sum := make([]float64, len(n)*width), make([]float64, len(n))
	share := make([]float64, 0, width)
	for t := range n {
		h, e := stretch(t)
		share = l.shape.above(share, h)
		left, above := n[t], 1.0
		for k, s := range share {
			if s < above {
				left = d.binomial(left, s/above)
				above = s
			}
			over[t*width+k] = left
		}
		sum[t] = n[t] * l.mean * math.Exp(h+e)
	}
	return queries.Process{N: each(n, pods), Sum: each(sum, pods), Over: each(over, pods)}
}

func (l latency) baseline(d dice, p *path) queries.Process {
	return l.draw(d, p.nb, l.kb, func(int) (h, e float64) { return 0, 0 })
}

func (l latency) canary(d dice, p *path, size float64) queries.Process {
	return l.draw(d, p.nc, l.kc, func(t int) (h, e float64) {
		return size + p.luck*l.luck + l.pace*p.noise[t], (l.spread - l.pace) * p.noise[t]
	})
}

// report returns a pod's column of values: as they are, or where they are counted
// for each request, what they come to.
func (l level) report(value func(t int) float64, requests []float64, pods int) queries.Process {
	v := make(queries.Column, l.own)
	for t := range v {
		v[t] = value(t)
	}
	switch {
	case !l.counter:
		return queries.Process{V: v}
	case l.cost:
		for t := range v {
			v[t] = v[t]*requests[t]/float64(pods) + l.idle
		}
	}
	return queries.Process{N: v}
}

func (l level) baseline(_ dice, p *path) queries.Process {
	return l.report(func(int) float64 { return l.at }, p.nb, l.kb)
}

func (l level) canary(_ dice, p *path, size float64) queries.Process {
	return l.report(func(t int) float64 {
		e := p.luck*l.luck + l.spread*p.noise[t]
		if l.log {
			return l.value(size) * math.Exp(e)
		}
		return l.value(size) + e*l.scale
	}, p.nc, l.kc)
}
