package reply

import (
	"context"
	"fmt"
)

// Tell takes a question whose answer is known, so that nothing is looked at: there is
// nothing to judge yet, or nothing to judge by. It is told as any other, until it
// arrives; where there is an answer already, that one stays. The question may be about
// no rollout.
func (d *Desk) Tell(ctx context.Context, q Question, yes bool, reason string) error {
	if q.Asked.IsZero() {
		q.Asked = d.now()
	}
	q.Asked, q.Deadline = q.Asked.Round(0).UTC(), q.Deadline.Round(0).UTC()
	checked := q
	if checked.Rollout == "" {
		checked.Rollout = "none"
	}
	if err := d.check(checked); err != nil {
		return err
	}
	if err := d.fix(ctx, q, seen{decided: true, yes: yes, reason: reason, shadow: true}); err != nil {
		return fmt.Errorf("reply: question %s could not be taken: %w", q.ID, err)
	}
	return nil
}
