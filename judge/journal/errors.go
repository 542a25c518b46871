package journal

import (
	"errors"
	"fmt"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

// ErrNotFound is returned where no such rollout or verdict is recorded. For an
// unknown rollout ID it also is judge.ErrUnknownRollout.
var ErrNotFound = errors.New("journal: not found")

// ErrClosed is returned where a rollout that is over would be changed: by a look,
// a weight, a final step, or an announcement of the same start.
var ErrClosed = errors.New("journal: the rollout is over")

// ErrDamaged is returned where a row cannot be read as it was written. The text
// names the rollout and the look.
var ErrDamaged = errors.New("journal: damaged record")

// ErrUnknown is returned where the database was lost while it committed, so that
// nobody can say whether the change was recorded. Ask what is recorded, or make the
// same call again: none records the same thing twice.
var ErrUnknown = errors.New("journal: it is not known whether the change was recorded; ask again")

// ErrUnavailable is returned where the database cannot be reached, or cannot write.
// Nothing is wrong with the call, which may be made again; the text says what to do.
var ErrUnavailable = errors.New("journal: the database is not available")

// unavailable is an error that is also ErrUnavailable; its text stays.
type unavailable struct{ error }

// Unwrap returns both.
func (u unavailable) Unwrap() []error { return []error{ErrUnavailable, u.error} }

// unknownID is the error for a rollout ID that is not recorded.
type unknownID string

// Error names the ID.
func (e unknownID) Error() string {
	return fmt.Sprintf("journal: no rollout has the ID %q", string(e))
}

// Unwrap makes it both packages' sentinel.
func (e unknownID) Unwrap() []error { return []error{ErrNotFound, judge.ErrUnknownRollout} }

func unknownKey(k rollout.Key) error {
	return fmt.Errorf("journal: no rollout of %s in namespace %q with revision %q by %s: %w",
		k.Service, k.Namespace, k.Revision, k.Controller, ErrNotFound)
}

// damaged says which row cannot be read. Look 0 is the rollout's own row.
func damaged(id string, look int, err error) error {
	if look == 0 {
		return fmt.Errorf("%w: rollout %s: %w", ErrDamaged, id, err)
	}
	return fmt.Errorf("%w: rollout %s, look %d: %w", ErrDamaged, id, look, err)
}
