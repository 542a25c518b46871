// Package reply answers callers that ask once and are told later: a lifecycle hook
// of CodeDeploy, a paused step of ECS, a gate of GitHub, a check of Azure DevOps.
//
// A caller's question is durable work. It is looked at whenever a block closes,
// until its gate is decided or its deadline is near; then the answer is fixed, as
// work of its own, and sent until it arrives or the deadline has passed. The answer
// is recorded before it is sent for the first time, so that a process that is killed
// in between never tells two different ones.
package reply

import (
	"context"
	"encoding/json"
	"time"

	"github.com/serin-canary/serin/judge"
)

// Gate says what is asked, which is when the answer is yes.
type Gate string

// The gates.
const (
	// GateStart asks whether the canary may get its first traffic: yes once the
	// checks have run and no required one has failed.
	GateStart Gate = "start"
	// GateStep asks whether traffic may increase: yes on fresh evidence without harm,
	// or where the canary's weight is declared to be 0. Where no weight is declared and
	// no request was seen, nothing is known, and the question waits: the step before
	// the first traffic is GateStart.
	GateStep Gate = "step"
	// GatePromotion asks for the last promotion. A yes ends the judging.
	GatePromotion Gate = "promotion"
)

// Question is what a caller asked and is owed an answer to.
type Question struct {
	// ID tells the question from every other, like codedeploy/d-ABC/exec-1: asked
	// again, it is still one question with one answer.
	ID string `json:"id"`
	// Sender names who tells the answer.
	Sender string `json:"sender"`
	// Rollout is the ID of the rollout that it is about.
	Rollout string `json:"rollout"`
	Gate    Gate   `json:"gate"`
	// Granted says, at [GatePromotion], that the last promotion was granted while both
	// arms had traffic, and that the caller asks when the canary has all of it: from
	// there nothing can be compared, and only checks and limits can say no.
	Granted bool `json:"granted,omitempty"`
	// Asked is when it was asked, and Deadline when the answer must have arrived.
	Asked    time.Time `json:"asked"`
	Deadline time.Time `json:"deadline"`
	// Fallback is the answer where nothing is decided when the deadline is near.
	Fallback bool `json:"fallback,omitempty"`
	// To is what the sender needs to reach the caller. It holds no credentials that can be
	// read: what must be kept is sealed by the sender.
	To json.RawMessage `json:"to,omitempty"`
}

// Answer is what a caller is told.
type Answer struct {
	Yes bool `json:"yes"`
	// Outcome is the verdict's word: promote, rollback, continue or inconclusive;
	// empty where no verdict could be formed.
	Outcome string `json:"outcome,omitempty"`
	// Fallback says that nothing was decided in time.
	Fallback bool `json:"fallback,omitempty"`
	// Over says that the rollout had ended before the question was decided.
	Over bool `json:"over,omitempty"`
	// Reason is one sentence with numbers.
	Reason string `json:"reason"`
	// Link is where the whole report is.
	Link string    `json:"link,omitempty"`
	At   time.Time `json:"at"`
}

// Sender tells answers in one caller's tongue. It must be safe to tell one twice.
// Its errors are those of an outbox handler: outbox.ErrPermanent ends the attempts,
// and an outbox.LaterError says when to try again. They hold no credentials.
type Sender interface {
	Send(ctx context.Context, q Question, a Answer) error
	// Target is the host that the answer goes to, by which failures are counted.
	Target(q Question) string
}

// Reporter is a [Sender] that can also say how far a question is. It is asked after
// the looks 1, 2, 4, 8 and so on up to 128 that decided nothing, so at most eight
// times, or a few more where processes die. What it returns is logged and changes
// nothing.
type Reporter interface {
	Report(ctx context.Context, q Question, v judge.Verdict) error
}
