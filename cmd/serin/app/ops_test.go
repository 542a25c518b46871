package app

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

const secondPlan = `service: search
source: pods
arms:
  baseline: { labels: { arm: baseline } }
  canary: { labels: { arm: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
`

func running(t *testing.T, cfg Config, level *slog.LevelVar) *App {
	t.Helper()
	a, err := New(t.Context(), Options{Config: cfg, Version: "test", Level: level})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return a
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReloadTakesOverPlansAndLevel(t *testing.T) {
	cfg, level := world(t), new(slog.LevelVar)
	a := running(t, cfg, level)
	writeFile(t, filepath.Join(cfg.Plans, "search.yaml"), secondPlan)
	writeFile(t, filepath.Join(cfg.Plans, "checkout.yaml"), planYAML+"maxDuration: 20m\n")
	cfg.Log.Level, cfg.BaseURL = "debug", "https://serin.example.com"
	got, err := a.Reload(cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := Reloaded{
		Changed: []string{"plans new: search", "plans changed, for rollouts from now on: checkout", "log level DEBUG"},
		Restart: []string{"baseURL"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reload (-want +got):\n%s", diff)
	}
	if _, body := call(t, http.MethodGet, a.URL()+"/v1/plans", ""); !strings.Contains(body, "search") {
		t.Errorf("/v1/plans: got %s, want the new plan", body)
	}
	if level.Level() != slog.LevelDebug {
		t.Errorf("got level %s, want DEBUG", level.Level())
	}
	if err := os.Remove(filepath.Join(cfg.Plans, "search.yaml")); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Reload(cfg); err != nil || !slices.Contains(got.Changed, "plans gone: search") {
		t.Errorf("got %v, %v, want the plan gone", got, err)
	}
}

func TestReloadExchangesTokens(t *testing.T) {
	cfg := world(t)
	old, next := filepath.Join(t.TempDir(), "old"), filepath.Join(t.TempDir(), "next")
	writeFile(t, old, "0123456789abcdef-old")
	writeFile(t, next, "0123456789abcdef-next")
	cfg.TokenFiles = []string{old}
	a := running(t, cfg, nil)
	asked := func(token string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+"/v1/plans", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	cfg.TokenFiles = []string{next}
	got, err := a.Reload(cfg)
	if err != nil || !slices.Equal(got.Changed, []string{"tokens: 1"}) || len(got.Restart) > 0 {
		t.Fatalf("got %+v, %v, want the token exchanged", got, err)
	}
	if was, is := asked("0123456789abcdef-old"), asked("0123456789abcdef-next"); was != http.StatusUnauthorized || is != http.StatusOK {
		t.Errorf("got %d for the old token and %d for the new, want 401 and 200", was, is)
	}
	cfg.TokenFiles = nil
	if got, err := a.Reload(cfg); err == nil {
		t.Errorf("got %+v, want no reload that takes the last token away", got)
	}
}

// What is wrong changes nothing: half a reload would be a configuration that nobody
// wrote.
func TestReloadRefusesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(t *testing.T, c *Config)
	}{
		{"plan", "metrics", func(t *testing.T, c *Config) {
			writeFile(t, filepath.Join(c.Plans, "search.yaml"), "service: search\nsource: pods\nmetrics: 3\n")
		}},
		{"no folder", "there is no folder", func(_ *testing.T, c *Config) { c.Plans += "-gone" }},
		{"source", `asks source "elsewhere"`, func(t *testing.T, c *Config) {
			writeFile(t, filepath.Join(c.Plans, "search.yaml"), strings.Replace(secondPlan, "source: pods", "source: elsewhere", 1))
		}},
		{"configuration", "is not a level", func(_ *testing.T, c *Config) { c.Log.Level = "loud" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, level := world(t), new(slog.LevelVar)
			a := running(t, cfg, level)
			next := cfg
			next.Log.Level = "debug"
			c.change(t, &next)
			if got, err := a.Reload(next); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want an error with %q", got, err, c.want)
			}
			if names := a.Plans().Names(); !slices.Equal(names, []string{"checkout"}) || level.Level() != slog.LevelInfo {
				t.Errorf("got plans %v and level %s, want what was before", names, level.Level())
			}
		})
	}
}

func TestProfilesHaveAListenerOfTheirOwn(t *testing.T) {
	cfg := world(t)
	cfg.Debug.Listen = "127.0.0.1:0"
	a := running(t, cfg, nil)
	at := "http://" + a.debug.listener.Addr().String() + "/debug/pprof/goroutine?debug=1"
	if code, body := call(t, http.MethodGet, at, ""); code != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Errorf("got %d %.80s, want a profile", code, body)
	}
	if code, _ := call(t, http.MethodGet, a.URL()+"/debug/pprof/", ""); code != http.StatusNotFound {
		t.Errorf("the server itself: got %d, want 404", code)
	}
	for _, listen := range []string{"0.0.0.0:6060", "6060"} {
		cfg.Debug.Listen = listen
		if fs := cfg.WithDefaults().Check(); len(fs) != 1 || fs[0].Path != "debug.listen" {
			t.Errorf("%s: got %v, want one fault of debug.listen", listen, fs)
		}
	}
}

// spans keeps what was traced.
func spans(t *testing.T, a *App, path, body string, rec *tracetest.SpanRecorder) []sdktrace.ReadOnlySpan {
	t.Helper()
	before := len(rec.Ended())
	if code, answer := call(t, http.MethodPost, a.URL()+path, body); code >= http.StatusInternalServerError {
		t.Fatalf("%s: got %d %s", path, code, answer)
	}
	return rec.Ended()[before:]
}

