package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/scrape"
)

const planYAML = `service: checkout
source: pods
arms:
  baseline: { labels: { arm: baseline } }
  canary: { labels: { arm: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
`

// world is a folder with a plan, and pages to scrape.
func world(t *testing.T) Config {
	t.Helper()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `http_requests_total{code="200"} 1`)
	}))
	t.Cleanup(page.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "checkout.yaml"), []byte(planYAML), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{
		Listen: "127.0.0.1:0", Plans: dir, Journal: filepath.Join(t.TempDir(), "serin.db"),
		Sources: []Source{{Name: "pods", Scrape: &Scrape{Interval: 50 * time.Millisecond, Targets: []scrape.Target{
			{URL: page.URL, Labels: map[string]string{"arm": "baseline"}},
			{URL: page.URL, Labels: map[string]string{"arm": "canary"}},
		}}}},
	}
}

func call(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if ok() {
			return
		}
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("%s did not happen within 10 s", what)
}

func TestServerAnswersStopsAndRemembers(t *testing.T) {
	cfg := world(t)
	a, err := New(t.Context(), Options{Config: cfg, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()

	eventually(t, "readiness", func() bool {
		code, _ := call(t, http.MethodGet, a.URL()+"/readyz", "")
		return code == http.StatusOK
	})
	if code, body := call(t, http.MethodGet, a.URL()+"/readyz", ""); !strings.Contains(body, "source pods") || !strings.Contains(body, "journal") {
		t.Errorf("/readyz: got %d %s, want the journal and the source named", code, body)
	}
	hook := `{"name":"checkout","namespace":"shop","phase":"Progressing","checksum":"5d59f87694"}`
	if code, body := call(t, http.MethodPost, a.URL()+"/flagger/pre-rollout", hook); code != http.StatusOK {
		t.Errorf("/flagger/pre-rollout: got %d %s, want 200", code, body)
	}
	if code, body := call(t, http.MethodPost, a.URL()+"/flagger/rollback", hook); code != http.StatusConflict {
		t.Errorf("/flagger/rollback: got %d %s, want 409 for a rollout without harm", code, body)
	}
	if code, body := call(t, http.MethodGet, a.URL()+"/metrics", ""); code != http.StatusOK || !strings.Contains(body, `serin_scrape_series`) {
		t.Errorf("/metrics: got %d without the state of the source that scrapes", code)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: got %v, want a clean end", err)
	}
	if err := a.Stop(); err != nil {
		t.Errorf("second Stop: got %v, want nil", err)
	}
	if code, _ := call(t, http.MethodGet, a.URL()+"/healthz", ""); code != 0 {
		t.Errorf("/healthz after Stop: got %d, want no answer", code)
	}

	again, err := New(t.Context(), Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	again.Start()
	defer again.Stop()
	if _, body := call(t, http.MethodGet, again.URL()+"/v1/rollouts", ""); !strings.Contains(body, "5d59f87694") {
		t.Errorf("/v1/rollouts after a restart: got %s, want the rollout of before", body)
	}
}

func TestNewLeavesNothingBehindWhereItFails(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name, want string
		change     func(*Config)
	}{
		{"address taken", "choose another address with --listen", func(c *Config) { c.Listen = taken.Addr().String() }},
		{"no folder", "there is no folder", func(c *Config) { c.Plans = filepath.Join(c.Plans, "nowhere") }},
		{"no plan", "there is no plan", func(c *Config) { c.Plans = t.TempDir() }},
		{"no such source", `plan checkout asks source "pods", which is not configured`, func(c *Config) { c.Sources[0].Name = "shop" }},
		{"no journal", "cannot open the journal", func(c *Config) { c.Journal = filepath.Join(c.Plans, "no", "such", "folder.db") }},
		{"reachable without a token", "can be reached from other machines", func(c *Config) { c.Listen = "0.0.0.0:0" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := world(t)
			c.change(&cfg)
			a, err := New(t.Context(), Options{Config: cfg})
			if err == nil {
				a.Stop()
				t.Fatal("got a server, want an error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestStopWithoutStart(t *testing.T) {
	a, err := New(t.Context(), Options{Config: world(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
