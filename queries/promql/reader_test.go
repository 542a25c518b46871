package promql

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// window is n minutes from the cases' epoch.
func window(n int) queries.Window {
	return queries.Window{Start: promtest.Epoch(), End: promtest.Epoch().Add(time.Duration(n) * time.Minute), Block: time.Minute}
}

func counter(selector string) queries.Reading {
	return queries.Reading{Kind: queries.Counter, Total: queries.Counts{{Selector: selector}}}
}

func TestExpressions(t *testing.T) {
	c := cases(t)["too-many-series"]
	f := &fake{m: record(c)}
	read(t, f, c)
	const (
		allOf = `http_requests_total{case="too-many-series"}`
		badOf = `http_requests_total{case="too-many-series",code=~"5.."}`
		by    = `sum by (instance, job, kubernetes_pod_name, pod, pod_name) `
	)
	for _, want := range []string{
		`last_over_time(` + allOf + `[59s999ms])`,
		by + `(last_over_time(` + allOf + `[59s999ms]))`,
		by + `(last_over_time(` + badOf + `[59s999ms]))`,
	} {
		found := false
		for _, a := range f.asked {
			found = found || a == want
		}
		if !found {
			t.Errorf("got %q, want it to ask %s", f.asked, want)
		}
	}
	if slices.Contains(f.asked, `last_over_time(`+badOf+`[59s999ms])`) {
		t.Errorf("got %q, want the failed requests taken out of all", f.asked)
	}
	start := promtest.Epoch().UnixMilli()
	want := Range{Start: start - 4*60_000, End: start + 2*60_000, Step: 60_000}
	for i, g := range f.grids {
		if g != want && g.Start != g.End {
			t.Errorf("%s: got grid %v, want %v", f.asked[i], g, want)
		}
	}
	for _, a := range f.asked {
		if strings.Contains(a, "increase(") || strings.Contains(a, "rate(") {
			t.Errorf("it asked %s, which extrapolates", a)
		}
	}
}

// TestSplit has a window of more points than a server answers at once.
func TestSplit(t *testing.T) {
	w := queries.Window{Start: time.Unix(1_700_000_000, 0).UTC(), Block: time.Second}
	w.End = w.Start.Add(25_000 * time.Second)
	s := &model.SampleStream{Metric: model.Metric{"__name__": "a_total", "instance": "x"}}
	for i := range 25_001 {
		s.Values = append(s.Values, model.SamplePair{Timestamp: model.Time(w.Start.UnixMilli() + int64(i)*1000), Value: model.SampleValue(2 * i)})
	}
	f := &fake{m: model.Matrix{s}}
	got, err := NewReader(f, Options{}).Blocks(context.Background(), counter("a_total"), w)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.grids) != 3 {
		t.Errorf("got %d queries, want 3", len(f.grids))
	}
	next := f.grids[0].Start
	for _, g := range f.grids {
		if points := (g.End-g.Start)/g.Step + 1; points > 11_000 || g.Start != next {
			t.Errorf("got a query from %d of %d points, want at most 11000 from %d", g.Start, points, next)
		}
		next = g.End + g.Step
	}
	if len(got.Processes) != 1 {
		t.Fatalf("got %d processes, want the parts joined into one", len(got.Processes))
	}
	for i, n := range got.Processes[0].N {
		if n != 2 {
			t.Fatalf("block %d: got %v, want 2", i, n)
		}
	}
}

// blocking counts how many queries are under way at once.
type blocking struct {
	now, most atomic.Int64
	release   chan struct{}
	full      chan struct{}
	at        int64
	once      sync.Once
}

func (b *blocking) Range(ctx context.Context, _ string, _ Range) (model.Matrix, []string, error) {
	n := b.now.Add(1)
	defer b.now.Add(-1)
	for {
		most := b.most.Load()
		if n <= most || b.most.CompareAndSwap(most, n) {
			break
		}
	}
	if n == b.at {
		b.once.Do(func() { close(b.full) })
	}
	<-b.release
	return nil, nil, nil
}

func TestConcurrency(t *testing.T) {
	b := &blocking{release: make(chan struct{}), full: make(chan struct{}), at: 3}
	r := NewReader(b, Options{Concurrency: 3})
	rd := queries.Reading{Kind: queries.Counter}
	for i := range 8 {
		rd.Total = append(rd.Total, queries.Term{Selector: fmt.Sprintf("a%d", i)})
	}
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := r.Blocks(context.Background(), rd, window(1))
			done <- err
		}()
	}
	<-b.full // three are under way at once, of both readings together
	close(b.release)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := b.most.Load(); got != 3 {
		t.Errorf("got %d queries at once, want 3", got)
	}
}

