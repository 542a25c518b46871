package promql

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// nativeOf makes the native histogram of observations, with buckets whose edges
// grow by 2^(2^-schema). What is at most 0.001 is in the zero bucket.
func nativeOf(schema int, values ...float64) *model.SampleHistogram {
	h := &model.SampleHistogram{}
	base := math.Exp2(math.Exp2(float64(-schema)))
	for _, v := range values {
		h.Count++
		h.Sum += model.FloatString(v)
		b := &model.HistogramBucket{Boundaries: 3, Lower: -0.001, Upper: 0.001}
		if v > 0.001 {
			k := math.Ceil(math.Log(v)/math.Log(base) - 1e-9)
			b = &model.HistogramBucket{Lower: model.FloatString(math.Pow(base, k-1)), Upper: model.FloatString(math.Pow(base, k))}
		}
		if i := slices.IndexFunc(h.Buckets, func(o *model.HistogramBucket) bool { return o.Upper == b.Upper }); i >= 0 {
			h.Buckets[i].Count++
			continue
		}
		b.Count = 1
		h.Buckets = append(h.Buckets, b)
	}
	slices.SortFunc(h.Buckets, func(a, b *model.HistogramBucket) int {
		if a.Upper < b.Upper {
			return -1
		}
		return 1
	})
	return h
}

// stream is a native histogram at the ends of consecutive blocks; nil is none.
func stream(pod string, hs ...*model.SampleHistogram) *model.SampleStream {
	s := &model.SampleStream{Metric: model.Metric{"__name__": "latency_seconds", "job": "shop", "instance": model.LabelValue(pod), "pod": model.LabelValue(pod)}}
	for b, h := range hs {
		if h != nil {
			at := model.TimeFromUnixNano(promtest.Epoch().Add(time.Duration(b) * time.Minute).UnixNano())
			s.Histograms = append(s.Histograms, model.SampleHistogramPair{Timestamp: at, Histogram: h})
		}
	}
	return s
}

func readNative(t *testing.T, f Ranger, n int, scale float64, bounds ...float64) queries.Frame {
	t.Helper()
	rd := queries.Reading{Kind: queries.Histogram, Native: true, Buckets: "latency_seconds", Scale: scale, Bounds: bounds}
	got, err := NewReader(f, Options{}).Blocks(context.Background(), rd, window(n))
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	return got
}

func TestNative(t *testing.T) {
	f := &fake{m: model.Matrix{
		stream("a",
			nativeOf(0, 1.5, 3, 0),
			nativeOf(0, 1.5, 3, 0, 3, 7, 0, 16), // four more
			nativeOf(0, 1.5, 3),                 // a reset, then two
			nil,                                 // a failed scrape
			nativeOf(0, 1.5, 3, 3, 3),           // nobody knows when
			nativeOf(0, 1.5, 3, 3, 3, math.Exp2(3.5)), // one more
		),
		stream("b", nil, nativeOf(1, 9, 9), nativeOf(1, 9, 9, 1.125)), // a finer schema, a new pod
	}}
	got := readNative(t, f, 5, 1)
	want := []float64{0.001, 1, 2, 4, 8, 16}
	if len(got.Bounds) != len(want) {
		t.Fatalf("got bounds %v, want %v", got.Bounds, want)
	}
	for i, b := range got.Bounds {
		if math.Abs(b-want[i]) > 1e-9*want[i] {
			t.Fatalf("got bounds %v, want %v: the coarsest schema's", got.Bounds, want)
		}
	}
	g := gapRow(6)
	same(t, got.Processes, []queries.Process{{
		Name: "a",
		N:    queries.Column{4, 2, gap, gap, 1},
		Sum:  queries.Column{26, 4.5, gap, gap, math.Exp2(3.5)},
		Over: slices.Concat(queries.Column{3, 3, 3, 2, 1, 0}, queries.Column{2, 2, 1, 0, 0, 0}, g, g, queries.Column{1, 1, 1, 1, 1, 0}),
	}, {
		Name: "b",
		N:    queries.Column{gap, 1, gap, gap, gap},
		Sum:  queries.Column{gap, 1.125, gap, gap, gap},
		Over: slices.Concat(g, queries.Column{1, 1, 0, 0, 0, 0}, g, g, g),
	}})
}

var gap = math.NaN()

func gapRow(n int) queries.Column { return queries.Gaps(n) }

// TestNativeBoundsStay asks again with the bounds that were found: also where a
// later histogram has become coarser, so that one of them is inside a bucket.
func TestNativeBoundsStay(t *testing.T) {
	f := &fake{m: model.Matrix{stream("a", nativeOf(0, 3), nativeOf(-1, 3, 3, 5, 100))}}
	got := readNative(t, f, 1, 1000, 2000, 4000, 8000, 16000)
	same(t, got.Bounds, []float64{2000, 4000, 8000, 16000})
	// Buckets of schema -1 end at 4, 16, 64, 256: whether 5 is over 8 is not known.
	same(t, got.Processes, []queries.Process{{
		Name: "a", N: queries.Column{3}, Sum: queries.Column{108_000},
		Over: queries.Column{gap, 2, gap, 1},
	}})
}

