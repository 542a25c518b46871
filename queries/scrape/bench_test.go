package scrape

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/protobuf/proto"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/promql"
)

// benchPage is a page of about 1,000 samples: histograms of 12 buckets by path.
func benchPage(b *testing.B, round int, format expfmt.Format) page {
	b.Helper()
	f := &dto.MetricFamily{Name: proto.String("request_duration_seconds"), Type: dto.MetricType_HISTOGRAM.Enum()}
	for path := range 70 {
		h := &dto.Histogram{SampleCount: proto.Uint64(uint64(round*12 + path)), SampleSum: proto.Float64(float64(round) * 1.5)}
		for k := range 12 {
			h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: proto.Float64(float64(k+1) / 10), CumulativeCount: proto.Uint64(uint64(round * (k + 1)))})
		}
		f.Metric = append(f.Metric, &dto.Metric{Label: labelPairs("method", "GET", "path", fmt.Sprintf("/shop/item/%d", path)), Histogram: h})
	}
	var buf bytes.Buffer
	if err := expfmt.NewEncoder(&buf, format).Encode(f); err != nil {
		b.Fatal(err)
	}
	return page{body: buf.Bytes(), contentType: string(format)}
}

// BenchmarkIngest reads a page and commits it, as each scrape does after its fetch.
func BenchmarkIngest(b *testing.B) {
	for name, format := range map[string]expfmt.Format{"text": expfmt.FmtText, "protobuf": expfmt.FmtProtoDelim} {
		b.Run(name, func(b *testing.B) {
			s, _ := newTestSource(b, Config{Targets: []Target{{URL: "http://pod"}}})
			pages := make([]page, 50)
			for i := range pages {
				pages[i] = benchPage(b, i, format)
			}
			now := epoch.UnixMilli()
			b.ReportAllocs()
			samples := 0
			for i := 0; b.Loop(); i++ {
				now += interval.Milliseconds()
				ingest(b, s, 0, pages[i%len(pages)], now)
				samples += len(s.scrapers[0].points)
			}
			b.ReportMetric(float64(samples)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

// benchStore holds an hour and a bit of 20 pods' histograms of 12 buckets, scraped
// every 15 s, among some thousand other series.
func benchStore(b *testing.B) *Source {
	b.Helper()
	s, _ := newTestSource(b, Config{})
	var ls []*line
	for pod := range 20 {
		for k := range 13 {
			ls = append(ls, &line{labels: labels.FromStrings("__name__", "request_duration_seconds_bucket", "job", "shop",
				"instance", fmt.Sprintf("10.0.0.%d:80", pod), "le", boundary(float64(k+1)/10), "pod", fmt.Sprintf("shop-%d", pod))})
		}
		for i := range 200 {
			ls = append(ls, &line{labels: labels.FromStrings("__name__", "other_"+strconv.Itoa(i%50), "job", "shop",
				"instance", fmt.Sprintf("10.0.0.%d:80", pod), "path", strconv.Itoa(i), "pod", fmt.Sprintf("shop-%d", pod))})
		}
	}
	for round := range 4 * 72 {
		now := epoch.Add(time.Duration(round)*interval + 7*time.Second).UnixMilli()
		points := make([]point, len(ls))
		for i, l := range ls {
			points[i] = point{line: l, t: now, v: float64(round * (i%13 + 3))}
		}
		s.store.commit(now, points)
	}
	return s
}

// BenchmarkSelect finds one arm's buckets and copies what a query reads of them.
func BenchmarkSelect(b *testing.B) {
	s := benchStore(b)
	matchers := []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, "__name__", "request_duration_seconds_bucket"),
		labels.MustNewMatcher(labels.MatchRegexp, "pod", "shop-[0-9]+"),
	}
	from, to := epoch.UnixMilli(), epoch.Add(time.Hour).UnixMilli()
	b.ReportAllocs()
	for b.Loop() {
		if got := s.store.selected(from, to, matchers); len(got) != 20*13 {
			b.Fatalf("got %d series, want 260", len(got))
		}
	}
}

// BenchmarkRange asks for the last sample of each of 60 blocks of every bucket.
func BenchmarkRange(b *testing.B) {
	s := benchStore(b)
	over := promql.Range{Start: epoch.Add(block).UnixMilli(), End: epoch.Add(60 * block).UnixMilli(), Step: block.Milliseconds()}
	b.ReportAllocs()
	for b.Loop() {
		m, _, err := s.Range(b.Context(), `last_over_time(request_duration_seconds_bucket{pod=~"shop-.*"}[1m])`, over)
		if err != nil || len(m) != 20*13 || len(m[0].Values) != 60 {
			b.Fatalf("got %d series, %v", len(m), err)
		}
	}
}

// BenchmarkBlocks reads the frame of a histogram: 20 pods, 60 blocks, 12 buckets.
func BenchmarkBlocks(b *testing.B) {
	s := benchStore(b)
	r := queries.Reading{Kind: queries.Histogram, Buckets: `request_duration_seconds_bucket{pod=~"shop-.*"}`, Quantile: 0.99, Scale: 1}
	w := queries.Window{Start: epoch.Add(2 * block), End: epoch.Add(62 * block), Block: block}
	b.ReportAllocs()
	for b.Loop() {
		f, err := s.Blocks(b.Context(), r, w)
		if err != nil || len(f.Processes) != 20 {
			b.Fatalf("got %d processes, %v", len(f.Processes), err)
		}
	}
}

// BenchmarkMemory holds an hour of the pages of 20 pods and reports what a sample
// takes, with its share of labels and index.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before := heap()
		s := benchStore(b)
		u := s.store.usage()
		b.ReportMetric(float64(heap()-before)/float64(u.samples), "bytes/sample")
		b.ReportMetric(float64(heap()-before)/float64(u.series), "bytes/series")
		runtime.KeepAlive(s)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
