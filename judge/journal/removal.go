package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"
)

// removal is a record that the inputs of a rollout's first looks were removed.
type removal struct {
	at    time.Time
	looks int
	seal  string
}

// sealer makes a removal's seal: the digest of what remains of each look, which was
// taken when the chain of digests over all of it had just been found sound.
type sealer struct{ h hash.Hash }

func newSealer(id, planDigest string, looks int) sealer {
	s := sealer{sha256.New()}
	fmt.Fprintf(s.h, "serin inputs removed 1\n%s\n%s\n%d\n", id, planDigest, looks)
	return s
}

// add adds a look with its two digests.
func (s sealer) add(l sealed, inputs, verdict string) {
	fmt.Fprintf(s.h, "%d %d %t %s %s %d\n%s", l.seq, nanos(l.at), l.promotes, inputs, verdict, len(l.latch), l.latch)
}

func (s sealer) sum() string { return hex.EncodeToString(s.h.Sum(nil)) }

// removalOf reads the removal of a rollout, and nil where nothing was removed.
func removalOf(ctx context.Context, t tx, id string) (*removal, error) {
	var (
		r  removal
		at int64
	)
	err := one(ctx, t, ask(`select at, looks, seal from removals where rollout_id = $1`, id), &at, &r.looks, &r.seal)
	if errors.Is(err, ErrNotFound) {
		return nil, nil //nolint:nilnil // most rollouts have none
	}
	r.at = moment(at)
	return &r, err
}

// sealOf computes the seal of a rollout's first looks.
func sealOf(ctx context.Context, t tx, r row, looks int) (string, error) {
	s := newSealer(r.rollout.ID, r.rollout.PlanDigest, looks)
	err := t.Query(ctx, func(row scanner) error {
		var (
			l               sealed
			at, promotes    int64
			inputs, verdict string
		)
		if err := row.Scan(&l.seq, &at, &promotes, &l.latch, &inputs, &verdict); err != nil {
			return damaged(r.rollout.ID, l.seq, err)
		}
		l.at, l.promotes = moment(at), promotes != 0
		s.add(l, inputs, verdict)
		return nil
	}, `select seq, at, promotes, latch, inputs_digest, verdict_digest from looks where rollout_id = $1 and seq <= $2 order by seq`, r.rollout.ID, looks)
	return s.sum(), err
}

// verify holds what remains against the seal.
func (x *removal) verify(ctx context.Context, t tx, r row) error {
	if x == nil {
		return nil
	}
	got, err := sealOf(ctx, t, r, x.looks)
	if err == nil && got != x.seal {
		err = x.broken(r.rollout.ID, got)
	}
	return err
}

// broken says that a seal does not hold.
func (x *removal) broken(id, got string) error {
	return damaged(id, 0, fmt.Errorf("its first %d looks are not those whose inputs were removed: their seal is %.12s, and %.12s was recorded", x.looks, got, x.seal))
}

// save records a removal. One of more looks stays.
func (x removal) save(ctx context.Context, t tx, id string) error {
	_, err := t.Exec(ctx, `insert into removals (rollout_id, at, looks, seal) values ($1, $2, $3, $4)
		on conflict (rollout_id) do update set at = excluded.at, looks = excluded.looks, seal = excluded.seal where excluded.looks > removals.looks`,
		id, nanos(x.at), x.looks, x.seal)
	return err
}

// RemoveInputs removes what the looks at rollouts that were closed before a moment
// rested on. Verdicts, digests and everything else stay, and a seal is made of what
// stays. Only archived looks are considered: call [Journal.Compact] first. A rollout
// that is damaged keeps its inputs, since they may help to repair it; such faults are
// returned together when everything else is done. It returns how much was removed,
// also where an error ended it; it can be repeated.
func (j *Journal) RemoveInputs(ctx context.Context, before time.Time) (Compacted, error) {
	var (
		all    Compacted
		faults []error
	)
	err := j.eachSettled(ctx, asArchived, before, func(id string) error {
		var done Compacted
		err := j.write(ctx, func(t tx) (err error) {
			done, err = j.removeInputs(ctx, t, id)
			return err
		})
		if errors.Is(err, ErrDamaged) {
			faults = append(faults, err)
			return nil
		}
		all.add(done)
		return err
	})
	return all, errors.Join(append(faults, err)...)
}

// removeInputs does it for one rollout.
func (j *Journal) removeInputs(ctx context.Context, t tx, id string) (Compacted, error) {
	var done Compacted
	if err := t.lockRollout(ctx, id); err != nil {
		return done, err
	}
	state, err := settledOf(ctx, t, id)
	if err != nil || state != asArchived {
		return done, ignoreNotFound(err) // another replica was here
	}
	r, err := get(ctx, t, id)
	if err != nil {
		return done, err
	}
	was, err := removalOf(ctx, t, id)
	if err == nil {
		err = was.verify(ctx, t, r)
	}
	if err != nil {
		return done, err
	}
	last := 0
	err = inspect(ctx, t, r, func(s sealed) error {
		done.Looks++
		last = s.seq
		return nil
	}, func(err error) error {
		if errors.Is(err, ErrInputsRemoved) {
			return nil
		}
		return err
	})
	if err != nil {
		return done, err
	}
	if done.Looks > 0 {
		done.Rollouts = 1
		if err := one(ctx, t, ask(`select coalesce(sum(length(inputs)), 0) from archives where rollout_id = $1`, id), &done.Before); err != nil {
			return done, err
		}
		if _, err := t.Exec(ctx, `update archives set inputs = $1 where rollout_id = $2`, []byte{}, id); err != nil {
			return done, err
		}
		now := removal{at: utc(j.now()), looks: last}
		if now.seal, err = sealOf(ctx, t, r, last); err != nil {
			return done, err
		}
		if err := now.save(ctx, t, id); err != nil {
			return done, err
		}
	}
	return done, settle(ctx, t, id, asRemoved)
}
