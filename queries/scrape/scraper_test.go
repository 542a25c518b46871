package scrape

import (
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/serin-canary/serin/queries/promql"
)

const interval = 15 * time.Second

func TestScrapeAsksAsPrometheusDoes(t *testing.T) {
	p := newPod(t, "")
	var got http.Header
	p.answer(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, "a 1\n")
		z.Close()
	})
	s, _ := newTestSource(t, Config{Targets: []Target{p.target()}, Timeout: 1500 * time.Millisecond})
	scrapeAll(t, s)
	for name, want := range map[string]string{
		"Accept-Encoding":                     "gzip",
		"Accept":                              "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.5,*/*;q=0.2",
		"X-Prometheus-Scrape-Timeout-Seconds": "1.5",
	} {
		if got.Get(name) != want {
			t.Errorf("header %s: got %q, want %q", name, got.Get(name), want)
		}
	}
	equalLines(t, "series", values(t, s, "a", epoch), []string{`a{instance="pod:80", job="shop"} 1`})
}

func TestEveryScrapeLeavesItsOwnSeries(t *testing.T) {
	p := newPod(t, "")
	s, clock := newTestSource(t, Config{Targets: []Target{p.target("pod", "p1")}})
	p.answer(func(w http.ResponseWriter, _ *http.Request) {
		clock.advance(250 * time.Millisecond)
		fmt.Fprint(w, "a 1\nb 2\n")
	})
	scrapeAll(t, s)
	equalLines(t, "own series", values(t, s, `{__name__=~"up|scrape_.*"}`, clock.now()), []string{
		`scrape_duration_seconds{instance="pod:80", job="shop", pod="p1"} 0.25`,
		`scrape_samples_scraped{instance="pod:80", job="shop", pod="p1"} 2`,
		`up{instance="pod:80", job="shop", pod="p1"} 1`,
	})
	p.fail(http.StatusInternalServerError)
	clock.advance(interval)
	scrapeAll(t, s)
	equalLines(t, "own series of a failed scrape", values(t, s, `{__name__=~"up|scrape_samples_scraped"}`, clock.now()), []string{
		`scrape_samples_scraped{instance="pod:80", job="shop", pod="p1"} 0`,
		`up{instance="pod:80", job="shop", pod="p1"} 0`,
	})
}

func TestSeriesEnd(t *testing.T) {
	const both = "a 1\nb 2\n"
	tests := []struct {
		name   string
		second func(*pod, *Source) // what the second scrape finds
		want   []string            // what is left of a and b right after it
	}{
		{"both stay", func(p *pod, _ *Source) { p.show(both) }, []string{"a", "b"}},
		{"one vanishes from the page", func(p *pod, _ *Source) { p.show("b 2\n") }, []string{"b"}},
		{"the target is down", func(p *pod, _ *Source) { p.fail(503) }, nil},
		{"the page is broken at its end", func(p *pod, _ *Source) { p.show(both + "c\n") }, nil},
		{"the target is gone", func(_ *pod, s *Source) { s.SetTargets(nil) }, nil},
		{"a line has its labels in another order", func(p *pod, _ *Source) { p.show("a 1\nb 3\nb{x=\"\"} 2\n") }, []string{"a", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPod(t, both)
			s, clock := newTestSource(t, Config{Targets: []Target{p.target()}})
			scrapeAll(t, s)
			clock.advance(interval)
			tt.second(p, s)
			scrapeAll(t, s)
			var got []string
			for _, line := range values(t, s, `{__name__=~"a|b"}`, clock.now()) {
				got = append(got, line[:1])
			}
			equalLines(t, "living series", got, tt.want)
			// An ended series still has its samples.
			equalLines(t, "a before", values(t, s, "a", epoch), []string{`a{instance="pod:80", job="shop"} 1`})
		})
	}
}

func TestSeriesComeBackAfterFailure(t *testing.T) {
	p := newPod(t, "a 1\n")
	s, clock := newTestSource(t, Config{Targets: []Target{p.target()}})
	scrapeAll(t, s)
	p.fail(500)
	clock.advance(interval)
	scrapeAll(t, s)
	p.show("a 5\n")
	clock.advance(interval)
	scrapeAll(t, s)
	if got := one(t, s, "a", clock.now()); got != 5 {
		t.Errorf("a after the target came back: got %v, want 5", got)
	}
	if got := one(t, s, "count_over_time(a[1m])", clock.now()); got != 2 {
		t.Errorf("samples of a: got %v, want 2 (the marker is none)", got)
	}
	if got := s.store.usage().series; got != 4 {
		t.Errorf("series: got %d, want 4", got)
	}
}

