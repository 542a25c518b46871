package lab

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Cell is what was counted of one rule under one setting. Rates are shares of the
// runs; the bounds around them are exact binomial intervals of 95% (Clopper &
// Pearson 1934).
type Cell struct {
	Rule         string  `json:"rule"`
	Level        Level   `json:"level"`
	RPS          float64 `json:"rps"`
	Pods         int     `json:"pods"` // canary pods
	BaselinePods int     `json:"baseline_pods"`
	Scenario     string  `json:"scenario"`
	Seed         uint64  `json:"seed"`
	Runs         int     `json:"runs"`

	// RollbackRate counts the runs whose first outcome was a rollback.
	RollbackRate float64 `json:"rollback_rate"`
	RollbackLow  float64 `json:"rollback_low"`
	RollbackHigh float64 `json:"rollback_high"`
	// MedianMinutes is the median over all runs of the minutes until that rollback,
	// where a run without one counts as never; null where that is the median.
	MedianMinutes *float64 `json:"median_minutes"`
	// BadRequests is the median over all runs of the errors that the canary served
	// until the rollback, or in the whole hour.
	BadRequests float64 `json:"bad_requests"`

	// PromoteRate counts the runs whose first outcome was a promotion.
	PromoteRate          float64  `json:"promote_rate"`
	PromoteLow           float64  `json:"promote_low"`
	PromoteHigh          float64  `json:"promote_high"`
	PromoteMedianMinutes *float64 `json:"promote_median_minutes"`

	// HarmRate counts the runs in which there was evidence for a rollback within
	// the hour, also after a promotion.
	HarmRate          float64  `json:"harm_rate"`
	HarmMedianMinutes *float64 `json:"harm_median_minutes"`

	// LimitRate counts the runs in which a limit outside the statistics was crossed.
	LimitRate float64 `json:"limit_rate"`

	// RolledBackBy and PromotedBy count, for each minute from the first on, the runs
	// whose first outcome had come by then. They are what the plots show.
	RolledBackBy []int `json:"-"`
	PromotedBy   []int `json:"-"`
	// Healthy says that to roll this canary back is wrong.
	Healthy bool `json:"-"`
}

// confidence is the level of the intervals around rates.
const confidence = .95

// cells counts the results of all runs that were made.
func (b *bench) cells() []Cell {
	var names []string
	for _, p := range b.plans {
		names = append(names, p.rule)
	}
	for _, p := range b.peers {
		names = append(names, p.rule)
	}
	out := make([]Cell, 0, len(names))
	for i, name := range names {
		var of []result
		for _, r := range b.results {
			if r != nil {
				of = append(of, r[i])
			}
		}
		c := Cell{
			Rule: name, Level: b.setting.Level, RPS: b.setting.RPS, Pods: b.setting.Pods.Canary,
			BaselinePods: b.setting.Pods.Baseline, Scenario: b.setting.Scenario.Name, Seed: b.setting.Seed,
			Healthy: !b.setting.Scenario.Bad,
		}
		c.count(of)
		out = append(out, c)
	}
	return out
}

func (c *Cell) count(of []result) {
	if c.Runs = len(of); c.Runs == 0 {
		c.RollbackHigh, c.PromoteHigh = 1, 1 // nothing is known
		return
	}
	column := func(f func(result) int) []float64 {
		v := make([]float64, len(of))
		for i, r := range of {
			if v[i] = float64(f(r)); v[i] == 0 {
				v[i] = math.Inf(1) // never
			}
		}
		slices.Sort(v)
		return v
	}
	rollbacks := column(func(r result) int { return r.rollback })
	promotions := column(func(r result) int { return r.promote })
	harms := column(func(r result) int { return r.harm })
	k := finite(rollbacks)
	c.RollbackRate, c.MedianMinutes = rate(k, c.Runs), medianOf(rollbacks)
	c.RollbackLow, c.RollbackHigh = Interval(k, c.Runs)
	k = finite(promotions)
	c.PromoteRate, c.PromoteMedianMinutes = rate(k, c.Runs), medianOf(promotions)
	c.PromoteLow, c.PromoteHigh = Interval(k, c.Runs)
	c.HarmRate, c.HarmMedianMinutes = rate(finite(harms), c.Runs), medianOf(harms)
	c.RolledBackBy, c.PromotedBy = by(rollbacks), by(promotions)
	for _, r := range of {
		if r.limit {
			c.LimitRate += 1 / float64(c.Runs)
		}
	}
	bad := make([]float64, len(of))
	for i, r := range of {
		bad[i] = r.bad
	}
	slices.Sort(bad)
	c.BadRequests = *medianOf(bad)
}

// by counts how many of sorted minutes had come by each minute of the run.
func by(sorted []float64) []int {
	out := make([]int, runBlocks)
	for t := range out {
		out[t], _ = slices.BinarySearch(sorted, float64(t+1)+.5)
	}
	return out
}

func rate(k, n int) float64 { return float64(k) / float64(n) }

func finite(sorted []float64) int {
	n := 0
	for _, v := range sorted {
		if !math.IsInf(v, 1) {
			n++
		}
	}
	return n
}

// medianOf returns the median of sorted values, or nil where it is never.
func medianOf(sorted []float64) *float64 {
	n := len(sorted)
	m := (sorted[(n-1)/2] + sorted[n/2]) / 2
	if math.IsInf(m, 1) {
		return nil
	}
	return &m
}

// Interval returns the exact 95% interval of a probability of which k successes
// in n trials were seen, n at least 1 and k in [0,n] (Clopper & Pearson 1934).
func Interval(k, n int) (low, high float64) {
	const tail = (1 - confidence) / 2
	high = 1
	x, m := float64(k), float64(n)
	if k > 0 {
		low = mathext.InvRegIncBeta(x, m-x+1, tail)
	}
	if k < n {
		high = mathext.InvRegIncBeta(x+1, m-x, 1-tail)
	}
	return low, high
}
