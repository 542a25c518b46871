package scrape

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/promql"
)

const block = time.Minute

// window is n blocks that begin some blocks after the epoch, which is on a minute.
func window(from, n int) queries.Window {
	start := epoch.Add(time.Duration(from) * block).UTC()
	return queries.Window{Start: start, End: start.Add(time.Duration(n) * block), Block: block}
}

// errorRatio reads the share of requests that failed in one arm.
func errorRatio(arm string) queries.Reading {
	return queries.Reading{
		Kind:  queries.Ratio,
		Bad:   queries.Counts{{Selector: `requests_total{arm="` + arm + `",code="500"}`}},
		Total: queries.Counts{{Selector: `requests_total{arm="` + arm + `"}`}},
	}
}

func requests(ok, bad int) string {
	page := fmt.Sprintf("# TYPE requests_total counter\nrequests_total{code=\"200\"} %d\n", ok)
	if bad > 0 {
		page += fmt.Sprintf("requests_total{code=\"500\"} %d\n", bad)
	}
	return page
}

// shop is a source over one pod of each arm, scraped once at 10 s, 25 s, ... of every
// minute.
type shop struct {
	*Source
	clock            *stopwatch
	baseline, canary *pod
}

func newShop(t *testing.T, c Config) *shop {
	t.Helper()
	s := &shop{baseline: newPod(t, requests(0, 0)), canary: newPod(t, requests(0, 0))}
	c.Targets = []Target{
		s.baseline.target("arm", "baseline", "pod", "b-1", "instance", "b-1:80"),
		s.canary.target("arm", "canary", "pod", "c-1", "instance", "c-1:80"),
	}
	s.Source, s.clock = newTestSource(t, c)
	s.clock.advance(10 * time.Second)
	return s
}

// scrapes scrapes n times, 15 s apart; before tells each time what to show.
func (s *shop) scrapes(t *testing.T, n int, before func(i int)) {
	t.Helper()
	for i := range n {
		before(i)
		scrapeAll(t, s.Source)
		s.clock.advance(interval)
	}
}

func TestBlocksCountsWhatWasScraped(t *testing.T) {
	s := newShop(t, Config{})
	s.scrapes(t, 20, func(i int) {
		s.baseline.show(requests(100*i, i))
		bad := 0
		if i >= 10 { // The series of errors is born with the first error.
			bad = 5 * (i - 9)
		}
		s.canary.show(requests(10*i, bad))
	})
	f, err := s.Blocks(t.Context(), errorRatio("canary"), window(0, 5))
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	want := []queries.Process{{Name: "c-1", N: queries.Column{nan, 40, 50, 60, 60}, X: queries.Column{nan, 0, 10, 20, 20}}}
	if diff := cmp.Diff(want, f.Processes, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	wantNotes(t, f, "lost: 1 of 5 blocks began before this process first scraped, at 2023-11-14T22:14:10Z")
}

func TestBlocksReadsNativeHistograms(t *testing.T) {
	s, _ := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}})
	for i := range 16 { // Each minute 40 observations more, 24 of them in (0.5, 1].
		at := epoch.Add(time.Duration(i)*interval + 10*time.Second)
		ingest(t, s, 0, page{body: []byte(nativeOnly(t, uint64(10*i), uint64(6*i))), contentType: protoType}, at.UnixMilli())
	}
	r := queries.Reading{Kind: queries.Histogram, Native: true, Buckets: `h{job="shop"}`, Quantile: 0.9, Scale: 1}
	f, err := s.Blocks(t.Context(), r, window(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Processes) != 1 || !slices.Equal(f.Processes[0].N, queries.Column{40, 40, 40}) {
		t.Fatalf("processes: got %+v, want one with 40 in each block", f.Processes)
	}
	if len(f.Bounds) == 0 || f.Bounds[0] < 0.001 || f.Bounds[0] > 0.5 || f.Processes[0].Over[0] != 24 {
		t.Errorf("bounds %v, over %v: want 24 over a bound between 0.001 and 0.5", f.Bounds, f.Processes[0].Over)
	}
}

