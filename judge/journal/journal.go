// Package journal is the durable record: rollouts, what their looks froze, and
// verdicts, in one SQLite file.
//
// The file is in WAL mode with synchronous=FULL: what a call that returned nil has
// written survives a crash of the process and of the machine. There is one writer
// connection and a read-only pool beside it. Several processes of one machine may
// use one file; a network file system may not hold it.
//
// Each look is sealed: a digest chains everything that later verdicts may rest on,
// from the plan to that look, so that a damaged or missing row is an error that
// names it and never a verdict on less than was frozen.
package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

var _ judge.Journal = (*Journal)(nil)

// Options configure [Open].
type Options struct {
	Now func() time.Time // default time.Now
	Log *slog.Logger     // default: discard
	// Wait is how long a file that another process has locked is waited for
	// (default 5 s).
	Wait time.Duration
}

// Journal is a journal in one SQLite file. It may be used by many goroutines.
type Journal struct {
	path   string
	now    func() time.Time
	writer *sql.DB
	reader *sql.DB // writer itself where the journal is in memory

	close  sync.Once
	closed error
}

// Open opens or creates the file and migrates it to this version's schema. A path
// of ":memory:" is a journal that is gone when closed.
//
// It refuses a file that a newer version has migrated, a database of something
// else, and a path whose folder does not exist. A new file is readable by this
// user only.
func Open(ctx context.Context, path string, o Options) (*Journal, error) {
	if path == "" {
		return nil, errors.New("journal: no file is named; name one, or :memory: for a journal that is gone when closed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait <= 0 {
		o.Wait = 5 * time.Second
	}
	if path != memory {
		full, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		path = full
		if err := prepare(path, o.Log); err != nil {
			return nil, err
		}
	}
	j := &Journal{path: path, now: o.Now}
	if err := j.connect(o.Wait); err != nil {
		return nil, err
	}
	if err := j.migrate(ctx, o.Log); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// Close closes the file. Closing twice is closing once.
func (j *Journal) Close() error {
	j.close.Do(func() {
		// The writer goes last: it is what folds the log into the file.
		if j.reader != j.writer {
			j.closed = j.reader.Close()
		}
		j.closed = errors.Join(j.closed, j.writer.Close())
	})
	return j.closed
}

// Ping reports whether the journal can be read and written. It takes the writer's
// lock and gives it back; it writes nothing.
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

// Filter selects rollouts for [Journal.List]. Zero fields select everything.
type Filter struct {
	Service, Namespace string
	Live               bool
	Limit              int // default 100
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
