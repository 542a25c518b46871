package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/rollout"
)

// EventKind says what happened.
type EventKind string

// What may happen to a rollout.
const (
	EventAnnounced  EventKind = "announced"
	EventLooked     EventKind = "looked" // a look was committed
	EventClosed     EventKind = "closed"
	EventOverridden EventKind = "overridden"
	EventAlerted    EventKind = "alerted" // an alert of others began or was resolved
	EventChecked    EventKind = "checked" // a long check left its result
)

// Event is something that happened to a rollout and is being recorded.
type Event struct {
	Kind EventKind
	At   time.Time
	// Rollout names its plan and the plan's digest.
	Rollout rollout.Rollout
	// Verdict is what the look said (EventLooked).
	Verdict *judge.Verdict
	// Before is what the look before it said (EventLooked); nil where it is the first.
	Before *judge.Verdict
	// Why the rollout was closed (EventClosed).
	Why string
	// Override is what a person decided (EventOverridden).
	Override *judge.Override
	// Begin are the long checks that the look wants to begin (EventLooked).
	Begin []judge.Beginning
	// Checked is what a long check left (EventChecked).
	Checked *checks.Result
	// Alert is what began or was resolved (EventAlerted).
	Alert *judge.Alert
}

// tell adds the work that follows from an event, in the event's own transaction.
func (j *Journal) tell(ctx context.Context, t tx, e Event) error {
	if j.follow == nil {
		return nil
	}
	jobs := j.follow(e)
	if len(jobs) == 0 {
		return nil
	}
	if err := j.queue.Add(ctx, t.outbox, jobs...); err != nil {
		return fmt.Errorf("journal: rollout %s, %s: queue the work that follows: %w", e.Rollout.ID, e.Kind, err)
	}
	return nil
}
