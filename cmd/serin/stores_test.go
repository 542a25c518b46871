package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/datadog/datadogtest"
)

// storeWorld is a store with two hours of a service whose arms differ by the canary's
// share of errors and of slow requests, and what serin judge needs to ask it.
type storeWorld struct {
	plan   string            // the example's
	source string            // YAML of the source
	edits  map[string]string // of the plan
	arms   string            // YAML of the plan's arms
}

// TestStoresEndToEnd judges an equal and a bad canary by the examples' plans, and
// replays the verdicts from the journal with the store gone.
func TestStoresEndToEnd(t *testing.T) {
	for name, fill := range map[string]func(t *testing.T, now time.Time, worse float64) storeWorld{
		"datadog": inDatadog,
	} {
		for _, tt := range []struct {
			canary string
			worse  float64
			code   int
		}{{"equal", 1, exitPromote}, {"bad", 4, exitRollback}} {
			t.Run(name+"/"+tt.canary, func(t *testing.T) {
				dir := t.TempDir()
				w := fill(t, time.Now(), tt.worse)
				text, err := os.ReadFile(filepath.FromSlash("../../examples/" + w.plan))
				if err != nil {
					t.Fatal(err)
				}
				edited := string(text) + "\n" + w.arms
				for from, to := range w.edits {
					if !strings.Contains(edited, from) {
						t.Fatalf("the example has no %q", from)
					}
					edited = strings.ReplaceAll(edited, from, to)
				}
				files := map[string]string{"plan.yaml": edited, "serin.yaml": "sources:\n  - name: " + name + "\n" + w.source}
				for file, text := range files {
					if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				journal := filepath.Join(dir, "serin.db")
				code, out := serin(t, "judge", "--plan", filepath.Join(dir, "plan.yaml"), "--config", filepath.Join(dir, "serin.yaml"),
					"--since", "50m", "--journal", journal)
				if code != tt.code {
					t.Errorf("got exit %d, want %d:\n%s", code, tt.code, out)
				}
				wantSerin(t, 0, "1 verdicts are byte for byte", "replay", "--all", "--journal", journal)
			})
		}
	}
}

// inDatadog fills a Datadog with requests, of which 4% fail and 10% are slow.
func inDatadog(t *testing.T, now time.Time, worse float64) storeWorld {
	s := datadogtest.New(t)
	for arm, k := range []float64{1, worse} {
		for i := range 120 {
			at := now.Add(-time.Duration(i) * time.Minute)
			tags := map[string]string{"service": "checkout", "env": "prod", "version": fmt.Sprint("v", arm+1)}
			wobble := float64((i*7+arm)%5 - 2) // no two arms are the very same
			observe := func(metric string, value, n float64) {
				s.Observe(datadogtest.Observation{Metric: metric, Tags: tags, At: at, Value: value, N: n})
			}
			observe("trace.http.request.hits", 1, 1000)
			observe("trace.http.request.errors", 1, 40*k+wobble)
			observe("trace.http.request", 0.1, 900-100*k)
			observe("trace.http.request", 0.9, 100*k+wobble)
		}
	}
	return storeWorld{
		plan:   "datadog/plan.yaml",
		source: fmt.Sprintf("    datadog: {url: %q, apiKey: env:FAKE_DD_API_KEY, appKey: env:FAKE_DD_APP_KEY}\n", s.URL),
		arms:   "arms: {baseline: {version: v1}, canary: {version: v2}}\n",
	}
}
