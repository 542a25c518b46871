package judge

import "context"

// Memory is a [Journal] of one rollout that is forgotten with the process: of a simulated
// one, or of one of the past. It is for one goroutine.
type Memory struct {
	// Record is what is remembered: at first the rollout and its plan.
	Record Record
}

// Load implements [Journal].
func (m *Memory) Load(_ context.Context, id string) (Record, error) {
	if id != m.Record.Rollout.ID {
		return Record{}, ErrUnknownRollout
	}
	return m.Record, nil
}

// Commit implements [Journal].
func (m *Memory) Commit(_ context.Context, l Look) error {
	if l.Verdict.Seq != m.Record.Looks+1 {
		return ErrStale
	}
	joined, err := m.Record.Frozen.Append(l.Freeze)
	if err != nil {
		return err
	}
	m.Record.Frozen, m.Record.Looks = joined, m.Record.Looks+1
	if m.Record.Latch == nil {
		m.Record.Latch = l.Verdict.Latched
	}
	if m.Record.PromotedAt.IsZero() && l.Verdict.Promotion.Yes {
		m.Record.PromotedAt = l.Verdict.At
	}
	return nil
}
