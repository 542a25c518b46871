package lab

import (
	"math"
	"slices"
)

// mannWhitney is Kayenta's test of one metric, with memory to reuse.
type mannWhitney struct {
	x, y, gaps []float64
}

// The constants of Kayenta's judge: 98% confidence, and a tolerance of a quarter
// of the estimated shift.
const (
	kayentaZ         = 2.3263478740408408 // one side of 98%
	kayentaTolerance = .25
)

// high reports whether Kayenta classes a metric as High: the estimated shift
// (Hodges-Lehmann) is positive, so is the difference of means, and zero lies below
// the confidence interval of the shift, less a quarter of it. Gaps are dropped.
func (m *mannWhitney) high(canary, baseline []float64) bool {
	m.x, m.y = values(m.x, canary), values(m.y, baseline)
	if len(m.x) == 0 || len(m.y) == 0 || average(m.x) < average(m.y) {
		return false
	}
	shift := m.shift()
	if shift <= 0 {
		return false
	}
	for i := range m.x {
		m.x[i] -= kayentaTolerance * shift
	}
	return m.standardised() > kayentaZ
}

func values(dst, v []float64) []float64 {
	dst = dst[:0]
	for _, y := range v {
		if !math.IsNaN(y) {
			dst = append(dst, y)
		}
	}
	slices.Sort(dst)
	return dst
}

func average(v []float64) float64 {
	var sum float64
	for _, y := range v {
		sum += y
	}
	return sum / float64(len(v))
}

// shift is the median of all differences between the samples (Hodges & Lehmann 1963).
func (m *mannWhitney) shift() float64 {
	m.gaps = m.gaps[:0]
	for _, x := range m.x {
		for _, y := range m.y {
			m.gaps = append(m.gaps, x-y)
		}
	}
	n := len(m.gaps)
	high := selectNth(m.gaps, n/2)
	if n%2 == 1 {
		return high
	}
	return (slices.Max(m.gaps[:n/2]) + high) / 2
}

// selectNth puts the n-th smallest value in its place, none greater before it and
// none less behind it, and returns it (Hoare 1961).
func selectNth(v []float64, n int) float64 {
	low, high := 0, len(v)-1
	for low < high {
		pivot := v[low+(high-low)/2]
		i, j := low, high
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case n <= j:
			high = j
		case n >= i:
			low = i
		default:
			return v[n]
		}
	}
	return v[n]
}

// standardised is the rank-sum statistic of sorted samples in units of its standard
// deviation, with corrections for ties and continuity.
func (m *mannWhitney) standardised() float64 {
	nx, ny := float64(len(m.x)), float64(len(m.y))
	n := nx + ny
	var ranks, ties float64
	for i, j := 0, 0; i < len(m.x) || j < len(m.y); {
		v := math.Inf(1)
		if i < len(m.x) {
			v = m.x[i]
		}
		if j < len(m.y) {
			v = math.Min(v, m.y[j])
		}
		before, fromX := float64(i+j), i
		for i < len(m.x) && m.x[i] == v {
			i++
		}
		for j < len(m.y) && m.y[j] == v {
			j++
		}
		tied := float64(i+j) - before
		ranks += float64(i-fromX) * (before + (tied+1)/2)
		ties += tied*tied*tied - tied
	}
	w := ranks - nx*(nx+1)/2 - nx*ny/2
	sd := math.Sqrt(nx * ny / 12 * (n + 1 - ties/(n*(n-1))))
	if !(sd > 0) {
		return 0
	}
	return (w - math.Copysign(.5, w)) / sd
}
