package judge

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
)

// probed is a judge of checks alone, whose runner is a function by the check's name.
func probed(specs []checks.Spec, run func(ctx context.Context, name string) checks.Result) (*Judge, *memory) {
	m := &memory{rec: Record{Rollout: testRollout(), Plan: testPlan()}}
	m.rec.Rollout.Comparison = "checks"
	m.rec.Plan.Metrics, m.rec.Plan.Checks = nil, specs
	runner := checks.RunnerFunc(func(ctx context.Context, s checks.Spec, _ checks.Target) checks.Result { return run(ctx, s.Name) })
	return New(Config{Journal: m, Checks: runner, Engine: "test", Work: true}), m
}

// lookFor looks for a caller who waits for 8 s, as Flagger does by default.
func lookFor(t *testing.T, j *Judge, m *memory, n int) (Verdict, error) {
	t.Helper()
	have := m.rec.Checks
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	v, err := j.Decide(ctx, m.rec.Rollout, at(n))
	m.rec.Checks = have
	if len(m.looks) > 0 {
		m.rec.Checks = latest(have, m.looks[len(m.looks)-1].Checks)
	}
	return v, err
}

// TestOneCheckDoesNotHoldUpTheOthers ensures that what a check has proven is told and
// recorded although another one does not end when the look's time is over, or does not
// even begin.
func TestOneCheckDoesNotHoldUpTheOthers(t *testing.T) {
	for name, hanging := range map[string]int{"one": 1, "more than run at a time": 2 * checkConcurrency} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				specs := []checks.Spec{{Name: "health", Required: true, Critical: true, HTTP: &checks.HTTP{}}}
				for i := range hanging {
					specs = append(specs, checks.Spec{Name: "hangs" + string(rune('a'+i)), TCP: &checks.TCP{}})
				}
				j, m := probed(specs, func(_ context.Context, name string) checks.Result {
					if name == "health" {
						return checks.Result{Status: checks.Failed, Reason: "answered 500"}
					}
					time.Sleep(20 * time.Second) // whatever its context says
					return checks.Result{Status: checks.Passed}
				})
				began := time.Now()
				v, err := lookFor(t, j, m, 1)
				if err != nil || v.Outcome != Rollback || !v.RollBack.Yes {
					t.Fatalf("got %s, %v; want the rollback that the critical check has proven", v.Outcome, err)
				}
				if took := time.Since(began); took > 7500*time.Millisecond {
					t.Errorf("got the verdict after %v, want it in the caller's 8 s", took)
				}
				if len(m.looks) != 1 || len(m.looks[0].Checks) != len(specs) {
					t.Fatalf("got %d looks recorded, want one with all %d results", len(m.looks), len(specs))
				}
				for _, r := range m.looks[0].Checks[1:] {
					if r.Status != checks.Broken || !r.Cut || !strings.Contains(r.Reason, "it is run again beside the looks") {
						t.Errorf("got %+v of a check that did not end, want it broken and run again", r)
					}
				}
				time.Sleep(time.Minute) // those that come late end, too
			})
		})
	}
}

// TestHungCanaryFailsInTheEnd ensures that a check for which a look is too short is run
// as work of its own, that its failure then rolls back, and that it returns into the
// looks once it is quick again, with its rounds counted on.
func TestHungCanaryFailsInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran, hung := 0, true
		j, m := probed([]checks.Spec{{Name: "home", Required: true, Critical: true, Retries: 1, HTTP: &checks.HTTP{}}}, func(ctx context.Context, _ string) checks.Result {
			if ran++; !hung {
				return checks.Result{Status: checks.Passed, Took: time.Millisecond}
			}
			<-ctx.Done()
			return checks.Result{Status: checks.Broken, Reason: "given up", Took: 7 * time.Second}
		})
		look := func(n int) Verdict {
			v, err := lookFor(t, j, m, n)
			if err != nil {
				t.Fatal(err)
			}
			m.rec.Pending = nil
			return v
		}
		begins := func() []Beginning { return m.looks[len(m.looks)-1].Begin }
		until := func(n int) time.Time { return at(n).Add(m.rec.Plan.MaxDuration.D() + m.rec.Plan.HoldFor.D()).UTC() }
		lasts := 20500 * time.Millisecond

		if f := finding(look(1), "home"); f.Class != CheckBroken || !f.Stops {
			t.Errorf("got %+v, want it broken at first", f)
		}
		if diff := cmp.Diff([]Beginning{{Name: "home", Round: 1, Lasts: lasts, Until: until(1)}}, begins()); diff != "" {
			t.Errorf("begins (-want +got):\n%s", diff)
		}
		m.rec.Underway = []Underway{{Name: "home", Round: 1, Since: at(1), Begins: 1, Lasts: lasts}}
		if f := finding(look(2), "home"); f.Class != CheckBroken || !strings.Contains(f.Next, "round 1 is under way") || ran != 1 {
			t.Errorf("got %+v after %d runs within looks, want that it is under way, and run by nobody else", f, ran)
		}

		m.rec.Underway, m.rec.Pending = nil, []checks.Result{{Name: "home", Status: checks.Passed, Round: 1, Took: 9 * time.Second}}
		if v := look(3); finding(v, "home").Class != Passed || len(begins()) != 1 || begins()[0].Round != 2 {
			t.Errorf("got %s and %+v, want the result used, and the slow check to go on beside the looks", finding(v, "home").Class, begins())
		}
		m.rec.Pending = []checks.Result{{Name: "home", Status: checks.Passed, Round: 2, Took: time.Second}}
		if look(4); len(begins()) != 0 {
			t.Errorf("got %+v, want a check that is quick again back in the looks", begins())
		}
		hung = false
		if look(5); ran != 2 || m.rec.Checks[0].Earlier != 2 || m.rec.Checks[0].Round != 0 {
			t.Errorf("got %+v after %d runs, want one within the look that knows of two rounds", m.rec.Checks, ran)
		}
		hung = true
		if look(6); len(begins()) != 1 || begins()[0].Round != 3 {
			t.Errorf("got %+v, want the third round: those before have their results", begins())
		}
		m.rec.Pending = []checks.Result{{Name: "home", Status: checks.Failed, Round: 3, Took: 20 * time.Second, Reason: "was not answered within 10 s"}}
		if v := look(7); v.Outcome != Rollback {
			t.Errorf("got %s: %s, want a rollback: the canary hangs", v.Outcome, v.Reason)
		}
	})
}

// TestWatchedRolloutsPauseBetweenRounds ensures that a look that Serin makes because a
// result is there does not begin the next round at once, except for loads.
func TestWatchedRolloutsPauseBetweenRounds(t *testing.T) {
	for _, watch := range []bool{false, true} {
		j, m := probed([]checks.Spec{{Name: "outside", Required: true, Synthetics: &checks.Synthetics{}}}, nil)
		m.rec.Rollout.Watch = watch
		m.rec.Pending = []checks.Result{{Name: "outside", Status: checks.Passed, Round: 1}}
		lookAt(t, j, 1)
		if got := len(m.looks[0].Begin); got != map[bool]int{false: 1, true: 0}[watch] {
			t.Errorf("watched %v: got %d rounds begun by the look that uses a result", watch, got)
		}
		m.rec.Pending = nil
		lookAt(t, j, 2)
		if got := m.looks[1].Begin; len(got) != 1 || got[0].Round != 2 {
			t.Errorf("watched %v: got %+v, want the second round begun by the next look", watch, got)
		}
	}
}
