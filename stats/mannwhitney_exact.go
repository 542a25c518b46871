package stats

import (
	"fmt"
	"math"
)

// uDistribution holds P(W = w) for w = 0…mn.
type uDistribution []float64

// rankSumDistribution returns the distribution of W without ties: the coefficients
// of ∏(1-q^(n+i))/(1-q^i), i = 1…m (Mann & Whitney 1947), over C(m+n, m). The factors
// are multiplied in as shares of the number of arrangements, so that the numbers
// stay near 1 and only the last digits round.
func rankSumDistribution(m, n int) uDistribution {
	if m > n {
		m, n = n, m
	}
	c := make(uDistribution, m*n+1)
	c[0] = 1
	for i := 1; i <= m; i++ {
		top := i * n // the degree after this factor
		for u := top; u >= n+i; u-- {
			c[u] -= c[u-n-i]
		}
		for u := i; u <= top; u++ {
			c[u] += c[u-i]
		}
		// Symmetric in exact arithmetic: the half that lost digits is copied.
		for u := 0; u < top-u; u++ {
			c[top-u] = c[u]
		}
		share := float64(i) / float64(n+i)
		for u := 0; u <= top; u++ {
			c[u] *= share
		}
	}
	return c
}

func (d uDistribution) atMost(u int) float64 {
	if u < 0 {
		return 0
	}
	if middle := len(d) / 2; u > middle {
		return 1 - d.atMost(len(d)-2-u)
	}
	var p float64
	for _, v := range d[:min(u+1, len(d))] {
		p += v
	}
	return unit(p)
}

func (d uDistribution) atLeast(u int) float64 { return d.atMost(len(d) - 1 - u) }

// quantile returns the least u with P(W <= u) >= p, up to rounding.
func (d uDistribution) quantile(p float64) int {
	p -= 10 * 0x1p-52
	var below float64
	for u, v := range d {
		if below += v; below >= p {
			return u
		}
	}
	return len(d) - 1
}

// The most work that exact distributions may cost: about a second.
const affordable = 1 << 30

func affordRankSum(m, n int) error {
	if float64(min(m, n))*float64(m)*float64(n) > affordable {
		return fmt.Errorf("%d and %d values, use the asymptotic distribution: %w", m, n, ErrTooLarge)
	}
	return nil
}

// tiedRankSum returns P(R >= r) and P(R <= r), R being the sum of the ranks of m
// items drawn from all: the shift algorithm of Streitberg & Röhmel 1986 on doubled
// midranks, which are integers. The first m ranks are the observed ones.
func tiedRankSum(ranks []float64, m int) (greater, less float64, err error) {
	doubled := make([]int, len(ranks))
	low := int(2 * ranks[0])
	for i, r := range ranks {
		doubled[i] = int(2 * r)
		low = min(low, doubled[i])
	}
	var observed, total int
	for i := range doubled {
		doubled[i] -= low // every selection has m items: the smallest is taken off all
		total += doubled[i]
		if i < m {
			observed += doubled[i]
		}
	}
	upper, lower := observed, observed
	k := m
	if 2*m > len(ranks) { // count the other arm, whose sums are the complements
		k = len(ranks) - m
		upper, lower = total-observed, total-observed
	}
	if float64(len(ranks))*float64(k)*float64(total+1) > affordable {
		return 0, 0, fmt.Errorf("%d values with ties, use the asymptotic distribution: %w", len(ranks), ErrTooLarge)
	}
	sums := selectionSums(doubled, k, total)
	var all, atLeast, atMost float64
	for s, v := range sums {
		all += v
		if s >= upper {
			atLeast += v
		}
		if s <= lower {
			atMost += v
		}
	}
	if k != m {
		atLeast, atMost = atMost, atLeast
	}
	return unit(atLeast / all), unit(atMost / all), nil
}

// selectionSums returns, up to a common factor, in how many ways k of the items sum
// to s, s = 0…total.
func selectionSums(items []int, k, total int) []float64 {
	ways := make([][]float64, k+1)
	for i := range ways {
		ways[i] = make([]float64, total+1)
	}
	ways[0][0] = 1
	reach := 0 // the largest sum so far
	for done, item := range items {
		reach += item
		for j := min(done+1, k); j >= 1; j-- {
			to, from := ways[j], ways[j-1]
			for s := reach; s >= item; s-- {
				to[s] += from[s-item]
			}
		}
		if done%512 == 511 { // 2^512 ways still are a float; more might not be
			shrink(ways, 0x1p-512)
		}
	}
	return ways[k]
}

func shrink(rows [][]float64, by float64) {
	for _, row := range rows {
		for i := range row {
			row[i] *= by
		}
	}
}

// signSums returns the distribution of the sum of those items whose coin shows
// heads: P(sum = s), s = 0…total. Items are positive integers.
func signSums(items []int) []float64 {
	var total int
	for _, v := range items {
		total += v
	}
	p := make([]float64, total+1)
	p[0] = 1
	reach := 0
	for _, item := range items {
		reach += item
		for s := reach; s >= 0; s-- {
			v := p[s] / 2
			if s >= item {
				v += p[s-item] / 2
			}
			p[s] = v
		}
	}
	return p
}

// continuity returns the continuity correction that is taken off a statistic z.
func continuity(alt Alternative, z float64) float64 {
	switch alt {
	case Greater:
		return .5
	case Less:
		return -.5
	}
	if z == 0 {
		return 0
	}
	return math.Copysign(.5, z)
}
