package argo

import (
	"os/exec"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
)

// export runs serin export argo and reads what it prints.
func (s *serin) export(t *testing.T, to any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.binary, append([]string{"export", "argo"}, append(args, "--url", "http://"+s.addr)...)...)
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	if err := yaml.UnmarshalStrict(text, to); err != nil {
		t.Fatal(err)
	}
}

// exported asks by the template that Serin writes for the story's plan, as it is.
func exported(w *world, args ...string) told {
	return told{rollout: lastGate, template: func(t *testing.T, a *v1alpha1.AnalysisTemplate) {
		name := a.Namespace
		*a = v1alpha1.AnalysisTemplate{}
		w.serin.export(t, a, append(args, "--plan", w.serin.dir+"/plans/"+name+".yaml", "--secret", "serin/token", "--name", "serin")...)
		a.Namespace = name
	}}
}

func exportedGate(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", exported(w))
	s.deploy("2")
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	s.ended("argo: pass delivered at step 1")
}

func exportedHarm(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", exported(w, "--idiom", "b"))
	s.service.breakImage("2", 0.2)
	s.deploy("2")
	s.rolledBack("Step-based analysis phase error/failed")
	s.ended("argo: fail delivered")
}

// notify gives Argo the notifications that Serin writes, and the token that they need.
func (w *world) notify(t *testing.T) {
	t.Helper()
	entries := &corev1.ConfigMap{}
	w.serin.export(t, entries, "notifications", "--secret", "serin-token")
	if _, err := w.cluster.kube.CoreV1().ConfigMaps(entries.Namespace).Create(t.Context(), entries, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: entries.Namespace, Name: "argo-rollouts-notification-secret"},
		Data:       map[string][]byte{"serin-token": []byte(token)},
	}
	if _, err := w.cluster.kube.CoreV1().Secrets(entries.Namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// subscribed lets Argo tell Serin what a Rollout does.
func subscribed(change told) told {
	before := change.rollout
	change.rollout = func(ro *v1alpha1.Rollout) {
		before(ro)
		ro.Annotations = map[string]string{"notifications.argoproj.io/subscribe.serin": ""}
	}
	return change
}

// noticed: a rollout without a gate is over when Argo says so.
func noticed(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", subscribed(guarded(v1alpha1.RolloutPause{Duration: v1alpha1.DurationFromInt(5)})))
	s.deploy("2")
	s.until("the first weight", func() bool { return s.weight() == 25 })
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	s.untilClosed()
	if ws := s.ended("completed")[0].Rollout.Weights; len(ws) == 0 || ws[0].Percent != 25 {
		t.Errorf("got weights %v, want those that Argo told", ws)
	}
}

// noticedAbort: a person ends a rollout that Serin had nothing against.
func noticedAbort(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", subscribed(guarded(v1alpha1.RolloutPause{})))
	s.deploy("2")
	s.untilPhase(v1alpha1.RolloutPhasePaused)
	s.until("a look", func() bool { return s.measured("Background") > 0 })
	s.patch(`{"abort": true}`)
	s.untilPhase(v1alpha1.RolloutPhaseDegraded)
	s.untilClosed()
	s.ended("aborted")
}

// untilClosed waits until Serin has heard that the rollout is over.
func (s *story) untilClosed() {
	s.t.Helper()
	s.until("the end of the judging", func() bool {
		list := s.serin.rollouts(s.name)
		return len(list) > 0 && !list[len(list)-1].Closed.IsZero()
	})
}
