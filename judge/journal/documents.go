package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrExists is returned where a document would be added whose ID is taken.
var ErrExists = errors.New("journal: a document of this ID is there already")

// ErrChanged is returned where a document was changed since it was read. Read it
// again, and decide again.
var ErrChanged = errors.New("journal: the document was changed meanwhile")

// maxDocument bounds a document's body, in bytes.
const maxDocument = 32 << 20

// Document is what a dialect must keep that is no rollout: Kayenta's canary configs
// and executions. The journal does not look into it.
type Document struct {
	Kind string // whose, and what: "kayenta config"
	ID   string // unique within its kind
	Name string // for people; may be empty
	// Owner and State are what documents are selected by; they may be empty.
	Owner, State string
	// Revision counts the changes, from 1. The journal sets it.
	Revision int
	// Created and Updated are set by the journal.
	Created, Updated time.Time
	// Body is JSON. It holds no credentials.
	Body json.RawMessage
}

// DocumentFilter selects documents for [Journal.Documents]. Zero fields select
// everything, but for the kind, which is needed.
type DocumentFilter struct {
	Kind, Owner, Name string
	States            []string
	Limit, Skip       int // limit: default 100
}

func (d Document) check() error {
	switch {
	case d.Kind == "" || d.ID == "":
		return errors.New("journal: a document has a kind and an ID; one of the two is missing")
	case len(d.Body) > maxDocument:
		return fmt.Errorf("journal: the document has %d MiB, and may have %d", len(d.Body)>>20, maxDocument>>20)
	case !json.Valid(d.Body):
		return errors.New("journal: the document's body is not JSON")
	}
	for _, text := range []string{d.Kind, d.ID, d.Name, d.Owner, d.State, string(d.Body)} {
		if text != printable(text) {
			return errors.New("journal: the document has text that not every database can hold")
		}
	}
	return nil
}

// AddDocument adds a document and returns it as it is recorded. Its Created and
// Updated are now. A taken ID is ErrExists.
func (j *Journal) AddDocument(ctx context.Context, d Document) (Document, error) {
	if err := d.check(); err != nil {
		return Document{}, err
	}
	d.Revision, d.Created = 1, utc(j.now())
	d.Updated = d.Created
	err := j.write(ctx, func(t tx) error {
		n, err := t.Exec(ctx, `insert into documents (kind, id, name, owner, state, revision, created, updated, body)
			values ($1, $2, $3, $4, $5, 1, $6, $6, $7) on conflict (kind, id) do nothing`,
			d.Kind, d.ID, d.Name, d.Owner, d.State, nanos(d.Created), string(d.Body))
		if err == nil && n == 0 {
			err = fmt.Errorf("%s %s: %w", d.Kind, d.ID, ErrExists)
		}
		return err
	})
	if err != nil {
		return Document{}, err
	}
	return d, nil
}

// ReplaceDocument changes a document's name, owner, state and body, if its revision is
// still the given one. It returns the document as it is recorded. One that is not
// there is ErrNotFound, one that was changed ErrChanged.
func (j *Journal) ReplaceDocument(ctx context.Context, d Document) (Document, error) {
	if err := d.check(); err != nil {
		return Document{}, err
	}
	next := d
	err := j.write(ctx, func(t tx) error {
		old, err := document(ctx, t, d.Kind, d.ID)
		if err != nil {
			return err
		}
		next.Revision, next.Created, next.Updated = old.Revision+1, old.Created, utc(j.now())
		n, err := t.Exec(ctx, `update documents set name = $1, owner = $2, state = $3, revision = $4, updated = $5, body = $6
			where kind = $7 and id = $8 and revision = $9`,
			d.Name, d.Owner, d.State, next.Revision, nanos(next.Updated), string(d.Body), d.Kind, d.ID, d.Revision)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s %s: %w", d.Kind, d.ID, ErrChanged)
		}
		return err
	})
	if err != nil {
		return Document{}, err
	}
	return next, nil
}

// RemoveDocument removes a document. One that is not there is ErrNotFound.
func (j *Journal) RemoveDocument(ctx context.Context, kind, id string) error {
	return j.write(ctx, func(t tx) error {
		n, err := t.Exec(ctx, `delete from documents where kind = $1 and id = $2`, kind, id)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s %s: %w", kind, id, ErrNotFound)
		}
		return err
	})
}

// PruneDocuments removes the documents of a kind that were changed last before a
// moment, and returns how many.
func (j *Journal) PruneDocuments(ctx context.Context, kind string, before time.Time) (int, error) {
	var n int64
	err := j.write(ctx, func(t tx) (err error) {
		n, err = t.Exec(ctx, `delete from documents where kind = $1 and updated < $2`, kind, nanos(before))
		return err
	})
	return int(n), err
}

// Document returns a document, or ErrNotFound.
func (j *Journal) Document(ctx context.Context, kind, id string) (Document, error) {
	var d Document
	err := j.read(ctx, func(t tx) (err error) {
		d, err = document(ctx, t, kind, id)
		return err
	})
	if err != nil {
		return Document{}, err
	}
	return d, nil
}

// Documents returns documents of a kind, the newest first.
func (j *Journal) Documents(ctx context.Context, f DocumentFilter) ([]Document, error) {
	if f.Limit < 0 || f.Skip < 0 {
		return nil, errors.New("journal: a list cannot have a negative limit or begin before its first entry")
	}
	if f.Limit == 0 {
		f.Limit = 100
	}
	q := ask(`where kind = $1`, f.Kind)
	arg := func(v any) string {
		q.args = append(q.args, v)
		return fmt.Sprintf("$%d", len(q.args))
	}
	if f.Owner != "" {
		q.statement += " and owner = " + arg(f.Owner)
	}
	if f.Name != "" {
		q.statement += " and name = " + arg(f.Name)
	}
	if len(f.States) > 0 {
		var in []string
		for _, s := range f.States {
			in = append(in, arg(s))
		}
		q.statement += " and state in (" + strings.Join(in, ", ") + ")"
	}
	q.statement += " order by created desc, id desc limit " + arg(f.Limit) + " offset " + arg(f.Skip)
	var out []Document
	err := j.read(ctx, func(t tx) (err error) {
		out, err = documents(ctx, t, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func document(ctx context.Context, t tx, kind, id string) (Document, error) {
	list, err := documents(ctx, t, ask(`where kind = $1 and id = $2`, kind, id))
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s %s: %w", kind, id, ErrNotFound)
	}
	if err != nil {
		return Document{}, err
	}
	return list[0], nil
}

// documents reads the documents that a condition selects, in the order that it gives.
func documents(ctx context.Context, t tx, q query) ([]Document, error) {
	out := []Document{}
	err := t.Query(ctx, func(s scanner) error {
		var (
			d                Document
			created, updated int64
			body             string
		)
		if err := s.Scan(&d.Kind, &d.ID, &d.Name, &d.Owner, &d.State, &d.Revision, &created, &updated, &body); err != nil {
			return err
		}
		d.Created, d.Updated, d.Body = moment(created), moment(updated), json.RawMessage(body)
		out = append(out, d)
		return nil
	}, `select kind, id, name, owner, state, revision, created, updated, body from documents `+q.statement, q.args...)
	return out, err
}
