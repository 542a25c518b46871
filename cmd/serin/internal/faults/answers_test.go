package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// standing is how a question stands, as its caller reads it.
type standing struct {
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Final   bool   `json:"final"`
	Rollout string `json:"rollout"`
	Self    string `json:"self"`
}

// TestKill9OfAnswers has questions asked that are answered later, while servers are
// killed: between a question and its acknowledgement, between a verdict and the
// answer, between the answer and its being told. Each question gets one answer, which
// never changes, and only a granted promotion ends its rollout.
func TestKill9OfAnswers(t *testing.T) {
	needsMinutes(t)
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		answered(t, filepath.Join(t.TempDir(), "serin.db"), 1)
	})
	t.Run("ThreeReplicasOnPostgreSQL", func(t *testing.T) {
		t.Parallel()
		answered(t, pgtest.Start(t, pgtest.Config{Fsync: true}).NewDatabase(t), 3)
	})
}

func answered(t *testing.T, target string, replicas int) {
	const questions, callers, kills = 60, 8, 6
	w := newWorld(t)
	config := w.config("serin.yaml", target, "")
	var servers []*server
	for range replicas {
		servers = append(servers, serve(t, config))
	}
	events := make(chan struct{}, 1<<16)
	event := func() {
		select {
		case events <- struct{}{}:
		default:
		}
	}
	l := newLedger(t)
	l.event = event
	w.store.watch(func(string, url.Values) { event() })
	over, dead := make(chan struct{}), make(chan int)
	go func() {
		luck, n := rand.New(rand.NewPCG(5, uint64(replicas))), 0
		defer func() { dead <- n }()
		for range kills {
			for range 10 + luck.IntN(30) {
				select {
				case <-events:
				case <-over:
					return
				}
			}
			s := servers[n%replicas]
			s.kill()
			n++
			if err := s.tryStart(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	c, told := l.caller(t, servers...), &answers{by: map[string]standing{}}
	var crowd sync.WaitGroup
	for k := range callers {
		crowd.Go(func() {
			for n := k; n < questions; n += callers {
				if err := c.question(n, told); err != nil {
					t.Error(err)
				}
			}
		})
	}
	crowd.Wait()
	close(over)
	t.Logf("%d questions, %d kills", len(told.by), <-dead)
	for _, s := range servers {
		s.kill()
	}
	for _, s := range servers {
		s.start()
	}
	for self, was := range told.by {
		if now, err := c.standing(self); err != nil || now != was {
			t.Errorf("got %+v, %v; before the last kill it was %+v", now, err, was)
		}
	}
	told.hold(t, target)
}

// answers are what callers were told, by the address of the question.
type answers struct {
	mu sync.Mutex
	by map[string]standing
}

func (a *answers) add(s standing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.by[s.Self] = s
}

// question asks until it is acknowledged, asks the same again, and polls until it is
// answered.
func (c *caller) question(n int, told *answers) error {
	a := announcement{revision: fmt.Sprintf("q%03d", n), plan: "checkout", canary: map[bool]string{true: "bad", false: "good"}[n%3 == 0], ago: 2 * time.Minute}
	header, body := http.Header{"Prefer": {"respond-async"}, "Idempotency-Key": {a.revision}}, a.body()
	var asked standing
	for range 2 {
		code, text, err := c.callWith(header, http.MethodPost, "/v1/judge?wait=5m", body)
		if err != nil {
			return err
		}
		var got standing
		if err := json.Unmarshal(text, &got); code != http.StatusAccepted || err != nil || (asked.Self != "" && got.Self != asked.Self) {
			return errors.Join(fmt.Errorf("%s: got %d %.300s, want %s accepted", a.revision, code, text, asked.Self), err)
		}
		asked = got
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2 * patience); time.Now().Before(end); <-tick.C {
		now, err := c.standing(asked.Self)
		if err != nil {
			return err
		}
		if !now.Final {
			continue
		}
		if want := map[string]string{"good": "promote", "bad": "rollback"}[a.canary]; now.Status != want {
			return fmt.Errorf("%s, a %s canary: got %s (%s), want %s", a.revision, a.canary, now.Status, now.Reason, want)
		}
		told.add(now)
		return nil
	}
	return fmt.Errorf("%s: no answer in %s", a.revision, 2*patience)
}

func (c *caller) standing(self string) (standing, error) {
	var now standing
	code, text, err := c.call(http.MethodGet, self, "")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("%s: got %d %.300s", self, code, text)
	}
	if err == nil {
		err = json.Unmarshal(text, &now)
	}
	return now, err
}

// hold holds the journal against what callers were told.
func (a *answers) hold(t *testing.T, target string) {
	t.Helper()
	j, err := app.OpenJournal(t.Context(), target, journal.Options{Wait: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	q, err := app.WorkOf(t.Context(), j, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*patience, "every answer is told", func() bool {
		left, err := q.List(t.Context(), outbox.Filter{State: outbox.Queued, Kind: "answer"})
		return err == nil && len(left) == 0
	})
	given, err := q.List(t.Context(), outbox.Filter{Kind: "answer", Limit: 10_000})
	if err != nil || len(given) != len(a.by) {
		t.Errorf("got %d answers in the journal, %v; want %d", len(given), err, len(a.by))
	}
	twice := 0
	for _, was := range a.by {
		sum, err := j.Get(t.Context(), was.Rollout)
		if err != nil || (sum.Why == "promotion granted") != (was.Status == "promote") {
			t.Errorf("rollout %s was answered %s and is closed because %q (%v)", was.Rollout, was.Status, sum.Why, err)
		}
		list, err := j.AuditLog(t.Context(), journal.AuditFilter{Rollout: was.Rollout})
		if err != nil {
			t.Fatal(err)
		}
		var notes []string
		for _, e := range list {
			if strings.HasPrefix(e.What, "told poll ") {
				notes = append(notes, e.What)
			}
		}
		want := "told poll " + map[string]string{"promote": "yes", "rollback": "no"}[was.Status]
		if len(notes) == 0 || len(notes) > 2 || notes[0] != want || notes[len(notes)-1] != want {
			t.Errorf("rollout %s: got notes %q, want %q once, or twice where a server died after it", was.Rollout, notes, want)
		}
		twice += len(notes) - 1
	}
	t.Logf("%d answers, %d of them noted twice", len(a.by), twice)
	command(t, "journal", "verify", "--journal", target)
}

// TestTheScript has the example's script ask a real server about real series.
func TestTheScript(t *testing.T) {
	w := newWorld(t)
	s := serve(t, w.config("serin.yaml", filepath.Join(t.TempDir(), "serin.db"), ""))
	for canary, want := range map[string]int{"good": 0, "bad": 1} {
		a := announcement{revision: "script-" + canary, plan: "checkout", canary: canary, ago: 2 * time.Minute}
		c := exec.CommandContext(t.Context(), "sh", "../../../../examples/scripts/judge.sh", w.write(canary+".json", a.body()), a.revision)
		c.Env = append(os.Environ(), "SERIN=http://"+s.addr, "SERIN_TOKEN=none", "SERIN_POLL=1")
		out, err := c.CombinedOutput()
		if got := c.ProcessState.ExitCode(); got != want {
			t.Errorf("a %s canary: got exit code %d (%v), want %d:\n%s", canary, got, err, want, out)
		}
		t.Logf("%s", out)
	}
}
