package judge

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// loadArm is one arm of a simulated load. In a burst, which lasts 20 requests on average
// and takes a fraction bursts of the time, all takes three times as long and fails five
// times as often.
type loadArm struct{ median, errors, bursts float64 }

func usualArm() loadArm { return loadArm{median: .02} }

// sent draws what a load of n requests to each arm left, as the journal holds it.
func sent(t testing.TB, seed uint64, n int, arms [2]loadArm) *checks.LoadRun {
	t.Helper()
	run := checks.LoadRun{Rate: 20}
	for i, to := range [...]*[]checks.LoadSample{&run.Canary, &run.Baseline} {
		r, burst := rand.New(rand.NewPCG(seed, uint64(i))), false
		for range n {
			const leave = 1. / 20
			if u := r.Float64(); burst {
				burst = u >= leave
			} else {
				burst = u < leave*arms[i].bursts/(1-arms[i].bursts)
			}
			seconds, p := arms[i].median*math.Exp(.4*r.NormFloat64()), arms[i].errors
			if burst {
				seconds, p = 3*seconds, 5*p
			}
			s := checks.LoadSample{Latency: time.Duration(seconds * float64(time.Second)), Status: 200}
			if r.Float64() < p {
				s.Status = 503
			}
			*to = append(*to, s)
		}
	}
	text, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	var back checks.LoadRun
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return &back
}

// loadPlan is a plan in mode checks with one load and nothing else.
func loadPlan() plan.Plan {
	p := testPlan()
	p.Metrics = nil
	p.Checks = []checks.Spec{{Name: "load", Required: true, When: checks.EachLook, Load: &checks.Load{
		Rate: 20, Duration: 30 * time.Second, Rounds: 3, Weight: .5,
		Errors:  checks.LoadLimits{Tolerance: checks.Worsening{Relative: .1, Absolute: .0005}, Margin: checks.Worsening{Relative: .5, Absolute: .01}},
		Latency: checks.LoadLimits{Tolerance: checks.Worsening{Relative: .1}, Margin: checks.Worsening{Relative: .5}},
	}}}
	return p
}

// loadLook is a look at a rollout that loads alone decide, which uses the results.
func loadLook(results ...checks.Result) Input {
	r := testRollout()
	r.Comparison = rollout.ChecksOnly
	return Input{Record: Record{Rollout: r, Plan: loadPlan()}, At: testStart.Add(50 * time.Second), Seq: 1, Engine: "test", Checks: results}
}

func loadResult(round int, run *checks.LoadRun) checks.Result {
	return checks.Result{Name: "load", Status: checks.Measured, At: testStart, Took: 30 * time.Second, Round: round, Load: run}
}

