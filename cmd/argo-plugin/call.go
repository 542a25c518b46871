package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// revisionAnnotation is where Argo writes a Rollout's revision.
const revisionAnnotation = "rollout.argoproj.io/revision"

// call is the body of POST /argo/analysis.
type call struct {
	Namespace    string  `json:"namespace"`
	Rollout      string  `json:"rollout"`
	UID          string  `json:"uid,omitempty"`
	Revision     string  `json:"revision,omitempty"`
	Step         string  `json:"step,omitempty"`
	CanaryHash   string  `json:"canaryHash,omitempty"`
	StableHash   string  `json:"stableHash,omitempty"`
	Plan         string  `json:"plan,omitempty"`
	Gate         string  `json:"gate"`
	Weight       string  `json:"weight,omitempty"`
	Comparison   string  `json:"comparison,omitempty"`
	AnswerWithin string  `json:"answerWithin,omitempty"`
	Canary       *arm    `json:"canary,omitempty"`
	Baseline     *arm    `json:"baseline,omitempty"`
	Run          *asking `json:"run,omitempty"`
}

// asking is the AnalysisRun that asks.
type asking struct {
	Name    string    `json:"name"`
	UID     string    `json:"uid,omitempty"`
	Created time.Time `json:"created"`
	Ended   string    `json:"ended,omitempty"`
}

// owner returns the Rollout that owns a run; empty where something else does.
func owner(run *v1alpha1.AnalysisRun) (name, uid string) {
	if o := metav1.GetControllerOf(run); o != nil && o.Kind == "Rollout" {
		return o.Name, string(o.UID)
	}
	return "", ""
}

// newCall says who is on trial and who asks. What the metric says wins over what
// follows from the run.
func newCall(run *v1alpha1.AnalysisRun, c config) (call, error) {
	g := c.gateOf(run)
	rolloutName, uid := owner(run)
	k := call{
		Namespace: run.Namespace, Rollout: first(c.rollout, rolloutName), UID: first(c.uid, uid),
		Revision: first(c.revision, run.Annotations[revisionAnnotation]), Step: first(c.step, stepOf(run)),
		CanaryHash: first(c.canaryHash, run.Labels[v1alpha1.DefaultRolloutUniqueLabelKey]), StableHash: c.stableHash,
		Plan: c.plan, Gate: string(g), Weight: c.weight, Comparison: c.comparison, Canary: c.canary, Baseline: c.baseline,
		Run: askingOf(run),
	}
	if g == gateChecks {
		k.Gate, k.Comparison = string(gatePromotion), first(c.comparison, "checks")
	}
	if c.timeoutGiven {
		k.AnswerWithin = max(c.timeout-max(c.timeout/5, 500*time.Millisecond), time.Second).String()
	}
	var faults []error
	if k.Rollout == "" {
		faults = append(faults, fmt.Errorf("rollout: missing, since AnalysisRun %s belongs to no Rollout; pass its name", run.Name))
	}
	if k.CanaryHash == "" && k.Canary == nil {
		faults = append(faults, errors.New("canaryHash: missing, since the run has no label "+v1alpha1.DefaultRolloutUniqueLabelKey+
			"; pass podTemplateHashValue Latest, or (in an Experiment) the template's"))
	}
	if k.StableHash == "" && k.Baseline == nil && k.Comparison != "checks" {
		faults = append(faults, errors.New("stableHash: missing, and a run does not tell it; pass podTemplateHashValue Stable, or (in an Experiment) the template's"))
	}
	if err := errors.Join(faults...); err != nil {
		return k, fmt.Errorf("the metric's configuration: %w", flat(err))
	}
	return k, nil
}

// stepOf tells the analyses of one rollout apart.
func stepOf(run *v1alpha1.AnalysisRun) string {
	switch run.Labels[v1alpha1.RolloutTypeLabel] {
	case v1alpha1.RolloutTypePrePromotionLabel:
		return "pre"
	case v1alpha1.RolloutTypePostPromotionLabel:
		return "post"
	}
	return run.Labels[v1alpha1.RolloutCanaryStepIndexLabel]
}

// askingOf returns the run's identity; nil where nobody knows since when it is
// there.
func askingOf(run *v1alpha1.AnalysisRun) *asking {
	created := run.CreationTimestamp.Time
	if created.IsZero() && run.Status.StartedAt != nil {
		created = run.Status.StartedAt.Time
	}
	if created.IsZero() {
		return nil
	}
	return &asking{Name: run.Name, UID: string(run.UID), Created: created.UTC()}
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
