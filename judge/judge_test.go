package judge

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// memory is a journal for one rollout.
type memory struct {
	mu  sync.Mutex
	rec Record
	// meddle, once, commits a look of somebody else just before the next commit.
	meddle func(*Record)
	looks  []Look
}

func (m *memory) Load(_ context.Context, id string) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id != m.rec.Rollout.ID {
		return Record{}, ErrUnknownRollout
	}
	return m.rec, nil
}

func (m *memory) Commit(_ context.Context, l Look) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.meddle != nil {
		m.meddle(&m.rec)
		m.meddle = nil
	}
	if l.Verdict.Seq != m.rec.Looks+1 {
		return ErrStale
	}
	joined, err := m.rec.Frozen.Append(l.Freeze)
	if err != nil {
		return err
	}
	m.rec.Frozen, m.rec.Looks = joined, m.rec.Looks+1
	if m.rec.Latch == nil {
		m.rec.Latch = l.Verdict.Latched
	}
	if len(l.Checks) > 0 {
		m.rec.Checks = l.Checks
	}
	m.looks = append(m.looks, l)
	return nil
}

// fakeSource answers from a world, and counts what it was asked.
type fakeSource struct {
	w     world
	mu    sync.Mutex
	asked int // blocks
	fail  func(r queries.Reading, s side) error
	born  int // block before which nothing has a histogram
	notes []queries.Note
}

func (f *fakeSource) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	s := baseline
	if strings.Contains(r.Query.Expr, `arm="canary"`) {
		s = canary
	}
	f.mu.Lock()
	f.asked += w.Len()
	fail := f.fail
	f.mu.Unlock()
	if fail != nil {
		if err := fail(r, s); err != nil {
			return queries.Frame{}, err
		}
	}
	from := int(w.Start.Sub(testStart) / f.w.block)
	errs, lat := f.w.frames(s, from, from+w.Len())
	errs.Notes, lat.Notes = f.notes, f.notes
	if s == canary && from < 0 {
		return queries.Frame{Window: w}, nil
	}
	if r.Kind == queries.Histogram {
		if from+w.Len() <= f.born {
			return queries.Frame{Window: w}, nil
		}
		return lat, nil
	}
	return errs, nil
}

func newTestJudge(w world) (*Judge, *memory, *fakeSource) {
	m := &memory{rec: Record{Rollout: testRollout(), Plan: testPlan()}}
	s := &fakeSource{w: w}
	return New(Config{Journal: m, Sources: map[string]queries.Source{"prometheus": s}, Engine: "test"}), m, s
}

// lookAt decides just after block n has closed.
func lookAt(t *testing.T, j *Judge, n int) Verdict {
	t.Helper()
	v, err := j.Decide(context.Background(), rollout.Rollout{ID: testRollout().ID}, at(n).Add(31*time.Second))
	if err != nil {
		t.Fatalf("look after block %d: %v", n, err)
	}
	return v
}

