// Package outbox is what must still be done or told: durable work that is queued in
// the same transaction as what it follows from, retried with backoff until its
// deadline, and kept where people can see it when it could not be done.
//
// A job is delivered at least once. What it does must be safe to do twice, or must
// carry the job's key, by which the receiver can tell.
package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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
// it is [ErrPermanent].
type Handler func(ctx context.Context, j Job) error

// ErrPermanent marks an error after which trying again is of no use.
var ErrPermanent = errors.New("outbox: it will not succeed later either")

// Adder adds jobs within a transaction. What was added is done only once the
// transaction is committed.
type Adder interface {
	Add(ctx context.Context, tx Tx, jobs ...Job) error
}
