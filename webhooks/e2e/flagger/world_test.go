package flagger

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// healthCheck is what plans of strategies without shared traffic decide by.
const healthCheck = `checks:
  - name: health
    http: { get: "{{ .Canary.URL }}/health", status: 200, within: 2s }
    critical: true
`

// services are all services of the suite, by the names of their stories, with what
// their plans have beside planText.
func services() plans {
	return plans{
		"promote": "", "harm": "", "undo-alone": "", "look-alone": "", "held": "", "revision": "", "again": "", "skip": "",
		"proven": "advance: when-proven\n", "blue-green": healthCheck, "blue-green-ill": healthCheck, "ab": "", "ab-harm": "",
		"restart": "", "down": "", "down-midway": "", "run": "", "weights": "", "body-token": "", "metric": "", "metric-harm": "", "shadow": "mode: shadow\n",
	}
}

// world is what all stories share.
type world struct {
	binary     string
	prometheus string
	pods       *pods
	serin      *serin
	cluster    *cluster
	running    *cluster
}

// newWorld starts everything and waits until the baselines have a past.
func newWorld(t *testing.T) *world {
	t.Helper()
	all := services()
	w := &world{binary: build(t)}
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	w.pods = startPods(t, names)
	own := httptest.NewServer(promhttp.Handler())
	t.Cleanup(own.Close)
	began := time.Now()
	w.prometheus = promtest.Start(t, promtest.Config{
		ScrapeInterval: "500ms",
		Scrape: w.pods.scrape() + fmt.Sprintf("- job_name: flagger\n  honor_labels: true\n  static_configs: [{targets: [%q]}]\n",
			strings.TrimPrefix(own.URL, "http://")),
	})
	w.serin = newSerin(t, w.binary, w.prometheus, all)
	w.cluster, w.running = newCluster(t, w.prometheus), newRunning(t, w.prometheus)
	const past = 18 * time.Second
	eventually(t, "a past of the baselines", func() bool {
		return time.Since(began) > past && strings.Contains(ask(t, w.prometheus, "count(up == 1)"), fmt.Sprintf("%q", fmt.Sprint(len(all)*2*podsPerArm+1)))
	})
	return w
}

// alone is the world with a server of the story's own, for stories that end it.
func (w *world) alone(t *testing.T) *world {
	t.Helper()
	own := *w
	own.serin = newSerin(t, w.binary, w.prometheus, services())
	return &own
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s in vain for %s", patience, what)
		case <-ticker.C:
		}
	}
}

// ask asks a Prometheus and returns its answer as it came.
func ask(t *testing.T, server, query string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/api/v1/query?query="+url.QueryEscape(query), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