// wantNotes checks that there are these notes and no others, by how they begin.
func wantNotes(t *testing.T, f queries.Frame, want ...string) {
	t.Helper()
	var got []string
	for _, n := range f.Notes {
		got = append(got, string(n.Code)+": "+n.Text)
	}
	ok := len(got) == len(want)
	for i := range want {
		ok = ok && strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Errorf("notes:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestATargetThatIsDownIsNoted(t *testing.T) {
	s := newShop(t, Config{})
	s.scrapes(t, 12, func(i int) {
		s.baseline.show(requests(100*i, i+1))
		s.canary.show(requests(10*i, i+1))
		if i >= 5 && i < 7 {
			s.canary.fail(503)
		}
	})
	const down = "target-down: target shop at c-1:80 did not answer 2 scrapes from 2023-11-14T22:15:25Z to 2023-11-14T22:15:40Z: it answered 503 Service Unavailable"
	tests := []struct {
		name    string
		reading queries.Reading
		window  queries.Window
		want    []string
	}{
		{"the arm that it is in", errorRatio("canary"), window(1, 2), []string{down}},
		{"the other arm", errorRatio("baseline"), window(1, 2), nil},
		{"another time", errorRatio("canary"), window(2, 1), nil},
		{"a gauge over both arms", queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: "sum(requests_total)"}}, window(1, 2), []string{down}},
		{"a gauge over the other arm", queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: `sum(requests_total{arm!~"can.*"})`}}, window(1, 2), nil},
		{"a gauge over one arm and the other", queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: `sum(requests_total{arm="baseline"}) / sum(requests_total{job="shop"})`}}, window(1, 2), []string{down}},
		{"a selector on labels that only the page has", queries.Reading{Kind: queries.Counter, Total: queries.Counts{{Selector: `requests_total{code="200"}`}}}, window(1, 2), []string{down}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := s.Blocks(t.Context(), tt.reading, tt.window)
			if err != nil {
				t.Fatal(err)
			}
			wantNotes(t, f, tt.want...)
		})
	}
	t.Run("also when it is gone", func(t *testing.T) {
		if err := s.SetTargets(nil); err != nil {
			t.Fatal(err)
		}
		f, err := s.Blocks(t.Context(), errorRatio("canary"), window(1, 2))
		if err != nil {
			t.Fatal(err)
		}
		wantNotes(t, f, down)
		s.forget(epoch.Add(4 * time.Hour).UnixMilli())
		if len(s.failures) != 0 {
			t.Errorf("failures after the retention: got %d, want none", len(s.failures))
		}
	})
}

func TestManyTargetsDownAreNotedInShort(t *testing.T) {
	var targets []Target
	for i := range 25 {
		targets = append(targets, Target{URL: fmt.Sprintf("http://127.0.0.1:1/%02d", i), Labels: map[string]string{"instance": fmt.Sprintf("p%02d", i)}})
	}
	s, clock := newTestSource(t, Config{Targets: targets})
	clock.advance(10 * time.Second)
	scrapeAll(t, s)
	notes := s.downNotes(errorRatio("canary"), window(0, 1))
	if len(notes) != 21 || !strings.Contains(notes[0].Text, "p00") || !strings.Contains(notes[20].Text, "5 more") {
		t.Errorf("got %d notes, the last %v; want 20 targets and that there are 5 more", len(notes), notes[len(notes)-1])
	}
}

