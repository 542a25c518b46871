package stats

import (
	"fmt"
	"slices"
)

// Holm returns p-values adjusted for the chance of any false rejection among them,
// whatever their dependence: sorted upwards, max over j ≤ i of (n-j+1)·p(j), at most 1
// (Holm 1979, A simple sequentially rejective multiple test procedure). It returns
// ErrOptions for numbers outside [0, 1].
func Holm(p []float64) ([]float64, error) {
	return adjust(p, func(order []int, out []float64) {
		var worst float64
		for i, at := range order {
			worst = max(worst, min(1, float64(len(p)-i)*p[at]))
			out[at] = worst
		}
	})
}

// Hochberg is Holm's adjustment stepped from the largest p-value: sharper, but only
// for independent or positively dependent tests (Hochberg 1988).
func Hochberg(p []float64) ([]float64, error) {
	return stepUp(p, func(rank int) float64 { return float64(len(p) - rank + 1) })
}

// Bonferroni multiplies every p-value by their number.
func Bonferroni(p []float64) ([]float64, error) {
	return adjust(p, func(_ []int, out []float64) {
		for i, v := range p {
			out[i] = min(1, float64(len(p))*v)
		}
	})
}

// BenjaminiHochberg returns p-values adjusted for the expected share of false ones
// among the rejections: min over j ≥ i of n/j·p(j) (Benjamini & Hochberg 1995,
// Controlling the false discovery rate). It is for lists, not for a verdict.
func BenjaminiHochberg(p []float64) ([]float64, error) {
	return stepUp(p, func(rank int) float64 { return float64(len(p)) / float64(rank) })
}

// BenjaminiYekutieli is BenjaminiHochberg under any dependence: it costs a factor of
// Σ 1/j (Benjamini & Yekutieli 2001).
func BenjaminiYekutieli(p []float64) ([]float64, error) {
	var harmonic float64
	for j := range p {
		harmonic += 1 / float64(j+1)
	}
	return stepUp(p, func(rank int) float64 { return harmonic * float64(len(p)) / float64(rank) })
}

// Hommel returns the p-values of Hommel's procedure, the closed test by Simes'
// inequality (Hommel 1988; Wright 1992, Adjusted p-values for simultaneous inference):
// for each p-value the largest over subset sizes m of what Simes' test demands.
func Hommel(p []float64) ([]float64, error) {
	return adjust(p, func(order []int, out []float64) {
		n := len(order)
		sortedP := make([]float64, n)
		for i, at := range order {
			sortedP[i] = p[at]
		}
		result := slices.Clone(sortedP)
		for m := 2; m <= n; m++ {
			// Simes over the m-1 largest and each of the others as the smallest.
			c := float64(m) * sortedP[n-m+1] / 2
			for k := 3; k <= m; k++ {
				c = min(c, float64(m)*sortedP[n-m+k-1]/float64(k))
			}
			for i := range result {
				smallest := sortedP[min(i, n-m)]
				result[i] = max(result[i], min(c, float64(m)*smallest))
			}
		}
		for i, at := range order {
			out[at] = min(1, result[i])
		}
	})
}

// stepUp returns the running minimum, from the largest p-value down, of factor·p.
func stepUp(p []float64, factor func(rank int) float64) ([]float64, error) {
	return adjust(p, func(order []int, out []float64) {
		least := 1.0
		for i := len(order) - 1; i >= 0; i-- {
			least = min(least, factor(i+1)*p[order[i]])
			out[order[i]] = least
		}
	})
}

func adjust(p []float64, fill func(order []int, out []float64)) ([]float64, error) {
	order := make([]int, len(p))
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("p-value %d is %g: %w", i+1, v, ErrOptions)
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(p[a], p[b]) })
	out := make([]float64, len(p))
	fill(order, out)
	return out, nil
}
