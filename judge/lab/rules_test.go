package lab

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/aca"
)

// TestSkippedLooksChangeNothing compares the first outcome that looks every minute
// from the first on would have seen with what decide finds, and each look of the
// judge with the pure evaluation of the same record.
func TestSkippedLooksChangeNothing(t *testing.T) {
	for _, name := range []string{"aa", "errors+1pp", "step-30"} {
		s := setting(t, name)
		p, err := labPlan(serins()[0], s.Scenario)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			w := newGenerator(s).run(i)
			got, err := newTrial(p, s.Scenario, w).decide(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var want ending
			every := newTrial(p, s.Scenario, w)
			for n := 1; n <= runBlocks; n++ {
				v, err := every.look(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				pure := judge.Evaluate(judge.Input{Record: every.journal.Record, At: v.At, Seq: v.Seq, Closed: n, Engine: v.Engine})
				if pure.Outcome != v.Outcome || pure.Evidence != v.Evidence {
					t.Errorf("%s, run %d, minute %d: the look says %v at %v, the evaluation %v at %v",
						name, i, n, v.Outcome, v.Evidence, pure.Outcome, pure.Evidence)
				}
				if v.Outcome == judge.Promote && want.promote == 0 && want.rollback == 0 {
					want.promote = n
				}
				if v.Outcome == judge.Rollback && want.harm == 0 {
					want.harm = n
					if want.promote == 0 {
						want.rollback = n
					}
				}
			}
			if got != want {
				t.Errorf("%s, run %d: got %+v, want %+v", name, i, got, want)
			}
		}
	}
}

// TestKayentaIsKayenta compares the rule, which saves what it can, with the judge
// that it stands for, on samples with ties, zeros, gaps and constants.
func TestKayentaIsKayenta(t *testing.T) {
	d := newDrawer(testSeed, 7)
	var k kayentaRule
	highs := 0
	for i := range 600 {
		x, y := make([]float64, 3+d.IntN(40)), make([]float64, 3+d.IntN(40))
		worse := float64(d.IntN(3))
		for i := range x {
			x[i] = float64(d.IntN(9)) + worse
		}
		for i := range y {
			y[i] = float64(d.IntN(9))
		}
		if i%7 == 0 {
			x[1], y[2] = math.NaN(), math.NaN()
		}
		if i%11 == 0 {
			clear(y)
		}
		got, want := k.high(x, y, 2), judgedHigh(t, x, y, 2)
		if got != want {
			t.Fatalf("%v against %v: got high %v, want %v", x, y, got, want)
		}
		if got {
			highs++
		}
	}
	if highs < 60 || highs > 400 {
		t.Errorf("got %d of 600 samples called High: the test compares too little", highs)
	}
	gap := math.NaN()
	if k.high([]float64{gap, gap}, []float64{1, 2}, 1) || k.high([]float64{3, 3, 3}, []float64{3, 3, 3}, 1) {
		t.Error("gaps or constants are called High")
	}
}

// judgedHigh asks Kayenta's whole judge.
func judgedHigh(t *testing.T, x, y []float64, scale float64) bool {
	t.Helper()
	in := aca.Pair{Name: "m"}
	for _, v := range x {
		in.Experiment = append(in.Experiment, v*scale)
	}
	for _, v := range y {
		in.Control = append(in.Control, v*scale)
	}
	r, err := aca.Judge{}.Judge(aca.Request{
		Config:     aca.Config{Metrics: []aca.MetricConfig{{Name: "m", Groups: []string{"all"}, Canary: aca.Settings{Direction: aca.Increase}}}},
		Thresholds: aca.Thresholds{Pass: 95, Marginal: 75},
		Pairs:      []aca.Pair{in},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Results[0].Classification == aca.High
}

func TestQuantile(t *testing.T) {
	limits := []float64{1, 2, 4}
	for _, tt := range []struct {
		over []float64
		n, q float64
		want float64
	}{
		{[]float64{5, 0, 0}, 10, .5, 1},
		{[]float64{5, 0, 0}, 10, .75, 1.5},
		{[]float64{10, 10, 2}, 10, .4, 3},
		{[]float64{10, 10, 10}, 10, .5, 4},
	} {
		if got := quantile(limits, tt.over, tt.n, tt.q); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("quantile %v of %v above: got %v, want %v", tt.q, tt.over, got, tt.want)
		}
	}
	if got := quantile(limits, []float64{0, 0, 0}, 0, .5); !math.IsNaN(got) {
		t.Errorf("of nothing: got %v, want not a number", got)
	}
}

// TestInterval holds the defining property of Clopper and Pearson's bounds.
func TestInterval(t *testing.T) {
	atLeast := func(k, n int, p float64) float64 {
		var sum float64
		for i := k; i <= n; i++ {
			a, _ := math.Lgamma(float64(n + 1))
			b, _ := math.Lgamma(float64(i + 1))
			c, _ := math.Lgamma(float64(n - i + 1))
			sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		}
		return sum
	}
	for _, k := range []int{1, 7, 59} {
		low, high := Interval(k, 60)
		if got := atLeast(k, 60, low); math.Abs(got-.025) > 1e-6 {
			t.Errorf("low bound of %d in 60: %v has a tail of %v, want 0.025", k, low, got)
		}
		if got := 1 - atLeast(k+1, 60, high); math.Abs(got-.025) > 1e-6 {
			t.Errorf("high bound of %d in 60: %v has a tail of %v, want 0.025", k, high, got)
		}
	}
	if low, _ := Interval(0, 60); low != 0 {
		t.Errorf("low bound of none: got %v, want 0", low)
	}
	if _, high := Interval(60, 60); high != 1 {
		t.Errorf("high bound of all: got %v, want 1", high)
	}
}

func TestWrite(t *testing.T) {
	cells, err := Run(t.Context(), Config{Settings: []Setting{setting(t, "aa"), setting(t, "errors+5pp")}, Runs: 3, Rules: []string{"serin", "flagger"}})
	if err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string][]string{
		"text":     {"aa, moderate, 100 requests/s, pods 19+1, 3 runs", "\n\nerrors+5pp, moderate", "RULE"},
		"markdown": {"| scenario | level |", "|---|---|", "| errors+5pp | moderate | 100 | 19+1 | 3 | serin | 100% |"},
		"csv":      {"rule,level,rps,pods,", "\nserin,moderate,100,1,19,errors+5pp,", "\nflagger,"},
		"json":     {`"rollback_rate": 1`, `"median_minutes": null`, `"level": "moderate"`, `"bad_requests":`, `"promote_rate":`},
	} {
		var b bytes.Buffer
		if err := Write(&b, format, cells); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: got\n%s\nwant it to contain %q", format, b.String(), w)
			}
		}
	}
	var b bytes.Buffer
	if err := Write(&b, "json", cells); err != nil {
		t.Fatal(err)
	}
	var back []Cell
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || len(back) != 4 || back[0].Level != Moderate {
		t.Errorf("got %d cells back, error %v, want 4", len(back), err)
	}
	if err := Write(&b, "xml", cells); err == nil {
		t.Error("xml: got no error")
	}
}

// TestTheSourceRefuses holds that the simulated store does not answer what it does
// not have.
func TestTheSourceRefuses(t *testing.T) {
	s := setting(t, "aa")
	p, err := labPlan(serins()[0], s.Scenario)
	if err != nil {
		t.Fatal(err)
	}
	tr := newTrial(p, s.Scenario, newGenerator(s).run(0))
	v, err := tr.judge.Decide(t.Context(), tr.journal.Record.Rollout, start().Add((runBlocks+5)*time.Minute))
	if err != nil || v.Outcome == judge.Promote {
		t.Errorf("beyond the hour: got %v, %v, want no promotion", v.Outcome, err)
	}
}
