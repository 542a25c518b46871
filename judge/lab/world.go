package lab

import "math"

// What every simulated service has in common.
const (
	preBlocks     = 60 // minutes before the rollout
	runBlocks     = 60 // minutes of the rollout
	allBlocks     = preBlocks + runBlocks
	baseErrors    = .002 // error rate of a healthy request
	podEvenness   = 400  // Dirichlet concentration of the pods' shares
	outageErrors  = 8    // what an outage of both arms multiplies
	outageLatency = 1.5
	blipErrors    = 1.5 // what a noisy neighbour multiplies
	blipLatency   = 1.4
	blipCPU       = 1.2
)

// common is what both arms share in one run.
type common struct {
	meanTraffic     float64
	all             [allBlocks]float64 // requests a minute
	errors, latency [allBlocks]float64 // logs of the common factors
}

// generator makes the runs of one setting, one after the other, in the same memory.
type generator struct {
	level    roughness
	scenario Scenario
	rps      float64
	pods     Pods
	seed     uint64

	lat    latencies
	shared common
	shares []float64
	slots  []slot
	world  world
}

// slot is the place of one pod: its numbers through all blocks, whichever process
// held the place.
type slot struct {
	n, x, sum, v []float64
	over         []float64
	births       []int // blocks in which a new process took the place
}

func newGenerator(s Setting) *generator {
	g := &generator{
		level: s.Level.roughness(), scenario: s.Scenario, rps: s.RPS, pods: s.Pods, seed: s.Seed,
		lat: newLatencies(), shares: make([]float64, s.Pods.all()), slots: make([]slot, s.Pods.all()),
	}
	for k := range g.slots {
		g.slots[k] = slot{
			n: make([]float64, allBlocks), x: make([]float64, allBlocks), sum: make([]float64, allBlocks),
			v: make([]float64, allBlocks), over: make([]float64, allBlocks*len(g.lat.logBounds)),
		}
	}
	return g
}

// run makes one run. The world is valid until the next call.
func (g *generator) run(index int) *world {
	d := newDrawer(g.seed, uint64(index)<<16)
	g.drawCommon(d)
	d.shares(g.shares, podEvenness)
	for k := range g.slots {
		// Every place has a stream of its own, so that baselines are the same
		// whatever is wrong with the canary.
		g.fill(newDrawer(g.seed, uint64(index)<<16|uint64(k+1)), k)
	}
	g.world.build(g)
	return &g.world
}

// drawCommon draws traffic and what befalls both arms.
func (g *generator) drawCommon(d drawer) {
	c := &g.shared
	phase := d.Float64() * 2 * math.Pi
	d.wander(c.all[:], .8, g.level.traffic)
	c.meanTraffic = 0
	for t := range c.all {
		c.all[t] = g.rps * 60 * math.Exp(.3*math.Sin(2*math.Pi*float64(t)/720+phase)+c.all[t])
		c.meanTraffic += c.all[t] / allBlocks
	}
	d.wander(c.errors[:], .95, g.level.commonErrors)
	d.wander(c.latency[:], .95, g.level.commonLatency)
	for _, period := range [][2]int{{preBlocks, allBlocks}, {0, preBlocks}} {
		if d.Float64() >= g.level.outage {
			continue
		}
		from := d.between(period[0], period[1])
		to := min(from+d.between(2, 5), period[1])
		for t := from; t < to; t++ {
			c.errors[t] += math.Log(outageErrors)
			c.latency[t] += math.Log(outageLatency)
		}
	}
	for t := preBlocks; t < allBlocks; t++ {
		if g.scenario.bothArms && t >= preBlocks+20 {
			c.errors[t] += math.Log(5)
		}
		if g.scenario.split {
			c.errors[t] += math.Log(3) * float64(t-preBlocks) / runBlocks
		}
	}
}

// temper is how a pod differs from the others.
type temper struct{ errors, latency, cpu float64 }

func (g *generator) temper(d drawer) temper {
	return temper{
		g.level.podErrors * d.NormFloat64(), g.level.podLatency * d.NormFloat64(), g.level.podCPU * d.NormFloat64(),
	}
}

// moods are how one pod wanders through time, as logs of factors.
type moods struct{ errors, latency, cpu [allBlocks]float64 }

