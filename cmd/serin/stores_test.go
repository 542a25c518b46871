package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/cloudwatch/cloudwatchtest"
	"github.com/serin-canary/serin/queries/datadog/datadogtest"
)

// storeWorld is a store with two hours of a service whose arms differ by the canary's
// share of errors and of slow requests, and what serin judge needs to ask it.
type storeWorld struct {
	plan   string // the example's
	source string // YAML of the source
	arms   string // YAML of the plan's arms
}

// TestStoresEndToEnd judges an equal and a bad canary by the examples' plans, and
// replays the verdicts from the journal with the store gone.
func TestStoresEndToEnd(t *testing.T) {
	for name, fill := range map[string]func(t *testing.T, now time.Time, worse float64) storeWorld{
		"datadog": inDatadog, "cloudwatch": inCloudWatch, "http-json": inJSON,
	} {
		for _, tt := range []struct {
			canary string
			worse  float64
			code   int
		}{{"equal", 1, exitPromote}, {"bad", 4, exitRollback}} {
			t.Run(name+"/"+tt.canary, func(t *testing.T) {
				w := fill(t, time.Now(), tt.worse)
				journal := filepath.Join(t.TempDir(), "serin.db")
				if code, out := w.judge(t, journal); code != tt.code {
					t.Errorf("got exit %d, want %d:\n%s", code, tt.code, out)
				}
				wantSerin(t, 0, "1 verdicts are byte for byte", "replay", "--all", "--journal", journal)
			})
		}
	}
}

// judge runs serin judge on the store.
func (w storeWorld) judge(t *testing.T, journal string) (int, string) {
	t.Helper()
	plan, config := w.files(t, w.arms)
	return serin(t, "judge", "--plan", plan, "--config", config, "--since", "50m", "--journal", journal)
}

// files writes the plan, with arms or without, and the server's configuration.
func (w storeWorld) files(t *testing.T, arms string) (plan, config string) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.FromSlash("../../examples/" + w.plan))
	if err != nil {
		t.Fatal(err)
	}
	plan, config = filepath.Join(dir, "plan.yaml"), filepath.Join(dir, "serin.yaml")
	for file, text := range map[string]string{plan: string(text) + "\n" + arms, config: "sources:\n" + w.source} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return plan, config
}