func TestNativeFinerThanWanted(t *testing.T) {
	f := &fake{m: model.Matrix{stream("a", nativeOf(3, 3), nativeOf(3, 3, 3, 5, 100))}}
	got := readNative(t, f, 1, 1, 2, 4, 8)
	same(t, got.Processes, []queries.Process{{
		Name: "a", N: queries.Column{3}, Sum: queries.Column{108}, Over: queries.Column{3, 2, 1},
	}})
}

func TestNativeBadValues(t *testing.T) {
	nan := nativeOf(0, 3, 5)
	nan.Sum = model.FloatString(math.NaN())
	broken := nativeOf(0, 3, 5)
	broken.Count = model.FloatString(math.NaN())
	f := &fake{m: model.Matrix{stream("a", nativeOf(0, 3), nan, broken, nativeOf(0, 3, 5, 7), nativeOf(0, 3, 5, 7, 9))}}
	got := readNative(t, f, 4, 1, 4)
	same(t, got.Processes, []queries.Process{{
		Name: "a", N: queries.Column{1, gap, gap, 1}, Sum: queries.Column{gap, gap, gap, 9}, Over: queries.Column{1, gap, gap, 1},
	}})
	same(t, codes(got), []string{"not-a-number"})

	plain := stream("a")
	plain.Values = []model.SamplePair{{Timestamp: model.TimeFromUnixNano(promtest.Epoch().UnixNano()), Value: 7}}
	got = readNative(t, &fake{m: model.Matrix{plain, stream("b", nativeOf(0, 3), nativeOf(0, 3, 3))}}, 1, 1, 4)
	same(t, codes(got), []string{"not-a-number"})
	same(t, got.Total(), queries.Process{N: queries.Column{1}, Sum: queries.Column{3}, Over: queries.Column{0}})
}

// old is a server that answers last_over_time of a native histogram with 0.
type old struct {
	*fake
	asked []string
}

func (o *old) Range(ctx context.Context, expr string, r Range) (model.Matrix, []string, error) {
	o.asked = append(o.asked, expr)
	if head, _, ok := strings.Cut(expr, " and (timestamp("); ok {
		return o.fake.Range(ctx, head, r)
	}
	m, w, err := o.fake.Range(ctx, expr, r)
	for i, s := range m {
		plain := &model.SampleStream{Metric: s.Metric}
		for _, h := range s.Histograms {
			plain.Values = append(plain.Values, model.SamplePair{Timestamp: h.Timestamp})
		}
		m[i] = plain
	}
	return m, w, err
}

func TestNativeOnAnOldServer(t *testing.T) {
	o := &old{fake: &fake{m: model.Matrix{stream("a", nativeOf(0, 3), nativeOf(0, 3, 3, 5))}}}
	got := readNative(t, o, 1, 1, 4)
	same(t, got.Processes, []queries.Process{{Name: "a", N: queries.Column{2}, Sum: queries.Column{8}, Over: queries.Column{1}}})
	if want := "latency_seconds and (timestamp(latency_seconds) > time() - 59.9995)"; o.asked[len(o.asked)-1] != want {
		t.Errorf("got %q, want %q asked", o.asked, want)
	}
	if len(got.Notes) > 0 {
		t.Errorf("got notes %v, want none", got.Notes)
	}
}

func TestThin(t *testing.T) {
	exponential := func(schema, from, to int) (out []float64) {
		for k := from; k <= to; k++ {
			out = append(out, math.Exp2(float64(k)*math.Exp2(float64(-schema))))
		}
		return out
	}
	for name, tt := range map[string]struct {
		es          []float64
		scale       float64
		least, most int
	}{
		"few stay":                    {exponential(3, -5, 5), 1, 11, 11},
		"schema 3 thins to 1":         {exponential(3, -40, 40), 1, 20, 24},
		"scaled":                      {exponential(3, -40, 40), 1000, 20, 24},
		"schema 8 over a wide range":  {exponential(8, -2000, 2000), 1, 12, 24},
		"custom buckets, not nesting": {linear(100), 1, 12, 24},
	} {
		es := slices.Clone(tt.es)
		for i := range es {
			es[i] *= tt.scale
		}
		got := thin(slices.Clone(es), tt.scale)
		if len(got) < tt.least || len(got) > tt.most {
			t.Errorf("%s: got %d edges %v, want %d to %d", name, len(got), got, tt.least, tt.most)
		}
		for _, e := range got {
			if !slices.Contains(es, e) {
				t.Errorf("%s: got %v, which is no edge", name, e)
			}
		}
		if again := thin(slices.Clone(es), tt.scale); !slices.Equal(got, again) {
			t.Errorf("%s: got %v, then %v", name, got, again)
		}
	}
}

func linear(n int) (out []float64) {
	for k := range n {
		out = append(out, 0.3+0.1*float64(k))
	}
	return out
}
