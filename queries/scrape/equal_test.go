package scrape

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metrics "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
	"github.com/serin-canary/serin/queries/promql"
)

// bounds of the story's histogram; 1, 5 and 10 are written without a point.
var storyBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// recordedStory is forty minutes of two arms: a pod that restarts, one that is not
// scraped for a while, one that comes late, and errors that begin one by one.
func recordedStory() story {
	return story{
		pods:   []string{"baseline-1", "baseline-2", "baseline-3", "canary-1", "canary-2"},
		begin:  epoch,
		rounds: 160,
		page:   storyPage,
	}
}

func storyPage(pod string, round int) string {
	seed := int(pod[len(pod)-1] - '0')
	since := round
	switch {
	case pod == "baseline-2" && round >= 61: // It restarts, and all begins anew.
		since = round - 61
	case pod == "canary-1" && round >= 80 && round < 89: // Nobody asks it.
		return ""
	case pod == "canary-2" && round < 22: // It comes late.
		return ""
	}
	n := since * (40 + 7*seed) // requests so far
	var b strings.Builder
	b.WriteString("# TYPE requests_total counter\n")
	fmt.Fprintf(&b, "requests_total{code=\"200\"} %d\n", n)
	if bad := (since - 10*seed) * 3; bad > 0 {
		fmt.Fprintf(&b, "requests_total{code=\"500\"} %d\n", bad)
	}
	if strings.HasPrefix(pod, "canary") && since > 50 {
		fmt.Fprintf(&b, "requests_total{code=\"503\"} %d\n", since-50)
	}
	b.WriteString("# TYPE request_duration_seconds histogram\n")
	for k, bound := range storyBounds {
		fmt.Fprintf(&b, "request_duration_seconds_bucket{path=\"/\",le=\"%v\"} %d\n", bound, n*(k+1)/(len(storyBounds)+1))
	}
	fmt.Fprintf(&b, "request_duration_seconds_bucket{path=\"/\",le=\"+Inf\"} %d\n", n)
	fmt.Fprintf(&b, "request_duration_seconds_sum{path=\"/\"} %g\n", float64(n)*0.3)
	fmt.Fprintf(&b, "request_duration_seconds_count{path=\"/\"} %d\n", n)
	b.WriteString("# TYPE memory_bytes gauge\n")
	fmt.Fprintf(&b, "memory_bytes{kind=\"heap\"} %g\n", 1e8+1e6*math.Sin(float64(round*seed)))
	return b.String()
}

// readings are one of each kind, for an arm.
func readings(arm string) map[string]queries.Reading {
	sel := func(name string, more string) string { return name + `{arm="` + arm + `"` + more + `}` }
	gauge := func(expr string) queries.Reading {
		return queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: expr}, Scale: 1}
	}
	return map[string]queries.Reading{
		"ratio": {Kind: queries.Ratio, Scale: 1,
			Bad:   queries.Counts{{Selector: sel("requests_total", `,code=~"5.."`)}},
			Total: queries.Counts{{Selector: sel("requests_total", "")}}},
		"ratio by subtraction": {Kind: queries.Ratio, Scale: 1,
			Bad:   queries.Counts{{Selector: sel("requests_total", "")}, {Selector: sel("requests_total", `,code="200"`), Minus: true}},
			Total: queries.Counts{{Selector: sel("requests_total", "")}}},
		"counter":          {Kind: queries.Counter, Scale: 1, Total: queries.Counts{{Selector: sel("requests_total", `,code="200"`)}}},
		"histogram":        {Kind: queries.Histogram, Scale: 1000, Buckets: sel("request_duration_seconds_bucket", ""), Quantile: 0.99},
		"gauge":            gauge("avg(" + sel("memory_bytes", "") + ")"),
		"gauge by process": gauge("max by (pod) (avg_over_time(" + sel("memory_bytes", "") + "[1m]))"),
		"gauge of a rate":  gauge("sum(rate(" + sel("requests_total", `,code="200"`) + "[1m]))"),
	}
}

