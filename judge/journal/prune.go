package journal

import (
	"context"
	"fmt"
	"time"
)

// pruneAtOnce is how many rollouts one transaction of [Journal.Prune] removes, so
// that nobody waits long for it.
const pruneAtOnce = 10

// Prune removes rollouts that were closed before a moment, whole, and then the plans
// that none is left of. Live rollouts and the audit log stay. The moment must be at
// least 24 hours ago: until then a rollout counts as an earlier attempt. It returns
// what was removed, also where an error ended it; it can be repeated.
func (j *Journal) Prune(ctx context.Context, before time.Time) (Counted, error) {
	var all Counted
	if latest := j.now().Add(-again); before.After(latest) {
		return all, fmt.Errorf("journal: rollouts closed after %s cannot be removed yet: they count as earlier attempts for %v",
			latest.UTC().Format(time.RFC3339), again)
	}
	for {
		var some Counted
		err := j.write(ctx, func(t tx) (err error) {
			some, err = pruneSome(ctx, t, before)
			return err
		})
		if err != nil {
			return all, err
		}
		all.Rollouts += some.Rollouts
		all.Looks += some.Looks
		all.Overrides += some.Overrides
		if some.Rollouts < pruneAtOnce {
			break
		}
	}
	err := j.write(ctx, func(t tx) error {
		n, err := t.Exec(ctx, `delete from plans where not exists (select 1 from rollouts r where r.plan_digest = plans.digest)`)
		all.Plans = int(n)
		return err
	})
	return all, err
}

// pruneSome removes a few rollouts.
func pruneSome(ctx context.Context, t tx, before time.Time) (Counted, error) {
	var (
		done   Counted
		beside int // what nobody counts
		ids    []string
	)
	if err := t.Query(ctx, func(s scanner) error {
		var id string
		err := s.Scan(&id)
		ids = append(ids, id)
		return err
	}, `select id from rollouts where closed is not null and closed < $1 order by closed, id limit $2`, nanos(before), pruneAtOnce); err != nil {
		return done, err
	}
	for _, id := range ids {
		if err := t.lockRollout(ctx, id); err != nil {
			return done, err
		}
		for _, c := range []struct {
			n         *int
			statement string
		}{
			{&beside, `delete from archives where rollout_id = $1`},
			{&beside, `delete from removals where rollout_id = $1`},
			{&beside, `delete from alerts where rollout_id = $1`},
			{&beside, `delete from checked where rollout_id = $1`},
			{&done.Looks, `delete from looks where rollout_id = $1`},
			{&done.Overrides, `delete from overrides where rollout_id = $1`},
			{&done.Rollouts, `delete from rollouts where id = $1`},
		} {
			n, err := t.Exec(ctx, c.statement, id)
			if err != nil {
				return done, err
			}
			*c.n += int(n)
		}
	}
	return done, nil
}
