package journal

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/rollout"
)

// sealed is a look as its row has it.
type sealed struct {
	seq      int
	at       time.Time
	freeze   []byte
	checks   string // JSON, or empty
	problems string
	context  string
	latch    string
	promotes bool
	verdict  []byte
}

// seal writes a look's parts as they are recorded.
func seal(l judge.Look) (sealed, error) {
	s := sealed{seq: l.Verdict.Seq, at: l.Verdict.At, promotes: l.Verdict.Promotion.Yes}
	if s.at.IsZero() {
		return s, errors.New("its verdict has no time")
	}
	if id := l.Verdict.Rollout.ID; id != l.Rollout {
		return s, fmt.Errorf("its verdict is of rollout %q", id)
	}
	var err error
	if s.freeze, err = encodeFreeze(l.Freeze); err != nil {
		return s, fmt.Errorf("freeze: %w", err)
	}
	if s.checks, err = text(l.Checks, len(l.Checks) > 0); err != nil {
		return s, fmt.Errorf("checks: %w", err)
	}
	if s.problems, err = text(l.Problems, len(l.Problems) > 0); err != nil {
		return s, fmt.Errorf("problems: %w", err)
	}
	if s.context, err = text(l.Context, true); err != nil {
		return s, fmt.Errorf("context: %w", err)
	}
	if s.latch, err = text(l.Verdict.Latched, l.Verdict.Latched != nil); err != nil {
		return s, fmt.Errorf("latch: %w", err)
	}
	if s.verdict, err = json.Marshal(l.Verdict); err != nil {
		return s, fmt.Errorf("verdict: %w", err)
	}
	return s, nil
}

