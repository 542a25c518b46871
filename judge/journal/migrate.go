package journal

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemaTable is where the schema's version is kept.
const schemaTable = "serin_schema"

// errNewer is the refusal of a database that a newer binary has migrated.
var errNewer = errors.New("journal: the schema was written by a newer version")

// migrator brings a database's schema to this binary's version.
type migrator struct {
	name    string // of the database, in errors
	dialect goose.Dialect
	db      *sql.DB
	log     *slog.Logger
}

func (m migrator) up(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	p, err := goose.NewProvider(m.dialect, m.db, files,
		goose.WithTableName(schemaTable), goose.WithDisableGlobalRegistry(true), goose.WithSlog(m.log))
	if err != nil {
		return fmt.Errorf("journal: read the migrations: %w", err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("journal: read the schema's version: %w", err)
	}
	if has > knows {
		return fmt.Errorf("%w: %s has schema %d, and this binary knows schemas up to %d; run the newer binary, or name another journal",
			errNewer, m.name, has, knows)
	}
	if has == knows {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("journal: migrate from schema %d to %d: %w", has, knows, err)
	}
	return nil
}

// migrate brings the file's schema up. Two servers may start on one fresh file at
// once: the slower one finds the tables there and looks again.
func (s *sqliteFile) migrate(ctx context.Context, log *slog.Logger) error {
	if err := s.ours(ctx); err != nil {
		return err
	}
	m := migrator{s.path, goose.DialectSQLite3, s.writer, log}
	const attempts = 5
	for attempt := 1; ; attempt++ {
		err := m.up(ctx)
		if err == nil || attempt == attempts || ctx.Err() != nil || errors.Is(err, errNewer) {
			return s.explain(err)
		}
	}
}

// ours refuses a database that belongs to something else.
func (s *sqliteFile) ours(ctx context.Context) error {
	var tables, schema int
	err := s.writer.QueryRowContext(ctx,
		`select count(*), coalesce(sum(name = $1), 0) from sqlite_master where type = 'table'`, schemaTable).Scan(&tables, &schema)
	if err != nil {
		return s.explain(err)
	}
	if tables > 0 && schema == 0 {
		return fmt.Errorf("journal: %s is a SQLite database of something else; name another file", s.path)
	}
	return nil
}
