// Package rollout says who is on trial: a [Rollout] is one attempt to replace one
// revision of a service by another, with the two arms that are compared, the
// weights that were declared, and its life cycle.
package rollout

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"
)

// Rollout is one attempt to replace one revision by another.
type Rollout struct {
	ID         string `json:"id"`
	Service    string `json:"service"`
	Namespace  string `json:"namespace,omitempty"`
	Revision   string `json:"revision"`
	Controller string `json:"controller"` // the dialect that announced it: flagger, argo, api, ...
	Plan       string `json:"plan"`       // the plan's name
	PlanDigest string `json:"planDigest"` // SHA-256 of the pinned plan, hexadecimal

	Baseline Arm `json:"baseline"`
	Canary   Arm `json:"canary"`

	// Started is when it was announced. The clocks of the plan start later, at
	// the first block with canary requests.
	Started time.Time `json:"started"`
	// Weights are the canary's shares as the controller declared them, ascending in
	// time. Empty means unknown, which is not zero: then nothing is said of ratios.
	Weights []WeightAt `json:"weights,omitempty"`
	// FinalStep is when the controller first asked for the last promotion, which
	// it does at its highest weight. Zero where it has not asked.
	FinalStep time.Time `json:"finalStep,omitzero"`
	// Attempt counts the rollouts of this revision within 24 hours, from 1.
	Attempt int `json:"attempt"`
	// Comparison says how the arms share time; see the constants.
	Comparison Comparison `json:"comparison"`

	// Callback is the URL that is told how it ends; empty means nobody is. It is
	// recorded and shown, so it has no credentials.
	Callback string `json:"callback_url,omitempty"`
	// Watch says that Serin itself looks at each block's close.
	Watch bool `json:"watch,omitempty"`
	// Ref is what the controller itself calls this attempt, where that is more than
	// the revision: a deployment's ID or ARN. It is recorded and shown.
	Ref string `json:"ref,omitempty"`
}

// Arm names one side of a comparison by facts. A preset or a metric maps them to
// its store's selector (istio: workload; cAdvisor: pod; Datadog: tag).
type Arm struct {
	Namespace  string            `json:"namespace,omitempty" yaml:"namespace,omitempty"`
	Workload   string            `json:"workload,omitempty" yaml:"workload,omitempty"`
	PodPattern string            `json:"podPattern,omitempty" yaml:"podPattern,omitempty"` // regular expression, anchored
	Hash       string            `json:"hash,omitempty" yaml:"hash,omitempty"`
	Version    string            `json:"version,omitempty" yaml:"version,omitempty"`
	URL        string            `json:"url,omitempty" yaml:"url,omitempty"` // for checks
	Labels     map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
}

// WeightAt is the canary's share of traffic from At on.
type WeightAt struct {
	At      time.Time `json:"at"`
	Percent float64   `json:"percent"` // in [0,100]
}

// Comparison says how the arms share time.
type Comparison string

// The comparison modes.
const (
	// Concurrent: both arms serve at the same time (default, also where empty).
	Concurrent Comparison = "concurrent"
	// ChecksOnly: no shared traffic; checks decide.
	ChecksOnly Comparison = "checks"
	// BeforeAfter: the canary is compared with the baseline's past. It can roll
	// back or hold, never say proven.
	BeforeAfter Comparison = "before-after"
)

// Phase is where a rollout is in its life.
type Phase string

// The phases, in order. A rollout never goes back.
const (
	Announced Phase = "announced" // opened; the canary has had no traffic
	Warming   Phase = "warming"   // traffic, but nothing comparable yet
	Judging   Phase = "judging"   // blocks are compared
	Closed    Phase = "closed"    // over: nothing is compared any more
)

// Key is what controllers identify a rollout by. It is not unique over time: the
// same revision may be tried again, which is another attempt.
type Key struct {
	Controller, Namespace, Service, Revision string
}

// KeyOf returns the rollout's key.
func KeyOf(r Rollout) Key {
	return Key{r.Controller, r.Namespace, r.Service, r.Revision}
}

// NewID returns the identifier of the rollout of key k that started at the given
// time: sixteen characters of [a-z2-7], the same on every replica.
func NewID(k Key, started time.Time) string {
	h := sha256.New()
	for _, s := range []string{k.Controller, k.Namespace, k.Service, k.Revision} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	fmt.Fprintf(h, "%d", started.UnixNano())
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil))[:16])
}

// WeightAtTime returns the declared weight at t, and false where it is unknown.
func (r Rollout) WeightAtTime(t time.Time) (percent float64, known bool) {
	for _, w := range r.Weights {
		if w.At.After(t) {
			break
		}
		percent, known = w.Percent, true
	}
	return percent, known
}