// text returns v as JSON, or nothing where it is not present.
func text(v any, present bool) (string, error) {
	if !present {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// firstLink is what the digest of the first look chains to.
func firstLink(id, planDigest string) string {
	return digest([]byte("serin looks 1\n" + id + "\n" + planDigest))
}

// link returns the digest of everything that later verdicts may rest on, up to and
// including this look.
func (s sealed) link(before string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d %d %t %d %d %d %d %d\n",
		before, s.seq, nanos(s.at), s.promotes, len(s.freeze), len(s.checks), len(s.problems), len(s.context), len(s.latch))
	h.Write(s.freeze)
	fmt.Fprintf(h, "%s%s%s%s", s.checks, s.problems, s.context, s.latch)
	return hex.EncodeToString(h.Sum(nil))
}

// Commit implements judge.Journal. A look at a rollout that is over is refused with
// ErrClosed: nothing is compared any more.
func (j *Journal) Commit(ctx context.Context, l judge.Look) error {
	s, err := seal(l)
	if err != nil {
		return fmt.Errorf("journal: look %d of rollout %s cannot be recorded: %w", l.Verdict.Seq, l.Rollout, err)
	}
	return j.write(ctx, func(t tx) error {
		if err := t.lockRollout(ctx, l.Rollout); err != nil {
			return err
		}
		before, err := j.predecessor(ctx, t, l.Rollout, s.seq)
		if err != nil {
			return err
		}
		if err := follow(ctx, t, l); err != nil {
			return fmt.Errorf("journal: look %d of rollout %s cannot be recorded: %w", s.seq, l.Rollout, err)
		}
		if err := s.insert(ctx, t, l.Rollout, before.link); err != nil {
			return err
		}
		if err := useChecked(ctx, t, l); err != nil {
			return err
		}
		if err := stand(ctx, t, l.Rollout, l.Verdict); err != nil {
			return err
		}
		return j.tell(ctx, t, Event{Kind: EventLooked, At: l.Verdict.At, Rollout: before.rollout, Verdict: &l.Verdict, Before: before.verdict, Begin: l.Begin})
	})
}

// before is what a look follows.
type before struct {
	link    string // the digest that it chains to
	rollout rollout.Rollout
	verdict *judge.Verdict // of the look before; read only where work may follow
}

// predecessor returns what look seq of a rollout follows, or why there can be no
// such look.
func (j *Journal) predecessor(ctx context.Context, t tx, id string, seq int) (before, error) {
	var (
		plan string
		link sql.NullString
		v    verdictRow
		b    before
	)
	r, err := row{}, ErrNotFound
	if e := t.Query(ctx, func(s scanner) error {
		r, err = scanRow(s, &plan, &v.seq, &link)
		return err
	}, `select `+rowColumns+`, r.plan_digest, l.seq, l.inputs_digest from rollouts r
		left join looks l on l.rollout_id = r.id and l.seq = (select max(m.seq) from looks m where m.rollout_id = r.id)
		where r.id = $1`, id); e != nil {
		err = e
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return b, unknownID(id)
	case err != nil:
		return b, err
	case r.over():
		return b, fmt.Errorf("rollout %s, look %d: %w", id, seq, ErrClosed)
	case int64(seq) != v.seq.Int64+1:
		return b, fmt.Errorf("rollout %s: look %d was decided, and the record has %d: %w", id, seq, v.seq.Int64, judge.ErrStale)
	}
	b.rollout = r.rollout
	if !v.seq.Valid {
		b.link = firstLink(id, plan)
		return b, nil
	}
	b.link = link.String
	if j.follow == nil {
		return b, nil
	}
	if err := one(ctx, t, ask(`select verdict_digest, verdict from looks where rollout_id = $1 and seq = $2`, id, v.seq.Int64), &v.digest, &v.json); err != nil {
		return b, err
	}
	last, err := v.verdict(id)
	b.verdict = &last
	return b, err
}

// insert records the look behind the one whose digest is given.
func (s sealed) insert(ctx context.Context, t tx, id, before string) error {
	return s.insertAs(ctx, t, id, s.link(before))
}

// insertAs records the look with the digest that is given.
func (s sealed) insertAs(ctx context.Context, t tx, id, link string) error {
	promotes := 0
	if s.promotes {
		promotes = 1
	}
	if s.freeze == nil {
		s.freeze = []byte{} // its inputs were removed; null is something else
	}
	_, err := t.Exec(ctx, `insert into looks
		(rollout_id, seq, at, "freeze", checks, problems, context, latch, promotes, inputs_digest, verdict_digest, verdict)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		id, s.seq, nanos(s.at), s.freeze, s.checks, s.problems, s.context, s.latch, promotes, link, digest(s.verdict), string(s.verdict))
	return err
}

// chain reads a rollout's looks in order and checks that none is missing or
// damaged. The verdicts are not read. Where inputs were removed it is ErrInputsRemoved.
func chain(ctx context.Context, t tx, r row, each func(sealed) error) error {
	return inspect(ctx, t, r, each, func(err error) error { return err })
}

// inspect reads a rollout's looks as chain does, and calls fault with each that is
// missing or damaged, or whose inputs were removed. It goes on behind it where fault
// returns nil; each gets the others.
func inspect(ctx context.Context, t tx, r row, each func(sealed) error, fault func(error) error) error {
	id := r.rollout.ID
	before, seq := firstLink(id, r.rollout.PlanDigest), 0
	kept, err := archiveOf(ctx, t, r.whose(), halves{inputs: true})
	if err != nil {
		return err
	}
	return t.Query(ctx, func(row scanner) error {
		var (
			s            sealed
			at, promotes int64
			link         string
		)
		if err := row.Scan(&s.seq, &at, &s.freeze, &s.checks, &s.problems, &s.context, &s.latch, &promotes, &link); err != nil {
			return fault(damaged(id, seq+1, err))
		}
		seq++
		if s.seq != seq {
			missing := seq
			seq, before = s.seq, link // what follows chains to this one
			return fault(damaged(id, missing, fmt.Errorf("it is missing; the next one is look %d", s.seq)))
		}
		s.at, s.promotes = moment(at), promotes != 0
		gone, err := kept.fill(&s)
		if gone || err != nil {
			before = link
			if gone {
				return fault(removedError{id, kept.removal.at})
			}
			return fault(damaged(id, seq, err))
		}
		got := s.link(before)
		before = link
		if got != link {
			return fault(damaged(id, seq, fmt.Errorf("its digest is %.12s, and %.12s was recorded", got, link)))
		}
		if err := each(s); err != nil {
			return fault(damaged(id, seq, err))
		}
		return nil
	}, `select seq, at, "freeze", checks, problems, context, latch, promotes, inputs_digest from looks where rollout_id = $1 order by seq`, id)
}

// verdictRow is a recorded verdict, which a rollout without looks does not have.
type verdictRow struct {
	seq          sql.NullInt64
	digest, json sql.NullString
}

// bytes returns the verdict as it was recorded.
func (v verdictRow) bytes(id string) ([]byte, error) {
	b := []byte(v.json.String)
	if got := digest(b); got != v.digest.String {
		return nil, damaged(id, int(v.seq.Int64), fmt.Errorf("its verdict's digest is %.12s, and %.12s was recorded", got, v.digest.String))
	}
	return b, nil
}

func (v verdictRow) verdict(id string) (judge.Verdict, error) {
	var out judge.Verdict
	b, err := v.bytes(id)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, damaged(id, int(v.seq.Int64), err)
	}
	return out, nil
}

// verdictRows returns what parse makes of every verdict of a rollout, in order.
func verdictRows[T any](ctx context.Context, j *Journal, id string, parse func(verdictRow) (T, error)) ([]T, error) {
	var out []T
	err := j.read(ctx, func(t tx) error {
		out = []T{}
		r, err := get(ctx, t, id)
		if err != nil {
			return err
		}
		kept, err := archiveOf(ctx, t, r.whose(), halves{verdicts: true})
		if err != nil {
			return err
		}
		seq := int64(0)
		return t.Query(ctx, func(s scanner) error {
			var v verdictRow
			if err := s.Scan(&v.seq, &v.digest, &v.json); err != nil {
				return damaged(id, int(seq)+1, err)
			}
			if seq++; v.seq.Int64 != seq {
				return damaged(id, int(seq), fmt.Errorf("it is missing; the next one is look %d", v.seq.Int64))
			}
			if err := kept.fillVerdict(&v); err != nil {
				return damaged(id, int(seq), err)
			}
			parsed, err := parse(v)
			out = append(out, parsed)
			return err
		}, `select seq, verdict_digest, verdict from looks where rollout_id = $1 order by seq`, id)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Verdicts returns a rollout's verdicts in order.
func (j *Journal) Verdicts(ctx context.Context, id string) ([]judge.Verdict, error) {
	return verdictRows(ctx, j, id, func(row verdictRow) (judge.Verdict, error) { return row.verdict(id) })
}

// VerdictsJSON returns a rollout's verdicts in order, byte for byte as they were
// recorded.
func (j *Journal) VerdictsJSON(ctx context.Context, id string) ([]json.RawMessage, error) {
	return verdictRows(ctx, j, id, func(row verdictRow) (json.RawMessage, error) { return row.bytes(id) })
}

// Looks returns everything that a rollout's looks recorded, in order, for replay.
func (j *Journal) Looks(ctx context.Context, id string) ([]judge.Look, error) {
	verdicts, err := j.Verdicts(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []judge.Look
	err = j.read(ctx, func(t tx) error {
		out = make([]judge.Look, 0, len(verdicts))
		r, err := get(ctx, t, id)
		if err != nil {
			return err
		}
		room := newArena()
		return chain(ctx, t, r, func(s sealed) error {
			if len(out) == len(verdicts) {
				return nil // committed since
			}
			l := judge.Look{Rollout: id, Verdict: verdicts[len(out)]}
			l.Freeze, err = decodeFreeze(s.freeze, room)
			err = errors.Join(err, parse(s.checks, &l.Checks), parse(s.problems, &l.Problems), parse(s.context, &l.Context))
			out = append(out, l)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// parse reads what text wrote.
func parse(s string, into any) error {
	if s == "" {
		return nil
	}
	return json.Unmarshal([]byte(s), into)
}

// lastChecks keeps the newest result of each check.
type lastChecks map[string]checks.Result

func (c lastChecks) add(s string) ([]checks.Result, error) {
	if s == "" {
		return nil, nil
	}
	var results []checks.Result
	if err := json.Unmarshal([]byte(s), &results); err != nil {
		return nil, errors.New("checks: " + strconv.Quote(err.Error()))
	}
	for _, r := range results {
		c[r.Name] = r
	}
	return results, nil
}
