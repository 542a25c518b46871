package journal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// Load implements judge.Journal. All of it is one snapshot.
func (j *Journal) Load(ctx context.Context, id string) (judge.Record, error) {
	var rec judge.Record
	err := j.read(ctx, func(t tx) error {
		r, err := get(ctx, t, id)
		if err != nil {
			return err
		}
		rec = judge.Record{Rollout: r.rollout, Closed: r.closed}
		if rec.Plan, err = pinned(ctx, t, r.rollout); err != nil {
			return err
		}
		if err := replay(ctx, t, r, &rec); err != nil {
			return err
		}
		if rec.Others, err = others(ctx, t, rec); err != nil {
			return err
		}
		if rec.Earlier, err = earlier(ctx, t, r.rollout); err != nil {
			return err
		}
		if rec.Overrides, err = overrides(ctx, t, id); err != nil {
			return err
		}
		if rec.Alerts, err = alertsOf(ctx, t, id); err != nil {
			return err
		}
		return checkedOf(ctx, t, id, &rec)
	})
	if err != nil {
		return judge.Record{}, err
	}
	return rec, nil
}

// Plan returns the plan that a rollout was announced with.
func (j *Journal) Plan(ctx context.Context, id string) (plan.Plan, error) {
	var p plan.Plan
	err := j.read(ctx, func(t tx) error {
		r, err := get(ctx, t, id)
		if err == nil {
			p, err = pinned(ctx, t, r.rollout)
		}
		return err
	})
	return p, err
}

// pinned reads the plan that a rollout was announced with.
func pinned(ctx context.Context, t tx, r rollout.Rollout) (plan.Plan, error) {
	var data string
	err := one(ctx, t, ask(`select data from plans where digest = $1`, r.PlanDigest), &data)
	if errors.Is(err, ErrNotFound) {
		return plan.Plan{}, damaged(r.ID, 0, fmt.Errorf("its plan %.12s is not recorded", r.PlanDigest))
	} else if err != nil {
		return plan.Plan{}, err
	}
	return readPlan(r, data)
}

// readPlan reads a plan as a rollout recorded it, and holds it against its digest.
func readPlan(r rollout.Rollout, data string) (plan.Plan, error) {
	var p plan.Plan
	d := json.NewDecoder(bytes.NewReader([]byte(data)))
	d.UseNumber() // a check may expect a number that no float64 holds
	if err := d.Decode(&p); err != nil {
		return p, damaged(r.ID, 0, fmt.Errorf("plan %.12s: %w", r.PlanDigest, err))
	}
	if got := p.Digest(); got != r.PlanDigest {
		return p, damaged(r.ID, 0, fmt.Errorf("the digest of its plan is %.12s, and %.12s was recorded", got, r.PlanDigest))
	}
	return p, nil
}

// replay puts a rollout's looks together.
func replay(ctx context.Context, t tx, r row, rec *judge.Record) error {
	results := lastChecks{}
	frozen, room := union{}, newArena()
	err := chain(ctx, t, r, func(s sealed) error {
		f, err := decodeFreeze(s.freeze, room)
		if err != nil {
			return err
		}
		if err := frozen.add(f); err != nil {
			return err
		}
		ran, err := results.add(s.checks)
		if err != nil {
			return err
		}
		rec.Rounds = judge.AppendRounds(rec.Plan, rec.Rounds, ran)
		if s.latch != "" && rec.Latch == nil {
			rec.Latch = new(judge.Latch)
			if err := json.Unmarshal([]byte(s.latch), rec.Latch); err != nil {
				return fmt.Errorf("latch: %w", err)
			}
		}
		if s.promotes && rec.PromotedAt.IsZero() {
			rec.PromotedAt = s.at
		}
		rec.Looks = s.seq
		return nil
	})
	if err != nil {
		return err
	}
	rec.Frozen = frozen.frozen()
	rec.Checks = slices.SortedFunc(maps.Values(results), func(a, b checks.Result) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// others returns the live rollouts of the services that the plan depends on,
// sorted by service, namespace and start.
func others(ctx context.Context, t tx, rec judge.Record) ([]rollout.Rollout, error) {
	if len(rec.Plan.DependsOn) == 0 {
		return nil, nil
	}
	q := ask(``, rec.Rollout.ID)
	places := make([]string, 0, len(rec.Plan.DependsOn))
	for _, service := range rec.Plan.DependsOn {
		q.args = append(q.args, service)
		places = append(places, fmt.Sprintf("$%d", len(q.args)))
	}
	q.statement = `where r.closed is null and r.id <> $1 and r.service in (` + strings.Join(places, ", ") + `)`
	found, err := rows(ctx, t, q)
	if err != nil {
		return nil, err
	}
	var out []rollout.Rollout
	for _, r := range found {
		out = append(out, r.rollout)
	}
	slices.SortFunc(out, func(a, b rollout.Rollout) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Namespace, b.Namespace),
			a.Started.Compare(b.Started), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// earlier quotes this revision's attempts within 24 hours before this one, the
// oldest first.
func earlier(ctx context.Context, t tx, r rollout.Rollout) ([]judge.Earlier, error) {
	if r.Attempt <= 1 {
		return nil, nil
	}
	var out []judge.Earlier
	err := t.Query(ctx, func(s scanner) error {
		var v verdictRow
		before, err := scanRow(s, &v.seq, &v.digest, &v.json)
		if err != nil {
			return err
		}
		quoted, err := quote(before, v)
		out = append(out, quoted)
		return err
	}, `select `+rowColumns+`, l.seq, l.verdict_digest, l.verdict from rollouts r
		left join looks l on l.rollout_id = r.id and l.seq = (select max(m.seq) from looks m where m.rollout_id = r.id)
		where r.controller = $1 and r.namespace = $2 and r.service = $3 and r.revision = $4
		and r.started > $5 and r.started <= $6 and r.id <> $7 order by r.started, r.id`,
		r.Controller, r.Namespace, r.Service, r.Revision, nanos(r.Started.Add(-again)), nanos(r.Started), r.ID)
	return out, err
}

// quote returns the last verdict of an earlier attempt. One that ended without a
// look is quoted too, since it counts: its outcome is the zero one.
func quote(before row, v verdictRow) (judge.Earlier, error) {
	e := judge.Earlier{ID: before.rollout.ID, At: before.rollout.Started}
	if !v.seq.Valid {
		e.Reason = "it was never looked at"
		if before.over() {
			e.At = before.closed
			e.Reason += " (" + before.why + ")"
		}
		return e, nil
	}
	b, err := v.bytes(e.ID)
	if err != nil {
		return e, err
	}
	var said struct {
		At      time.Time     `json:"at"`
		Outcome judge.Outcome `json:"outcome"`
		Reason  string        `json:"reason"`
	}
	if err := json.Unmarshal(b, &said); err != nil {
		return e, damaged(e.ID, int(v.seq.Int64), err)
	}
	e.At, e.Outcome, e.Reason = said.At, said.Outcome, said.Reason
	return e, nil
}
