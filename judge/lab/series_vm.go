package lab

import (
	"math"
	"slices"
	"strings"
)

// binHours is how many hours of a machine's results are one block.
const binHours = 8

// Of the blocks of an excerpt, at least these shares must hold results.
const (
	preFull = .5
	runFull = .6
)

// epochs is how many stretches of time of each other machine serve as baseline pods
// where a machine is compared with all of its kind: two machines alone say too little
// of how much machines differ for the judge to spend its error budget on them.
const epochs = 2

// vmScenarios compare one machine with the others of its kind.
func vmScenarios(all []fleet) []Scenario {
	var out []Scenario
	for _, family := range []struct {
		name, about, of string
		inverse         bool // the benchmark counts operations a second: more is better
	}{
		{"vm-memory", "memory latency of a machine", "Memory_Latency", false},
		{"vm-redis", "time of a Redis request on a machine", "Redis", true},
	} {
		var near, wide []bins
		for _, f := range all {
			if !strings.Contains(f.name, family.of) {
				continue
			}
			if b := newBins(f, family.inverse); len(b.starts) > 0 {
				near = append(near, b)
			}
		}
		for _, b := range joined(all, family.of) {
			wide = append(wide, newBins(b, family.inverse))
		}
		wide = slices.DeleteFunc(wide, func(b bins) bool { return !b.enough() })
		for _, made := range injections() {
			if len(near) > 0 {
				out = append(out, vmScenario(family.name+made.suffix, family.about+" against the others of its kind and place, same hours"+made.about,
					Pods{len(near[0].machines) - 1, 1}, vmMaker{all: near, times: made.values}))
			}
			if len(wide) > 0 {
				out = append(out, vmScenario(family.name+"-wide"+made.suffix, family.about+" against others of its kind at any place and time"+made.about,
					Pods{epochs * (len(wide[0].machines) - 1), 1}, vmMaker{all: wide, times: made.values, wide: true}))
			}
		}
	}
	return out
}

func vmScenario(name, about string, pods Pods, m vmMaker) Scenario {
	return Scenario{Name: name, About: about, Bad: m.times != 1, series: &seriesCase{plan: valuePlan, pods: pods, make: func(seed uint64) maker {
		own := m
		own.seed = seed
		return &own
	}}}
}

// joined returns the fleets of a benchmark with the machines of all places together.
// The place is the last part of a fleet's name.
func joined(all []fleet, benchmark string) []fleet {
	var out []fleet
	for _, f := range all {
		if !strings.Contains(f.name, benchmark) {
			continue
		}
		kind := f.name[:strings.LastIndex(f.name, ", ")]
		i := slices.IndexFunc(out, func(o fleet) bool { return o.name == kind })
		if i < 0 {
			i, out = len(out), append(out, fleet{name: kind, unit: f.unit})
		}
		out[i].machines = append(out[i].machines, f.machines...)
	}
	return out
}

// bins are the mean results of the machines of a fleet, a value for each block of
// binHours, not a number where there is none.
type bins struct {
	machines [][]float64
	starts   []int   // where an excerpt of all machines can begin
	own      [][]int // where an excerpt of one machine can begin
}

func newBins(f fleet, inverse bool) bins {
	const width = binHours * 3600
	first, last := math.MaxInt, 0
	for _, m := range f.machines {
		first, last = min(first, m.points[0].at/width), max(last, m.points[len(m.points)-1].at/width)
	}
	var b bins
	for _, m := range f.machines {
		b.machines = append(b.machines, m.binned(first, last-first+1, inverse))
	}
	b.own = make([][]int, len(b.machines))
	for at := 0; at+allBlocks <= last-first+1; at++ {
		all := len(b.machines) > 1
		for k, v := range b.machines {
			if full(v[at : at+allBlocks]) {
				b.own[k] = append(b.own[k], at)
			} else {
				all = false
			}
		}
		if all {
			b.starts = append(b.starts, at)
		}
	}
	return b
}

// enough reports whether every machine has excerpts of its own.
func (b bins) enough() bool {
	return len(b.machines) > 1 && !slices.ContainsFunc(b.own, func(starts []int) bool { return len(starts) == 0 })
}

// binned averages a machine's results in n blocks. Operations a second become
// microseconds for each.
func (m machine) binned(first, n int, inverse bool) []float64 {
	sum, count := make([]float64, n), make([]float64, n)
	for _, p := range m.points {
		v := p.value
		if inverse {
			v = 1e6 / v
		}
		i := p.at/(binHours*3600) - first
		sum[i] += v
		count[i]++
	}
	for i := range sum {
		if sum[i] /= count[i]; math.IsInf(sum[i], 0) {
			sum[i] = math.NaN()
		}
	}
	return sum
}

// full reports whether enough of an excerpt holds results.
func full(v []float64) bool {
	return filled(v[:preBlocks]) >= preFull*preBlocks && filled(v[preBlocks:]) >= runFull*runBlocks
}

func filled(v []float64) float64 {
	n := 0.0
	for _, x := range v {
		if !math.IsNaN(x) {
			n++
		}
	}
	return n
}

// vmMaker draws a fleet, a stretch of its time, and who of it is the canary.
type vmMaker struct {
	all   []bins
	times float64
	wide  bool // baseline pods are other machines in stretches of their own
	seed  uint64
	world world
}

// run implements [maker].
func (m *vmMaker) run(index int) *world {
	d := newDrawer(m.seed, uint64(index)<<16)
	b := m.all[d.IntN(len(m.all))]
	who := d.IntN(len(b.machines))
	pick := func(starts []int) int { return starts[d.IntN(len(starts))] }
	var parts [][]float64 // the canary's first
	if m.wide {
		at := pick(b.own[who])
		parts = append(parts, b.machines[who][at:])
		for k, v := range b.machines {
			for range epochs {
				if k != who {
					parts = append(parts, v[pick(b.own[k]):])
				}
			}
		}
	} else {
		at := pick(b.starts)
		for k := range b.machines {
			parts = append(parts, b.machines[(who+k)%len(b.machines)][at:])
		}
	}
	slots := gaugePlaces(len(parts))
	for k, v := range parts {
		for t := range allBlocks {
			x := v[t]
			if k == 0 {
				x *= m.times
			}
			slots[k].set(t, x)
		}
	}
	m.world.build(nil, staff{places: slots, canaries: 1, first: [2]int{canary: preBlocks}})
	return &m.world
}