func TestBlocksBeforeARestartAreLost(t *testing.T) {
	s := newShop(t, Config{})
	f, err := s.Blocks(t.Context(), errorRatio("canary"), window(-3, 3))
	if err != nil {
		t.Fatal(err)
	}
	wantNotes(t, f, "lost: 3 of 3 blocks have no answer: nothing has been scraped since this process started")
	s.scrapes(t, 12, func(i int) {
		s.baseline.show(requests(100*i, i+1))
		s.canary.show(requests(10*i, i+1))
	})
	f, err = s.Blocks(t.Context(), errorRatio("canary"), window(-2, 5))
	if err != nil {
		t.Fatal(err)
	}
	wantNotes(t, f, "lost: 3 of 5 blocks began before this process first scraped, at 2023-11-14T22:14:10Z")
	for i, want := range []bool{false, false, false, true, true} {
		if got := answered(f, i); got != want {
			t.Errorf("block %d answered: got %v, want %v", i, got, want)
		}
	}
	f, err = s.Blocks(t.Context(), errorRatio("canary"), window(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	wantNotes(t, f) // What came after the restart is whole.
	gauge := queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: `sum(requests_total{arm="canary"})`}}
	if f, err = s.Blocks(t.Context(), gauge, window(0, 2)); err != nil {
		t.Fatal(err)
	}
	wantNotes(t, f) // A gauge answers for the block in which scraping began.
}

func TestDroppedBlocksAndRefusedSeriesAreSaid(t *testing.T) {
	s := newShop(t, Config{MaxSamples: 300})
	s.scrapes(t, 60, func(i int) {
		s.baseline.show(requests(100*i, i+1))
		s.canary.show(requests(10*i, i+1))
	})
	f, err := s.Blocks(t.Context(), errorRatio("canary"), window(1, 14))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Notes) != 1 || f.Notes[0].Code != queries.NoteLost || !strings.Contains(f.Notes[0].Text, "were dropped (the store keeps 3h0m0s and at most 300 samples)") {
		t.Errorf("notes: got %v, want one that says what was dropped and why", f.Notes)
	}
	if answered(f, 0) || !answered(f, 13) {
		t.Errorf("blocks answered: got the first %v and the last %v, want only the last", answered(f, 0), answered(f, 13))
	}
	small := newShop(t, Config{MaxSeries: 9})
	small.scrapes(t, 8, func(i int) {
		small.baseline.show(requests(100*i, i+1))
		small.canary.show(requests(10*i, i+1))
	})
	f, err = small.Blocks(t.Context(), errorRatio("canary"), window(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	wantNotes(t, f, "partial: the store says of its own answer: some samples were not kept: there are more than the 9 series that it may hold")
}

func TestRangeFaults(t *testing.T) {
	s := newShop(t, Config{})
	scrapeAll(t, s.Source)
	over := promql.Range{Start: epoch.UnixMilli(), End: epoch.UnixMilli(), Step: 1000}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		expr string
		over promql.Range
		want queries.Fault
		text string
	}{
		{"not PromQL", t.Context(), "sum(", over, queries.Rejected, "parse error"},
		{"not a vector", t.Context(), "up[5m]", over, queries.Rejected, "range vector"},
		{"many to many", t.Context(), "up * on () up", promql.Range{Start: epoch.Add(time.Minute).UnixMilli(), End: epoch.Add(time.Minute).UnixMilli(), Step: 1000}, queries.Rejected, "many-to-many"},
		{"no step", t.Context(), "up", promql.Range{Start: 0, End: 1}, queries.Rejected, "not one"},
		{"backwards", t.Context(), "up", promql.Range{Start: 1, End: 0, Step: 1}, queries.Rejected, "not one"},
		{"too many steps", t.Context(), "up", promql.Range{Start: 0, End: 11_000, Step: 1}, queries.Rejected, "at most 11000 steps"},
		{"given up", cancelled, "up", over, queries.Unavailable, "given up"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := s.Range(tt.ctx, tt.expr, tt.over)
			var e *queries.Error
			if !errors.As(err, &e) || e.Fault != tt.want || e.Source != "shop" || !strings.Contains(e.Text, tt.text) {
				t.Errorf("got %v, want %s with %q of source shop", err, tt.want, tt.text)
			}
		})
	}
	if _, _, err := s.Range(t.Context(), "up", promql.Range{Start: 0, End: 10_999, Step: 1}); err != nil {
		t.Errorf("11,000 steps: got %v, want an answer", err)
	}
}