func TestLoadsDecide(t *testing.T) {
	equal, slow, failing := [2]loadArm{usualArm(), usualArm()}, [2]loadArm{{median: .03}, usualArm()}, [2]loadArm{{median: .02, errors: .05}, usualArm()}
	down := [2]loadArm{{median: .02, errors: 1}, {median: .02, errors: 1}}
	for name, tt := range map[string]struct {
		results []checks.Result
		change  func(*Input)
		outcome Outcome
		class   Class // of the check
		says    string
		advance bool
		begins  int // the round that begins, 0 for none
	}{
		"nothing was sent yet": {class: NoData, says: "no load has been sent yet", begins: 1},
		"one is under way": {class: NoData, says: "round 1 is under way since 12:00:03 UTC and lasts 41 s", begins: 1, change: func(in *Input) {
			in.Record.Underway = []Underway{{Name: "load", Round: 1, Since: testStart.Add(3 * time.Second), Begins: 1, Lasts: 41 * time.Second}}
		}},
		"equal arms":       {results: []checks.Result{loadResult(1, sent(t, 1, 900, equal))}, outcome: Promote, class: NotWorse, says: "from loads of 900 requests to each arm", advance: true},
		"1.5 times slower": {results: []checks.Result{loadResult(1, sent(t, 1, 600, slow))}, outcome: Rollback, class: Worse, says: "load latency"},
		"5 % errors":       {results: []checks.Result{loadResult(1, sent(t, 1, 600, failing))}, outcome: Rollback, class: Worse, says: "above the allowed 1.1× + 0.05 pp"},
		"too little":       {results: []checks.Result{loadResult(1, sent(t, 1, 120, equal))}, class: Undecided, says: "of 2 required", begins: 2},
		"little adds up": {results: []checks.Result{loadResult(1, sent(t, 1, 220, equal)), loadResult(2, sent(t, 2, 220, equal)), loadResult(3, sent(t, 3, 220, equal))},
			outcome: Promote, class: NotWorse, says: "from loads of 660 requests", advance: true},
		"used up": {results: []checks.Result{loadResult(1, sent(t, 1, 110, equal)), loadResult(2, nil), loadResult(3, sent(t, 3, 110, equal))},
			outcome: Inconclusive, class: Undecided, says: "used up: load (3)"},
		"both arms down":          {results: []checks.Result{loadResult(1, sent(t, 1, 600, down))}, class: Environment, says: "environment, not canary", begins: 2},
		"both arms down, used up": {results: []checks.Result{loadResult(1, sent(t, 1, 600, down)), loadResult(2, sent(t, 2, 600, down)), loadResult(3, sent(t, 3, 600, down))}, outcome: Inconclusive, class: Environment, says: "environment, not canary"},
		"it could not be sent":    {results: []checks.Result{{Name: "load", Status: checks.Broken, Round: 1, Reason: "host x is not listed"}}, class: CheckBroken, says: "host x is not listed", begins: 2},
		"nobody decides in time":  {outcome: Inconclusive, class: NoData, says: "the deadline of 60 min came first", begins: 1, change: func(in *Input) { in.At = testStart.Add(61 * time.Minute) }},
		"a required check fails beside it": {results: []checks.Result{loadResult(1, sent(t, 1, 900, equal)), {Name: "home", Status: checks.Failed, Reason: "503"}}, class: NotWorse, says: "503",
			change: func(in *Input) {
				in.Record.Plan.Checks = append(in.Record.Plan.Checks, checks.Spec{Name: "home", Required: true})
			}},
		"some requests are not the arms' fault": {results: []checks.Result{loadResult(1, func() *checks.LoadRun {
			run := sent(t, 1, 900, equal)
			for i := range 100 {
				run.Canary[i].Failure, run.Canary[i].Status = checks.LoadMissed, 0
			}
			return run
		}())}, class: CannotJudge, says: "did not keep", begins: 2},
	} {
		t.Run(name, func(t *testing.T) {
			in := loadLook(tt.results...)
			if tt.change != nil {
				tt.change(&in)
			}
			v := Evaluate(in)
			t.Log(v.Outcome, v.Reason)
			got := Finding{}
			for _, f := range v.Findings {
				if f.About == AboutCheck && f.Name == "load" {
					got = f
				}
			}
			if v.Outcome != tt.outcome || got.Class != tt.class || !strings.Contains(v.Reason+got.Reason, tt.says) || v.Advance.Yes != tt.advance {
				t.Errorf("got %s, advance %v, %q: %s\nload: %s\nwant %s, advance %v, %q saying %q", v.Outcome, v.Advance.Yes, got.Class, v.Reason, got.Reason, tt.outcome, tt.advance, tt.class, tt.says)
			}
			if promoted := v.Promotion.Yes; promoted != (tt.outcome == Promote) {
				t.Errorf("got promotion %+v of %s", v.Promotion, v.Outcome)
			}
			begins := 0
			for _, b := range New(Config{Work: true}).beginnings(in, v) {
				begins = b.Round
			}
			if begins != tt.begins {
				t.Errorf("got round %d to begin, want %d", begins, tt.begins)
			}
		})
	}
}

// TestLoadBesideMetrics ensures that a load shares one budget with the metrics: its
// weight is there before it was sent, and what it proves rolls back whatever they say.
func TestLoadBesideMetrics(t *testing.T) {
	in := newWorld(1).input(30)
	in.Record.Plan.Checks = loadPlan().Checks
	before := Evaluate(in)
	if w := finding(before, "load errors").Weight; math.Abs(w-.25/2.5) > 1e-6 {
		t.Errorf("got weight %g before anything was sent, want 0.1", w)
	}
	if before.Outcome != Continue || !before.Advance.Yes || before.Promotion.Yes {
		t.Errorf("got %s (%s), advance %+v; want continue, since a required load is missing, and traffic may go on", before.Outcome, before.Reason, before.Advance)
	}
	in.Checks = []checks.Result{loadResult(1, sent(t, 1, 900, [2]loadArm{usualArm(), usualArm()}))}
	if v := Evaluate(in); v.Outcome != Promote {
		t.Errorf("got %s (%s), want promote with a good load", v.Outcome, v.Reason)
	}
	in.Checks = []checks.Result{loadResult(1, sent(t, 1, 1200, [2]loadArm{{median: .04}, usualArm()}))}
	v := Evaluate(in)
	if v.Outcome != Rollback || !strings.Contains(v.Reason, "load latency") && !strings.Contains(v.Reason, "median latency") {
		t.Errorf("got %s (%s), want rollback by the load", v.Outcome, v.Reason)
	}
}

