package journal_test

import (
	"database/sql"
	"path/filepath"
	"sync"
	"testing"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// backend is one of the databases that the same journal is kept in.
type backend struct {
	name string
	// empty returns the target of a journal that does not exist yet, fresh that of one
	// that has nothing in it, which is faster.
	empty, fresh func(t testing.TB) string
	// driver opens it as another program would.
	driver string
}

func backends() []backend {
	return []backend{
		{"sqlite", file, file, "sqlite"},
		{"postgres", func(t testing.TB) string { return server(t).NewDatabase(t) }, copied, "pgx"},
	}
}

// onEach runs a test on every database.
func onEach(t *testing.T, do func(t *testing.T, db backend)) {
	for _, db := range backends() {
		t.Run(db.name, func(t *testing.T) { do(t, db) })
	}
}

// shell opens a journal's database as another program would.
func (b backend) shell(t testing.TB, target string) *sql.DB {
	t.Helper()
	db, err := sql.Open(b.driver, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// on picks a statement by database, where one does not do for both.
func (b backend) on(sqlite, postgres string) string {
	if b.driver == "sqlite" {
		return sqlite
	}
	return postgres
}

// cluster is the PostgreSQL that the tests share, started by the first.
var cluster struct {
	sync.Mutex
	server   *pgtest.Server
	err      error
	template string // the URL of a journal with nothing in it
}

func server(t testing.TB) *pgtest.Server {
	t.Helper()
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.server == nil && cluster.err == nil {
		cluster.server, cluster.err = pgtest.Run(pgtest.Config{})
	}
	if cluster.err != nil {
		pgtest.Unavailable(t, cluster.err)
	}
	return cluster.server
}

// copied returns the URL of a new journal with nothing in it.
func copied(t testing.TB) string {
	t.Helper()
	s := server(t)
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.template == "" {
		template := s.NewDatabase(t)
		j, err := journal.Open(t.Context(), template, journal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		cluster.template = template
	}
	return s.Copy(t, cluster.template)
}

// stopCluster ends the shared PostgreSQL.
func stopCluster() error {
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.server == nil {
		return nil
	}
	return cluster.server.Close()
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "serin.db") }
