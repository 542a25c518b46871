package smoke

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// kinds runs every HTTP check by one function.
func kinds(run checks.RunnerFunc) checks.Kinds { return checks.Kinds{"http": run} }

func named(names ...string) []checks.Spec {
	var out []checks.Spec
	for _, n := range names {
		out = append(out, checks.Spec{Name: n, Required: true, HTTP: &checks.HTTP{}})
	}
	return out
}

func passes(_ context.Context, s checks.Spec, _ checks.Target) checks.Result {
	return checks.Result{Name: s.Name, Status: checks.Passed, Attempts: 1, Reason: "it answered"}
}

// ends returns a runner whose checks end as their names say, and never before all of
// them have begun.
func ends(n int) checks.RunnerFunc {
	var begun sync.WaitGroup
	begun.Add(n)
	return func(_ context.Context, s checks.Spec, _ checks.Target) checks.Result {
		begun.Done()
		begun.Wait()
		return checks.Result{Name: s.Name, Status: checks.Status(s.Name), Attempts: 1, Reason: "because"}
	}
}

// TestTheReportIsInThePlansOrder runs four checks that can only end together.
func TestTheReportIsInThePlansOrder(t *testing.T) {
	names := []string{"failed", "passed", "broken", "environment"}
	var told []int
	s := Suite{
		Name: "shop", Checks: named(names...), Parallel: 4, Runner: kinds(ends(4)),
		Progress: func(ended int, _ checks.Spec) { told = append(told, ended) },
	}
	r := s.Run(t.Context())
	for i, e := range r.Checks {
		if e.Name != names[i] || string(e.Result.Status) != names[i] {
			t.Errorf("check %d: got %s, which is %s, want %s", i, e.Name, e.Result.Status, names[i])
		}
	}
	if len(told) != 4 {
		t.Errorf("progress was told %d times, want 4", len(told))
	}
	if got := r.Exit(); got != ExitFailed {
		t.Errorf("exit: got %d, want %d", got, ExitFailed)
	}
}

// TestNoMoreRunThanMayRun counts how many checks run at the same time.
func TestNoMoreRunThanMayRun(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	run := func(ctx context.Context, s checks.Spec, target checks.Target) checks.Result {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		defer func() { mu.Lock(); running--; mu.Unlock() }()
		return passes(ctx, s, target)
	}
	for _, parallel := range []int{0, 1, 3} {
		most = 0
		Suite{Checks: named("a", "b", "c", "d", "e", "f", "g", "h"), Parallel: parallel, Runner: kinds(run)}.Run(t.Context())
		if most > max(1, parallel) {
			t.Errorf("%d ran at the same time, want at most %d", most, max(1, parallel))
		}
	}
}

// TestWhatHadNoTurnIsBroken ends the time in the first check.
func TestWhatHadNoTurnIsBroken(t *testing.T) {
	wait := func(ctx context.Context, s checks.Spec, _ checks.Target) checks.Result {
		<-ctx.Done()
		return checks.Result{Name: s.Name, Status: checks.Broken, Reason: "given up"}
	}
	t.Run("the limit", func(t *testing.T) {
		r := Suite{Checks: named("a", "b"), Limit: 5 * time.Millisecond, Runner: kinds(wait)}.Run(t.Context())
		if got := r.Checks[1].Result; got.Status != checks.Broken || !strings.Contains(got.Reason, "the 5ms for the whole run were over before its turn") {
			t.Errorf("got %s: %s", got.Status, got.Reason)
		}
		if got := r.Exit(); got != ExitUndecided || r.Interrupted {
			t.Errorf("got exit %d, interrupted %v, want %d, false", got, r.Interrupted, ExitUndecided)
		}
	})
	t.Run("a signal", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		r := Suite{Checks: named("a", "b"), Limit: time.Hour, Runner: kinds(wait), Progress: func(int, checks.Spec) { stop() }}.Run(ctx)
		if got := r.Checks[1].Result; got.Status != checks.Broken || !strings.Contains(got.Reason, "interrupted before its turn") {
			t.Errorf("got %s: %s", got.Status, got.Reason)
		}
		if got := r.Exit(); got != ExitInterrupted {
			t.Errorf("exit: got %d, want %d", got, ExitInterrupted)
		}
	})
}

// TestARunnerThatPanicsFailsAlone goes on with the others.
func TestARunnerThatPanicsFailsAlone(t *testing.T) {
	run := func(ctx context.Context, s checks.Spec, target checks.Target) checks.Result {
		if s.Name == "bad" {
			panic("no")
		}
		return passes(ctx, s, target)
	}
	r := Suite{Checks: named("bad", "good"), Runner: kinds(run)}.Run(t.Context())
	if r.Checks[0].Result.Status != checks.Broken || r.Checks[1].Result.Status != checks.Passed {
		t.Errorf("got %s and %s, want broken and passed", r.Checks[0].Result.Status, r.Checks[1].Result.Status)
	}
}

func TestSelect(t *testing.T) {
	specs := named("a", "b", "c")
	specs[1].When, specs[2].When = checks.BeforeTraffic, checks.EachLook
	for _, c := range []struct {
		when string
		only []string
		want string
		err  string
	}{
		{"all", nil, "a b c", ""},
		{"each-look", nil, "a c", ""},
		{"before-traffic", nil, "b", ""},
		{"all", []string{"c", "a"}, "a c", ""},
		{"at-end", nil, "", "no check that is run at-end, so there is nothing to run"},
		{"all", []string{"z"}, "", `no check "z"; it has a, b, c`},
		{"before-traffic", []string{"a"}, "", "the check a is run each-look and not before-traffic"},
	} {
		got, err := Select(specs, c.when, c.only)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s %v: got %v, want %q", c.when, c.only, err, c.err)
			}
			continue
		}
		var all []string
		for _, s := range got {
			all = append(all, s.Name)
		}
		if strings.Join(all, " ") != c.want || err != nil {
			t.Errorf("%s %v: got %v, %v, want %s", c.when, c.only, all, err, c.want)
		}
	}
	if _, err := Select(nil, "all", nil); err == nil || !strings.Contains(err.Error(), "the plan has no checks") {
		t.Errorf("got %v, want an error: nothing passes by absence", err)
	}
}
