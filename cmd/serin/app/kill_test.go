package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// childConfig tells a process that it is one that is killed. Its configuration comes
// on its standard input.
const childConfig = "SERIN_APP_CHILD"

// childTalks is the value of childConfig with which it logs all that it can.
const childTalks = "talks"

// serveChild is a server in a process of its own. It prints its address.
func serveChild(ctx context.Context) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fail(err)
	}
	c, err := Parse("serin.yaml", text)
	if err != nil {
		return fail(err)
	}
	level := slog.LevelError
	if os.Getenv(childConfig) == childTalks {
		level = slog.LevelDebug
	}
	a, err := New(ctx, Options{Config: c, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))})
	if err != nil {
		return fail(err)
	}
	fmt.Println(a.URL())
	return fail(a.Run(ctx))
}

const callbackSecret = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldyE="

// The canary's page answers 500, which is a failed critical check.
const killPlan = `service: checkout
source: pods
arms:
  baseline: { labels: { arm: baseline } }
  canary: { labels: { arm: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
checks:
  - name: home
    http: { get: "%s/broken" }
    critical: true
`

// told is a receiver of callbacks: slow, failing, and it verifies.
type told struct {
	t      *testing.T
	verify *standardwebhooks.Webhook
	mu     sync.Mutex
	of     map[string]int
	bodies map[string]string
}

func (r *told) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // its sender was killed
	}
	if err := r.verify.Verify(body, q.Header); err != nil {
		r.t.Error(err)
	}
	id := q.Header.Get("webhook-id")
	r.mu.Lock()
	r.of[id]++
	if before, ok := r.bodies[id]; ok && before != string(body) {
		r.t.Errorf("%s: got another body the second time: %s, then %s", id, before, body)
	}
	r.bodies[id] = string(body)
	r.mu.Unlock()
	switch rand.IntN(8) {
	case 0, 1: // a kill meets it here
		select {
		case <-q.Context().Done():
		case <-time.After(300 * time.Millisecond):
		}
	case 2:
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (r *told) times(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[id]
}

// replica is a server that is killed and started again.
type replica struct {
	t      *testing.T
	config string
	env    []string // beside the test's own environment
	cmd    *exec.Cmd
	url    string
	log    io.Writer // gets all that it can log; nil for its errors on ours
}

func (r *replica) start() {
	r.t.Helper()
	r.cmd = exec.CommandContext(r.t.Context(), os.Args[0])
	r.cmd.Env = append(slices.Concat(os.Environ(), r.env), childConfig+"=1")
	r.cmd.Stdin = strings.NewReader(r.config)
	r.cmd.Stderr = os.Stderr
	if r.log != nil {
		r.cmd.Env, r.cmd.Stderr = append(r.cmd.Env, childConfig+"="+childTalks), r.log
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // where the test did not come so far
	})
	s := bufio.NewScanner(out)
	if !s.Scan() {
		r.t.Fatalf("the server did not start: %v", r.cmd.Wait())
	}
	r.url = s.Text()
}

// end ends it by a signal, and returns its exit code: -1 where the signal did.
func (r *replica) end(s syscall.Signal) int {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
	_ = r.cmd.Wait() // it was told to end
	return r.cmd.ProcessState.ExitCode()
}

