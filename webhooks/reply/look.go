package reply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
)

// pending is a question that is not answered yet, as its next look needs it.
type pending struct {
	Question Question `json:"question"`
	// Pace is read from the pinned plan at the first look.
	Pace *pace `json:"pace,omitempty"`
	// Looks counts those that gave a verdict and decided nothing.
	Looks int `json:"looks,omitempty"`
	// Failing counts the looks running at which a required check failed.
	Failing int `json:"failing,omitempty"`
}

// pace is when blocks close, and whether the plan is in shadow mode.
type pace struct {
	Block  time.Duration `json:"block"`
	Lag    time.Duration `json:"lag"`
	Shadow bool          `json:"shadow,omitempty"`
}

// next returns when the next block will have closed and can be asked for.
func (p pace) next(now time.Time) time.Time {
	block := max(p.Block, time.Second)
	return now.Add(-p.Lag).Truncate(block).Add(block + p.Lag)
}

// lateness is for how long after its deadline a question is still worth an answer:
// a server that was away finds out, and the record says what became of it.
const lateness = time.Hour

// job is a look at a question.
func (p pending) job(which string, at time.Time) (outbox.Job, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return outbox.Job{}, fmt.Errorf("reply: question %s: %w", p.Question.ID, err)
	}
	return outbox.Job{
		Kind: KindQuestion, Key: questionKey(p.Question.ID, which), Rollout: p.Question.Rollout, Body: body,
		NotBefore: at, Deadline: p.Question.Deadline.Add(lateness),
	}, nil
}

// look is the handler of [KindQuestion]. Nothing of the question's own is an error
// here: what fails is looked at again when the next block closes, and the last look
// answers in any case. What is returned is that the queue could not be reached, and
// then the same look is taken again.
func (d *Desk) look(ctx context.Context, j outbox.Job) error {
	var p pending
	if err := json.Unmarshal(j.Body, &p); err != nil {
		return fmt.Errorf("the question cannot be read: %w: %w", err, outbox.ErrPermanent)
	}
	q := p.Question
	if _, given, err := d.Given(ctx, q.ID); given || err != nil {
		return err
	}
	seen := d.consider(ctx, &p)
	if !seen.decided && d.now().Before(q.giveUp()) {
		return d.waitOn(ctx, p, seen)
	}
	if !seen.decided {
		seen = d.fallBack(q, seen)
	}
	if err := d.fix(ctx, q, seen); err != nil {
		return err
	}
	if last := questionKey(q.ID, lastLook); j.Key != last {
		// It has nothing left to do, and would find that out itself.
		_, _ = d.c.Queue.Drop(ctx, outbox.ID(last))
	}
	return nil
}

// seen is what one look at a question gave.
type seen struct {
	decided bool
	yes     bool
	reason  string
	// verdict is nil where none could be formed.
	verdict *judge.Verdict
	// over says that the rollout had ended.
	over bool
	// shadow says that the plan decides nothing, so that a yes means nothing.
	shadow bool
}

// consider looks at the rollout, or into the record where it is over.
func (d *Desk) consider(ctx context.Context, p *pending) seen {
	q := p.Question
	sum, err := d.c.Journal.Get(ctx, q.Rollout)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return seen{decided: true, reason: "the rollout is not recorded any more"}
	case err != nil:
		return d.unseen(p, err)
	case !sum.Closed.IsZero():
		return d.over(ctx, p, sum)
	}
	if err := d.keepPace(ctx, p); err != nil {
		return d.unseen(p, err)
	}
	if q.Gate == GatePromotion {
		err = d.c.Journal.FinalStep(ctx, q.Rollout, q.Asked)
	}
	var v judge.Verdict
	if err == nil {
		v, err = d.decide(ctx, sum, q)
	}
	if errors.Is(err, journal.ErrClosed) {
		if sum, err = d.c.Journal.Get(ctx, q.Rollout); err == nil && !sum.Closed.IsZero() {
			return d.over(ctx, p, sum)
		}
	}
	if err != nil {
		return d.unseen(p, err)
	}
	p.Looks++
	return rule(p, v)
}

// keepPace reads the pinned plan's pace, once.
func (d *Desk) keepPace(ctx context.Context, p *pending) error {
	if p.Pace != nil {
		return nil
	}
	rec, err := d.c.Journal.Load(ctx, p.Question.Rollout)
	if err != nil {
		return fmt.Errorf("the plan's pace cannot be read: %w", err)
	}
	p.Pace = &pace{Block: rec.Plan.Block.D(), Lag: rec.Plan.Lag.D(), Shadow: rec.Plan.Mode == plan.Shadow}
	return nil
}

// decide asks the judge. Near the deadline it takes half of the time that is left
// for the answer, so that the other half is for telling it. A panic is a failure.
func (d *Desk) decide(ctx context.Context, sum journal.Summary, q Question) (v judge.Verdict, err error) {
	const least, longest = time.Second, 30 * time.Second
	left := q.Deadline.Add(-q.grace() / 2).Sub(d.now())
	ctx, cancel := context.WithTimeout(ctx, min(max(left, least), longest))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			d.c.Log.ErrorContext(ctx, "panic in a look for a question", "question", q.ID, "panic", fmt.Sprint(p))
			err = errors.New("the judge panicked; the server's log has more")
		}
	}()
	return d.c.Judge.Decide(ctx, sum.Rollout, d.now())
}

// unseen is a look that gave no verdict. A plan in shadow mode never blocks,
// whatever breaks.
func (d *Desk) unseen(p *pending, err error) seen {
	d.c.Log.Warn("no verdict for a question", "question", p.Question.ID, "rollout", p.Question.Rollout, "error", err)
	s := seen{reason: "no verdict could be formed: " + err.Error()}
	if p.Pace != nil && p.Pace.Shadow {
		s.decided, s.yes, s.shadow, s.reason = true, true, true, "shadow: "+s.reason
	}
	return s
}

// waitOn queues the next look, then says how far the question is.
func (d *Desk) waitOn(ctx context.Context, p pending, s seen) error {
	now := d.now()
	next := pace{Block: time.Minute}
	if p.Pace != nil {
		next = *p.Pace
	}
	// From giveUp on the last look is due, which is queued already.
	if at := next.next(now); at.Before(p.Question.giveUp()) {
		j, err := p.job(strconv.FormatInt(at.Unix(), 10), at)
		if err != nil {
			return err
		}
		if err := d.c.Queue.Enqueue(ctx, j); err != nil {
			return err
		}
	}
	if s.verdict != nil && reports(p.Looks) {
		d.report(ctx, p.Question, *s.verdict)
	}
	return nil
}

// reports says after which looks a caller is told how far a question is: 1, 2, 4
// and so on. Ten are all that GitHub takes for one gate.
func reports(looks int) bool {
	const last = 128
	return looks > 0 && looks <= last && looks&(looks-1) == 0
}

func (d *Desk) report(ctx context.Context, q Question, v judge.Verdict) {
	r, ok := d.c.Senders[q.Sender].(Reporter)
	if !ok {
		return
	}
	const longest = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if err := r.Report(ctx, q, v); err != nil {
		d.c.Log.WarnContext(ctx, "a caller could not be told how far its question is", "question", q.ID, "sender", q.Sender, "error", err)
	}
}
