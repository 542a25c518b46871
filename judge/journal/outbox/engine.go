package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// engine hands work out. *river.Client is one, on either database.
type engine interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// turn is what the engine knows of a piece of work: enough to find it.
type turn struct {
	ID         string `json:"id"`
	Generation int    `json:"generation"`
	// Of is the work's kind, by which the engine knows how long it may take.
	Of string `json:"kind"`
}

// Kind implements river.JobArgs.
func (turn) Kind() string { return "serin" }

// inserters add to the engine's tables within a transaction of either database.
type inserters struct {
	sql *river.Client[*sql.Tx]
	pg  *river.Client[pgx.Tx]
}

func newInserters() (inserters, error) {
	quiet := &river.Config{Logger: slog.New(slog.DiscardHandler)}
	onSQL, err := river.NewClient(riversqlite.New(nil), quiet)
	if err != nil {
		return inserters{}, fmt.Errorf("outbox: %w", err)
	}
	onPG, err := river.NewClient(riverpgxv5.New(nil), quiet)
	if err != nil {
		return inserters{}, fmt.Errorf("outbox: %w", err)
	}
	return inserters{sql: onSQL, pg: onPG}, nil
}

// everlasting is more attempts than the engine will ever count: deadlines end work.
const everlasting = 30_000

// hand gives the work's turn to the engine, within the transaction.
func (q *Queue) hand(ctx context.Context, tx Tx, w Work) error {
	t := turn{ID: w.ID, Generation: w.generation, Of: w.Kind}
	o := &river.InsertOpts{Queue: w.Kind, MaxAttempts: everlasting}
	if wait := w.NotBefore.Sub(q.now()); wait > 0 {
		o.ScheduledAt = time.Now().Add(wait) // the engine has its own clock
	}
	var err error
	if tx.SQL != nil {
		_, err = q.inserts.sql.InsertTx(ctx, tx.SQL, t, o)
	} else {
		_, err = q.inserts.pg.InsertTx(ctx, tx.PG, t, o)
	}
	if err != nil {
		return fmt.Errorf("outbox: hand job %s to the queue: %w", w.Key, err)
	}
	return nil
}

// worker does one turn.
type worker struct {
	river.WorkerDefaults[turn]
	q        *Queue
	handlers map[string]Handler
}

// Work implements river.Worker. Retries are ours, so to the engine a turn is over
// or put off; an error is one of the database, and nothing is known.
func (w *worker) Work(ctx context.Context, j *river.Job[turn]) error {
	again, err := w.q.attempt(ctx, j.Args, w.handlers[j.Args.Of])
	switch {
	case err != nil:
		return err
	case again != nil:
		return river.JobSnooze(max(*again, 0))
	}
	return nil
}

// Timeout implements river.Worker.
func (w *worker) Timeout(j *river.Job[turn]) time.Duration {
	return w.q.o.Kinds[j.Args.Of].Timeout + w.q.o.Grace
}

// NextRetry implements river.Worker: it is asked after errors of the database, and
// for work of a process that died.
func (w *worker) NextRetry(*river.Job[turn]) time.Time { return time.Now().Add(time.Second) }

// newEngine returns an engine that works the kinds that have a handler.
func (q *Queue) newEngine(handlers map[string]Handler) (engine, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{q: q, handlers: handlers})
	c := &river.Config{
		FetchPollInterval: q.o.Poll, FetchCooldown: min(q.o.Poll, river.FetchCooldownDefault),
		Logger: engineLog(q.o.Log), Queues: map[string]river.QueueConfig{}, Workers: workers,
		// SQLite has nothing to be told by: its notifications are polled, too.
		PollOnly: q.db.Pool == nil,
		// The engine's rows say nothing that the table work does not.
		CompletedJobRetentionPeriod: time.Hour, CancelledJobRetentionPeriod: time.Hour,
	}
	shortest := time.Minute
	for kind := range handlers {
		c.Queues[kind] = river.QueueConfig{MaxWorkers: q.o.Kinds[kind].Concurrency}
		shortest = min(shortest, q.o.Kinds[kind].Timeout)
	}
	// Longer timeouts of single kinds are heeded by the rescue, too: it asks Timeout.
	c.JobTimeout = shortest + q.o.Grace
	c.RescueStuckJobsAfter = c.JobTimeout
	if q.db.Pool != nil {
		return river.NewClient(riverpgxv5.New(q.db.Pool), c)
	}
	return river.NewClient(riversqlite.New(q.db.Writer), c)
}

// migrationLock is the advisory lock under which one process migrates.
const migrationLock = 0x5e417 // "seriN"

// migrate brings the engine's tables to its schema. Several processes may start at
// once: on PostgreSQL one waits for the other; on SQLite the slower one looks again.
func migrate(ctx context.Context, db DB, log *slog.Logger) error {
	if db.Pool == nil {
		var err error
		for range 5 {
			if err = migrateBy(ctx, riversqlite.New(db.Writer), log); err == nil || ctx.Err() != nil {
				break
			}
		}
		return err
	}
	c, err := db.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("outbox: migrate the queue: %w", err)
	}
	defer c.Release()
	if _, err := c.Exec(ctx, `select pg_advisory_lock($1)`, migrationLock); err != nil {
		return fmt.Errorf("outbox: migrate the queue: %w", err)
	}
	defer func() {
		if _, err := c.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock($1)`, migrationLock); err != nil {
			log.Error("the lock of the migration could not be given back", "error", err)
		}
	}()
	return migrateBy(ctx, riverpgxv5.New(db.Pool), log)
}

func migrateBy[T any](ctx context.Context, d riverdriver.Driver[T], log *slog.Logger) error {
	m, err := rivermigrate.New(d, &rivermigrate.Config{Logger: log})
	if err == nil {
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		return fmt.Errorf("outbox: migrate the queue: %w", err)
	}
	return nil
}

// engineLog passes on what the engine warns of; its information is for its authors.
func engineLog(log *slog.Logger) *slog.Logger { return slog.New(warnings{log.Handler()}) }

// warnings is a handler that drops what is less than a warning.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
