package sequential

import (
	"math"
	"slices"
)

// Mix returns log Σ w_i·E_i for logE_i = log E_i: with fixed weights of sum 1 again
// evidence against the joint null, whatever the dependence (Vovk & Wang 2021,
// E-values: calibration, combination and applications). nil weights are equal.
// Metrics of weight 0 do not count, and neither does what is NaN: its mass is
// lost, not shared out. It is -Inf if nothing counts.
func Mix(logE, weights []float64) float64 {
	top := math.Inf(-1)
	for i, e := range logE {
		if weight(weights, i, len(logE)) > 0 && e > top {
			top = e
		}
	}
	if math.IsInf(top, 0) {
		return top
	}
	sum := 0.0
	for i, e := range logE {
		if w := weight(weights, i, len(logE)); w > 0 && e > top-negligible-math.Ln2 {
			sum += w * math.Exp(e-top)
		}
	}
	return top + math.Log(sum)
}

// weight returns the weight of metric i of m; one that is missing or not positive is 0.
func weight(weights []float64, i, m int) float64 {
	if weights == nil {
		return 1 / float64(m)
	}
	if i < len(weights) && positive(weights[i]) {
		return weights[i]
	}
	return 0
}

// Holm returns the adjusted log evidence of each metric, so that blaming those
// with at least log(1/α) blames no innocent one with probability 1-α: closed testing
// with weighted averages,
//
//	E*_i = min over sets S that contain i of Σ_S w·E / Σ_S w
//
// (Vovk & Wang 2021, §5; with equal weights min_j (E_i + the j smallest)/(j+1)).
// The least average is reached by adding the others from the smallest on while
// that lowers it. nil weights are equal; a metric of weight 0 is never blamed
// (-Inf) and blames nobody. NaN counts as -Inf.
func Holm(logE, weights []float64) []float64 {
	out := make([]float64, len(logE))
	order := make([]int, 0, len(logE))
	for i, e := range logE {
		out[i] = math.Inf(-1)
		if weight(weights, i, len(logE)) > 0 && !math.IsNaN(e) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case logE[a] < logE[b]:
			return -1
		case logE[a] > logE[b]:
			return 1
		}
		return 0
	})
	for rank, i := range order {
		w := weight(weights, i, len(logE))
		sum, mass := math.Log(w)+logE[i], w
		for _, k := range order[:rank] {
			if logE[k] >= sum-math.Log(mass) {
				break
			}
			w = weight(weights, k, len(logE))
			sum = logAdd(sum, math.Log(w)+logE[k])
			mass += w
		}
		out[i] = sum - math.Log(mass)
	}
	return out
}

// BH returns the indices, ascending, of the metrics on a list whose expected
// fraction of innocent ones is at most alpha, whatever the dependence: the k largest
// with k the greatest such that k·E_(k)/m >= 1/α (Wang & Ramdas 2022, False
// discovery rate control with e-values). NaN is never on it.
func BH(logE []float64, alpha float64) []int {
	var order []int
	for i, e := range logE {
		if !math.IsNaN(e) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case logE[a] > logE[b]:
			return -1
		case logE[a] < logE[b]:
			return 1
		}
		return 0
	})
	keep := 0
	for k, i := range order {
		if logE[i]+math.Log(float64(k+1)/float64(len(logE)))+math.Log(alpha) >= 0 {
			keep = k + 1
		}
	}
	order = order[:keep]
	slices.Sort(order)
	return order
}
