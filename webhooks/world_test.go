package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// world is a server with a real journal in memory, a judge that says what the test
// tells it to, and a clock that stands still unless it is moved.
type world struct {
	t       testing.TB
	server  *Server
	journal *journal.Journal
	judge   *fakeJudge
	faults  *faulty
	clock   *clock
	logs    *lines
}

// start is when every test begins.
func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// newWorld builds one. The functions may change the configuration.
func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: start()}, logs: &lines{}}
	j, err := journal.Open(t.Context(), ":memory:", journal.Options{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	w.journal = j
	w.faults = &faulty{Journal: j, fail: map[string]error{}}
	w.judge = &fakeJudge{journal: j, verdict: judge.Verdict{Mode: "enforce", Outcome: judge.Continue, Reason: "2 of 10 paired blocks", Fresh: true}}
	c := Config{
		Judge: w.judge, Journal: w.faults, Plans: testPlans(t), Now: w.clock.Now, Version: "v1.2.3",
		Log: slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	if w.server, err = New(c); err != nil {
		t.Fatal(err)
	}
	return w
}

// somePlans is a set of plans.
type somePlans map[string]plan.Plan

func testPlans(testing.TB) somePlans {
	return somePlans{
		"shop": {
			Name: "shop", Service: "checkout", Block: plan.Duration(time.Minute), Mode: plan.Enforce, NoData: plan.Hold, NoDataBlocks: 3, Reversible: true,
			Metrics: []plan.Metric{{Name: "errors"}}, Checks: []checks.Spec{{Name: "home", HTTP: &checks.HTTP{Headers: map[string]string{"Authorization": "Bearer hidden-from-lists"}}}},
		},
		"strict": {Name: "strict", Service: "strict", Mode: plan.Enforce, NoData: plan.Rollback, NoDataBlocks: 3, Reversible: true},
		"dark":   {Name: "dark", Service: "dark", Mode: plan.Shadow, NoData: plan.Rollback, NoDataBlocks: 3, Reversible: true},
		"arms": {Name: "arms", Service: "arms", Arms: plan.Arms{
			Canary:   plan.Arm{PodPattern: "mine-.*", Labels: map[string]string{"track": "canary"}},
			Baseline: plan.Arm{Workload: "old"},
		}, Comparison: "checks"},
	}
}

func (p somePlans) Names() []string { return []string{"arms", "dark", "shop", "strict"} }

func (p somePlans) Find(name, namespace, service string) (plan.Plan, error) {
	for _, pl := range p {
		if (name != "" && pl.Name == name) || (name == "" && pl.Service == service) {
			return pl, nil
		}
	}
	return plan.Plan{}, &plan.UnknownError{Name: name, Namespace: namespace, Service: service, Known: p.Names()}
}

// clock is a clock that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// fakeJudge commits the verdict that it was told, as the judge does.
type fakeJudge struct {
	journal judge.Journal

	mu      sync.Mutex
	verdict judge.Verdict
	err     error
	before  func(ctx context.Context) // called first, where set
	asked   int
}

func (f *fakeJudge) say(change func(*judge.Verdict)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.verdict)
}

func (f *fakeJudge) Decide(ctx context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error) {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.err != nil {
		return judge.Verdict{}, f.err
	}
	rec, err := f.journal.Load(ctx, r.ID)
	if err != nil {
		return judge.Verdict{}, err
	}
	v := f.verdict
	if v.Mode == "" {
		v.Mode = "enforce" // as every plan has one
	}
	v.ID, v.Seq, v.At, v.Rollout = r.ID, rec.Looks+1, now, rec.Rollout
	return v, f.journal.Commit(ctx, judge.Look{Rollout: r.ID, Verdict: v})
}

// faulty is a journal whose methods fail when told to, by name.
type faulty struct {
	Journal
	mu   sync.Mutex
	fail map[string]error
}

func (f *faulty) set(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[method] = err
}

func (f *faulty) err(method string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fail[method]
}

func (f *faulty) Announce(ctx context.Context, r rollout.Rollout, p plan.Plan) (journal.Announced, error) {
	if err := f.err("Announce"); err != nil {
		return journal.Announced{}, err
	}
	return f.Journal.Announce(ctx, r, p)
}

func (f *faulty) Begin(ctx context.Context, r rollout.Rollout, p plan.Plan, mine func(rollout.Rollout, bool) bool) (journal.Announced, error) {
	if err := f.err("Begin"); err != nil {
		return journal.Announced{}, err
	}
	return f.Journal.Begin(ctx, r, p, mine)
}

func (f *faulty) Audit(ctx context.Context, e journal.Entry) error {
	if err := f.err("Audit"); err != nil {
		return err
	}
	return f.Journal.Audit(ctx, e)
}

func (f *faulty) Newest(ctx context.Context, k rollout.Key) (journal.Summary, error) {
	if err := f.err("Newest"); err != nil {
		return journal.Summary{}, err
	}
	return f.Journal.Newest(ctx, k)
}

func (f *faulty) Load(ctx context.Context, id string) (judge.Record, error) {
	if err := f.err("Load"); err != nil {
		return judge.Record{}, err
	}
	return f.Journal.Load(ctx, id)
}

func (f *faulty) Declare(ctx context.Context, id string, w rollout.WeightAt) error {
	if err := f.err("Declare"); err != nil {
		return err
	}
	return f.Journal.Declare(ctx, id, w)
}

func (f *faulty) End(ctx context.Context, id string, at time.Time, why string) error {
	if err := f.err("End"); err != nil {
		return err
	}
	return f.Journal.End(ctx, id, at, why)
}

func (f *faulty) List(ctx context.Context, filter journal.Filter) ([]journal.Summary, error) {
	if err := f.err("List"); err != nil {
		return nil, err
	}
	return f.Journal.List(ctx, filter)
}

func (f *faulty) Plan(ctx context.Context, id string) (plan.Plan, error) {
	if err := f.err("Plan"); err != nil {
		return plan.Plan{}, err
	}
	return f.Journal.Plan(ctx, id)
}

func (f *faulty) Alert(ctx context.Context, id string, a judge.Alert) (bool, error) {
	if err := f.err("Alert"); err != nil {
		return false, err
	}
	return f.Journal.Alert(ctx, id, a)
}

// answer is what a caller got.
type answer struct {
	code   int
	body   string
	header http.Header
}

// object reads the answer as one JSON object.
func (a answer) object(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(strings.NewReader(a.body))
	if err := d.Decode(&m); err != nil || m == nil || d.More() {
		t.Fatalf("got %d %q, want one JSON object (%v)", a.code, a.body, err)
	}
	return m
}

// send sends a request as if it had come in on loopback.
func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	if r.Context().Value(http.LocalAddrContextKey) == nil {
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
	}
	if r.Host == "example.com" {
		r.Host = "localhost:8080"
	}
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err == nil {
			r.Body = io.NopCloser(bytes.NewReader(sent))
		}
	}
	rec := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(rec, r)
	a := answer{rec.Code, rec.Body.String(), rec.Header()}
	w.hold(r, sent, a)
	return a
}

