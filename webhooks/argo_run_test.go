package webhooks

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

// asRun adds the AnalysisRun that asks, which was created so long ago.
func (w *world) asRun(name string, age time.Duration, change map[string]any) map[string]any {
	m := map[string]any{"run": map[string]any{"name": name, "uid": "uid-of-" + name, "created": w.clock.Now().Add(-age).Format(time.RFC3339)}}
	maps.Copy(m, change)
	return m
}

// TestArgoRunsAreToldApart: with the run that asks, nobody waits for a minute to
// pass, and nobody is told what another run was told.
func TestArgoRunsAreToldApart(t *testing.T) {
	fail := func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors") }
	pass := func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") }
	late := func(v *judge.Verdict) { v.Outcome = judge.Inconclusive }
	type poll struct {
		after   time.Duration
		run     string
		age     time.Duration
		change  map[string]any
		verdict string
		all     int
	}
	step := map[string]any{"gate": "step", "step": "3"}
	for name, tt := range map[string]struct {
		first func(*judge.Verdict)
		polls []poll
	}{
		"a retry is judged at once": {fail, []poll{
			{0, "a", time.Minute, nil, "fail", 1}, {5 * time.Second, "b", 2 * time.Second, nil, "running", 2},
		}},
		"the same run is told again, however late": {fail, []poll{
			{0, "a", time.Minute, nil, "fail", 1}, {time.Hour, "a", time.Hour + time.Minute, nil, "fail", 1},
		}},
		"a fail is told to the other runs of the attempt": {fail, []poll{
			{0, "a", time.Minute, nil, "fail", 1}, {10 * time.Minute, "b", 20 * time.Minute, step, "fail", 1},
		}},
		"a pass is told to its own step": {pass, []poll{
			{0, "a", time.Minute, nil, "pass", 1}, {5 * time.Minute, "a", 6 * time.Minute, nil, "pass", 1},
			{time.Second, "b", 0, map[string]any{"step": "post"}, "running", 2},
		}},
		"inconclusive ends, since nobody asks on": {late, []poll{
			{0, "a", time.Minute, nil, "inconclusive", 1}, {time.Hour, "a", 2 * time.Hour, nil, "inconclusive", 1},
			{time.Second, "b", 0, nil, "running", 2},
		}},
		"but at a step": {late, []poll{{0, "a", time.Minute, step, "inconclusive", 1}, {time.Second, "b", 0, step, "running", 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.judge.say(tt.first)
			for i, p := range tt.polls {
				w.clock.add(p.after)
				m := w.poll("", w.asRun(p.run, p.age, p.change), 200)
				if all := len(w.rollouts()); m["verdict"] != p.verdict || all != p.all {
					t.Fatalf("poll %d: got %v with %d rollouts, want %s with %d", i+1, m, all, p.verdict, p.all)
				}
				w.judge.say(func(v *judge.Verdict) {
					v.Outcome, v.RollBack, v.Promotion = judge.Continue, judge.Answer{}, judge.Answer{}
				})
			}
		})
	}
}

// TestArgoRunEnds: a rollout is closed whose run says that it is over, once, and
// nothing is opened by saying so.
func TestArgoRunEnds(t *testing.T) {
	w := newWorld(t)
	ended := func(name string) map[string]any {
		m := w.asRun(name, time.Minute, map[string]any{"gate": "guard"})
		m["run"].(map[string]any)["ended"] = "the rollout \"checkout\"\nwas aborted"
		return m
	}
	if m := w.poll("", ended("early"), 200); m["verdict"] != "inconclusive" || len(w.rollouts()) != 0 {
		t.Errorf("got %v with %d rollouts, want none opened", m, len(w.rollouts()))
	}
	w.poll("", w.asRun("a", time.Minute, map[string]any{"gate": "guard"}), 200)
	if r := w.only().Rollout; r.Ref != "a uid-of-a" {
		t.Errorf("got ref %q, want the run that opened it", r.Ref)
	}
	looks := w.judge.asked
	for range 2 {
		m := w.poll("", ended("a"), 200)
		if sum := w.only(); sum.Closed.IsZero() || sum.Why != `argo: the rollout "checkout" was aborted` || !strings.Contains(fmt.Sprint(m["reason"]), sum.Why) {
			t.Errorf("got %v and %+v, want it closed with the reason", m, sum)
		}
	}
	if w.judge.asked != looks {
		t.Error("got a look, want none for a run that has ended")
	}
	// A run that is older than a person's end learns that nothing is judged any more.
	w = newWorld(t)
	w.poll("", w.asRun("a", time.Minute, nil), 200)
	w.want(w.do("DELETE", "/v1/rollouts/"+w.only().Rollout.ID, ""), 200)
	w.clock.add(time.Hour)
	m := w.poll("", w.asRun("a", 2*time.Hour, nil), 200)
	if m["verdict"] != "inconclusive" || !strings.Contains(fmt.Sprint(m["reason"]), "new AnalysisRun") || len(w.rollouts()) != 1 {
		t.Errorf("got %v with %d rollouts, want inconclusive and no new attempt", m, len(w.rollouts()))
	}
}

func TestArgoRunRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		run  any
		says string
	}{
		"no name":        {map[string]any{"uid": "x", "created": "2026-01-01T00:00:00Z"}, "run.name: missing"},
		"no time":        {map[string]any{"name": "x"}, "run.created: missing"},
		"the future":     {map[string]any{"name": "x", "created": "2999-01-01T00:00:00Z"}, "run.created: 2999"},
		"no time at all": {map[string]any{"name": "x", "created": "today"}, "run.created"},
		"injection":      {map[string]any{"name": "x", "uid": "a\"b", "created": "2026-01-01T00:00:00Z"}, "run.uid"},
		"unknown field":  {map[string]any{"name": "x", "who": "x"}, "run.who: unknown field"},
		"ended alone":    {map[string]any{"ended": "x"}, "run.name: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.poll("", map[string]any{"run": tt.run}, 400)
			if got := fmt.Sprint(m["error"], m["next"]); !strings.Contains(got, tt.says) || len(w.rollouts()) != 0 {
				t.Errorf("got %q, want %q and nothing opened", got, tt.says)
			}
		})
	}
}

