package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// State is how a piece of work stands.
type State string

// The states. Only queued work is tried.
const (
	Queued    State = "queued"    // waits for its first or next attempt, or is being tried
	Done      State = "done"      // the handler succeeded
	Dead      State = "dead"      // given up: permanent failure, or the deadline passed
	Cancelled State = "cancelled" // dropped by a person, or of no interest any more
)

// ReadState reads a state's name.
func ReadState(name string) (State, error) {
	switch s := State(name); s {
	case Queued, Done, Dead, Cancelled:
		return s, nil
	}
	return "", fmt.Errorf("%q is no state of work; write queued, done, dead or cancelled", name)
}

// Work is a job with how it stands.
type Work struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Key     string          `json:"key"`
	Rollout string          `json:"rollout,omitempty"`
	Target  string          `json:"target,omitempty"`
	Body    json.RawMessage `json:"-"` // what the handler reads; not shown

	State    State  `json:"state"`
	Attempts int    `json:"attempts"`
	Error    string `json:"error,omitempty"` // of the last attempt

	Added     time.Time `json:"added"`
	NotBefore time.Time `json:"notBefore,omitzero"` // the next attempt comes no earlier
	Deadline  time.Time `json:"deadline"`
	Tried     time.Time `json:"tried,omitzero"` // when the last attempt began
	Ended     time.Time `json:"ended,omitzero"` // when it was done, given up or dropped

	generation, failures int
	patience             time.Duration
}

// job returns what the handler gets.
func (w Work) job() Job {
	return Job{Kind: w.Kind, Key: w.Key, Rollout: w.Rollout, Target: w.Target, Body: w.Body, NotBefore: w.NotBefore, Deadline: w.Deadline}
}

const workColumns = `id, kind, job_key, rollout_id, target, body, state, attempts, error,
	added, not_before, deadline, tried, ended, generation, failures, patience`

// scanWork reads workColumns.
func scanWork(s Row) (Work, error) {
	var (
		w                                        Work
		body, state                              string
		added, notBefore, deadline, tried, ended int64
	)
	err := s.Scan(&w.ID, &w.Kind, &w.Key, &w.Rollout, &w.Target, &body, &state, &w.Attempts, &w.Error,
		&added, &notBefore, &deadline, &tried, &ended, &w.generation, &w.failures, &w.patience)
	if body != "" {
		w.Body = json.RawMessage(body)
	}
	w.State = State(state)
	w.Added, w.NotBefore, w.Deadline = moment(added), moment(notBefore), moment(deadline)
	w.Tried, w.Ended = moment(tried), moment(ended)
	return w, err
}

// nanos writes a time as the table has it: 0 is never.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// moment reads a time as the table has it.
func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// Filter selects work for [Queue.List]. Zero fields select everything.
type Filter struct {
	State         State
	Kind, Rollout string
	Failed        bool // only what an attempt has failed at
	Limit         int  // default 100
}

// List returns work, the newest first.
func (q *Queue) List(ctx context.Context, f Filter) ([]Work, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	args := []any{f.Limit}
	var conditions []string
	for _, c := range []struct{ column, value string }{{"state", string(f.State)}, {"kind", f.Kind}, {"rollout_id", f.Rollout}} {
		if c.value != "" {
			args = append(args, c.value)
			conditions = append(conditions, fmt.Sprintf("%s = $%d", c.column, len(args)))
		}
	}
	if f.Failed {
		conditions = append(conditions, "error <> ''")
	}
	statement := `select ` + workColumns + ` from work`
	if len(conditions) > 0 {
		statement += ` where ` + strings.Join(conditions, " and ")
	}
	found := []Work{}
	err := q.db.reader().Query(ctx, func(s Row) error {
		w, err := scanWork(s)
		found = append(found, w)
		return err
	}, statement+` order by added desc, id limit $1`, args...)
	if err != nil {
		return nil, fmt.Errorf("outbox: list work: %w", err)
	}
	return found, nil
}

// Get returns one piece of work, or ErrNotFound.
func (q *Queue) Get(ctx context.Context, id string) (Work, error) {
	return get(ctx, q.db.reader(), id)
}

func get(ctx context.Context, c Statements, id string) (Work, error) {
	var w Work
	found := false
	err := c.Query(ctx, func(s Row) (err error) {
		found = true
		w, err = scanWork(s)
		return err
	}, `select `+workColumns+` from work where id = $1`, id)
	switch {
	case err != nil:
		return Work{}, fmt.Errorf("outbox: read work %s: %w", id, err)
	case !found:
		return Work{}, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	return w, nil
}

// Retry queues a dead or cancelled piece of work again, with as much time as it had
// at first. Its key stays, so that a receiver can tell.
func (q *Queue) Retry(ctx context.Context, id string) (Work, error) {
	var w Work
	err := q.db.within(ctx, func(t Tx) error {
		c, err := t.conn()
		if err != nil {
			return err
		}
		if w, err = get(ctx, c, id); err != nil {
			return err
		}
		if w.State != Dead && w.State != Cancelled {
			return fmt.Errorf("%w: work %s is %s; only dead or cancelled work is tried again", ErrState, id, w.State)
		}
		now := q.now()
		w.generation++
		w.State, w.failures, w.NotBefore, w.Ended, w.Deadline = Queued, 0, now, time.Time{}, now.Add(w.patience)
		changed, err := c.Exec(ctx, `update work set state = 'queued', generation = $1, failures = 0, not_before = $2, deadline = $3, ended = 0
			where id = $4 and generation = $5 and state in ('dead', 'cancelled')`, w.generation, nanos(now), nanos(w.Deadline), id, w.generation-1)
		switch {
		case err != nil:
			return fmt.Errorf("outbox: retry work %s: %w", id, err)
		case changed == 0:
			return fmt.Errorf("%w: somebody else has just retried work %s", ErrState, id)
		}
		return q.hand(ctx, t, w)
	})
	return w, err
}

// Drop cancels a dead or queued piece of work. An attempt that is under way may
// still succeed.
func (q *Queue) Drop(ctx context.Context, id string) (Work, error) {
	var w Work
	err := q.db.within(ctx, func(t Tx) error {
		c, err := t.conn()
		if err != nil {
			return err
		}
		changed, err := c.Exec(ctx, `update work set state = 'cancelled', ended = $1 where id = $2 and state in ('dead', 'queued')`, nanos(q.now()), id)
		if err != nil {
			return fmt.Errorf("outbox: drop work %s: %w", id, err)
		}
		if w, err = get(ctx, c, id); err == nil && changed == 0 {
			err = fmt.Errorf("%w: work %s is %s; only dead or queued work can be dropped", ErrState, id, w.State)
		}
		return err
	})
	return w, err
}
