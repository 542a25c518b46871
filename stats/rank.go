package stats

import "slices"

// Midranks returns the ranks of v from 1, tied values sharing the mean of the ranks
// that they occupy. Ranks are multiples of ½ and their sum is n(n+1)/2, exactly.
// Values must not be NaN.
func Midranks(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compare(v[a], v[b]) })
	ranks := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			ranks[order[k]] = float64(i+j+1) / 2
		}
		i = j
	}
	return ranks
}

// tieTerm returns Σ(t³-t) over the groups of t tied values of a sorted sample.
func tieTerm(sorted []float64) float64 {
	var sum float64
	for i := 0; i < len(sorted); {
		j := i + 1
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		t := float64(j - i)
		sum += t*t*t - t
		i = j
	}
	return sum
}

func sorted(v []float64) []float64 {
	out := slices.Clone(v)
	slices.Sort(out)
	return out
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// rankSum is the Mann–Whitney statistic of two sorted samples, the first moved down
// by a shift, with the tie term of the pooled sample.
type rankSum struct {
	w    float64 // #{x-d > y} + ½#{x-d = y}
	ties float64 // Σ(t³-t)
}

// mergeRanks counts in one pass over two sorted samples: x-shift is as sorted as x,
// since rounding is monotone. Ties are exact equalities of floats.
func mergeRanks(x, y []float64, shift float64) rankSum {
	var out rankSum
	i, j := 0, 0
	for i < len(x) {
		v := x[i] - shift
		for j < len(y) && y[j] < v {
			// A group of equal values of y alone.
			k := j + 1
			for k < len(y) && y[k] == y[j] {
				k++
			}
			out.ties += cubeTerm(k - j)
			j = k
		}
		a := i + 1
		for a < len(x) && x[a]-shift == v {
			a++
		}
		b := j
		for b < len(y) && y[b] == v {
			b++
		}
		out.w += float64(a-i) * (float64(j) + float64(b-j)/2)
		out.ties += cubeTerm(a - i + b - j)
		i, j = a, b
	}
	out.ties += tieTerm(y[j:])
	return out
}

func cubeTerm(n int) float64 {
	t := float64(n)
	return t*t*t - t
}