func (g *generator) moods(d drawer) moods {
	var m moods
	d.wander(m.errors[:], .6, g.level.timeErrors)
	d.wander(m.latency[:], .6, g.level.timeLatency)
	d.wander(m.cpu[:], .7, g.level.timeC)
	if d.Float64() < g.level.blips*allBlocks/60 {
		from := d.between(0, allBlocks)
		to := min(from+d.between(3, 8), allBlocks)
		for t := from; t < to; t++ {
			m.errors[t] += math.Log(blipErrors)
			m.latency[t] += math.Log(blipLatency)
			m.cpu[t] += math.Log(blipCPU)
		}
	}
	return m
}

// fill draws the numbers of one place.
func (g *generator) fill(d drawer, k int) {
	s, sc := &g.slots[k], g.scenario
	who, mood := g.temper(d), g.moods(d)
	gauge := g.newGauge(d)
	canary := k < g.pods.Canary
	width := len(g.lat.logBounds)
	s.births = s.births[:0]
	for t := range allBlocks {
		run := t - preBlocks
		if sc.restarts > 0 && t > 0 && d.Float64() < sc.restarts {
			s.births = append(s.births, t)
			who = g.temper(d)
		}
		var size float64
		if canary {
			size = sc.size(run, runBlocks)
		}
		n := d.poisson(g.shared.all[t] * g.shareOf(k, run))
		rate := baseErrors*math.Exp(g.shared.errors[t]+who.errors+mood.errors[t])*times(sc.errorsTimes, size) + sc.errorsPlus*size
		logMedian := math.Log(medianLatency*times(sc.latencyTimes, size)) + g.shared.latency[t] + who.latency + mood.latency[t]
		if canary && sc.cold && run >= 0 && run < 3 {
			logMedian += math.Log(3) * float64(3-run) / 3
		}
		s.n[t] = n
		s.x[t] = g.failures(d, n, math.Min(rate, .9))
		s.sum[t] = g.lat.draw(d, s.over[t*width:(t+1)*width], n, pace{logMedian, sc.tail * size})
		load := math.Pow(g.shared.all[t]/g.shared.meanTraffic, .7)
		s.v[t] = gauge.next(d, load) * math.Exp(who.cpu+mood.cpu[t]) * times(sc.cpuTimes, size)
		if sc.missing > 0 && d.Float64() < sc.missing {
			s.lose(t, width)
		}
	}
	for _, t := range s.births {
		s.lose(t, width) // the block in which one process ends and another begins
	}
}

// failures draws how many of n requests fail.
func (g *generator) failures(d drawer, n, rate float64) float64 {
	if g.level.phi <= 1 {
		return d.binomial(n, rate)
	}
	return math.Min(d.overdispersed(n*rate, g.level.phi), n)
}

// shareOf is the part of the traffic that place k gets.
func (g *generator) shareOf(k, run int) float64 {
	if !g.scenario.split || run < 0 {
		return g.shares[k]
	}
	var canaries float64
	for _, s := range g.shares[:g.pods.Canary] {
		canaries += s
	}
	part := share(run, runBlocks)
	if k < g.pods.Canary {
		return g.shares[k] / canaries * part
	}
	return g.shares[k] / (1 - canaries) * (1 - part)
}

// lose makes block t a gap.
func (s *slot) lose(t, width int) {
	gap := math.NaN()
	s.n[t], s.x[t], s.sum[t], s.v[t] = gap, gap, gap, gap
	for k := t * width; k < (t+1)*width; k++ {
		s.over[k] = gap
	}
}

// gauge is the value of one pod's third metric.
type gauge struct {
	shape      gaugeShape
	drift      float64
	period, at int
}

func (g *generator) newGauge(d drawer) gauge {
	period := d.between(30, 51)
	return gauge{shape: g.scenario.gauge, period: period, at: d.IntN(period)}
}

func (g *gauge) next(d drawer, load float64) float64 {
	switch g.shape {
	case sawtoothShape: // grows by half between collections, and wanders
		g.at++
		g.drift += .01 * d.NormFloat64()
		return 200 * (1 + .5*float64(g.at%g.period)/float64(g.period)) * math.Exp(g.drift)
	case queueShape: // empty four times in five
		if d.Float64() < .8 {
			return 0
		}
		return math.Ceil(5 * load * d.ExpFloat64())
	default:
		return .4 * load
	}
}
