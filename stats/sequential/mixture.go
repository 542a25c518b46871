package sequential

import "math"

// restartEvery is the number of blocks between two restarts.
const restartEvery = 5

// negligible is the distance in logs below the largest term at which a term of a
// sum is left out: e^-28 is 7e-13.
const negligible = 28

// mixture is a running average of processes exp(Σ log e / φ): over the grid, and
// with restarts over the starts too. Sums are kept untempered, because φ changes
// from prefix to prefix and tempers each prefix as a whole.
//
// Its memory is inside it for usual sizes, so that it lives on the caller's stack;
// a slice of its own array cannot be kept in it (it would move to the heap), which
// is why there are accessors.
type mixture struct {
	n      int     // alternatives
	starts int     // restarts so far
	base   float64 // log weight of one alternative of the process from block 0
	idle   float64 // log of the mass that has not started; -Inf if none
	// unstarted is that mass itself.
	unstarted float64
	again     bool

	sums    [8]float64   // Σ log e from block 0, one for each alternative
	rows    [480]float64 // sums at each restart, row by row
	weights [60]float64  // log weight of one alternative of each restart
	terms   [136]float64 // scratch of value

	// What does not fit is here.
	moreSums, moreRows, moreWeights []float64
}

// begin prepares a mixture over so many alternatives.
func (m *mixture) begin(alternatives int, restarts bool) {
	m.n, m.again = alternatives, restarts
	m.base, m.idle = -math.Log(float64(alternatives)), math.Inf(-1)
	if alternatives > len(m.sums) {
		m.moreSums = make([]float64, alternatives)
	}
	if restarts {
		m.base -= math.Ln2
		m.idle, m.unstarted = -math.Ln2, .5
	}
}

// current returns the sums, for blocks to be added to.
func (m *mixture) current() []float64 {
	if m.moreSums != nil {
		return m.moreSums
	}
	return m.sums[:m.n]
}

// memory returns the rows and the weights of the restarts.
func (m *mixture) memory() (rows, weights []float64) {
	rows, weights = m.rows[:], m.weights[:]
	if m.moreRows != nil {
		rows = m.moreRows
	}
	if m.moreWeights != nil {
		weights = m.moreWeights
	}
	return rows, weights
}

// before is told the number of each block before it is added, from 0.
func (m *mixture) before(block int) {
	if !m.again || block == 0 || block%restartEvery != 0 {
		return
	}
	rows, weights := m.memory()
	if need := (m.starts + 1) * m.n; need > len(rows) {
		m.moreRows = make([]float64, 2*need)
		copy(m.moreRows, rows)
	}
	if m.starts >= len(weights) {
		m.moreWeights = make([]float64, 2*m.starts+2)
		copy(m.moreWeights, weights)
	}
	rows, weights = m.memory()
	copy(rows[m.starts*m.n:], m.current())
	j := float64(block / restartEvery)
	weights[m.starts] = m.base - math.Log(j*(j+1))
	m.unstarted = .5 / (j + 1) // Σ_{i>j} 1/(i(i+1)) = 1/(j+1)
	m.idle = math.Log(m.unstarted)
	m.starts++
}

// value returns E, as factor·e^exponent, with the sums multiplied by inv = 1/φ. Terms
// are summed as they are, which is one pass over them; where E is too large for that
// they are taken relative to the greatest.
func (m *mixture) value(inv float64) (factor, exponent float64) {
	if m.n == 0 {
		return 1, 0
	}
	sums := m.current()
	if !m.again {
		return 1, logMean(sums, inv)
	}
	total, base := 1.0, m.base-m.idle
	for _, s := range sums {
		if v := s*inv + base; v > -negligible {
			if v > farAbove {
				return 1, m.valueFar(inv)
			}
			total += expNear(v)
		}
	}
	rows, weights := m.memory()
	for j, w := range weights[:m.starts] {
		from := rows[j*m.n : j*m.n+m.n]
		w -= m.idle
		for i, f := range from {
			if v := (sums[i]-f)*inv + w; v > -negligible {
				if v > farAbove {
					return 1, m.valueFar(inv)
				}
				total += expNear(v)
			}
		}
	}
	return m.unstarted * total, 0
}

// farAbove is how far above the mass that has not started a term may lie to be
// summed as it is.
const farAbove = 600

// valueFar is value for terms that are too large to be summed as they are.
func (m *mixture) valueFar(inv float64) float64 {
	sums := m.current()
	top := m.idle
	terms := append(m.terms[:0], m.idle)
	for _, s := range sums {
		v := s*inv + m.base
		top = max(top, v)
		terms = append(terms, v)
	}
	rows, weights := m.memory()
	for j, w := range weights[:m.starts] {
		from := rows[j*m.n : j*m.n+m.n]
		for i, s := range sums {
			v := (s-from[i])*inv + w
			if v > top {
				top = v
			}
			if v > top-negligible {
				terms = append(terms, v)
			}
		}
	}
	return logSum(terms, top)
}

// logSum returns log Σ e^v over terms, the greatest of which is top.
func logSum(terms []float64, top float64) float64 {
	if math.IsInf(top, -1) {
		return top
	}
	least, total := top-negligible, 0.0
	for _, v := range terms {
		if v > least {
			total += expNear(v - top)
		}
	}
	return top + math.Log(total)
}

// logMean returns log of the mean of e^(s·inv) over sums, of which there are few.
func logMean(sums []float64, inv float64) float64 {
	top := math.Inf(-1)
	for _, s := range sums {
		top = max(top, s*inv)
	}
	total := 0.0
	for _, s := range sums {
		if v := s * inv; v > top-negligible {
			total += expNear(v - top)
		}
	}
	return top + math.Log(total/float64(len(sums)))
}

// expNear returns e^x for x in [-700, 700], to the last bit but two, in two thirds
// of the time of math.Exp: x = n·log 2 + r, and a polynomial in r, |r| < 0.35, whose
// terms do not wait for each other.
func expNear(x float64) float64 {
	const high, low = 6.93147180369123816490e-01, 1.90821492927058770002e-10 // log 2
	// Adding and taking away 1.5·2^52 rounds to a whole number, which the sum then
	// has in its low bits.
	const whole = 0x1.8p52
	shifted := x*math.Log2E + whole
	n := shifted - whole
	r := x - n*high - n*low
	r2 := r * r
	r4 := r2 * r2
	p := (1 + r) + r2*(1./2+r*(1./6)) +
		r4*((1./24+r*(1./120))+r2*(1./720+r*(1./5040))) +
		r4*r4*((1./40320+r*(1./362880))+r2*(1./3628800+r*(1./39916800))+r4*(1./479001600))
	return p * math.Float64frombits((math.Float64bits(shifted)+1023)<<52)
}
