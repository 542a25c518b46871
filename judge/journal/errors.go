package journal

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

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

// explain adds to a database's error what it means and what to do. Other errors
// pass unchanged, and so does nil.
func (j *Journal) explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	advice := ""
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		advice = "is locked by another process; stop that process (a second server, a backup, an open shell) or try again"
	case sqlite3.SQLITE_NOTADB:
		advice = "is not a SQLite database; name another file, or move this one away"
	case sqlite3.SQLITE_CORRUPT:
		advice = "is damaged; stop the server and restore the file from a backup, or recover it with sqlite3's .recover"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		advice = "cannot be written; give this user write permission on the file and its folder"
	case sqlite3.SQLITE_CANTOPEN:
		advice = "cannot be opened; check that the folder exists and that this user may read and write it"
	case sqlite3.SQLITE_FULL:
		advice = "cannot grow; the disk is full"
	case sqlite3.SQLITE_IOERR:
		advice = "cannot be read or written; check the disk"
	default:
		return fmt.Errorf("journal: %s: %w", j.path, err)
	}
	return fmt.Errorf("journal: %s %s: %w", j.path, advice, err)
}