func (w *world) do(method, path, body string) answer {
	w.t.Helper()
	return w.send(httptest.NewRequest(method, path, strings.NewReader(body)))
}

// call is what Flagger sends.
type call struct {
	name, phase, checksum string
	metadata              map[string]string
}

// hook calls one of Flagger's hooks for service checkout, unless told otherwise.
func (w *world) hook(name string, c call) answer {
	w.t.Helper()
	p := flaggerCall{Name: "checkout", Namespace: "shop", Phase: "Progressing", Checksum: "5d59f87694", Metadata: c.metadata}
	if c.name != "" {
		p.Name = c.name
	}
	if c.phase != "" {
		p.Phase = c.phase
	}
	if c.checksum != "" {
		p.Checksum = c.checksum
	}
	body, err := json.Marshal(p)
	if err != nil {
		w.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/flagger/"+name, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Go-http-client/1.1")
	return w.send(r)
}

// event calls the event hook with a message.
func (w *world) event(message string, c call) answer {
	w.t.Helper()
	m := maps.Clone(c.metadata)
	if m == nil {
		m = map[string]string{}
	}
	m["eventMessage"], m["eventType"], m["timestamp"] = message, "Normal", "1772366400000"
	c.metadata = m
	return w.hook("event", c)
}

// rollouts lists what the journal has, the newest first.
func (w *world) rollouts() []journal.Summary {
	w.t.Helper()
	list, err := w.journal.List(w.t.Context(), journal.Filter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// only returns the one rollout that there must be.
func (w *world) only() journal.Summary {
	w.t.Helper()
	list := w.rollouts()
	if len(list) != 1 {
		w.t.Fatalf("got %d rollouts, want 1", len(list))
	}
	return list[0]
}

func (w *world) want(a answer, code int) answer {
	w.t.Helper()
	if a.code != code {
		w.t.Fatalf("got %d %q, want %d", a.code, a.body, code)
	}
	return a
}

var errBroken = errors.New("the source at https://bob:hunter2@prometheus/q?token=hunter2 is gone")
