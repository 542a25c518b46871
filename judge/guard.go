package judge

import (
	"fmt"
	"math"
	"slices"

	"github.com/serin-canary/serin/judge/plan"
)

// guardPods is how many baseline pods the guard needs: with fewer no rank is rare
// enough at α = 5 %.
const guardPods = 19

// release is how many times the logarithm of the canary's evidence must be that of
// other pods for it to count although they came first.
const release = 2

// guard compares a metric's evidence with that of other pods on the same minutes. What
// makes single pods look bad, whichever they are (a neighbour, an incident that spares
// some), makes other pods look bad too.
//
// The canaries and the baseline's pods are put in one row, and every group of as many
// neighbours as there are canaries is judged like them, against all others. The
// canary's evidence counts if it is among the first ⌊αK⌋ of the K groups to reach
// what rolls back. Where all pods are alike its place among them is uniform, whatever
// their series look like, so that at most a fraction α of healthy canaries pass
// (STATISTICS §5.4). One that came later counts once the logarithm of its evidence is
// twice that of all but ⌊αK⌋-1 others, which is not exact but measured.
type guard struct {
	p    *Prior
	m    plan.Metric
	s    sharpness
	pods crew // the canaries first
	size int  // how many of them are canaries
}

// guarding is what a guard did.
type guarding struct {
	groups int     // that were judged beside the canary
	before int     // of them reached the threshold no later than it
	held   float64 // the canary's newest evidence where that was withheld; 0 where not
}

// apply takes evidence away, in place, where the guard does not let it pass. logs holds
// the canary's after each of blocks.
func (g guard) apply(logs []float64, blocks []int) guarding {
	first := firstAt(logs, g.s.alone())
	if first < 0 {
		return guarding{}
	}
	total := g.pods.total()
	g.pods, g.size = g.pods.seenBy(blocks[first], g.size)
	all := g.pods.pods()
	groups := (all-1)/g.pods.stride() + 1
	places := int(g.s.alpha*float64(groups) + 1e-9)
	if all-g.size < guardPods || places < 1 || g.size < 1 {
		return guarding{}
	}
	var did guarding
	var tops [][]float64
	pair := g.p.pairing(g.pods.cost)
	for r := g.pods.stride(); r < all; r += g.pods.stride() {
		k := g.pods.contrast(group{r, g.size}, blocks, total, pair)
		if len(k.d) == 0 {
			continue
		}
		top := runningMax(k.onto(g.p.Calibration.temper(g.p.gaugeWorse(k, g.m, g.s)), blocks))
		if c := firstAt(top, g.s.alone()); c >= 0 && c <= first {
			did.before++
		}
		tops = append(tops, top)
	}
	if did.groups = len(tops); did.before >= places {
		did.held = withhold(logs[first:], tops, first, places)
	}
	return did
}

// withhold takes away what does not stand out from all but places-1 of the others,
// whose running maxima are given, and returns what it took from the last block.
func withhold(logs []float64, tops [][]float64, from, places int) (held float64) {
	at := make([]float64, len(tops))
	own := math.Inf(-1)
	for i, e := range logs {
		for j, top := range tops {
			at[j] = top[from+i]
		}
		slices.Sort(at)
		own, held = math.Max(own, e), 0
		if own < release*at[len(at)-places] {
			logs[i], held = math.Min(e, 0), math.Max(e, 0)
		}
	}
	return held
}

// firstAt returns the first place at which v reaches a threshold, or -1.
func firstAt(v []float64, threshold float64) int {
	return slices.IndexFunc(v, func(x float64) bool { return x >= threshold })
}

// runningMax returns the highest value up to each place.
func runningMax(v []float64) []float64 {
	out := slices.Clone(v)
	for i := 1; i < len(out); i++ {
		out[i] = math.Max(out[i], out[i-1])
	}
	return out
}

// onto writes evidence on a contrast's own blocks out over other blocks: between two of
// them it stays what it was, and before the first it is 0.
func (k contrast) onto(logs []float64, blocks []int) []float64 {
	out := make([]float64, len(blocks))
	at := 0
	for i, t := range blocks {
		for at < len(k.at) && k.at[at] <= t {
			at++
		}
		if at > 0 {
			out[i] = logs[at-1]
		}
	}
	return out
}

// words says what was withheld and why; nothing where nothing was.
func (d guarding) words() string {
	if d.held <= 0 {
		return ""
	}
	return fmt.Sprintf("evidence of %s was withheld: %d of %d groups of pods that were judged in the same way on the same minutes had as much before the canary did",
		odds(*log10(d.held)), d.before, d.groups)
}
