package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"
	"modernc.org/sqlite"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// shared is the PostgreSQL of all tests, started once, or why there is none.
var shared struct {
	server *pgtest.Server
	err    error
}

func TestMain(m *testing.M) {
	if where := os.Getenv(childOf); where != "" {
		os.Exit(child(context.Background(), where))
	}
	shared.server, shared.err = pgtest.Run(pgtest.Config{})
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// onBoth runs a test on SQLite and on PostgreSQL. It gets the address of an empty
// database: a file's path, or a URL.
func onBoth(t *testing.T, test func(t *testing.T, where string)) {
	t.Run("SQLite", func(t *testing.T) {
		where := filepath.Join(t.TempDir(), "serin.db")
		create(t, where)
		test(t, where)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		if shared.err != nil {
			pgtest.Unavailable(t, shared.err)
		}
		where := shared.server.NewDatabase(t)
		create(t, where)
		test(t, where)
	})
}

// connect opens a database as the journal does: on SQLite one writer, and readers
// beside it.
func connect(ctx context.Context, where string) (db outbox.DB, closing func(), err error) {
	if strings.HasPrefix(where, "postgres:") {
		c, err := pgxpool.ParseConfig(where)
		if err != nil {
			return db, nil, err
		}
		// As the journal has it: who sleeps within a transaction loses its locks.
		c.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "3000"
		if db.Pool, err = pgxpool.NewWithConfig(ctx, c); err != nil {
			return db, nil, err
		}
		return db, db.Pool.Close, nil
	}
	open := func(more string) (*sql.DB, error) {
		c, err := sqlite.NewConnector("file:" + (&url.URL{Path: where}).EscapedPath() +
			"?_busy_timeout=5000&_foreign_keys=1&_dqs=0&_defensive=1&" + more)
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(c), nil
	}
	if db.Writer, err = open("_txlock=immediate&_journal_mode=WAL&_synchronous=FULL"); err != nil {
		return db, nil, err
	}
	db.Writer.SetMaxOpenConns(1)
	if db.Reader, err = open("mode=ro&_query_only=1"); err != nil {
		return db, nil, err
	}
	return db, func() { db.Reader.Close(); db.Writer.Close() }, nil
}

// create makes the table work, as the journal's migration does, and one for what
// the work follows from.
func create(t *testing.T, where string) {
	t.Helper()
	text, err := os.ReadFile("../migrations/00003_work.sql")
	if err != nil {
		t.Fatal(err)
	}
	db := connected(t, where)
	statements := string(text) + "; create table verdicts (id text primary key)"
	if db.Pool != nil {
		_, err = db.Pool.Exec(t.Context(), statements)
	} else {
		_, err = db.Writer.ExecContext(t.Context(), statements)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func connected(t *testing.T, where string) outbox.DB {
	t.Helper()
	db, closing, err := connect(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing)
	return db
}

// quick are options under which tests need not wait.
func quick(kinds map[string]outbox.Kind) outbox.Options {
	return outbox.Options{Kinds: kinds, Poll: 20 * time.Millisecond, Grace: time.Second, Drain: 300 * time.Millisecond}
}

// attached returns a queue of its own connections to a database.
func attached(t *testing.T, where string, o outbox.Options) (*outbox.Queue, outbox.DB) {
	t.Helper()
	db := connected(t, where)
	q, err := outbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Attach(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return q, db
}

// running runs a queue until the test ends or stop is called.
func running(t *testing.T, q *outbox.Queue, handlers map[string]outbox.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx, handlers) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// within runs do in a transaction of either database.
func within(ctx context.Context, db outbox.DB, do func(outbox.Tx, func(statement string, args ...any) error) error) error {
	if db.Pool != nil {
		tx, err := db.Pool.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(context.WithoutCancel(ctx))
		err = do(outbox.Tx{PG: tx}, func(s string, args ...any) error { _, err := tx.Exec(ctx, s, args...); return err })
		if err != nil {
			return err
		}
		return tx.Commit(ctx)
	}
	tx, err := db.Writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	err = do(outbox.Tx{SQL: tx}, func(s string, args ...any) error { _, err := tx.ExecContext(ctx, s, args...); return err })
	if err != nil {
		return err
	}
	return tx.Commit()
}

// eventually waits for a condition.
func eventually(t *testing.T, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("after %s: %s did not come to be", patience, what)
		}
		<-time.After(10 * time.Millisecond)
	}
}
