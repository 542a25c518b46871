package scrape

import (
	"bytes"
	"math"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/model/value"
	"google.golang.org/protobuf/proto"

	"github.com/serin-canary/serin/queries/promql"
)

// delimited encodes families as a protobuf page.
func delimited(t testing.TB, families ...*dto.MetricFamily) string {
	t.Helper()
	var b bytes.Buffer
	enc := expfmt.NewEncoder(&b, expfmt.FmtProtoDelim)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func labelPairs(kv ...string) []*dto.LabelPair {
	var all []*dto.LabelPair
	for i := 0; i < len(kv); i += 2 {
		all = append(all, &dto.LabelPair{Name: &kv[i], Value: &kv[i+1]})
	}
	return all
}

// family builds a metric family of one metric.
func family(name string, kind dto.MetricType, m *dto.Metric) *dto.MetricFamily {
	return &dto.MetricFamily{Name: &name, Type: &kind, Metric: []*dto.Metric{m}}
}

// bothHistogram has classic buckets and native ones.
func bothHistogram() *dto.Histogram {
	return &dto.Histogram{
		SampleCount: proto.Uint64(5), SampleSum: proto.Float64(3.5),
		Bucket: []*dto.Bucket{
			{UpperBound: proto.Float64(0.5), CumulativeCount: proto.Uint64(2)},
			{UpperBound: proto.Float64(1), CumulativeCount: proto.Uint64(4)},
		},
		Schema: proto.Int32(0), ZeroThreshold: proto.Float64(0.001), ZeroCount: proto.Uint64(1),
		PositiveSpan:  []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(2)}},
		PositiveDelta: []int64{3, -2},
	}
}

const (
	protoType = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
	textType  = "text/plain; version=0.0.4; charset=utf-8"
)

func TestPageBecomesSeries(t *testing.T) {
	at := `instance="pod:80", job="shop"`
	tests := []struct {
		name, contentType, body string
		want                    []string
	}{
		{"counter and gauge", textType, "# TYPE a_total counter\na_total{code=\"500\"} 3\n# TYPE g gauge\ng -1.5\n", []string{
			`a_total{code="500", ` + at + `} 3`, `g{` + at + `} -1.5`,
		}},
		{"no type, no newline at the end", textType, "a 1", []string{`a{` + at + `} 1`}},
		{"no content type", "", "a 1\n", []string{`a{` + at + `} 1`}},
		{"text of a later version", "text/plain; version=1.0.0; escaping=allow-utf-8", `{"http.requests", code="2"} 7` + "\n", []string{
			`http.requests{code="2", ` + at + `} 7`,
		}},
		{"special values", textType, "a +Inf\nb -Inf\nc NaN\nd 1e3\n", []string{
			`a{` + at + `} +Inf`, `b{` + at + `} -Inf`, `c{` + at + `} NaN`, `d{` + at + `} 1000`,
		}},
		{"a time is not honoured", textType, "a 1 1234\n", []string{`a{` + at + `} 1`}},
		{"classic histogram", textType, "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"2.50\"} 3\nh_bucket{le=\"+Inf\"} 4\nh_sum 5\nh_count 4\n", []string{
			`h_bucket{` + at + `, le="+Inf"} 4`, `h_bucket{` + at + `, le="1.0"} 2`, `h_bucket{` + at + `, le="2.5"} 3`,
			`h_count{` + at + `} 4`, `h_sum{` + at + `} 5`,
		}},
		{"histogram in fractions", textType, "# TYPE h histogram\nh_bucket{le=\"1\"} 2.5\nh_bucket{le=\"+Inf\"} 4.5\nh_sum 5\nh_count 4.5\n", []string{
			`h_bucket{` + at + `, le="+Inf"} 4.5`, `h_bucket{` + at + `, le="1.0"} 2.5`, `h_count{` + at + `} 4.5`, `h_sum{` + at + `} 5`,
		}},
		{"histogram in text with parts missing", textType, "# TYPE h histogram\nh_bucket{le=\"1e+06\"} 2\n", []string{`h_bucket{` + at + `, le="1e+06"} 2`}},
		{"summary", textType, "# TYPE s summary\ns{quantile=\"0.5\"} 2\ns{quantile=\"1\"} 3\ns_sum 5\ns_count 4\n", []string{
			`s_count{` + at + `} 4`, `s_sum{` + at + `} 5`, `s{` + at + `, quantile="0.5"} 2`, `s{` + at + `, quantile="1.0"} 3`,
		}},
		{"OpenMetrics nobody asked for", "application/openmetrics-text; version=1.0.0; charset=utf-8", strings.Join([]string{
			"# TYPE a counter", "# UNIT a seconds", `a_total{path="/x y} #",q="\"{"} 3.0 1700000000.123 # {trace="1 2"} 0.5 1.2`, "a_created 5",
			"# TYPE i info", `i_info{v="1"} 1`, "# TYPE h histogram", `h_bucket{le="1.0"} 2 # {} 0.3`, "# EOF", "",
		}, "\n"), []string{
			`a_created{` + at + `} 5`, `a_total{` + at + `, path="/x y} #", q="\"{"} 3`, `h_bucket{` + at + `, le="1.0"} 2`, `i_info{` + at + `, v="1"} 1`,
		}},
		{"protobuf counter", protoType, delimited(t, family("a_total", dto.MetricType_COUNTER, &dto.Metric{Label: labelPairs("code", "500"), Counter: &dto.Counter{Value: proto.Float64(3)}})), []string{
			`a_total{code="500", ` + at + `} 3`,
		}},
		{"protobuf histogram, classic and native", protoType, delimited(t, family("h", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: bothHistogram()})), []string{
			`h_bucket{` + at + `, le="+Inf"} 5`, `h_bucket{` + at + `, le="0.5"} 2`, `h_bucket{` + at + `, le="1.0"} 4`, `h_count{` + at + `} 5`, `h_sum{` + at + `} 3.5`,
			`h{` + at + `} count=5 sum=3.5 [-0.001,0.001]:1 (0.5,1]:3 (1,2]:1`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}})
			ingest(t, s, 0, page{body: []byte(tt.body), contentType: tt.contentType}, epoch.UnixMilli())
			equalLines(t, "series", values(t, s, `{job="shop"}`, epoch), tt.want)
		})
	}
}

