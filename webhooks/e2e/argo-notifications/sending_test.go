package notifications

import (
	"strings"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
)

// Argo sends it again where Serin is away for a moment, and once is enough.
func TestSentAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.broken = 2
	w.event("RolloutStepCompleted", at(0, steps(true)).rollout())
	if got, want := w.state(), second+" 20% live"; got != want || len(w.bodies) != 3 {
		t.Errorf("got %q after %d requests, want %q after 3", got, len(w.bodies), want)
	}
	if w.bodies[0] != w.bodies[2] {
		t.Errorf("got\n%s\n%s\nwant the same whenever it is sent", w.bodies[0], w.bodies[2])
	}
}

// What is refused is counted by Argo, with the reason in its log.
func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*corev1.ConfigMap, *corev1.Secret)
		ro     *v1alpha1.Rollout
		says   string
	}{
		"a wrong token": {func(_ *corev1.ConfigMap, s *corev1.Secret) { s.Data["serin-token"] = []byte("wrong") }, at(0, steps(true)).rollout(), "no accepted token"},
		"no token":      {func(_ *corev1.ConfigMap, s *corev1.Secret) { s.Data = nil }, at(0, steps(true)).rollout(), "no accepted token"},
		"no plan":       {nil, renamed("cart"), "known plans: another, checkout"},
		"an event of tomorrow": {func(m *corev1.ConfigMap, _ *corev1.Secret) {
			m.Data["template.serin-step-completed"] = strings.Replace(m.Data["template.serin-step-completed"], `"step-completed"`, `"step-begun"`, 1)
		}, at(0, steps(true)).rollout(), "step-begun"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.change)
			w.event("RolloutStepCompleted", tt.ro)
			var m dto.Metric
			if err := w.failed.WithLabelValues(tt.ro.Namespace, tt.ro.Name, corev1.EventTypeNormal, "RolloutStepCompleted").Write(&m); err != nil {
				t.Fatal(err)
			}
			if text := w.said.String(); m.Counter.GetValue() != 1 || !strings.Contains(text, tt.says) || w.state() != "" || len(w.bodies) != 1 {
				t.Errorf("got %v failures of %d requests, %q recorded, and Argo said\n%s\nwant one with %q", m.Counter.GetValue(), len(w.bodies), w.state(), text, tt.says)
			}
		})
	}
}

func renamed(name string) *v1alpha1.Rollout {
	ro := at(0, steps(true)).rollout()
	ro.Name = name
	return ro
}

// The annotations that the comments of the manifest speak of.
func TestAnnotations(t *testing.T) {
	w := newWorld(t, nil)
	ro := at(0, steps(true)).rollout()
	ro.Annotations["serin/plan"], ro.Annotations["serin/watch"] = "another", "true"
	w.event("RolloutStepCompleted", ro)
	list := w.rollouts()
	if len(list) != 1 || list[0].Plan != "another" || !list[0].Watch {
		t.Errorf("got %+v, want it watched, by the named plan", list)
	}
}

// A cluster that has templates of its own sends both in one list.
func TestBesideTemplatesOfOthers(t *testing.T) {
	w := newWorld(t, func(m *corev1.ConfigMap, _ *corev1.Secret) {
		m.Data["trigger.on-rollout-step-completed"] = "- send: [rollout-step-completed, serin-step-completed]\n"
		m.Data["template.rollout-step-completed"] = "message: Rollout {{.rollout.metadata.name}} step completed.\nslack: {attachments: '[]'}\n"
	})
	w.event("RolloutStepCompleted", at(0, steps(true)).rollout())
	if got, want := w.state(), second+" 20% live"; got != want {
		t.Errorf("got %q, want %q; Argo said\n%s", got, want, w.said)
	}
}

// One for the whole cluster, in place of annotations.
func TestSubscribedForAll(t *testing.T) {
	w := newWorld(t, func(m *corev1.ConfigMap, _ *corev1.Secret) {
		m.Data["subscriptions"] = "- recipients: [serin]\n  triggers: [on-rollout-step-completed]\n"
	})
	ro := at(0, steps(true)).rollout()
	delete(ro.Annotations, "notifications.argoproj.io/subscribe.serin")
	w.event("RolloutStepCompleted", ro)
	if got, want := w.state(), second+" 20% live"; got != want {
		t.Errorf("got %q, want %q; Argo said\n%s", got, want, w.said)
	}
}
