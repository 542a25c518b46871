package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// PermutationTest is the result of a permutation test.
type PermutationTest struct {
	// Statistic is mean x - mean y, or the mean difference of SignFlip.
	Statistic float64
	// P is the p-value of the alternative; Greater and Less are the one-sided ones.
	P, Greater, Less float64
	// Exact says that every arrangement was counted. Otherwise Draws were, and the
	// p-values are (hits+1)/(draws+1), which keeps their level.
	Exact bool
	Draws int
}

// PermutationOptions say how a permutation test counts.
type PermutationOptions struct {
	Alternative Alternative
	// Draws is how many random arrangements are drawn where there are too many to
	// count all; 0 means 9,999.
	Draws int
	// Seed of the draws: take it from the rollout, so that a verdict can be repeated.
	Seed uint64
}

// countable is how many arrangements are counted rather than drawn.
const countable = 1 << 20

func (o PermutationOptions) checked() (PermutationOptions, error) {
	if o.Draws == 0 {
		o.Draws = 9999
	}
	if o.Draws < 0 || o.Draws > 1<<24 {
		return o, fmt.Errorf("%d draws: choose between 1 and 2^24: %w", o.Draws, ErrOptions)
	}
	return o, checkAlternative(o.Alternative)
}

// PermutationMeans compares two means by exchanging values between the arms. It is
// exact if all values are exchangeable under the null hypothesis: pods are, minutes
// of one service are not, because neighbours resemble each other.
//
// Sources: Fisher 1935, The design of experiments; Phipson & Smyth 2010, Permutation
// p-values should never be zero. It returns ErrTooFew, ErrNotFinite or ErrOptions.
func PermutationMeans(x, y []float64, opt PermutationOptions) (PermutationTest, error) {
	if err := checkSamples(x, y, 1); err != nil {
		return PermutationTest{}, err
	}
	opt, err := opt.checked()
	if err != nil {
		return PermutationTest{}, err
	}
	unit := scaleOf(x, y)
	pooled := make([]float64, 0, len(x)+len(y))
	for _, v := range append(append(pooled, x...), y...) {
		pooled = append(pooled, v/unit)
	}
	m, n := float64(len(x)), float64(len(y))
	var total float64
	for _, v := range pooled {
		total += v
	}
	difference := func(sumX float64) float64 { return sumX/m - (total-sumX)/n }
	var sumX float64
	for _, v := range pooled[:len(x)] {
		sumX += v
	}
	c := newCounter(difference(sumX), 1)
	if choose(len(pooled), len(x)) <= countable {
		eachSum(pooled, len(x), func(s float64) { c.count(difference(s)) })
		return c.result(unit, opt, true), nil
	}
	draw := rand.New(rand.NewPCG(opt.Seed, uint64(len(pooled))))
	for range opt.Draws {
		var s float64
		for i := range x { // the first of a shuffle
			j := i + draw.IntN(len(pooled)-i)
			pooled[i], pooled[j] = pooled[j], pooled[i]
			s += pooled[i]
		}
		c.count(difference(s))
	}
	return c.result(unit, opt, false), nil
}

// SignFlip tests whether paired differences are centred at 0 by flipping their signs.
// It is exact if they are independent and symmetric, which blocks of one service are
// only if they are long enough. Errors are those of PermutationMeans.
func SignFlip(d []float64, opt PermutationOptions) (PermutationTest, error) {
	if err := checkSample("difference", d, 1); err != nil {
		return PermutationTest{}, err
	}
	opt, err := opt.checked()
	if err != nil {
		return PermutationTest{}, err
	}
	unit := scaleOf(d)
	n := float64(len(d))
	flipped := func(minus func(i int) bool) float64 {
		var s float64
		for i, v := range d {
			if minus(i) {
				v = -v
			}
			s += v / unit
		}
		return s / n
	}
	c := newCounter(flipped(func(int) bool { return false }), 1)
	if len(d) <= 16 {
		for mask := range 1 << len(d) {
			c.count(flipped(func(i int) bool { return mask>>i&1 == 1 }))
		}
		return c.result(unit, opt, true), nil
	}
	draw := rand.New(rand.NewPCG(opt.Seed, uint64(len(d))))
	for range opt.Draws {
		c.count(flipped(func(int) bool { return draw.Uint64()&1 == 1 }))
	}
	return c.result(unit, opt, false), nil
}

// counter counts the arrangements that are at least as extreme as the observed one.
type counter struct {
	observed, slack   float64
	all, above, below int
}

// newCounter takes as equal what differs by rounding of numbers of a given size.
func newCounter(observed, size float64) counter {
	return counter{observed: observed, slack: 1e-13 * size}
}

func (c *counter) count(v float64) {
	c.all++
	if v >= c.observed-c.slack {
		c.above++
	}
	if v <= c.observed+c.slack {
		c.below++
	}
}

func (c *counter) result(unit float64, opt PermutationOptions, exact bool) PermutationTest {
	own := 1
	if exact {
		own = 0 // it is among those counted
	}
	out := PermutationTest{Statistic: c.observed * unit, Exact: exact}
	if !exact {
		out.Draws = c.all
	}
	out.Greater = float64(c.above+own) / float64(c.all+own)
	out.Less = float64(c.below+own) / float64(c.all+own)
	out.P = sides(opt.Alternative, out.Greater, out.Less)
	return out
}

// choose returns C(n, k), +Inf where that is no float.
func choose(n, k int) float64 {
	c := 1.0
	for i := 1; i <= min(k, n-k); i++ {
		c *= float64(n-i+1) / float64(i)
	}
	return math.Round(c)
}

// eachSum calls what with the sum of every choice of k of the values.
func eachSum(values []float64, k int, what func(sum float64)) {
	if k == 0 {
		what(0)
		return
	}
	for i := 0; i <= len(values)-k; i++ {
		eachSum(values[i+1:], k-1, func(s float64) { what(s + values[i]) })
	}
}
