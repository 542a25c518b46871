package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is the database that holds the table work: either Pool is set (PostgreSQL),
// or Writer and Reader are (SQLite, where Writer has one connection, which the
// queue shares with everybody else who writes).
type DB struct {
	Writer, Reader *sql.DB
	Pool           *pgxpool.Pool
}

// check refuses a database of which it is not clear which it is.
func (d DB) check() error {
	if (d.Pool == nil) == (d.Writer == nil) || (d.Writer == nil) != (d.Reader == nil) {
		return errors.New("outbox: a database is either a pool, or a writer and a reader")
	}
	return nil
}

// Row is a row that a statement returned. *sql.Rows and pgx.Rows are rows.
type Row interface {
	Scan(dest ...any) error
}

// Statements runs statements that are written for both databases, with $1 for the
// first argument.
type Statements interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, statement string, args ...any) (int64, error)
	// Query calls each for every row, and stops at its first error.
	Query(ctx context.Context, each func(Row) error, statement string, args ...any) error
}

// OnSQL runs statements in a transaction of SQLite.
func OnSQL(t *sql.Tx) Statements { return sqlConn{t} }

// OnPG runs statements in a transaction of PostgreSQL.
func OnPG(t pgx.Tx) Statements { return pgConn{t} }

// sqlRunner is what *sql.DB and *sql.Tx have in common.
type sqlRunner interface {
	ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, statement string, args ...any) (*sql.Rows, error)
}

type sqlConn struct{ sqlRunner }

// Exec implements Statements.
func (c sqlConn) Exec(ctx context.Context, statement string, args ...any) (int64, error) {
	res, err := c.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query implements Statements.
func (c sqlConn) Query(ctx context.Context, each func(Row) error, statement string, args ...any) error {
	rows, err := c.QueryContext(ctx, statement, args...)
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

// pgRunner is what *pgxpool.Pool and pgx.Tx have in common.
type pgRunner interface {
	Exec(ctx context.Context, statement string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, statement string, args ...any) (pgx.Rows, error)
}

type pgConn struct{ pgRunner }

// Exec implements Statements.
func (c pgConn) Exec(ctx context.Context, statement string, args ...any) (int64, error) {
	tag, err := c.pgRunner.Exec(ctx, statement, args...)
	return tag.RowsAffected(), err
}

// Query implements Statements.
func (c pgConn) Query(ctx context.Context, each func(Row) error, statement string, args ...any) error {
	rows, err := c.pgRunner.Query(ctx, statement, args...)
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

// conn returns the transaction as one that runs statements.
func (t Tx) conn() (Statements, error) {
	switch {
	case t.SQL != nil && t.PG == nil:
		return sqlConn{t.SQL}, nil
	case t.PG != nil && t.SQL == nil:
		return pgConn{t.PG}, nil
	}
	return nil, errors.New("outbox: jobs are added within one transaction, of one database")
}

// writer runs single statements that change something.
func (d DB) writer() Statements {
	if d.Pool != nil {
		return pgConn{d.Pool}
	}
	return sqlConn{d.Writer}
}

// reader runs single statements that read.
func (d DB) reader() Statements {
	if d.Pool != nil {
		return pgConn{d.Pool}
	}
	return sqlConn{d.Reader}
}

// within runs do in a transaction: committed where do returns nil, else rolled back.
func (d DB) within(ctx context.Context, do func(Tx) error) error {
	if d.Pool != nil {
		return pgx.BeginFunc(ctx, d.Pool, func(t pgx.Tx) error { return do(Tx{PG: t}) })
	}
	t, err := d.Writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("outbox: begin: %w", err)
	}
	defer t.Rollback() // after a commit it does nothing
	if err := do(Tx{SQL: t}); err != nil {
		return err
	}
	return t.Commit()
}
