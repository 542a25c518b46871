package argo

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
)

// TestArgo runs every story at once. A story's name is its Rollout's.
func TestArgo(t *testing.T) {
	w := newWorld(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the controllers said:\n%s", w.cluster.said)
		}
	})
	for name, play := range map[string]func(*testing.T, *world){
		"promote": promote, "harm": harm, "guard": guard, "guard-harm": guardHarm, "late": late, "revision": revision,
		"pending": pending, "pending-harm": pendingHarm, "pending-late": pendingLate, "again": again, "shadow": shadow,
		"restart": restart, "unavailable": unavailable, "down": down, "token": noToken,
		"experiment": experiment, "experiment-harm": experimentHarm,
		"blue-green": blueGreen, "blue-green-harm": blueGreenHarm, "blue-green-ill": blueGreenIll,
		"kayenta": kayenta, "kayenta-harm": kayentaHarm,
		"exported": exportedGate, "exported-harm": exportedHarm, "noticed": noticed, "noticed-abort": noticedAbort,
		"noticed-revision": noticedRevision, "noticed-gates": noticedGates,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, w)
		})
	}
}

func promote(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", told{})
	s.deploy("2")
	s.until("the first weight", func() bool { return s.weight() == 25 })
	s.until("the second weight", func() bool { return s.weight() == 50 })
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	if got := s.phases("Step"); got != "Successful Successful" || s.stable() != "2" {
		t.Errorf("got image %s after analyses %s, want 2 after two successful ones", s.stable(), got)
	}
	r := s.ended("argo: pass delivered at step 3")[0]
	if r.Last == nil || r.Last.Outcome != "promote" {
		t.Errorf("got %+v, want promote", r.Last)
	}
	if ws := r.Rollout.Weights; len(ws) != 2 || ws[0].Percent != 25 || ws[1].Percent != 50 {
		t.Errorf("got weights %v, want those that Argo had set", ws)
	}
}

func harm(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", told{})
	s.service.breakImage("2", 0.2)
	s.deploy("2")
	s.rolledBack("Step-based analysis phase error/failed")
	if r := s.ended("argo: fail delivered")[0]; r.Last == nil || r.Last.Outcome != "rollback" {
		t.Errorf("got %+v, want rollback", r.Last)
	}
}

// guarded leaves weights and pauses, with a guard in the background.
func guarded(pauses ...v1alpha1.RolloutPause) told {
	return told{files: []string{"argo/guard.yaml"}, rollout: func(ro *v1alpha1.Rollout) {
		c := ro.Spec.Strategy.Canary
		var args []v1alpha1.AnalysisRunArgument
		for _, a := range c.Steps[1].Analysis.Args {
			if a.Name != "step" && a.Name != "gate" && a.Name != "weight" {
				args = append(args, a)
			}
		}
		first := int32(1)
		c.Analysis = &v1alpha1.RolloutAnalysisBackground{
			RolloutAnalysis: v1alpha1.RolloutAnalysis{Templates: []v1alpha1.AnalysisTemplateRef{{TemplateName: "serin-guard"}}, Args: args},
			StartingStep:    &first,
		}
		c.Steps = c.Steps[:1]
		for i := range pauses {
			c.Steps = append(c.Steps, v1alpha1.CanaryStep{Pause: &pauses[i]})
		}
	}}
}

func guard(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", guarded(v1alpha1.RolloutPause{Duration: v1alpha1.DurationFromInt(8)}))
	s.deploy("2")
	s.untilPhase(v1alpha1.RolloutPhasePaused)
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	s.until("the guard's end", func() bool { return s.phases("Background") == "Successful" })
	if s.stable() != "2" {
		t.Errorf("got image %s, want 2", s.stable())
	}
	if r := s.ended("")[0]; r.Last == nil || r.Last.Outcome == "rollback" {
		t.Errorf("got %+v, want looks without harm", r.Last)
	}
}

// guardHarm: nothing but the guard ends a rollout that waits for a person.
func guardHarm(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", guarded(v1alpha1.RolloutPause{}))
	s.deploy("2")
	s.untilPhase(v1alpha1.RolloutPhasePaused)
	s.until("looks without harm", func() bool { return s.measured("Background") >= 3 })
	s.service.breakImage("2", 0.3)
	s.rolledBack("Background analysis phase error/failed")
	s.ended("argo: fail delivered")
}

// late: nothing is proven when the deadline comes, nor when the count is reached.
func late(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", told{rollout: lastGate, template: looks(20)})
	s.deploy("2")
	s.undecided()
	s.ended("")
}

// lastGate leaves one weight, and the gate before the promotion.
func lastGate(ro *v1alpha1.Rollout) {
	c := ro.Spec.Strategy.Canary
	c.Steps = c.Steps[2:]
}

// looks sets how often a gate asks.
func looks(n int) func(*testing.T, *v1alpha1.AnalysisTemplate) {
	return func(_ *testing.T, a *v1alpha1.AnalysisTemplate) {
		count := intstr.FromInt(n)
		a.Spec.Metrics[0].Count, a.Spec.Metrics[0].InconclusiveLimit = &count, &count
	}
}

