package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/serin-canary/serin/judge"
)

// Verify holds everything that is recorded against its digests: plans, the chain of
// every rollout's looks, verdicts, overrides. It calls fault with every fault, each
// an [ErrDamaged], and returns how much it read. An error means that the journal
// could not be read to its end.
//
// Where inputs were removed by policy, the chain through them cannot be computed any
// more. What is verified of such looks is that none is missing, that their verdicts
// have their digests, and that their times, latches, promotions and both digests are
// those of the moment of the removal, by its seal; that moment's chain was sound.
func (j *Journal) Verify(ctx context.Context, fault func(error)) (Counted, error) {
	var all Counted
	plans := map[string]bool{}
	err := j.Each(ctx, func(id string) error {
		var one rolloutCheck
		if err := j.read(ctx, func(t tx) error {
			one = rolloutCheck{id: id}
			return one.run(ctx, t)
		}); err != nil && !errors.Is(err, ErrNotFound) { // pruned meanwhile
			return err
		}
		for _, err := range one.faults {
			fault(err)
		}
		plans[one.plan] = true
		all.Rollouts++
		all.Looks += one.looks
		all.Overrides += one.overrides
		all.Removed += one.removed
		return nil
	})
	if err != nil {
		return all, err
	}
	delete(plans, "")
	all.Plans = len(plans)
	err = j.read(ctx, func(t tx) error {
		for _, c := range []struct{ what, statement string }{
			{"looks", `select count(*) from looks l left join rollouts r on r.id = l.rollout_id where r.id is null`},
			{"overrides", `select count(*) from overrides o left join rollouts r on r.id = o.rollout_id where r.id is null`},
		} {
			var n int
			if err := one(ctx, t, ask(c.statement), &n); err != nil {
				return err
			}
			if n > 0 {
				fault(fmt.Errorf("%w: %d %s belong to no rollout", ErrDamaged, n, c.what))
			}
		}
		return one(ctx, t, ask(`select count(*) from audit`), &all.Audit)
	})
	return all, err
}

// rolloutCheck verifies one rollout and collects its faults.
type rolloutCheck struct {
	id, plan         string
	looks, overrides int
	removed          int // of the looks
	faults           []error
}

// found keeps a fault, and returns an error that is none.
func (c *rolloutCheck) found(err error) error {
	if err == nil || !errors.Is(err, ErrDamaged) {
		return err
	}
	c.faults = append(c.faults, err)
	return nil
}

func (c *rolloutCheck) run(ctx context.Context, t tx) error {
	r, err := get(ctx, t, c.id)
	if err != nil {
		return c.found(err)
	}
	c.plan = r.rollout.PlanDigest
	_, err = pinned(ctx, t, r.rollout)
	if err := c.found(err); err != nil {
		return err
	}
	os, err := overrides(ctx, t, c.id)
	if err := c.found(err); err != nil {
		return err
	}
	c.overrides = len(os)
	frozen, room, known := union{}, newArena(), len(c.faults)
	err = inspect(ctx, t, r, func(s sealed) error {
		if len(c.faults) > known { // what follows a fault cannot be joined to what it hides
			frozen, known = union{}, len(c.faults)
		}
		f, err := decodeFreeze(s.freeze, room)
		if err != nil {
			return err
		}
		return frozen.add(f)
	}, func(err error) error {
		if errors.Is(err, ErrInputsRemoved) {
			c.removed++
			frozen = union{} // what follows them cannot be joined to them
			return nil
		}
		return c.found(err)
	})
	if err != nil {
		return err
	}
	gone, err := removalOf(ctx, t, c.id)
	if err == nil {
		err = c.found(gone.verify(ctx, t, r))
	}
	if err != nil {
		return err
	}
	return c.verdicts(ctx, t, r)
}

// verdicts verifies the verdicts of a rollout's looks.
func (c *rolloutCheck) verdicts(ctx context.Context, t tx, r row) error {
	kept, err := archiveOf(ctx, t, r.whose(), halves{verdicts: true})
	if err != nil {
		return err
	}
	return t.Query(ctx, func(s scanner) error {
		var v verdictRow
		if err := s.Scan(&v.seq, &v.digest, &v.json); err != nil {
			return c.found(damaged(c.id, c.looks+1, err))
		}
		c.looks++
		if err := kept.fillVerdict(&v); err != nil {
			return c.found(damaged(c.id, int(v.seq.Int64), err))
		}
		b, err := v.bytes(c.id)
		if err != nil {
			return c.found(err)
		}
		var said judge.Verdict
		if err := json.Unmarshal(b, &said); err != nil {
			return c.found(damaged(c.id, int(v.seq.Int64), err))
		}
		if said.Seq != int(v.seq.Int64) || said.Rollout.ID != c.id {
			return c.found(damaged(c.id, int(v.seq.Int64), fmt.Errorf("its verdict is that of look %d of rollout %q", said.Seq, said.Rollout.ID)))
		}
		return nil
	}, `select seq, verdict_digest, verdict from looks where rollout_id = $1 order by seq`, c.id)
}