// ingest commits a page as if target i had answered it.
func ingest(t testing.TB, s *Source, i int, p page, now int64) {
	t.Helper()
	sc := s.scrapers[i]
	sc.begin()
	if _, err := sc.take(p, now); err != nil {
		t.Fatalf("take: %v", err)
	}
	sc.endVanished(now)
	s.store.commit(now, sc.points)
	sc.keep()
}

func TestPageIsRefused(t *testing.T) {
	tests := []struct {
		name, contentType, body, want string
	}{
		{"HTML", "text/html", "<html>\n", "the page is text/html, not one of metrics"},
		{"half a line", textType, "a{b=\"1\"", "unexpected end of label value"},
		{"a number that is none", textType, "a one\n", `expected float as value, got "one"`},
		{"one label twice", textType, "a{b=\"1\",b=\"2\"} 1\n", "duplicate label names"},
		{"one label twice in protobuf", protoType, delimited(t, family("a", dto.MetricType_GAUGE, &dto.Metric{Label: labelPairs("b", "1", "b", "2"), Gauge: &dto.Gauge{Value: proto.Float64(1)}})), `label "b" twice`},
		{"a label __name__ in protobuf", protoType, delimited(t, family("a", dto.MetricType_GAUGE, &dto.Metric{Label: labelPairs("__name__", "up"), Gauge: &dto.Gauge{Value: proto.Float64(1)}})), "reserved"},
		{"a message longer than the page", protoType, "\xff\xff\xff\xff\xff\xff\xff\xff\x7fabc", "cut short"},
		{"a length that never ends", protoType, strings.Repeat("\xff", 20), "cut short"},
		{"protobuf of another type", "application/vnd.google.protobuf; proto=x; encoding=delimited", "", `of type "x"`},
		{"protobuf as text", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text", "", `encoding "text"`},
		{"more samples than may be", textType, strings.Repeat("a 1\n", 41), "more than 40 samples"},
		{"more metrics than may be", protoType, "\x52" + strings.Repeat("\x22\x00", 41), "more than 40 samples"},
		{"more samples than may be, before the page is decoded", textType, strings.Repeat("a 1\n", 41) + "a\n", "more than 40 samples"},
		{"more buckets than may be in protobuf", protoType, delimited(t, family("h", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: &dto.Histogram{Bucket: make([]*dto.Bucket, 41)}})), "more than 40 samples"},
		{"more buckets than may be", textType, "# TYPE h histogram\n" + strings.Repeat("h_bucket{le=\"1\"} 1\n", 41), "more than 40 samples"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}, MaxSeries: 40 / pageFactor})
			_, err := s.scrapers[0].take(page{body: []byte(tt.body), contentType: tt.contentType}, 0)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestBrokenNativeHistogramIsCountedAndSaid(t *testing.T) {
	broken := bothHistogram()
	broken.PositiveDelta = []int64{3}
	broken.Bucket = nil
	body := delimited(t, family("h", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: broken}))
	s, _ := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}})
	ingest(t, s, 0, page{body: []byte(body), contentType: protoType}, epoch.UnixMilli())
	if got := s.store.usage(); got.samples != 0 || got.dropped[badValue] != 1 {
		t.Errorf("got %d samples kept and %d dropped as invalid, want 0 and 1", got.samples, got.dropped[badValue])
	}
	ms := epoch.UnixMilli()
	if said := s.store.lostWithin(ms, ms); len(said) != 1 || !strings.Contains(said[0], "contradict") {
		t.Errorf("got warnings %q, want one that says that counts contradict each other", said)
	}
}

