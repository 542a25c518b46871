package notifications

import (
	"strings"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/annotations"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// shape is a Rollout as the controller has it when it records an event.
type shape struct {
	revision, current, stable string
	step                      *int32
	canary                    *v1alpha1.CanaryStrategy
	blueGreen                 *v1alpha1.BlueGreenStrategy
	change                    func(*v1alpha1.Rollout)
}

// rollout writes the shape out.
func (s shape) rollout() *v1alpha1.Rollout {
	ro := &v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{
			Name: "checkout", Namespace: "shop", UID: "0f2c1a3b-0000-4000-8000-000000000000",
			Annotations: map[string]string{"notifications.argoproj.io/subscribe.serin": "", "someone/else": `a "quote" and a {{ brace`},
		},
		Spec: v1alpha1.RolloutSpec{
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:v2"}}}},
			Strategy: v1alpha1.RolloutStrategy{Canary: s.canary, BlueGreen: s.blueGreen},
		},
		Status: v1alpha1.RolloutStatus{CurrentPodHash: s.current, StableRS: s.stable, CurrentStepIndex: s.step, Phase: v1alpha1.RolloutPhaseProgressing},
	}
	if s.revision != "" {
		ro.Annotations[annotations.RevisionAnnotation] = s.revision
	}
	if s.change != nil {
		s.change(ro)
	}
	return ro
}

// steps are those of a canary, with or without a traffic router.
func steps(router bool, more ...v1alpha1.CanaryStep) *v1alpha1.CanaryStrategy {
	c := &v1alpha1.CanaryStrategy{Steps: append([]v1alpha1.CanaryStep{
		{SetWeight: ptr.To[int32](20)}, {Pause: &v1alpha1.RolloutPause{}}, {SetWeight: ptr.To[int32](50)},
		{Analysis: &v1alpha1.RolloutAnalysis{Templates: []v1alpha1.AnalysisTemplateRef{{TemplateName: "serin"}}}},
	}, more...)}
	if router {
		c.TrafficRouting = &v1alpha1.RolloutTrafficRouting{Nginx: &v1alpha1.NginxTrafficRouting{StableIngress: "checkout"}}
	}
	return c
}

// at is a canary of revision 2 at a step.
func at(step int32, canary *v1alpha1.CanaryStrategy) shape {
	return shape{revision: "2", current: "6cb7cc687d", stable: "5b48864f7f", step: &step, canary: canary}
}

// event is one event of a story.
type event struct {
	reason string
	shape  shape
	want   string // what is recorded then; see world.state
}

const second = "2/6cb7cc687d/0f2c1a3b"

