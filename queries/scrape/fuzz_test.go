package scrape

import (
	"bytes"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/serin-canary/serin/queries/promql"
)

// FuzzPage commits any page twice, with what an ordinary page shows between, and asks
// for everything: nothing may panic, no bound may be passed, and what the store says
// that it holds must be what it holds.
func FuzzPage(f *testing.F) {
	types := []string{textType, protoType, "application/openmetrics-text; version=1.0.0", ""}
	seeds := []string{
		"a 1\n", "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_sum 1\nh_count 2\n", "# TYPE s summary\ns{quantile=\"0.5\"} NaN\n",
		"a{b=\"c\\\"\\n\"} 1e-400 123\n", "{\"a.b\",c=\"d\"} -Inf\n", "a_total{x=\"} #\"} 1 1.5 # {t=\"u\"} 1\n# EOF\n", "\xff\xff\xff\xff\x0f", "a{", "",
		delimited(f, family("h", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: bothHistogram()})),
		nativeOnly(f, 5, 3), nativeOnly(f, 0, 0),
	}
	for i, s := range seeds {
		f.Add([]byte(s), uint8(i), false)
		f.Add([]byte(s), uint8(1), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, kind uint8, honour bool) {
		const maxSeries, maxSamples = 20, 200
		s, clock := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}, MaxSeries: maxSeries, MaxSamples: maxSamples, HonourTimestamps: honour})
		sc := s.scrapers[0]
		for i := range 4 {
			p := page{body: bytes.Clone(body), contentType: types[int(kind)%len(types)]}
			if i == 2 {
				p = page{body: []byte("h 1\na 2\n")}
			}
			now := clock.now().UnixMilli()
			sc.begin()
			if _, err := sc.take(p, now); err != nil {
				sc.begin()
			}
			sc.endVanished(now)
			sc.leave(now, true, 0, 0)
			s.store.commit(now, sc.points)
			sc.keep()
			u := s.store.usage()
			if u.series > maxSeries || u.samples > maxSamples || trueSize(s.store) > u.samples || len(sc.lines) > maxSeries*pageFactor {
				t.Fatalf("got %d series, %d samples (%d counted) and %d lines, want at most %d, %d", u.series, u.samples, trueSize(s.store), len(sc.lines), maxSeries, maxSamples)
			}
			clock.advance(interval)
		}
		over := promql.Range{Start: epoch.UnixMilli(), End: clock.now().UnixMilli(), Step: 1000}
		for _, expr := range []string{`{__name__=~".+"}`, `sum(rate({job="shop"}[1m]))`, `histogram_quantile(0.9, h)`} {
			s.Range(t.Context(), expr, over) // An error is an answer.
		}
	})
}

// FuzzClassicText rewrites any page in OpenMetrics: it may not panic, nor grow by more
// than a page's own length.
func FuzzClassicText(f *testing.F) {
	for _, s := range []string{"a 1 1.5 # {} 1\n", "a{b=\"\\\"} \"} 1\n# EOF\n", "a", "a{", "a 1 9e300\n", "a 1 2 3 4\n", "\n\n", " \n", "a{b=\"c\nd\"} 1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := classicText(body)
		if len(got) > 8*len(body)+8 {
			t.Fatalf("got %d bytes of %d", len(got), len(body))
		}
		if n, m := bytes.Count(got, []byte("\n")), bytes.Count(body, []byte("\n"))+1; n > m {
			t.Fatalf("got %d lines of %d", n, m)
		}
	})
}