func TestRecordedPagesGiveTheSameFramesAsPrometheus(t *testing.T) {
	t.Parallel()
	s := recordedStory()
	real := startPrometheus(t, promtest.Config{History: s.openMetrics()})
	ours := s.scrapedInto(t)
	for _, arm := range []string{"baseline", "canary"} {
		for name, reading := range readings(arm) {
			t.Run(arm+"/"+name, func(t *testing.T) {
				w := window(1, 38)
				got, err := ours.Blocks(t.Context(), reading, w)
				if err != nil {
					t.Fatal(err)
				}
				want, err := real.Blocks(t.Context(), reading, w)
				if err != nil {
					t.Fatal(err)
				}
				if len(want.Processes) == 0 || !answered(want, 30) {
					t.Fatal("Prometheus answered nothing; the comparison would be empty")
				}
				if diff := gocmp.Diff(want, got, cmpopts.EquateNaNs(), nearly()); diff != "" {
					t.Errorf("frame (-prometheus +scrape):\n%s", diff)
				}
			})
		}
	}
	for _, expr := range []string{
		`last_over_time({job="shop"}[1m])`, `count_over_time(requests_total[45s])`,
		// Not of code 5xx: how far rate() extrapolates a series that is just born has changed since Debian's version.
		`sum by (arm, code) (rate(requests_total{code="200"}[2m]))`, `increase(requests_total{pod!="baseline-1",code="200"}[90s])`,
		// Nor where a series vanishes from a page: history that is imported has no mark of its end.
		`requests_total{code="200"}`, `sum without (pod, instance) (requests_total{code="200"}) / on (arm, job) group_left () sum by (arm, job) (requests_total{code="200"})`,
		`histogram_quantile(0.9, sum by (le) (rate(request_duration_seconds_bucket{arm="canary"}[2m])))`,
		`max_over_time(memory_bytes{pod=~"c.*"}[4m50s:30s])`, `absent(requests_total{pod="canary-2"})`, `memory_bytes offset 3m`,
	} {
		t.Run(expr, func(t *testing.T) {
			over := promql.Range{Start: epoch.Add(2 * block).UnixMilli(), End: epoch.Add(39 * block).UnixMilli(), Step: 30_000}
			want, _, err := real.Range(t.Context(), expr, over)
			if err != nil || len(want) == 0 {
				t.Fatalf("prometheus: %d series, %v", len(want), err)
			}
			got, _, err := ours.Range(t.Context(), expr, over)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(sortedMatrix(want), sortedMatrix(got), cmpopts.EquateNaNs(), nearly()); diff != "" {
				t.Errorf("matrix (-prometheus +scrape):\n%s", diff)
			}
		})
	}
}

// nearly allows for sums in another order: two versions of an engine need not add alike.
func nearly() gocmp.Option { return cmpopts.EquateApprox(1e-12, 0) }

// sortedMatrix sorts series, and leaves out those that only a real scrape leaves.
func sortedMatrix(m model.Matrix) model.Matrix {
	m = slices.DeleteFunc(slices.Clone(m), func(s *model.SampleStream) bool {
		name := string(s.Metric["__name__"])
		return name == "up" || strings.HasPrefix(name, "scrape_")
	})
	slices.SortFunc(m, func(a, b *model.SampleStream) int { return cmp.Compare(a.Metric.String(), b.Metric.String()) })
	return m
}

// liveService is a small service with a page of its own, whose traffic the test makes.
type liveService struct {
	*httptest.Server
	registry *metrics.Registry
}