func TestALookIsTraced(t *testing.T) {
	cfg, rec := world(t), tracetest.NewSpanRecorder()
	a, err := newApp(t.Context(), Options{Config: cfg, Version: "test"}, tracingTo(rec, 1, "test"))
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	defer a.Stop()
	hook := `{"name":"checkout","namespace":"shop","phase":"Progressing","checksum":"5d59f87694"}`
	spans(t, a, "/flagger/pre-rollout", hook, rec)
	got := spans(t, a, "/flagger/rollout", hook, rec)
	var look sdktrace.ReadOnlySpan
	for _, s := range got {
		if s.Name() == "look" {
			look = s
		}
	}
	if look == nil || !look.Parent().IsValid() {
		t.Fatalf("got %d spans and no look within its request", len(got))
	}
	attrs := map[string]string{}
	for _, kv := range look.Attributes() {
		attrs[string(kv.Key)] = kv.Value.String()
	}
	if attrs["serin.service"] == "" && attrs["serin.outcome"] != "continue" {
		t.Errorf("got %v, want the outcome of the look", attrs)
	}
}

func TestSpansReachACollector(t *testing.T) {
	var mu sync.Mutex
	var paths []string
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // its length is all that matters
		mu.Lock()
		defer mu.Unlock()
		if len(body) > 0 {
			paths = append(paths, r.URL.Path)
		}
	}))
	defer collector.Close()
	cfg := world(t)
	cfg.Trace.Endpoint = collector.URL
	a, err := New(t.Context(), Options{Config: cfg, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	call(t, http.MethodGet, a.URL()+"/v1/plans", "")
	if err := a.Stop(); err != nil { // delivers what is left
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(paths, []string{"/v1/traces"}) {
		t.Errorf("the collector got %v, want one delivery to /v1/traces", paths)
	}
}

func find(found []Diagnosis, part string) Diagnosis {
	for _, d := range found {
		if strings.HasPrefix(d.Part, part) {
			return d
		}
	}
	return Diagnosis{}
}

func TestExamine(t *testing.T) {
	cfg := world(t)
	writeFile(t, filepath.Join(cfg.Plans, "token"), "0123456789abcdef0123")
	if err := os.Chmod(filepath.Join(cfg.Plans, "token"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg.TokenFiles = []string{filepath.Join(cfg.Plans, "token"), filepath.Join(cfg.Plans, "none")}
	cfg.BaseURL = cfg.Sources[0].Scrape.Targets[0].URL
	found := Examine(t.Context(), cfg)
	for part, want := range map[string]Health{
		"plans": Well, "target": Well, "journal": Well, "address": Well, "baseURL": Well,
		"token file " + cfg.TokenFiles[0]: Doubt, "token file " + cfg.TokenFiles[1]: Ill,
	} {
		if got := find(found, part); got.Health != want {
			t.Errorf("%s: got %+v, want %s", part, got, want)
		}
	}
	if _, err := os.Stat(cfg.Journal); err == nil {
		t.Error("the examination made a journal")
	}
}

func TestExamineNamesWhatIsWrong(t *testing.T) {
	cfg := world(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	cfg.Sources[0].Scrape.Targets[0].URL = gone.URL
	cfg.Journal = filepath.Join(cfg.Plans, "no", "such", "folder.db")
	cfg.Plans += "-gone"
	found := Examine(t.Context(), cfg)
	for _, part := range []string{"plans", "target", "journal"} {
		if got := find(found, part); got.Health != Ill || got.Next == "" {
			t.Errorf("%s: got %+v, want a fault with what to do", part, got)
		}
	}
	cfg.Sources[0].Scrape.Targets[0].URL = strings.Replace(gone.URL, "http://", "http://user:hunter2@", 1)
	found = Examine(t.Context(), cfg)
	if got := find(found, "sources"); got.Health != Ill {
		t.Errorf("sources: got %+v, want a fault for a password in a URL", got)
	}
	for _, d := range found {
		if strings.Contains(d.Part+d.Text+d.Next, "hunter2") {
			t.Errorf("a password is shown: %+v", d)
		}
	}
}

func TestSkewedClocks(t *testing.T) {
	for skew, want := range map[time.Duration]Health{
		0: Well, time.Second: Well, -4 * time.Second: Well, 6 * time.Second: Doubt, -2 * time.Minute: Ill, 5 * time.Minute: Ill,
	} {
		if got := skewed("source clock", skew); got.Health != want {
			t.Errorf("%s: got %+v, want %s", skew, got, want)
		}
	}
}

func TestCheckConfigTouchesNothing(t *testing.T) {
	cfg := world(t)
	names, err := CheckConfig(cfg)
	if err != nil || !slices.Equal(names, []string{"checkout"}) {
		t.Errorf("got %v, %v, want the plan", names, err)
	}
	if _, err := os.Stat(cfg.Journal); err == nil {
		t.Error("a journal was made")
	}
	cfg.TokenFiles = []string{"nowhere"}
	cfg.Plans += "-gone"
	if _, err := CheckConfig(cfg); err == nil || !strings.Contains(err.Error(), "nowhere") || !strings.Contains(err.Error(), "there is no folder") {
		t.Errorf("got %v, want both faults", err)
	}
}
