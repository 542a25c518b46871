package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/pgtest"
	"github.com/serin-canary/serin/judge/rollout"
)

// fat is a look with a verdict of some kilobytes.
func fat(id string, seq int) judge.Look {
	l := look(id, seq)
	l.Verdict.Reason = strings.Repeat(fmt.Sprintf("look %d; ", seq), 2000)
	return l
}

// untilFull commits until the disk is full, makes room, and goes on.
func untilFull(t *testing.T, path string, j *journal.Journal, id string, makeRoom func()) {
	t.Helper()
	seq := 1
	var err error
	for ; err == nil && seq < 20_000; seq++ {
		err = j.Commit(t.Context(), fat(id, seq))
	}
	seq--
	if err == nil || !strings.Contains(err.Error(), "disk is full") || !strings.Contains(err.Error(), "make room") {
		t.Fatalf("look %d: got %v, want that the disk is full", seq, err)
	}
	if got := load(t, j, id).Looks; got != seq-1 {
		t.Errorf("got %d looks, want the %d that were accepted", got, seq-1)
	}
	makeRoom()
	commit(t, j, fat(id, seq), fat(id, seq+1))
	again := open(t, path)
	if got := load(t, again, id).Looks; got != seq+1 {
		t.Errorf("got %d looks, want %d", got, seq+1)
	}
	if _, err := again.Verify(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Error(err)
	}
	t.Logf("full at look %d", seq)
}

func TestDiskFull(t *testing.T) {
	t.Run("sqlite, by its own limit", func(t *testing.T) {
		path := file(t)
		j := open(t, path)
		id := announce(t, j, "r1").ID
		pages := func(n int) {
			if _, err := j.DB().Writer.ExecContext(t.Context(), fmt.Sprintf("pragma max_page_count = %d", n)); err != nil {
				t.Fatal(err)
			}
		}
		pages(200)
		untilFull(t, path, j, id, func() { pages(1 << 20) })
	})
	t.Run("sqlite, on a full file system", func(t *testing.T) {
		dir, remount := tmpfs(t, "2m")
		path := filepath.Join(dir, "serin.db")
		j := open(t, path)
		id := announce(t, j, "r1").ID
		untilFull(t, path, j, id, func() { remount("size=64m") })
	})
	t.Run("postgres, on a full file system", func(t *testing.T) {
		dir, remount := tmpfs(t, "120m")
		s := pgtest.Start(t, pgtest.Config{Data: dir, Settings: []string{"max_wal_size=32MB", "min_wal_size=32MB", "wal_recycle=on"}})
		path := s.NewDatabase(t)
		j := open(t, path)
		id := announce(t, j, "r1").ID
		filler := filepath.Join(dir, "filler")
		if err := fill(filler); err != nil {
			t.Fatal(err)
		}
		untilFull(t, path, j, id, func() {
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			remount("size=200m")
		})
	})
}

func TestReadOnlyFile(t *testing.T) {
	dir, remount := t.TempDir(), func(string) {}
	if os.Geteuid() == 0 { // who may write every file
		dir, remount = tmpfs(t, "8m")
	}
	path := filepath.Join(dir, "serin.db")
	j, err := journal.Open(t.Context(), path, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	announce(t, j, "r1")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	remount("ro")
	if j, err := journal.Open(t.Context(), path, journal.Options{}); err == nil {
		j.Close()
		t.Error("a file that cannot be written was opened")
	} else if !strings.Contains(err.Error(), "this user must be able to read and write the file") {
		t.Errorf("got %v, want what to do", err)
	}
}

// Whatever was accepted is there, and what was not is not, when the server crashes
// and connections are cut while three replicas commit.
func TestPostgresFails(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it crashes and restarts servers; set SERIN_E2E=1 to run it")
	}
	for name, fault := range map[string]func(t *testing.T, s *pgtest.Server, url string){
		"a crash and a restart": func(t *testing.T, s *pgtest.Server, _ string) {
			if err := s.Restart("immediate"); err != nil {
				t.Error(err)
			}
		},
		"a restart": func(t *testing.T, s *pgtest.Server, _ string) {
			if err := s.Restart("fast"); err != nil {
				t.Error(err)
			}
		},
		"connections cut": func(t *testing.T, s *pgtest.Server, url string) {
			for range 8 {
				s.Exec(t, url, `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()`)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for servers to start, mostly
			s := pgtest.Start(t, pgtest.Config{Fsync: true})
			url := s.NewDatabase(t)
			stop := make(chan struct{})
			var (
				wg      sync.WaitGroup
				replica [3]worker
			)
			for i := range replica {
				w := &replica[i]
				w.j = openPatient(t, url)
				r := trial("r")
				r.Service = fmt.Sprint("service-", i)
				a, err := w.j.Announce(t.Context(), r, aPlan())
				if err != nil {
					t.Fatal(err)
				}
				w.id = a.Rollout.ID
			}
			for i := range replica {
				wg.Go(func() { replica[i].run(t.Context(), stop) })
			}
			for range 2 {
				replica[0].await(t, 10)
				fault(t, s, url)
			}
			replica[0].await(t, 10)
			close(stop)
			wg.Wait()
			for i := range replica {
				replica[i].check(t, openPatient(t, url))
			}
		})
	}
}

