package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge/rollout"
)

// Live returns the live rollout of a key, or ErrNotFound.
func (j *Journal) Live(ctx context.Context, k rollout.Key) (rollout.Rollout, error) {
	var found rollout.Rollout
	err := j.read(ctx, func(t tx) error {
		live, err := liveOf(ctx, t, k)
		if err != nil {
			return err
		}
		for _, r := range live {
			if r.Revision == k.Revision {
				found = r
				return nil
			}
		}
		return unknownKey(k)
	})
	return found, err
}

// Declare records that the controller declared a weight. The same weight again
// changes nothing. A zero time is now. A rollout that is over is ErrClosed.
func (j *Journal) Declare(ctx context.Context, id string, w rollout.WeightAt) error {
	if math.IsNaN(w.Percent) || w.Percent < 0 || w.Percent > 100 {
		return fmt.Errorf("journal: rollout %s: a weight of %v %% was declared; it must be within 0 and 100", id, w.Percent)
	}
	if w.At.IsZero() {
		w.At = j.now()
	}
	w.At = utc(w.At)
	return j.change(ctx, id, func(r *rollout.Rollout) bool {
		if before, known := r.WeightAtTime(w.At); known && before == w.Percent {
			return false
		}
		at := len(r.Weights)
		for at > 0 && r.Weights[at-1].At.After(w.At) {
			at--
		}
		r.Weights = slices.Insert(r.Weights, at, w)
		return true
	})
}

// FinalStep records when the last promotion was first asked for. Later calls
// change nothing. A zero time is now. A rollout that is over is ErrClosed.
func (j *Journal) FinalStep(ctx context.Context, id string, at time.Time) error {
	if at.IsZero() {
		at = j.now()
	}
	return j.change(ctx, id, func(r *rollout.Rollout) bool {
		if !r.FinalStep.IsZero() {
			return false
		}
		r.FinalStep = utc(at)
		return true
	})
}

// End closes a rollout. Closing a closed one changes nothing. A zero time is now.
func (j *Journal) End(ctx context.Context, id string, at time.Time, why string) error {
	if at.IsZero() {
		at = j.now()
	}
	return j.write(ctx, func(t tx) error {
		r, err := get(ctx, t, id)
		if err != nil {
			return err
		}
		return j.end(ctx, t, r.rollout, closing{at, why})
	})
}

// closing is when and why a rollout is closed.
type closing struct {
	at  time.Time
	why string
}

func (j *Journal) end(ctx context.Context, t tx, r rollout.Rollout, c closing) error {
	if err := t.lockRollout(ctx, r.ID); err != nil {
		return err
	}
	c.why = printable(c.why) // callers quote what they were sent
	n, err := t.Exec(ctx, `update rollouts set closed = $1, why = $2 where id = $3 and closed is null`, nanos(c.at), c.why, r.ID)
	if err != nil || n == 0 {
		return err
	}
	return j.tell(ctx, t, Event{Kind: EventClosed, At: utc(c.at), Rollout: r, Why: c.why})
}

// change edits a live rollout. The edit says whether it changed anything.
func (j *Journal) change(ctx context.Context, id string, edit func(*rollout.Rollout) bool) error {
	return j.write(ctx, func(t tx) error {
		if err := t.lockRollout(ctx, id); err != nil {
			return err
		}
		s, err := get(ctx, t, id)
		if err != nil {
			return err
		}
		if s.over() {
			return fmt.Errorf("rollout %s: %w", id, ErrClosed)
		}
		if !edit(&s.rollout) {
			return nil
		}
		data, err := json.Marshal(s.rollout)
		if err != nil {
			return fmt.Errorf("journal: write rollout %s: %w", id, err)
		}
		_, err = t.Exec(ctx, `update rollouts set data = $1 where id = $2`, string(data), id)
		return err
	})
}

// row is a rollout as its table has it.
type row struct {
	rollout rollout.Rollout
	closed  time.Time // zero while live
	why     string
}

func (r row) over() bool { return !r.closed.IsZero() }

func (r row) whose() whose { return whose{r.rollout.ID, r.over()} }

const rowColumns = `r.id, r.closed, r.why, r.data`