// stories are Rollouts of every shape.
func stories() map[string][]event {
	routed, plain := steps(true), steps(false)
	changed := func(s shape, f func(*v1alpha1.Rollout)) shape { s.change = f; return s }
	thousand := steps(true)
	thousand.TrafficRouting.MaxTrafficWeight = ptr.To[int32](1000)
	// While it is updated, a Rollout tells of the revision before.
	updated := shape{revision: "2", current: "5b48864f7f", stable: "5b48864f7f", step: ptr.To[int32](4), canary: routed}
	preview := shape{revision: "2", current: "6cb7cc687d", stable: "5b48864f7f", blueGreen: &v1alpha1.BlueGreenStrategy{ActiveService: "a"}}
	compared := changed(preview, func(ro *v1alpha1.Rollout) { ro.Annotations["serin/comparison"] = "before-after" })
	return map[string][]event{
		"the first deployment": {
			{"RolloutUpdated", shape{revision: "1", canary: routed}, ""},
			{"AnalysisRunRunning", shape{revision: "1", current: "5b48864f7f", canary: routed}, ""},
			{"RolloutCompleted", shape{revision: "1", current: "5b48864f7f", canary: routed}, ""},
		},
		"a canary with a traffic router": {
			{"RolloutUpdated", updated, ""},
			{"RolloutStepCompleted", at(0, routed), second + " 20% live"},
			{"RolloutPaused", at(1, routed), second + " 20% live"},
			{"RolloutStepCompleted", at(1, routed), second + " 20% live"},
			{"RolloutStepCompleted", at(2, routed), second + " 20% 50% live"},
			{"AnalysisRunRunning", at(3, routed), second + " 20% 50% live"},
			{"RolloutCompleted", at(4, routed), second + " 20% 50% Argo completed the rollout"},
			{"RolloutStepCompleted", at(2, routed), second + " 20% 50% Argo completed the rollout"},
		},
		"a canary by pods": {
			{"RolloutStepCompleted", at(0, plain), second + " live"},
			{"RolloutStepCompleted", at(2, plain), second + " live"},
		},
		"a pause before the first weight": {
			{"RolloutPaused", at(0, &v1alpha1.CanaryStrategy{Steps: routed.Steps[1:], TrafficRouting: routed.TrafficRouting}), second + " 0% live"},
		},
		"routes by header": {
			{"RolloutStepCompleted", at(0, steps(true, v1alpha1.CanaryStep{SetHeaderRoute: &v1alpha1.SetHeaderRoute{Name: "h"}})), second + " live"},
		},
		"weights of a thousand": {{"RolloutStepCompleted", at(0, thousand), second + " 2% live"}},
		"no steps":              {{"AnalysisRunRunning", shape{revision: "2", current: "6cb7cc687d", stable: "5b48864f7f", canary: &v1alpha1.CanaryStrategy{}}, second + " live"}},
		"an abort": {
			{"RolloutStepCompleted", at(0, routed), second + " 20% live"},
			{"AnalysisRunFailed", at(1, routed), second + " 20% live"},
			{"RolloutAborted", at(1, routed), second + " 20% Argo aborted the rollout"},
			{"RolloutPaused", changed(at(0, routed), func(ro *v1alpha1.Rollout) { ro.Status.Abort = true }), second + " 20% Argo aborted the rollout"},
		},
		"one that is aborted already": {
			{"RolloutPaused", changed(at(0, routed), func(ro *v1alpha1.Rollout) { ro.Status.Abort = true }), ""},
		},
		"a newer revision": {
			{"RolloutStepCompleted", at(0, routed), second + " 20% live"},
			{"RolloutUpdated", shape{revision: "3", current: "6cb7cc687d", stable: "5b48864f7f", step: ptr.To[int32](1), canary: routed}, second + " 20% superseded by revision 3"},
			{"RolloutStepCompleted", shape{revision: "3", current: "77d8", stable: "5b48864f7f", step: ptr.To[int32](0), canary: routed},
				second + " 20% superseded by revision 3; 3/77d8/0f2c1a3b 20% live"},
			{"RolloutStepCompleted", at(0, routed), second + " 20% superseded by revision 3; 3/77d8/0f2c1a3b 20% live"},
			{"RolloutDeleted", shape{revision: "3", current: "77d8", stable: "5b48864f7f", canary: routed},
				second + " 20% superseded by revision 3; 3/77d8/0f2c1a3b 20% the Rollout was deleted"},
		},
		"blue-green": {
			{"RolloutUpdated", shape{revision: "2", current: "5b48864f7f", stable: "5b48864f7f", blueGreen: preview.blueGreen}, ""},
			{"RolloutPaused", preview, ""},
			{"RolloutPaused", compared, second + " live"},
			{"AnalysisRunError", preview, second + " live"},
			{"RolloutCompleted", preview, second + " Argo completed the rollout"},
		},
		"a workload of its own": {
			{"RolloutStepCompleted", changed(at(0, routed), func(ro *v1alpha1.Rollout) {
				ro.Spec.WorkloadRef = &v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Name: "checkout"}
				ro.Spec.Template.Spec.Containers = nil
				ro.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "checkout"}}
			}), second + " 20% live"},
		},
		"nothing but a name": {
			{"RolloutUpdated", shape{change: bare}, ""}, {"RolloutPaused", shape{change: bare}, ""}, {"RolloutStepCompleted", shape{change: bare}, ""},
			{"AnalysisRunRunning", shape{change: bare}, ""}, {"AnalysisRunFailed", shape{change: bare}, ""}, {"AnalysisRunError", shape{change: bare}, ""},
			{"RolloutCompleted", shape{change: bare}, ""}, {"RolloutAborted", shape{change: bare}, ""}, {"RolloutDeleted", shape{change: bare}, ""},
		},
	}
}

// bare takes away whatever can be missing. The subscription stays.
func bare(ro *v1alpha1.Rollout) {
	*ro = v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Name: "checkout", Namespace: "shop", Annotations: map[string]string{"notifications.argoproj.io/subscribe.serin": ""}}}
}

// Every shape of Rollout, by Argo's recorder, through the notifications engine, to
// the server.
func TestRolloutsOfEveryShape(t *testing.T) {
	for name, events := range stories() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			for i, e := range events {
				w.event(e.reason, e.shape.rollout())
				if got := w.state(); got != e.want || len(w.bodies) != i+1 {
					t.Fatalf("%d, %s: got %q, want %q; it was sent\n%s\nand Argo said\n%s", i+1, e.reason, got, e.want, strings.Join(w.bodies, ""), w.said)
				}
			}
			if text := w.said.String(); text != "" {
				t.Errorf("Argo warned\n%s", text)
			}
		})
	}
}
