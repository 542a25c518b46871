package lab

import "math"

// What client errors are like: their share of the requests, and what a storm makes of it.
const (
	baseClientErrors = .03
	stormTimes       = 6   // clients of both arms
	stormShare       = .20 // one client of the canary
	stormStart       = 5
)

// slot is the place of one pod: its numbers through all blocks, whichever process
// held the place.
type slot struct {
	n, x, sum, v []float64
	over         []float64
	client       []float64 // answers with 4xx
	throttled    []float64 // of a hundred scheduling periods in a minute
	lost         []float64 // errors that a store does not see: the first of a series
	births       []int     // blocks in which a new process took the place
}

func newSlot(width int) slot {
	column := func() []float64 { return make([]float64, allBlocks) }
	return slot{
		n: column(), x: column(), sum: column(), v: column(), over: make([]float64, allBlocks*width),
		client: column(), throttled: column(), lost: column(),
	}
}

// place fills one slot, block by block.
type place struct {
	*generator
	drawer
	slot   *slot
	canary bool
	index  int

	who    temper
	mood   moods
	gauge  gauge
	bursts bursts
	unseen float64 // kinds of errors that this process has not shown yet
}

// errorKinds is how many series the errors of one pod fall into.
const errorKinds = 20

// fill draws the numbers of one place.
func (g *generator) fill(d drawer, k int) {
	p := &place{generator: g, drawer: d, slot: &g.slots[k], canary: k < g.pods.Canary, index: k, unseen: errorKinds}
	p.who, p.mood = g.temper(d), g.moods(d)
	p.gauge = g.newGauge(d)
	p.slot.births = p.slot.births[:0]
	for t := range allBlocks {
		if g.scenario.restarts > 0 && t > 0 && d.Float64() < g.scenario.restarts {
			p.slot.births = append(p.slot.births, t)
			p.who = g.temper(d)
		}
		p.block(t)
		p.extras(t)
		if g.scenario.missing > 0 && d.Float64() < g.scenario.missing {
			p.slot.lose(t)
		}
	}
	for _, t := range p.slot.births {
		p.slot.lose(t) // the block in which one process ends and another begins
	}
}

// block draws the three families of metrics in one block.
func (p *place) block(t int) {
	s, sc, run := p.slot, p.scenario, t-preBlocks
	size := p.size(t)
	width := len(p.lat.logBounds)
	part := p.shareOf(p.index, run)
	n := p.poisson(p.shared.all[t] * part)
	s.n[t] = n
	s.x[t] = p.failures(t, n, math.Min(p.errorRate(t, size), .9))
	logMedian := math.Log(p.lat.median*times(sc.latencyTimes, size)) + p.shared.latency[t] + p.who.latency + p.mood.latency[t]
	if p.canary && sc.cold && run >= 0 && run < 3 {
		logMedian += math.Log(3) * float64(3-run) / 3
	}
	over := s.over[t*width : (t+1)*width]
	s.sum[t] = p.lat.draw(p.drawer, over, n, pace{logMedian, sc.tail * size})
	if sc.buckets && size > 0 {
		s.sum[t] = raise(over, n, s.sum[t])
	}
	load := math.Pow(p.shared.all[t]/p.shared.meanTraffic*part/p.generator.shares[p.index], .7)
	if !sc.uneven() {
		load = math.Pow(p.shared.all[t]/p.shared.meanTraffic, .7)
	}
	s.v[t] = p.gauge.next(p.drawer, load) * math.Exp(p.who.cpu+p.mood.cpu[t]) * times(sc.cpuTimes, size)
}

// size is how much of the effect there is in block t.
func (p *place) size(t int) float64 {
	if !p.canary {
		return 0
	}
	return p.scenario.size(t-preBlocks, runBlocks)
}

func (p *place) errorRate(t int, size float64) float64 {
	sc := p.scenario
	return sc.baseRate()*math.Exp(p.shared.errors[t]+p.who.errors+p.mood.errors[t])*times(sc.errorsTimes, size) + sc.errorsPlus*size
}

