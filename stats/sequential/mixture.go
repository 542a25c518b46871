package sequential

import "math"

// restartEvery is the number of blocks between two restarts.
const restartEvery = 5

// negligible is the distance in logs below the largest term at which a term of a
// sum is left out: e^-40 is less than half a unit in the last place of 1.
const negligible = 40

// mixture is a running average of processes exp(Σ log e / φ): over the grid, and
// with restarts over the starts too. Sums are kept untempered, because φ changes
// from prefix to prefix and tempers each prefix as a whole.
type mixture struct {
	sums   []float64 // Σ log e from block 0, one for each alternative
	starts []float64 // sums at each restart, row by row
	logW   []float64 // log weight of one alternative of each restart
	base   float64   // log weight of one alternative of the process from block 0
	idle   float64   // log of the mass that has not started; -Inf if none
	again  bool
}

// mixtureRoom is memory for a mixture of usual size, for the caller's stack.
type mixtureRoom struct {
	sums   [8]float64
	starts [480]float64
	logW   [60]float64
}

func newMixture(room *mixtureRoom, alternatives int, restarts bool) mixture {
	m := mixture{
		sums: room.sums[:], starts: room.starts[:0], logW: room.logW[:0],
		base: -math.Log(float64(alternatives)), idle: math.Inf(-1), again: restarts,
	}
	if alternatives > len(room.sums) {
		m.sums = make([]float64, alternatives)
	}
	m.sums = m.sums[:alternatives]
	if restarts {
		m.base -= math.Ln2
		m.idle = -math.Ln2
	}
	return m
}

// begin is told the number of each block before it is added, from 0.
func (m *mixture) begin(t int) {
	if !m.again || t == 0 || t%restartEvery != 0 {
		return
	}
	j := float64(t / restartEvery)
	m.starts = append(m.starts, m.sums...)
	m.logW = append(m.logW, m.base-math.Log(j*(j+1)))
	m.idle = -math.Ln2 - math.Log(j+1) // Σ_{i>j} 1/(i(i+1)) = 1/(j+1)
}

// value returns log E with the sums multiplied by inv = 1/φ.
func (m *mixture) value(inv float64) float64 {
	if len(m.sums) == 0 {
		return 0
	}
	top := m.idle
	for _, s := range m.sums {
		top = math.Max(top, s*inv+m.base)
	}
	n := len(m.sums)
	for j, w := range m.logW {
		from := m.starts[j*n : j*n+n]
		for i, s := range m.sums {
			if v := (s-from[i])*inv + w; v > top {
				top = v
			}
		}
	}
	if math.IsInf(top, -1) {
		return top
	}
	return top + math.Log(m.total(inv, top))
}

// total returns Σ weight·E divided by e^top.
func (m *mixture) total(inv, top float64) float64 {
	least := top - negligible
	total := 0.0
	if m.idle > least {
		total = math.Exp(m.idle - top)
	}
	for _, s := range m.sums {
		if v := s*inv + m.base; v > least {
			total += math.Exp(v - top)
		}
	}
	n := len(m.sums)
	for j, w := range m.logW {
		from := m.starts[j*n : j*n+n]
		for i, s := range m.sums {
			if v := (s-from[i])*inv + w; v > least {
				total += math.Exp(v - top)
			}
		}
	}
	return total
}
