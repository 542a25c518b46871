package checks_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// answersOf is a runner that gives each arm's results in turn, the last one for ever.
func answersOf(canary, baseline string) checks.Runner {
	var mu sync.Mutex
	said := map[string][]string{"canary": strings.Fields(canary), "baseline": strings.Fields(baseline)}
	return checks.RunnerFunc(func(_ context.Context, s checks.Spec, t checks.Target) checks.Result {
		mu.Lock()
		defer mu.Unlock()
		all := said[t.Arm.URL]
		if len(all) > 1 {
			said[t.Arm.URL] = all[1:]
		}
		return checks.Result{Name: s.Name, Status: checks.Status(all[0]), Took: time.Second, Attempts: 1, Reason: t.Arm.URL + " " + all[0]}
	})
}

var arms = checks.Target{Canary: checks.Arm{URL: "canary"}, Baseline: checks.Arm{URL: "baseline"}}

func run(t *testing.T, r checks.Runner, s checks.Spec) checks.Result {
	t.Helper()
	s.Name, s.TCP = "home", &checks.TCP{}
	return checks.Kinds{"tcp": r}.Run(t.Context(), s, arms)
}

// TestBothArms is the table of what two arms come to. Only what the canary alone fails
// at is its failure, and only what it passed is a pass.
func TestBothArms(t *testing.T) {
	for _, c := range []struct {
		canary, baseline, want, says string
	}{
		{"passed", "passed", "passed", "both arms pass"},
		{"passed", "failed", "passed", "passes on the canary and not on the baseline"},
		{"passed", "broken", "passed", "passes on the canary and not on the baseline"},
		{"failed", "passed", "failed", "fails on the canary and not on the baseline"},
		{"failed", "failed", "environment", "environment, not canary: it fails on both arms: canary: canary failed; baseline: baseline failed"},
		{"failed", "broken", "broken", "it is not known whose fault it is"},
		{"broken", "passed", "broken", "could not be run on the canary"},
		{"broken", "failed", "broken", "could not be run on the canary"},
		{"broken", "broken", "broken", "could not be run on the canary"},
	} {
		t.Run(c.canary+" and "+c.baseline, func(t *testing.T) {
			got := run(t, answersOf(c.canary, c.baseline), checks.Spec{Arms: checks.OnBoth})
			if got.Status != checks.Status(c.want) || !strings.Contains(got.Reason, c.says) {
				t.Errorf("got %s: %s\nwant %s: … %s …", got.Status, got.Reason, c.want, c.says)
			}
			if got.Canary == nil || got.Baseline == nil || string(got.Canary.Status) != c.canary || string(got.Baseline.Status) != c.baseline {
				t.Errorf("got canary %+v and baseline %+v, want each as it was", got.Canary, got.Baseline)
			}
			if got.Attempts != 2 || got.Took != time.Second {
				t.Errorf("got %d attempts in %s, want those of both arms in the longer one's time", got.Attempts, got.Took)
			}
		})
	}
}

func TestOneArmIsTheCanary(t *testing.T) {
	for _, on := range []checks.Arms{"", checks.OnCanary} {
		got := run(t, answersOf("failed", "passed"), checks.Spec{Arms: on})
		if got.Status != checks.Failed || got.Reason != "canary failed" || got.Canary != nil || got.Baseline != nil {
			t.Errorf("arms %q: got %+v, want the canary's result alone", on, got)
		}
	}
}

func TestRepeat(t *testing.T) {
	for name, c := range map[string]struct {
		canary string
		repeat int
		want   checks.Result
	}{
		"none":     {"passed failed", 0, checks.Result{Status: checks.Passed, Attempts: 1, Reason: "canary passed"}},
		"one":      {"passed failed", 1, checks.Result{Status: checks.Passed, Attempts: 1, Reason: "canary passed"}},
		"all pass": {"passed", 3, checks.Result{Status: checks.Passed, Attempts: 3, Runs: 3, Reason: "canary passed; all 3 runs passed"}},
		"the second fails": {"passed failed passed", 3, checks.Result{Status: checks.Failed, Attempts: 2, Runs: 1,
			Reason: "canary failed; run 2 of 3, all of which must pass"}},
		"the first is broken": {"broken passed", 2, checks.Result{Status: checks.Broken, Attempts: 1, Reason: "canary broken; run 1 of 2, all of which must pass"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, answersOf(c.canary, "passed"), checks.Spec{Repeat: c.repeat})
			if got.Status != c.want.Status || got.Attempts != c.want.Attempts || got.Runs != c.want.Runs || got.Reason != c.want.Reason {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
			if want := time.Duration(c.want.Attempts) * time.Second; got.Took != want {
				t.Errorf("got %s, want %s, the time of all runs", got.Took, want)
			}
		})
	}
}

