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

// maker makes the runs of one setting, one after the other, in the same memory.
type maker interface {
	// run makes one run. The world is valid until the next call.
	run(index int) *world
}

// generator simulates the runs of one setting.
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

func newGenerator(s Setting) *generator {
	g := &generator{
		level: s.Level.roughness(), scenario: s.Scenario, rps: s.RPS, pods: s.Pods, seed: s.Seed,
		lat: newLatencies(s.Scenario.latency), shares: make([]float64, s.Pods.all()), slots: make([]slot, s.Pods.all()),
	}
	for k := range g.slots {
		g.slots[k] = newSlot(len(g.lat.logBounds))
	}
	return g
}

// run implements [maker].
func (g *generator) run(index int) *world {
	d := newDrawer(g.seed, uint64(index)<<16)
	g.drawCommon(d)
	d.shares(g.shares, podEvenness)
	for k := range g.slots {
		// Every place has a stream of its own, so that baselines are the same
		// whatever is wrong with the canary.
		g.fill(newDrawer(g.seed, uint64(index)<<16|uint64(k+1)), k)
	}
	who := staff{places: g.slots, canaries: g.pods.Canary, first: [2]int{canary: preBlocks}}
	if g.scenario.loss {
		who.first[canary]++ // a new process counts from its second block
	}
	if g.scenario.fresh {
		who.first[baseline] = preBlocks
	}
	g.world.build(bounds(), who)
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
