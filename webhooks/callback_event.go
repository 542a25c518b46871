package webhooks

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// The types of callbacks. A rollout sends each at most once, told apart by the ID.
const (
	callbackPromoted     = "rollout.promoted"     // the last promotion was granted for the first time
	callbackRollback     = "rollout.rollback"     // it must be rolled back
	callbackInconclusive = "rollout.inconclusive" // the deadline came first
	callbackClosed       = "rollout.closed"       // it is over
)

// callbackPayload is what a receiver gets; docs/callbacks.md describes it.
type callbackPayload struct {
	Type      string       `json:"type"`
	Timestamp time.Time    `json:"timestamp"` // of what happened, not of the attempt
	Data      callbackData `json:"data"`
}

type callbackData struct {
	Rollout   string `json:"rollout"` // its ID
	Service   string `json:"service"`
	Namespace string `json:"namespace,omitempty"`
	Revision  string `json:"revision"`
	Plan      string `json:"plan"`
	Attempt   int    `json:"attempt"`
	Link      string `json:"link"`

	// Mode, Outcome, Proven and Look are the verdict's; a rollout that was closed
	// has none of them here.
	Mode    string `json:"mode,omitempty"` // shadow: it must have no consequences
	Outcome string `json:"outcome,omitempty"`
	Proven  *bool  `json:"proven,omitempty"`
	Look    int    `json:"look,omitempty"`
	Reason  string `json:"reason"`
}

// Follow returns the callbacks that follow from an event. It is pure.
func (cb *Callbacks) Follow(e journal.Event) []outbox.Job {
	r := e.Rollout
	u, err := url.Parse(r.Callback)
	if r.Callback == "" || err != nil {
		return nil
	}
	d := callbackData{
		Rollout: r.ID, Service: r.Service, Namespace: r.Namespace, Revision: r.Revision, Plan: r.Plan, Attempt: r.Attempt,
		Link: cb.c.BaseURL + "/v1/rollouts/" + r.ID,
	}
	what := ""
	switch e.Kind {
	case journal.EventClosed:
		what, d.Reason = closing(e.Why), e.Why
	case journal.EventLooked:
		what = terminal(e.Verdict)
		d.describe(e.Verdict)
	case journal.EventAnnounced, journal.EventOverridden, journal.EventAlerted:
	}
	if what == "" {
		return nil
	}
	payload, err := json.Marshal(callbackPayload{Type: what, Timestamp: e.At.UTC(), Data: d})
	if err != nil {
		return nil // texts and numbers: it cannot happen
	}
	body, err := json.Marshal(callbackBody{URL: r.Callback, Payload: payload})
	if err != nil {
		return nil
	}
	return []outbox.Job{{Kind: KindCallback, Key: r.ID + "." + what, Rollout: r.ID, Target: u.Host, Body: body}}
}

// closing returns the type of the callback that the end of a rollout is worth. Where it
// ended because its promotion was granted, that is what is told, by the ID under which the
// verdict told it: a receiver that acts on the first callback must not take the end for
// a failure because the one before had to be sent again. A grant without a decision is
// no promotion that was proven.
func closing(why string) string {
	if why == whyGranted {
		return callbackPromoted
	}
	return callbackClosed
}

// describe takes over what a verdict says.
func (d *callbackData) describe(v *judge.Verdict) {
	d.Mode, d.Outcome, d.Proven, d.Look, d.Reason = v.Mode, v.Outcome.String(), &v.Proven, v.Seq, v.Reason
}

// terminal returns the type of the callback that a verdict is worth, if any.
func terminal(v *judge.Verdict) string {
	switch v.Outcome {
	case judge.Rollback:
		return callbackRollback
	case judge.Inconclusive:
		return callbackInconclusive
	case judge.Promote:
		if v.Promotion.Yes {
			return callbackPromoted
		}
	case judge.Continue:
	}
	return ""
}
