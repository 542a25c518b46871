package stats

import (
	"fmt"
	"math"
	"slices"
)

// KSMethod is how KolmogorovSmirnov computes its p-value.
type KSMethod int

const (
	// KSAuto is exact for fewer than 10,000 pairs and asymptotic from there.
	KSAuto KSMethod = iota
	// KSExact is the permutation distribution given the ties.
	KSExact
	// KSAsymptotic is the limit of the distribution.
	KSAsymptotic
	// KSEffective is the distribution for one sample of the effective size mn/(m+n),
	// rounded, as scipy takes it; one-sided the limit with the correction of Hodges
	// 1958, e^(-2z² - 2z(a+2b)/(3√(ab(a+b)))) for sizes a ≥ b.
	KSEffective
	// KSExactUntied is KSExact as if there were no ties, as scipy takes it.
	KSExactUntied
)

// KSTest is the result of KolmogorovSmirnov.
type KSTest struct {
	// Statistic is D = sup|F-G| of the empirical distribution functions; one-sided, the
	// largest G-F (Greater) or F-G (Less), F being the canary's.
	Statistic float64
	P         float64
	Exact     bool
}

// KolmogorovSmirnov tests whether two samples have the same distribution. Greater
// looks for a canary with larger values, so for a distribution function below the
// baseline's. The exact p-value counts lattice paths, only between groups of ties;
// the asymptotic one is 2Σ(-1)^(k-1)·e^(-2k²z²), z = D√(mn/(m+n)), or e^(-2z²) one-sided.
// It is a diagnostic: with enough data it finds differences of no importance.
//
// Sources: Kolmogorov 1933; Smirnov 1939; Schröer & Trenkler 1995, Exact and
// randomization distributions of Kolmogorov-Smirnov tests. It returns ErrTooFew,
// ErrNotFinite, ErrOptions or ErrTooLarge.
func KolmogorovSmirnov(x, y []float64, alt Alternative, method KSMethod) (KSTest, error) {
	if err := checkSamples(x, y, 1); err != nil {
		return KSTest{}, err
	}
	if err := checkAlternative(alt); err != nil {
		return KSTest{}, err
	}
	if method < KSAuto || method > KSExactUntied {
		return KSTest{}, fmt.Errorf("method %d: %w", method, ErrOptions)
	}
	m, n := float64(len(x)), float64(len(y))
	lattice := newLattice(x, y)
	out := KSTest{Statistic: lattice.distance(alt)}
	if method == KSAuto {
		method = KSAsymptotic
		if m*n < 10000 {
			method = KSExact
		}
	}
	effective := m * n / (m + n)
	switch method {
	case KSExact, KSExactUntied:
		if m*n > affordable {
			return KSTest{}, fmt.Errorf("%d by %d values, use KSAsymptotic: %w", len(x), len(y), ErrTooLarge)
		}
		if method == KSExactUntied {
			for i := range lattice.ends {
				lattice.ends[i] = true
			}
		}
		out.Exact = true
		out.P = lattice.exceed(alt, out.Statistic)
	case KSEffective:
		if alt == TwoSided {
			out.P = kolmogorovOneSample(math.RoundToEven(effective), out.Statistic)
			break
		}
		z := math.Sqrt(effective) * out.Statistic
		out.P = math.Exp(-2*z*z - 2*z*(math.Max(m, n)+2*math.Min(m, n))/(3*math.Sqrt(m*n*(m+n))))
	default:
		z := math.Sqrt(effective) * out.Statistic
		if alt == TwoSided {
			out.P = kolmogorovLimit(z)
		} else {
			out.P = math.Exp(-2 * z * z)
		}
	}
	out.P = unit(out.P)
	return out, nil
}

// lattice is the pooled sample as a path: a step for each value, of x or of y.
type lattice struct {
	m, n int
	isX  []bool
	ends []bool // whether a group of ties ends with this value
}

func newLattice(x, y []float64) lattice {
	type value struct {
		v float64
		x bool
	}
	pooled := make([]value, 0, len(x)+len(y))
	for _, v := range x {
		pooled = append(pooled, value{v, true})
	}
	for _, v := range y {
		pooled = append(pooled, value{v, false})
	}
	slices.SortFunc(pooled, func(a, b value) int { return compare(a.v, b.v) })
	l := lattice{m: len(x), n: len(y), isX: make([]bool, len(pooled)), ends: make([]bool, len(pooled))}
	for i, p := range pooled {
		l.isX[i] = p.x
		l.ends[i] = i == len(pooled)-1 || pooled[i+1].v != p.v
	}
	return l
}

// gap is the distance of the distribution functions, F(x) = i/m and G(y) = j/n, in
// the direction of the alternative, in integers so that equal distances are equal.
func (l lattice) gap(alt Alternative, i, j int) int {
	d := i*l.n - j*l.m
	if alt == Greater || alt == TwoSided && d < 0 {
		return -d
	}
	return d
}

