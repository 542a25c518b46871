package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/serin-canary/serin/judge"
)

// maxAlerts bounds the alerts of one rollout: every look reads them.
const maxAlerts = 200

// ErrTooMany is returned where a rollout has as many alerts as are kept.
var ErrTooMany = errors.New("journal: this rollout has no room for more alerts")

// Alert records that an alert about a live rollout fires, or is resolved. It counts from
// the next look on. It reports whether that was news: the same again changes nothing, nor
// does news of before the resolution. A rollout that is over is ErrClosed.
func (j *Journal) Alert(ctx context.Context, id string, a judge.Alert) (bool, error) {
	if err := a.Validate(); err != nil {
		return false, fmt.Errorf("journal: rollout %s: this alert cannot be recorded: %w", id, err)
	}
	a.Started = utc(a.Started)
	if !a.Ended.IsZero() {
		a.Ended = utc(a.Ended)
	}
	a.Fingerprint, a.Name, a.Summary = printable(a.Fingerprint), printable(a.Name), printable(a.Summary)
	news := false
	err := j.write(ctx, func(t tx) error {
		news = false
		if err := t.lockRollout(ctx, id); err != nil {
			return err
		}
		r, err := get(ctx, t, id)
		if err != nil {
			return err
		}
		if r.over() {
			return fmt.Errorf("rollout %s: %w", id, ErrClosed)
		}
		if news, err = putAlert(ctx, t, id, a); err != nil || !news {
			return err
		}
		return j.tell(ctx, t, Event{Kind: EventAlerted, At: utc(j.now()), Rollout: r.rollout, Alert: &a})
	})
	return news && err == nil, err
}

func putAlert(ctx context.Context, t tx, id string, a judge.Alert) (bool, error) {
	all, err := alertsOf(ctx, t, id)
	if err != nil {
		return false, err
	}
	change := mergeAlert(all, a)
	if len(change.put) == 0 {
		return false, nil
	}
	if len(all)-len(change.drop)+change.added > maxAlerts {
		return false, fmt.Errorf("rollout %s: %w", id, ErrTooMany)
	}
	for _, d := range change.drop {
		if _, err := t.Exec(ctx, `delete from alerts where rollout_id = $1 and fingerprint = $2 and started = $3`, id, d.Fingerprint, nanos(d.Started)); err != nil {
			return false, err
		}
	}
	for _, a := range change.put {
		data, err := json.Marshal(a)
		if err != nil {
			return false, fmt.Errorf("journal: write an alert of rollout %s: %w", id, err)
		}
		if _, err := t.Exec(ctx, `insert into alerts (rollout_id, fingerprint, started, data) values ($1, $2, $3, $4)
			on conflict (rollout_id, fingerprint, started) do update set data = excluded.data`, id, a.Fingerprint, nanos(a.Started), string(data)); err != nil {
			return false, err
		}
	}
	return true, nil
}

// alertChange is what news of an alert changes: what is dropped, then what is put, and how
// many of those need room of their own.
type alertChange struct {
	drop, put []judge.Alert
	added     int
}

// mergeAlert holds news of an alert against what is known. Where two Prometheus tell
// Alertmanager of the same alert it keeps the earlier start of the two, and so moves the
// start of an alert that it has told of before: one firing may come under several starts,
// and its resolution under yet another. So a resolution ends whatever of the fingerprint
// began before its end, and a start that moves back moves what is known. A later start
// beside one that fires is kept as well: it may be the next one, whose forerunner's end is
// still on its way.
func mergeAlert(all []judge.Alert, a judge.Alert) alertChange {
	var open []judge.Alert
	over := false // what a tells of was known to be over
	for _, have := range all {
		switch {
		case have.Fingerprint != a.Fingerprint:
		case have == a:
			return alertChange{}
		case have.Ended.IsZero():
			open = append(open, have)
		case a.Ended.IsZero():
			over = over || !a.Started.Before(have.Started) && !a.Started.After(have.Ended)
		default:
			over = over || !a.Started.After(have.Ended) && !have.Started.After(a.Ended)
		}
	}
	if a.Ended.IsZero() {
		return fires(open, a, over)
	}
	return resolves(open, a, over)
}

// fires is what it changes that an alert fires, beside those of its fingerprint that do.
func fires(open []judge.Alert, a judge.Alert, over bool) alertChange {
	if over {
		return alertChange{} // told late
	}
	c := alertChange{put: []judge.Alert{a}, added: 1}
	for _, have := range open {
		if have.Started.Before(a.Started) {
			continue
		}
		c.added = 0
		if have.Started.After(a.Started) {
			c.drop = append(c.drop, have)
		}
	}
	return c
}

// resolves is what it changes that an alert is resolved.
func resolves(open []judge.Alert, a judge.Alert, over bool) alertChange {
	var c alertChange
	for _, have := range open { // the oldest first
		if have.Started.After(a.Ended) {
			continue // it is the next one
		}
		if len(c.put) == 0 && !over && have.Started.After(a.Started) {
			c.drop = append(c.drop, have)
			have.Started = a.Started
		}
		have.Ended = a.Ended
		c.put = append(c.put, have)
	}
	if len(c.put) == 0 && !over {
		c.put, c.added = append(c.put, a), 1
	}
	return c
}

// alertsOf reads a rollout's alerts, the oldest first, nil where there are none.
func alertsOf(ctx context.Context, t tx, id string) ([]judge.Alert, error) {
	var out []judge.Alert
	err := t.Query(ctx, func(s scanner) error {
		var (
			data string
			a    judge.Alert
		)
		if err := s.Scan(&data); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(data), &a); err != nil {
			return damaged(id, 0, fmt.Errorf("alert %d: %w", len(out)+1, err))
		}
		out = append(out, a)
		return nil
	}, `select data from alerts where rollout_id = $1 order by started, fingerprint`, id)
	return out, err
}
