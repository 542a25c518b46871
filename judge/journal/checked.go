package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
)

// ErrChecked is returned where a round of a long check has its result already, or has
// begun anew since: what ran it then has nothing to record.
var ErrChecked = errors.New("journal: this round of the check is somebody else's, or over")

// BeginCheck records that a round of a long check begins, and returns how often it has
// begun, which is what [Journal.Checked] wants to be told. A round that has its result is
// ErrChecked, a rollout that is over ErrClosed.
func (j *Journal) BeginCheck(ctx context.Context, id string, b judge.Beginning) (begins int, err error) {
	err = j.write(ctx, func(t tx) error {
		if _, err := j.liveRow(ctx, t, id); err != nil {
			return err
		}
		var ended int64
		begins, ended = 0, 0
		err := one(ctx, t, ask(`select begins, ended from checked where rollout_id = $1 and name = $2 and round = $3`, id, b.Name, b.Round), &begins, &ended)
		switch {
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		case ended != 0:
			return fmt.Errorf("rollout %s, check %s, round %d: %w", id, b.Name, b.Round, ErrChecked)
		}
		begins++
		_, err = t.Exec(ctx, `insert into checked (rollout_id, name, round, begun, begins, lasts, ended, used, result)
			values ($1, $2, $3, $4, $5, $6, 0, 0, '')
			on conflict (rollout_id, name, round) do update set begun = excluded.begun, begins = excluded.begins`,
			id, b.Name, b.Round, nanos(j.now()), begins, int64(b.Lasts))
		return err
	})
	return begins, err
}

// liveRow locks a rollout that is not over.
func (j *Journal) liveRow(ctx context.Context, t tx, id string) (row, error) {
	if err := t.lockRollout(ctx, id); err != nil {
		return row{}, err
	}
	r, err := get(ctx, t, id)
	if err == nil && r.over() {
		err = fmt.Errorf("rollout %s: %w", id, ErrClosed)
	}
	return r, err
}

// Checked records the result of a round that [Journal.BeginCheck] has begun, for the next
// look to use. Its Begins are those that BeginCheck returned: where the round has begun
// anew since, or has a result, it is ErrChecked and nothing is recorded.
func (j *Journal) Checked(ctx context.Context, id string, r checks.Result) error {
	r.At = utc(r.At)
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("journal: write a result of rollout %s: %w", id, err)
	}
	return j.write(ctx, func(t tx) error {
		of, err := j.liveRow(ctx, t, id)
		if err != nil {
			return err
		}
		now := j.now()
		n, err := t.Exec(ctx, `update checked set ended = $1, result = $2 where rollout_id = $3 and name = $4 and round = $5 and begins = $6 and ended = 0`,
			nanos(now), string(data), id, r.Name, r.Round, r.Begins)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("rollout %s, check %s, round %d: %w", id, r.Name, r.Round, ErrChecked)
		}
		return j.tell(ctx, t, Event{Kind: EventChecked, At: utc(now), Rollout: of.rollout, Checked: &r})
	})
}

// checkedOf reads what no look has used: the results, and the long checks that have left
// none.
func checkedOf(ctx context.Context, t tx, id string, rec *judge.Record) error {
	return t.Query(ctx, func(s scanner) error {
		var (
			u             judge.Underway
			begun, ended  int64
			lasts         int64
			result        string
			pendingResult checks.Result
		)
		if err := s.Scan(&u.Name, &u.Round, &begun, &u.Begins, &lasts, &ended, &result); err != nil {
			return err
		}
		if ended == 0 {
			u.Since, u.Lasts = moment(begun), time.Duration(lasts)
			rec.Underway = append(rec.Underway, u)
			return nil
		}
		if err := json.Unmarshal([]byte(result), &pendingResult); err != nil {
			return damaged(id, 0, fmt.Errorf("the result of check %s, round %d: %w", u.Name, u.Round, err))
		}
		rec.Pending = append(rec.Pending, pendingResult)
		return nil
	}, `select name, round, begun, begins, lasts, ended, result from checked where rollout_id = $1 and used = 0 order by name, round`, id)
}

// useChecked gives the results that a look uses to it, each of them to one look.
func useChecked(ctx context.Context, t tx, l judge.Look) error {
	for _, r := range l.Checks {
		if r.Round == 0 {
			continue
		}
		n, err := t.Exec(ctx, `update checked set used = $1, result = '' where rollout_id = $2 and name = $3 and round = $4 and used = 0 and ended <> 0`,
			l.Verdict.Seq, l.Rollout, r.Name, r.Round)
		if err != nil {
			return err
		}
		if n != 1 {
			return fmt.Errorf("rollout %s, look %d: the result of check %s, round %d, is not there to be used: %w", l.Rollout, l.Verdict.Seq, r.Name, r.Round, judge.ErrStale)
		}
	}
	return nil
}
