package publishing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/serin-canary/serin/alerts"
	alertplaces "github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// ruled returns the place of a job about rules.
func (p *Publishing) ruled(j outbox.Job) (RulePlace, body, error) {
	var b body
	if err := json.Unmarshal(j.Body, &b); err != nil {
		return RulePlace{}, b, fmt.Errorf("the work cannot be read: %w: %w", err, outbox.ErrPermanent)
	}
	for _, place := range p.c.Rules {
		if place.Name == b.Place {
			return place, b, nil
		}
	}
	return RulePlace{}, b, fmt.Errorf("%s is not configured any more: %w", b.Place, outbox.ErrMoot)
}

// write writes a rollout's rules.
func (p *Publishing) write(k known) (alerts.Set, error) {
	s := alerts.Subject{
		Plan: k.plan, Rollout: k.Rollout, Self: p.c.Self, Labels: p.c.Labels,
		Links: alerts.Links{Report: p.report(k.Rollout.ID), Runbook: p.c.Runbook},
	}
	if k.Last != nil {
		s.Traffic = k.Last.Progress.From
	}
	for _, b := range p.c.Boards {
		if b.Page == "" || k.plan.Dashboard.Disabled {
			continue
		}
		uid := dashboards.UID(k.Rollout.ID)
		s.Links.Dashboard, s.Links.DashboardUID, s.Links.Panels = b.Page+uid, uid, dashboards.Panels(k.plan)
		break
	}
	set, err := alerts.Write(s)
	if err != nil {
		return set, fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	return set, nil
}

// rules is the handler of [kindRules].
func (p *Publishing) rules(ctx context.Context, j outbox.Job) error {
	place, _, err := p.ruled(j)
	if err != nil {
		return err
	}
	k, err := p.load(ctx, j.Rollout)
	if err != nil || k.plan.Alerts.Disabled {
		return err
	}
	if k.Closed.IsZero() {
		set, err := p.write(k)
		if err != nil {
			return err
		}
		if err := place.Place.Publish(ctx, set); err != nil {
			return err
		}
		if k, err = p.load(ctx, j.Rollout); err != nil {
			return err
		}
	}
	if k.Closed.IsZero() {
		return nil
	}
	// The rollout was closed while this was under way, or since an attempt that failed and
	// may have written all the same. Its burial may have found nothing then: one more.
	return p.c.Add(ctx, burial(j.Rollout, place, body{Late: true}, time.Time{}))
}

// mostRounds bounds how often a removal waits for alerts to be resolved.
const mostRounds = 40

// rulesGone is the handler of [kindRulesGone]. Rules that fire are not deleted but
// buried first: the same alerts that can fire no more, so that everybody who was paged
// hears at the next evaluation that it is over. Then they are taken away.
func (p *Publishing) rulesGone(ctx context.Context, j outbox.Job) error {
	place, b, err := p.ruled(j)
	if err != nil {
		return err
	}
	k, err := p.load(ctx, j.Rollout)
	if errors.Is(err, outbox.ErrMoot) {
		return place.Place.Remove(ctx, alerts.NameOf(j.Rollout))
	}
	if err != nil || k.plan.Alerts.Disabled {
		return err
	}
	set, err := p.write(k)
	if err != nil {
		return err
	}
	watcher, ok := place.Place.(alertplaces.Watcher)
	if !ok {
		return place.Place.Remove(ctx, set.Name())
	}
	firing, err := watcher.Firing(ctx, set)
	if err != nil {
		return err
	}
	if !firing || b.Round >= mostRounds {
		return place.Place.Remove(ctx, set.Name())
	}
	if err := place.Place.Publish(ctx, set.Tombstone()); err != nil {
		return err
	}
	every := time.Duration(set.Group.Interval)
	b.Round++
	return p.c.Add(ctx, burial(j.Rollout, place, b, p.c.Now().Add(2*every)))
}

// Begin queues what is not owed to any event: the board of all rollouts, and tidying.
func (p *Publishing) Begin(ctx context.Context) error {
	if !p.On() {
		return nil
	}
	return p.c.Add(ctx, append(p.standingJobs("", ""), p.nextTidy(time.Time{}))...)
}

// tidyEvery is how often it is looked what is there.
const tidyEvery = 10 * time.Minute

// nextTidy is the tidying of ten minutes.
func (p *Publishing) nextTidy(at time.Time) outbox.Job {
	if at.IsZero() {
		at = p.c.Now()
	}
	return outbox.Job{Kind: kindTidy, Key: fmt.Sprintf("%s.%d", kindTidy, at.Truncate(tidyEvery).Unix()), NotBefore: at, Deadline: at.Add(2 * time.Hour)}
}

// tidy is the handler of [kindTidy]: it takes away what should be gone: rules of
// rollouts that are over, boards past their time, and, where this server is alone, what
// belongs to no rollout. What somebody took from a live rollout is put back.
func (p *Publishing) tidy(ctx context.Context, j outbox.Job) error {
	if err := p.c.Add(ctx, append(p.standingJobs("", ""), p.nextTidy(p.c.Now().Truncate(tidyEvery).Add(tidyEvery)))...); err != nil {
		return err
	}
	live, err := p.alive(ctx)
	errs := []error{err}
	for _, place := range p.c.Rules {
		names, err := place.Place.Owned(ctx)
		if errs = append(errs, err); err == nil {
			errs = append(errs, p.mend(ctx, place, names, live))
		}
		for _, name := range names {
			if p.forgotten(ctx, strings.TrimPrefix(name, alerts.NameOf("")), false) {
				errs = append(errs, place.Place.Remove(ctx, name))
			}
		}
	}
	for _, place := range p.c.Boards {
		uids, err := place.Place.Owned(ctx)
		errs = append(errs, err)
		for _, uid := range uids {
			if id := strings.TrimPrefix(uid, dashboards.UID("")); p.forgotten(ctx, id, true) {
				errs = append(errs, place.forget(ctx, id))
			}
		}
	}
	err = errors.Join(errs...)
	if err != nil && p.c.Now().Sub(j.NotBefore) > tidyEvery {
		return fmt.Errorf("%w: %w", err, outbox.ErrMoot) // the next does it
	}
	return err
}

// forgotten reports whether nobody needs a rollout's board or rules any more. What is
// not a rollout's, such as a standing board, is never forgotten.
func (p *Publishing) forgotten(ctx context.Context, id string, kept bool) bool {
	if !isRollout(id) {
		return false
	}
	k, err := p.load(ctx, id)
	switch {
	case errors.Is(err, outbox.ErrMoot):
		return p.c.Alone
	case err != nil || k.Closed.IsZero():
		return false
	}
	// A burial takes a while, and has the first word.
	patience := time.Hour
	if kept {
		patience += p.keep(k.plan)
	}
	return p.c.Now().Sub(k.Closed) > patience
}

// isRollout reports whether a name is a rollout's ID.
func isRollout(id string) bool {
	if len(id) != 16 {
		return false
	}
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < '2' || r > '7') {
			return false
		}
	}
	return true
}
