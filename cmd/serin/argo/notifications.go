package argo

import (
	"errors"
	"fmt"
)

// Notifications says which notifications are written.
type Notifications struct {
	URL       string // where Argo's controller reaches Serin; default: http://serin.serin
	Key       string // of the token in argo-rollouts-notification-secret; empty: Serin is asked without
	Namespace string // of Argo's controller; default: argo-rollouts
	Command   string // that asked for it, for the first lines
}

// Event is one trigger of Argo's, and what Serin does with it.
type Event struct {
	Trigger string // Argo's name, made of the reason of a Kubernetes event
	Name    string // what the body says
	Does    string // what Serin does with it
	Why     string // what is to be known of it, for the manifest
	Opens   bool   // whether it opens a rollout
	Weight  bool   // whether the body tells the weight: only then has traffic followed it
	Hash    bool   // whether the body tells the hashes: while a Rollout is updated they are the last revision's
}

// Events lists the triggers that Serin is told of.
func Events() []Event {
	return []Event{
		{
			Trigger: "on-rollout-updated", Name: "updated", Does: "closes what is judged of older revisions",
			Why: "A new revision. Argo tells the hashes of the last one here, so that it opens nothing.",
		},
		{
			Trigger: "on-rollout-step-completed", Name: "step-completed", Does: "opens the rollout, and tells its weight",
			Why: "A step of a canary was completed, so that traffic is where the step wants it.", Opens: true, Weight: true, Hash: true,
		},
		{
			Trigger: "on-rollout-paused", Name: "paused", Does: "opens the rollout, and tells its weight",
			Why: "A pause, also of a blue-green Rollout before the switch.", Opens: true, Weight: true, Hash: true,
		},
		{
			Trigger: "on-analysis-run-running", Name: "analysis-run-running", Does: "opens the rollout",
			Why: "An analysis begins. Its step's weight may be on its way still.", Opens: true, Hash: true,
		},
		{
			Trigger: "on-analysis-run-failed", Name: "analysis-run-failed", Does: "is written into the log",
			Why: "An analysis failed. Whether the Rollout is aborted is said by its own event.", Hash: true,
		},
		{
			Trigger: "on-analysis-run-error", Name: "analysis-run-error", Does: "is written into the log",
			Why: "An analysis had too many errors. The same.", Hash: true,
		},
		{
			Trigger: "on-rollout-completed", Name: "completed", Does: "closes the rollout",
			Why: "Everybody has the new revision. Argo tells the old stable hash here.", Hash: true,
		},
		{
			Trigger: "on-rollout-aborted", Name: "aborted", Does: "closes the rollout",
			Why: "By a person, a failed analysis or a deadline.", Hash: true,
		},
		{
			Trigger: "on-rollout-deleted", Name: "deleted", Does: "closes whatever is judged of the Rollout",
			Why: "The Rollout itself is gone.", Hash: true,
		},
	}
}

// YAML writes the ConfigMap with what has to be added to Argo's own.
func (n Notifications) YAML() ([]byte, error) {
	var faults []error
	var err error
	if n.URL, err = baseURL(n.URL); err != nil {
		faults = append(faults, err)
	}
	if n.Key != "" && !secretKey.MatchString(n.Key) {
		faults = append(faults, fmt.Errorf("%q is no key that Argo's notifications can read from their Secret; write letters, digits, - and _, for example serin-token", n.Key))
	}
	if n.Namespace == "" {
		n.Namespace = "argo-rollouts"
	}
	if !object.MatchString(n.Namespace) {
		faults = append(faults, fmt.Errorf("%q is no namespace", n.Namespace))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return write("notifications", struct {
		Notifications
		Events []Event
	}{n, Events()})
}
