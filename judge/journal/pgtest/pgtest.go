// Package pgtest starts a real, throwaway PostgreSQL for tests: a cluster of its
// own in a temporary folder, reached by a Unix socket that only this user can
// open. Only tests import it.
//
// It needs PostgreSQL's server programs (Debian: apt-get install postgresql).
// Where they are absent the test is skipped, unless the environment has
// SERIN_REQUIRE_TOOLS: then it fails. PostgreSQL refuses to run as root, so root
// runs it as the user postgres.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config says what a cluster starts with.
type Config struct {
	// Fsync makes commits durable, as in production. Without it tests are faster
	// and survive a crash of the server, but not of the machine.
	Fsync bool
	// Settings are lines of postgresql.conf, such as log_statement=all.
	Settings []string
	// Data is the folder of the cluster's data, which must be empty; default: a
	// temporary one. Its parents must be open to the user postgres.
	Data string
}

// Server is a running cluster.
type Server struct {
	dir, data, bin string
	config         Config
	as             *syscall.Credential // nil: this user
	names          atomic.Int64
}

// patience bounds the wait for a server to start and to stop.
const patience = 60 * time.Second

// ErrAbsent says that PostgreSQL's programs are not there.
var ErrAbsent = errors.New("pgtest: PostgreSQL's server programs are not installed (Debian: apt-get install postgresql)")

// Start starts a cluster that is stopped and removed when the test ends.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := Run(c)
	if err != nil {
		Unavailable(t, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Unavailable ends a test because of an error of [Run]: it is skipped where
// PostgreSQL is absent and SERIN_REQUIRE_TOOLS is empty, and fails otherwise.
func Unavailable(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrAbsent) && os.Getenv("SERIN_REQUIRE_TOOLS") == "" {
		t.Skip(err)
	}
	t.Fatal(err)
}

// Run starts a cluster for tests that share one. Its caller closes it.
func Run(c Config) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "serin-pg-") // short: a socket's path has 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, data: c.Data, bin: bin, config: c}
	if s.data == "" {
		s.data = filepath.Join(dir, "data")
	}
	if err := s.create(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.Up(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// programs returns the folder of the newest PostgreSQL that is installed.
func programs() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", ErrAbsent
	}
	version := func(p string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(p)))) // 0 where it is none
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// create makes the cluster.
func (s *Server) create() error {
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return fmt.Errorf("pgtest: root runs PostgreSQL as the user postgres: %w", err)
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errU, errG); err != nil {
			return err
		}
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		for _, d := range []string{s.dir, s.config.Data} {
			if d == "" {
				continue
			}
			if err := os.Chown(d, int(uid), int(gid)); err != nil {
				return err
			}
		}
	}
	if err := s.program("initdb", "-D", s.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"); err != nil {
		return err
	}
	onOff := map[bool]string{true: "on", false: "off"}[s.config.Fsync]
	lines := append([]string{
		"listen_addresses=''", "unix_socket_directories='" + s.dir + "'", "unix_socket_permissions=0700",
		"max_connections=200", "shared_buffers=32MB", "fsync=" + onOff, "full_page_writes=" + onOff,
		"log_min_messages=fatal", "restart_after_crash=on",
	}, s.config.Settings...)
	conf, err := os.OpenFile(filepath.Join(s.data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = conf.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, conf.Close())
}

// program runs one of PostgreSQL's programs to its end.
func (s *Server) program(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	//nolint:gosec // the programs are those of the installed package
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second // what it starts may hold its streams
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log")) // there may be none yet
		return fmt.Errorf("pgtest: %s: %w\n%s%s", name, err, &said, log)
	}
	return nil
}

// Up starts the server, which is ready when Up returns.
func (s *Server) Up() error {
	return s.program("pg_ctl", "-D", s.data, "-l", filepath.Join(s.dir, "log"), "-w", "start")
}

// Down stops the server. The modes are pg_ctl's: fast ends connections in peace,
// immediate is a crash.
func (s *Server) Down(mode string) error {
	return s.program("pg_ctl", "-D", s.data, "-w", "-m", mode, "stop")
}

// Restart stops the server as Down does and starts it again.
func (s *Server) Restart(mode string) error {
	if err := s.Down(mode); err != nil {
		return err
	}
	return s.Up()
}

// Close stops the server and removes its folder. A stopped one is only removed.
func (s *Server) Close() error {
	var err error
	if _, e := os.Stat(filepath.Join(s.data, "postmaster.pid")); !errors.Is(e, fs.ErrNotExist) {
		err = s.Down("immediate")
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// URL returns the URL of one of the server's databases; "postgres" always exists.
func (s *Server) URL(database string) string {
	q := url.Values{"host": {s.dir}, "user": {"postgres"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}).String()
}

// NewDatabase creates an empty database and returns its URL.
func (s *Server) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.names.Add(1))
	s.Exec(t, s.URL("postgres"), "create database "+name)
	return s.URL(name)
}

// Exec runs a statement, as another program would.
func (s *Server) Exec(t testing.TB, databaseURL, statement string, args ...any) {
	t.Helper()
	// A test's context has ended when its cleanups run.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(ctx, statement, args...)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
