package publishing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/dashboards"
	boardplaces "github.com/serin-canary/serin/dashboards/publish"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
)

// known is a rollout with its plan.
type known struct {
	journal.Summary
	plan plan.Plan
}

// load reads the rollout of a job. One that was pruned meanwhile is of no interest.
func (p *Publishing) load(ctx context.Context, id string) (known, error) {
	sum, err := p.journal.Get(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return known{}, fmt.Errorf("rollout %s is not recorded any more: %w", id, outbox.ErrMoot)
	}
	if err != nil {
		return known{}, err
	}
	pinned, err := p.journal.Plan(ctx, id)
	return known{sum, pinned}, err
}

// at returns the place of a job. One that was taken out of the configuration is of no
// interest any more.
func (p *Publishing) at(j outbox.Job) (BoardPlace, body, error) {
	var b body
	if err := json.Unmarshal(j.Body, &b); err != nil {
		return BoardPlace{}, b, fmt.Errorf("the work cannot be read: %w: %w", err, outbox.ErrPermanent)
	}
	for _, place := range p.c.Boards {
		if place.Name == b.Place {
			return place, b, nil
		}
	}
	return BoardPlace{}, b, fmt.Errorf("%s is not configured any more: %w", b.Place, outbox.ErrMoot)
}

// board is the handler of [kindBoard]: it draws the rollout as it is now, whatever the
// work was queued for.
func (p *Publishing) board(ctx context.Context, j outbox.Job) error {
	place, _, err := p.at(j)
	if err != nil {
		return err
	}
	k, err := p.load(ctx, j.Rollout)
	if err != nil || k.plan.Dashboard.Disabled {
		return err
	}
	over := !k.Closed.IsZero()
	if over && k.plan.Dashboard.Retire == plan.Delete {
		return p.gone(ctx, place, k)
	}
	if err := p.draw(ctx, place, k); err != nil || over {
		return err
	}
	// Other work may have frozen the board of a rollout that was closed meanwhile, and this
	// one has just written it as it was before.
	if k, err = p.load(ctx, j.Rollout); err != nil || k.Closed.IsZero() {
		return err
	}
	if k.plan.Dashboard.Retire == plan.Delete {
		return p.gone(ctx, place, k)
	}
	return p.draw(ctx, place, k)
}

