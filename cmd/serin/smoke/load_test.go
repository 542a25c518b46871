package smoke

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// loaded is a load that was sent, n requests to each arm, with the latencies that at says.
func loaded(n int, at func(i int) (canary, baseline time.Duration)) *checks.LoadRun {
	run := &checks.LoadRun{Rate: 100, Took: time.Minute}
	for i := range n {
		c, b := at(i)
		when := time.Duration(i) * 10 * time.Millisecond
		run.Canary = append(run.Canary, checks.LoadSample{At: when, Latency: c, Status: 200})
		run.Baseline = append(run.Baseline, checks.LoadSample{At: when, Latency: b, Status: 200})
	}
	return run
}

// spread is a latency that differs from request to request, by a fifth.
func spread(i int, base time.Duration) time.Duration {
	return base + time.Duration((i*7919)%1000)*base/5000
}

// TestALoadIsCompared ensures that a load which was sent passes by what it proves alone.
func TestALoadIsCompared(t *testing.T) {
	for _, c := range []struct {
		name string
		run  *checks.LoadRun
		want checks.Status
		says string
	}{
		{"equal", loaded(3000, func(i int) (time.Duration, time.Duration) {
			return spread(i, 40*time.Millisecond), spread(i+1, 40*time.Millisecond)
		}), checks.Passed, "3000 requests to each arm: "},
		{"half as slow again", loaded(3000, func(i int) (time.Duration, time.Duration) {
			return spread(i, 60*time.Millisecond), spread(i+1, 40*time.Millisecond)
		}), checks.Failed, "proven worse"},
		{"too few", loaded(40, func(i int) (time.Duration, time.Duration) {
			return spread(i, 40*time.Millisecond), spread(i+1, 40*time.Millisecond)
		}), checks.Broken, "40 requests to each arm"},
		{"nothing was sent", &checks.LoadRun{}, checks.Broken, "0 requests to each arm"},
		{"no samples at all", nil, checks.Broken, "said nothing"},
	} {
		spec := checks.Spec{Name: "load", Required: true, Load: &checks.Load{
			Errors:  checks.LoadLimits{Tolerance: checks.Worsening{Relative: .1, Absolute: .0005}, Margin: checks.Worsening{Relative: .5, Absolute: .01}},
			Latency: checks.LoadLimits{Tolerance: checks.Worsening{Relative: .1}, Margin: checks.Worsening{Relative: .2}},
		}}
		runner := checks.RunnerFunc(func(context.Context, checks.Spec, checks.Target) checks.Result {
			return checks.Result{Name: "load", Status: checks.Measured, Load: c.run}
		})
		s := Suite{Checks: []checks.Spec{spec}, Runner: runner, Levels: Levels{Alpha: .05, Beta: .05}}
		got := s.Run(t.Context()).Checks[0].Result
		t.Log(got.Status, got.Reason)
		if got.Status != c.want || !strings.Contains(got.Reason, c.says) {
			t.Errorf("%s: got %s: %s, want %s with %q", c.name, got.Status, got.Reason, c.want, c.says)
		}
	}
}

// TestALoadStandsAlone ensures that nothing runs beside a load, and that what follows it
// in the plan follows it in time.
func TestALoadStandsAlone(t *testing.T) {
	var mu sync.Mutex
	var order []string
	running := 0
	run := func(_ context.Context, s checks.Spec, _ checks.Target) checks.Result {
		mu.Lock()
		running++
		if s.Load != nil && running > 1 {
			t.Errorf("%d run beside the load", running-1)
		}
		order = append(order, s.Name)
		mu.Unlock()
		defer func() { mu.Lock(); running--; mu.Unlock() }()
		return checks.Result{Name: s.Name, Status: checks.Passed}
	}
	all := named("a", "b", "load", "logs")
	all[2].HTTP, all[2].Load = nil, &checks.Load{}
	Suite{Checks: all, Parallel: 8, Runner: checks.RunnerFunc(run)}.Run(t.Context())
	if len(order) != 4 || order[2] != "load" || order[3] != "logs" {
		t.Errorf("order: %v, want the load third and the logs last", order)
	}
}
