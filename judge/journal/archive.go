package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// How many fields each look has in the two halves of a part.
const (
	inputFields   = 4
	verdictFields = 1
)

// archived is what the archive has of one rollout, and what was removed from it.
type archived struct {
	id       string
	inputs   archive
	verdicts archive
	removal  *removal
}

// whose is a rollout's ID, and whether the rollout is over.
type whose struct {
	id   string
	over bool
}

// halves says which half of a rollout's archive is wanted.
type halves struct{ inputs, verdicts bool }

// archiveOf reads the archive of a rollout. One that is live has none, and nothing
// is asked.
func archiveOf(ctx context.Context, t tx, of whose, want halves) (*archived, error) {
	a := &archived{id: of.id, inputs: archive{fields: inputFields}, verdicts: archive{fields: verdictFields}}
	if !of.over {
		return a, nil
	}
	for _, half := range []struct {
		wanted    bool
		into      *archive
		statement string
	}{
		{want.inputs, &a.inputs, `select inputs from archives where rollout_id = $1 order by part`},
		{want.verdicts, &a.verdicts, `select verdicts from archives where rollout_id = $1 order by part`},
	} {
		if !half.wanted {
			continue
		}
		if err := t.Query(ctx, func(s scanner) error {
			var part []byte
			err := s.Scan(&part)
			half.into.parts = append(half.into.parts, part)
			return err
		}, half.statement, a.id); err != nil {
			return nil, err
		}
	}
	var err error
	a.removal, err = removalOf(ctx, t, a.id)
	return a, err
}

// fill gives a look that was archived its inputs back. It reports whether they were
// removed by policy, in which case there are none.
func (a *archived) fill(s *sealed) (gone bool, err error) {
	if len(s.freeze) > 0 { // never empty where it was committed
		return false, nil
	}
	if s.checks+s.problems+s.context != "" {
		return false, errors.New("a part of its inputs is missing")
	}
	f, err := a.inputs.find(s.seq)
	switch {
	case err != nil:
		return false, err
	case f != nil:
		s.freeze, s.checks, s.problems, s.context = f[0], string(f[1]), string(f[2]), string(f[3])
		return false, nil
	case a.removal != nil && s.seq <= a.removal.looks:
		return true, nil
	}
	return false, errors.New("its inputs are missing")
}

// fillVerdict gives a verdict that was archived its text back.
func (a *archived) fillVerdict(v *verdictRow) error {
	if v.json.String != "" {
		return nil
	}
	f, err := a.verdicts.find(int(v.seq.Int64))
	if err == nil && f != nil {
		v.json.String = string(f[0])
	}
	return err // one that is nowhere fails its digest
}

// fillLine does both for a look that is exported. What cannot be given back stays
// empty, which Import refuses.
func (a *archived) fillLine(l *lookLine) {
	s := l.sealed()
	if _, err := a.fill(&s); err == nil && s.freeze != nil {
		l.Freeze, l.Checks, l.Problems, l.Context = s.freeze, s.checks, s.problems, s.context
	} else {
		l.Freeze = append([]byte{}, l.Freeze...) // never null
	}
	v := verdictRow{seq: sql.NullInt64{Int64: int64(l.Seq)}, json: sql.NullString{String: l.Verdict}}
	if a.fillVerdict(&v) == nil {
		l.Verdict = v.json.String
	}
}

// ErrInputsRemoved is returned where a call needs what looks rested on, and that was
// removed by policy. The text says on which day. Such a rollout is over, and the
// error is ErrClosed, too.
var ErrInputsRemoved = errors.New("journal: the inputs were removed by policy")

// removedError says which rollout's inputs were removed, and when.
type removedError struct {
	id string
	at time.Time
}

// Error names the rollout and the day.
func (e removedError) Error() string {
	return fmt.Sprintf("journal: the inputs of rollout %s were removed by policy on %s, so that its verdicts cannot be computed again; "+
		"they are recorded as they were told", e.id, e.at.UTC().Format(time.DateOnly))
}

// Unwrap makes it the sentinels.
func (removedError) Unwrap() []error { return []error{ErrInputsRemoved, ErrClosed} }
