package stats

import (
	"fmt"
	"math"
	"slices"
)

// AndersonDarlingTest is the result of AndersonDarling.
type AndersonDarlingTest struct {
	// Statistic is the standardised A² with midranks, StatisticRight the same with the
	// distribution functions taken from the right at ties.
	Statistic, StatisticRight float64
	// P belongs to Statistic: interpolated in published critical values, and clipped to
	// [0.001, 0.25], beyond which they say nothing.
	P float64
	// Critical values at 25, 10, 5, 2.5, 1, 0.5 and 0.1 %.
	Critical []float64
	// Degenerate says that all values are equal: Statistic is 0, P is 0.25.
	Degenerate bool
}

// AndersonDarling tests whether two samples have the same distribution, with more
// weight in the tails than KolmogorovSmirnov. It is a diagnostic, never a verdict.
//
// Source: Scholz & Stephens 1987, K-sample Anderson–Darling tests, eq. 6 and 7, with
// the interpolation of their table 2. It returns ErrTooFew or ErrNotFinite; the
// samples need four values together.
func AndersonDarling(x, y []float64) (AndersonDarlingTest, error) {
	if err := checkSamples(x, y, 1); err != nil {
		return AndersonDarlingTest{}, err
	}
	if len(x)+len(y) < 4 {
		return AndersonDarlingTest{}, fmt.Errorf("%d values in all, at least 4 are needed: %w", len(x)+len(y), ErrTooFew)
	}
	s := newShiftSamples(x, y)
	out := AndersonDarlingTest{Critical: adCritical(), P: .25}
	if s.allTied(0) {
		out.Degenerate = true
		return out, nil
	}
	middle, right := s.andersonDarling()
	deviation := adDeviation(s.m, s.n)
	out.Statistic = (middle - 1) / deviation
	out.StatisticRight = (right - 1) / deviation
	out.P = adProbability(out.Statistic, out.Critical)
	return out, nil
}

// andersonDarling returns A² with midranks and from the right.
func (s shiftSamples) andersonDarling() (middle, right float64) {
	total := s.m + s.n
	pooled := append(slices.Clone(s.x), s.y...)
	slices.Sort(pooled)
	i, j := 0, 0 // values of x and y so far
	for at := 0; at < len(pooled); {
		v := pooled[at]
		oldI, oldJ := i, j
		for i < len(s.x) && s.x[i] == v {
			i++
		}
		for j < len(s.y) && s.y[j] == v {
			j++
		}
		group := float64(i - oldI + j - oldJ)
		fx, fy := float64(i+oldI)/2, float64(j+oldJ)/2
		b := float64(at) + group/2
		at = i + j
		dx, dy := total*fx-b*s.m, total*fy-b*s.n
		middle += group / total * (dx*dx/s.m + dy*dy/s.n) / (b*(total-b) - total*group/4)
		if at < len(pooled) {
			b = float64(at)
			dx, dy = total*float64(i)-b*s.m, total*float64(j)-b*s.n
			right += group / total * (dx*dx/s.m + dy*dy/s.n) / (b * (total - b))
		}
	}
	return middle * (total - 1) / total, right
}

// adDeviation is the standard deviation of A² for two samples.
func adDeviation(m, n float64) float64 {
	total := m + n
	sizes := 1/m + 1/n
	var h, g float64
	for i := 1.0; i < total; i++ {
		h += 1 / i
	}
	var tail float64 // Σ 1/j over the j above the complement
	for i := 1.0; i <= total-2; i++ {
		tail += 1 / (total - i)
		g += tail / (i + 1)
	}
	const k = 2.0
	a := (4*g-6)*(k-1) + (10-6*g)*sizes
	b := (2*g-4)*k*k + 8*h*k + (2*g-14*h-4)*sizes - 8*h + 4*g - 6
	c := (6*h+2*g-2)*k*k + (4*h-4*g+6)*k + (2*h-6)*sizes + 4*h
	d := (2*h+6)*k*k - 4*h*k
	return math.Sqrt((((a*total+b)*total+c)*total + d) / ((total - 1) * (total - 2) * (total - 3)))
}

func adLevels() []float64 { return []float64{.25, .1, .05, .025, .01, .005, .001} }

// adCritical are the critical values for two samples: b0 + b1 + b2 of table 2.
func adCritical() []float64 {
	b0 := []float64{.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085}
	b1 := []float64{-.245, .25, .678, 1.149, 1.822, 2.364, 3.615}
	b2 := []float64{-.105, -.305, -.362, -.391, -.396, -.345, -.154}
	out := make([]float64, len(b0))
	for i := range out {
		out[i] = b0[i] + b1[i] + b2[i]
	}
	return out
}

// adProbability fits log p by a parabola through the critical values, least squares.
func adProbability(statistic float64, critical []float64) float64 {
	levels := adLevels()
	if statistic < critical[0] {
		return levels[0]
	}
	if statistic > critical[len(critical)-1] {
		return levels[len(levels)-1]
	}
	// Polynomials orthogonal over the points: 1, x-a, (x-b)(x-a)-c.
	n := float64(len(critical))
	a := mean(critical)
	var s2, s3 float64
	for _, x := range critical {
		s2 += (x - a) * (x - a)
		s3 += x * (x - a) * (x - a)
	}
	b, c := s3/s2, s2/n
	second := func(x float64) float64 { return (x-b)*(x-a) - c }
	var f0, f1, f2, norm float64
	for i, x := range critical {
		l, q := math.Log(levels[i]), second(x)
		f0 += l / n
		f1 += l * (x - a) / s2
		f2 += l * q
		norm += q * q
	}
	return math.Exp(f0 + f1*(statistic-a) + f2/norm*second(statistic))
}
