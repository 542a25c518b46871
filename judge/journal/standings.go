package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge"
)

// stand records how a rollout stands after a look, unless a newer look has said so.
func stand(ctx context.Context, t tx, id string, v judge.Verdict) error {
	blamed := ""
	if v.Outcome == judge.Rollback && v.Latched != nil && len(v.Latched.Metrics) > 0 {
		b, err := json.Marshal(v.Latched.Metrics)
		if err != nil {
			return fmt.Errorf("journal: write what rollout %s is blamed on: %w", id, err)
		}
		blamed = string(b)
	}
	_, err := t.Exec(ctx, `update rollouts set outcome = $1, judged = $2, blamed = $3 where id = $4 and judged < $2`,
		v.Outcome.String(), v.Seq, blamed, id)
	return err
}

// recent is how far back standings are held against the looks when a journal is opened.
const recent = 24 * time.Hour

// restand brings up to date how rollouts stand whose newest look was recorded by a
// version that did not record it: all of them after the migration, and afterwards those
// that are live or recent, since a replica of that version may still be running. A verdict
// that cannot be read is left as it is: whoever reads the rollout is told.
func (j *Journal) restand(ctx context.Context) error {
	const page = 200
	for after := ""; ; {
		var late []string
		if err := j.read(ctx, func(t tx) error {
			late = nil
			return t.Query(ctx, func(s scanner) error {
				var id string
				err := s.Scan(&id)
				late = append(late, id)
				return err
			}, `select r.id from rollouts r where r.id > $1 and (r.outcome is null or r.closed is null or r.closed > $2)
				and exists (select 1 from looks l where l.rollout_id = r.id and l.seq > r.judged) order by r.id limit $3`,
				after, nanos(j.now().Add(-recent)), page)
		}); err != nil {
			return err
		}
		if len(late) == 0 {
			return nil
		}
		if err := j.write(ctx, func(t tx) error {
			for _, id := range late {
				if err := standAsLast(ctx, t, id); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		after = late[len(late)-1]
	}
}

// standAsLast records how a rollout stands by its newest verdict, where it can be read.
func standAsLast(ctx context.Context, t tx, id string) error {
	var (
		seq          int64
		digest, text string
	)
	if err := one(ctx, t, ask(`select seq, verdict_digest, verdict from looks where rollout_id = $1 order by seq desc limit 1`, id),
		&seq, &digest, &text); err != nil {
		return err
	}
	row := verdictRow{sql.NullInt64{Int64: seq, Valid: true}, sql.NullString{String: digest, Valid: true}, sql.NullString{String: text, Valid: true}}
	v, err := row.verdict(id)
	if err != nil {
		return nil //nolint:nilerr // damage is told where the rollout is read
	}
	return stand(ctx, t, id, v)
}
