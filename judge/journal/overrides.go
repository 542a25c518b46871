package journal

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/serin-canary/serin/judge"
)

// Override records what a person decided about a live rollout. It counts from the
// next look on, which quotes it. A zero time is now. It returns the override as it
// is recorded.
//
// An override that cannot be is refused with its faults; a rollout that is over is
// ErrClosed.
func (j *Journal) Override(ctx context.Context, id string, o judge.Override) (judge.Override, error) {
	if err := o.Validate(); err != nil {
		return judge.Override{}, fmt.Errorf("journal: rollout %s: this override cannot be recorded: %w", id, err)
	}
	if o.At.IsZero() {
		o.At = j.now()
	}
	o.At = utc(o.At)
	err := j.write(ctx, func(t tx) error {
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
		if err := one(ctx, t, ask(`select count(*) + 1 from overrides where rollout_id = $1`, id), &o.Seq); err != nil {
			return err
		}
		if err := insertOverride(ctx, t, id, o); err != nil {
			return err
		}
		return j.tell(ctx, t, Event{Kind: EventOverridden, At: o.At, Rollout: r.rollout, Override: &o})
	})
	if err != nil {
		return judge.Override{}, err
	}
	return o, nil
}

func insertOverride(ctx context.Context, t tx, id string, o judge.Override) error {
	data, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("journal: write override %d of rollout %s: %w", o.Seq, id, err)
	}
	_, err = t.Exec(ctx, `insert into overrides (rollout_id, seq, at, data) values ($1, $2, $3, $4)`, id, o.Seq, nanos(o.At), string(data))
	return err
}

// Overrides returns what people decided about a rollout, in order.
func (j *Journal) Overrides(ctx context.Context, id string) ([]judge.Override, error) {
	var out []judge.Override
	err := j.read(ctx, func(t tx) error {
		if _, err := get(ctx, t, id); err != nil {
			return err
		}
		var err error
		out, err = overrides(ctx, t, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// overrides reads a rollout's overrides, nil where there are none.
func overrides(ctx context.Context, t tx, id string) ([]judge.Override, error) {
	var out []judge.Override
	err := t.Query(ctx, func(s scanner) error {
		var (
			seq  int
			data string
			o    judge.Override
		)
		if err := s.Scan(&seq, &data); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(data), &o)
		if err == nil && (seq != len(out)+1 || o.Seq != seq) {
			err = fmt.Errorf("its number is %d, in row %d", o.Seq, seq)
		}
		if err != nil {
			return damaged(id, 0, fmt.Errorf("override %d: %w", len(out)+1, err))
		}
		out = append(out, o)
		return nil
	}, `select seq, data from overrides where rollout_id = $1 order by seq`, id)
	return out, err
}
