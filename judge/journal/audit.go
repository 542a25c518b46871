package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Entry is one line of the audit log: who did what.
type Entry struct {
	// ID sorts entries by time. The journal sets it.
	ID string `json:"id"`
	// At is when it happened. The journal sets it where it is zero.
	At   time.Time `json:"at"`
	Who  string    `json:"who"`  // the name of a token or user; never a secret
	What string    `json:"what"` // such as "override promote"
	// Rollout is the ID of the rollout that it is about; it may be empty.
	Rollout string `json:"rollout,omitempty"`
	// Detail says the rest. It holds no credentials.
	Detail json.RawMessage `json:"detail,omitempty"`
}

// AuditFilter selects entries for [Journal.AuditLog]. Zero fields select everything.
type AuditFilter struct {
	Rollout, Who string
	Since        time.Time
	// After continues behind the entry of this ID, towards older ones.
	After string
	Limit int // default 100
}

// Audit appends an entry to the audit log. Entries are never changed, and stay when
// the rollout that they speak of is pruned.
func (j *Journal) Audit(ctx context.Context, e Entry) error {
	if e.Who == "" || e.What == "" {
		return errors.New("journal: an audit entry says who did what; one of the two is missing")
	}
	if e.At.IsZero() {
		e.At = j.now()
	}
	e.At = utc(e.At)
	var nonce [6]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	e.ID = fmt.Sprintf("%016x%s", nanos(e.At), hex.EncodeToString(nonce[:]))
	return j.write(ctx, func(t tx) error {
		_, err := e.insert(ctx, t)
		return err
	})
}

// insert adds an entry, and says how many. One that is there already is left as it is.
func (e Entry) insert(ctx context.Context, t tx) (int64, error) {
	return t.Exec(ctx, `insert into audit (id, at, who, what, rollout, detail) values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing`,
		e.ID, nanos(e.At), printable(e.Who), printable(e.What), printable(e.Rollout), printable(string(e.Detail)))
}

// printable makes of what a caller sent a text that every database can hold.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�")
}

// AuditLog returns entries, the newest first.
func (j *Journal) AuditLog(ctx context.Context, f AuditFilter) ([]Entry, error) {
	if f.Limit < 0 {
		return nil, errors.New("journal: a list cannot have a negative limit")
	}
	if f.Limit == 0 {
		f.Limit = 100
	}
	q := query{args: []any{f.Limit}}
	var conditions []string
	where := func(condition string, value any) {
		q.args = append(q.args, value)
		conditions = append(conditions, fmt.Sprintf(condition, len(q.args)))
	}
	if f.Rollout != "" {
		where("rollout = $%d", f.Rollout)
	}
	if f.Who != "" {
		where("who = $%d", f.Who)
	}
	if !f.Since.IsZero() {
		where("at >= $%d", nanos(f.Since))
	}
	if f.After != "" {
		where("id < $%d", f.After)
	}
	if len(conditions) > 0 {
		q.statement = "where " + strings.Join(conditions, " and ")
	}
	q.statement += " order by id desc limit $1"
	var out []Entry
	err := j.read(ctx, func(t tx) (err error) {
		out, err = entries(ctx, t, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// entries reads the entries that a condition selects, in the order that it gives.
func entries(ctx context.Context, t tx, q query) ([]Entry, error) {
	out := []Entry{}
	err := t.Query(ctx, func(s scanner) error {
		var (
			e      Entry
			at     int64
			detail string
		)
		if err := s.Scan(&e.ID, &at, &e.Who, &e.What, &e.Rollout, &detail); err != nil {
			return err
		}
		e.At = moment(at)
		if detail != "" {
			e.Detail = json.RawMessage(detail)
		}
		out = append(out, e)
		return nil
	}, `select id, at, who, what, rollout, detail from audit `+q.statement, q.args...)
	return out, err
}
