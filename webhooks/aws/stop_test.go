package aws

import (
	"testing"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

func TestFollow(t *testing.T) {
	yes := judge.Answer{Yes: true, Reason: "errors"}
	base := rollout.Rollout{ID: "abcdefgh", Controller: "codedeploy", Ref: "eu-west-1/d-ABC"}
	for name, tt := range map[string]struct {
		change func(*journal.Event)
		want   int
	}{
		"rollback":    {func(*journal.Event) {}, 1},
		"no rollback": {func(e *journal.Event) { e.Verdict.RollBack = judge.Answer{} }, 0},
		// The judge then answers no, and pages.
		"cannot be reversed":     {func(e *journal.Event) { e.Verdict.Outcome, e.Verdict.RollBack = judge.Rollback, judge.Answer{} }, 0},
		"shadow":                 {func(e *journal.Event) { e.Verdict.Mode = "shadow" }, 0},
		"another controller":     {func(e *journal.Event) { e.Rollout.Controller = "ecs" }, 0},
		"no deployment":          {func(e *journal.Event) { e.Rollout.Ref = "" }, 0},
		"no region":              {func(e *journal.Event) { e.Rollout.Ref = "d-ABC" }, 0},
		"closed":                 {func(e *journal.Event) { e.Kind, e.Verdict = journal.EventClosed, nil }, 0},
		"announced":              {func(e *journal.Event) { e.Kind = journal.EventAnnounced }, 0},
		"a look without verdict": {func(e *journal.Event) { e.Verdict = nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := journal.Event{Kind: journal.EventLooked, Rollout: base, Verdict: &judge.Verdict{Mode: "enforce", Outcome: judge.Rollback, RollBack: yes}}
			tt.change(&e)
			jobs := Follow(e)
			if len(jobs) != tt.want {
				t.Fatalf("got %d jobs, want %d", len(jobs), tt.want)
			}
			if tt.want == 0 {
				return
			}
			j := jobs[0]
			if j.Kind != KindStop || j.Key != "abcdefgh.stop" || string(j.Body) != `{"region":"eu-west-1","deploymentId":"d-ABC"}` || j.Target != "codedeploy.eu-west-1" {
				t.Errorf("got %+v %s", j, j.Body)
			}
			if again := Follow(e); again[0].Key != j.Key {
				t.Errorf("got key %s after %s, want one job for a rollout", again[0].Key, j.Key)
			}
		})
	}
}
