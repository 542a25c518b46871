package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

// ErrConflict is returned where an import and the journal record different things
// of one rollout.
var ErrConflict = errors.New("journal: the import and the journal disagree")

// Import adds what [Journal.Export] wrote, of this journal or another one. Each
// rollout is checked digest by digest, and added whole in one transaction or not at
// all; what is there already is left as it is, so that an import can be repeated.
// Looks that the journal lacks are added to its own, and a rollout that the import
// has closed is closed.
//
// The first damage ends the import, with an error that names its line; what came
// before it is recorded. It returns what was added.
func (j *Journal) Import(ctx context.Context, r io.Reader) (Counted, error) {
	in := importer{lines: newLineReader(r), plans: map[string]string{}, save: j.write}
	return in.run(ctx)
}

// run reads to the end.
func (in *importer) run(ctx context.Context) (Counted, error) {
	if err := in.lines.begin(); err != nil {
		return Counted{}, fmt.Errorf("journal: import: %w", err)
	}
	for {
		l, err := in.lines.next()
		if errors.Is(err, io.EOF) {
			err = errors.New("it ends before its last line, so it is a part of an export")
		}
		if err == nil {
			err = in.take(ctx, l)
		}
		if err != nil {
			return in.added, fmt.Errorf("journal: import: %w; what came before it is recorded", err)
		}
		if l.End != nil {
			return in.added, nil
		}
	}
}

// importer collects the lines of a rollout until the next one begins.
type importer struct {
	save  func(ctx context.Context, do func(tx) error) error
	lines *lineReader
	plans map[string]string // data by digest
	read  Counted
	added Counted
	now   *trial // being collected
}

// trial is one rollout of an import.
type trial struct {
	line      rolloutLine
	rollout   rollout.Rollout
	plan      planLine
	overrides []judge.Override
	looks     []lookLine
	at        int // its line
}

