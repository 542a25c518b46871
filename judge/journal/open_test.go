package journal_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// shell opens a SQLite file as another program would.
func shell(t testing.TB, path string) *sql.DB { return backends()[0].shell(t, path) }

func run(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestOpenRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string) string
		want    string
	}{
		"no name":      {func(*testing.T, string) string { return "" }, "no file is named"},
		"no folder":    {func(_ *testing.T, path string) string { return filepath.Join(path, "serin.db") }, "does not exist; create it"},
		"a folder":     {func(_ *testing.T, path string) string { return filepath.Dir(path) }, "is a folder; name a file in it"},
		"not a folder": {func(t *testing.T, path string) string { write(t, path, "x"); return filepath.Join(path, "serin.db") }, "is not a folder"},
		"not a database": {func(t *testing.T, path string) string {
			write(t, path, strings.Repeat("this is a diary, not a database\n", 400))
			return path
		}, "is not a SQLite database; name another file"},
		"a database of something else": {func(t *testing.T, path string) string {
			run(t, shell(t, path), `create table recipes (name text)`)
			return path
		}, "is a SQLite database of something else"},
		"a newer schema": {func(t *testing.T, path string) string {
			open(t, path)
			run(t, shell(t, path), `insert into serin_schema (version_id, is_applied) values (99, 1)`)
			return path
		}, "has schema 99, and this binary knows schemas up to 9; run the newer binary"},
		"a locked file": {func(t *testing.T, path string) string {
			conn, err := shell(t, path).Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			if _, err := conn.ExecContext(t.Context(), `begin exclusive`); err != nil {
				t.Fatal(err)
			}
			return path
		}, "is locked by another process; stop that process"},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.prepare(t, file(t))
			j, err := journal.Open(t.Context(), path, journal.Options{Wait: 20 * time.Millisecond})
			if err == nil {
				j.Close()
				t.Fatalf("opened %s, want an error with %q", path, c.want)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant an error with %q", err, c.want)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	path := file(t)
	var log bytes.Buffer
	options := journal.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}
	j, err := journal.Open(t.Context(), path, options)
	if err != nil {
		t.Fatal(err)
	}
	announce(t, j, "r1")
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 3 {
		t.Errorf("got files %v, error %v; want the database, its log and its index", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v, error %v; want 0600", f, info.Mode().Perm(), err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "other users") {
		t.Errorf("got a warning for a private file: %s", &log)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if j, err = journal.Open(t.Context(), path, options); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if !strings.Contains(log.String(), "chmod 600") {
		t.Errorf("got no warning for a file that everybody can read: %s", &log)
	}
}

func TestAnyNameCanBeAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41&mode=ro'é.db")
	id := announce(t, open(t, path), "r1").ID
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	load(t, open(t, path), id)
}

// Several servers may start on one fresh file at once.
func TestOpeningAFreshFileAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.empty(t)
		var (
			wg   sync.WaitGroup
			errs [4]error
			gate = make(chan struct{})
		)
		for i := range errs {
			wg.Go(func() {
				<-gate
				j, err := journal.Open(t.Context(), path, journal.Options{})
				if err == nil {
					err = errors.Join(j.Ping(t.Context()), j.Close())
				}
				errs[i] = err
			})
		}
		close(gate)
		wg.Wait()
		for i, err := range errs {
			if err != nil {
				t.Errorf("server %d: %v", i, err)
			}
		}
	})
}

func TestPing(t *testing.T) {
	path := file(t)
	j, err := journal.Open(t.Context(), path, journal.Options{Wait: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Ping(t.Context()); err != nil {
		t.Errorf("got %v, want a journal that can be read and written", err)
	}
	other, err := shell(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), `begin immediate`); err != nil {
		t.Fatal(err)
	}
	if err := j.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "locked by another process") {
		t.Errorf("while another process writes: got %v, want that it is locked", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Ping(t.Context()); err == nil {
		t.Error("a closed journal answers")
	}
	if err := j.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// A request that is given up must not take the journal in memory with it, which
// is its connection.
func TestACancelledCallLosesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		targets := []string{db.fresh(t)}
		if db.name == "sqlite" {
			targets = append(targets, ":memory:")
		}
		for _, path := range targets {
			j := open(t, path)
			id := announce(t, j, "r1").ID
			for n := range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); cancel() }()
				_, loadErr := j.Load(ctx, id)
				commitErr := j.Commit(ctx, look(id, load(t, j, id).Looks+1))
				<-done
				for _, err := range []error{loadErr, commitErr} {
					if err != nil && !errors.Is(err, context.Canceled) {
						t.Fatalf("round %d: got %v, want nil or that the call was cancelled", n, err)
					}
				}
				if _, err := j.Get(t.Context(), id); err != nil {
					t.Fatalf("round %d: %v", n, err)
				}
			}
		}
	})
}

