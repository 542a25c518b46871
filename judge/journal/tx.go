package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// scanner reads one row. *sql.Rows and pgx.Rows are scanners.
type scanner interface {
	Scan(dest ...any) error
}

// tx is the transaction that journal code runs in. It is *sql.Tx on SQLite and can
// be pgx.Tx on PostgreSQL; statements are written for both, with $1 for the first
// argument.
type tx interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, statement string, args ...any) (int64, error)
	// Query calls each for every row, and stops at its first error.
	Query(ctx context.Context, each func(scanner) error, statement string, args ...any) error
}

// sqlTx is a tx over database/sql. A queue's insert takes the *sql.Tx inside.
type sqlTx struct{ *sql.Tx }

// Exec implements tx.
func (t sqlTx) Exec(ctx context.Context, statement string, args ...any) (int64, error) {
	res, err := t.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query implements tx.
func (t sqlTx) Query(ctx context.Context, each func(scanner) error, statement string, args ...any) error {
	rows, err := t.QueryContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// write runs do in a transaction on the one writer connection. It is committed
// where do returns nil, and rolled back otherwise. Nothing in do may use the
// journal's pools: with one connection that would wait for itself.
//
// The context ends the wait for the connection and every statement, but not the
// commit: so an error always means that nothing was written.
func (j *Journal) write(ctx context.Context, do func(tx) error) (err error) {
	conn, err := j.writer.Conn(ctx)
	if err != nil {
		return j.explain(err)
	}
	defer func() {
		if e := conn.Close(); err == nil && e != nil {
			err = fmt.Errorf("journal: return the writer's connection: %w", e)
		}
	}()
	t, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return j.explain(err)
	}
	defer t.Rollback() // after a commit it does nothing
	if err := do(sqlTx{t}); err != nil {
		return j.explain(given(ctx, err))
	}
	return j.explain(t.Commit())
}

// read runs do in a read-only transaction: one snapshot, whatever is written
// beside it.
func (j *Journal) read(ctx context.Context, do func(tx) error) error {
	t, err := j.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return j.explain(given(ctx, err))
	}
	defer t.Rollback() // there is nothing to commit
	return j.explain(given(ctx, do(sqlTx{t})))
}

// given returns the context's error where the call was given up: what the driver
// says then depends on where it was.
func given(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("journal: the call was given up: %w", ctx.Err())
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
