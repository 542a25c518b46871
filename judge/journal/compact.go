package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// How a rollout's looks are stored.
const (
	asCommitted = 0
	asArchived  = 1
	asRemoved   = 2
)

// What one transaction of [Journal.Compact] takes at most, so that nobody waits long
// for it; a single look may have more bytes.
const (
	compactLooks = 64
	compactBytes = 4 << 20
)

// Compacted is what [Journal.Compact] and [Journal.RemoveInputs] did.
type Compacted struct {
	Rollouts, Looks int
	Before, After   int64 // bytes, of what was replaced and of what replaced it
}

func (c *Compacted) add(d Compacted) {
	c.Rollouts += d.Rollouts
	c.Looks += d.Looks
	c.Before += d.Before
	c.After += d.After
}

// String writes it for people.
func (c Compacted) String() string {
	return fmt.Sprintf("%d looks at %d rollouts: %d bytes became %d", c.Looks, c.Rollouts, c.Before, c.After)
}

// Compact compresses the looks at rollouts that are over, in transactions of some
// looks each. Digests are over what was compressed, so that everything reads as
// before; the last verdict of each rollout stays as it is, since others quote it. A
// rollout that cannot be read is left alone, and such faults are returned together
// when everything else is done. It returns what was done, also where an error ended
// it; it can be repeated, and replicas may do so at once.
func (j *Journal) Compact(ctx context.Context) (Compacted, error) {
	var (
		all    Compacted
		faults []error
	)
	p, err := newPacker()
	if err != nil {
		return all, err
	}
	err = j.eachSettled(ctx, asCommitted, moment(math.MaxInt64), func(id string) error {
		c := compaction{id: id, packer: p}
		for more := true; more; {
			err := j.write(ctx, func(t tx) (err error) {
				more, err = c.run(ctx, t)
				return err
			})
			if errors.Is(err, ErrDamaged) {
				faults = append(faults, err)
				return nil
			}
			if err != nil {
				return err
			}
			all.add(c.done)
		}
		if c.any {
			all.Rollouts++
		}
		return nil
	})
	return all, errors.Join(append(faults, err)...)
}

// eachSettled calls f with every rollout in a state that was closed before a moment,
// the one that was closed first first.
func (j *Journal) eachSettled(ctx context.Context, state int, before time.Time, f func(id string) error) error {
	return j.paged(ctx, func(after key, page int) query {
		return ask(`select closed, id from rollouts where closed is not null and settled = $1 and closed < $2 and (closed, id) > ($3, $4)
			order by closed, id limit $5`, state, nanos(before), after.at, after.id, page)
	}, f)
}

// settledOf returns how a rollout's looks are stored. A live one's are as committed.
func settledOf(ctx context.Context, t tx, id string) (state int, err error) {
	err = one(ctx, t, ask(`select settled from rollouts where id = $1`, id), &state)
	return state, err
}

// settle records it.
func settle(ctx context.Context, t tx, id string, state int) error {
	_, err := t.Exec(ctx, `update rollouts set settled = $1 where id = $2`, state, id)
	return err
}

// ignoreNotFound is for what was pruned meanwhile.
func ignoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// compaction compresses one rollout's looks.
type compaction struct {
	id     string
	packer packer
	any    bool      // something was compressed
	done   Compacted // by the last transaction
}

// run compresses some looks, and reports whether there are more.
func (c *compaction) run(ctx context.Context, t tx) (more bool, err error) {
	c.done = Compacted{}
	if err := t.lockRollout(ctx, c.id); err != nil {
		return false, err
	}
	state, err := settledOf(ctx, t, c.id)
	if err != nil || state != asCommitted {
		return false, ignoreNotFound(err) // another replica was here
	}
	var newest int
	if err := one(ctx, t, ask(`select coalesce(max(seq), 0) from looks where rollout_id = $1`, c.id), &newest); err != nil {
		return false, err
	}
	b, err := c.collect(ctx, t, newest)
	if err != nil {
		return false, err
	}
	if len(b.seqs) > 0 {
		if err := c.store(ctx, t, b, newest); err != nil {
			return false, err
		}
	}
	if !b.more {
		return false, settle(ctx, t, c.id, asArchived)
	}
	return true, nil
}

// batch is the looks of one transaction.
type batch struct {
	seqs             []int
	inputs, verdicts []packed
	size             int
	more             bool // looks follow that are not in it
}

// collect reads the first looks that are not compressed. The verdict of the newest
// one stays.
func (c *compaction) collect(ctx context.Context, t tx, newest int) (batch, error) {
	var b batch
	err := t.Query(ctx, func(row scanner) error {
		if b.size > compactBytes {
			b.more = true
			return nil
		}
		var (
			seq    int
			in     = make([][]byte, inputFields)
			said   []byte
			inSize int
		)
		if err := row.Scan(&seq, &in[0], &in[1], &in[2], &in[3], &said); err != nil {
			return damaged(c.id, seq, err)
		}
		for _, f := range in {
			inSize += len(f)
		}
		b.seqs = append(b.seqs, seq)
		if len(in[0]) > 0 {
			b.inputs = append(b.inputs, packed{seq, in})
			b.size += inSize
		}
		if len(said) > 0 && seq < newest {
			b.verdicts = append(b.verdicts, packed{seq, [][]byte{said}})
			b.size += len(said)
		}
		return nil
	}, `select seq, "freeze", checks, problems, context, verdict from looks
		where rollout_id = $1 and (length("freeze") > 0 or (verdict <> '' and seq < $2)) order by seq limit $3`, c.id, newest, compactLooks)
	b.more = b.more || len(b.seqs) == compactLooks
	return b, err
}

// store puts a batch into the archive and empties the looks.
func (c *compaction) store(ctx context.Context, t tx, b batch, newest int) error {
	inputs, verdicts := c.packer.pack(b.inputs), c.packer.pack(b.verdicts)
	if err := errors.Join(same(b.inputs, inputs, inputFields), same(b.verdicts, verdicts, verdictFields)); err != nil {
		return fmt.Errorf("journal: rollout %s cannot be compressed, and stays as it is: %w", c.id, err)
	}
	if _, err := t.Exec(ctx, `insert into archives (rollout_id, part, inputs, verdicts)
		select $1, (select coalesce(max(part), 0) + 1 from archives where rollout_id = $1), $2, $3`, c.id, inputs, verdicts); err != nil {
		return err
	}
	if _, err := t.Exec(ctx, `update looks set "freeze" = $1, checks = '', problems = '', context = '',
		verdict = case when seq < $2 then '' else verdict end where rollout_id = $3 and seq >= $4 and seq <= $5`,
		[]byte{}, newest, c.id, b.seqs[0], b.seqs[len(b.seqs)-1]); err != nil {
		return err
	}
	c.any = true
	c.done = Compacted{Looks: len(b.seqs), Before: int64(b.size), After: int64(len(inputs) + len(verdicts))}
	return nil
}

// same reports where a part does not read back as what was written: then the looks
// are not given up for it.
func same(want []packed, part []byte, fields int) error {
	got, err := unpack(part, fields)
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d looks were written, and %d are read back", len(want), len(got))
	}
	for i, w := range want {
		for f := range w.fields {
			if got[i].seq != w.seq || !bytes.Equal(got[i].fields[f], w.fields[f]) {
				return fmt.Errorf("look %d is not read back as it was written", w.seq)
			}
		}
	}
	return nil
}
