package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks"
)

// silence is how long nobody may have been heard of a rollout that is past its
// time, before it is closed.
const silence = time.Hour

// watcher looks at rollouts that nobody asks about, at each block's close, and
// closes those that were forgotten. It remembers nothing: each look queues the
// next one, so that another replica or a restart goes on.
type watcher struct {
	journal keeper
	judge   webhooks.Decider
	add     func(ctx context.Context, jobs ...outbox.Job) error
	now     func() time.Time
	log     *slog.Logger
}

// keeper is what the watcher needs of the journal.
type keeper interface {
	Load(ctx context.Context, id string) (judge.Record, error)
	Get(ctx context.Context, id string) (journal.Summary, error)
	lister
}

// lister finds rollouts and ends them.
type lister interface {
	List(ctx context.Context, f journal.Filter) ([]journal.Summary, error)
	End(ctx context.Context, id string, at time.Time, why string) error
}

// follow returns the looks and sweeps that follow from an event.
func follow(e journal.Event) []outbox.Job {
	switch {
	case e.Kind == journal.EventAnnounced:
		return begin(e.Rollout)
	case e.Kind == journal.EventAlerted && e.Rollout.Watch:
		return []outbox.Job{alertLook(e.Rollout.ID, *e.Alert)}
	}
	return nil
}

// alertLook is a look at once, because an alert began or was resolved. It queues the
// next one as every look does: at the close of the same block as the look before it, so
// that both mean one and the same job.
func alertLook(id string, a judge.Alert) outbox.Job {
	what := fmt.Sprint(a.Fingerprint, " ", a.Started.UnixNano(), " ", a.Ended.IsZero())
	return outbox.Job{Kind: kindLook, Key: id + ".look.alert." + outbox.ID(what), Rollout: id}
}

// begin returns a rollout's first look, where it is watched, and its first sweep.
func begin(r rollout.Rollout) []outbox.Job {
	jobs := []outbox.Job{sweepJob(r.ID, r.Started.Add(silence))}
	if r.Watch {
		jobs = append(jobs, outbox.Job{Kind: kindLook, Key: r.ID + ".look", Rollout: r.ID, Deadline: r.Started.Add(365 * 24 * time.Hour)})
	}
	return jobs
}

// sweepJob is a sweep of a rollout at a time. The time is part of its key: a sweep
// that is done twice queues its successor once.
func sweepJob(id string, at time.Time) outbox.Job {
	return outbox.Job{Kind: kindSweep, Key: id + ".sweep." + strconv.FormatInt(at.Unix(), 10), Rollout: id, NotBefore: at}
}

// pace is what a look carries to the next: when blocks close, and when to stop.
type pace struct {
	Block time.Duration `json:"block"`
	Lag   time.Duration `json:"lag"`
	Until time.Time     `json:"until"`
	// Span is how long looks go on from when the plan's clocks started.
	Span time.Duration `json:"span,omitempty"`
}

// paceOf reads the pace out of the pinned plan. Looks go on as long as the plan can
// say anything, and a while longer, for traffic that comes late.
func paceOf(p plan.Plan, r rollout.Rollout) pace {
	until := limit(p, r)
	return pace{Block: p.Block.D(), Lag: p.Lag.D(), Until: until, Span: until.Sub(r.Started)}
}

// since counts from the first requests, once a look has seen them: a canary may have waited
// for hours until somebody let traffic in.
func (p pace) since(last *judge.Verdict) pace {
	if last == nil || last.Progress.From.IsZero() {
		return p
	}
	if until := last.Progress.From.Add(p.Span); until.After(p.Until) {
		p.Until = until
	}
	return p
}

// limit is when a rollout is past its time. Its plan's clocks start with the first
// requests, so that one which is looked at later than this still may be under way.
func limit(p plan.Plan, r rollout.Rollout) time.Time {
	return r.Started.Add(p.MaxDuration.D() + p.HoldFor.D() + silence)
}