func openPatient(t *testing.T, url string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), url, journal.Options{Wait: 20 * time.Second, Timeout: 40 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// worker commits looks to one rollout and remembers what was accepted.
type worker struct {
	j  *journal.Journal
	id string

	mu       sync.Mutex
	accepted int
	failed   []error
}

func (w *worker) run(ctx context.Context, stop <-chan struct{}) {
	for seq := 1; ; {
		select {
		case <-stop:
			return
		default:
		}
		err := w.j.Commit(ctx, look(w.id, seq))
		if err == nil {
			err = w.j.Declare(ctx, w.id, rollout.WeightAt{At: start.Add(time.Duration(seq) * time.Minute), Percent: float64(seq%99) + 1})
			seq++
		}
		w.mu.Lock()
		w.accepted = seq - 1
		if err != nil {
			w.failed = append(w.failed, err)
		}
		stopped := len(w.failed) > 20
		w.mu.Unlock()
		if stopped {
			return
		}
	}
}

// await waits until the worker has accepted so many more looks.
func (w *worker) await(t *testing.T, more int) {
	t.Helper()
	have := func() (int, int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.accepted, len(w.failed)
	}
	from, _ := have()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(60 * time.Second); ; <-tick.C {
		n, failed := have()
		if n >= from+more || failed > 20 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d looks were accepted in a minute, want %d", n-from, more)
		}
	}
}

func (w *worker) check(t *testing.T, j *journal.Journal) {
	t.Helper()
	for _, err := range w.failed {
		t.Errorf("rollout %s: %v", w.id, err) // all of them pass while the journal waits
	}
	rec := load(t, j, w.id)
	if rec.Looks != w.accepted || len(rec.Rollout.Weights) != w.accepted {
		t.Errorf("rollout %s: got %d looks and %d weights, want the %d that were accepted", w.id, rec.Looks, len(rec.Rollout.Weights), w.accepted)
	}
	if _, err := j.Verify(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Error(err)
	}
}

// A commit whose answer got lost is looked up: nobody is told that it failed where it
// did not, and nothing is written twice.
func TestLostAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		fate   fate
		unsure bool
	}{
		"before the commit arrived":                     {fate: fate{arrives: false}},
		"after the commit":                              {fate: fate{arrives: true}},
		"after the commit, and the server stays away":   {fate: fate{arrives: true, away: true}, unsure: true},
		"before the commit, and the server stays away":  {fate: fate{arrives: false, away: true}, unsure: true},
		"an announcement's, after the commit (no twin)": {fate: fate{arrives: true, announce: true}},
	} {
		t.Run(name, func(t *testing.T) {
			direct := server(t).NewDatabase(t)
			p := startProxy(t, direct)
			j, err := journal.Open(t.Context(), p.url, journal.Options{Wait: 2 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			id := announce(t, j, "r1").ID
			p.arm(c.fate)
			if c.fate.announce {
				a, err := j.Announce(t.Context(), trial("r2"), aPlan())
				if err != nil || !a.New || len(a.Superseded) != 1 {
					t.Errorf("got %+v, error %v; want a new rollout that supersedes one", a, err)
				}
			} else {
				err = j.Commit(t.Context(), look(id, 1))
				if c.unsure != errors.Is(err, journal.ErrUnknown) || !c.unsure && err != nil {
					t.Errorf("got %v; want unsure %v", err, c.unsure)
				}
			}
			if got := p.cut(); got != 1 {
				t.Errorf("%d connections were cut, want 1: this shows nothing", got)
			}
			there := open(t, direct)
			want := 1
			if c.fate.announce || c.fate.away && !c.fate.arrives {
				want = 0
			}
			if got := load(t, there, id).Looks; got != want {
				t.Errorf("got %d looks, want %d", got, want)
			}
		})
	}
}

// A statement that waits for somebody else's lock ends, with words.
func TestNobodyWaitsForEver(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, err := journal.Open(t.Context(), path, journal.Options{Wait: 100 * time.Millisecond, Timeout: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		id := announce(t, j, "r1").ID
		other, err := db.shell(t, path).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		for _, s := range strings.Split(db.on(`begin immediate`, `begin; lock table looks in access exclusive mode`), ";") {
			if _, err := other.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		err = j.Commit(t.Context(), look(id, 1))
		if err == nil || !strings.Contains(err.Error(), "locked by another process") &&
			!strings.Contains(err.Error(), "did not answer within 300ms") && !strings.Contains(err.Error(), "did not finish a statement in time") {
			t.Errorf("got %v, want that it took too long, and what to look at", err)
		}
		if _, err := other.ExecContext(t.Context(), `rollback`); err != nil {
			t.Fatal(err)
		}
		commit(t, j, look(id, 1))
	})
}
