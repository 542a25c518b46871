package judge

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/queries"
)

// TestBothArmsFailing: a critical check that fails on both arms holds for as long as it
// does and rolls nothing back, though it fails at many looks running; when the baseline
// is well again it is the canary's. Every verdict replays.
func TestBothArmsFailing(t *testing.T) {
	_, m, f := newTestJudge(newWorld(53))
	m.rec.Plan.Checks = []checks.Spec{{
		Name: "pay", When: checks.BeforeTraffic, Arms: checks.OnBoth, Required: true, Critical: true, TCP: &checks.TCP{},
	}}
	m.rec.Rollout.Canary.URL, m.rec.Rollout.Baseline.URL = "canary", "baseline"
	var baselineIsWell atomic.Bool
	run := checks.Kinds{"tcp": checks.RunnerFunc(func(_ context.Context, _ checks.Spec, t checks.Target) checks.Result {
		if t.Arm.URL == "baseline" && baselineIsWell.Load() {
			return checks.Result{Status: checks.Passed, Attempts: 1, Reason: "answered"}
		}
		return checks.Result{Status: checks.Failed, Attempts: 1, Reason: "refused"}
	})}
	j := New(Config{Journal: m, Sources: map[string]queries.Source{"prometheus": f}, Checks: run, Engine: "test"})
	for n := 1; n <= 29; n++ {
		v := lookAt(t, j, n)
		got := finding(v, "pay")
		if got.Class != Environment || !got.Holds || !got.Stops || got.RollsBack || !strings.Contains(got.Reason, "environment, not canary") {
			t.Fatalf("look %d: got %+v, want it to hold and to blame nobody", n, got)
		}
		if v.Outcome == Promote || v.RollBack.Yes || v.Advance.Yes || v.Promotion.Yes {
			t.Fatalf("look %d: got %s, advance %v, promotion %v, rollback %v; want it held", n, v.Outcome, v.Advance.Yes, v.Promotion.Yes, v.RollBack.Yes)
		}
	}
	baselineIsWell.Store(true)
	if v := lookAt(t, j, 30); v.Outcome != Rollback || !v.RollBack.Yes || finding(v, "pay").Class != CheckFailed {
		t.Errorf("got %s: %s, want a rollback by what the canary alone fails", v.Outcome, v.Reason)
	}
	again, err := Replay(m.rec.Plan, m.looks, "test")
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range m.looks {
		if got, want := body(t, again[i]), body(t, l.Verdict); got != want {
			t.Fatalf("look %d:\n got %s\nwant %s", i+1, got, want)
		}
	}
}

// TestBothArmsFailingToTheEnd: past the deadline it is inconclusive.
func TestBothArmsFailingToTheEnd(t *testing.T) {
	_, m, f := newTestJudge(newWorld(54))
	m.rec.Plan.Checks = []checks.Spec{{Name: "pay", Arms: checks.OnBoth, Required: true, Critical: true, TCP: &checks.TCP{}}}
	run := checks.Kinds{"tcp": checks.RunnerFunc(func(context.Context, checks.Spec, checks.Target) checks.Result {
		return checks.Result{Status: checks.Failed, Reason: "refused"}
	})}
	j := New(Config{Journal: m, Sources: map[string]queries.Source{"prometheus": f}, Checks: run, Engine: "test"})
	for _, n := range []int{1, 30, 61} {
		lookAt(t, j, n)
	}
	if v := lookAt(t, j, 62); v.Outcome != Inconclusive || v.RollBack.Yes || v.Promotion.Yes || !strings.Contains(v.Reason, "environment, not canary") {
		t.Errorf("got %s, rollback %v, promotion %v: %s", v.Outcome, v.RollBack.Yes, v.Promotion.Yes, v.Reason)
	}
}
