package calibrate

import (
	"math"
	"slices"

	"github.com/serin-canary/serin/stats"
)

// confidence is the level of the intervals around rates.
const confidence = .95

// Rate is how often something happened among draws, with an interval of 95 % that knows
// that draws resemble each other.
type Rate struct {
	Count int     `json:"count"`
	Of    int     `json:"of"`
	Rate  float64 `json:"rate"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Effective is how many independent draws tell as much as these.
	Effective float64 `json:"effective"`
}

// rateOf returns a rate of draws of which as many as independent ones tell as much.
func rateOf(count, of int, independent float64) Rate {
	r := Rate{Count: count, Of: of, High: 1, Effective: independent}
	if of == 0 {
		return r
	}
	r.Rate = float64(count) / float64(of)
	if i, err := stats.ClopperPearson(r.Rate*independent, independent, confidence); err == nil {
		r.Low, r.High = i.Low, i.High
	}
	return r
}

// Likeness is how much draws resemble each other: the mean products of the normal scores
// of their peaks of evidence, over the pairs that share something. 0 is independent.
type Likeness struct {
	SameTime  float64 `json:"sameTime"`  // pairs of one stretch of history
	NextTime  float64 `json:"nextTime"`  // pairs of neighbouring stretches
	SamePods  float64 `json:"samePods"`  // pairs with common pods, weighted by how many
	Effective float64 `json:"effective"` // independent draws that tell as much
}

// likeness measures how alike draws are, by their peaks of evidence rather than by their
// few alarms. What a pair shares adds to the variance of a mean over draws; the number of
// independent draws with that variance is their number over the design effect
// (Kish 1965, Survey sampling).
func likeness(rs []Result) Likeness {
	n := len(rs)
	out := Likeness{Effective: float64(n)}
	if n < 3 {
		return out
	}
	z := normalScores(rs)
	var time, next, pods pairs
	shares := newSharing(rs)
	for i := range rs {
		for j := i + 1; j < n; j++ {
			product := z[i] * z[j]
			switch d := rs[i].Slot - rs[j].Slot; d {
			case 0:
				time.add(product, 1)
			case 1, -1:
				next.add(product, 1)
				pods.add(product, shares.of(i, j))
			default:
				pods.add(product, shares.of(i, j))
			}
		}
	}
	out.SameTime, out.NextTime, out.SamePods = time.mean(), next.mean(), pods.mean()
	// Each pair counts twice in the variance of a sum.
	effect := 1 + 2/float64(n)*(out.SameTime*time.weight+out.NextTime*next.weight+out.SamePods*pods.weight)
	out.Effective = float64(n) / math.Max(effect, 1)
	return out
}

// pairs adds up the products of pairs. A mean that is not positive, or not above what
// chance makes of so many pairs, is none.
type pairs struct{ sum, weight, squares float64 }

func (p *pairs) add(product, weight float64) {
	p.sum += product * weight
	p.weight += weight
	p.squares += weight * weight
}

// mean is the mean product, brought to 0 by its own error: of independent draws half of
// the means are positive, and each would cost draws that nothing takes away.
func (p pairs) mean() float64 {
	if p.weight <= 0 {
		return 0
	}
	m := p.sum / p.weight
	if m <= math.Sqrt(p.squares)/p.weight { // one standard error of products of scores
		return 0
	}
	return m
}

// sharing counts common pods.
type sharing struct{ of func(i, j int) float64 }

func newSharing(rs []Result) sharing {
	sets := make([]map[string]bool, len(rs))
	for i, r := range rs {
		sets[i] = map[string]bool{}
		for _, p := range r.Pods {
			sets[i][p] = true
		}
	}
	return sharing{func(i, j int) float64 {
		common := 0
		for _, p := range rs[j].Pods {
			if sets[i][p] {
				common++
			}
		}
		return float64(common) / float64(max(len(rs[j].Pods), 1))
	}}
}

// normalScores are the quantiles of the normal distribution at the ranks of the draws'
// peaks, of mean 0 and variance 1 (van der Waerden 1952). Ties share their mean rank.
func normalScores(rs []Result) []float64 {
	n := len(rs)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case rs[a].Peak < rs[b].Peak:
			return -1
		case rs[a].Peak > rs[b].Peak:
			return 1
		}
		return 0
	})
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
