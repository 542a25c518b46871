package argo

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
)

func experiment(t *testing.T, w *world) {
	s := w.newStory(t, "argo/experiment.yaml", told{})
	s.deploy("2")
	s.until("baseline and canary with traffic", func() bool { return s.experimenting() == 2 })
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	if s.stable() != "2" {
		t.Errorf("got image %s, want 2", s.stable())
	}
	r := s.ended("argo: pass delivered at step 0")[0]
	if r.Last == nil || r.Last.Outcome != "promote" || !strings.Contains(r.Rollout.Baseline.PodPattern, "-baseline-") {
		t.Errorf("got %+v, want promote, compared with the experiment's baseline", r)
	}
}

func experimentHarm(t *testing.T, w *world) {
	s := w.newStory(t, "argo/experiment.yaml", told{})
	s.service.breakImage("2", 0.3)
	s.deploy("2")
	s.rolledBack("Experiment")
	s.ended("argo: fail delivered")
}

// experimenting returns how many ReplicaSets of the experiment have traffic.
func (s *story) experimenting() int {
	n := 0
	for _, r := range s.cluster.running(s.name) {
		if r.share > 0 && (strings.HasSuffix(r.name, "-baseline") || strings.HasSuffix(r.name, "-canary")) {
			n++
		}
	}
	return n
}

// switched makes the guard after the switch a short one.
func switched(looks int) told {
	return told{files: []string{"argo/after-switch.yaml"}, template: func(_ *testing.T, a *v1alpha1.AnalysisTemplate) {
		if a.Name == "serin-after-switch" {
			n := intstr.FromInt(looks)
			a.Spec.Metrics[0].Count = &n
		}
	}}
}

// active returns the image that has all traffic.
func (s *story) active() string {
	for _, r := range s.cluster.running(s.name) {
		if r.share == 1 {
			return r.image
		}
	}
	return "none"
}

func blueGreen(t *testing.T, w *world) {
	s := w.newStory(t, "argo/blue-green.yaml", switched(8))
	s.deploy("2")
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	if pre, post := s.phases("PrePromotion"), s.phases("PostPromotion"); pre != "Successful" || post != "Successful" || s.active() != "2" {
		t.Errorf("got image %s after analyses %s and %s, want 2 after successful ones", s.active(), pre, post)
	}
	r := s.ended("")[0].Rollout
	if ws := r.Weights; r.Comparison != "before-after" || len(ws) != 2 || ws[0].Percent != 0 || ws[1].Percent != 100 {
		t.Errorf("got comparison %s with weights %v, want before-after with 0 and 100", r.Comparison, ws)
	}
}

// blueGreenHarm: what is bad shows only once everybody uses it.
func blueGreenHarm(t *testing.T, w *world) {
	s := w.newStory(t, "argo/blue-green.yaml", switched(60))
	s.service.breakImage("2", 0.5)
	s.deploy("2")
	s.until("the switch", func() bool { return s.active() == "2" })
	s.untilPhase(v1alpha1.RolloutPhaseDegraded)
	s.until("the switch back", func() bool { return s.active() == "1" })
	if pre, post := s.phases("PrePromotion"), s.phases("PostPromotion"); pre != "Successful" || post != "Failed" {
		t.Errorf("got analyses %s and %s, want a successful one and a failed one", pre, post)
	}
	s.ended("argo: fail delivered")
}

// blueGreenIll: the new version fails its check, and is never used.
func blueGreenIll(t *testing.T, w *world) {
	s := w.newStory(t, "argo/blue-green.yaml", switched(8))
	s.service.fallIll()
	s.deploy("2")
	s.untilPhase(v1alpha1.RolloutPhaseDegraded)
	if pre, post := s.phases("PrePromotion"), s.phases("PostPromotion"); pre != "Failed" || post != "" || s.active() != "1" {
		t.Errorf("got image %s after analyses %s and %s, want 1 after a failed one", s.active(), pre, post)
	}
	s.ended("argo: fail delivered")
}
