package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/serin-canary/serin/judge"
)

// errEnough ends a query before its last row.
var errEnough = errors.New("enough was read")

// follow checks that a freeze can be joined to those that are recorded, so that no
// look is accepted that would keep the rollout from ever being loaded again.
//
// It reads backwards, and mostly one look: until it met everything that the freeze
// could disagree with.
func follow(ctx context.Context, t tx, id string, f judge.Frozen) error {
	missing := maps.Clone(f.Metrics)
	var before []judge.Frozen
	room := newArena()
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
		g, err := decodeFreeze(b, room)
		if err != nil {
			return damaged(id, seq, err)
		}
		before = append(before, g)
		for name, m := range g.Metrics {
			if next, ok := missing[name]; ok && meets(&m, &next) {
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

// meets reports whether an earlier freeze of a metric has all that a later one
// could disagree with: where it ends, and its bounds.
func meets(before, next *judge.FrozenMetric) bool {
	earlier := framesOf(before)
	for i, f := range framesOf(next) {
		if f.Window.Len() == 0 {
			continue
		}
		if earlier[i].Window.Len() == 0 || bare(*earlier[i]) && !bare(*f) {
			return false
		}
	}
	return true
}
