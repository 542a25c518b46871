package faults

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// under has rollouts live by eight callers until the function returns, and settles.
func under(t *testing.T, w *world, target string, servers []*server, fault func(l *ledger)) {
	t.Helper()
	l := newLedger(t)
	c := l.caller(t, servers...)
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				canary := []string{"good", "bad"}[n%2]
				if err := c.live(announcement{revision: fmt.Sprintf("r%d-%d", i, n), plan: "checkout", canary: canary, callback: w.told.server.URL, ago: 2 * time.Minute}, 2); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	fault(l)
	close(stop)
	callers.Wait()
	settle(t, target, l, w.told)
}

// more waits until so many more rollouts were closed.
func (l *ledger) more(n int) {
	l.t.Helper()
	have := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.closed)
	}
	from := have()
	eventually(l.t, patience, fmt.Sprintf("%d more rollouts are judged", n), func() bool { return have() >= from+n || l.t.Failed() })
}

// TestPostgreSQLFails crashes, restarts and cuts off the database of three replicas
// while rollouts are judged. The same faults below one journal are tests of
// judge/journal; here callers see them.
func TestPostgreSQLFails(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	w := newWorld(t)
	db := pgtest.Start(t, pgtest.Config{Fsync: true})
	database := db.NewDatabase(t)
	servers := w.replicas(database, 3)
	under(t, w, database, servers, func(l *ledger) {
		l.more(10)
		for _, mode := range []string{"immediate", "fast"} {
			if err := db.Restart(mode); err != nil {
				t.Error(err)
			}
			l.more(10)
		}
		name := database[strings.LastIndex(database, "/")+1 : strings.Index(database, "?")]
		cut := func() {
			db.Exec(t, db.URL("postgres"), "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
		}
		for range 5 {
			cut()
			l.more(2)
		}
		// Away for good: callers are told so in their time, and it goes on afterwards.
		if err := db.Down("immediate"); err != nil {
			t.Error(err)
		}
		refuses(t, servers[0], "cannot be reached")
		if err := db.Up(); err != nil {
			t.Error(err)
		}
		l.more(10)
	})
}

// refuses asks a server that cannot record anything: an answer within Flagger's ten
// seconds, which promotes and rolls back nothing and says what is wrong.
func refuses(t *testing.T, s *server, want string) {
	t.Helper()
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	l := newLedger(t)
	c := &caller{ledger: l, client: client}
	code, text, err := c.once(nil, http.MethodPost, "http://"+s.addr+"/v1/rollouts", announcement{revision: "refused", plan: "checkout", canary: "good"}.body())
	if err != nil || code < 500 || !strings.Contains(string(text), "error") || !strings.Contains(string(text), want) {
		t.Errorf("announce: got %d %s, error %v; want an error with %q", code, text, err, want)
	}
	t.Logf("announce: %d %s", code, text)
	for _, hook := range []string{"pre-rollout", "confirm-traffic-increase", "confirm-promotion", "rollback"} {
		began := time.Now()
		code, text, err := c.once(nil, http.MethodPost, "http://"+s.addr+"/flagger/"+hook, `{"name": "checkout", "namespace": "refused", "phase": "Progressing", "checksum": "1"}`)
		if took := time.Since(began); err != nil || code < 400 || len(text) == 0 || took > 10*time.Second {
			t.Errorf("%s: got %d %s after %s, error %v; want a refusal within 10 s", hook, code, text, took, err)
		}
		t.Logf("%s: %d %s", hook, code, text)
	}
}

// TestDiskFull fills the disk below a SQLite journal, and makes it read-only, while
// rollouts are judged.
func TestDiskFull(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	w := newWorld(t)
	dir, remount := tmpfs(t, "16m")
	target := filepath.Join(dir, "serin.db")
	s := serve(t, w.config("serin.yaml", target, ""))
	under(t, w, target, []*server{s}, func(l *ledger) {
		l.more(5)
		fill(t, filepath.Join(dir, "ballast"))
		stuck(t, l)
		refuses(t, s, "the disk is full")
		if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
			t.Fatal(err)
		}
		l.more(5)
	})
	t.Run("read-only", func(t *testing.T) {
		s.kill()
		remount("ro")
		err := s.tryStart()
		if err == nil || !strings.Contains(err.Error(), "must be able to read and write the file") {
			t.Errorf("got %v, want no start, and which right is missing", err)
		}
		remount("rw")
		s.start()
	})
}

// stuck waits until no call succeeds any more.
func stuck(t *testing.T, l *ledger) {
	t.Helper()
	from := l.shed.Load()
	eventually(t, patience, "callers are refused", func() bool { return l.shed.Load() > from+20 })
}

// tmpfs mounts a small file system, where that is allowed.
func tmpfs(t *testing.T, size string) (dir string, remount func(options string)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a small file system")
	}
	dir, err := os.MkdirTemp("", "serin-fs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	mount := func(args ...string) ([]byte, error) {
		return exec.Command("mount", args...).CombinedOutput()
	}
	if out, err := mount("-t", "tmpfs", "-o", "size="+size, "serin-test", dir); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return dir, func(options string) {
		t.Helper()
		if out, err := mount("-o", "remount,"+options, dir); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 512; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}
