package judge

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// slowSource takes 30 s to answer one kind of question.
type slowSource struct {
	*fakeSource
	kind queries.Kind
}

func (s slowSource) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	if r.Kind == s.kind {
		select {
		case <-time.After(30 * time.Second):
		case <-ctx.Done():
			return queries.Frame{}, &queries.Error{Fault: queries.Unavailable, Source: "prometheus", Text: "the question was given up", Err: ctx.Err()}
		}
	}
	return s.fakeSource.Blocks(ctx, r, w)
}

// TestLookEndsBeforeItsCallersDeadline: of two metrics one takes 30 s, and the
// caller leaves 8. The look is committed before that, with the other metric frozen.
func TestLookEndsBeforeItsCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, m, f := newTestJudge(newWorld(51))
		j := New(Config{Journal: m, Sources: map[string]queries.Source{"prometheus": slowSource{f, queries.Histogram}}, Engine: "test"})
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		began := time.Now()
		v, err := j.Decide(ctx, rollout.Rollout{ID: testRollout().ID}, at(8).Add(31*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 7*time.Second {
			t.Errorf("got the verdict after %v, want 7 s, which leaves a second to commit", took)
		}
		lost := finding(v, "latency")
		if lost.Class != QueryFailed || !strings.Contains(lost.Reason, "did not answer within 7s") {
			t.Errorf("got latency %s: %s, want it unread", lost.Class, lost.Reason)
		}
		if v.Advance.Yes || v.RollBack.Yes || v.Promotion.Yes || v.Outcome != Continue {
			t.Errorf("got %s with advance %v, want it to go on and to hold", v.Outcome, v.Advance)
		}
		if n := m.rec.Frozen.Metrics["errors"].Canary.Window.Len(); n != 8 || len(m.looks) != 1 {
			t.Errorf("got %d blocks of errors frozen by %d looks, want what was read to be committed", n, len(m.looks))
		}
		if n := m.rec.Frozen.Metrics["latency"].Canary.Window.Len(); n != 0 {
			t.Errorf("got %d blocks of latency frozen, want none", n)
		}
	})
}

// TestSlowCheckIsRunAgain: a check that the look has no time for is broken, which
// stops, and it is run at the next look although that is not the first.
func TestSlowCheckIsRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, m, f := newTestJudge(newWorld(52))
		m.rec.Plan.Checks = []checks.Spec{{Name: "home", When: checks.BeforeTraffic, Required: true, HTTP: &checks.HTTP{}}}
		slow := true
		run := checks.RunnerFunc(func(ctx context.Context, _ checks.Spec, _ checks.Target) checks.Result {
			if !slow {
				return checks.Result{Status: checks.Passed}
			}
			<-ctx.Done()
			return checks.Result{Status: checks.Broken, Reason: "given up"}
		})
		j := New(Config{Journal: m, Sources: map[string]queries.Source{"prometheus": f}, Checks: run, Engine: "test"})
		look := func(n int) Finding {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			v, err := j.Decide(ctx, rollout.Rollout{ID: testRollout().ID}, at(n).Add(31*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			return finding(v, "home")
		}
		if got := look(1); got.Class != CheckBroken || !got.Stops {
			t.Errorf("got %s, want a broken check that stops", got.Class)
		}
		slow = false
		if got := look(2); got.Class != Passed {
			t.Errorf("got %s, want the check to be run again", got.Class)
		}
	})
}