// draw draws a rollout's board as it is known, and writes it.
func (p *Publishing) draw(ctx context.Context, place BoardPlace, k known) error {
	drawn, err := dashboards.Draw(p.subject(k))
	if err != nil {
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	if _, err := place.Place.Publish(ctx, drawn, k.plan.Dashboard.Folder); err != nil || k.Closed.IsZero() {
		return err
	}
	return p.leave(ctx, place, k)
}

// leave queues what takes away what a rollout that is over has left at a place, its marks
// among it.
func (p *Publishing) leave(ctx context.Context, place BoardPlace, k known) error {
	at := k.Closed.Add(p.keep(k.plan))
	return p.c.Add(ctx, outbox.Job{
		Kind: kindBoardGone, Key: strings.Join([]string{k.Rollout.ID, kindBoardGone, place.Name}, "."), Rollout: k.Rollout.ID, Target: place.Target,
		Body: body{Place: place.Name}.json(), NotBefore: at, Deadline: at.Add(30 * 24 * time.Hour),
	})
}

func (p *Publishing) keep(pl plan.Plan) time.Duration {
	if d := pl.Dashboard.Keep.D(); d > 0 {
		return d
	}
	return p.c.Keep
}

// subject is what a rollout's board is drawn of.
func (p *Publishing) subject(k known) dashboards.Subject {
	s := dashboards.Subject{
		Plan: k.plan, Rollout: k.Rollout, Closed: k.Closed, Why: k.Why, Self: p.c.Self,
		Links: dashboards.Links{Report: p.report(k.Rollout.ID), Runbook: p.c.Runbook},
	}
	if v := k.Last; v != nil {
		s.Verdict = verdict(*v)
	}
	return s
}

func (p *Publishing) report(id string) string {
	if p.c.BaseURL == "" {
		return ""
	}
	return p.c.BaseURL + "/r/" + id
}

// verdict is a verdict in a board's words.
func verdict(v judge.Verdict) dashboards.Verdict {
	out := dashboards.Verdict{
		Outcome: v.Outcome.String(), Reason: v.Reason, Proven: v.Proven, Shadow: v.Mode == string(plan.Shadow), At: v.At,
		Weight: v.Progress.Weight, CanaryRequests: v.Progress.CanaryRequests, BaselineRequests: v.Progress.BaselineRequests,
	}
	if v.Threshold > 0 {
		harm := max(0, v.Evidence/v.Threshold)
		out.Harm = &harm
	}
	var most float64
	for _, f := range v.Findings {
		if f.About == judge.AboutMetric && f.Worse != nil && (out.Worst == "" || *f.Worse > most) {
			most, out.Worst, out.WorstReason = *f.Worse, f.Name, f.Reason
		}
	}
	return out
}

// boardGone is the handler of [kindBoardGone].
func (p *Publishing) boardGone(ctx context.Context, j outbox.Job) error {
	place, _, err := p.at(j)
	if err != nil {
		return err
	}
	return place.forget(ctx, j.Rollout)
}

// forget takes a rollout's board and its marks away.
func (b BoardPlace) forget(ctx context.Context, id string) error {
	if err := b.Place.Remove(ctx, dashboards.UID(id)); err != nil || b.Marks == nil {
		return err
	}
	return b.Marks.RemoveMarks(ctx, "rollout:"+id)
}

// gone takes a board away at once. Its marks stay for as long as a board is kept: they are
// on the team's boards too.
func (p *Publishing) gone(ctx context.Context, place BoardPlace, k known) error {
	if err := place.Place.Remove(ctx, dashboards.UID(k.Rollout.ID)); err != nil || place.Marks == nil {
		return err
	}
	return p.leave(ctx, place, k)
}

// marks is the handler of [kindMarks]: a region for each weight, and a mark for the
// verdict that ended the waiting.
func (p *Publishing) marks(ctx context.Context, j outbox.Job) error {
	place, _, err := p.at(j)
	if err != nil {
		return err
	}
	k, err := p.load(ctx, j.Rollout)
	if err != nil || k.plan.Dashboard.Disabled || place.Marks == nil {
		return err
	}
	for _, m := range timeline(k) {
		if err := place.Marks.Annotate(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// timeline is what happened to a rollout, as marks.
func timeline(k known) []boardplaces.Mark {
	r := k.Rollout
	tags := append(dashboards.Tags(r), "canary")
	var out []boardplaces.Mark
	for i, w := range r.Weights {
		m := boardplaces.Mark{
			Key: r.ID + "-step-" + strconv.Itoa(i), Tags: append(tags[:len(tags):len(tags)], "step"), At: w.At, Until: k.Closed,
			Text: fmt.Sprintf("%s: canary at %s %%", r.Service, strconv.FormatFloat(w.Percent, 'f', -1, 64)),
		}
		if i+1 < len(r.Weights) {
			m.Until = r.Weights[i+1].At
		}
		out = append(out, m)
	}
	if v := k.Last; v != nil && v.Outcome != judge.Continue {
		m := boardplaces.Mark{
			Key: r.ID + "-" + v.Outcome.String(), Tags: append(tags[:len(tags):len(tags)], "verdict"), At: v.At, Stays: true,
			Text: fmt.Sprintf("%s: %s. %s", r.Service, v.Outcome, v.Reason),
		}
		if v.Outcome == judge.Rollback && v.Latched != nil {
			m.At, m.Stays = v.Latched.End, false // the block that decided, whenever that is told
		}
		out = append(out, m)
	}
	if !k.Closed.IsZero() {
		out = append(out, boardplaces.Mark{
			Key: r.ID + "-closed", Tags: append(tags[:len(tags):len(tags)], "closed"), At: k.Closed, Text: r.Service + ": rollout over: " + k.Why,
		})
	}
	return out
}

// standing is the handler of [kindStanding].
func (p *Publishing) standing(ctx context.Context, j outbox.Job) error {
	place, b, err := p.at(j)
	if err != nil {
		return err
	}
	s := dashboards.Standing{Self: p.c.Self, Server: p.c.BaseURL, Instance: p.c.Instance}
	draw := func() (dashboards.Board, error) { return dashboards.Fleet(s) }
	if b.Service != "" {
		draw = func() (dashboards.Board, error) { return dashboards.Service(s, b.Namespace, b.Service) }
	}
	drawn, err := draw()
	if err != nil {
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	_, err = place.Place.Publish(ctx, drawn, "")
	return err
}
