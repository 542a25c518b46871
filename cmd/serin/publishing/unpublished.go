package publishing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/report"
)

// Work is what publishing needs of the work that is recorded.
type Work interface {
	// List returns work, the newest first.
	List(ctx context.Context, f outbox.Filter) ([]outbox.Work, error)
}

// overdue is for how long work may wait before somebody is told that it does.
const overdue = time.Minute

// newest is how much work of a kind is read of a rollout. A board is drawn once a minute
// at each place, so that this is an hour and a half.
const newest = 100

// subjects are what may be missing in people's words, and the kinds of work that bring it
// or take it away: the last of them to be tried says how it stands.
func subjects() map[string][]string {
	return map[string][]string{
		"dashboard":                {kindBoard, kindBoardGone},
		"annotations":              {kindMarks},
		"alert rules":              {kindRules, kindMend, kindRulesGone},
		"alerts about the verdict": {kindVerdictAlert},
	}
}

// Unpublished returns what of a rollout is not where it should be, as the work that is
// recorded says it, whichever server tried. It is read for people, beside the verdict.
func (p *Publishing) Unpublished(ctx context.Context, rollout string) ([]report.Unpublished, error) {
	return p.UnpublishedIn(ctx, p.c.Work, rollout)
}

// UnpublishedIn returns the same of the work of any journal.
func (p *Publishing) UnpublishedIn(ctx context.Context, recorded Work, rollout string) ([]report.Unpublished, error) {
	if recorded == nil {
		return nil, nil
	}
	var out []report.Unpublished
	all := subjects()
	for _, what := range slices.Sorted(maps.Keys(all)) {
		tried := map[string][]outbox.Work{} // by place
		for _, kind := range all[what] {
			works, err := recorded.List(ctx, outbox.Filter{Kind: kind, Rollout: rollout, Limit: newest})
			if err != nil {
				return nil, fmt.Errorf("the work of rollout %s: %w", rollout, err)
			}
			for _, w := range works {
				if where := placeOf(w); p.tells(w) && p.configured(where) {
					tried[where] = append(tried[where], w)
				}
			}
		}
		for _, where := range slices.Sorted(maps.Keys(tried)) {
			if u, missing := unpublished(tried[where]); missing {
				u.What, u.Where = what, where
				out = append(out, u)
			}
		}
	}
	return out, nil
}

func placeOf(w outbox.Work) string { return place(outbox.Job{Body: w.Body}) }

// when is the moment that a piece of work tells of.
func when(w outbox.Work) time.Time {
	if w.Tried.IsZero() {
		return w.NotBefore
	}
	return w.Tried
}

// tells reports whether a piece of work says how something stands: it was tried, or it
// should have been long ago.
func (p *Publishing) tells(w outbox.Work) bool {
	switch w.State {
	case outbox.Queued:
		return w.Error != "" || w.Attempts == 0 && p.c.Now().Sub(w.NotBefore) > overdue
	case outbox.Cancelled:
		// What became of no interest says nothing; what lapsed was never brought.
		return w.Attempts > 0 && !strings.Contains(w.Error, outbox.ErrMoot.Error())
	case outbox.Done, outbox.Dead:
	}
	return true
}

// unpublished says what is wrong with something, given all the work on it that tells; it
// returns false where the last of it was done. It has been missing since the first of
// those after the last that was done.
func unpublished(works []outbox.Work) (report.Unpublished, bool) {
	slices.SortStableFunc(works, func(a, b outbox.Work) int { return cmp.Or(when(b).Compare(when(a)), cmp.Compare(a.ID, b.ID)) })
	if done := slices.IndexFunc(works, func(w outbox.Work) bool { return w.State == outbox.Done }); done >= 0 {
		works = works[:done]
	}
	if len(works) == 0 {
		return report.Unpublished{}, false
	}
	last := works[0]
	u := report.Unpublished{Why: reason(last), Work: last.ID}
	for _, w := range works {
		u.Attempts += w.Attempts
		if due := later(w.Added, w.NotBefore, w); u.Since.IsZero() || due.Before(u.Since) {
			u.Since = due
		}
	}
	if last.State == outbox.Queued {
		u.Next = last.NotBefore
	}
	return u, true
}

// later is when work was due: it was added then, or was to wait. Once an attempt has
// failed it waits for another reason.
func later(added, notBefore time.Time, w outbox.Work) time.Time {
	if w.Attempts == 0 && notBefore.After(added) {
		return notBefore
	}
	return added
}

// reason is why work is not done, without the outbox's own words.
func reason(w outbox.Work) string {
	if w.Error == "" {
		return "it waits to be tried; the place rests after failures, or no server is there to do the work"
	}
	return strings.TrimSuffix(w.Error, ": "+outbox.ErrPermanent.Error())
}

// configured reports whether there is a place of a name still. Where there are no places
// nobody knows, as where only a journal is read.
func (p *Publishing) configured(where string) bool {
	return !p.On() ||
		slices.ContainsFunc(p.c.Boards, func(x BoardPlace) bool { return x.Name == where }) ||
		slices.ContainsFunc(p.c.Rules, func(x RulePlace) bool { return x.Name == where }) ||
		slices.ContainsFunc(p.c.Alertmanagers, func(x AlertPlace) bool { return x.Name == where })
}

// worst is how many failures of a kind are read for /readyz.
const worst = 20

// Ping reports what has failed to be published and is tried again, whichever server
// tried, by its place. Verdicts do not need it.
func (p *Publishing) Ping(ctx context.Context) error {
	if p.c.Work == nil {
		return nil
	}
	failed := map[string][]outbox.Work{}
	for _, kind := range slices.Sorted(maps.Keys(Kinds())) {
		works, err := p.c.Work.List(ctx, outbox.Filter{State: outbox.Queued, Kind: kind, Failed: true, Limit: worst})
		if err != nil {
			return fmt.Errorf("what is published cannot be read: %w", err)
		}
		for _, w := range works {
			where := placeOf(w)
			if where == "" {
				where = w.Kind
			} else if !p.configured(where) {
				continue
			}
			failed[where] = append(failed[where], w)
		}
	}
	var errs []error
	for _, where := range slices.Sorted(maps.Keys(failed)) {
		errs = append(errs, failing(where, failed[where]))
	}
	return errors.Join(errs...)
}

// failing says how a place fails, by its newest failure.
func failing(where string, works []outbox.Work) error {
	last := slices.MaxFunc(works, func(a, b outbox.Work) int { return a.Tried.Compare(b.Tried) })
	next := slices.MinFunc(works, func(a, b outbox.Work) int { return a.NotBefore.Compare(b.NotBefore) })
	beside := ""
	if n := len(works) - 1; n > 0 {
		beside = fmt.Sprintf(", and %d more", n)
	}
	return fmt.Errorf("%s: %s (%s%s; tried again at %s)", where, reason(last), last.Kind, beside, next.NotBefore.UTC().Format("15:04:05 UTC"))
}
