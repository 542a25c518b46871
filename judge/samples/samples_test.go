package samples

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge"
)

// wander returns an autoregressive series about a level: each deviation keeps rho of
// the one before, and its standard deviation is cv of the level.
func wander(seed uint64, n int, level, cv, rho float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	out, at := make([]float64, n), r.NormFloat64()
	for i := range out {
		out[i] = level * (1 + cv*at)
		at = rho*at + math.Sqrt(1-rho*rho)*r.NormFloat64()
	}
	return out
}

func repeat(n int, values ...float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = values[i%len(values)]
	}
	return out
}

func TestCompare(t *testing.T) {
	calm := wander(1, 60, 100, 0.05, 0)
	nan := math.NaN()
	// Kayenta's judge passes 30 of 60 errors over a baseline of zeros.
	half := append(repeat(30, 5), make([]float64, 30)...)
	rand.New(rand.NewPCG(3, 3)).Shuffle(60, func(i, j int) { half[i], half[j] = half[j], half[i] })
	for name, tt := range map[string]struct {
		metric  Metric
		outcome judge.Outcome
		class   judge.Class
		says    string
	}{
		"healthy":                      {Metric{Canary: wander(2, 60, 100, 0.05, 0), Baseline: calm}, judge.Promote, judge.NotWorse, "proven not worse"},
		"60 % more":                    {Metric{Canary: wander(2, 60, 160, 0.05, 0), Baseline: calm, Worse: Higher}, judge.Rollback, judge.Worse, "1.6"},
		"60 % more, lower is bad":      {Metric{Canary: wander(2, 60, 160, 0.05, 0), Baseline: calm, Worse: Lower}, judge.Promote, judge.NotWorse, ""},
		"40 % less, lower is bad":      {Metric{Canary: wander(2, 60, 60, 0.05, 0), Baseline: calm, Worse: Lower}, judge.Rollback, judge.Worse, ""},
		"40 % less, either is bad":     {Metric{Canary: wander(2, 60, 60, 0.05, 0), Baseline: calm}, judge.Rollback, judge.Worse, ""},
		"40 % less, higher is bad":     {Metric{Canary: wander(2, 60, 60, 0.05, 0), Baseline: calm, Worse: Higher}, judge.Promote, judge.NotWorse, ""},
		"tolerated":                    {Metric{Canary: wander(2, 60, 140, 0.05, 0), Baseline: calm, Worse: Higher, Tolerance: 0.5}, judge.Promote, judge.NotWorse, ""},
		"between tolerance and margin": {Metric{Canary: repeat(60, 130, 131), Baseline: repeat(60, 100, 101), Tolerance: 0.4, Margin: 0.2}, judge.Promote, judge.NotWorse, "200 %"},
		"in millionths":                {Metric{Canary: wander(2, 60, 1.6e-6, 0.05, 0), Baseline: wander(1, 60, 1e-6, 0.05, 0), Worse: Higher}, judge.Rollback, judge.Worse, ""},
		"sparse errors over zeros":     {Metric{Canary: half, Baseline: make([]float64, 60), Worse: Higher}, judge.Rollback, judge.Worse, "no ratio"},
		"zeros on both":                {Metric{Canary: make([]float64, 60), Baseline: make([]float64, 60)}, judge.Continue, judge.Undecided, "0 in all 60 pairs"},
		"the same series":              {Metric{Canary: calm, Baseline: calm}, judge.Continue, judge.SameSeries, "very same"},
		"too few":                      {Metric{Canary: calm[:9], Baseline: calm[9:18]}, judge.Continue, judge.TooFew, "9 pairs"},
		"short baseline":               {Metric{Canary: calm, Baseline: calm[:5]}, judge.Continue, judge.TooFew, "5 pairs"},
		"no canary":                    {Metric{Canary: []float64{nan, nan}, Baseline: calm}, judge.Continue, judge.NoData, "canary has no sample"},
		"no baseline":                  {Metric{Canary: calm, Baseline: nil}, judge.Continue, judge.NoData, "baseline has no sample"},
		"nothing":                      {Metric{}, judge.Continue, judge.NoData, "neither"},
		"infinities":                   {Metric{Canary: repeat(60, math.Inf(1)), Baseline: calm}, judge.Continue, judge.NoData, "canary has no sample"},
		"gaps are left out":            {Metric{Canary: repeat(60, nan, 100, 101, 99, 102), Baseline: repeat(60, 100, 101, nan, 100, 99, 102, 103)}, judge.Promote, judge.NotWorse, ""},
		"muted":                        {Metric{Canary: wander(2, 60, 160, 0.05, 0), Baseline: calm, Shown: true}, judge.Continue, judge.Shown, "no metric that counts"},
		"a little worse":               {Metric{Canary: wander(2, 60, 125, 0.3, 0), Baseline: wander(5, 60, 100, 0.3, 0), Margin: 0.3}, judge.Continue, judge.Undecided, "undecided"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.metric.Name = "m"
			v := Compare([]Metric{tt.metric}, Rules{})
			if v.Outcome != tt.outcome || v.Findings[0].Class != tt.class || v.Reason == "" || v.Findings[0].Reason == "" {
				t.Errorf("got %v, class %q (%s; %s), want %v, class %q", v.Outcome, v.Findings[0].Class, v.Reason, v.Findings[0].Reason, tt.outcome, tt.class)
			}
			if !strings.Contains(v.Reason+v.Findings[0].Reason, tt.says) {
				t.Errorf("got %q, %q; want %q in it", v.Reason, v.Findings[0].Reason, tt.says)
			}
		})
	}
}

