package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/rollout"
)

// over is a record of rollouts that are over.
type over struct {
	last map[string]*judge.Verdict
	err  error
}

func (o over) Get(_ context.Context, id string) (journal.Summary, error) {
	v, ok := o.last[id]
	if !ok {
		return journal.Summary{}, journal.ErrNotFound
	}
	return journal.Summary{Rollout: rollout.Rollout{ID: id, Namespace: "shop", Service: "checkout"}, Last: v}, nil
}

func (o over) Load(_ context.Context, id string) (judge.Record, error) {
	return judge.Record{Rollout: rollout.Rollout{ID: id}}, o.err
}

// checked is a self-check over a real journal in memory, at a time that the test moves.
func checked(t *testing.T) (s *selfChecks, j *journal.Journal, now *time.Time) {
	t.Helper()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	now = &at
	clock := func() time.Time { return *now }
	j, err := journal.Open(t.Context(), ":memory:", journal.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	s = newSelfChecks(clock, slog.New(slog.DiscardHandler))
	s.papers, s.record = j, over{last: map[string]*judge.Verdict{"a": {Outcome: judge.Rollback}, "b": {}, "unseen": nil}}
	return s, j, now
}

// A rollout's self-check is kept once, whoever is asked and however often.
func TestSelfChecksAreKeptOnce(t *testing.T) {
	s, j, now := checked(t)
	e := journal.Event{Kind: journal.EventClosed, Rollout: rollout.Rollout{ID: "a"}}
	first, again := s.follow(e), s.follow(e)
	if len(first) != 1 || first[0].Key != again[0].Key || s.follow(journal.Event{Kind: journal.EventLooked}) != nil {
		t.Fatalf("got %v and %v, want one job with one key at the end alone", first, again)
	}
	for _, job := range []outbox.Job{first[0], again[0], {Rollout: "b"}, {Rollout: "unseen"}} {
		if err := s.check(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	docs := func() string {
		list, err := j.Documents(t.Context(), journal.DocumentFilter{Kind: kindSelfCheck})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, d := range list {
			ids = append(ids, d.ID)
		}
		return strings.Join(ids, " ")
	}
	if got := docs(); got != "b a" {
		t.Errorf("got the checks of %q, want each rollout that was judged, once", got)
	}
	for _, err := range []error{journal.ErrInputsRemoved, journal.ErrNotFound} {
		s.record = over{last: map[string]*judge.Verdict{"c": {}}, err: err}
		if got := s.check(t.Context(), outbox.Job{Rollout: "c"}); !errors.Is(got, outbox.ErrMoot) {
			t.Errorf("%v: got %v, want it to be of no interest", err, got)
		}
	}
	s.record = over{last: map[string]*judge.Verdict{"c": {}}, err: errors.New("away")}
	if err := s.check(t.Context(), outbox.Job{Rollout: "c"}); err == nil || errors.Is(err, outbox.ErrMoot) {
		t.Errorf("got %v, want it tried again", err)
	}
	*now = now.Add(checksKept + time.Hour)
	s.record = over{last: map[string]*judge.Verdict{"d": {}}}
	if err := s.check(t.Context(), outbox.Job{Rollout: "d"}); err != nil || docs() != "d" {
		t.Errorf("got %v and the checks of %q, want the old ones forgotten", err, docs())
	}
}

// keep adds a self-check as another replica would.
func keep(t *testing.T, j *journal.Journal, c judge.SelfCheck) {
	t.Helper()
	text, err := json.Marshal(c)
	if err == nil {
		_, err = j.AddDocument(t.Context(), journal.Document{Kind: kindSelfCheck, ID: c.Rollout, Body: text})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// peaks are those of a placebo that alarms, or does not, by its errors.
func peaks(alarm bool) *judge.Peaks {
	p := &judge.Peaks{Threshold: 1.30103, Combined: 0.5, Metrics: []judge.Peak{{Metric: "errors", Worse: 0.5}}}
	if alarm {
		p.Combined, p.Metrics[0].Worse = 2, 2.3
	}
	return p
}

// What is shown are the counts of the newest rollouts, the budget that they had, and how
// likely that many alarms are.
func TestFalseAlarmsAreShown(t *testing.T) {
	s, j, now := checked(t)
	keep(t, j, judge.SelfCheck{Rollout: "old", Alpha: 0.05, Placebo: peaks(true)})
	*now = now.Add(checksNewer + time.Hour)
	for i := range 20 {
		c := judge.SelfCheck{Rollout: fmt.Sprint("r", i), Alpha: 0.05, Placebo: peaks(i < 2), Reversed: i == 7}
		if i >= 15 {
			c.Placebo, c.Healthy, c.Why = nil, peaks(false), "the baseline has no two pods that can be told apart"
		}
		keep(t, j, c)
	}
	const want = `
# HELP serin_selfcheck_alarms Those among them with evidence that rolls back, of all metrics together.
# TYPE serin_selfcheck_alarms gauge
serin_selfcheck_alarms{of="placebo"} 2
serin_selfcheck_alarms{of="promoted"} 0
# HELP serin_selfcheck_allowed How many there may be on average: the sum of the plans' alpha.
# TYPE serin_selfcheck_allowed gauge
serin_selfcheck_allowed{of="placebo"} 0.7500000000000001
serin_selfcheck_allowed{of="promoted"} 0.25
# HELP serin_selfcheck_metric_alarms Those among them where this metric's own evidence reached what rolls back.
# TYPE serin_selfcheck_metric_alarms gauge
serin_selfcheck_metric_alarms{metric="errors",of="placebo"} 2
serin_selfcheck_metric_alarms{metric="errors",of="promoted"} 0
# HELP serin_selfcheck_reversed Rollbacks that a person reversed: the canary was promoted nevertheless.
# TYPE serin_selfcheck_reversed gauge
serin_selfcheck_reversed 1
# HELP serin_selfcheck_up 1 where the checks could be read for this scrape.
# TYPE serin_selfcheck_up gauge
serin_selfcheck_up 1
`
	shown := []string{"serin_selfcheck_alarms", "serin_selfcheck_allowed", "serin_selfcheck_metric_alarms", "serin_selfcheck_reversed", "serin_selfcheck_up"}
	if err := testutil.CollectAndCompare(s, strings.NewReader(want), shown...); err != nil {
		t.Error(err)
	}
	// What was read stands for a minute.
	keep(t, j, judge.SelfCheck{Rollout: "late", Alpha: 0.05, Placebo: peaks(true)})
	if err := testutil.CollectAndCompare(s, strings.NewReader(want), shown...); err != nil {
		t.Error(err)
	}
	*now = now.Add(checksAgain)
	if err := testutil.CollectAndCompare(s, strings.NewReader(want), shown...); err == nil {
		t.Error("what was read is shown for longer than a minute")
	}
	// What cannot be read is not taken for none.
	if _, err := j.AddDocument(t.Context(), journal.Document{Kind: kindSelfCheck, ID: "broken", Body: json.RawMessage(`[]`)}); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(checksAgain)
	if err := testutil.CollectAndCompare(s, strings.NewReader("# HELP serin_selfcheck_up 1 where the checks could be read for this scrape.\n# TYPE serin_selfcheck_up gauge\nserin_selfcheck_up 0\n")); err != nil {
		t.Error(err)
	}
}

// With a metric name in each plan there is an end to what is shown.
func TestSelfChecksOfManyMetrics(t *testing.T) {
	s, j, _ := checked(t)
	for i := range 2 * metricsShown {
		keep(t, j, judge.SelfCheck{Rollout: fmt.Sprint(i), Alpha: 0.05, Placebo: &judge.Peaks{Threshold: 1, Metrics: []judge.Peak{{Metric: fmt.Sprint("own-", i)}, {Metric: "errors\xff"}}}})
	}
	if n := testutil.CollectAndCount(s, "serin_selfcheck_metric_rollouts"); n > 2*metricsShown || n < metricsShown {
		t.Errorf("got %d series, want them bounded", n)
	}
}

// On two servers of one journal the end of a rollout counts once, and both show it; the
// next start shows it, too.
func TestSelfCheckOfReplicas(t *testing.T) {
	cfg := world(t)
	a, b := running(t, cfg, nil), running(t, cfg, nil)
	id := announcedID(t, a, "7d9f")
	if code, body := call(t, http.MethodPost, b.URL()+"/v1/rollouts/"+id+"/judge", "{}"); code != http.StatusOK {
		t.Fatalf("a look: got %d %s", code, body)
	}
	for _, x := range []*App{a, b} {
		call(t, http.MethodDelete, x.URL()+"/v1/rollouts/"+id, "")
	}
	inTime(t, "the self-check", func() bool {
		d, err := a.Journal().Document(t.Context(), kindSelfCheck, id)
		return err == nil && strings.Contains(string(d.Body), `"why":`)
	})
	next := running(t, cfg, nil)
	inTime(t, "the counts after a start", metric(t, next, `serin_selfcheck_rollouts{of="placebo"} 0`))
	if list, err := a.Journal().Documents(t.Context(), journal.DocumentFilter{Kind: kindSelfCheck}); err != nil || len(list) != 1 {
		t.Errorf("got %d checks, %v, want one", len(list), err)
	}
}
