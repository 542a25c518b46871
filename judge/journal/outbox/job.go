// Package outbox is what must still be done or told: durable work that is queued in
// the same transaction as what it follows from, retried with backoff until its
// deadline, and kept where people can see it when it could not be done.
//
// A job is delivered at least once. What it does must be safe to do twice, or must
// carry the job's key, by which the receiver can tell.
//
// The table work is the truth: what was asked for, how it stands, why it failed.
// The queue's engine (River) only says which process tries next, and when. Every
// attempt takes a number from the table and may settle the job only while that
// number is the newest, so neither an engine that hands a job out twice nor a
// process that wakes up late can settle it twice.
package outbox

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Job is a piece of work.
type Job struct {
	// Kind names the handler.
	Kind string `json:"kind"`
	// Key tells this job from every other: adding a job whose key is there already
	// changes nothing. Receivers get it, so that they can tell a repetition.
	Key string `json:"key"`
	// Rollout is the ID of the rollout that it belongs to; it may be empty.
	Rollout string `json:"rollout,omitempty"`
	// Target is what the job depends on, for example a host: jobs whose target has
	// failed again and again wait together. Empty means nothing.
	Target string `json:"target,omitempty"`
	// Body is what the handler reads. It holds no credentials.
	Body json.RawMessage `json:"body,omitempty"`
	// NotBefore is when it is done at the earliest; zero means at once.
	NotBefore time.Time `json:"notBefore,omitzero"`
	// Deadline is when it is given up; zero means the kind's own.
	Deadline time.Time `json:"deadline,omitzero"`
}

// Tx is the transaction that a job is added in: exactly one of the two is set.
type Tx struct {
	SQL *sql.Tx
	PG  pgx.Tx
}

// Handler does the jobs of one kind. An error makes the job be tried again, unless
// it is [ErrPermanent]; a [LaterError] says when. The error's text is recorded and
// shown, so it holds no credentials.
type Handler func(ctx context.Context, j Job) error

// ErrPermanent marks an error after which trying again is of no use.
var ErrPermanent = errors.New("outbox: it will not succeed later either")

// ErrMoot marks an error of work that is of no interest any more: it is cancelled,
// neither tried again nor a dead letter.
var ErrMoot = errors.New("outbox: it is of no interest any more")

// ErrNotFound is returned where no such work is recorded.
var ErrNotFound = errors.New("outbox: no such work")

// ErrState is returned where work is in a state that does not allow what was asked.
var ErrState = errors.New("outbox: the work's state does not allow that")

// LaterError is a failure that says itself when trying again makes sense.
type LaterError struct {
	Err   error
	After time.Duration // at least so long
	// Refused says that the target answered, and did not want it: somebody must mend
	// something first. It is no failure of the target's, and others' jobs go on.
	Refused bool
}

// Error returns the text of the cause.
func (e *LaterError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *LaterError) Unwrap() error { return e.Err }

// Adder adds jobs within a transaction. What was added is done only once the
// transaction is committed.
type Adder interface {
	Add(ctx context.Context, tx Tx, jobs ...Job) error
}

// Kind is how the jobs of one kind are treated.
type Kind struct {
	// Timeout bounds one attempt (default 10 s). It is seconds, not minutes: work
	// of a process that died is taken over only after it.
	Timeout time.Duration
	// Patience is how long a job is tried after its NotBefore, where it names no
	// deadline of its own (default 24 h).
	Patience time.Duration
	// Concurrency bounds the attempts under way in this process (default 4).
	Concurrency int
	// First and Longest bound the pause between two attempts (defaults 2 s, 10 min);
	// each pause is half as long again as the one before, with 50 % of jitter.
	First, Longest time.Duration
	// Lapses says that a job past its deadline is of no interest to anybody: it is
	// cancelled, where others are dead letters.
	Lapses bool
}

// withDefaults fills in the zero fields.
func (k Kind) withDefaults() Kind {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&k.Timeout, 10*time.Second)
	set(&k.Patience, 24*time.Hour)
	set(&k.First, 2*time.Second)
	set(&k.Longest, 10*time.Minute)
	if k.Concurrency <= 0 {
		k.Concurrency = 4
	}
	return k
}

// ID returns the identifier under which the job of a key is shown: sixteen
// characters of [a-z2-7].
func ID(key string) string {
	sum := sha256.Sum256([]byte("serin work\n" + key))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:16])
}

// check says what is wrong with a job.
func (j Job) check() error {
	switch {
	case j.Key == "" || len(j.Key) > 512:
		return fmt.Errorf("outbox: a job of kind %q needs a key of at most 512 bytes", j.Kind)
	case len(j.Body) > 0 && !json.Valid(j.Body):
		return fmt.Errorf("outbox: the body of job %s is not JSON", j.Key)
	}
	return nil
}
