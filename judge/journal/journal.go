// Package journal is the durable record: rollouts, what their looks froze, and
// verdicts, in one SQLite file or in a PostgreSQL database that several replicas
// share. Both hold the same schema and pass the same tests.
//
// A SQLite file is in WAL mode with synchronous=FULL: what a call that returned nil
// has written survives a crash of the process and of the machine. There is one
// writer connection and a read-only pool beside it. Several processes of one machine
// may use one file; a network file system may not hold it.
//
// On PostgreSQL a commit whose answer got lost is looked up, so that a call that
// failed has written nothing; where the server stays away, the error is [ErrUnknown].
//
// Each look is sealed: a digest chains everything that later verdicts may rest on,
// from the plan to that look, so that a damaged or missing row is an error that
// names it and never a verdict on less than was frozen.
package journal

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/rollout"
)

var _ judge.Journal = (*Journal)(nil)

// Options configure [Open].
type Options struct {
	Now func() time.Time // default time.Now
	Log *slog.Logger     // default: discard
	// Wait is how long a database is waited for that cannot be had: a file that
	// another process has locked, a server that restarts (default 5 s).
	Wait time.Duration
	// Timeout bounds each statement, and each call as a whole (default 30 s).
	Timeout time.Duration
	// Follow returns the work that follows from an event. It is added to Queue in the
	// transaction of the event itself, so that neither is there without the other.
	// Follow must be pure: it is called again where a transaction is.
	Follow func(Event) []outbox.Job
	Queue  outbox.Adder // needed where Follow is set
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait <= 0 {
		o.Wait = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	return o
}

// Journal is a journal in one database. It may be used by many goroutines.
type Journal struct {
	name    string // of the database, without credentials
	db      outbox.DB
	store   store
	now     func() time.Time
	timeout time.Duration
	follow  func(Event) []outbox.Job
	queue   outbox.Adder

	close  sync.Once
	closed error
}

// Open opens or creates a journal and migrates it to this version's schema. The
// target is the path of a SQLite file, or the URL of a PostgreSQL database, which
// begins with postgres://. A path of ":memory:" is a journal that is gone when
// closed. Neither errors nor logs ever show the URL.
//
// It refuses a schema that a newer version has migrated, a database of something
// else, and a path whose folder does not exist. A new file is readable by this
// user only.
func Open(ctx context.Context, target string, o Options) (*Journal, error) {
	if target == "" {
		return nil, errors.New("journal: no file is named; name one, or :memory: for a journal that is gone when closed")
	}
	if o.Follow != nil && o.Queue == nil {
		return nil, errors.New("journal: work would follow, and there is no queue to add it to")
	}
	o = o.withDefaults()
	j := &Journal{now: o.Now, timeout: o.Timeout, follow: o.Follow, queue: o.Queue}
	var migrate func() error
	if isPostgres(target) {
		s, err := openPostgres(ctx, target, o)
		if err != nil {
			return nil, err
		}
		j.name, j.store, j.db = s.name, s, outbox.DB{Pool: s.pool}
		migrate = func() error { return s.migrate(ctx, o) }
	} else {
		s, err := openSQLite(target, o)
		if err != nil {
			return nil, err
		}
		j.name, j.store, j.db = s.path, s, outbox.DB{Writer: s.writer, Reader: s.reader}
		migrate = func() error { return s.migrate(ctx, o.Log) }
	}
	if err := migrate(); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	if err := j.restand(ctx); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// Name returns the journal's file, or where its database is, without credentials.
func (j *Journal) Name() string { return j.name }

// DB returns the database itself, for the queue, which shares its connections. It
// is closed with the journal.
func (j *Journal) DB() outbox.DB { return j.db }

// Close closes the journal. Closing twice is closing once.
func (j *Journal) Close() error {
	j.close.Do(func() { j.closed = j.store.close() })
	return j.closed
}

// Ping reports whether the journal can be read and written. On SQLite it takes the
// writer's lock and gives it back; it writes nothing.
func (j *Journal) Ping(ctx context.Context) error {
	look := func(t tx) error {
		return t.Query(ctx, func(scanner) error { return nil }, `select 1 from rollouts limit 1`)
	}
	if err := j.read(ctx, look); err != nil {
		return err
	}
	return j.write(ctx, look)
}

// Summary is a rollout with how it stands.
type Summary struct {
	Rollout rollout.Rollout `json:"rollout"`
	Closed  time.Time       `json:"closed,omitzero"`
	Why     string          `json:"why,omitempty"` // why it was closed
	Looks   int             `json:"looks"`
	Last    *judge.Verdict  `json:"last,omitempty"`
}

// nanos writes a time as the schema has it.
func nanos(t time.Time) int64 { return t.UnixNano() }

// moment reads a time as the schema has it.
func moment(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// utc drops what a record must not depend on: the zone and the monotonic clock.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}