func (l lattice) distance(alt Alternative) float64 {
	var i, j, most int
	for k, x := range l.isX {
		if x {
			i++
		} else {
			j++
		}
		if l.ends[k] {
			most = max(most, l.gap(alt, i, j))
		}
	}
	return float64(most) / (float64(l.m) * float64(l.n))
}

// exceed returns the probability that a random path, given the ties, is at least as
// far from the diagonal somewhere: by recursion over the lattice, in probabilities of
// having been there, which keeps small ones exact.
func (l lattice) exceed(alt Alternative, distance float64) float64 {
	limit := int(math.Round(distance * float64(l.m) * float64(l.n)))
	if limit <= 0 {
		return 1
	}
	u := make([]float64, l.n+1)
	for i := 0; i <= l.m; i++ {
		for j := 0; j <= l.n; j++ {
			if i+j == 0 {
				continue
			}
			switch {
			case l.ends[i+j-1] && l.gap(alt, i, j) >= limit:
				u[j] = 1
			case i == 0:
				u[j] = u[j-1]
			case j > 0:
				share := float64(i) / float64(i+j)
				u[j] = share*u[j] + (1-share)*u[j-1]
			}
		}
	}
	return u[l.n]
}

// kolmogorovLimit returns 2Σ(-1)^(k-1)·e^(-2k²z²), k = 1, 2, …; below 1 by the other
// form of the theta function, which converges there.
func kolmogorovLimit(z float64) float64 {
	if z <= 0 {
		return 1
	}
	if z < 1 {
		var below float64
		for k := 1.0; k < 40; k += 2 {
			below += math.Exp(-k * k * math.Pi * math.Pi / (8 * z * z))
		}
		return 1 - below*math.Sqrt(2*math.Pi)/z
	}
	var p float64
	sign := 2.0
	for k := 1.0; k < 40; k++ {
		p += sign * math.Exp(-2*k*k*z*z)
		sign = -sign
	}
	return p
}

// kolmogorovOneSample returns P(D >= d) for one sample of n values. Far out it is
// twice the one-sided probability (Birnbaum & Tingey 1951), elsewhere by the matrix of
// Durbin 1973 (Marsaglia, Tsang & Wang 2003); large samples take the limit with
// Stephens' factor √n + 0.12 + 0.11/√n.
func kolmogorovOneSample(n, d float64) float64 {
	switch {
	case d <= .5/n:
		return 1
	case d >= 1:
		return 0
	case d >= .5 || n*d*d > 7:
		return 2 * smirnovOneSample(n, d)
	case n > 1000:
		return kolmogorovLimit((math.Sqrt(n) + .12 + .11/math.Sqrt(n)) * d)
	}
	return 1 - durbin(int(n), d)
}

// smirnovOneSample returns P(D+ >= d) = d·Σ C(n,j)(1-d-j/n)^(n-j)·(d+j/n)^(j-1).
func smirnovOneSample(n, d float64) float64 {
	var p float64
	for j := 0.0; j <= n*(1-d); j++ {
		up := 1 - d - j/n
		if up <= 0 {
			break
		}
		a, _ := math.Lgamma(n + 1)
		b, _ := math.Lgamma(j + 1)
		c, _ := math.Lgamma(n - j + 1)
		p += math.Exp(a - b - c + (n-j)*math.Log(up) + (j-1)*math.Log(d+j/n))
	}
	return unit(d * p)
}

// durbin returns P(D < d) = n!/n^n times the middle element of a matrix to the n-th.
func durbin(n int, d float64) float64 {
	k := int(float64(n)*d) + 1
	size := 2*k - 1
	h := float64(k) - float64(n)*d
	matrix := make([][]float64, size)
	for i := range matrix {
		matrix[i] = make([]float64, size)
		for j := 0; j <= min(i+1, size-1); j++ {
			matrix[i][j] = 1
		}
	}
	for i := range size {
		matrix[i][0] -= math.Pow(h, float64(i+1))
		matrix[size-1][i] -= math.Pow(h, float64(size-i))
	}
	if 2*h-1 > 0 {
		matrix[size-1][0] += math.Pow(2*h-1, float64(size))
	}
	for i := range size {
		for j := 0; j <= min(i+1, size-1); j++ {
			for g := 2; g <= i-j+1; g++ {
				matrix[i][j] /= float64(g)
			}
		}
	}
	row := make([]float64, size)
	row[k-1] = 1
	for step := 1; step <= n; step++ { // one factor step/n each, so that nothing grows
		next := make([]float64, size)
		for i, v := range row {
			for j := 0; j <= min(i+1, size-1); j++ {
				next[j] += v * matrix[i][j]
			}
		}
		for j := range next {
			next[j] *= float64(step) / float64(n)
		}
		row = next
	}
	return unit(row[k-1])
}