// A row that was damaged is an error that names it, whatever part it is.
func TestDamageIsNamed(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		for name, c := range map[string]struct {
			statement string
			want      string // beside the rollout's ID
		}{
			"a missing look":    {`delete from looks where seq = 2`, "look 2"},
			"a missing plan":    {`set session_replication_role = replica; delete from plans`, "its plan"},
			"an edited plan":    {`update plans set data = replace(data, '"alpha":0.05', '"alpha":0.5')`, "the digest of its plan"},
			"a broken plan":     {`update plans set data = '{'`, "plan "},
			"a broken rollout":  {`update rollouts set data = '{'`, ""},
			"a foreign rollout": {`update rollouts set data = replace(data, '"id":"', '"id":"x')`, "its data are of rollout"},
			"a freeze":          {db.on(`update looks set "freeze" = x'5301' where seq = 2`, `update looks set "freeze" = '\x5301' where seq = 2`), "look 2"},
			"a freeze's number": {db.on(
				`update looks set "freeze" = cast(replace(cast("freeze" as text), 'canary-0', 'canary-1') as blob) where seq = 3`,
				`update looks set "freeze" = decode(replace(encode("freeze", 'hex'), encode('canary-0', 'hex'), encode('canary-1', 'hex')), 'hex') where seq = 3`), "look 3"},
			"check results":      {`update looks set checks = '[]' where seq = 1`, "look 1"},
			"problems":           {`update looks set problems = '{}' where seq = 1`, "look 1"},
			"an invented latch":  {`update looks set latch = '{"block":1}' where seq = 3`, "look 3"},
			"a forgotten latch":  {`update looks set latch = '' where seq = 2`, "look 2"},
			"a promotion":        {`update looks set promotes = 1 where seq = 1`, "look 1"},
			"a time":             {`update looks set at = at + 1 where seq = 2`, "look 2"},
			"a digest":           {`update looks set inputs_digest = 'x' where seq = 1`, "look 1"},
			"a number of a look": {`update looks set seq = 7 where seq = 3`, "look 3"},
			"a null":             {`update looks set seq = -1 where seq = 1`, "look 1"},
		} {
			t.Run(name, func(t *testing.T) {
				path := db.fresh(t)
				j := open(t, path)
				id := announce(t, j, "r1").ID
				second := look(id, 2)
				second.Verdict.Latched = &judge.Latch{Block: 1, Reason: "worse"}
				commit(t, j, look(id, 1), second, look(id, 3))
				if db.name == "sqlite" {
					c.statement = strings.TrimPrefix(c.statement, "set session_replication_role = replica; ") // no key is held there
				}
				run(t, db.shell(t, path), c.statement)
				if _, err := j.Load(t.Context(), id); !errors.Is(err, journal.ErrDamaged) ||
					!strings.Contains(err.Error(), id) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "cannot be reached") {
					t.Errorf("got %v, want that rollout %s is damaged, with %q", err, id, c.want)
				}
			})
		}
	})
}

func TestDamagedVerdictsAreNamed(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j := open(t, path)
		id := announce(t, j, "r1").ID
		commit(t, j, look(id, 1), look(id, 2))
		run(t, db.shell(t, path), `update looks set verdict = replace(verdict, 'nothing', 'everything') where seq = 2`)
		for name, call := range map[string]func() error{
			"Get":          func() error { _, err := j.Get(t.Context(), id); return err },
			"List":         func() error { _, err := j.List(t.Context(), journal.Filter{}); return err },
			"Verdicts":     func() error { _, err := j.Verdicts(t.Context(), id); return err },
			"VerdictsJSON": func() error { _, err := j.VerdictsJSON(t.Context(), id); return err },
			"Looks":        func() error { _, err := j.Looks(t.Context(), id); return err },
		} {
			if err := call(); !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("rollout %s, look 2", id)) {
				t.Errorf("%s: got %v, want that look 2 of rollout %s is damaged", name, err, id)
			}
		}
	})
}

func TestNothingIsLeftRunning(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		before := goleak.IgnoreCurrent()
		j, err := journal.Open(t.Context(), db.fresh(t), journal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		announce(t, j, "r1")
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		goleak.VerifyNone(t, before)
	})
}
