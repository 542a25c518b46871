package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// readers is how many reads may run beside the writer.
const readers = 4

// memory is the path of a journal that is gone when closed.
const memory = ":memory:"

// sqliteFile is a store in one SQLite file.
type sqliteFile struct {
	path   string
	writer *sql.DB // one connection
	reader *sql.DB // writer itself where the journal is in memory
}

// openSQLite opens or creates a file. Nothing is read yet.
func openSQLite(path string, o Options) (*sqliteFile, error) {
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
	s := &sqliteFile{path: path}
	if err := s.connect(o.Wait); err != nil {
		return nil, err
	}
	return s, nil
}

// prepare checks the path and creates the file, so that nobody else may read it:
// SQLite gives its own files beside it the same mode.
func prepare(path string, log *slog.Logger) error {
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal: the folder %s does not exist; create it, or name another file", folder)
	} else if err != nil {
		return fmt.Errorf("journal: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("journal: %s is not a folder; name another file", folder)
	}
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return fmt.Errorf("journal: %s is a folder; name a file in it", path)
		}
		if info.Mode().Perm()&0o077 != 0 {
			log.Warn("the journal can be read by other users of this machine; chmod 600 closes it",
				"path", path, "mode", info.Mode().Perm().String())
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w; this user must be able to read and write the file", err)
	}
	return f.Close()
}

// connect opens the writer and the readers.
func (s *sqliteFile) connect(wait time.Duration) error {
	writer, err := sqlite.NewConnector(dsn(s.path, wait, false))
	if err != nil {
		return fmt.Errorf("journal: %s: %w", s.path, err)
	}
	s.writer = sql.OpenDB(writer)
	s.writer.SetMaxOpenConns(1)
	s.writer.SetMaxIdleConns(1)
	if s.path == memory {
		// The database is the connection.
		s.reader = s.writer
		return nil
	}
	reader, err := sqlite.NewConnector(dsn(s.path, wait, true))
	if err != nil {
		return errors.Join(fmt.Errorf("journal: %s: %w", s.path, err), s.writer.Close())
	}
	s.reader = sql.OpenDB(reader)
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)
	return nil
}

// dsn names the database to the driver. The path is escaped: it may hold any
// character.
func dsn(path string, wait time.Duration, readOnly bool) string {
	q := url.Values{}
	q.Set("_busy_timeout", strconv.FormatInt(wait.Milliseconds(), 10))
	q.Set("_foreign_keys", "1")
	q.Set("_dqs", "0")       // a misspelt column is an error, not a string
	q.Set("_defensive", "1") // no statement may damage the file
	if path == memory {
		q.Set("_txlock", "immediate")
		return memory + "?" + q.Encode()
	}
	if readOnly {
		q.Set("mode", "ro")
		q.Set("_query_only", "1")
	} else {
		q.Set("_txlock", "immediate")
		q.Set("_journal_mode", "WAL")
		q.Set("_synchronous", "FULL") // a commit that returned survives a power cut
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// close implements store.
func (s *sqliteFile) close() error {
	// The writer goes last: it is what folds the log into the file.
	var err error
	if s.reader != s.writer {
		err = s.reader.Close()
	}
	return errors.Join(err, s.writer.Close())
}

// write implements store, on the one writer connection.
func (s *sqliteFile) write(ctx context.Context, do func(tx) error) (err error) {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return s.explain(err)
	}
	defer func() {
		if e := conn.Close(); err == nil && e != nil {
			err = fmt.Errorf("journal: return the writer's connection: %w", e)
		}
	}()
	t, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return s.explain(err)
	}
	defer t.Rollback() // after a commit it does nothing
	if err := do(tx{outbox.OnSQL(t), outbox.Tx{SQL: t}}); err != nil {
		return s.explain(err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.explain(t.Commit())
}

// read implements store.
func (s *sqliteFile) read(ctx context.Context, do func(tx) error) error {
	t, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.explain(err)
	}
	defer t.Rollback() // there is nothing to commit
	return s.explain(do(tx{outbox.OnSQL(t), outbox.Tx{SQL: t}}))
}

// explain adds to a database's error what it means and what to do. Other errors
// pass unchanged, and so does nil.
func (s *sqliteFile) explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	advice := ""
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		advice = "is locked by another process; stop that process (a second server, a backup, an open shell) or try again"
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("journal: %s is not a SQLite database; name another file, or move this one away: %w", s.path, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("journal: %s is damaged; stop the server and restore the file from a backup, or recover it with sqlite3's .recover: %w", s.path, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		advice = "cannot be written; give this user write permission on the file and its folder"
	case sqlite3.SQLITE_CANTOPEN:
		advice = "cannot be opened; check that the folder exists and that this user may read and write it"
	case sqlite3.SQLITE_FULL:
		advice = "cannot grow; the disk is full, so make room: nothing that was accepted is lost, and nothing was written now"
	case sqlite3.SQLITE_IOERR:
		advice = "cannot be read or written; check the disk"
	default:
		return fmt.Errorf("journal: %s: %w", s.path, err)
	}
	return unavailable{fmt.Errorf("journal: %s %s: %w", s.path, advice, err)}
}
