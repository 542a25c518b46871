// Package publish brings boards to where people look at them: a Grafana, a folder that
// one reads, or manifests for a cluster; and takes them away again.
//
// Boards of Serin's carry its tag. Nothing else is ever changed or removed.
package publish

import (
	"context"
	"time"

	"github.com/serin-canary/serin/dashboards"
)

// Publisher is one place for boards.
type Publisher interface {
	// Publish writes a board, or replaces the one of its UID, and returns where people
	// find it (empty where that is not known).
	Publish(ctx context.Context, b dashboards.Board, folder string) (url string, err error)
	// Remove takes a board away. One that is not there is no error.
	Remove(ctx context.Context, uid string) error
	// Owned lists the UIDs of the boards that Serin wrote there, sorted.
	Owned(ctx context.Context) ([]string, error)
}

// Error is a failure to publish. Its text holds no credentials.
type Error struct {
	Err error
	// Permanent says that trying again is of no use before somebody mends something.
	Permanent bool
	// After is how long to wait at least, where the place said so.
	After time.Duration
}

// Error returns the text of the cause.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