// TestPlanCheckAsksEveryStore holds that a plan's queries are tried in the store that the
// server's configuration names, and that Datadog's values of an arm's tag are shown.
func TestPlanCheckAsksEveryStore(t *testing.T) {
	for name, fill := range map[string]func(t *testing.T, now time.Time, worse float64) storeWorld{
		"datadog": inDatadog, "cloudwatch": inCloudWatch, "http-json": inJSON,
	} {
		w := fill(t, time.Now(), 1)
		plan, config := w.files(t, w.arms)
		code, out := serin(t, "plan", "check", plan, "--config", config)
		if code != 0 || !strings.Contains(out, "the last 10 blocks") {
			t.Errorf("%s: got exit %d, want each query tried:\n%s", name, code, out)
		}
	}
	w := inDatadog(t, time.Now(), 1)
	plan, config := w.files(t, "")
	wantSerin(t, 1, "Tag version of trace.http.request.hits{service:checkout,env:prod}, the most reported first: v1, v2.", "plan", "check", plan, "--config", config)
	if err := os.WriteFile(config, []byte("sources: [{name: other, prometheus: {url: 'http://127.0.0.1:1'}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantSerin(t, 1, `has no source "datadog", which plan`, "plan", "check", plan, "--config", config)
}

// TestRuleOfAController judges by the plan that stands for a controller's rule: more
// than 1% errors, a p99 above 500 ms, more than 1.5 times the stable version's errors.
func TestRuleOfAController(t *testing.T) {
	for _, tt := range []struct {
		name string
		mesh mesh
		code int
		says string
	}{
		{"equal", mesh{errors: [2]float64{10, 10}, slow: [2]float64{0.4, 0.4}}, exitPromote, "PROMOTE"},
		{"fewer errors", mesh{errors: [2]float64{10, 5}, slow: [2]float64{0.4, 0.4}}, exitPromote, "PROMOTE"},
		{"1.9 times the errors, below 1%", mesh{errors: [2]float64{10, 19}, slow: [2]float64{0.4, 0.4}}, exitRollback, "errors"},
		{"3% errors", mesh{errors: [2]float64{10, 60}, slow: [2]float64{0.4, 0.4}}, exitRollback, "error-rate"},
		{"slow", mesh{errors: [2]float64{10, 10}, slow: [2]float64{0.4, 0.9}}, exitRollback, "p99"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := cloudwatchtest.New(t)
			fillMesh(s, time.Now(), tt.mesh)
			code, out := meshWorld(s).judge(t, filepath.Join(t.TempDir(), "serin.db"))
			if code != tt.code || !strings.Contains(out, tt.says) {
				t.Errorf("got exit %d, want %d and %q:\n%s", code, tt.code, tt.says, out)
			}
		})
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
		source: fmt.Sprintf("  - name: datadog\n    datadog: {url: %q, apiKey: env:FAKE_DD_API_KEY, appKey: env:FAKE_DD_APP_KEY}\n", s.URL),
		arms:   "arms: {baseline: {version: v1}, canary: {version: v2}}\n",
	}
}

// inCloudWatch fills a CloudWatch with requests, of which 0.5% fail and 10% are slow.
func inCloudWatch(t *testing.T, now time.Time, worse float64) storeWorld {
	s := cloudwatchtest.New(t)
	fillMesh(s, now, mesh{errors: [2]float64{10, 10 * worse}, slow: [2]float64{0.4, 0.4}})
	return meshWorld(s)
}

func meshWorld(s *cloudwatchtest.Server) storeWorld {
	return storeWorld{
		plan:   "cloudwatch/app-mesh.yaml",
		source: fmt.Sprintf("  - name: cloudwatch\n    cloudwatch: {url: %q, region: eu-west-1}\n", s.URL),
		arms:   "arms: {baseline: {workload: myapp-stable}, canary: {workload: myapp-canary}}\n",
	}
}

// mesh says of the arms how many of 2,000 requests a minute fail, and how long the
// slowest of them take, in seconds.
type mesh struct{ errors, slow [2]float64 }

func fillMesh(s *cloudwatchtest.Server, now time.Time, m mesh) {
	for arm, node := range []string{"myapp-stable", "myapp-canary"} {
		for i := range 120 {
			put := func(name string, value, n float64) {
				s.Put(cloudwatchtest.Sample{
					Namespace: "AWS/AppMesh", Name: name, Dims: map[string]string{"VirtualNode": node},
					At: now.Add(-time.Duration(i) * time.Minute), Value: value, N: n,
				})
			}
			put("RequestCount", 1, 2000)
			put("HTTPCode_Target_5XX_Count", 1, m.errors[arm]+float64((i*7+arm)%5-2))
			put("TargetResponseTime", 0.1, 1900)
			put("TargetResponseTime", m.slow[arm], 100)
		}
	}
}

// inJSON serves orders minute by minute, of which 2% fail.
func inJSON(t *testing.T, _ time.Time, worse float64) storeWorld {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		var from, to int64
		if _, err := fmt.Sscan(q.Get("from")+" "+q.Get("to"), &from, &to); err != nil || r.Header.Get("Authorization") != "Bearer reporting-token" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		points := [][2]float64{}
		for at := from; at < to; at += 60 {
			n := 1000.0
			if r.URL.Path == "/series/orders_failed" {
				if n = 20 + float64(at/60*7%5-2); q.Get("version") == "v2" {
					n = 20*worse + float64((at/60*7+1)%5-2)
				}
			}
			points = append(points, [2]float64{float64(at), n})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": points})
	}))
	t.Cleanup(h.Close)
	t.Setenv("REPORTING_TOKEN", "reporting-token")
	return storeWorld{
		plan:   "http-json/plan.yaml",
		source: fmt.Sprintf("  - name: reporting\n    http-json: {url: \"%s/series/{name}?from={from}&to={to}&step={step}&{labels}\", points: '$.data[*]', bearer: env:REPORTING_TOKEN}\n", h.URL),
		arms:   "arms: {baseline: {version: v1}, canary: {version: v2}}\n",
	}
}
