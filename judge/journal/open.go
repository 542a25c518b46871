package journal

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemaTable is where the schema's version is kept.
const schemaTable = "serin_schema"

// readers is how many reads may run beside the writer.
const readers = 4

// memory is the path of a journal that is gone when closed.
const memory = ":memory:"

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

// connect opens the writer and the readers. Nothing is read yet.
func (j *Journal) connect(wait time.Duration) error {
	writer, err := sqlite.NewConnector(dsn(j.path, wait, false))
	if err != nil {
		return fmt.Errorf("journal: %s: %w", j.path, err)
	}
	j.writer = sql.OpenDB(writer)
	j.writer.SetMaxOpenConns(1)
	j.writer.SetMaxIdleConns(1)
	if j.path == memory {
		// The database is the connection.
		j.reader = j.writer
		return nil
	}
	reader, err := sqlite.NewConnector(dsn(j.path, wait, true))
	if err != nil {
		return errors.Join(fmt.Errorf("journal: %s: %w", j.path, err), j.writer.Close())
	}
	j.reader = sql.OpenDB(reader)
	j.reader.SetMaxOpenConns(readers)
	j.reader.SetMaxIdleConns(readers)
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

// migrate brings the schema to this binary's version. Two servers may start on
// one fresh file at once: the slower one finds the tables there and looks again.
func (j *Journal) migrate(ctx context.Context, log *slog.Logger) error {
	if err := j.ours(ctx); err != nil {
		return err
	}
	const attempts = 5
	for attempt := 1; ; attempt++ {
		err := j.up(ctx, log)
		if err == nil || attempt == attempts || ctx.Err() != nil || errors.Is(err, errNewer) {
			return err
		}
	}
}

// errNewer is the refusal of a file that a newer binary has migrated.
var errNewer = errors.New("journal: the file was written by a newer version")

func (j *Journal) up(ctx context.Context, log *slog.Logger) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, j.writer, files,
		goose.WithTableName(schemaTable), goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	if err != nil {
		return fmt.Errorf("journal: read the migrations: %w", err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return j.explain(fmt.Errorf("journal: read the schema's version: %w", err))
	}
	if has > knows {
		return fmt.Errorf("%w: %s has schema %d, and this binary knows schemas up to %d; run the newer binary, or name another file",
			errNewer, j.path, has, knows)
	}
	if has == knows {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return j.explain(fmt.Errorf("journal: migrate from schema %d to %d: %w", has, knows, err))
	}
	return nil
}

// ours refuses a database that belongs to something else.
func (j *Journal) ours(ctx context.Context) error {
	var tables, schema int
	err := j.writer.QueryRowContext(ctx,
		`select count(*), coalesce(sum(name = $1), 0) from sqlite_master where type = 'table'`, schemaTable).Scan(&tables, &schema)
	if err != nil {
		return j.explain(err)
	}
	if tables > 0 && schema == 0 {
		return fmt.Errorf("journal: %s is a SQLite database of something else; name another file", j.path)
	}
	return nil
}
