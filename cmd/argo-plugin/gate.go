package main

import "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"

// gate is what a metric asks, which is when it passes.
type gate string

const (
	// gateStep passes when traffic may increase.
	gateStep gate = "step"
	// gatePromotion passes when the canary may be promoted.
	gatePromotion gate = "promotion"
	// gateGuard never passes: it fails when harm is proven, and else runs until Argo
	// ends it.
	gateGuard gate = "guard"
	// gateChecks passes when the checks have, without any shared traffic: an attempt
	// of its own.
	gateChecks gate = "checks"
)

// gates are all of them.
func gates() []gate { return []gate{gateStep, gatePromotion, gateGuard, gateChecks} }

// gateOf returns the configured gate, or the one that a run of this type has. A run
// that is none of a Rollout's own (of an Experiment, or a person's) must prove the
// canary: that is the strictest.
func (c config) gateOf(run *v1alpha1.AnalysisRun) gate {
	if c.gate != "" {
		return c.gate
	}
	switch run.Labels[v1alpha1.RolloutTypeLabel] {
	case v1alpha1.RolloutTypeStepLabel:
		return gateStep
	case v1alpha1.RolloutTypeBackgroundRunLabel:
		return gateGuard
	case v1alpha1.RolloutTypePrePromotionLabel:
		return gateChecks
	}
	return gatePromotion
}
