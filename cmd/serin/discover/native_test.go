package discover

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// nativeArm is a service that observes its requests in a native histogram.
func nativeArm(t *testing.T) (*prom.HistogramVec, string) {
	t.Helper()
	reg := prom.NewRegistry()
	h := prom.NewHistogramVec(prom.HistogramOpts{
		Name: "http_server_request_duration_seconds", Help: "h", NativeHistogramBucketFactor: 1.1,
	}, []string{"http_response_status_code"})
	reg.MustRegister(h)
	server := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	t.Cleanup(server.Close)
	return h, strings.TrimPrefix(server.URL, "http://")
}

// TestNativeHistogramsAreCounted has a real server scrape both arms' native histograms,
// and counts the requests that were observed while it watched, by their status.
func TestNativeHistogramsAreCounted(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it waits for blocks of 10 s; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	proof := presettest.LoadNative(t, root)[0]
	p, err := plan.Parse("native.yaml", []byte(proof.YAML(t)))
	if err != nil {
		t.Fatal(err)
	}
	baseline, b := nativeArm(t)
	canary, c := nativeArm(t)
	statuses := []string{"200", "404", "503"}
	observe := func(h *prom.HistogramVec, counts ...int) {
		for i, n := range counts {
			for range n {
				h.WithLabelValues(statuses[i]).Observe(0.02)
			}
		}
	}
	observe(baseline, 10, 10, 10)
	observe(canary, 10, 10, 10)
	job := "- job_name: %s\n  static_configs:\n  - targets: [%q]\n    labels: {service_name: cart-native, service_version: %q}\n"
	src := open(t, promtest.Start(t, promtest.Config{
		Scrape: fmt.Sprintf(job, "baseline", b, "1.4.0") + fmt.Sprintf(job, "canary", c, "1.5.0"),
		Flags:  []string{"--enable-feature=native-histograms"}, ScrapeInterval: "1s",
	}))
	over := func() prometheus.Since { return prometheus.Since{Start: time.Now().Add(-time.Hour), End: time.Now()} }
	await(t, "both arms are scraped", func() bool {
		series, _, err := src.Series(t.Context(), "http_server_request_duration_seconds", over(), 100)
		return err == nil && len(series) == 6
	})
	const block = 10 * time.Second
	begin := time.Now().Truncate(block).Add(block)
	await(t, "a block ends", func() bool { return time.Now().After(begin) })
	observe(baseline, 95, 2, 3)
	observe(canary, 33, 5, 2)
	end := time.Now().Add(2 * time.Second).Truncate(block).Add(block)
	await(t, "the next block ends", func() bool { return time.Now().After(end.Add(time.Second)) })
	for _, q := range questions(t, p, proof) {
		f, err := src.Blocks(t.Context(), q.reading, queries.Window{Start: begin, End: end, Block: block})
		if err != nil {
			t.Errorf("%s: %v", q.row, err)
			continue
		}
		got, want := presettest.Count(q.reading.Kind, f), proof.Want[q.row][q.arm]
		if got != want && !(q.reading.Kind == queries.Histogram && strings.HasPrefix(got, want+" >")) || len(f.Notes) > 0 {
			t.Errorf("%s of arm %d: got %q with notes %v, want %q; asked %s", q.row, q.arm, got, f.Notes, want, q.reading.Query.Expr)
		}
	}
}
