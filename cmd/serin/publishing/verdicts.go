package publishing

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	alertplaces "github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
)

// kindVerdictAlert tells an Alertmanager what a verdict means for people.
const kindVerdictAlert = "verdict-alert"

// Alertmanager is told alerts about verdicts.
type Alertmanager interface {
	Tell(ctx context.Context, alerts ...alertplaces.Fired) error
}

// AlertPlace is one replica of an Alertmanager under a name.
type AlertPlace struct {
	Name, Target string
	Place        Alertmanager
}

const (
	// verdictAgain is how often an alert is told while it lasts, and verdictLasts how
	// long it lasts where nobody tells it any more: two may be lost.
	verdictAgain = 2 * time.Minute
	verdictLasts = 5 * time.Minute
	// verdictSure is when an end is told once more, in case the Alertmanager's clock is
	// late and did not take it for past.
	verdictSure = time.Minute
)

// verdictTries is how long it is tried to tell the same thing: after that it is over by
// itself, or is told by what was queued next.
const verdictTries = verdictLasts - time.Minute

// verdictKind is how this work is treated. Its patience is that of a server which is away:
// each time that an alert is told queues the next, so that work which lapsed unseen would
// end an alert that lasts.
func verdictKind() outbox.Kind {
	return outbox.Kind{Timeout: 15 * time.Second, Patience: 24 * time.Hour, Concurrency: 4, First: time.Second, Longest: 20 * time.Second, Lapses: true}
}

// The severities of alerts about verdicts.
const (
	severityPage   = "page"
	severityTicket = "ticket"
	severityInfo   = "info"
)

// cause is what makes an alert about a verdict another alert. The zero cause is none.
type cause struct {
	Outcome  string `json:"outcome,omitempty"`
	Severity string `json:"severity,omitempty"`
}

// causeOf returns why people are told of a verdict: somebody must look, the canary is
// bad, or nothing could be proven in time.
func causeOf(v *judge.Verdict) cause {
	if v == nil {
		return cause{}
	}
	bad := v.Outcome == judge.Rollback
	switch {
	case !bad && v.Outcome != judge.Inconclusive && v.Page == "":
		return cause{}
	case v.Mode == string(plan.Shadow):
		return cause{v.Outcome.String(), severityInfo}
	case bad || v.Page != "":
		return cause{v.Outcome.String(), severityPage}
	}
	return cause{v.Outcome.String(), severityTicket}
}

// alertBody is what a job carries. All of it is about one alert.
type alertBody struct {
	Place string `json:"place"`
	cause
	Since time.Time `json:"since"`
	// Over is when it ended; zero where it may last. Told counts how often that was said.
	Over time.Time `json:"over,omitzero"`
	Told int       `json:"told,omitempty"`
	// Due is when this is to be told.
	Due time.Time `json:"due"`
}

// verdictJobs returns what Alertmanagers must be told because of an event. It is pure.
func (p *Publishing) verdictJobs(e journal.Event) []outbox.Job {
	var out []outbox.Job
	for _, place := range p.c.Alertmanagers {
		switch e.Kind {
		case journal.EventLooked:
			was, is := causeOf(e.Before), causeOf(e.Verdict)
			if was != is && was != (cause{}) {
				out = append(out, alertJob(e, place, alertBody{cause: was, Since: e.Before.At, Over: e.At}))
			}
			if is != (cause{}) {
				body := alertBody{cause: is, Since: e.Verdict.At}
				if was != is {
					out = append(out, alertJob(e, place, body))
				} else {
					out = append(out, alertAgain(e.Rollout.ID, place, body, e.At)) // there already, mostly
				}
			}
		case journal.EventClosed:
			out = append(out, alertJob(e, place, alertBody{Over: e.At}))
		}
	}
	return out
}

// alertJob begins or ends an alert.
func alertJob(e journal.Event, place AlertPlace, b alertBody) outbox.Job {
	why := "begun"
	if !b.Over.IsZero() {
		why = "over"
	}
	key := string(e.Kind)
	if e.Verdict != nil {
		key = strconv.Itoa(e.Verdict.Seq)
	}
	b.Due = e.At
	return b.job(e.Rollout.ID, place, time.Time{}, why, key)
}

// alertAgain is when an alert is told next. There is one for each two minutes, whoever
// asks for it.
func alertAgain(id string, place AlertPlace, b alertBody, now time.Time) outbox.Job {
	at := now.Truncate(verdictAgain).Add(verdictAgain)
	b.Due = at
	return b.job(id, place, at, "again", strconv.FormatInt(at.Unix(), 10))
}

func (b alertBody) job(id string, place AlertPlace, at time.Time, why ...string) outbox.Job {
	b.Place = place.Name
	text, err := json.Marshal(b)
	if err != nil {
		text = nil // texts and times: it cannot happen
	}
	key := slices.Concat([]string{id, kindVerdictAlert, place.Name, b.Outcome, b.Severity}, why)
	return outbox.Job{Kind: kindVerdictAlert, Key: strings.Join(key, "."), Rollout: id, Target: place.Target, Body: text, NotBefore: at}
}