// undecided waits until the Rollout is paused for a person, and lets the person skip
// the gate.
func (s *story) undecided() {
	s.t.Helper()
	s.untilPhase(v1alpha1.RolloutPhasePaused)
	if st := s.rollout().Status; !strings.Contains(st.Message, "InconclusiveAnalysisRun") || s.weight() != 50 || s.stable() != "1" {
		s.t.Errorf("got %q at weight %d, want it paused at 50 by an inconclusive analysis", st.Message, s.weight())
	}
	if got := s.phases("Step"); got != "Inconclusive" {
		s.t.Errorf("got analyses %s, want one, Inconclusive", got)
	}
	s.patch(`{"pauseConditions": null, "controllerPause": false, "currentStepIndex": 2}`)
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
}

// pendingGate asks with ?pending=503, once, until there is an answer.
func pendingGate(_ *testing.T, a *v1alpha1.AnalysisTemplate) {
	m := &a.Spec.Metrics[0]
	once, patient := intstr.FromInt(1), intstr.FromInt(360)
	m.Interval, m.Count, m.InconclusiveLimit, m.ConsecutiveSuccessLimit, m.ConsecutiveErrorLimit = "", &once, nil, nil, &patient
	m.Provider.Web.URL += "?pending=503"
}

func pending(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", told{rollout: lastGate, template: pendingGate})
	s.deploy("2")
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	if got := s.phases("Step"); got != "Successful" || s.errors("Step") == 0 {
		t.Errorf("got analyses %s after %d errors, want a successful one after some", got, s.errors("Step"))
	}
	s.ended("argo: pass delivered at step 1")
}

func pendingHarm(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", told{rollout: lastGate, template: pendingGate})
	s.service.breakImage("2", 0.2)
	s.deploy("2")
	s.rolledBack("Step-based analysis phase error/failed")
	s.ended("argo: fail delivered")
}

func pendingLate(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", told{rollout: lastGate, template: pendingGate})
	s.deploy("2")
	s.undecided()
	s.ended("argo: inconclusive delivered at step 1")
}

// revision: another revision comes while one is on trial.
func revision(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", told{})
	s.deploy("2")
	s.until("a look", func() bool { return s.measured("Step") > 0 })
	s.deploy("3")
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	list := s.ended("superseded", "argo: pass delivered at step 3")
	if s.stable() != "3" || list[0].Rollout.Revision == list[1].Rollout.Revision {
		t.Errorf("got image %s, revisions %s and %s; want 3 and two revisions", s.stable(), list[0].Rollout.Revision, list[1].Rollout.Revision)
	}
}

// again: the same revision is tried again after it failed, with the very same
// arguments. Within a minute it is told what it was told; after that it is a new
// attempt, and may pass.
func again(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", told{rollout: lastGate})
	s.service.breakImage("2", 0.5)
	s.deploy("2")
	s.rolledBack("Step-based analysis phase error/failed")
	first := s.ended("argo: fail delivered")[0]
	s.service.breakImage("2", 0.01)
	s.retried()
	s.rolledBack("Step-based analysis phase error/failed")
	s.ended("argo: fail delivered")
	s.until("a minute", func() bool { return time.Since(first.Closed) > time.Minute })
	s.retried()
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	list := s.ended("argo: fail delivered", "argo: pass delivered at step 1")
	if a, b := list[0].Rollout, list[1].Rollout; a.Revision != b.Revision || a.Attempt != 1 || b.Attempt != 2 || s.stable() != "2" {
		t.Errorf("got %+v and %+v, want two attempts at one revision", a, b)
	}
}

// retried retries an aborted Rollout and waits until Argo is at it.
func (s *story) retried() {
	s.t.Helper()
	n := len(s.runs("Step"))
	s.patch(`{"abort": false}`)
	s.until("another analysis", func() bool { return len(s.runs("Step")) > n })
	s.until("another end or look", func() bool { return s.runs("Step")[n].Status.Phase != "" })
}

// shadow: a bad canary is promoted, and the record says what would have been.
func shadow(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", guarded(v1alpha1.RolloutPause{Duration: v1alpha1.DurationFromInt(10)}))
	s.service.breakImage("2", 0.5)
	s.deploy("2")
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	s.until("the guard's end", func() bool { return s.phases("Background") == "Successful" })
	if r := s.ended("")[0]; r.Last == nil || r.Last.Outcome != "rollback" || s.stable() != "2" {
		t.Errorf("got image %s and %+v, want 2 against a rollback", s.stable(), r.Last)
	}
}

// rolledBack waits for the end of a bad canary: degraded, aborted with a message,
// without traffic, and everybody has what they had.
func (s *story) rolledBack(message string) {
	s.t.Helper()
	s.untilPhase(v1alpha1.RolloutPhaseDegraded)
	s.until("weight 0", func() bool { return s.weight() == 0 })
	st := s.rollout().Status
	if !st.Abort || !strings.Contains(st.Message, message) || s.stable() != "1" {
		s.t.Errorf("got aborted %v with %q and image %s, want it aborted with %q and 1", st.Abort, st.Message, s.stable(), message)
	}
}
