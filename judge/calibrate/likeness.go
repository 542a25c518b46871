package calibrate

import (
	"cmp"
	"math"
	"slices"

	"github.com/serin-canary/serin/stats"
)

// Likeness is how much draws resemble each other in something that was seen of each: the
// mean products of its standardised values, over the pairs that share something. 0 is
// independent.
type Likeness struct {
	SameTime  float64 `json:"sameTime"`  // pairs of one stretch of history
	NextTime  float64 `json:"nextTime"`  // pairs of neighbouring stretches
	SamePods  float64 `json:"samePods"`  // pairs with common pods, weighted by how many
	Effective float64 `json:"effective"` // independent draws that tell as much
}

// kinship is what draws share, whatever became of them.
type kinship struct {
	rs []Result
	// bySlot are the draws of each stretch, the stretches in the order of time; byPod
	// those of each pod, in the order of time.
	bySlot, byPod [][]int
	size          float64 // pods of a draw
	time, next    weights
	pods          weights
}

// weights are how many pairs there are of a kind, and the sum of their squares.
type weights struct{ sum, squares float64 }

func (w *weights) add(v float64) {
	w.sum += v
	w.squares += v * v
}

// kinshipOf counts the pairs of draws that share something: time, or pods at different
// times.
func kinshipOf(rs []Result) kinship {
	k := kinship{rs: rs, size: 1}
	order := make([]int, len(rs))
	for i := range rs {
		order[i] = i
		k.size = math.Max(k.size, float64(len(rs[i].Pods)))
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rs[a].Slot, rs[b].Slot) })
	names := map[string]int{}
	for n, i := range order {
		if n == 0 || rs[i].Slot != rs[order[n-1]].Slot {
			k.bySlot = append(k.bySlot, nil)
		}
		k.bySlot[len(k.bySlot)-1] = append(k.bySlot[len(k.bySlot)-1], i)
		for _, pod := range rs[i].Pods {
			at, known := names[pod]
			if !known {
				at = len(k.byPod)
				names[pod], k.byPod = at, append(k.byPod, nil)
			}
			k.byPod[at] = append(k.byPod[at], i)
		}
	}
	k.weigh()
	return k
}

func (k *kinship) weigh() {
	sets := make([]map[string]bool, len(k.rs))
	for i, r := range k.rs {
		sets[i] = map[string]bool{}
		for _, p := range r.Pods {
			sets[i][p] = true
		}
	}
	for i := range k.rs {
		for j := i + 1; j < len(k.rs); j++ {
			apart := k.rs[i].Slot - k.rs[j].Slot
			if apart == 0 {
				k.time.add(1)
				continue
			}
			if apart == 1 || apart == -1 {
				k.next.add(1)
			}
			common := 0
			for _, p := range k.rs[j].Pods {
				if sets[i][p] {
					common++
				}
			}
			if common > 0 {
				k.pods.add(float64(common) / k.size)
			}
		}
	}
}

// alike measures how alike draws are in a value of each, of mean 0 and variance 1. What a
// pair shares adds to the variance of a mean over draws; the number of independent draws
// with that variance is their number over the design effect (Kish 1965, Survey sampling).
func (k kinship) alike(z []float64) Likeness {
	n := float64(len(k.rs))
	out := Likeness{Effective: n}
	if n < 3 {
		return out
	}
	var time, next, pods float64
	before, slot := 0.0, -2
	for _, draws := range k.bySlot {
		sum, pairs := products(draws, z)
		time += pairs
		if k.rs[draws[0]].Slot == slot+1 {
			next += before * sum
		}
		before, slot = sum, k.rs[draws[0]].Slot
	}
	for _, draws := range k.byPod {
		_, pairs := products(draws, z)
		pods += pairs / k.size
		for i := 0; i < len(draws); { // pairs of the same time are not counted twice
			j := i
			for j < len(draws) && k.rs[draws[j]].Slot == k.rs[draws[i]].Slot {
				j++
			}
			_, same := products(draws[i:j], z)
			pods -= same / k.size
			i = j
		}
	}
	out.SameTime, out.NextTime, out.SamePods = k.time.mean(time), k.next.mean(next), k.pods.mean(pods)
	// Each pair counts twice in the variance of a sum.
	effect := 1 + 2/n*(out.SameTime*k.time.sum+out.NextTime*k.next.sum+out.SamePods*k.pods.sum)
	out.Effective = n / math.Max(effect, 1)
	return out
}