func TestGivenUp(t *testing.T) {
	b := &blocking{release: make(chan struct{}), full: make(chan struct{}), at: 1}
	r := NewReader(b, Options{Source: "prom", Concurrency: 1})
	done := make(chan error, 1)
	go func() {
		_, err := r.Blocks(context.Background(), counter("a"), window(1))
		done <- err
	}()
	<-b.full
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := r.Blocks(ctx, counter("a"), window(1))
	var e *queries.Error
	if !errors.As(err, &e) || e.Fault != queries.Unavailable || e.Source != "prom" || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want an unavailable source, cancelled", err)
	}
	close(b.release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestReadingsThatCannotBeAnswered(t *testing.T) {
	ratio := func(bad, all string) queries.Reading {
		return queries.Reading{Kind: queries.Ratio, Bad: queries.Counts{{Selector: bad}}, Total: queries.Counts{{Selector: all}}}
	}
	off := window(1)
	off.Start = off.Start.Add(time.Second)
	for _, tt := range []struct {
		rd   queries.Reading
		w    queries.Window
		want string
	}{
		{queries.Reading{}, window(1), `a reading of kind ""`},
		{queries.Reading{Kind: queries.Counter}, window(1), "no counter of requests"},
		{queries.Reading{Kind: queries.Ratio, Total: queries.Counts{{Selector: "a"}}}, window(1), "no counter of bad events"},
		{counter("sum(a)"), window(1), "not an instant vector selector"},
		{counter("a offset 5m"), window(1), "offset or @"},
		{counter("a @ 1"), window(1), "offset or @"},
		{counter("a["), window(1), "cannot be read"},
		{ratio("a", "rate(a[1m])"), window(1), "not an instant vector selector"},
		{queries.Reading{Kind: queries.Histogram, Buckets: ""}, window(1), "cannot be read"},
		{queries.Reading{Kind: queries.Histogram, Buckets: "a_bucket", Scale: -1}, window(1), "above zero"},
		{queries.Reading{Kind: queries.Histogram, Buckets: "a_bucket", Scale: math.Inf(1)}, window(1), "above zero"},
		{queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: "sum("}}, window(1), "cannot be read"},
		{queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.Datadog, Expr: "a"}}, window(1), `language "datadog"`},
		{counter("a"), off, "not on a boundary"},
		{counter("a"), queries.Window{}, "not a whole number of milliseconds"},
	} {
		got, err := NewReader(&fake{}, Options{Source: "prom"}).Blocks(context.Background(), tt.rd, tt.w)
		var e *queries.Error
		if !errors.As(err, &e) || e.Fault != queries.Rejected || e.Source != "prom" || !strings.Contains(e.Text, tt.want) {
			t.Errorf("got %v, want it rejected with %q", err, tt.want)
		}
		if got.Processes != nil {
			t.Errorf("got a frame beside the error %v", err)
		}
	}
}

func TestNoData(t *testing.T) {
	for name, rd := range map[string]queries.Reading{
		"ratio":     cases(t)["growth"].Reading(t),
		"histogram": cases(t)["histogram"].Reading(t),
		"gauge":     cases(t)["gauge"].Reading(t),
	} {
		got, err := NewReader(&fake{}, Options{}).Blocks(context.Background(), rd, window(2))
		if err != nil || len(got.Processes) != 0 || len(got.Notes) != 0 || got.Window != window(2) {
			t.Errorf("%s: got %+v, %v, want an empty frame without notes", name, got, err)
		}
	}
	f := &fake{}
	got, err := NewReader(f, Options{}).Blocks(context.Background(), counter("a"), window(0))
	if err != nil || got.Window != window(0) || len(f.asked) != 0 {
		t.Errorf("got %+v, %v after %d questions, want nothing for no blocks", got, err, len(f.asked))
	}
}

