package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// loadPlanYAML is a plan of a load and nothing else.
const loadPlanYAML = `service: checkout
source: pods
comparison: checks
checks:
  - name: load
    load:
      targets:
        - get: "{{ .Arm.URL }}/cart"
        - post: "{{ .Arm.URL }}/cart"
          headers: { X-Version: "{{ .Arm.Version }}" }
          body: "{}"
      hosts: [127.0.0.1]
      rate: %d
      duration: %s
      warmup: 500ms
      timeout: 2s
      rounds: %d
      errors: { margin: 50%% + 3pp }
`

// slowly is a service that takes a time for each answer, and counts.
func slowly(t *testing.T, takes time.Duration, n *atomic.Int64) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n != nil {
			n.Add(1)
		}
		wait := time.NewTimer(takes)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// withLoad is a world whose plan is a load.
func withLoad(t *testing.T, rate int, duration string, rounds int) Config {
	t.Helper()
	c := world(t)
	if err := os.WriteFile(filepath.Join(c.Plans, "checkout.yaml"), fmt.Appendf(nil, loadPlanYAML, rate, duration, rounds), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// announceLoaded announces a rollout that the server watches by itself.
func announceLoaded(t *testing.T, server, canary, baseline string) string {
	t.Helper()
	code, body := call(t, http.MethodPost, server+"/v1/rollouts", fmt.Sprintf(
		`{"service": "checkout", "revision": "v2", "comparison": "checks", "watch": true, "baseline": {"workload": "a", "version": "v1", "url": %q}, "canary": {"workload": "b", "version": "v2", "url": %q}}`,
		baseline, canary))
	var a struct{ Rollout struct{ ID string } }
	if err := json.Unmarshal([]byte(body), &a); err != nil || code != http.StatusCreated {
		t.Fatalf("got %d %s, want it announced", code, body)
	}
	return a.Rollout.ID
}

// decided waits until a rollout is decided, and returns its verdicts.
func decided(t *testing.T, j *journal.Journal, id string) []judge.Verdict {
	t.Helper()
	for end := time.Now().Add(4 * time.Minute); time.Now().Before(end); {
		vs, err := j.Verdicts(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if len(vs) > 0 && vs[len(vs)-1].Outcome != judge.Continue {
			return vs
		}
		<-time.After(100 * time.Millisecond)
	}
	vs, _ := j.Verdicts(t.Context(), id)
	t.Fatalf("nothing was decided; the last of %d verdicts: %s", len(vs), vs[len(vs)-1].Reason)
	return nil
}

// replays ensures that the recorded verdicts come out of the record byte for byte.
func replays(t *testing.T, j *journal.Journal, id string) {
	t.Helper()
	looks, err := j.Looks(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	p, err := j.Plan(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := j.VerdictsJSON(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	again, err := judge.Replay(p, looks, "test")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range again {
		if got, err := json.Marshal(v); err != nil || string(got) != string(recorded[i]) {
			t.Errorf("verdict %d: replayed %s, recorded %s (%v)", i+1, got, recorded[i], err)
		}
	}
}

// TestLoadsDecideRollouts runs whole servers whose plan is a load: an equal canary is
// promoted, a slower one rolled back, and where both arms are down nothing is said of the
// canary.
func TestLoadsDecideRollouts(t *testing.T) {
	const usual = 60 * time.Millisecond
	// What a busy machine adds to both arms hides a small difference, but not this one.
	const quick = "5 times slower"
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	for name, tt := range map[string]struct {
		canary, baseline string
		rounds           int
		want             judge.Outcome
		says             string
	}{
		"equal":            {slowly(t, usual, nil), slowly(t, usual, nil), 3, judge.Promote, "proven not worse"},
		"1.7 times slower": {slowly(t, 17*usual/10, nil), slowly(t, usual, nil), 3, judge.Rollback, "load latency"},
		quick:              {slowly(t, 5*usual, nil), slowly(t, usual, nil), 3, judge.Rollback, "load latency"},
		"both down":        {down.URL, down.URL, 2, judge.Inconclusive, "environment, not canary"},
	} {
		t.Run(name, func(t *testing.T) {
			if name != quick && os.Getenv("SERIN_E2E") == "" {
				t.Skip("its loads last ten seconds; set SERIN_E2E=1 to run it")
			}
			t.Parallel()
			for range 3 {
				v := decideByLoad(t, tt.canary, tt.baseline, tt.rounds)
				t.Log(v.Outcome, v.Reason)
				switch {
				case v.Outcome == tt.want && strings.Contains(v.Reason, tt.says):
					return
				case v.Outcome != judge.Inconclusive:
					t.Fatalf("got %s (%s), want %s and %q", v.Outcome, v.Reason, tt.want, tt.says)
				}
			}
			t.Skip("this machine is too busy to send a load at its rate, and each answer said so")
		})
	}
}

// decideByLoad runs a server until a load has decided a rollout, or all rounds are used.
func decideByLoad(t *testing.T, canary, baseline string, rounds int) judge.Verdict {
	t.Helper()
	a, err := New(t.Context(), Options{Config: withLoad(t, 40, "6s", rounds), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	defer a.Stop()
	id := announceLoaded(t, a.URL(), canary, baseline)
	vs := decided(t, a.Journal(), id)
	v := vs[len(vs)-1]
	if _, body := call(t, http.MethodGet, a.URL()+"/v1/rollouts/"+id, ""); !strings.Contains(body, v.Outcome.String()) {
		t.Errorf("got %.300s, want the outcome %s", body, v.Outcome)
	}
	replays(t, a.Journal(), id)
	done, err := a.later.queue.List(t.Context(), outbox.Filter{Kind: kindCheckShort, Rollout: id})
	if err != nil || len(done) == 0 || len(done) > rounds {
		t.Errorf("got %d pieces of work (%v), want one for each load, at most %d", len(done), err, rounds)
	}
	return v
}

// TestLoadEndsWithItsRollout ensures that a load does not outlive what it is for.
func TestLoadEndsWithItsRollout(t *testing.T) {
	var n atomic.Int64
	url := slowly(t, time.Millisecond, &n)
	a, err := New(t.Context(), Options{Config: withLoad(t, 20, "20s", 3), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	defer a.Stop()
	id := announceLoaded(t, a.URL(), url, url)
	eventually(t, "the load", func() bool { return n.Load() > 20 })
	code, body := call(t, http.MethodPost, a.URL()+"/v1/rollouts/"+id+"/judge", "")
	if code != http.StatusOK || !strings.Contains(body, "round 1 is under way since") {
		t.Errorf("got %d %.600s, want a verdict that says what is under way", code, body)
	}
	if code, body := call(t, http.MethodDelete, a.URL()+"/v1/rollouts/"+id, ""); code/100 != 2 {
		t.Fatalf("got %d %s, want it closed", code, body)
	}
	eventually(t, "the end of the load's work", func() bool {
		w, err := a.later.queue.List(t.Context(), outbox.Filter{Kind: kindCheckShort, Rollout: id})
		return err == nil && len(w) == 1 && w[0].State == outbox.Cancelled
	})
	if sent := n.Load(); sent > 600 {
		t.Errorf("got %d requests, want that the load ended early", sent)
	}
	replays(t, a.Journal(), id)
}

// TestKill9MidLoad ensures that a load whose server is killed is sent again, said to be,
// and used once.
func TestKill9MidLoad(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it kills real servers for two minutes; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	var n atomic.Int64
	url := slowly(t, 20*time.Millisecond, &n)
	file := filepath.Join(t.TempDir(), "serin.db")
	r := &replica{t: t, config: loadConfig(withLoad(t, 40, "8s", 3), file, url)}
	r.start()
	id := announceLoaded(t, r.url, url, url)
	for end := time.Now().Add(time.Minute); n.Load() < 200 && time.Now().Before(end); {
		<-time.After(20 * time.Millisecond)
	}
	if code := r.end(syscall.SIGKILL); code != -1 || n.Load() < 200 {
		t.Fatalf("got exit %d after %d requests, want it killed in the middle of a load", code, n.Load())
	}
	r.start()
	j, err := OpenJournal(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	vs := decided(t, j, id)
	r.end(syscall.SIGKILL)
	rounds := usedOnce(t, j, id)
	if rounds[0].Begins != 2 {
		t.Errorf("got a first round that began %d times, want 2", rounds[0].Begins)
	}
	said := false
	for _, f := range vs[len(vs)-1].Findings {
		said = said || strings.Contains(f.Reason, "load 1 began 2 times")
	}
	if !said {
		t.Error("no finding says that the load was sent twice")
	}
	t.Log(vs[len(vs)-1].Outcome, vs[len(vs)-1].Reason)
}

// loadConfig is the configuration of a server of its own.
func loadConfig(c Config, target, url string) string {
	return fmt.Sprintf("listen: 127.0.0.1:0\nplans: %s\njournal: %q\nsources:\n  - name: pods\n    scrape: { targets: [{ url: %s, labels: { arm: baseline } }] }\n", c.Plans, target, url)
}

// usedOnce ensures that looks have used the result of each round once, and returns them.
func usedOnce(t *testing.T, j *journal.Journal, id string) []checks.Result {
	t.Helper()
	rec, err := j.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Rounds) == 0 || len(rec.Pending) > 0 {
		t.Fatalf("got %d rounds and %d pending results, want rounds that were used", len(rec.Rounds), len(rec.Pending))
	}
	for i, result := range rec.Rounds {
		if result.Round != i+1 {
			t.Errorf("got round %d at place %d, want each used once", result.Round, i+1)
		}
	}
	return rec.Rounds
}

// TestLoadIsSentOnceForAllReplicas ensures that of two servers on one journal one sends
// each load, and that not a request more arrives.
func TestLoadIsSentOnceForAllReplicas(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it starts PostgreSQL and two servers; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	var n, scraped atomic.Int64
	url, page := slowly(t, 20*time.Millisecond, &n), slowly(t, 0, &scraped)
	target := pgtest.Start(t, pgtest.Config{}).NewDatabase(t)
	config := loadConfig(withLoad(t, 40, "8s", 3), target, page)
	servers := [...]*replica{{t: t, config: config}, {t: t, config: config}}
	for _, s := range servers {
		s.start()
	}
	id := announceLoaded(t, servers[0].url, url, url)
	j, err := OpenJournal(t.Context(), target, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	decided(t, j, id)
	for _, s := range servers {
		s.end(syscall.SIGKILL)
	}
	sent := 0
	for _, r := range usedOnce(t, j, id) {
		if r.Begins != 1 {
			t.Errorf("round %d began %d times, want once", r.Round, r.Begins)
		}
		sent += len(r.Load.Canary) + len(r.Load.Baseline)
	}
	if got := int(n.Load()); got != sent {
		t.Errorf("got %d requests, want the %d of the record", got, sent)
	}
}
