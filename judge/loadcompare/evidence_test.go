package loadcompare

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

func one(run checks.LoadRun, r Rules) Evidence { return Look([]checks.LoadRun{run}, r)[0] }

// TestLookAgreesWithCompare ensures that the evidence that is handed on is what verdicts
// on one load rest on.
func TestLookAgreesWithCompare(t *testing.T) {
	slow := usual()
	slow.median *= 1.5
	for name, run := range map[string]checks.LoadRun{"equal": loadOf(1, 600, usual(), usual()), "slower": loadOf(1, 600, slow, usual())} {
		e, v := one(run, Rules{}), Compare(run, Rules{})
		if !e.Compared || e.Trouble != Undecided {
			t.Fatalf("%s: got %+v, want evidence", name, e)
		}
		for i, m := range [...]Measured{e.Errors, e.Latency} {
			f := v.Findings[i]
			if round(m.Worse) != f.Worse || round(m.NotWorse) != f.NotWorse || m.CanaryN != 600 || m.Blocks != 25 {
				t.Errorf("%s: got %+v, want as %+v", name, m, f)
			}
		}
	}
	if e := one(loadOf(1, 600, slow, usual()), Rules{}); math.Abs(e.Latency.Ratio-1.5) > .1 {
		t.Errorf("got a ratio of medians of %g, want about 1.5", e.Latency.Ratio)
	}
}

// TestWarmupIsNotCompared ensures that the first requests of a load say nothing.
func TestWarmupIsNotCompared(t *testing.T) {
	run := loadOf(1, 600, usual(), usual())
	want := one(checks.LoadRun{Rate: run.Rate, Canary: run.Canary[100:], Baseline: run.Baseline[100:]}, Rules{})
	for i := range 100 {
		run.Canary[i].Status = 500
	}
	run.Warmup = 100
	if got := one(run, Rules{}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	run.Warmup = 1000
	if got := one(run, Rules{}); got.Trouble != NoData {
		t.Errorf("got %+v of nothing but warm-up, want no data", got)
	}
}

// TestRecordedResolutionKeepsTheLevel measures both errors on what the journal holds of
// loads, whose latencies are rounded: a canary at the tolerance, and one at the margin.
func TestRecordedResolutionKeepsTheLevel(t *testing.T) {
	const runs = 200
	at := func(slower float64) service {
		s := usual()
		s.median, s.errors = s.median*slower, 0
		return s
	}
	worse, good := 0, 0
	for seed := range uint64(runs) {
		recorded := func(run checks.LoadRun) (back checks.LoadRun) {
			text, err := json.Marshal(run)
			if err == nil {
				err = json.Unmarshal(text, &back)
			}
			if err != nil {
				t.Fatal(err)
			}
			return back
		}
		if one(recorded(loadOf(seed+1, 600, at(1.1), at(1))), Rules{Exact: true}).Latency.Worse >= math.Log(20) {
			worse++
		}
		if one(recorded(loadOf(seed+1, 600, at(1.5), at(1))), Rules{Exact: true}).Latency.NotWorse >= math.Log(20) {
			good++
		}
	}
	t.Logf("of %d recorded loads: worse %d, good %d", runs, worse, good)
	if most := int(.05*runs + 3*math.Sqrt(.05*.95*runs)); worse > most || good > most {
		t.Errorf("got worse %d and good %d, want at most %d of each", worse, good, most)
	}
}