func TestRepeatTellsOfRetries(t *testing.T) {
	r := checks.RunnerFunc(func(context.Context, checks.Spec, checks.Target) checks.Result {
		return checks.Result{Status: checks.Passed, Attempts: 2, Reason: "answered"}
	})
	if got := run(t, r, checks.Spec{Repeat: 2}); got.Attempts != 4 || got.Reason != "answered; all 2 runs passed, with 2 of them tried again" {
		t.Errorf("got %d attempts: %s", got.Attempts, got.Reason)
	}
}

// waiting ends with its context, as runners must, and says that it was given up.
func waiting() checks.Runner {
	return checks.RunnerFunc(func(ctx context.Context, _ checks.Spec, _ checks.Target) checks.Result {
		<-ctx.Done()
		return checks.Result{Status: checks.Broken, GivenUp: true, Attempts: 1, Reason: "given up"}
	})
}

func TestTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, on := range []checks.Arms{checks.OnCanary, checks.OnBoth} {
			began := time.Now()
			got := run(t, waiting(), checks.Spec{Total: 3 * time.Second, Arms: on})
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("arms %s: took %s, want the total of 3 s", on, took)
			}
			want := map[checks.Arms]checks.Status{checks.OnCanary: checks.Failed, checks.OnBoth: checks.Environment}[on]
			if got.Status != want || !strings.Contains(got.Reason, "did not end within its total of 3 s: given up") {
				t.Errorf("arms %s: got %s: %s, want %s", on, got.Status, got.Reason, want)
			}
		}
	})
}

// TestTotalBlamesTheProbedOnly ensures that of what is not done when the total is over
// only an attempt at the canary has failed, and not what we or a third one could not do.
func TestTotalBlamesTheProbedOnly(t *testing.T) {
	clock := checks.Clock{Pause: 400 * time.Millisecond}
	try := func(try func(context.Context) checks.Attempt) checks.Runner {
		return checks.RunnerFunc(func(ctx context.Context, s checks.Spec, _ checks.Target) checks.Result {
			return clock.Run(ctx, s, func() (checks.Probe, error) { return checks.Probe{Name: "it", Within: time.Minute, Try: try}, nil })
		})
	}
	for name, c := range map[string]struct {
		runner checks.Runner
		want   checks.Status
	}{
		"an attempt at the canary": {try(func(ctx context.Context) checks.Attempt {
			<-ctx.Done()
			return checks.Failing("was not answered")
		}), checks.Failed},
		"the pause before another one": {try(func(context.Context) checks.Attempt { return checks.Failing("answered 500") }), checks.Failed},
		"a store that is silent": {try(func(ctx context.Context) checks.Attempt {
			<-ctx.Done()
			return checks.Breaking("was not answered by the store")
		}), checks.Broken},
		"a runner that does not come back": {checks.RunnerFunc(func(context.Context, checks.Spec, checks.Target) checks.Result {
			<-time.After(time.Minute)
			return checks.Result{Status: checks.Passed}
		}), checks.Broken},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := run(t, c.runner, checks.Spec{Total: time.Second, Retries: 10})
				if told := strings.Contains(got.Reason, "within its total of 1 s"); got.Status != c.want || told != (c.want == checks.Failed) {
					t.Errorf("got %s: %s, want %s", got.Status, got.Reason, c.want)
				}
				time.Sleep(2 * time.Minute) // the one that comes back late
			})
		})
	}
}

