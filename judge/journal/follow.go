package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/serin-canary/serin/judge"
)

// errEnough ends a query before its last row.
var errEnough = errors.New("enough was read")

// follow checks that a freeze can be joined to those that are recorded, so that no
// look is accepted that would keep the rollout from ever being loaded again.
//
// It reads backwards, and mostly one look: until every metric of the freeze was met
// with processes in both arms.
func follow(ctx context.Context, t tx, id string, f judge.Frozen) error {
	missing := make(map[string]bool, len(f.Metrics))
	for name := range f.Metrics {
		missing[name] = true
	}
	var before []judge.Frozen
	err := t.Query(ctx, func(s scanner) error {
		if len(missing) == 0 {
			return errEnough
		}
		var (
			seq int
			b   []byte
		)
		if err := s.Scan(&seq, &b); err != nil {
			return err
		}
		g, err := decodeFreeze(b)
		if err != nil {
			return damaged(id, seq, err)
		}
		before = append(before, g)
		for name, m := range g.Metrics {
			// A prior may be anywhere before: for it, all is read.
			if !bare(m.Canary) && !bare(m.Baseline) && f.Metrics[name].Prior == nil {
				delete(missing, name)
			}
		}
		return nil
	}, `select seq, freeze from looks where rollout_id = $1 order by seq desc`, id)
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	u := union{}
	for _, g := range slices.Backward(before) {
		if err := u.add(g); err != nil {
			return fmt.Errorf("%w: rollout %s: %w", ErrDamaged, id, err)
		}
	}
	return u.add(f)
}
