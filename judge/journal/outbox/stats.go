package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Count is how much work of one kind is in one state.
type Count struct {
	Kind  string
	State State
	Works int
	// Oldest is since when the oldest of it has been due (queued), or was added.
	Oldest time.Time
}

// Stats is how the work stands.
type Stats struct {
	Counts []Count
	// Breakers are the targets that failed last, and whether their breaker is open
	// in this process.
	Breakers map[string]bool
	// Attempts are this process's attempts since it began, by kind and result.
	Attempts map[Attempted]int
}

// Attempted is a kind and how attempts of it ended: done, failed or refused (for good,
// or until somebody mends something).
type Attempted struct{ Kind, Result string }

// Stats returns how the work stands.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	s := Stats{Breakers: q.breakers.open(), Attempts: q.tally.copy()}
	err := q.db.reader().Query(ctx, func(row Row) error {
		var (
			c      Count
			state  string
			oldest int64
		)
		err := row.Scan(&c.Kind, &state, &c.Works, &oldest)
		c.State, c.Oldest = State(state), moment(oldest)
		s.Counts = append(s.Counts, c)
		return err
	}, `select kind, state, count(*), min(case when state = 'queued' then not_before else added end) from work group by kind, state order by kind, state`)
	if err != nil {
		return Stats{}, fmt.Errorf("outbox: count work: %w", err)
	}
	return s, nil
}

// tally counts attempts.
type tally struct {
	mu sync.Mutex
	of map[Attempted]int
}

func (t *tally) count(kind string, failure error) {
	result := "done"
	switch {
	case errors.Is(failure, ErrPermanent), refused(failure):
		result = "refused"
	case failure != nil:
		result = "failed"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[Attempted]int{}
	}
	t.of[Attempted{kind, result}]++
}

func (t *tally) copy() map[Attempted]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := make(map[Attempted]int, len(t.of))
	for k, v := range t.of {
		m[k] = v
	}
	return m
}