// Several metrics share the error budget, every one must be proven, and one that
// cannot be compared holds.
func TestCompareSeveral(t *testing.T) {
	good := Metric{Name: "good", Canary: wander(2, 60, 100, 0.05, 0), Baseline: wander(1, 60, 100, 0.05, 0)}
	bad := Metric{Name: "bad", Canary: wander(3, 60, 200, 0.05, 0), Baseline: wander(4, 60, 100, 0.05, 0)}
	void := Metric{Name: "void"}
	none := Metric{Name: "none", Canary: make([]float64, 10), Baseline: make([]float64, 10)}
	mute := bad
	mute.Shown = true
	for name, tt := range map[string]struct {
		metrics []Metric
		want    judge.Outcome
		says    string
	}{
		"none":            {nil, judge.Continue, "no metric"},
		"all good":        {[]Metric{good, good}, judge.Promote, "all 2 metrics"},
		"one bad":         {[]Metric{good, bad, void}, judge.Rollback, "bad: "},
		"one without":     {[]Metric{good, void}, judge.Continue, "1 of 2 metrics are proven not worse; void: "},
		"none had errors": {[]Metric{good, none}, judge.Promote, "1 of 2 metrics are proven not worse than their margin at 20:1 each; the others are one and the same number in both arms, which proves nothing and speaks of no harm: none"},
		"nothing moves":   {[]Metric{none, none}, judge.Continue, "nothing is proven"},
		"one is not read": {[]Metric{good, none, void}, judge.Continue, "1 of 3 metrics are proven not worse; void: "},
		"the bad is mute": {[]Metric{good, mute}, judge.Promote, "all 1 metrics"},
	} {
		v := Compare(tt.metrics, Rules{})
		if v.Outcome != tt.want || !strings.Contains(v.Reason, tt.says) {
			t.Errorf("%s: got %v (%s), want %v with %q", name, v.Outcome, v.Reason, tt.want, tt.says)
		}
	}
}

// TestFalseRollbacks measures how often two series of one law are told apart at any
// of eleven looks while they grow to 60 pairs, and how often a canary at the margin is
// promoted, in 400 draws each. The noise of the arms is independent: the hardest case,
// since what arms share cancels out. Series that wander so slowly that an hour shows
// no return (ρ = 0.9) are told apart too often where nothing is tolerated; the default
// tolerance covers them.
func TestFalseRollbacks(t *testing.T) {
	const draws = 400
	for _, tt := range []struct{ tolerance, rho, most float64 }{
		{0.1, 0, 0.01}, {0.1, 0.5, 0.01}, {0.1, 0.7, 0.02}, {0.1, 0.9, 0.05},
		{1e-4, 0, 0.01}, {1e-4, 0.5, 0.03}, {1e-4, 0.7, 0.05}, {1e-4, 0.9, 0.2},
	} {
		rolled, proven := 0, 0
		for i := range uint64(draws) {
			m := Metric{Canary: wander(2*i, 60, 100, 0.1, tt.rho), Baseline: wander(2*i+1, 60, 100, 0.1, tt.rho), Tolerance: tt.tolerance, Margin: 0.2, Worse: Higher}
			for n := 10; n <= 60; n += 5 {
				cut := m
				cut.Canary, cut.Baseline = m.Canary[:n], m.Baseline[:n]
				if Compare([]Metric{cut}, Rules{}).Outcome == judge.Rollback {
					rolled++
					break
				}
			}
			for j := range m.Canary {
				m.Canary[j] *= 1.2
			}
			if Compare([]Metric{m}, Rules{}).Outcome == judge.Promote {
				proven++
			}
		}
		t.Logf("tolerance %g, ρ=%.1f: %.1f %% rolled back at no difference and any look, %.1f %% promoted at the margin",
			tt.tolerance, tt.rho, 100*float64(rolled)/draws, 100*float64(proven)/draws)
		if float64(rolled) > tt.most*draws || float64(proven) > 0.05*draws {
			t.Errorf("tolerance %g, ρ=%.1f: got %d rolled back and %d promoted of %d, want at most %v and 0.05 of them", tt.tolerance, tt.rho, rolled, proven, draws, tt.most)
		}
	}
}

// FuzzCompare holds that any numbers give a verdict with sentences, and that nothing
// is promoted or rolled back on fewer pairs than are needed.
func FuzzCompare(f *testing.F) {
	f.Add(1.0, 2.0, 0.1, 0.5, uint8(20), uint8(0))
	f.Add(math.Inf(1), math.MaxFloat64, -1.0, math.NaN(), uint8(200), uint8(1))
	f.Add(5e-324, -5e-324, 1e300, 1e-300, uint8(60), uint8(2))
	f.Fuzz(func(t *testing.T, a, b, tolerance, margin float64, n, worse uint8) {
		m := Metric{Name: "m", Canary: repeat(int(n), a, b, a), Baseline: repeat(int(n), b, a), Tolerance: tolerance, Margin: margin, Worse: Worse(worse % 3)}
		v := Compare([]Metric{m, {Name: "s", Canary: m.Baseline, Baseline: m.Canary, Shown: true}}, Rules{Alpha: tolerance, Beta: margin})
		if v.Reason == "" || math.IsNaN(v.Evidence) || math.IsNaN(v.Findings[0].Worse) || math.IsNaN(v.Findings[0].NotWorse) {
			t.Errorf("got %+v, want sentences and numbers", v)
		}
		if v.Outcome != judge.Continue && v.Findings[0].Pairs < 10 {
			t.Errorf("got %v on %d pairs", v.Outcome, v.Findings[0].Pairs)
		}
	})
}