func (in *importer) take(ctx context.Context, l line) error {
	in.read.count(l)
	if l.Override == nil && l.Look == nil {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	switch {
	case l.Plan != nil:
		in.plans[l.Plan.Digest] = l.Plan.Data
	case l.Rollout != nil:
		return in.begin(*l.Rollout)
	case l.Override != nil:
		if in.now == nil || l.Override.Rollout != in.now.line.ID {
			return in.lines.fault(fmt.Errorf("an override of rollout %q stands apart from it", l.Override.Rollout))
		}
		in.now.overrides = append(in.now.overrides, l.Override.Override)
	case l.Look != nil:
		if in.now == nil || l.Look.Rollout != in.now.line.ID {
			return in.lines.fault(fmt.Errorf("a look at rollout %q stands apart from it", l.Look.Rollout))
		}
		in.now.looks = append(in.now.looks, *l.Look)
	case l.Document != nil:
		return in.document(ctx, *l.Document)
	case l.Audit != nil:
		return in.audit(ctx, *l.Audit)
	case l.End != nil:
		if in.read != *l.End {
			return in.lines.fault(fmt.Errorf("it counts %v, and %v were read", l.End, in.read))
		}
	default:
		return in.lines.fault(errors.New("another export begins here"))
	}
	return nil
}

// begin begins a rollout.
func (in *importer) begin(l rolloutLine) error {
	t := &trial{line: l, at: in.lines.at}
	if err := json.Unmarshal([]byte(l.Data), &t.rollout); err != nil {
		return in.lines.fault(err)
	}
	if t.rollout.ID != l.ID {
		return in.lines.fault(fmt.Errorf("rollout %s has the data of rollout %q", l.ID, t.rollout.ID))
	}
	data, ok := in.plans[t.rollout.PlanDigest]
	if !ok {
		return in.lines.fault(fmt.Errorf("the plan %.12s of rollout %s is missing", t.rollout.PlanDigest, l.ID))
	}
	t.plan = planLine{t.rollout.PlanDigest, data}
	in.now = t
	return nil
}

// flush records the rollout that was collected.
func (in *importer) flush(ctx context.Context) error {
	t := in.now
	if t == nil {
		return nil
	}
	in.now = nil
	if err := t.check(); err != nil {
		return fmt.Errorf("line %d and behind: %w", t.at, err)
	}
	var added Counted
	err := in.save(ctx, func(x tx) (err error) {
		added, err = t.record(ctx, x)
		return err
	})
	if err != nil {
		return fmt.Errorf("line %d and behind: %w", t.at, err)
	}
	in.added.Plans += added.Plans
	in.added.Rollouts += added.Rollouts
	in.added.Overrides += added.Overrides
	in.added.Looks += added.Looks
	in.added.Removed += added.Removed
	return nil
}

func (in *importer) audit(ctx context.Context, e Entry) error {
	if e.ID == "" || e.Who == "" || e.What == "" {
		return in.lines.fault(errors.New("an audit entry without ID, who or what"))
	}
	var n int64
	err := in.save(ctx, func(t tx) (err error) {
		n, err = e.insert(ctx, t)
		return err
	})
	in.added.Audit += int(n)
	return err
}

// check refuses a rollout whose digests do not hold.
func (t *trial) check() error {
	if _, err := readPlan(t.rollout, t.plan.Data); err != nil {
		return err
	}
	for i, o := range t.overrides {
		if err := o.Validate(); err != nil || o.Seq != i+1 {
			return damaged(t.line.ID, 0, fmt.Errorf("override %d: %w", i+1, errors.Join(err, fmt.Errorf("its number is %d", o.Seq))))
		}
	}
	if err := t.checkRemoval(); err != nil {
		return err
	}
	before := firstLink(t.line.ID, t.rollout.PlanDigest)
	frozen, room := union{}, newArena()
	for i, l := range t.looks {
		gone := t.removed(l)
		if err := l.check(i+1, before, gone); err != nil {
			return damaged(t.line.ID, i+1, err)
		}
		before = l.InputsDigest
		if gone {
			frozen = union{}
			continue
		}
		f, err := decodeFreeze(l.Freeze, room)
		if err == nil {
			err = frozen.add(f)
		}
		if err != nil {
			return damaged(t.line.ID, i+1, err)
		}
	}
	return nil
}

// removed reports whether a look comes without inputs because they were removed.
func (t *trial) removed(l lookLine) bool {
	x := t.line.Removed
	return x != nil && l.Seq <= x.Looks && len(l.Freeze) == 0 && l.Checks+l.Problems+l.Context == ""
}

// checkRemoval holds what remains of looks whose inputs were removed against the seal.
func (t *trial) checkRemoval() error {
	if t.line.Removed == nil {
		return nil
	}
	x := removal{moment(t.line.Removed.At), t.line.Removed.Looks, t.line.Removed.Seal}
	switch {
	case t.line.Closed == nil:
		return damaged(t.line.ID, 0, errors.New("its inputs were removed, and it is live"))
	case x.looks < 1 || x.looks > len(t.looks):
		return damaged(t.line.ID, 0, fmt.Errorf("the inputs of its first %d looks were removed, and it has %d", x.looks, len(t.looks)))
	}
	s := newSealer(t.line.ID, t.rollout.PlanDigest, x.looks)
	for _, l := range t.looks[:x.looks] {
		s.add(l.sealed(), l.InputsDigest, l.VerdictDigest)
	}
	if got := s.sum(); got != x.seal {
		return x.broken(t.line.ID, got)
	}
	return nil
}

// check refuses a look that is not the seq-th, or whose digests do not hold. Where its
// inputs are gone, theirs cannot be computed.
func (l lookLine) check(seq int, before string, gone bool) error {
	if l.Seq != seq {
		return fmt.Errorf("it is missing; the next one is look %d", l.Seq)
	}
	if got := l.sealed().link(before); !gone && got != l.InputsDigest {
		return fmt.Errorf("its digest is %.12s, and %.12s was recorded", got, l.InputsDigest)
	}
	if got := digest([]byte(l.Verdict)); got != l.VerdictDigest {
		return fmt.Errorf("its verdict's digest is %.12s, and %.12s was recorded", got, l.VerdictDigest)
	}
	return nil
}

// record adds what the journal lacks of a rollout.
func (t *trial) record(ctx context.Context, x tx) (Counted, error) {
	var added Counted
	if err := x.lockRollout(ctx, t.line.ID); err != nil {
		return added, err
	}
	n, err := x.Exec(ctx, `insert into plans (digest, data) values ($1, $2) on conflict (digest) do nothing`, t.plan.Digest, t.plan.Data)
	if err != nil {
		return added, err
	}
	added.Plans = int(n)
	have, err := get(ctx, x, t.line.ID)
	if errors.Is(err, ErrNotFound) {
		have, err = t.open(ctx, x)
		added.Rollouts = 1
	}
	if err != nil {
		return added, err
	}
	if added.Overrides, err = t.addOverrides(ctx, x); err != nil {
		return added, err
	}
	if err := t.addLooks(ctx, x, &added); err != nil {
		return added, err
	}
	if added.Looks > 0 && added.Rollouts == 0 { // its weights are as new as its looks
		if _, err := x.Exec(ctx, `update rollouts set data = $1, settled = $2 where id = $3`, t.line.Data, asCommitted, t.line.ID); err != nil {
			return added, err
		}
	}
	if t.line.Closed != nil && !have.over() {
		_, err = x.Exec(ctx, `update rollouts set closed = $1, why = $2 where id = $3`, *t.line.Closed, t.line.Why, t.line.ID)
	}
	return added, err
}

// open inserts the rollout, live where it is.
func (t *trial) open(ctx context.Context, x tx) (row, error) {
	r := t.rollout
	if t.line.Closed == nil {
		live, err := liveOf(ctx, x, rollout.KeyOf(r))
		if err != nil {
			return row{}, err
		}
		if len(live) > 0 {
			return row{}, fmt.Errorf("%w: rollout %s of %s is live, and so is %s here; end one of them first", ErrConflict, r.ID, r.Service, live[0].ID)
		}
	}
	_, err := x.Exec(ctx, `insert into rollouts
		(id, controller, namespace, service, revision, started, closed, why, attempt, plan_digest, data)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		r.ID, r.Controller, r.Namespace, r.Service, r.Revision, nanos(r.Started), t.line.Closed, t.line.Why, r.Attempt, r.PlanDigest, t.line.Data)
	closed := row{rollout: r}
	if t.line.Closed != nil {
		closed.closed = moment(*t.line.Closed)
	}
	return closed, err
}

// addOverrides adds the overrides that are not there.
func (t *trial) addOverrides(ctx context.Context, x tx) (int, error) {
	have, err := overrides(ctx, x, t.line.ID)
	if err != nil {
		return 0, err
	}
	n := min(len(have), len(t.overrides))
	if !slices.Equal(have[:n], t.overrides[:n]) {
		return 0, fmt.Errorf("%w about the overrides of rollout %s", ErrConflict, t.line.ID)
	}
	for _, o := range t.overrides[n:] {
		if err := insertOverride(ctx, x, t.line.ID, o); err != nil {
			return 0, err
		}
	}
	return len(t.overrides) - n, nil
}

// addLooks adds the looks behind those that are there, which must be the same.
func (t *trial) addLooks(ctx context.Context, x tx, added *Counted) error {
	n := 0
	err := x.Query(ctx, func(s scanner) error {
		var inputs, verdict string
		if err := s.Scan(&inputs, &verdict); err != nil {
			return err
		}
		if n++; n <= len(t.looks) && (t.looks[n-1].InputsDigest != inputs || t.looks[n-1].VerdictDigest != verdict) {
			return fmt.Errorf("%w about look %d of rollout %s: both went on from look %d", ErrConflict, n, t.line.ID, n-1)
		}
		return nil
	}, `select inputs_digest, verdict_digest from looks where rollout_id = $1 order by seq`, t.line.ID)
	if err != nil || n >= len(t.looks) {
		return err
	}
	for _, l := range t.looks[n:] {
		if err := l.sealed().insertAs(ctx, x, t.line.ID, l.InputsDigest); err != nil {
			return err
		}
		added.Looks++
		if t.removed(l) {
			added.Removed++
		}
	}
	if r := t.line.Removed; r != nil && added.Removed > 0 {
		if err := (removal{moment(r.At), r.Looks, r.Seal}).save(ctx, x, t.line.ID); err != nil {
			return err
		}
	}
	return standAsLast(ctx, x, t.line.ID)
}
