package prometheus

import (
	"context"
	"fmt"
	"math"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// TestRealNative lets a real server scrape a native histogram and counts what was
// observed while it was watched.
func TestRealNative(t *testing.T) {
	t.Parallel()
	reg := prom.NewRegistry()
	latency := prom.NewHistogram(prom.HistogramOpts{Name: "latency_seconds", Help: "h", NativeHistogramBucketFactor: 1.1})
	reg.MustRegister(latency)
	pages := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	defer pages.Close()
	u, err := url.Parse(pages.URL)
	if err != nil {
		t.Fatal(err)
	}
	latency.Observe(0.02)
	server := promtest.Start(t, promtest.Config{
		Scrape: fmt.Sprintf("- job_name: shop\n  static_configs:\n  - targets: [%q]\n    labels: {pod: a}\n", u.Host),
		Flags:  []string{"--enable-feature=native-histograms"}, ScrapeInterval: "200ms",
	})
	s, err := New(Config{Name: "real", URL: server})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rd, err := queries.Understand(queries.Query{Lang: queries.PromQL, Expr: `histogram_quantile(0.9, sum(rate(latency_seconds[1m]))) * 1000`})
	if err != nil {
		t.Fatal(err)
	}
	if rd.Kind != queries.Histogram || !rd.Native {
		t.Fatalf("got %+v, want a native histogram", rd)
	}
	begin := time.Now().Truncate(time.Second)
	frame := func() queries.Frame {
		w := queries.Window{Start: begin, End: time.Now().Truncate(time.Second), Block: time.Second}
		got, err := s.Blocks(context.Background(), rd, w)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	// The process is known once a block after its first is not a gap.
	total := func(c queries.Column) (sum float64, blocks int) {
		for _, v := range c {
			if !queries.IsGap(v) {
				sum, blocks = sum+v, blocks+1
			}
		}
		return sum, blocks
	}
	await(t, "the histogram is scraped", func() bool {
		_, blocks := total(frame().Total().N)
		return blocks > 0
	})
	values := []float64{0.011, 0.02, 0.02, 0.11, 0.3, 0.3, 0.7, 1.5, 1.5, 1.5, 12}
	sum := 0.0
	for _, v := range values {
		latency.Observe(v)
		sum += v
	}
	var got queries.Frame
	await(t, "all observations are counted", func() bool {
		got = frame()
		n, _ := total(got.Total().N)
		return n >= float64(len(values))
	})
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	all := got.Total()
	n, _ := total(all.N)
	if n != float64(len(values)) {
		t.Errorf("got %v observations, want %d", n, len(values))
	}
	if gotSum, _ := total(all.Sum); math.Abs(gotSum-1000*sum) > 1e-6 {
		t.Errorf("got sum %v, want %v", gotSum, 1000*sum)
	}
	if len(got.Bounds) < 6 || len(got.Bounds) > 24 {
		t.Errorf("got bounds %v, want 6 to 24 of them", got.Bounds)
	}
	for k, bound := range got.Bounds {
		want := 0.0
		for _, v := range values {
			if 1000*v > bound {
				want++
			}
		}
		over := 0.0
		for b := range all.N {
			if v := all.Over[b*len(got.Bounds)+k]; !queries.IsGap(v) {
				over += v
			}
		}
		if over != want {
			t.Errorf("got %v observations over %v ms, want %v", over, bound, want)
		}
	}
	if len(got.Processes) != 1 || got.Processes[0].Name != "a" {
		t.Errorf("got processes %v, want pod a", got.Processes)
	}
}

// await waits until a condition holds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(20 * time.Second)
	defer end.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
