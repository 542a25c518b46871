package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// connections is how many connections to PostgreSQL a journal opens at most, unless
// its URL says pool_max_conns.
const connections = 12

// isPostgres reports whether a journal's name is the URL of a PostgreSQL database.
func isPostgres(target string) bool {
	return strings.HasPrefix(target, "postgres://") || strings.HasPrefix(target, "postgresql://")
}

// postgres is a store in a PostgreSQL database, which several replicas may share.
type postgres struct {
	name string // of the database, without credentials
	pool *pgxpool.Pool
	// wait is how long a server that cannot be had is tried again, and how long the
	// outcome of a commit is searched for.
	wait, timeout time.Duration
	writes        atomic.Int64
}

// Receipts are needed for seconds. One write in sweepEvery removes those that are
// older than receiptAge.
const (
	sweepEvery = 256
	receiptAge = time.Hour
)

// openPostgres opens the pool. Nothing is asked yet.
func openPostgres(ctx context.Context, target string, o Options) (*postgres, error) {
	c, err := pgxpool.ParseConfig(target)
	if err != nil {
		// The parser's own words quote the URL, and with it perhaps a password.
		return nil, errors.New("journal: the URL of the database cannot be read; write postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full, " +
			"with the special characters of a password percent-encoded")
	}
	if !strings.Contains(target, "pool_max_conns") {
		c.MaxConns = connections
	}
	cc := c.ConnConfig
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = o.Wait
	}
	set := func(name, value string) {
		if _, given := cc.RuntimeParams[name]; !given {
			cc.RuntimeParams[name] = value
		}
	}
	ms := strconv.FormatInt(o.Timeout.Milliseconds(), 10)
	set("application_name", "serin")
	set("statement_timeout", ms)
	// A connection that was cut within a transaction must not keep its locks.
	set("idle_in_transaction_session_timeout", ms)
	set("synchronous_commit", "on") // a commit that returned survives a crash of the server
	set("timezone", "UTC")
	s := &postgres{name: place(cc.Host, cc.Port, cc.Database), wait: o.Wait, timeout: o.Timeout}
	if s.pool, err = pgxpool.NewWithConfig(ctx, c); err != nil {
		return nil, s.explain(err)
	}
	return s, nil
}

// place names a database in errors and logs.
func place(host string, port uint16, database string) string {
	if strings.HasPrefix(host, "/") {
		return fmt.Sprintf("postgres database %s at %s", database, host)
	}
	return "postgres://" + net.JoinHostPort(host, strconv.Itoa(int(port))) + "/" + database
}

// close implements store.
func (s *postgres) close() error {
	s.pool.Close()
	return nil
}

// write implements store.
func (s *postgres) write(ctx context.Context, do func(tx) error) error {
	return s.again(ctx, func() error {
		return s.within(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, func(t pgx.Tx) error {
			if err := do(tx{outbox.OnPG(t), outbox.Tx{PG: t}}); err != nil {
				return err
			}
			return s.commit(ctx, t)
		})
	})
}

// read implements store.
func (s *postgres) read(ctx context.Context, do func(tx) error) error {
	return s.again(ctx, func() error {
		return s.within(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(t pgx.Tx) error {
			return do(tx{outbox.OnPG(t), outbox.Tx{PG: t}})
		})
	})
}

// within runs do in a transaction that is rolled back unless do commits it.
func (s *postgres) within(ctx context.Context, o pgx.TxOptions, do func(pgx.Tx) error) error {
	t, err := s.pool.BeginTx(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.wait)
		defer cancel()
		_ = t.Rollback(ctx) // after a commit it does nothing, and a connection that is gone rolls back
	}()
	return do(t)
}

// again runs do until it succeeds or fails for good: a server that restarts, a
// connection that was cut before the commit, and a transaction that the server gave
// up are tried again while s.wait lasts.
func (s *postgres) again(ctx context.Context, do func() error) error {
	end := time.Now().Add(s.wait)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		err := do()
		if err == nil || !passing(err) || time.Now().Add(pause).After(end) {
			return s.explain(err)
		}
		select {
		case <-ctx.Done():
			return s.explain(err)
		case <-time.After(pause):
		}
	}
}

// commit commits, and where the answer got lost finds out how it ended, by a receipt
// that is written with the rest. A transaction's number would not do: after a crash
// the server may give the number of one that was lost to another.
func (s *postgres) commit(ctx context.Context, t pgx.Tx) error {
	token, now := rand.Text(), time.Now()
	receipt, err := t.Exec(ctx, `insert into receipts (token, at) select $1, $2 where pg_current_xact_id_if_assigned() is not null`, token, nanos(now))
	if err != nil {
		return err
	}
	if s.writes.Add(1)%sweepEvery == 0 {
		if _, err := t.Exec(ctx, `delete from receipts where at < $1`, nanos(now.Add(-receiptAge))); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	err = t.Commit(bounded)
	if err == nil || receipt.RowsAffected() == 0 || refused(err) {
		return err
	}
	return s.resolve(context.WithoutCancel(ctx), token, err)
}

// resolve asks how a transaction ended whose commit was not answered: it tries to
// write the same receipt, which waits for the transaction where it is still under
// way, and is refused where it was committed.
func (s *postgres) resolve(ctx context.Context, token string, lost error) error {
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		tag, err := s.pool.Exec(ctx, `insert into receipts (token, at) values ($1, $2) on conflict (token) do nothing`, token, nanos(time.Now()))
		switch {
		case err != nil:
		case tag.RowsAffected() == 0:
			return nil
		default:
			return fmt.Errorf("%w: %w", errUndone, lost)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s was lost during the commit and did not come back within %v: %w", ErrUnknown, s.name, s.wait, lost)
		case <-time.After(pause):
		}
	}
}

// migrate brings the database's schema up. Replicas that start at once wait for
// each other.
func (s *postgres) migrate(ctx context.Context, o Options) error {
	cc := s.pool.Config().ConnConfig
	delete(cc.RuntimeParams, "statement_timeout") // a migration may take its time
	delete(cc.RuntimeParams, "idle_in_transaction_session_timeout")
	return s.again(ctx, func() error {
		db := stdlib.OpenDB(*cc)
		defer db.Close()
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close() // which gives the lock back, too
		if _, err := conn.ExecContext(ctx, `select pg_advisory_lock(hashtextextended('serin schema', 0))`); err != nil {
			return err
		}
		var tables, schema int
		if err := conn.QueryRowContext(ctx, `select count(*) filter (where tablename in ('plans', 'rollouts', 'looks')),
			count(*) filter (where tablename = $1) from pg_tables where schemaname = current_schema()`, schemaTable).Scan(&tables, &schema); err != nil {
			return err
		}
		if tables > 0 && schema == 0 {
			return fmt.Errorf("journal: %s has tables of something else with the names of Serin's; name another database", s.name)
		}
		return migrator{s.name, goose.DialectPostgres, db, o.Log}.up(ctx)
	})
}
