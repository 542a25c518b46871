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
	there := false
	for _, have := range all {
		if have.Fingerprint != a.Fingerprint || !have.Started.Equal(a.Started) {
			continue
		}
		if have == a || !have.Ended.IsZero() {
			return false, nil
		}
		there = true
	}
	if !there && len(all) >= maxAlerts {
		return false, fmt.Errorf("rollout %s: %w", id, ErrTooMany)
	}
	data, err := json.Marshal(a)
	if err != nil {
		return false, fmt.Errorf("journal: write an alert of rollout %s: %w", id, err)
	}
	_, err = t.Exec(ctx, `insert into alerts (rollout_id, fingerprint, started, data) values ($1, $2, $3, $4)
		on conflict (rollout_id, fingerprint, started) do update set data = excluded.data`, id, a.Fingerprint, nanos(a.Started), string(data))
	return err == nil, err
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
