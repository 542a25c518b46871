package lab

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testSeed is for tests alone; tables in the documentation have other seeds.
const testSeed = 20260301

// setting is the ordinary service with one canary pod and the named scenario.
func setting(t *testing.T, scenario string) Setting {
	t.Helper()
	s, err := ScenarioNamed(scenario)
	if err != nil {
		t.Fatal(err)
	}
	return Setting{Level: Moderate, RPS: 100, Pods: Pods{Baseline: 19, Canary: 1}, Scenario: s, Seed: testSeed}
}

// measure runs one setting and returns its cells by rule.
func measure(t *testing.T, s Setting, runs int, rules ...string) map[string]Cell {
	t.Helper()
	cells, err := Run(t.Context(), Config{Settings: []Setting{s}, Runs: runs, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Cell{}
	for _, c := range cells {
		if c.Runs != runs {
			t.Errorf("%s: got %d runs, want %d", c.Rule, c.Runs, runs)
		}
		out[c.Rule] = c
	}
	return out
}

// TestHealthyCanariesArePromoted is a smoke test of the whole engine: its bounds
// are wide, so that chance never breaks them, and a broken engine does.
func TestHealthyCanariesArePromoted(t *testing.T) {
	cells := measure(t, setting(t, "aa"), 60)
	if c := cells["serin"]; c.RollbackRate > .05 || c.PromoteRate < .85 {
		t.Errorf("got %v rolled back and %v promoted, want at most 0.05 and at least 0.85", c.RollbackRate, c.PromoteRate)
	}
	for _, peer := range []string{"kayenta-any", "flagger", "z-peeking"} {
		if got := cells[peer].RollbackRate; got <= .1 {
			t.Errorf("%s: got %v rolled back, want more than 0.1, as is known of it", peer, got)
		}
	}
}

// TestBadCanariesAreRolledBack is the other half of the smoke test.
func TestBadCanariesAreRolledBack(t *testing.T) {
	for _, tt := range []struct {
		scenario string
		power    float64
		minutes  float64
	}{
		{"errors+2pp", .9, 6},
		{"latency-x1.5", .9, 6},
		{"tail", .8, 20},
		{"cpu-x1.3", .7, 20},
	} {
		c := measure(t, setting(t, tt.scenario), 40, "serin")["serin"]
		if c.RollbackRate < tt.power || c.MedianMinutes == nil || *c.MedianMinutes > tt.minutes {
			t.Errorf("%s: got %v rolled back, median %s, want at least %v, at most %v min",
				tt.scenario, c.RollbackRate, minutes(c.MedianMinutes), tt.power, tt.minutes)
		}
	}
}

// TestWorkersDoNotMatter holds that a cell is a function of its configuration.
func TestWorkersDoNotMatter(t *testing.T) {
	c := Config{Settings: []Setting{setting(t, "errors+0.5pp"), setting(t, "restarts")}, Runs: 12}
	var first []Cell
	for _, workers := range []int{1, 3} {
		c.Workers = workers
		got, err := Run(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		} else if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("with %d workers (-1 worker):\n%s", workers, diff)
		}
	}
}

// TestStopping holds that what was done before an interruption is returned.
func TestStopping(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	c := Config{Settings: []Setting{setting(t, "aa"), setting(t, "tail")}, Runs: 1000, Rules: []string{"argo-95"}, Workers: 2}
	c.Progress = func(done, total int) {
		if total != 2000 {
			t.Errorf("got a total of %d, want 2000", total)
		}
		if done == 5 {
			stop()
		}
	}
	cells, err := Run(ctx, c)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
	if len(cells) != 1 || cells[0].Runs < 5 || cells[0].Runs > 10 {
		t.Errorf("got cells %+v, want one with 5 to 10 runs", cells)
	}
}

func TestFaultyConfigurations(t *testing.T) {
	ok := setting(t, "aa")
	for name, c := range map[string]Config{
		"no runs":      {Settings: []Setting{ok}},
		"unknown rule": {Settings: []Setting{ok}, Runs: 1, Rules: []string{"serine"}},
		"no traffic":   {Settings: []Setting{{Pods: ok.Pods, Scenario: ok.Scenario}}, Runs: 1},
		"no pods":      {Settings: []Setting{{RPS: 1, Scenario: ok.Scenario}}, Runs: 1},
		"no scenario":  {Settings: []Setting{{RPS: 1, Pods: ok.Pods}}, Runs: 1},
	} {
		if cells, err := Run(t.Context(), c); err == nil {
			t.Errorf("%s: got %d cells, want an error", name, len(cells))
		}
	}
}
