// Package publish brings rules to where they are evaluated: the files of a Prometheus,
// a ruler's API, a Grafana, or manifests for a cluster; and takes them away again.
//
// Rules of Serin's are told by their names and labels. Nothing else is ever changed or
// removed.
package publish

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/serin-canary/serin/alerts"
)

// Publisher is one place for rules.
type Publisher interface {
	// Publish writes a set, or replaces the one of its name. A set that the place does
	// not accept leaves it as it was before.
	Publish(ctx context.Context, s alerts.Set) error
	// Remove takes a set away by its name. One that is not there is no error.
	Remove(ctx context.Context, name string) error
	// Owned lists the names of the sets that Serin wrote there, sorted.
	Owned(ctx context.Context) ([]string, error)
}

// Watcher is a [Publisher] that knows how its alerts stand.
type Watcher interface {
	// Firing reports whether the place still holds alerts of a set as active, pending
	// ones included: a tombstone stays until there is none.
	Firing(ctx context.Context, s alerts.Set) (bool, error)
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

// setName is what sets of Serin's are called. It is safe in paths and in URLs.
var setName = regexp.MustCompile(`^serin-[a-z0-9][-a-z0-9]{0,56}$`)

// owned refuses names that no set of Serin's can have.
func owned(name string) error {
	if setName.MatchString(name) {
		return nil
	}
	return &Error{Permanent: true, Err: fmt.Errorf("alerts: %q is not the name of rules of Serin's, so it is left alone", name)}
}