// next returns when the next block will have closed and can be asked for.
func (p pace) next(now time.Time) time.Time {
	block := max(p.Block, time.Second)
	return now.Add(-p.Lag).Truncate(block).Add(block + p.Lag)
}

// look is the handler of [kindLook]. The next look is queued first: whatever
// becomes of this one, there is exactly one more. Those that were missed are not
// made up for, since a look sees every block that has closed.
func (w *watcher) look(ctx context.Context, j outbox.Job) error {
	sum, err := w.journal.Get(ctx, j.Rollout)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	case err != nil:
		return err
	case !sum.Closed.IsZero():
		return nil
	}
	var p pace
	if len(j.Body) > 0 {
		err = json.Unmarshal(j.Body, &p)
	} else {
		var rec judge.Record
		if rec, err = w.journal.Load(ctx, j.Rollout); err == nil {
			p = paceOf(rec.Plan, rec.Rollout)
		}
	}
	if err != nil {
		return fmt.Errorf("the plan's pace cannot be read: %w", err)
	}
	if err := w.queueNext(ctx, j.Rollout, p.since(sum.Last)); err != nil {
		return err
	}
	if _, err := w.judge.Decide(ctx, sum.Rollout, w.now()); err != nil && !errors.Is(err, journal.ErrClosed) {
		// The next look sees what this one did not: trying again would only pile up.
		return fmt.Errorf("no verdict could be formed: %w: %w", err, outbox.ErrMoot)
	}
	return nil
}

func (w *watcher) queueNext(ctx context.Context, id string, p pace) error {
	at := p.next(w.now())
	if at.After(p.Until) {
		return nil
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return w.add(ctx, outbox.Job{
		Kind: kindLook, Key: id + ".look." + strconv.FormatInt(at.Unix(), 10), Rollout: id, Body: body,
		NotBefore: at, Deadline: p.Until.Add(silence),
	})
}

// sweep is the handler of [kindSweep]: it closes a rollout that is past its time
// and of which nobody was heard for a while, or comes again later.
func (w *watcher) sweep(ctx context.Context, j outbox.Job) error {
	sum, err := w.journal.Get(ctx, j.Rollout)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !sum.Closed.IsZero():
		return nil
	}
	rec, err := w.journal.Load(ctx, j.Rollout)
	if err != nil {
		return err
	}
	now := w.now()
	due := heard(sum).Add(silence)
	if l := limit(rec.Plan, rec.Rollout); l.After(due) {
		due = l
	}
	if due.After(now) {
		return w.add(ctx, sweepJob(j.Rollout, due))
	}
	why := fmt.Sprintf("swept: its plan gave it %s and %s to hold, and nobody asked since %s",
		rec.Plan.MaxDuration.D(), rec.Plan.HoldFor.D(), heard(sum).UTC().Format(time.RFC3339))
	if err := w.journal.End(ctx, j.Rollout, now, why); err != nil {
		return err
	}
	w.log.InfoContext(ctx, "rollout closed", "rollout", j.Rollout, "namespace", sum.Rollout.Namespace, "service", sum.Rollout.Service,
		"revision", sum.Rollout.Revision, "why", why)
	return nil
}

// heard returns when somebody was last heard of a rollout: a look, a weight, the
// last promotion.
func heard(s journal.Summary) time.Time {
	at := s.Rollout.Started
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	later(s.Rollout.FinalStep)
	for _, w := range s.Rollout.Weights {
		later(w.At)
	}
	if s.Last != nil {
		later(s.Last.At)
	}
	return at
}

// adopt queues what is missing for rollouts that an older version announced. What
// is there changes nothing.
func (w *watcher) adopt(ctx context.Context) error {
	live, err := w.journal.List(ctx, journal.Filter{Live: true, Limit: 100_000})
	if err != nil {
		return err
	}
	for _, s := range live {
		if err := w.add(ctx, begin(s.Rollout)...); err != nil {
			return err
		}
	}
	return nil
}
