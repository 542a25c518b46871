package reply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// fixed is an answer that will not change any more, as its job has it.
type fixed struct {
	Question Question `json:"question"`
	Answer   Answer   `json:"answer"`
	// Ends is why the rollout is closed before the answer is told; empty leaves it.
	Ends string `json:"ends,omitempty"`
}

// atLeast is how long an answer is tried that was fixed when its deadline had passed
// already: clocks differ, and the caller may still listen.
const atLeast = time.Minute

// maxReason bounds an answer's reason, in bytes.
const maxReason = 1000

// fix queues the answer. Where there is one already, that one stays: whoever was
// first, and however often this is done.
func (d *Desk) fix(ctx context.Context, q Question, s seen) error {
	now := d.now()
	f := fixed{Question: q, Answer: Answer{
		Yes: s.yes, Fallback: !s.decided, Over: s.over, Reason: oneLine(s.reason, maxReason), Link: d.link(q.Rollout), At: now,
	}}
	if s.verdict != nil {
		f.Answer.Outcome = s.verdict.Outcome.String()
	}
	if s.yes && q.Gate == GatePromotion && !s.shadow {
		f.Ends = WhyGranted
		if f.Answer.Fallback {
			f.Ends += " without a decision: none was reached in time"
		}
	}
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("reply: the answer to %s cannot be written: %w", q.ID, err)
	}
	deadline := q.Deadline
	if soon := now.Add(atLeast); deadline.Before(soon) {
		deadline = soon
	}
	target := ""
	if sender := d.c.Senders[q.Sender]; sender != nil {
		target = sender.Target(q)
	}
	return d.c.Queue.Enqueue(ctx, outbox.Job{
		Kind: KindAnswer, Key: answerKey(q.ID), Rollout: q.Rollout, Target: target, Body: body, Deadline: deadline,
	})
}

// tell is the handler of [KindAnswer].
func (d *Desk) tell(ctx context.Context, j outbox.Job) error {
	var f fixed
	if err := json.Unmarshal(j.Body, &f); err != nil {
		return fmt.Errorf("the answer cannot be read: %w: %w", err, outbox.ErrPermanent)
	}
	q := f.Question
	sender := d.c.Senders[q.Sender]
	if sender == nil {
		return fmt.Errorf("nothing is configured any more that could answer %q", q.Sender)
	}
	if f.Ends != "" {
		// Ended before it is told, so that nothing is judged once traffic has moved.
		if err := d.c.Journal.End(ctx, q.Rollout, d.now(), f.Ends); err != nil && !errors.Is(err, journal.ErrNotFound) {
			return err
		}
	}
	word := map[bool]string{true: "yes", false: "no"}[f.Answer.Yes]
	err := sender.Send(ctx, q, f.Answer)
	switch {
	case err == nil:
		d.note(ctx, "told "+q.Sender+" "+word, f, "")
	case errors.Is(err, outbox.ErrPermanent):
		d.note(ctx, "could not tell "+q.Sender+" "+word, f, oneLine(err.Error(), maxReason))
	}
	return err
}

// noted is the detail of an entry in the audit trail.
type noted struct {
	Question string `json:"question"`
	Gate     Gate   `json:"gate"`
	Outcome  string `json:"outcome,omitempty"`
	Fallback bool   `json:"fallback,omitempty"`
	Reason   string `json:"reason"`
	Error    string `json:"error,omitempty"`
}

// note writes what a caller was told into the audit trail. Where that fails the log
// has it: the answer is not told again for its sake.
func (d *Desk) note(ctx context.Context, what string, f fixed, failure string) {
	q, a := f.Question, f.Answer
	d.c.Log.InfoContext(ctx, what, "question", q.ID, "rollout", q.Rollout, "gate", string(q.Gate), "outcome", a.Outcome,
		"fallback", a.Fallback, "reason", a.Reason, "error", failure)
	const longest = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	defer cancel()
	detail, err := json.Marshal(noted{q.ID, q.Gate, a.Outcome, a.Fallback, a.Reason, failure})
	if err == nil {
		err = d.c.Journal.Audit(ctx, journal.Entry{At: d.now(), Who: "serin", What: what, Rollout: q.Rollout, Detail: detail})
	}
	if err != nil {
		d.c.Log.ErrorContext(ctx, "the audit trail could not be written", "what", what, "question", q.ID, "error", err)
	}
}
