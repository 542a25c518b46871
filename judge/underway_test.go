package judge

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
)

// longWorld is a judge with one long check beside a short one, which counts what runs.
func longWorld(work bool) (*Judge, *memory, *[]string) {
	m := &memory{rec: Record{Rollout: testRollout(), Plan: loadPlan()}}
	m.rec.Rollout.Comparison = "checks"
	m.rec.Plan.Checks = append(m.rec.Plan.Checks,
		checks.Spec{Name: "journey", Required: true, Total: 5 * time.Minute, HTTP: &checks.HTTP{}},
		checks.Spec{Name: "home", Required: true, Total: 20 * time.Second, HTTP: &checks.HTTP{}})
	var mu sync.Mutex
	var ran []string
	run := checks.RunnerFunc(func(_ context.Context, s checks.Spec, _ checks.Target) checks.Result {
		mu.Lock()
		defer mu.Unlock()
		ran = append(ran, s.Name)
		return checks.Result{Name: s.Name, Status: checks.Passed, Reason: "passed"}
	})
	return New(Config{Journal: m, Checks: run, Engine: "test", Work: work}), m, &ran
}

// TestLongChecksDoNotRunWithinLooks ensures that looks only say which should begin, that
// a recorded result is used, and that the next round begins after it.
func TestLongChecksDoNotRunWithinLooks(t *testing.T) {
	j, m, ran := longWorld(true)
	v := lookAt(t, j, 0)
	if diff := cmp.Diff([]string{"home"}, *ran); diff != "" {
		t.Errorf("ran within the look (-want +got):\n%s", diff)
	}
	until := m.looks[0].Verdict.At.Add(m.rec.Plan.MaxDuration.D() + m.rec.Plan.HoldFor.D())
	want := []Beginning{{Name: "load", Round: 1, Lasts: 41 * time.Second, Until: until}, {Name: "journey", Round: 1, Lasts: 5 * time.Minute, Until: until}}
	if diff := cmp.Diff(want, m.looks[0].Begin); diff != "" {
		t.Errorf("begins (-want +got):\n%s", diff)
	}
	if f := finding(v, "journey"); f.Class != NoData || !f.Holds {
		t.Errorf("got %+v of a check that has not run, want that it holds", f)
	}

	m.rec.Underway = []Underway{{Name: "journey", Round: 1, Since: at(1), Begins: 2, Lasts: 5 * time.Minute}}
	v = lookAt(t, j, 1)
	if f := finding(v, "journey"); !strings.Contains(f.Reason, "and lasts 5 min; it began 2 times") {
		t.Errorf("got %q, want that it is under way", f.Reason)
	}
	if diff := cmp.Diff(m.rec.Underway, m.looks[1].Context.Underway); diff != "" {
		t.Errorf("what was under way is no part of the look's record (-want +got):\n%s", diff)
	}

	m.rec.Underway = nil
	m.rec.Pending = []checks.Result{{Name: "journey", Status: checks.Passed, Round: 1, Reason: "all steps"}, {Name: "of another plan", Round: 1}}
	v = lookAt(t, j, 2)
	if f := finding(v, "journey"); f.Class != Passed {
		t.Errorf("got %+v, want the recorded result", f)
	}
	rounds := map[string]int{}
	for _, b := range m.looks[2].Begin {
		rounds[b.Name] = b.Round
	}
	if diff := cmp.Diff(map[string]int{"load": 1, "journey": 2}, rounds); diff != "" {
		t.Errorf("rounds that begin (-want +got):\n%s", diff)
	}
}

// TestLongChecksWithoutWork ensures that where nobody does work, what can run within a
// look does, and a load holds.
func TestLongChecksWithoutWork(t *testing.T) {
	j, m, ran := longWorld(false)
	v := lookAt(t, j, 0)
	if len(*ran) != 2 || m.looks[0].Begin != nil {
		t.Errorf("got %v run and %v to begin, want the two that are no loads run, and nothing begun", *ran, m.looks[0].Begin)
	}
	if f := finding(v, "load"); f.Class != NoData || !f.Holds || !strings.Contains(f.Reason, "by a server") {
		t.Errorf("got %+v of a load that nobody sends, want that it holds", f)
	}
}

// TestLongCheckRunsByName ensures that work runs what the pinned plan says.
func TestLongCheckRunsByName(t *testing.T) {
	j, m, _ := longWorld(true)
	if r, known := j.LongCheck(t.Context(), m.rec, "journey"); !known || r.Status != checks.Passed || r.Name != "journey" {
		t.Errorf("got %+v, %v; want the check's result", r, known)
	}
	if _, known := j.LongCheck(t.Context(), m.rec, "nothing"); known {
		t.Error("got a result of a check that the plan does not have")
	}
}
