package calibrate_test

import (
	"context"
	"testing"

	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/lab"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// baselineArm is the lab's.
func baselineArm() rollout.Arm { return rollout.Arm{Version: "baseline"} }

// scenario returns the lab's scenario of a name.
func scenario(t testing.TB, name string) lab.Scenario {
	t.Helper()
	s, err := lab.ScenarioNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// twenty is a setting whose baseline has twenty pods, so that a draw compares one with
// nineteen, as the lab does by default.
func twenty(t testing.TB, level lab.Level) lab.Setting {
	return lab.Setting{Level: level, RPS: 105, Pods: lab.Pods{Baseline: 20, Canary: 1}, Scenario: scenario(t, "aa"), Seed: 11}
}

// past fetches a fleet's past for a plan.
func past(t testing.TB, f *lab.Fleet, runs int, p plan.Plan) (*calibrate.File, *calibrate.History) {
	t.Helper()
	span, except := timesOf(f, runs)
	file := calibrate.MemoryFile(span, except)
	return file, fetched(t, file, f, p)
}

func fetched(t testing.TB, file *calibrate.File, f queries.Source, p plan.Plan) *calibrate.History {
	t.Helper()
	qs, err := calibrate.Questions(p, baselineArm())
	if err != nil {
		t.Fatal(err)
	}
	if err := calibrate.Fetch(context.Background(), file, qs, calibrate.Fetching{Source: f}); err != nil {
		t.Fatal(err)
	}
	h, err := file.History(qs)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// timesOf are the time of a fleet, and the hours between its runs.
func timesOf(f *lab.Fleet, runs int) (calibrate.Span, []calibrate.Span) {
	var except []calibrate.Span
	from, _, end := f.Run(0)
	for i := 1; i < runs; i++ {
		next, _, to := f.Run(i)
		except = append(except, calibrate.Span{From: end, To: next})
		end = to
	}
	return calibrate.Span{From: from, To: end}, except
}

func fleet(t testing.TB, s lab.Setting, runs int) (*lab.Fleet, plan.Plan) {
	t.Helper()
	f, err := lab.NewFleet(s, runs)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return f, p
}