func TestTargetGoneEndsItsOwnSeries(t *testing.T) {
	p, q := newPod(t, "a 1\n"), newPod(t, "a 2\n")
	stays := q.target("instance", "q:80")
	s, clock := newTestSource(t, Config{Targets: []Target{p.target(), stays}})
	scrapeAll(t, s)
	clock.advance(interval)
	if err := s.SetTargets([]Target{stays}); err != nil {
		t.Fatal(err)
	}
	scrapeAll(t, s)
	equalLines(t, "up", values(t, s, "up", clock.now()), []string{`up{instance="q:80", job="shop"} 1`})
	equalLines(t, "a", values(t, s, "a", clock.now()), []string{`a{instance="q:80", job="shop"} 2`})
	if err := s.SetTargets([]Target{{URL: "nonsense"}}); err == nil || len(s.scrapers) != 1 {
		t.Errorf("faulty targets: got error %v and %d targets, want an error and the one from before", err, len(s.scrapers))
	}
}

func TestHonouredTimes(t *testing.T) {
	at := func(d time.Duration) int64 { return epoch.Add(d).UnixMilli() }
	p := newPod(t, fmt.Sprintf("a 1 %d\nb 1\nahead 1 %d\nold 1 %d\n", at(-time.Minute), at(time.Hour), at(-24*time.Hour)))
	s, clock := newTestSource(t, Config{Targets: []Target{p.target()}, HonourTimestamps: true})
	scrapeAll(t, s)
	clock.advance(interval)
	p.show("")
	scrapeAll(t, s)
	clock.advance(interval)
	equalLines(t, "series", values(t, s, `{__name__=~"a|b|ahead|old"}`, clock.now()), []string{
		`a{instance="pod:80", job="shop"} 1`, // dated itself: its end is not marked
	})
	if got := one(t, s, "timestamp(a)", clock.now()); int64(got)*1000 != at(-time.Minute) {
		t.Errorf("time of a: got %v, want %v", got, at(-time.Minute)/1000)
	}
	if got := s.store.usage().dropped[badTime]; got != 2 {
		t.Errorf("dropped for their times: got %d, want 2", got)
	}
}

func TestHonouredTimesOfOpenMetrics(t *testing.T) {
	s, _ := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}, HonourTimestamps: true})
	body := fmt.Sprintf("a 1 %d.25\n", epoch.Unix()-60)
	ingest(t, s, 0, page{body: []byte(body), contentType: "application/openmetrics-text; version=1.0.0"}, epoch.UnixMilli())
	if got, want := one(t, s, "timestamp(a)", epoch), float64(epoch.Unix()-60)+0.25; got != want {
		t.Errorf("time: got %v, want %v", got, want)
	}
}

func TestRemovalWithinTheMillisecondOfAScrapeEndsItsSeries(t *testing.T) {
	p := newPod(t, "a 1\n")
	s, clock := newTestSource(t, Config{Targets: []Target{p.target()}})
	scrapeAll(t, s)
	if err := s.SetTargets(nil); err != nil {
		t.Fatal(err)
	}
	equalLines(t, "living series", values(t, s, `{job="shop"}`, clock.now().Add(time.Second)), nil)
}

func TestAPageThatIsBrokenAnywhereCountsNowhere(t *testing.T) {
	p := newPod(t, "")
	p.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", protoType)
		twice := &dto.Metric{Label: labelPairs("x", "1", "x", "2"), Gauge: &dto.Gauge{}}
		io.WriteString(w, delimited(t, family("a", dto.MetricType_GAUGE, &dto.Metric{Gauge: &dto.Gauge{}}), family("b", dto.MetricType_GAUGE, twice)))
	})
	s, clock := newTestSource(t, Config{Targets: []Target{p.target()}})
	scrapeAll(t, s)
	equalLines(t, "series", values(t, s, `{__name__!~"scrape_.*",job="shop"}`, clock.now()), []string{`up{instance="pod:80", job="shop"} 0`})
}

func TestStaleMarkerOnAPageIsAPlainNaN(t *testing.T) {
	s, _ := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}})
	ingest(t, s, 0, page{body: []byte(delimited(t, staleGauge())), contentType: protoType}, epoch.UnixMilli())
	equalLines(t, "a", values(t, s, "a", epoch), []string{`a{instance="pod:80", job="shop"} NaN`})
}