// TestLoadVerdictReplays ensures that verdicts on loads come out byte for byte of what
// looks recorded.
func TestLoadVerdictReplays(t *testing.T) {
	in := loadLook()
	var looks []Look
	for i, arms := range [][2]loadArm{{usualArm(), usualArm()}, {{median: .024}, usualArm()}, {{median: .04}, usualArm()}} {
		in.Seq, in.At, in.Closed = i+1, testStart.Add(time.Duration(i+1)*time.Minute), i
		in.Checks = []checks.Result{loadResult(i+1, sent(t, uint64(i+7), 300, arms))}
		in.Record.Underway = nil
		if i == 1 {
			in.Record.Underway = []Underway{{Name: "load", Round: 3, Since: in.At, Begins: 2}}
		}
		v := Evaluate(in)
		looks = append(looks, Look{Rollout: in.Record.Rollout.ID, Checks: in.Checks, Verdict: v, Context: Context{Closed: in.Closed, Underway: in.Record.Underway}})
		in.Record.Checks = latest(in.Record.Checks, in.Checks)
		in.Record.Rounds = AppendRounds(in.Record.Plan, in.Record.Rounds, in.Checks)
		in.Record.Latch, in.Record.Looks = v.Latched, i+1
	}
	text, err := json.Marshal(looks)
	if err != nil {
		t.Fatal(err)
	}
	var recorded []Look
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	again, err := Replay(in.Record.Plan, recorded, "test")
	if err != nil {
		t.Fatal(err)
	}
	for i := range looks {
		want, _ := json.Marshal(looks[i].Verdict)
		got, _ := json.Marshal(again[i])
		if string(want) != string(got) {
			t.Errorf("look %d differs (-recorded +replayed):\n%s", i+1, cmp.Diff(string(want), string(got)))
		}
	}
	if looks[2].Verdict.Outcome != Rollback {
		t.Errorf("got %s (%s) at last, want rollback: nothing was replayed that says much", looks[2].Verdict.Outcome, looks[2].Verdict.Reason)
	}
}

// TestFalseRollbacksOverRounds measures how often equal arms are rolled back where each
// load that proves nothing is followed by another, which is what a plan does.
func TestFalseRollbacksOverRounds(t *testing.T) {
	runs := uint64(100)
	if os.Getenv("SERIN_E2E") != "" {
		runs = 1000
	}
	for name, tt := range map[string]struct {
		arm loadArm
		n   int // requests to each arm and round
	}{"independent": {loadArm{.02, .002, 0}, 300}, "bursts": {loadArm{.02, .002, .1}, 600}} {
		t.Run(name, func(t *testing.T) { overRounds(t, runs, tt.n, tt.arm) })
	}
}

// overRounds sends loads to pairs of equal arms, as a plan does.
func overRounds(t *testing.T, runs uint64, n int, arm loadArm) {
	back, good, rounds := 0, 0, 0
	for seed := range runs {
		var results []checks.Result
		for round := 1; round <= 3; round++ {
			results = append(results, loadResult(round, sent(t, 3*seed+uint64(round), n, [2]loadArm{arm, arm})))
			rounds++
			v := Evaluate(loadLook(results...))
			if v.Outcome == Rollback {
				back++
			}
			if v.Outcome == Promote {
				good++
			}
			if v.Outcome == Rollback || v.Outcome == Promote {
				break
			}
		}
	}
	t.Logf("of %d rollouts with %d loads of %d requests to each arm: rolled back %d, promoted %d", runs, rounds, n, back, good)
	if most := .05*float64(runs) + 3*math.Sqrt(.05*.95*float64(runs)); float64(back) > most {
		t.Errorf("rolled back %d of %d, want at most %.0f", back, runs, most)
	}
}
