package prometheus

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// TestALongWindow asks a real server for more blocks than it answers at once: it is asked in
// parts, each on the grid of its step, so that no store that aligns queries moves it; the parts
// join without a seam.
func TestALongWindow(t *testing.T) {
	t.Parallel()
	const blocks, step = 12_000, 5 * time.Second
	start := promtest.Epoch()
	var h promtest.History
	for i := range blocks + 2 {
		h.Add(promtest.Metric{Family: "requests_total", Kind: "unknown", Labels: `pod="a",job="shop"`}, start.Add(time.Duration(i-1)*step+time.Second), float64(3*i))
	}
	server, err := url.Parse(promtest.Start(t, promtest.Config{History: h.String()}))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	parts := 0
	proxy := httputil.NewSingleHostReverseProxy(server)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := r.Clone(r.Context())
		if r.URL.Path == "/api/v1/query_range" {
			r.Body, body.Body = twice(t, r)
			if err := body.ParseForm(); err != nil {
				t.Error(err)
			}
			from, errFrom := strconv.ParseFloat(body.Form.Get("start"), 64)
			to, errTo := strconv.ParseFloat(body.Form.Get("end"), 64)
			if errFrom != nil || errTo != nil || int64(from*1000)%step.Milliseconds() != 0 || (to-from)/step.Seconds() >= 11_000 {
				t.Errorf("asked from %v to %v, want parts of at most 11,000 points on the grid", body.Form.Get("start"), body.Form.Get("end"))
			}
			mu.Lock()
			parts++
			mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	s, err := New(Config{Name: "long", URL: front.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rd := queries.Reading{Kind: queries.Counter, Total: queries.Counts{{Selector: "requests_total"}}, Scale: 1,
		Query: queries.Query{Lang: queries.PromQL, Expr: "sum(rate(requests_total[5s]))"}}
	f, err := s.Blocks(t.Context(), rd, queries.Window{Start: start, End: start.Add(blocks * step), Block: step})
	if err != nil {
		t.Fatal(err)
	}
	n := f.Total().N
	if len(n) != blocks || parts < 2 {
		t.Fatalf("got %d blocks in %d parts, want %d in two or more", len(n), parts, blocks)
	}
	for i, got := range n {
		if got != 3 {
			t.Fatalf("block %d: got %v, want 3", i, got)
		}
	}
}

// twice returns a request's body two times.
func twice(t *testing.T, r *http.Request) (one, other io.ReadCloser) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
}