// told returns the place of a job about an alert.
func (p *Publishing) told(j outbox.Job) (AlertPlace, alertBody, error) {
	var b alertBody
	if err := json.Unmarshal(j.Body, &b); err != nil {
		return AlertPlace{}, b, fmt.Errorf("the work cannot be read: %w: %w", err, outbox.ErrPermanent)
	}
	for _, place := range p.c.Alertmanagers {
		if place.Name == b.Place {
			return place, b, nil
		}
	}
	return AlertPlace{}, b, fmt.Errorf("%s is not configured any more: %w", b.Place, outbox.ErrMoot)
}

// verdictAlert is the handler of [kindVerdictAlert]. What is told is what is so now,
// whatever the work was queued for: an alert lasts while the rollout is live and its
// newest verdict has the same cause.
func (p *Publishing) verdictAlert(ctx context.Context, j outbox.Job) error {
	place, b, err := p.told(j)
	if err != nil {
		return err
	}
	k, err := p.load(ctx, j.Rollout)
	if err != nil || k.plan.Alerts.Disabled || k.Last == nil {
		return err
	}
	now := p.c.Now()
	is := causeOf(k.Last)
	if b.cause == (cause{}) {
		b.cause, b.Since = is, k.Last.At // the rollout was closed: it ends whatever there was
	}
	lasts := k.Closed.IsZero() && b.cause == is
	switch {
	case b.cause == (cause{}), lasts != b.Over.IsZero():
		return nil // what was queued with the change says the rest
	case lasts:
		// The next time is queued first: whatever becomes of this one, there is one more.
		if err := p.c.Add(ctx, alertAgain(k.Rollout.ID, place, b, now)); err != nil {
			return err
		}
		return p.tell(ctx, place, b, p.fired(k, b, now.Add(verdictLasts)))
	}
	if b.Told++; b.Told == 1 {
		b.Due = now.Add(verdictSure)
		if err := p.c.Add(ctx, b.job(k.Rollout.ID, place, b.Due, "over", "again", strconv.FormatInt(b.Over.UnixNano(), 10))); err != nil {
			return err
		}
	}
	return p.tell(ctx, place, b, p.fired(k, b, b.Over))
}

// tell tells an Alertmanager. It is not tried for ever.
func (p *Publishing) tell(ctx context.Context, place AlertPlace, b alertBody, f alertplaces.Fired) error {
	err := place.Place.Tell(ctx, f)
	if err != nil && p.c.Now().Sub(b.Due) > verdictTries {
		return fmt.Errorf("%w: %w", err, outbox.ErrMoot)
	}
	return err
}

// fired writes an alert. Its labels say nothing that changes while it lasts.
func (p *Publishing) fired(k known, b alertBody, ends time.Time) alertplaces.Fired {
	labels := maps.Clone(p.c.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	r := k.Rollout
	maps.Copy(labels, map[string]string{
		"alertname": "SerinVerdict", "rollout": r.ID, "service": r.Service, "severity": b.Severity, "managed_by": "serin", "outcome": b.Outcome,
	})
	if r.Namespace != "" {
		labels["namespace"] = r.Namespace
	}
	notes := map[string]string{"summary": p.headline(k, b), "description": short(k.Last.Reason)}
	for name, text := range map[string]string{"page": short(k.Last.Page), "report_url": p.report(r.ID), "runbook_url": p.c.Runbook, "dashboard_url": p.boardPage(k)} {
		if text != "" {
			notes[name] = text
		}
	}
	since := b.Since
	if since.After(ends) {
		since = ends
	}
	return alertplaces.Fired{Labels: labels, Annotations: notes, StartsAt: since.UTC(), EndsAt: ends.UTC(), GeneratorURL: p.report(r.ID)}
}

// headline is the alert in one sentence.
func (p *Publishing) headline(k known, b alertBody) string {
	r := k.Rollout
	what := r.Service + " revision " + r.Revision
	if r.Namespace != "" {
		what += " in " + r.Namespace
	}
	switch {
	case !k.Closed.IsZero():
		return short(what + ": the rollout is over: " + k.Why)
	case k.Last.Mode == string(plan.Shadow):
		what += " (only watched: nothing follows from it)"
	}
	switch b.Outcome {
	case judge.Rollback.String():
		return short(what + " must be rolled back: " + k.Last.Reason)
	case judge.Inconclusive.String():
		return short(what + " could not be decided in time: " + k.Last.Reason)
	}
	return short(what + " needs a person: " + k.Last.Page)
}

// short bounds a text, in bytes: some receivers refuse long ones.
func short(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "…"
}

// boardPage is the address of a rollout's board, where it is known.
func (p *Publishing) boardPage(k known) string {
	if k.plan.Dashboard.Disabled {
		return ""
	}
	for _, b := range p.c.Boards {
		if b.Page != "" {
			return b.Page + dashboards.UID(k.Rollout.ID)
		}
	}
	return ""
}
