package lab

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
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
				pure := judge.Evaluate(judge.Input{Record: every.journal.rec, At: v.At, Seq: v.Seq, Closed: n, Engine: v.Engine})
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

// TestMannWhitney compares the test with its definition on small samples with ties.
func TestMannWhitney(t *testing.T) {
	d := newDrawer(testSeed, 7)
	for range 300 {
		x, y := make([]float64, 3+d.IntN(8)), make([]float64, 3+d.IntN(8))
		for i := range x {
			x[i] = float64(d.IntN(9)) + 1.5
		}
		for i := range y {
			y[i] = float64(d.IntN(9))
		}
		var m mannWhitney
		if got, want := m.high(x, y), plainHigh(x, y); got != want {
			t.Fatalf("%v against %v: got high %v, want %v", x, y, got, want)
		}
	}
	var m mannWhitney
	gap := math.NaN()
	if m.high([]float64{gap, gap}, []float64{1, 2}) || m.high([]float64{3, 3, 3}, []float64{3, 3, 3}) {
		t.Error("gaps or constants are called High")
	}
}

// plainHigh is the rule written out: every pair, every rank.
func plainHigh(x, y []float64) bool {
	var gaps []float64
	for _, a := range x {
		for _, b := range y {
			gaps = append(gaps, a-b)
		}
	}
	slices.Sort(gaps)
	n := len(gaps)
	shift := (gaps[(n-1)/2] + gaps[n/2]) / 2
	if shift <= 0 || average(x) < average(y) {
		return false
	}
	moved := make([]float64, len(x))
	for i := range x {
		moved[i] = x[i] - .25*shift
	}
	all := append(slices.Clone(moved), y...)
	var w, ties float64
	for i, a := range all {
		less, same := 0.0, 0.0
		for _, b := range all {
			if b < a {
				less++
			} else if b == a {
				same++
			}
		}
		ties += same*same - 1
		if i < len(x) {
			w += less + (same+1)/2
		}
	}
	nx, ny, nn := float64(len(x)), float64(len(y)), float64(len(all))
	w -= nx*(nx+1)/2 + nx*ny/2
	sd := math.Sqrt(nx * ny / 12 * (nn + 1 - ties/(nn*(nn-1))))
	return sd > 0 && (w-math.Copysign(.5, w))/sd > 2.3263478740408408
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
	v, err := tr.judge.Decide(t.Context(), tr.journal.rec.Rollout, start().Add((runBlocks+5)*time.Minute))
	if err != nil || v.Outcome == judge.Promote {
		t.Errorf("beyond the hour: got %v, %v, want no promotion", v.Outcome, err)
	}
}