func TestFailedScrapesSayWhy(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "it answered 404 Not Found"},
		{"too large", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("a 1\n", 300)) }, "its page is larger than 1000 bytes"},
		{"too large, unpacked", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, strings.Repeat("\n", 1<<20))
			z.Close()
		}, "its page is larger than 1000 bytes"},
		{"not gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "a 1 and nothing that is packed\n")
		}, "gzip"},
		{"redirect elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://other/?token=secret", 302) }, "it redirects to another address"},
		{"redirect for ever", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again?token=secret", 302) }, "it redirects more than 5 times"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "a 1\n")
		}, "it broke off in the middle of its page"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "it did not answer within 200ms"},
		{"cut connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPod(t, "")
			p.answer(tt.answer)
			to := p.target()
			to.URL += "?token=secret"
			c := Config{Targets: []Target{to}, MaxBody: 1000}
			if tt.name == "slow" {
				c.Timeout = 200 * time.Millisecond
			}
			s, clock := newTestSource(t, c)
			scrapeAll(t, s)
			got := s.Status()[0]
			if got.Up || !strings.Contains(got.LastError, tt.want) || strings.Contains(got.LastError, "secret") {
				t.Errorf("got up %v, error %q; want down with %q and no secret", got.Up, got.LastError, tt.want)
			}
			if up := one(t, s, "up", clock.now()); up != 0 {
				t.Errorf("up: got %v, want 0", up)
			}
			if got := s.store.usage().series; got != 3 {
				t.Errorf("series: got %d, want the scrape's own 3", got)
			}
		})
	}
}

func TestRedirectWithinTheTargetIsFollowed(t *testing.T) {
	p := newPod(t, "")
	p.answer(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			http.Redirect(w, r, "/metrics/", http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, "a 1\n")
	})
	s, _ := newTestSource(t, Config{Targets: []Target{p.target()}})
	scrapeAll(t, s)
	if got := s.Status()[0]; !got.Up {
		t.Errorf("got down with %q, want up", got.LastError)
	}
}

func TestNativeHistogramEndsAndResets(t *testing.T) {
	s, _ := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}})
	show := func(at time.Time, families string) {
		ingest(t, s, 0, page{body: []byte(families), contentType: protoType}, at.UnixMilli())
	}
	full, less := nativeOnly(t, 5, 3), nativeOnly(t, 2, 1)
	show(epoch, full)
	show(epoch.Add(interval), nativeOnly(t, 9, 6))
	show(epoch.Add(2*interval), less) // a restart
	show(epoch.Add(3*interval), "")   // the end
	show(epoch.Add(4*interval), less) // and a new beginning
	equalLines(t, "h", values(t, s, "h", epoch.Add(interval)), []string{`h{instance="pod:80", job="shop"} count=9 sum=1 [-0.001,0.001]:3 (0.5,1]:6`})
	equalLines(t, "h after its end", values(t, s, "h", epoch.Add(3*interval)), nil)
	if got := one(t, s, "histogram_count(increase(h[1m15s]))", epoch.Add(4*interval)); got < 6 || got > 8 {
		t.Errorf("increase over a restart: got %v, want about 6 (4 before it and 2 after)", got)
	}
	if got := one(t, s, "count_over_time(h[5m])", epoch.Add(4*interval)); got != 4 {
		t.Errorf("samples: got %v, want 4", got)
	}
	m, _, err := s.Range(t.Context(), "h", promql.Range{Start: epoch.UnixMilli(), End: epoch.Add(4 * interval).UnixMilli(), Step: interval.Milliseconds()})
	if err != nil || len(m) != 1 || len(m[0].Histograms) != 4 {
		t.Fatalf("range: got %v, %v, want one series of 4 histograms", m, err)
	}
}

func TestOnlyTurnsAreLogged(t *testing.T) {
	var log strings.Builder
	p := newPod(t, "a 1\n")
	to := p.target()
	to.URL += "?token=secret"
	s, clock := newTestSource(t, Config{Targets: []Target{to}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, code := range []int{500, 500, 0, 0, 500} {
		if p.fail(code); code == 0 {
			p.show("a 1\n")
		}
		scrapeAll(t, s)
		clock.advance(interval)
	}
	if n := strings.Count(log.String(), "target does not answer"); n != 2 {
		t.Errorf("got %d warnings, want 2:\n%s", n, &log)
	}
	if n := strings.Count(log.String(), "target answers again"); n != 1 {
		t.Errorf("got %d good news, want 1:\n%s", n, &log)
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the log shows the URL's query:\n%s", &log)
	}
}
