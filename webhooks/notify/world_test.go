package notify_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/store"
	"github.com/serin-canary/serin/webhooks/notify"
)

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// world is a journal, notices that follow it, and a clock; the test does the work itself.
type world struct {
	t       *testing.T
	journal *journal.Journal
	notices *notify.Notices
	config  notify.Config
	log     bytes.Buffer
	rollout rollout.Rollout
	seq     int
	tries   int // of a job, at most

	mu   sync.Mutex
	now  time.Time
	jobs []outbox.Job
}

// Add implements outbox.Adder: jobs wait for the test.
func (w *world) Add(_ context.Context, _ outbox.Tx, jobs ...outbox.Job) error {
	w.mu.Lock()
	defer w.mu.Unlock()
next:
	for _, j := range jobs {
		for _, have := range w.jobs {
			if have.Key == j.Key {
				continue next
			}
		}
		w.jobs = append(w.jobs, j)
	}
	return nil
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t *testing.T, change func(*notify.Config), targets ...notify.Target) *world {
	t.Helper()
	w := &world{t: t, now: start(), tries: 20}
	w.config = notify.Config{
		Targets: targets, BaseURL: "https://serin.example.org/", Board: func(id string) string { return "https://grafana.example.org/d/" + id },
		Client: &http.Client{Timeout: 10 * time.Second}, Dial: (&net.Dialer{}).DialContext, Now: w.clock, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	if change != nil {
		change(&w.config)
	}
	notify.Check(w.config.Targets, "notify", func(path, format string, args ...any) {
		t.Errorf("the configuration is refused at %s: "+format, append([]any{path}, args...)...)
	})
	w.notices = w.another()
	var err error
	w.journal, err = journal.Open(t.Context(), filepath.Join(t.TempDir(), "serin.db"), journal.Options{Now: w.clock, Queue: w, Follow: w.notices.Follow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.journal.Close() })
	w.notices.Attach(w.journal, w.journal)
	return w
}

// another returns notices as another process has them.
func (w *world) another() *notify.Notices {
	w.t.Helper()
	n, err := notify.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.journal != nil {
		n.Attach(w.journal, w.journal)
	}
	return n
}

const planText = `service: checkout
source: prometheus
arms:
  baseline: { labels: { arm: baseline } }
  canary: { labels: { arm: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
`

// announce begins a rollout; change may change it before.
func (w *world) announce(change func(*rollout.Rollout)) {
	w.t.Helper()
	r := rollout.Rollout{Service: "checkout", Namespace: "shop", Revision: "v2", Controller: "api", Started: w.clock()}
	if change != nil {
		change(&r)
	}
	p, err := plan.Parse("checkout.yaml", []byte(planText))
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := w.journal.Announce(w.t.Context(), r, p)
	if err != nil {
		w.t.Fatal(err)
	}
	w.rollout, w.seq = a.Rollout, 0
}

// blocks is how many blocks the first look freezes.
const blocks = 30

// look records a verdict. The first has blocks in which the canary fails ten times as
// often.
func (w *world) look(outcome judge.Outcome, change func(*judge.Verdict)) {
	w.t.Helper()
	w.seq++
	w.pass(time.Minute)
	worse, ratio := 3.2, 10.0
	v := judge.Verdict{
		ID: "v", Seq: w.seq, At: w.clock(), Rollout: w.rollout, Outcome: outcome, Proven: outcome == judge.Rollback, Mode: "enforce", Phase: rollout.Judging,
		Reason: "errors 5 % against 0.5 % of the baseline, worse than tolerated", Threshold: 1.3, Evidence: worse,
		Progress: judge.Progress{Blocks: blocks, Closed: blocks, Paired: blocks, Block: "1m", CanaryRequests: 30000, BaselineRequests: 270000},
		Findings: []judge.Finding{{Name: "errors", About: judge.AboutMetric, Class: judge.Worse, Required: true, Weight: 1, Worse: &worse, Reason: "errors 5 % against 0.5 %",
			Effect: &judge.Effect{Canary: 0.05, Baseline: 0.005, Unit: "ratio", Ratio: ratio, Blocks: blocks}}},
	}
	if outcome == judge.Rollback {
		v.RollBack = judge.Answer{Yes: true, Reason: v.Reason}
		v.Latched = &judge.Latch{Block: blocks - 1, End: w.clock(), Reason: v.Reason, Metrics: []string{"errors"}, Proven: true}
	}
	if outcome == judge.Promote {
		v.Reason, v.Proven, v.Evidence = "errors 0.5 % against 0.5 %", true, -1
		v.Promotion = judge.Answer{Yes: true}
		v.Findings[0].Class = judge.NotWorse
	}
	if outcome == judge.Continue {
		v.Reason, v.Evidence, v.Findings[0].Class = "2 of 10 blocks", 0.1, judge.Undecided
	}
	if change != nil {
		change(&v)
	}
	l := judge.Look{Rollout: w.rollout.ID, Verdict: v}
	if w.seq == 1 {
		l.Freeze = judge.Frozen{Metrics: map[string]judge.FrozenMetric{"errors": frozen(w.rollout.Started)}}
	}
	if err := w.journal.Commit(w.t.Context(), l); err != nil {
		w.t.Fatal(err)
	}
}

func frozen(began time.Time) judge.FrozenMetric {
	frame := func(pod string, n, x float64) queries.Frame {
		f := queries.Frame{Window: queries.Window{Start: began, End: began.Add(blocks * time.Minute), Block: time.Minute}}
		p := queries.Process{Name: pod}
		for i := range blocks {
			bad := x
			if i < 8 && pod == "canary-0" {
				bad = 4 // it begins well
			}
			p.N, p.X = append(p.N, n), append(p.X, bad+float64(i%3))
		}
		f.Processes = []queries.Process{p}
		return f
	}
	return judge.FrozenMetric{Canary: frame("canary-0", 1000, 50), Baseline: frame("primary-0", 9000, 36), Prior: &judge.Prior{Blocks: 30, Pods: 1, Rate: 0.004}}
}

func (w *world) end(why string) {
	w.t.Helper()
	w.pass(time.Minute)
	if err := w.journal.End(w.t.Context(), w.rollout.ID, w.clock(), why); err != nil {
		w.t.Fatal(err)
	}
}

// work does what is due, each job until it is done, and fails where one fails for good.
func (w *world) work() {
	w.t.Helper()
	if err := w.try(w.notices); err != nil {
		w.t.Errorf("work failed: %v", err)
	}
}

// try does what is due as one process, with the pauses that are asked for. It returns the
// first failure after which nothing is tried again.
func (w *world) try(n *notify.Notices) error {
	var first error
	for {
		w.mu.Lock()
		at := -1
		for i, j := range w.jobs {
			if !j.NotBefore.After(w.now) {
				at = i
				break
			}
		}
		if at < 0 {
			w.mu.Unlock()
			return first
		}
		j := w.jobs[at]
		w.jobs = append(w.jobs[:at:at], w.jobs[at+1:]...)
		w.mu.Unlock()
		if err := w.until(n, j); err != nil && first == nil {
			first = err
		}
	}
}

// until tries a job some times, as the outbox does.
func (w *world) until(n *notify.Notices, j outbox.Job) error {
	var err error
	for range w.tries {
		err = n.Handlers()[j.Kind](w.t.Context(), j)
		var later *outbox.LaterError
		switch {
		case err == nil || errors.Is(err, outbox.ErrMoot):
			return nil
		case errors.Is(err, outbox.ErrPermanent):
			return err
		case errors.As(err, &later):
			w.pass(later.After)
		default:
			w.pass(2 * time.Second)
		}
	}
	return err
}

// secret writes a secret into a file and returns where it is.
func secret(t testing.TB, text string) store.Secret {
	t.Helper()
	f := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(f, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return store.Secret("file:" + f)
}

// counted asserts what became of a target's notices.
func (w *world) counted(target string, want map[string]int) {
	w.t.Helper()
	for c, n := range w.notices.Counts() {
		if c.Target == target && n != want[c.Result] {
			w.t.Errorf("%s of %s: got %d, want %d", c.Result, target, n, want[c.Result])
		}
	}
}

// hides asserts that a secret is nowhere: not in the log, nor in the journal.
func (w *world) hides(secrets ...string) {
	w.t.Helper()
	var dump bytes.Buffer
	if _, err := w.journal.Export(w.t.Context(), &dump); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range secrets {
		if strings.Contains(w.log.String(), s) {
			w.t.Errorf("the log has a secret: %s", w.log.String())
		}
		if strings.Contains(dump.String(), s) {
			w.t.Error("the journal has a secret")
		}
	}
}