func newLiveService(t *testing.T) *liveService {
	t.Helper()
	s := &liveService{registry: metrics.NewRegistry()}
	requests := metrics.NewCounterVec(metrics.CounterOpts{Name: "live_requests_total", Help: "Requests."}, []string{"code"})
	classic := metrics.NewHistogram(metrics.HistogramOpts{Name: "live_seconds", Help: "Durations.", Buckets: []float64{0.1, 1, 10}})
	native := metrics.NewHistogram(metrics.HistogramOpts{Name: "live_native_seconds", Help: "Durations.", NativeHistogramBucketFactor: 1.1})
	s.registry.MustRegister(requests, classic, native, collectors.NewGoCollector())
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	n := 0
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { // One at a time: the test waits.
		n++
		code := "200"
		if n%10 == 0 {
			code = "500"
		}
		requests.WithLabelValues(code).Inc()
		classic.Observe(float64(n%100) / 20)
		native.Observe(float64(n%100) / 20)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestLiveTotalsAgreeWithPrometheusWithinOneScrape(t *testing.T) {
	t.Parallel()
	const every = 500 * time.Millisecond // a busy machine must keep up
	svc := newLiveService(t)
	host := strings.TrimPrefix(svc.URL, "http://")
	real := startPrometheus(t, promtest.Config{
		ScrapeInterval: every.String(),
		Scrape:         fmt.Sprintf("- {job_name: live, scrape_timeout: %s, static_configs: [{targets: [%q], labels: {pod: p1}}]}\n", every, host),
	})
	ours, err := New(Config{Name: "live", Targets: []Target{{URL: svc.URL + "/metrics", Labels: map[string]string{"pod": "p1"}}}, Interval: every, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer running(t, ours)()
	await(t, "prometheus's first scrape", func() bool {
		now := time.Now().UnixMilli()
		mine, theirs := both(t, ours, real, "up == 1", promql.Range{Start: now, End: now, Step: 1000})
		return len(mine) == 1 && len(theirs) == 1
	})
	begun := time.Now()
	drive(t, svc, 12*every)
	ended := time.Now()

	agreeWhileGrowing(t, ours, real, promql.Range{Start: begun.Add(4 * every).UnixMilli(), End: ended.UnixMilli(), Step: every.Milliseconds()})

	settled := func() bool {
		now := time.Now().UnixMilli()
		at := promql.Range{Start: now, End: now, Step: 1000}
		// Two scrapes of each after the last request: nothing can change any more.
		mine, theirs := both(t, ours, real, fmt.Sprintf("count_over_time(up[1m] offset -1s) - count_over_time(up[1m] @ %d)", ended.Unix()), at)
		return len(mine) == 1 && len(theirs) == 1 && mine[0].Values[0].Value >= 7 && theirs[0].Values[0].Value >= 7
	}
	await(t, "scrapes after the traffic", settled)
	now := time.Now().UnixMilli()
	at := promql.Range{Start: now, End: now, Step: 1000}
	for _, expr := range []string{
		"live_requests_total", `{__name__=~"live_seconds_(bucket|count|sum)"}`, "live_native_seconds",
		`count by (__name__, job, instance, pod, quantile, le, version) ({job="live",__name__!~"scrape_.*|live_native_seconds_.*|go_gc_duration.*"})`, "up",
	} {
		mine, theirs := both(t, ours, real, expr, at)
		if len(theirs) == 0 {
			t.Errorf("%s: Prometheus answered nothing", expr)
		}
		if diff := gocmp.Diff(theirs, mine, nearly()); diff != "" {
			t.Errorf("%s (-prometheus +scrape):\n%s", expr, diff)
		}
	}
}

// agreeWhileGrowing checks that a counter that grows reads alike within one scrape.
func agreeWhileGrowing(t *testing.T, ours *Source, real *prometheus.Source, over promql.Range) {
	t.Helper()
	const total = "sum(live_requests_total)"
	mine, theirs := both(t, ours, real, total, over)
	if len(mine) != 1 || len(theirs) != 1 || len(mine[0].Values) < 5 {
		t.Fatalf("got %d and %d series, want one each with at least 5 values", len(mine), len(theirs))
	}
	vs := mine[0].Values
	for i, v := range vs[2 : len(vs)-2] {
		j := slices.IndexFunc(theirs[0].Values, func(p model.SamplePair) bool { return p.Timestamp == v.Timestamp })
		if j < 0 {
			continue
		}
		// Both read a growing counter; neither is older than the other by more than a scrape,
		// and one more for the grid on which they are compared.
		if p := float64(theirs[0].Values[j].Value); p < float64(vs[i].Value) || p > float64(vs[i+4].Value) {
			t.Errorf("at %v: got %v here and %v there, want them within one scrape", v.Timestamp, v.Value, p)
		}
	}
}

func both(t *testing.T, ours *Source, real *prometheus.Source, expr string, over promql.Range) (mine, theirs model.Matrix) {
	t.Helper()
	mine, _, err := ours.Range(t.Context(), expr, over)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	theirs, _, err = real.Range(t.Context(), expr, over)
	if err != nil {
		t.Fatalf("%s: prometheus: %v", expr, err)
	}
	slices.SortFunc(mine, func(a, b *model.SampleStream) int { return cmp.Compare(a.Metric.String(), b.Metric.String()) })
	slices.SortFunc(theirs, func(a, b *model.SampleStream) int { return cmp.Compare(a.Metric.String(), b.Metric.String()) })
	return mine, theirs
}

// drive makes requests, one after the other, for a while.
func drive(t *testing.T, svc *liveService, long time.Duration) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(long)
	for {
		select {
		case <-end:
			svc.Client().CloseIdleConnections()
			return
		case <-tick.C:
		}
		res, err := svc.Client().Get(svc.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
}
