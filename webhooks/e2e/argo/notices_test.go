package argo

import (
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
)

// watched puts pauses in the place of the gates, so that nobody asks: Serin looks by
// itself.
func watched() told {
	change := subscribed(told{rollout: func(ro *v1alpha1.Rollout) {
		c := ro.Spec.Strategy.Canary
		for i := range c.Steps {
			if c.Steps[i].Analysis != nil {
				c.Steps[i] = v1alpha1.CanaryStep{Pause: &v1alpha1.RolloutPause{Duration: v1alpha1.DurationFromInt(8)}}
			}
		}
	}})
	before := change.rollout
	change.rollout = func(ro *v1alpha1.Rollout) {
		before(ro)
		ro.Annotations["serin/watch"] = "true"
	}
	return change
}

// noticedRevision: notifications alone open rollouts, tell their weights and close
// them. A newer revision closes the older one before anything is known of its pods.
func noticedRevision(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", watched())
	if list := s.serin.rollouts(s.name); len(list) != 0 {
		t.Errorf("got %+v, want nothing judged of the first deployment", list)
	}
	s.deploy("2")
	s.until("the first step", func() bool {
		list := s.serin.rollouts(s.name)
		return len(list) == 1 && len(list[0].Rollout.Weights) == 1 && list[0].Rollout.Weights[0].Percent == 25
	})
	s.deploy("3")
	s.until("the newer one's first step", func() bool { return len(s.serin.rollouts(s.name)) == 2 })
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	s.untilClosed()
	r := s.ended("superseded by revision 3", "Argo completed the rollout")[1]
	if ws := r.Rollout.Weights; len(ws) != 2 || ws[0].Percent != 25 || ws[1].Percent != 50 {
		t.Errorf("got weights %v, want 25 and 50", ws)
	}
	if r.Last == nil || s.stable() != "3" {
		t.Errorf("got image %s and %+v, want looks that nobody asked for", s.stable(), r.Last)
	}
}

// noticedGates: gates ask about the rollout that a notification opened.
func noticedGates(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", subscribed(told{rollout: func(*v1alpha1.Rollout) {}}))
	s.deploy("2")
	s.until("the first step", func() bool { return len(s.serin.rollouts(s.name)) == 1 })
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	if got := s.phases("Step"); got != "Successful Successful" || s.stable() != "2" {
		t.Errorf("got image %s after analyses %s, want 2 after two successful ones", s.stable(), got)
	}
	r := s.ended("argo: pass delivered at step 3")[0]
	if ws := r.Rollout.Weights; len(ws) != 2 || ws[0].Percent != 25 || ws[1].Percent != 50 {
		t.Errorf("got weights %v, want 25 and 50, each once", ws)
	}
}
