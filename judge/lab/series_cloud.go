package lab

import (
	"math"
	"strings"
)

// How a series is taken apart: into a moving mean of smoothing values and what is left
// of each value, which is dealt out again in stretches of stretch values from within
// a day around.
const (
	smoothing = 37 // three hours of five-minute steps, and the middle
	stretch   = 24
	day       = 288
)

// copies is how many baseline pods a series is made into: each has its level and
// residuals dealt out anew. The canary is the series itself.
const copies = 8

// cloudScenarios compare series with themselves.
func cloudScenarios(all []cloud) []Scenario {
	var out []Scenario
	for _, family := range []struct {
		name, about string
		of          func(name string) bool
	}{
		{"cloudwatch-cpu", "CPU utilisation of cloud machines", func(n string) bool { return strings.Contains(n, "cpu") || strings.Contains(n, "asg") }},
		{"cloudwatch-network", "bytes received by cloud machines", func(n string) bool { return strings.Contains(strings.ToLower(n), "network") }},
		{"cloudwatch-disk", "bytes written by cloud machines, mostly none", func(n string) bool { return strings.Contains(n, "disk") }},
		{"cloudwatch-requests", "requests of a load balancer", func(n string) bool { return strings.Contains(n, "request") }},
	} {
		var of []decomposed
		for _, c := range all {
			if family.of(c.name) && len(c.values) >= allBlocks+day {
				of = append(of, decompose(c))
			}
		}
		if len(of) == 0 {
			continue
		}
		for _, made := range injections() {
			out = append(out, cloudScenario(family.name+made.suffix, family.about+" against copies of themselves with shuffled residuals"+made.about,
				made.suffix != "", cloudMaker{all: of, times: made.values, draw: itself}))
		}
	}
	var of []decomposed
	for _, c := range all {
		if len(c.windows) > 0 && len(c.values) >= allBlocks+2*day {
			of = append(of, decompose(c))
		}
	}
	if len(of) == 0 {
		return out
	}
	return append(out,
		cloudScenario("cloudwatch-labelled", "all series around an anomaly that people labelled, up or down, against copies of the day before", true,
			cloudMaker{all: of, times: 1, draw: labelled}),
		cloudScenario("cloudwatch-unlabelled", "the same at other times: how much days differ", false,
			cloudMaker{all: of, times: 1, draw: unlabelled}))
}

func cloudScenario(name, about string, ill bool, m cloudMaker) Scenario {
	return Scenario{Name: name, About: about, Bad: ill, series: &seriesCase{plan: valuePlan, pods: Pods{copies, 1}, make: func(seed uint64) maker {
		own := m
		own.seed, own.slots = seed, gaugePlaces(1+copies)
		return &own
	}}}
}

// decomposed is a series with its moving mean and what is left: ratios to the mean, or
// differences from it where the series has zeros.
type decomposed struct {
	cloud
	level, rest []float64
	ratios      bool
}

func decompose(c cloud) decomposed {
	d := decomposed{cloud: c, level: make([]float64, len(c.values)), rest: make([]float64, len(c.values)), ratios: true}
	for _, v := range c.values {
		d.ratios = d.ratios && v > 0
	}
	for i, v := range c.values {
		from, to := max(i-smoothing/2, 0), min(i+smoothing/2+1, len(c.values))
		for _, near := range c.values[from:to] {
			d.level[i] += near / float64(to-from)
		}
		if d.ratios {
			d.rest[i] = v / d.level[i]
		} else {
			d.rest[i] = v - d.level[i]
		}
	}
	return d
}

// with puts another value's rest upon a level.
func (c *decomposed) with(i, rest int) float64 {
	if c.ratios {
		return c.level[i] * c.rest[rest]
	}
	return math.Max(c.level[i]+c.rest[rest], 0)
}

// calm reports whether no value in [from, to) is labelled.
func (c *decomposed) calm(from, to int) bool {
	for _, w := range c.windows {
		if from < w[1] && w[0] < to {
			return false
		}
	}
	return true
}

// excerpt says which values of a series are the level of the baseline's pods, and
// which the canary's.
type excerpt struct {
	of       *decomposed
	baseline [allBlocks]int
	canary   [runBlocks]int
}

// fill gives a pod of the baseline its values: the level with residuals from elsewhere.
func (x *excerpt) fill(d drawer, s *slot) {
	from := 0
	for t, i := range x.baseline {
		if t%stretch == 0 {
			from = x.of.near(d, i)
		}
		s.set(t, x.of.with(i, from+t%stretch))
	}
}

// near draws where a stretch of residuals begins, within a day of value i and outside
// of what was labelled.
func (c *decomposed) near(d drawer, i int) int {
	low, high := max(i-day, 0), min(i+day, len(c.values)-stretch)
	from := low
	for range 100 {
		if from = d.between(low, high); c.calm(from, from+stretch) {
			break
		}
	}
	return from
}

// itself draws two hours of a series.
func itself(d drawer, of *decomposed) (excerpt, bool) {
	from := d.IntN(len(of.values) - allBlocks + 1)
	x := excerpt{of: of}
	for t := range allBlocks {
		x.baseline[t] = from + t
	}
	copy(x.canary[:], x.baseline[preBlocks:])
	return x, of.calm(from, from+allBlocks)
}

// labelled draws an anomaly: it begins ten blocks before the middle of the labelled
// window, where the anomaly is. The baseline is the same time of the day before.
func labelled(d drawer, of *decomposed) (excerpt, bool) {
	w := of.windows[d.IntN(len(of.windows))]
	at := (w[0]+w[1])/2 - 10
	return dayBefore(of, at), at-day-preBlocks >= 0 && at+runBlocks <= len(of.values)
}

// unlabelled draws any other time.
func unlabelled(d drawer, of *decomposed) (excerpt, bool) {
	at := day + preBlocks + d.IntN(len(of.values)-day-allBlocks+1)
	return dayBefore(of, at), of.calm(at-day-preBlocks, at+runBlocks)
}

// dayBefore compares the run that begins at a value with the day before.
func dayBefore(of *decomposed, at int) excerpt {
	x := excerpt{of: of}
	for t := range allBlocks {
		x.baseline[t] = max(at-day-preBlocks+t, 0)
	}
	for t := range runBlocks {
		x.canary[t] = min(at+t, len(of.values)-1)
	}
	return x
}

// cloudMaker draws excerpts.
type cloudMaker struct {
	all   []decomposed
	draw  func(drawer, *decomposed) (excerpt, bool)
	times float64
	seed  uint64
	slots []slot
	world world
}

// run implements [maker].
func (m *cloudMaker) run(index int) *world {
	d := newDrawer(m.seed, uint64(index)<<16)
	var x excerpt
	for range 1000 { // labelled parts are the smaller ones
		var ok bool
		if x, ok = m.draw(d, &m.all[d.IntN(len(m.all))]); ok {
			break
		}
	}
	for k := range m.slots {
		if k > 0 {
			x.fill(d, &m.slots[k])
			continue
		}
		for t, i := range x.canary {
			m.slots[0].set(preBlocks+t, m.times*x.of.values[i])
		}
	}
	m.world.build(nil, staff{places: m.slots, canaries: 1, first: [2]int{canary: preBlocks}})
	return &m.world
}