func TestFractionalNativeHistogram(t *testing.T) {
	h := &dto.Histogram{
		SampleCountFloat: proto.Float64(2.5), SampleSum: proto.Float64(math.NaN()), Schema: proto.Int32(0), ZeroThreshold: proto.Float64(0),
		PositiveSpan: []*dto.BucketSpan{{Offset: proto.Int32(1), Length: proto.Uint32(1)}}, PositiveCount: []float64{2.5},
	}
	body := delimited(t, family("h", dto.MetricType_GAUGE_HISTOGRAM, &dto.Metric{Histogram: h}))
	s, _ := newTestSource(t, Config{Targets: []Target{{URL: "http://pod"}}})
	ingest(t, s, 0, page{body: []byte(body), contentType: protoType}, epoch.UnixMilli())
	equalLines(t, "series", values(t, s, `h`, epoch), []string{`h{instance="pod:80", job="shop"} count=2.5 sum=NaN (1,2]:2.5`})
	later := epoch.Add(interval).UnixMilli()
	ingest(t, s, 0, page{body: []byte(body), contentType: protoType}, later)
	_, warnings, err := s.Range(t.Context(), "rate(h[1m])", promql.Range{Start: later, End: later, Step: 1})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "not a counter") {
		t.Errorf("rate of a gauge: got warnings %q, error %v; want that it is not a counter", warnings, err)
	}
}

func TestBoundary(t *testing.T) {
	for v, want := range map[float64]string{
		1: "1.0", 0.5: "0.5", 1e6: "1e+06", 100000: "100000.0", 0: "0.0", -2: "-2.0", math.Inf(1): "+Inf", math.Inf(-1): "-Inf", 1e-7: "1e-07",
	} {
		if got := boundary(v); got != want {
			t.Errorf("boundary(%g): got %q, want %q", v, got, want)
		}
	}
}

// staleGauge shows the NaN that Prometheus ends series with.
func staleGauge() *dto.MetricFamily {
	return family("a", dto.MetricType_GAUGE, &dto.Metric{Gauge: &dto.Gauge{Value: proto.Float64(math.Float64frombits(value.StaleNaN))}})
}

// nativeOnly is a page with a native histogram of count observations, of which some
// lie in (0.5, 1] and the others around zero.
func nativeOnly(t testing.TB, count, some uint64) string {
	t.Helper()
	return delimited(t, family("h", dto.MetricType_HISTOGRAM, &dto.Metric{Histogram: &dto.Histogram{
		SampleCount: &count, SampleSum: proto.Float64(1), Schema: proto.Int32(0), ZeroThreshold: proto.Float64(0.001), ZeroCount: proto.Uint64(count - some),
		PositiveSpan: []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(1)}}, PositiveDelta: []int64{int64(some)},
	}}))
}
