package stats

import (
	"math"
	"slices"
)

// ordered is a set of numbers that is not written out but can be counted: the mn
// differences of two samples, the n(n+1)/2 averages of one.
type ordered interface {
	// count returns how many numbers there are.
	count() int
	// cut returns how many numbers are at most v, the largest of them, and the
	// smallest that is above v; infinities where there are none.
	cut(v float64) cutting
	// between calls keep with every number from low to high, both included.
	between(low, high float64, keep func(float64))
}

// cutting is what a value divides an ordered set into.
type cutting struct {
	atMost      int
	below, over float64
}

// selectRank returns the k-th smallest number of a set, k = 1…count, without writing
// the set out: it narrows a bracket of members, by interpolation between the counts
// and every other time by halving, until few enough are left to sort. Its cost is a
// dozen passes over the samples (compare Johnson & Mizoguchi 1978, Selecting the
// k-th element in X+Y; Monahan 1984).
func selectRank(set ordered, k int) float64 {
	first := set.cut(math.Inf(-1))
	last := set.cut(math.Inf(1))
	low, high := first.over, last.below
	before, upTo := 0, last.atMost // numbers below low; numbers up to high
	const few = 64
	for round := 0; low < high && upTo-before > few; round++ {
		share := .5
		if round%2 == 0 {
			share = (float64(k-before) - .5) / float64(upTo-before)
		}
		v := low + share*(high-low)
		if !(v > low && v < high) {
			v = low
		}
		c := set.cut(v)
		if c.atMost >= k {
			high, upTo = c.below, c.atMost
		} else {
			low, before = c.over, c.atMost
		}
	}
	if low >= high {
		return low
	}
	left := make([]float64, 0, upTo-before)
	set.between(low, high, func(v float64) { left = append(left, v) })
	slices.Sort(left)
	return left[k-before-1]
}

// medianOf returns the median of a set: the middle number or the mean of the two.
func medianOf(set ordered) float64 {
	n := set.count()
	if n%2 == 1 {
		return selectRank(set, n/2+1)
	}
	a := selectRank(set, n/2)
	c := set.cut(a)
	if c.atMost > n/2 {
		return a
	}
	return (a + c.over) / 2
}

// differences are all x-y of two sorted samples.
type differences struct{ x, y []float64 }

func (d differences) count() int { return len(d.x) * len(d.y) }

func (d differences) cut(v float64) cutting {
	out := cutting{below: math.Inf(-1), over: math.Inf(1)}
	j := 0 // the first y with x-y <= v
	for _, x := range d.x {
		for j < len(d.y) && x-d.y[j] > v {
			j++
		}
		out.atMost += len(d.y) - j
		if j < len(d.y) {
			out.below = max(out.below, x-d.y[j])
		}
		if j > 0 {
			out.over = min(out.over, x-d.y[j-1])
		}
	}
	return out
}

func (d differences) between(low, high float64, keep func(float64)) {
	j := 0
	for _, x := range d.x {
		for j < len(d.y) && x-d.y[j] > high {
			j++
		}
		for k := j; k < len(d.y) && x-d.y[k] >= low; k++ {
			keep(x - d.y[k])
		}
	}
}

// walsh are the averages (d[i]+d[j])/2, i <= j, of one sorted sample.
type walsh []float64

func (d walsh) count() int { return len(d) * (len(d) + 1) / 2 }

func (d walsh) cut(v float64) cutting {
	out := cutting{below: math.Inf(-1), over: math.Inf(1)}
	j := len(d) // the first partner, from i on, whose average is above v
	for i := range d {
		for j > 0 && (d[i]+d[j-1])/2 > v {
			j--
		}
		at := max(j, i)
		out.atMost += at - i
		if at > i {
			out.below = max(out.below, (d[i]+d[at-1])/2)
		}
		if at < len(d) {
			out.over = min(out.over, (d[i]+d[at])/2)
		}
	}
	return out
}

func (d walsh) between(low, high float64, keep func(float64)) {
	j := len(d)
	for i := range d {
		for j > 0 && (d[i]+d[j-1])/2 > high {
			j--
		}
		for k := j - 1; k >= i && (d[i]+d[k])/2 >= low; k-- {
			keep((d[i] + d[k]) / 2)
		}
	}
}
