package scrape

import (
	"bytes"
	"math"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

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

// FuzzNative commits native histograms of any shape one after the other, and asks for
// them: what passes the check must be safe to store, merge and read.
func FuzzNative(f *testing.F) {
	f.Add(int32(0), 0.001, int32(0), uint32(2), int32(3), uint32(1), []byte{3, 1, 2}, false)
	f.Add(int32(8), 0.0, int32(math.MaxInt32), uint32(1), int32(math.MaxInt32), uint32(1), []byte{1, 1}, true)
	f.Add(int32(-4), math.Inf(1), int32(math.MinInt32), uint32(1), int32(-1), uint32(0), []byte{200}, false)
	f.Add(int32(-53), math.NaN(), int32(1), uint32(math.MaxUint32), int32(0), uint32(1), []byte{0}, true)
	f.Fuzz(func(t *testing.T, schema int32, zero float64, offset int32, length uint32, offset2 int32, length2 uint32, counts []byte, fractional bool) {
		if len(counts) > 100 {
			return
		}
		s, clock := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}, MaxSamples: 2_000})
		for round := range int32(6) {
			h := &dto.Histogram{Schema: proto.Int32(schema + round%2), ZeroThreshold: &zero, SampleSum: proto.Float64(zero)}
			h.PositiveSpan = []*dto.BucketSpan{{Offset: proto.Int32(offset + round), Length: &length}, {Offset: &offset2, Length: &length2}}
			sum, last := uint64(0), int64(0)
			for _, c := range counts {
				n := uint64(c) * uint64(round+1)
				sum += n
				h.PositiveDelta = append(h.PositiveDelta, int64(n)-last)
				h.PositiveCount = append(h.PositiveCount, float64(n))
				last = int64(n)
			}
			h.SampleCount = &sum
			if fractional {
				h.SampleCountFloat, h.PositiveDelta = proto.Float64(float64(sum)), nil
			} else {
				h.PositiveCount = nil
			}
			body := delimited(t, family("h", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: h}))
			ingest(t, s, 0, page{body: []byte(body), contentType: protoType}, clock.now().UnixMilli())
			clock.advance(interval)
		}
		over := promql.Range{Start: epoch.UnixMilli(), End: clock.now().UnixMilli(), Step: 5000}
		for _, expr := range []string{"h", "last_over_time(h[1m])", "rate(h[1m])", "histogram_quantile(0.5, increase(h[1m]))", "sum(h)"} {
			s.Range(t.Context(), expr, over) // An error is an answer.
		}
	})
}