// killed runs the story of a journal: rollouts are announced, looked at and closed
// while servers die, and everything that was accepted is told.
func killed(t *testing.T, target string, replicas int) {
	seen := &told{t: t, of: map[string]int{}, bodies: map[string]string{}}
	var err error
	if seen.verify, err = standardwebhooks.NewWebhook(callbackSecret); err != nil {
		t.Fatal(err)
	}
	receiver := httptest.NewServer(seen)
	defer receiver.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintln(w, `http_requests_total{code="200"} 1`)
	}))
	defer page.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	if err := os.Mkdir(filepath.Join(dir, "plans"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("plans/checkout.yaml", fmt.Sprintf(killPlan, page.URL))
	secret := write("secret", callbackSecret+"\n")
	config := fmt.Sprintf(`listen: 127.0.0.1:0
plans: %s/plans
journal: %q
outgoing: { callbacks: [127.0.0.0/8] }
callbacks: { secretFiles: [%s], hosts: ["127.0.0.1:*"], plainHTTP: true }
sources:
  - name: pods
    scrape: { targets: [{ url: %s, labels: { arm: baseline } }, { url: %s, labels: { arm: canary } }] }
`, dir, target, secret, page.URL, page.URL)

	servers := make([]*replica, replicas)
	for i := range servers {
		servers[i] = &replica{t: t, config: config}
		servers[i].start()
	}
	owed := accept(t, servers, receiver.URL)
	for _, s := range servers {
		s.start() // accept left them dead
	}
	patience := time.Now().Add(2 * time.Minute)
	missing := func() (ids []string) {
		for _, id := range owed {
			if seen.times(id) == 0 {
				ids = append(ids, id)
			}
		}
		return ids
	}
	began := time.Now()
	for len(missing()) > 0 && time.Now().Before(patience) {
		<-time.After(50 * time.Millisecond)
	}
	if ids := missing(); len(ids) > 0 {
		t.Errorf("got nothing of %d of %d callbacks, %v among them", len(ids), len(owed), ids[0])
	}
	told := time.Since(began)
	q := opened(t, target)
	for {
		left, err := q.List(t.Context(), outbox.Filter{State: outbox.Queued, Kind: "callback"})
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(patience) {
			t.Errorf("got %d callbacks still queued, %+v among them", len(left), left[0])
			break
		}
		<-time.After(100 * time.Millisecond)
	}
	more := 0
	for _, id := range owed {
		if seen.times(id) > 1 {
			more++
		}
	}
	t.Logf("%d callbacks owed, all told %s after the last start and settled after %s; %d more than once, by the same ID",
		len(owed), told.Round(time.Second), time.Since(began).Round(time.Second), more)
	for _, s := range servers {
		if code := s.end(syscall.SIGKILL); code != -1 {
			t.Errorf("got exit %d, want it killed", code)
		}
	}
}

// opened returns the work of a journal.
func opened(t *testing.T, target string) *outbox.Queue {
	t.Helper()
	j, err := OpenJournal(t.Context(), target, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	q, err := WorkOf(t.Context(), j, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// accept announces, judges and closes rollouts by turns on the servers, killing one
// now and then, and all in the end. It returns the IDs of the callbacks that were
// accepted: those of answers that arrived.
func accept(t *testing.T, servers []*replica, receiver string) (owed []string) {
	t.Helper()
	for n := range 60 {
		if n%20 == 19 {
			s := servers[rand.IntN(len(servers))]
			s.end(syscall.SIGKILL)
			s.start()
		}
		s := servers[n%len(servers)]
		code, body := call(t, http.MethodPost, s.url+"/v1/rollouts", fmt.Sprintf(
			`{"service": "checkout", "namespace": "n%d", "revision": "v2", "plan": "checkout", "callback_url": "%s/hook",
			"baseline": {"workload": "a"}, "canary": {"workload": "b"}}`, n, receiver))
		if code != http.StatusCreated {
			t.Fatalf("got %d %s, want it announced", code, body)
		}
		var a struct {
			Rollout struct {
				ID string `json:"id"`
			} `json:"rollout"`
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		if n%3 == 0 {
			code, body := call(t, http.MethodPost, s.url+"/v1/rollouts/"+a.Rollout.ID+"/judge", "")
			if code != http.StatusOK || !strings.Contains(body, `"outcome":"rollback"`) {
				t.Fatalf("got %d %.300s, want a rollback for the failed check", code, body)
			}
			owed = append(owed, a.Rollout.ID+".rollout.rollback")
		}
		if code, body := call(t, http.MethodDelete, s.url+"/v1/rollouts/"+a.Rollout.ID, ""); code/100 != 2 {
			t.Fatalf("got %d %s, want it closed", code, body)
		}
		owed = append(owed, a.Rollout.ID+".rollout.closed")
	}
	for _, s := range servers {
		s.end(syscall.SIGKILL)
	}
	return owed
}

func TestKill9LosesNoCallback(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it kills real servers for a minute; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		killed(t, filepath.Join(t.TempDir(), "serin.db"), 1)
	})
	t.Run("TwoServersOnPostgreSQL", func(t *testing.T) {
		t.Parallel()
		killed(t, pgtest.Start(t, pgtest.Config{Fsync: true}).NewDatabase(t), 2)
	})
}

// A server that is told to end finishes or hands back, and says 0.
func TestWorkEndsInPeace(t *testing.T) {
	c := world(t)
	a, err := New(t.Context(), Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	code, body := call(t, http.MethodPost, a.URL()+"/v1/rollouts", `{"service": "checkout", "revision": "v2", "watch": true,
		"baseline": {"workload": "a"}, "canary": {"workload": "b"}}`)
	if code != http.StatusCreated {
		t.Fatalf("got %d %s", code, body)
	}
	eventually(t, "a look that nobody asked for", func() bool {
		_, body := call(t, http.MethodGet, a.URL()+"/v1/rollouts", "")
		return strings.Contains(body, `"looks":1`)
	})
	// A look is recorded before its work is settled.
	for _, want := range []string{
		`serin_work_up 1`, `serin_work_jobs{kind="look",state="done"} 1`, `serin_work_jobs{kind="look",state="queued"} 1`,
		`serin_work_jobs{kind="sweep",state="queued"} 1`, `serin_work_attempts_total{kind="look",result="done"} 1`,
	} {
		eventually(t, want+" on /metrics", func() bool {
			_, metrics := call(t, http.MethodGet, a.URL()+"/metrics", "")
			return strings.Contains(metrics, want)
		})
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	q := opened(t, c.Journal)
	if list, err := q.List(t.Context(), outbox.Filter{State: outbox.Queued}); err != nil || len(list) != 2 {
		t.Errorf("got %d works queued, error %v; want the next look and the sweep", len(list), err)
	}
}