// TestArgoStepWithoutSharedTraffic: where checks alone decide, nobody waits for a
// request.
func TestArgoStepWithoutSharedTraffic(t *testing.T) {
	for comparison, want := range map[string]string{"checks": wordPass, "concurrent": wordRunning} {
		w := newWorld(t)
		w.judge.say(func(v *judge.Verdict) { v.Advance, v.Phase = yes("no required check has failed"), rollout.Announced })
		if m := w.poll("", map[string]any{"gate": "step", "comparison": comparison}, 200); m["verdict"] != want {
			t.Errorf("%s: got %v, want %s", comparison, m, want)
		}
	}
}

// The end of a run that is told late does not end the attempt after it.
func TestALateEndOfARun(t *testing.T) {
	w := newWorld(t)
	ended := func(name string, age time.Duration) map[string]any {
		m := w.asRun(name, age, nil)
		m["run"].(map[string]any)["ended"] = "the rollout was aborted"
		return m
	}
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors") })
	w.poll("", w.asRun("a", time.Minute, nil), 200)
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Continue, judge.Answer{} })
	w.clock.add(20 * time.Second)
	w.poll("", w.asRun("b", 2*time.Second, nil), 200)
	w.clock.add(time.Second)
	w.poll("", ended("a", time.Minute+21*time.Second), 200)
	open := 0
	for _, sum := range w.rollouts() {
		if live(sum) {
			open++
		}
	}
	if len(w.rollouts()) != 2 || open != 1 {
		t.Errorf("got %d open of %d, want the second one still judged", open, len(w.rollouts()))
	}
	// Its own run ends it.
	w.poll("", ended("b", 3*time.Second), 200)
	for _, sum := range w.rollouts() {
		if live(sum) {
			t.Errorf("got %+v live, want it ended", sum.Rollout)
		}
	}
}
