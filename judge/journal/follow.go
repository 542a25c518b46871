package journal

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/serin-canary/serin/judge"
)

// follow checks that a look's freeze can be joined to those that are recorded, so
// that no look is accepted that would keep the rollout from ever being loaded again.
//
// It reads backwards, and mostly one look: until it met everything that the freeze
// could disagree with.
func follow(ctx context.Context, t tx, l judge.Look) error {
	missing := maps.Clone(l.Freeze.Metrics)
	var before []judge.Frozen
	room := newArena()
	for last, some := l.Verdict.Seq, 1; last > 1 && len(missing) > 0; some *= 4 {
		from := max(last-some, 1)
		err := t.Query(ctx, func(s scanner) error {
			var (
				seq int
				b   []byte
			)
			if err := s.Scan(&seq, &b); err != nil {
				return err
			}
			g, err := decodeFreeze(b, room)
			if err != nil {
				return damaged(l.Rollout, seq, err)
			}
			before = append(before, g)
			for name, m := range g.Metrics {
				if next, ok := missing[name]; ok && meets(&m, &next) {
					delete(missing, name)
				}
			}
			return nil
		}, `select seq, "freeze" from looks where rollout_id = $1 and seq >= $2 and seq < $3 order by seq desc`, l.Rollout, from, last)
		if err != nil {
			return err
		}
		last = from
	}
	u := union{}
	for _, g := range slices.Backward(before) {
		if err := u.add(g); err != nil {
			return fmt.Errorf("%w: rollout %s: %w", ErrDamaged, l.Rollout, err)
		}
	}
	return u.add(l.Freeze)
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
