package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// Export writes everything that is recorded, the oldest rollout first, as lines that
// [Journal.Import] reads. The same record gives the same bytes, compressed in the
// journal or not. Each rollout is one
// snapshot; it is written as it is, damaged or not, since only Import and
// [Journal.Verify] judge that. Work that is still to be done is not part of it.
func (j *Journal) Export(ctx context.Context, w io.Writer) (Counted, error) {
	e := exporter{out: json.NewEncoder(w), plans: map[string]bool{}}
	if err := e.out.Encode(line{Format: &format{formatName, formatVersion}}); err != nil {
		return e.done, fmt.Errorf("journal: export: %w", err)
	}
	err := j.Each(ctx, func(id string) error {
		var lines []line
		if err := j.read(ctx, func(t tx) (err error) {
			lines, err = rolloutLines(ctx, t, id)
			return err
		}); errors.Is(err, ErrNotFound) {
			return nil // pruned meanwhile
		} else if err != nil {
			return err
		}
		return e.write(lines)
	})
	if err == nil {
		err = j.exportDocuments(ctx, &e)
	}
	if err == nil {
		err = j.exportAudit(ctx, &e)
	}
	if err == nil {
		err = e.out.Encode(line{End: &e.done})
	}
	if err != nil {
		return e.done, fmt.Errorf("journal: export: %w", err)
	}
	return e.done, nil
}

// exporter writes lines and counts them.
type exporter struct {
	out   *json.Encoder
	plans map[string]bool // that were written
	done  Counted
}

func (e *exporter) write(lines []line) error {
	for _, l := range lines {
		if l.Plan != nil {
			if e.plans[l.Plan.Digest] {
				continue
			}
			e.plans[l.Plan.Digest] = true
		}
		if err := e.out.Encode(l); err != nil {
			return err
		}
		e.done.count(l)
	}
	return nil
}

func (j *Journal) exportAudit(ctx context.Context, e *exporter) error {
	const page = 500
	for after := ""; ; {
		var found []Entry
		if err := j.read(ctx, func(t tx) (err error) {
			found, err = entries(ctx, t, ask(`where id > $1 order by id limit $2`, after, page))
			return err
		}); err != nil {
			return err
		}
		for i := range found {
			if err := e.write([]line{{Audit: &found[i]}}); err != nil {
				return err
			}
			after = found[i].ID
		}
		if len(found) < page {
			return nil
		}
	}
}

// Each calls f with the ID of every rollout, the oldest first. Nothing else of a
// rollout is read, so that a damaged one has its turn too.
func (j *Journal) Each(ctx context.Context, f func(id string) error) error {
	return j.paged(ctx, func(after key, page int) query {
		return ask(`select started, id from rollouts where (started, id) > ($1, $2) order by started, id limit $3`, after.at, after.id, page)
	}, f)
}

// key is where a page of rollouts ends: a time, and the ID of a rollout of that time.
type key struct {
	at int64
	id string
}

// paged calls f with the ID of every rollout that the pages have. No transaction is
// open while f runs. A page counts once it has been read whole: one whose connection
// was lost in the middle is read again from where it began.
func (j *Journal) paged(ctx context.Context, next func(after key, page int) query, f func(id string) error) error {
	const page = 200
	last := key{at: math.MinInt64}
	for {
		var found []key
		q := next(last, page)
		err := j.read(ctx, func(t tx) error {
			found = found[:0]
			return t.Query(ctx, func(s scanner) error {
				var k key
				err := s.Scan(&k.at, &k.id)
				found = append(found, k)
				return err
			}, q.statement, q.args...)
		})
		if err != nil {
			return err
		}
		for _, k := range found {
			if err := f(k.id); err != nil {
				return err
			}
			last = k
		}
		if len(found) < page {
			return nil
		}
	}
}

// rolloutLines reads everything of one rollout.
func rolloutLines(ctx context.Context, t tx, id string) ([]line, error) {
	p, r := &planLine{}, &rolloutLine{}
	err := one(ctx, t, ask(`select p.digest, p.data, r.id, r.closed, r.why, r.data from rollouts r
		join plans p on p.digest = r.plan_digest where r.id = $1`, id), &p.Digest, &p.Data, &r.ID, &r.Closed, &r.Why, &r.Data)
	if err != nil {
		return nil, err
	}
	kept, err := archiveOf(ctx, t, whose{id, r.Closed != nil}, halves{inputs: true, verdicts: true})
	if err != nil {
		return nil, err
	}
	if x := kept.removal; x != nil {
		r.Removed = &removedLine{nanos(x.at), x.looks, x.seal}
	}
	lines := []line{{Plan: p}, {Rollout: r}}
	os, err := overrides(ctx, t, id)
	if err != nil {
		return nil, err
	}
	for _, o := range os {
		lines = append(lines, line{Override: &overrideLine{id, o}})
	}
	err = t.Query(ctx, func(s scanner) error {
		l, promotes := &lookLine{Rollout: id}, 0
		err := s.Scan(&l.Seq, &l.At, &l.Freeze, &l.Checks, &l.Problems, &l.Context, &l.Latch, &promotes,
			&l.InputsDigest, &l.VerdictDigest, &l.Verdict)
		l.Promotes = promotes != 0
		lines = append(lines, line{Look: l})
		kept.fillLine(l)
		return err
	}, `select seq, at, "freeze", checks, problems, context, latch, promotes, inputs_digest, verdict_digest, verdict
		from looks where rollout_id = $1 order by seq`, id)
	return lines, err
}
