package sequential

import "math"

// Sum adds up the evidence of several processes, block by block: as it is up to
// e^600, and in logarithms beyond. The mean of processes is again one, whatever their
// dependence. It spares a logarithm and an exponential for each process and block.
type Sum struct {
	plain []float64
	large []float64 // logarithms; nil while there are none
	n     int
}

// NewSum returns an empty sum over so many blocks.
func NewSum(blocks int) *Sum { return &Sum{plain: make([]float64, blocks)} }

// Processes returns how many processes have been added.
func (s *Sum) Processes() int { return s.n }

// Add adds a process whose natural logarithms after each block are given, as
// [Counts.Evidence] and [Series.Evidence] write them. What is past its end is 0.
func (s *Sum) Add(logs []float64) {
	s.n++
	for t := range min(len(logs), len(s.plain)) {
		if e := logs[t]; e < farAbove {
			s.plain[t] += math.Exp(e)
		} else {
			s.addLarge(t, e)
		}
	}
}

// AddCounts adds the process of [Counts.Evidence] and returns the natural logarithm
// of its evidence after the last block, 0 where there is no block.
func (s *Sum) AddCounts(c Counts, blocks []CountBlock, phi []float64) float64 {
	s.n++
	factor, exponent := 1.0, 0.0
	c.each(blocks, phi, func(t int, f, e float64) {
		factor, exponent = f, e
		switch {
		case t >= len(s.plain):
		case e == 0:
			s.plain[t] += f
		default:
			s.addLarge(t, math.Log(f)+e)
		}
	})
	return math.Log(factor) + exponent
}

func (s *Sum) addLarge(t int, log float64) {
	if s.large == nil {
		s.large = make([]float64, len(s.plain))
		for i := range s.large {
			s.large[i] = math.Inf(-1)
		}
	}
	s.large[t] = logAdd(s.large[t], log)
}

// Mean returns the natural logarithms of the mean of the processes after each block,
// nil where there is no process. It uses the sum up.
func (s *Sum) Mean() []float64 {
	if s.n == 0 {
		return nil
	}
	w := math.Log(float64(s.n))
	for t, v := range s.plain {
		s.plain[t] = math.Log(v) - w
		if s.large != nil {
			s.plain[t] = logAdd(s.plain[t]+w, s.large[t]) - w
		}
	}
	return s.plain
}