// baseRate is the error rate of the healthy service.
func (t trap) baseRate() float64 {
	if t.base > 0 {
		return t.base
	}
	return baseErrors
}

// uneven reports whether pods get loads that differ by design.
func (t trap) uneven() bool { return t.load > 0 }

// failures draws how many of n requests fail.
func (p *place) failures(t int, n, rate float64) float64 {
	sticky := p.scenario.sticky
	switch {
	case sticky == stickyUsers, sticky == stickyCanary && p.canary:
		return math.Min(p.bursts.next(p.drawer, t, n*rate), n)
	case p.level.phi <= 1, sticky == stickyCanary:
		return p.binomial(n, rate)
	}
	return math.Min(p.overdispersed(n*rate, p.level.phi), n)
}

// bursts are the errors to come of users who keep on trying: each user meets a
// geometric number of errors, a minute apart on average.
type bursts struct{ ahead [allBlocks]float64 }

// burstLength is the mean number of a user's errors. Over many minutes the variance of
// the counts is 2·burstLength − 1 times their mean.
const burstLength = 3

// next returns the errors of block t, of which mean are expected. Blocks are asked for
// in order.
func (b *bursts) next(d drawer, t int, mean float64) float64 {
	for range int(d.poisson(mean / burstLength)) {
		for at := float64(t); int(at) < allBlocks; at += d.ExpFloat64() {
			b.ahead[int(at)]++
			if d.Float64() < 1.0/burstLength {
				break
			}
		}
	}
	return b.ahead[t]
}

// extras draws what only some scenarios have.
func (p *place) extras(t int) {
	s, sc := p.slot, p.scenario
	s.client[t], s.throttled[t], s.lost[t] = 0, 0, 0
	if sc.clients != noClientErrors {
		s.client[t] = p.binomial(math.Max(s.n[t]-s.x[t], 0), p.clientRate(t))
	}
	if sc.throttled {
		s.throttled[t] = p.binomial(throttlePeriods, math.Min(sc.base*math.Exp(p.who.cpu+p.mood.cpu[t]), .9))
	}
	if sc.loss {
		if p.canary && t == preBlocks {
			p.unseen = errorKinds // the canary begins here
		}
		s.lost[t] = p.firsts(s.x[t])
	}
}

// throttlePeriods is how many scheduling periods of a busy container are counted in a minute.
const throttlePeriods = 600

func (p *place) clientRate(t int) float64 {
	stormy := t >= preBlocks+stormStart
	switch {
	case stormy && p.scenario.clients == everyClient:
		return baseClientErrors * stormTimes
	case stormy && p.canary:
		return stormShare
	}
	return baseClientErrors
}

// firsts draws how many of x errors are the first of their kind in this process.
func (p *place) firsts(x float64) float64 {
	lost := 0.0
	for range int(x) {
		if p.unseen > 0 && p.Float64() < p.unseen/errorKinds {
			p.unseen--
			lost++
		}
	}
	return lost
}

// shareOf is the part of the traffic that place k gets.
func (g *generator) shareOf(k, run int) float64 {
	if run < 0 || !g.scenario.split && !g.scenario.uneven() {
		return g.shares[k]
	}
	var canaries float64
	for _, s := range g.shares[:g.pods.Canary] {
		canaries += s
	}
	part := canaries * g.scenario.load / (1 + canaries*(g.scenario.load-1))
	if g.scenario.split {
		part = share(run, runBlocks)
	}
	if k < g.pods.Canary {
		return g.shares[k] / canaries * part
	}
	return g.shares[k] / (1 - canaries) * (1 - part)
}

// lose makes block t a gap.
func (s *slot) lose(t int) {
	width := len(s.over) / len(s.n)
	for _, c := range [...][]float64{s.n, s.x, s.sum, s.v, s.client, s.throttled, s.lost} {
		c[t] = math.NaN()
	}
	for k := t * width; k < (t+1)*width; k++ {
		s.over[k] = math.NaN()
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
	case cpuShape, costShape:
	}
	return .4 * load
}
