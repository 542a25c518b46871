package aca

import (
	"math"
	"strings"
	"testing"
)

// result makes a result of "label group group…", with "!" for critical and "~" for muted.
func result(text string) MetricResult {
	words := strings.Fields(text)
	label := strings.TrimRight(words[0], "!~")
	return MetricResult{
		Name: "m", Classification: Label(label), Groups: words[1:], Reason: "because",
		Critical: strings.Contains(words[0], "!"), Muted: strings.Contains(words[0], "~"),
	}
}

func TestDefectsOfScoring(t *testing.T) {
	for _, c := range []struct {
		name    string
		results []string
		weights map[string]float64
		want    float64
		reason  string
	}{
		{name: "nothing at all is 0", want: 0},
		{name: "muted results alone are 0", results: []string{"Pass~ g", "High~! g"}, want: 0},
		{name: "muted failures are ignored", results: []string{"Pass g", "High~! g"}, want: 100},
		{name: "errors alone are 100", results: []string{"Error g", "Error g"}, want: 100},
		{name: "errors count neither way", results: []string{"Pass g", "High g", "Error g"}, want: 50},
		{name: "missing mandatory data count as bad", results: []string{"Pass g", "NodataFailMetric g"}, want: 50},
		{name: "a critical failure is 0", results: []string{"Pass g", "Pass g", "Low! g"}, reason: "Canary Failed: because"},
		{name: "a critical pass is a pass", results: []string{"Pass! g"}, want: 100},
		{name: "half without data is 0", results: []string{"Pass g", "Nodata h"}, reason: "Canary Failed: 50% or more metrics returned NODATA"},
		{name: "less than half without data is ignored", results: []string{"Pass g", "Nodata g", "Pass g"}, want: 100},
		{name: "critical beats half", results: []string{"Nodata! g", "Nodata g"}, reason: "Canary Failed: because"},
		{name: "muted results are no part of half", results: []string{"Nodata g", "Pass g", "Pass g", "Nodata~ g"}, want: 100},
		{name: "a group without data counts as 100", results: []string{"High g", "Pass g", "Nodata h"}, want: 75},
		{name: "two groups count a result twice", results: []string{"High g h", "Pass g"}, want: 25},
		{name: "no group counts a result nowhere", results: []string{"High", "Pass g"}, want: 100},
		{name: "only results without groups are 0", results: []string{"Pass"}, want: 0},
		{name: "thirds are rounded to two places", results: []string{"Pass g", "High g", "Low g"}, want: 33.33},
		{name: "weights below 100 cap", results: []string{"Pass g"}, weights: map[string]float64{"g": 60}, want: 60},
		{name: "a listed group without results loses its weight", results: []string{"Pass g"}, weights: map[string]float64{"g": 60, "h": 40}, want: 60},
		{name: "groups without weight share the rest", results: []string{"Pass g", "High h", "Pass i"}, weights: map[string]float64{"g": 50}, want: 75},
		{name: "weights above 100 exceed it", results: []string{"Pass g"}, weights: map[string]float64{"g": 120}, want: 120},
		{name: "a weight left negative", results: []string{"High g", "Pass h"}, weights: map[string]float64{"g": 120}, want: -20},
	} {
		t.Run(c.name, func(t *testing.T) {
			var results []MetricResult
			for _, text := range c.results {
				results = append(results, result(text))
			}
			got, err := Score(results, c.weights)
			if err != nil {
				t.Fatal(err)
			}
			if got.Summary != c.want || got.Reason != c.reason {
				t.Errorf("got %v %q, want %v %q", got.Summary, got.Reason, c.want, c.reason)
			}
		})
	}
}

func TestScoreStops(t *testing.T) {
	for name, weights := range map[string]map[string]float64{"nil groups": nil, "NaN": {"g": math.NaN()}, "infinite": {"g": math.Inf(1)}} {
		r := result("Pass g")
		if weights == nil {
			r.Groups = nil
		}
		if _, err := Score([]MetricResult{r}, weights); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, err := Score([]MetricResult{{Name: "m", Muted: true}}, nil); err != nil {
		t.Errorf("a muted metric without groups: got %v, want none, for it is left out before", err)
	}
}

func TestRoundHalfUp(t *testing.T) {
	for v, want := range map[float64]float64{
		1.005: 1.01, 1.004999: 1, 33.333333: 33.33, 66.665: 66.67, 0.125: 0.13, -0.125: -0.13, 100: 100, 0: 0,
		1e300: 1e300, 5e-324: 0, math.Inf(1): math.Inf(1),
	} {
		if got := roundHalfUp(v); got != want {
			t.Errorf("%v: got %v, want %v", v, got, want)
		}
	}
}

// The judge and the services around it read the same threshold differently.
func TestMarginalScores(t *testing.T) {
	for _, c := range []struct {
		score  float64
		word   ScoreClass
		passed bool
	}{
		{74.99, ScoreFail, false}, {75, ScoreMarginal, false}, {75.01, ScoreMarginal, false},
		{94.99, ScoreMarginal, false}, {95, ScorePass, true},
	} {
		if got := (Thresholds{Pass: 95, Marginal: 75}).Classify(c.score); got != c.word {
			t.Errorf("%v: got %s, want %s", c.score, got, c.word)
		}
		got, _, err := Aggregate([]float64{100, c.score}, Gates{Pass: ptr(95), Marginal: ptr(75)})
		if err != nil || got != c.passed {
			t.Errorf("%v aggregated: got %v, %v, want %v", c.score, got, err, c.passed)
		}
	}
	if !(Gates{Marginal: ptr(75)}).FailsFast(75) || (Gates{Marginal: ptr(75)}).FailsFast(75.01) || (Gates{}).FailsFast(0) {
		t.Error("a judgement must end the analysis exactly when its score is not above the marginal gate")
	}
	_, message, err := Aggregate([]float64{75}, Gates{Marginal: ptr(75)})
	if want := "Final canary score 75.0 is not above the marginal score threshold."; message != want || err != nil {
		t.Errorf("got %q, %v, want %q", message, err, want)
	}
	for _, scores := range [][]float64{nil, {95, math.NaN()}} {
		if passed, _, err := Aggregate(scores, Gates{}); err == nil || passed {
			t.Errorf("%v: got %v, %v, want an error", scores, passed, err)
		}
	}
	if got := (Thresholds{}).Classify(math.NaN()); got != ScoreFail {
		t.Errorf("NaN: got %s, want %s", got, ScoreFail)
	}
}