// body is a verdict's JSON without what tells two looks apart.
func body(t *testing.T, v Verdict) string {
	t.Helper()
	v.ID, v.Seq = "", 0
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAskingOftenOrOnceIsTheSame holds law 2: looks at every block and one look at
// the end freeze the same blocks and reach the same verdict.
func TestAskingOftenOrOnceIsTheSame(t *testing.T) {
	w := newWorld(21)
	often, _, _ := newTestJudge(w)
	for n := 1; n < 25; n++ {
		lookAt(t, often, n)
	}
	once, _, _ := newTestJudge(w)
	lookAt(t, once, 1) // the announcement: bounds are fixed by the pre-period
	if got, want := body(t, lookAt(t, often, 25)), body(t, lookAt(t, once, 25)); got != want {
		t.Errorf("asked often:\n%s\nasked once:\n%s", got, want)
	}
}

// TestOnlyNewBlocksAreAsked holds that the n-th look's queries are flat in n.
func TestOnlyNewBlocksAreAsked(t *testing.T) {
	j, _, s := newTestJudge(newWorld(22))
	lookAt(t, j, 10)
	s.asked = 0
	lookAt(t, j, 11)
	if got, want := s.asked, 4; got != want { // 2 metrics × 2 arms × 1 block
		t.Errorf("the second look asked for %d blocks, want %d", got, want)
	}
	s.asked = 0
	lookAt(t, j, 11)
	if s.asked != 0 {
		t.Errorf("a look without a new block asked for %d blocks, want none", s.asked)
	}
}

// TestLateSamplesChangeNothingFrozen: what the source says later of a frozen block
// is not asked for.
func TestLateSamplesChangeNothingFrozen(t *testing.T) {
	j, m, s := newTestJudge(newWorld(23))
	lookAt(t, j, 12)
	before := m.rec.Frozen.Metrics["errors"].Canary.Total().N[3]
	s.w.rps[canary] *= 3
	lookAt(t, j, 13)
	if after := m.rec.Frozen.Metrics["errors"].Canary.Total().N[3]; after != before {
		t.Errorf("block 3 had %v requests, and after late samples %v", before, after)
	}
}

func TestUnreadableMetricIsAFindingAndIsAskedAgain(t *testing.T) {
	j, m, s := newTestJudge(newWorld(24))
	lookAt(t, j, 8)
	s.fail = func(r queries.Reading, sd side) error {
		if r.Kind == queries.Histogram && sd == canary {
			return &queries.Error{Fault: queries.Unavailable, Source: "prometheus", Text: "connection refused"}
		}
		return nil
	}
	v := lookAt(t, j, 10)
	f := finding(v, "latency")
	if f.Class != QueryFailed || !f.Stops || v.Advance.Yes {
		t.Errorf("got class %q, stops %v, advance %+v: want a failed query that stops", f.Class, f.Stops, v.Advance)
	}
	if got := m.rec.Frozen.Metrics["latency"].Canary.Window.Len(); got != 8 {
		t.Errorf("%d blocks of latency are frozen, want the 8 that were read", got)
	}
	s.fail = nil
	v = lookAt(t, j, 11)
	if f := finding(v, "latency"); f.Class == QueryFailed {
		t.Errorf("the source is back, yet %s", f.Reason)
	}
	if got := m.rec.Frozen.Metrics["latency"].Canary.Window.Len(); got != 11 {
		t.Errorf("%d blocks of latency are frozen, want 11", got)
	}
}

// A store that says that its answer is incomplete is asked again: half an answer,
// once frozen, would count for ever.
func TestIncompleteAnswersAreNotFrozen(t *testing.T) {
	j, m, s := newTestJudge(newWorld(24))
	lookAt(t, j, 8)
	s.notes = []queries.Note{{Code: queries.NotePartial, Text: "one store gateway did not answer"}}
	v := lookAt(t, j, 10)
	if f := finding(v, "errors"); f.Class != QueryFailed || !f.Stops || !strings.Contains(f.Reason, "one store gateway") || v.Advance.Yes {
		t.Errorf("got %+v and advance %+v, want a failed query that says why and stops", f, v.Advance)
	}
	if got := m.rec.Frozen.Metrics["errors"].Canary.Window.Len(); got != 8 {
		t.Errorf("%d blocks of errors are frozen, want the 8 that were complete", got)
	}
	s.notes = nil
	lookAt(t, j, 11)
	if got := m.rec.Frozen.Metrics["errors"].Canary.Window.Len(); got != 11 {
		t.Errorf("%d blocks of errors are frozen, want 11", got)
	}
}

func TestAnotherReplicaWasFaster(t *testing.T) {
	j, m, _ := newTestJudge(newWorld(25))
	m.meddle = func(r *Record) { r.Looks = 5 }
	if v := lookAt(t, j, 6); v.Seq != 6 {
		t.Errorf("got look %d, want 6: the one after the other replica's", v.Seq)
	}
}

func TestNoVerdictIsAnError(t *testing.T) {
	j, _, _ := newTestJudge(newWorld(26))
	if _, err := j.Decide(context.Background(), rollout.Rollout{ID: "nobody"}, at(3)); !errors.Is(err, ErrUnknownRollout) {
		t.Errorf("got %v, want ErrUnknownRollout", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := j.Decide(ctx, testRollout(), at(3)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestUnknownSourceIsAFinding(t *testing.T) {
	m := &memory{rec: Record{Rollout: testRollout(), Plan: testPlan()}}
	v := lookAt(t, New(Config{Journal: m}), 12)
	if f := finding(v, "errors"); f.Class != QueryFailed || !strings.Contains(f.Reason, "no source of this name") {
		t.Errorf("got %q: %s", f.Class, f.Reason)
	}
}

// TestBeforeAfterPastDoesNotDependOnWhenItIsAsked holds that each block is paired
// with the same past block whatever the cadence.
func TestBeforeAfterPastDoesNotDependOnWhenItIsAsked(t *testing.T) {
	run := func(looks ...int) string {
		j, m, _ := newTestJudge(newWorld(27))
		m.rec.Rollout.Comparison = rollout.BeforeAfter
		m.rec.Plan.PrePeriod = m.rec.Plan.Block * 20
		var v Verdict
		for _, n := range looks {
			v = lookAt(t, j, n)
		}
		return body(t, v)
	}
	if a, b := run(1, 50), run(1, 7, 19, 21, 33, 50); a != b {
		t.Errorf("two looks:\n%s\nsix looks:\n%s", a, b)
	}
}

// slowClock is a source whose clock is behind.
type slowClock struct {
	fakeSource
	behind time.Duration
	now    time.Time
}

func (s *slowClock) Clock(context.Context) (time.Time, error) { return s.now.Add(-s.behind), nil }

// TestClockSkew: a block that the source has not seen the end of is not frozen,
// however far Serin's clock is ahead.
func TestClockSkew(t *testing.T) {
	m := &memory{rec: Record{Rollout: testRollout(), Plan: testPlan()}}
	src := &slowClock{fakeSource: fakeSource{w: newWorld(28)}, behind: 70 * time.Second, now: at(10).Add(31 * time.Second)}
	j := New(Config{Journal: m, Sources: map[string]queries.Source{"prometheus": src}})
	v := lookAt(t, j, 10)
	if got := v.Progress.Blocks; got != 8 {
		t.Errorf("%d blocks are closed, want 8: the source's clock is 70 s behind", got)
	}
	if f := finding(v, "clock"); f.Class != Warning || !strings.Contains(f.Reason, "70 s ahead") {
		t.Errorf("got %q: %s", f.Class, f.Reason)
	}
}

// TestReplay holds law 2: from what the looks recorded every verdict comes out
// again, byte for byte, failures and all.
func TestReplay(t *testing.T) {
	w := newWorld(29)
	w.errors = func(s side, t int) float64 {
		if s == canary && t >= 12 {
			return 0.03
		}
		return 0.002
	}
	j, m, s := newTestJudge(w)
	m.rec.Earlier = []Earlier{{ID: "x", At: testStart, Outcome: Continue, Reason: "superseded"}}
	for n := 1; n < 22; n++ {
		s.fail = nil
		if n == 7 {
			s.fail = func(queries.Reading, side) error {
				return &queries.Error{Fault: queries.Throttled, Source: "prometheus", Text: "too many requests"}
			}
		}
		lookAt(t, j, n)
	}
	again, err := Replay(testPlan(), m.looks, "test")
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range m.looks {
		got, want := body(t, again[i]), body(t, l.Verdict)
		if got != want {
			t.Fatalf("look %d:\n got %s\nwant %s", i+1, got, want)
		}
	}
	if again[len(again)-1].Outcome != Rollback {
		t.Errorf("got %v, want a rollback to have been replayed", again[len(again)-1].Outcome)
	}
	if _, err := Replay(testPlan(), m.looks[1:], "test"); err == nil {
		t.Error("a missing look was not noticed")
	}
}

// TestFreshBaseline: without a pre-period bounds and rates are taken from the
// baseline's first blocks, nothing is frozen before it shows any bounds, and the
// verdict says that its noise is assumed.
func TestFreshBaseline(t *testing.T) {
	j, m, s := newTestJudge(newWorld(30))
	s.w.gap = func(_ side, t int) bool { return t < 2 }
	s.born = 2
	var v Verdict
	for n := 1; n <= 30; n++ {
		v = lookAt(t, j, n)
		if n == 1 && m.rec.Frozen.Metrics["latency"].Canary.Window.Len() != 0 {
			t.Error("a histogram without bounds was frozen")
		}
	}
	if f := finding(v, "pre-period"); f.Class != Warning {
		t.Errorf("got no warning that the noise is assumed: %+v", v.Findings)
	}
	if v.Outcome == Rollback {
		t.Errorf("a healthy canary is rolled back: %s", v.Reason)
	}
	if got := m.rec.Frozen.Metrics["latency"].Prior; got == nil || got.Blocks != 0 || len(got.Bounds) != len(testBounds) {
		t.Errorf("got prior %+v, want bounds without learnt noise", got)
	}
}

// TestBoundThatTheCanaryLacks: a bucket bound that one arm lacks is not compared;
// read as zero it would look like an improvement.
func TestBoundThatTheCanaryLacks(t *testing.T) {
	w := newWorld(38)
	w.slow = canaryOnly(1.5, 1)
	in := w.input(12)
	f := in.Record.Frozen.Metrics["latency"]
	for i := range f.Canary.Processes {
		over := f.Canary.Processes[i].Over
		for k := range over {
			if k%len(testBounds) != 4 { // all but 100 ms
				over[k] = queries.Gap()
			}
		}
	}
	v := Evaluate(in)
	if v.Outcome != Rollback {
		t.Errorf("got %v (%s), want the remaining bound and the mean to tell", v.Outcome, v.Reason)
	}
}
