package aca

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
)

// Scores are the scores of a list of results.
type Scores struct {
	// Groups has a score for each group of the results that are not muted.
	Groups []GroupScore
	// Summary is the weighted score, rounded half up to two decimals. It is within 0 and
	// 100 where all weights are and no more than 100 is given away; Kayenta checks neither.
	Summary float64
	// Reason says what overrode the weights, or nothing.
	Reason string
}

// GroupScore is the share of a group's results that passed, in per cent.
type GroupScore struct {
	Name           string  `json:"name"`                 // Name is the group's.
	Score          float64 `json:"score"`                // Score is in [0, 100]; 0 where nothing counts.
	Classification string  `json:"classification"`       // Classification is empty, as Kayenta leaves it.
	Reason         string  `json:"classificationReason"` // Reason is empty, as Kayenta leaves it.
	// NoData says that nothing in the group counts. Then the group is weighed as 100,
	// although its score shows 0.
	NoData bool `json:"-"`
}

// ScoreClass is the word for a score.
type ScoreClass string

// The words. Kayenta has two more, Nodata and Error, which it never says.
const (
	ScorePass     ScoreClass = "Pass"
	ScoreMarginal ScoreClass = "Marginal"
	ScoreFail     ScoreClass = "Fail"
)

// SummaryScore is the answer of the judge.
type SummaryScore struct {
	Score          float64    `json:"score"`                // Score is [Scores.Summary].
	Classification ScoreClass `json:"classification"`       // Classification is its word.
	Reason         string     `json:"classificationReason"` // Reason is [Scores.Reason].
}

// Classify is the word for a score: Pass from the pass threshold on, Marginal from the
// marginal threshold on, else Fail. A score that is NaN fails.
func (t Thresholds) Classify(score float64) ScoreClass {
	switch {
	case score >= t.Pass:
		return ScorePass
	case score >= t.Marginal:
		return ScoreMarginal
	default:
		return ScoreFail
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (s Scores) summary(t Thresholds) (SummaryScore, error) {
	if !finite(t.Pass) || !finite(t.Marginal) {
		return SummaryScore{}, errors.New("a score threshold is not a finite number; give pass and marginal, from 0 to 100")
	}
	return SummaryScore{Score: s.Summary, Classification: t.Classify(s.Summary), Reason: s.Reason}, nil
}

// Score weighs results. Muted ones are left out at once. Weights are percentages by
// group; groups without one share what is left of 100, which may be negative.
//
// A critical result that did not pass makes the summary 0, as does a share of half or
// more without data, in this order; the scores of groups are not touched by that. It
// fails for a result whose Groups are nil and for weights that are not finite.
func Score(results []MetricResult, weights map[string]float64) (Scores, error) {
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		if !finite(weights[name]) {
			return Scores{}, fmt.Errorf("the weight of group %q is not a finite number; give a percentage", name)
		}
	}
	counted := slices.DeleteFunc(slices.Clone(results), func(r MetricResult) bool { return r.Muted })
	for _, r := range counted {
		if r.Groups == nil {
			return Scores{}, fmt.Errorf("metric %q has no list of groups; give one, or an empty list to count it nowhere", r.Name)
		}
	}
	out := Scores{Groups: scoreGroups(counted)}
	for _, r := range counted {
		if r.Critical && r.Classification != Pass {
			out.Reason = "Canary Failed: " + r.Reason
			return out, nil
		}
	}
	if empty := count(counted, Nodata); empty > 0 && 2*empty >= len(counted) {
		out.Reason = "Canary Failed: 50% or more metrics returned NODATA"
		return out, nil
	}
	out.Summary = roundHalfUp(weigh(out.Groups, weights))
	return out, nil
}

func count(results []MetricResult, l Label) int {
	n := 0
	for _, r := range results {
		if r.Classification == l {
			n++
		}
	}
	return n
}

// scoreGroups scores each group, in the order of their first results.
func scoreGroups(results []MetricResult) []GroupScore {
	groups := []GroupScore{}
	passed, all := map[string]int{}, map[string]int{}
	for _, r := range results {
		for _, g := range r.Groups {
			if _, seen := all[g]; !seen {
				all[g] = 0
				groups = append(groups, GroupScore{Name: g})
			}
			switch r.Classification {
			case Pass:
				passed[g]++
				all[g]++
			case High, Low, NodataFail:
				all[g]++
			}
		}
	}
	for i, g := range groups {
		if all[g.Name] == 0 {
			groups[i].NoData = true
			continue
		}
		groups[i].Score = float64(passed[g.Name]) / float64(all[g.Name]) * 100
	}
	return groups
}

// weigh sums the scores of groups by their weights.
func weigh(groups []GroupScore, weights map[string]float64) float64 {
	given, unlisted := 0.0, 0.0
	for _, name := range slices.Sorted(maps.Keys(weights)) { // a fixed order: sums of floats depend on it
		given += weights[name]
	}
	for _, g := range groups {
		if _, ok := weights[g.Name]; !ok {
			unlisted++
		}
	}
	sum := 0.0
	for _, g := range groups {
		w, ok := weights[g.Name]
		if !ok {
			w = (100 - given) / unlisted
		}
		score := g.Score
		if g.NoData {
			score = 100
		}
		sum += float64(score * (w / 100))
	}
	return sum
}

// roundHalfUp rounds the shortest decimal that reads as v to two places, halves away
// from zero, as Scala's BigDecimal does. Binary rounding would turn 1.005 into 1.
func roundHalfUp(v float64) float64 {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'f', -1, 64))
	if !ok {
		return v // not finite: weights near the largest number
	}
	out, err := strconv.ParseFloat(r.FloatString(2), 64)
	if err != nil {
		return v
	}
	return out
}