func TestWarningsOfTheEngineAreHandedOn(t *testing.T) {
	s, _ := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}})
	ingest(t, s, 0, page{body: []byte(nativeOnly(t, 5, 3)), contentType: protoType}, epoch.UnixMilli()-1000)
	ingest(t, s, 0, page{body: []byte("h 1\n")}, epoch.UnixMilli())
	ms := epoch.UnixMilli()
	_, warnings, err := s.Range(t.Context(), "rate(h[1m])", promql.Range{Start: ms, End: ms, Step: 1000})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "mix of histograms and floats") {
		t.Errorf("got warnings %q, error %v; want that histograms and floats were mixed", warnings, err)
	}
}

func TestStatus(t *testing.T) {
	s := newShop(t, Config{})
	if got := s.Status()[0]; got.Up || !got.LastScrape.IsZero() || got.LastError != "" {
		t.Errorf("before the first scrape: got %+v, want neither up nor an error", got)
	}
	s.canary.fail(500)
	scrapeAll(t, s.Source)
	at := s.clock.now()
	want := []TargetStatus{
		{URL: s.baseline.URL + "/metrics", Job: "shop", Instance: "b-1:80", Up: true, LastScrape: at, Samples: 1,
			Labels: map[string]string{"arm": "baseline", "instance": "b-1:80", "job": "shop", "pod": "b-1"}},
		{URL: s.canary.URL + "/metrics", Job: "shop", Instance: "c-1:80", LastError: "it answered 500 Internal Server Error", LastScrape: at,
			Labels: map[string]string{"arm": "canary", "instance": "c-1:80", "job": "shop", "pod": "c-1"}},
	}
	got := s.Status()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	got[0].Labels["arm"] = "changed"
	if s.Status()[0].Labels["arm"] != "baseline" {
		t.Error("a caller can change the source's labels")
	}
}

func TestCollector(t *testing.T) {
	s := newShop(t, Config{MaxSeries: 7})
	s.canary.fail(500)
	scrapeAll(t, s.Source)
	s.baseline.show("a 1\na 2\nb 1\n")
	s.clock.advance(interval)
	scrapeAll(t, s.Source)
	want := `
# HELP serin_scrape_dropped_samples_total Samples that were not kept, or dropped to make room.
# TYPE serin_scrape_dropped_samples_total counter
serin_scrape_dropped_samples_total{reason="evicted",source="shop"} 0
serin_scrape_dropped_samples_total{reason="invalid",source="shop"} 0
serin_scrape_dropped_samples_total{reason="labels_too_long",source="shop"} 0
serin_scrape_dropped_samples_total{reason="out_of_order",source="shop"} 0
serin_scrape_dropped_samples_total{reason="sample_limit",source="shop"} 0
serin_scrape_dropped_samples_total{reason="series_limit",source="shop"} 3
serin_scrape_dropped_samples_total{reason="time_out_of_bounds",source="shop"} 0
# HELP serin_scrape_samples Samples that the embedded source holds.
# TYPE serin_scrape_samples gauge
serin_scrape_samples{source="shop"} 14
# HELP serin_scrape_series Series that the embedded source holds.
# TYPE serin_scrape_series gauge
serin_scrape_series{source="shop"} 7
# HELP serin_scrape_targets Targets that the embedded source scrapes.
# TYPE serin_scrape_targets gauge
serin_scrape_targets{source="shop"} 2
# HELP serin_scrape_targets_up Targets whose last scrape succeeded.
# TYPE serin_scrape_targets_up gauge
serin_scrape_targets_up{source="shop"} 1
`
	if err := testutil.CollectAndCompare(s.Collector(), strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(s.Collector()); err != nil || !slices.Equal(problems, nil) {
		t.Errorf("lint: got %v, %v, want nothing", problems, err)
	}
}
