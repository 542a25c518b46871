package aws

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// KindStop is the kind of the jobs that [Client.Stop] does.
const KindStop = "codedeploy-stop"

// StopKind is how jobs of [KindStop] are treated. A deployment of CodeDeploy may
// last for days, and a rollback that is late is better than none.
func StopKind() outbox.Kind {
	return outbox.Kind{Timeout: 15 * time.Second, Patience: 48 * time.Hour, Concurrency: 4, First: 2 * time.Second, Longest: 5 * time.Minute}
}

// stopTo is which deployment is ended.
type stopTo struct {
	Region     string `json:"region"`
	Deployment string `json:"deploymentId"`
}

// controller is the name of the dialect whose rollouts are stopped.
const controller = "codedeploy"

// shadow is the mode in which a verdict has no consequences.
const shadow = "shadow"

// Follow returns the end of a deployment where an event is a verdict that its
// rollout must be rolled back: while CodeDeploy shifts traffic it runs no hook that
// could say so. It is pure. A rollout has one such job, however often the verdict is
// repeated.
//
// RollBack is what the verdict answers to the question whether it must be rolled
// back: it is no where the plan says that the change cannot be reversed.
func Follow(e journal.Event) []outbox.Job {
	r := e.Rollout
	if e.Kind != journal.EventLooked || e.Verdict == nil || r.Controller != controller {
		return nil
	}
	if !e.Verdict.RollBack.Yes || e.Verdict.Mode == shadow {
		return nil
	}
	region, deployment, ok := strings.Cut(r.Ref, "/")
	if !ok || region == "" || deployment == "" {
		return nil
	}
	body, err := json.Marshal(stopTo{Region: region, Deployment: deployment})
	if err != nil {
		return nil // two texts: it cannot happen
	}
	return []outbox.Job{{Kind: KindStop, Key: r.ID + ".stop", Rollout: r.ID, Target: SenderCodeDeploy + "." + region, Body: body}}
}