func TestErrors(t *testing.T) {
	c := cases(t)["mistyped-name"]
	refused := &queries.Error{Fault: queries.Throttled, Source: "prom", Text: "slower"}
	for name, tt := range map[string]struct {
		err  error
		want queries.Fault
	}{
		"typed":   {refused, queries.Throttled},
		"untyped": {errors.New("boom"), queries.Unavailable},
	} {
		for _, part := range []string{"http_requests_total", "http_erorrs_total{", "count("} {
			f := &fake{m: record(c), fail: map[string]error{part: tt.err}}
			_, err := NewReader(f, Options{Source: "prom"}).Blocks(context.Background(), c.Reading(t), c.Window())
			var e *queries.Error
			if !errors.As(err, &e) || e.Fault != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%s at %s: got %v, want fault %s", name, part, err, tt.want)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	c := cases(t)["growth"]
	f := &fake{m: record(c), warnings: []string{"store-gateway-3:\n  down", strings.Repeat("é", 500)}}
	got := read(t, f, c)
	same(t, got.Processes, c.Want)
	same(t, codes(got), []string{"partial"})
	if len(got.Notes) != 2 || !strings.Contains(got.Notes[0].Text, "store-gateway-3: down") || len(got.Notes[1].Text) > 500 {
		t.Errorf("got notes %q, want each warning once, on one line, cut", got.Notes)
	}
	f.warnings = []string{"PromQL warning: encountered a mix of histograms and floats"}
	if got = read(t, f, c); len(got.Notes) != 1 || got.Notes[0].Code != queries.NoteNotANumber {
		t.Errorf("got notes %q of the engine's remark, want one that says nothing of a part that is missing", got.Notes)
	}
}

// TestTooLarge has a store that refuses to hand out what is asked series by series.
func TestTooLarge(t *testing.T) {
	for _, name := range []string{"too-many-series", "histogram-with-too-many-series", "narrowed-and-empty"} {
		c := cases(t)[name]
		c.Limit = 0
		tooLarge := &queries.Error{Fault: queries.Rejected, Text: "too large", Err: fmt.Errorf("store: %w", ErrTooLarge)}
		f := &refusing{fake: &fake{m: record(c)}, err: tooLarge}
		rd := c.Reading(t)
		rd.Bounds = c.Bounds
		got, err := NewReader(f, Options{}).Blocks(context.Background(), rd, c.Window())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, got.Processes, c.Want)
		same(t, codes(got), []string{"series-limit"})
	}
}

// refusing refuses what is not an aggregate.
type refusing struct {
	*fake
	err error
}

func (r *refusing) Range(ctx context.Context, expr string, g Range) (model.Matrix, []string, error) {
	if strings.HasPrefix(expr, "last_over_time") {
		return nil, nil, r.err
	}
	return r.fake.Range(ctx, expr, g)
}

// TestSlack has sums of floats that were added up in another order: a fall in the
// last digit is none.
func TestSlack(t *testing.T) {
	l := &look{summed: true, g: newGrid(window(1))}
	tr := &track{}
	tr.clear(l.g.points(), 1)
	i := l.g.lead
	tr.v[i-1], tr.v[i] = 1e6+1e-7, 1e6
	d := []float64{-1}
	if got := l.growth(tr, i, d); got != grew || d[0] != 0 {
		t.Errorf("got change %v by %v, want growth by 0", got, d[0])
	}
	tr.v[i] = 1e6 - 1
	if got := l.growth(tr, i, d); got != fell {
		t.Errorf("got change %v, want a fall", got)
	}
}

func TestProcessNames(t *testing.T) {
	r := NewReader(&fake{}, Options{Process: []string{"task", "instance"}})
	for labels, want := range map[*model.Metric]string{
		{"task": "t", "instance": "i"}: "t",
		{"task": "", "instance": "i"}:  "i",
		{"pod": "p"}:                   "",
	} {
		if got := r.processOf(*labels); got != want {
			t.Errorf("%v: got %q, want %q", *labels, got, want)
		}
	}
}

// TestOrder has the same series in many orders: sums must not differ in a bit.
func TestOrder(t *testing.T) {
	var m model.Matrix
	for i := range 50 {
		s := &model.SampleStream{Metric: model.Metric{"__name__": "cpu_seconds_total", "pod": "a", "instance": "a", "cpu": model.LabelValue(fmt.Sprint(i))}}
		for b := range 2 {
			at := model.TimeFromUnixNano(promtest.Epoch().Add(time.Duration(b) * time.Minute).UnixNano())
			s.Values = append(s.Values, model.SamplePair{Timestamp: at, Value: model.SampleValue(float64(b) / float64(3*i+7) * 1e5)})
		}
		m = append(m, s)
	}
	var first float64
	for i := range 20 {
		m = append(m[7:], m[:7]...)
		got, err := NewReader(&fake{m: m}, Options{}).Blocks(context.Background(), counter("cpu_seconds_total"), window(1))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = got.Processes[0].N[0]
		}
		if n := got.Processes[0].N[0]; n != first {
			t.Fatalf("got %v, then %v", first, n)
		}
	}
}
