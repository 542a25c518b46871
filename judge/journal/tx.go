package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// scanner reads one row.
type scanner = outbox.Row

// statements are what journal code runs in a transaction, on either database.
type statements = outbox.Statements

// tx is a transaction.
type tx struct {
	statements
	// outbox is what a queue's insert takes.
	outbox outbox.Tx
}

// lock keeps every other transaction that locks the same name waiting until this
// one ends. On SQLite there is one writer at a time, so there is nothing to do.
func (t tx) lock(ctx context.Context, name string) error {
	if t.outbox.PG == nil {
		return nil
	}
	_, err := t.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, name)
	return err
}

// lockRollout keeps other changes of a rollout waiting.
func (t tx) lockRollout(ctx context.Context, id string) error { return t.lock(ctx, "rollout "+id) }

// store is one of the two databases.
//
// Both run do again where a transaction had to be given up and nothing was written,
// so do must set what it returns anew each time.
type store interface {
	// write runs do in a transaction that is committed where do returns nil, and
	// rolled back otherwise. An error means that nothing was written, unless it is
	// ErrUnknown. Nothing in do may use the store itself: with one connection that
	// would wait for itself.
	write(ctx context.Context, do func(tx) error) error
	// read runs do in a read-only transaction: one snapshot, whatever is written
	// beside it.
	read(ctx context.Context, do func(tx) error) error
	close() error
}

// write runs do in a transaction. The context, and the journal's timeout, end the
// waiting and every statement, but not the commit.
func (j *Journal) write(ctx context.Context, do func(tx) error) error {
	bounded, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	return j.given(ctx, bounded, j.store.write(bounded, do))
}

// read runs do in a read-only transaction.
func (j *Journal) read(ctx context.Context, do func(tx) error) error {
	bounded, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	return j.given(ctx, bounded, j.store.read(bounded, do))
}

// given says so where the call was given up: what a driver says then depends on
// where it was. What it says is kept where it was the journal that ran out of time.
func (j *Journal) given(ctx, bounded context.Context, err error) error {
	switch {
	case err == nil || errors.Is(err, ErrUnknown):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("journal: the call was given up: %w", ctx.Err())
	case bounded.Err() != nil:
		return fmt.Errorf("journal: %s did not answer within %v, and nothing was written; try again, and look at its load: %w: %w",
			j.name, j.timeout, context.DeadlineExceeded, err)
	}
	return err
}

// one reads the single row that a statement returns, and ErrNotFound where there
// is none.
func one(ctx context.Context, t tx, q query, dest ...any) error {
	found := false
	err := t.Query(ctx, func(s scanner) error {
		if found {
			return errors.New("journal: more than one row where one was expected")
		}
		found = true
		return s.Scan(dest...)
	}, q.statement, q.args...)
	if err == nil && !found {
		return ErrNotFound
	}
	return err
}

// query is a statement with its arguments.
type query struct {
	statement string
	args      []any
}

// ask makes a query.
func ask(statement string, args ...any) query { return query{statement, args} }