// TestCallerGivesUp ensures that the caller's limit is nobody's failure.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := checks.Kinds{"tcp": waiting()}.Run(ctx, checks.Spec{TCP: &checks.TCP{}, Total: time.Minute}, arms)
		if got.Status != checks.Broken || got.Reason != "given up" {
			t.Errorf("got %s: %s, want broken: given up", got.Status, got.Reason)
		}
	})
}

func TestTotalOverRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := checks.RunnerFunc(func(ctx context.Context, _ checks.Spec, _ checks.Target) checks.Result {
			select {
			case <-ctx.Done():
				return checks.Result{Status: checks.Broken, GivenUp: true, Reason: "given up"}
			case <-time.After(time.Second):
				return checks.Result{Status: checks.Passed, Reason: "passed"}
			}
		})
		got := run(t, r, checks.Spec{Total: 2500 * time.Millisecond, Repeat: 4})
		if got.Status != checks.Failed || got.Runs != 2 || !strings.Contains(got.Reason, "run 3 of 4") {
			t.Errorf("got %+v, want failed in the third of four runs", got)
		}
	})
}

// TestFailsAlone ensures that a runner that panics or hangs takes nothing along.
func TestFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		for name, c := range map[string]struct {
			runner checks.Runner
			says   string
		}{
			"panics": {checks.RunnerFunc(func(context.Context, checks.Spec, checks.Target) checks.Result { panic("hunter2") }), "its runner failed"},
			"hangs": {checks.RunnerFunc(func(context.Context, checks.Spec, checks.Target) checks.Result {
				<-release
				return checks.Result{Status: checks.Passed}
			}), "did not end when its time was over"},
		} {
			for _, on := range []checks.Arms{checks.OnCanary, checks.OnBoth} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				began := time.Now()
				got := checks.Kinds{"tcp": c.runner}.Run(ctx, checks.Spec{Name: "home", TCP: &checks.TCP{}, Arms: on}, arms)
				cancel()
				if got.Status != checks.Broken || got.Name != "home" || !strings.Contains(got.Reason, c.says) || strings.Contains(got.Reason, "hunter2") {
					t.Errorf("%s on %s: got %+v, want broken: %s", name, on, got, c.says)
				}
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("%s on %s: took %s, want at most its second and the grace of two", name, on, took)
				}
			}
		}
	})
}

// TestNoStatusIsNoPass ensures that what a runner does not say is not made up.
func TestNoStatusIsNoPass(t *testing.T) {
	r := checks.RunnerFunc(func(context.Context, checks.Spec, checks.Target) checks.Result { return checks.Result{Reason: "fine"} })
	for _, on := range []checks.Arms{checks.OnCanary, checks.OnBoth} {
		if got := run(t, r, checks.Spec{Arms: on}); got.Status != checks.Broken || !strings.Contains(got.Reason, "did not say how it ended") {
			t.Errorf("arms %s: got %s: %s, want broken", on, got.Status, got.Reason)
		}
	}
}

func TestKinds(t *testing.T) {
	if names := checks.KindNames(); !slices.Contains(names, "http") || !slices.Contains(names, "journey") || slices.Contains(names, "") {
		t.Errorf("got kinds %v, want http and journey among them", names)
	}
	for name, c := range map[string]struct {
		spec checks.Spec
		kind string
		says string
	}{
		"none":      {checks.Spec{}, "", "no runner for checks of kind (none)"},
		"two":       {checks.Spec{HTTP: &checks.HTTP{}, TCP: &checks.TCP{}}, "", "no runner for checks of kind (none)"},
		"no runner": {checks.Spec{DNS: &checks.DNS{}}, "dns", "no runner for checks of kind dns"},
	} {
		got := checks.Kinds{"tcp": answersOf("passed", "passed")}.Run(t.Context(), c.spec, arms)
		if c.spec.Kind() != c.kind || got.Status != checks.Broken || got.Reason != c.says {
			t.Errorf("%s: got kind %q, %s: %s", name, c.spec.Kind(), got.Status, got.Reason)
		}
	}
	if got := fmt.Sprint(checks.Spec{HTTP: &checks.HTTP{}, TCP: &checks.TCP{}}.Given()); got != "[http tcp]" {
		t.Errorf("got %s, want both kinds", got)
	}
}
