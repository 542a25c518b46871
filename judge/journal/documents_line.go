package journal

import (
	"context"
	"encoding/json"
	"errors"
)

// documentLine is a document in an export.
type documentLine struct {
	Kind     string `json:"kind"`
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	Owner    string `json:"owner,omitempty"`
	State    string `json:"state,omitempty"`
	Revision int    `json:"revision"`
	Created  int64  `json:"created"` // nanoseconds since the epoch
	Updated  int64  `json:"updated"`
	Body     string `json:"body"` // byte for byte
}

// exportDocuments writes all documents, by kind and ID.
func (j *Journal) exportDocuments(ctx context.Context, e *exporter) error {
	const page = 100 // bodies may have megabytes
	var last Document
	for {
		var found []Document
		if err := j.read(ctx, func(t tx) (err error) {
			found, err = documents(ctx, t, ask(`where (kind, id) > ($1, $2) order by kind, id limit $3`, last.Kind, last.ID, page))
			return err
		}); err != nil {
			return err
		}
		for _, d := range found {
			l := line{Document: &documentLine{d.Kind, d.ID, d.Name, d.Owner, d.State, d.Revision, nanos(d.Created), nanos(d.Updated), string(d.Body)}}
			if err := e.write([]line{l}); err != nil {
				return err
			}
			last = d
		}
		if len(found) < page {
			return nil
		}
	}
}

// document adds a document of an import. One that is there already stays as it is:
// it may have gone on since.
func (in *importer) document(ctx context.Context, l documentLine) error {
	d := Document{Kind: l.Kind, ID: l.ID, Name: l.Name, Owner: l.Owner, State: l.State, Body: json.RawMessage(l.Body)}
	err := d.check()
	if err == nil && l.Revision < 1 {
		err = errors.New("journal: a document without a revision")
	}
	if err != nil {
		return in.lines.fault(err)
	}
	var n int64
	err = in.save(ctx, func(t tx) (err error) {
		n, err = t.Exec(ctx, `insert into documents (kind, id, name, owner, state, revision, created, updated, body)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (kind, id) do nothing`,
			l.Kind, l.ID, l.Name, l.Owner, l.State, l.Revision, l.Created, l.Updated, l.Body)
		return err
	})
	in.added.Documents += int(n)
	return err
}