// scanRow reads rowColumns and what else was selected after them.
func scanRow(s scanner, more ...any) (row, error) {
	var (
		r        row
		id, data string
		closed   sql.NullInt64
	)
	if err := s.Scan(append([]any{&id, &closed, &r.why, &data}, more...)...); err != nil {
		return row{}, err
	}
	if closed.Valid {
		r.closed = moment(closed.Int64)
	}
	if err := json.Unmarshal([]byte(data), &r.rollout); err != nil {
		return row{}, damaged(id, 0, err)
	}
	if r.rollout.ID != id {
		return row{}, damaged(id, 0, fmt.Errorf("its data are of rollout %q", r.rollout.ID))
	}
	return r, nil
}

// rows reads every rollout that a condition selects, in the order that it gives.
func rows(ctx context.Context, t tx, q query) ([]row, error) {
	var found []row
	err := t.Query(ctx, func(s scanner) error {
		r, err := scanRow(s)
		found = append(found, r)
		return err
	}, `select `+rowColumns+` from rollouts r `+q.statement, q.args...)
	return found, err
}

// get reads one rollout.
func get(ctx context.Context, t tx, id string) (row, error) {
	found, err := rows(ctx, t, ask(`where r.id = $1`, id))
	switch {
	case err != nil:
		return row{}, err
	case len(found) == 0:
		return row{}, unknownID(id)
	}
	return found[0], nil
}

// liveOf returns the live rollouts of a key's controller, namespace and service,
// of any revision. The schema allows one.
func liveOf(ctx context.Context, t tx, k rollout.Key) ([]rollout.Rollout, error) {
	found, err := rows(ctx, t, ask(`where r.controller = $1 and r.namespace = $2 and r.service = $3 and r.closed is null order by r.started`,
		k.Controller, k.Namespace, k.Service))
	var live []rollout.Rollout
	for _, r := range found {
		live = append(live, r.rollout)
	}
	return live, err
}

func insert(ctx context.Context, t tx, r rollout.Rollout) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("journal: write rollout %s: %w", r.ID, err)
	}
	_, err = t.Exec(ctx, `insert into rollouts
		(id, controller, namespace, service, revision, started, closed, why, attempt, plan_digest, data)
		values ($1, $2, $3, $4, $5, $6, null, '', $7, $8, $9)`,
		r.ID, r.Controller, r.Namespace, r.Service, r.Revision, nanos(r.Started), r.Attempt, r.PlanDigest, string(data))
	return err
}

// Newest returns the rollout of a key that started last, live or closed, or
// ErrNotFound.
func (j *Journal) Newest(ctx context.Context, k rollout.Key) (Summary, error) {
	found, err := j.summaries(ctx, ask(`where r.controller = $1 and r.namespace = $2 and r.service = $3 and r.revision = $4
		order by r.started desc, r.id limit 1`, k.Controller, k.Namespace, k.Service, k.Revision))
	switch {
	case err != nil:
		return Summary{}, err
	case len(found) == 0:
		return Summary{}, unknownKey(k)
	}
	return found[0], nil
}

// Get returns one rollout's summary, or ErrNotFound.
func (j *Journal) Get(ctx context.Context, id string) (Summary, error) {
	found, err := j.summaries(ctx, ask(`where r.id = $1`, id))
	switch {
	case err != nil:
		return Summary{}, err
	case len(found) == 0:
		return Summary{}, unknownID(id)
	}
	return found[0], nil
}

func (j *Journal) summaries(ctx context.Context, q query) ([]Summary, error) {
	var found []Summary
	err := j.read(ctx, func(t tx) error {
		found = []Summary{}
		return t.Query(ctx, func(s scanner) error {
			var v verdictRow
			r, err := scanRow(s, &v.seq, &v.digest, &v.json)
			if err != nil {
				return err
			}
			sum := Summary{Rollout: r.rollout, Closed: r.closed, Why: r.why, Looks: int(v.seq.Int64)}
			if v.seq.Valid {
				last, err := v.verdict(r.rollout.ID)
				if err != nil {
					return err
				}
				sum.Last = &last
			}
			found = append(found, sum)
			return nil
		}, `select `+rowColumns+`, l.seq, l.verdict_digest, l.verdict from rollouts r
			left join looks l on l.rollout_id = r.id and l.seq = (select max(m.seq) from looks m where m.rollout_id = r.id) `+q.statement,
			q.args...)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}