// products are the sum of draws' values, and that of the products of all pairs of them.
func products(draws []int, z []float64) (sum, pairs float64) {
	squares := 0.0
	for _, i := range draws {
		sum += z[i]
		squares += z[i] * z[i]
	}
	return sum, (sum*sum - squares) / 2
}

// mean is the mean product, brought to 0 by its own error: of independent draws half of
// the means are positive, and each would cost draws that nothing takes away.
func (w weights) mean(products float64) float64 {
	if w.sum <= 0 {
		return 0
	}
	m := products / w.sum
	if m <= math.Sqrt(w.squares)/w.sum { // one standard error of products of scores
		return 0
	}
	return m
}

// rate is how often something was true of the draws. How alike they are in it is measured
// by the outcomes themselves: whether a stretch has the traffic for a proof, all its draws
// share. Where all outcomes are the same they tell nothing of that, and draws of one
// stretch count as one.
func (k kinship) rate(is func(Result) bool) Rate {
	z, count := k.outcomes(is)
	if z == nil {
		return rateOf(count, len(k.rs), k.stretches())
	}
	return rateOf(count, len(k.rs), k.told(k.alike(z)))
}

// alarms is the rate of something that evidence decides. It is rare, so that the peaks of
// evidence tell more of likeness, which are as they are given; the outcomes count where
// they are more alike than those. others says that something else than evidence may raise
// it, a limit for example: while it never did, draws of one stretch count as one.
func (k kinship) alarms(is func(Result) bool, peaks Likeness, others bool) Rate {
	z, count := k.outcomes(is)
	n := k.told(peaks)
	switch {
	case z != nil:
		n = math.Min(n, k.told(k.alike(z)))
	case others:
		n = math.Min(n, k.stretches())
	}
	return rateOf(count, len(k.rs), n)
}

// stretches is how many stretches of history the draws are of.
func (k kinship) stretches() float64 { return float64(len(k.bySlot)) }

// told is how many independent draws tell as much, likeness being measured and not known:
// by stretches, which are few. The factor is that of the widths of two intervals by
// Student's distribution (Korn and Graubard 1998).
func (k kinship) told(l Likeness) float64 {
	if len(k.rs) < 2 {
		return l.Effective
	}
	const upper = (1 + confidence) / 2
	wider := stats.StudentQuantile(upper, math.Max(k.stretches()-1, 1)) / stats.StudentQuantile(upper, float64(len(k.rs)-1))
	return l.Effective / (wider * wider)
}

// outcomes standardises what was true of some draws and not of others: mean 0, variance 1.
// It is nil where all are the same.
func (k kinship) outcomes(is func(Result) bool) (z []float64, count int) {
	for _, r := range k.rs {
		if is(r) {
			count++
		}
	}
	if count == 0 || count == len(k.rs) {
		return nil, count
	}
	p := float64(count) / float64(len(k.rs))
	yes, no := math.Sqrt((1-p)/p), -math.Sqrt(p/(1-p))
	for _, r := range k.rs {
		if is(r) {
			z = append(z, yes)
		} else {
			z = append(z, no)
		}
	}
	return z, count
}

// peaks are the normal scores of the draws' peaks of evidence: the quantiles of the normal
// distribution at their ranks, of mean 0 and variance 1 (van der Waerden 1952). Ties share
// their mean rank.
func (k kinship) peaks() []float64 {
	rs := k.rs
	n := len(rs)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rs[a].Peak, rs[b].Peak) })
	z := make([]float64, n)
	for i := 0; i < n; {
		j := i
		for j < n && rs[order[j]].Peak == rs[order[i]].Peak {
			j++
		}
		score := math.Sqrt2 * math.Erfinv(float64(i+j+1)/float64(n+1)-1)
		for ; i < j; i++ {
			z[order[i]] = score
		}
	}
	sum := 0.0
	for _, v := range z {
		sum += v * v
	}
	if sum == 0 {
		return z
	}
	scale := math.Sqrt(float64(n) / sum)
	for i := range z {
		z[i] *= scale
	}
	return z
}
