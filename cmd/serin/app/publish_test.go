package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge/plan"
)

func TestFaultsOfPublishing(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string // path, then a part of the text
	}{
		"instance":        {`publish: { instance: "EU prod" }`, []string{"publish.instance", "for example eu-prod"}},
		"self":            {`publish: { self: "job=" }`, []string{"publish.self", `job="serin"`}},
		"runbook":         {`publish: { runbook: "wiki" }`, []string{"publish.runbook", "is not a URL"}},
		"keep":            {`publish: { dashboards: { keep: long } }`, []string{"publish.dashboards.keep", "30d"}},
		"no URL":          {`publish: { dashboards: { grafana: { folder: a } } }`, []string{"publish.dashboards.grafana.url", "say where it is"}},
		"bad URL":         {`publish: { dashboards: { grafana: { url: "grafana:3000" } } }`, []string{"publish.dashboards.grafana.url", "is not a URL"}},
		"credentials":     {`publish: { dashboards: { grafana: { url: "http://admin:hunter2@grafana" } } }`, []string{"publish.dashboards.grafana.url", "put them into files"}},
		"api":             {`publish: { dashboards: { grafana: { url: "http://grafana", api: v3 } } }`, []string{"publish.dashboards.grafana.api", "legacy or resources"}},
		"two proofs":      {`publish: { dashboards: { grafana: { url: "http://grafana", bearerFile: a, username: b, passwordFile: c } } }`, []string{"publish.dashboards.grafana.bearerFile", "two ways"}},
		"a password":      {`publish: { dashboards: { grafana: { url: "http://grafana", username: b, passwordFile: c } } }`, []string{"publish.dashboards.grafana.username", "write bearerFile"}},
		"no password":     {`publish: { dashboards: { grafana: { url: "http://grafana", username: b } } }`, []string{"publish.dashboards.grafana.username", "passwordFile"}},
		"no folder":       {`publish: { dashboards: { files: { format: json } } }`, []string{"publish.dashboards.files.dir", "name the folder"}},
		"format":          {`publish: { dashboards: { files: { dir: a, format: yaml } } }`, []string{"publish.dashboards.files.format", "configmap"}},
		"no rules folder": {`publish: { rules: { prometheus: { url: "http://prometheus" } } }`, []string{"publish.rules.prometheus.dir", "rule_files"}},
		"ruler":           {`publish: { rules: { ruler: { tenant: a } } }`, []string{"publish.rules.ruler.url", "say where it is"}},
		"label":           {`publish: { rules: { prometheus: { dir: a }, labels: { "a b": c } } }`, []string{"publish.rules.labels.a b", "cannot be a label"}},
		"unknown":         {`publish: { dashboard: { dir: hunter2 } }`, []string{"publish.dashboard", "unknown key"}},
	} {
		_, err := Parse("serin.yaml", []byte("\n"+c.yaml))
		var fs plan.Faults
		if !errors.As(err, &fs) || len(fs) != 1 || fs[0].Path != c.want[0] || !strings.Contains(fs[0].Text, c.want[1]) || fs[0].Line != 2 {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if err == nil || !strings.HasPrefix(err.Error(), "serin.yaml:2:") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want the file and the line, and no credentials", name, err)
		}
	}
	// All faults at once.
	_, err := Parse("serin.yaml", []byte(`publish: { self: "job=", rules: { grafana: { folder: a } } }`))
	var fs plan.Faults
	if !errors.As(err, &fs) || len(fs) != 3 {
		t.Errorf("got %v, want a fault of the selector and two of Grafana's rules", err)
	}
}

// inTime waits until a condition holds, as long as work that is tried again may take on
// a busy machine.
func inTime(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen within two minutes", what)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// announcedID announces a rollout and returns its ID.
func announcedID(t *testing.T, a *App, revision string) string {
	t.Helper()
	code, body := call(t, http.MethodPost, a.URL()+"/v1/rollouts", `{"service":"checkout","namespace":"shop","revision":"`+revision+`"}`)
	var got struct {
		Rollout struct{ ID string } `json:"rollout"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusCreated || got.Rollout.ID == "" {
		t.Fatalf("got %d %s, %v", code, body, err)
	}
	return got.Rollout.ID
}

func holds(path string, parts ...string) func() bool {
	return func() bool {
		text, err := os.ReadFile(path)
		for _, p := range parts {
			if !strings.Contains(string(text), p) {
				return false
			}
		}
		return err == nil
	}
}

func metric(t *testing.T, a *App, line string) func() bool {
	return func() bool {
		_, body := call(t, http.MethodGet, a.URL()+"/metrics", "")
		return strings.Contains(body, line)
	}
}

// A rollout's files come with it, say its verdict, and are frozen and taken away at its
// end. A restart in between loses nothing.
func TestFilesFollowARollout(t *testing.T) {
	cfg := world(t)
	boards, rules := t.TempDir(), t.TempDir()
	cfg.BaseURL = "https://serin.example.com"
	cfg.Publish = Publish{Self: `job="serin"`, Dashboards: PublishDashboards{Files: &PublishFiles{Dir: boards}}, Rules: PublishRules{Prometheus: &PublishPrometheus{Dir: rules}}}
	a, err := New(t.Context(), Options{Config: cfg, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	id := announcedID(t, a, "7d9f")
	board, rule := filepath.Join(boards, dashboards.UID(id)+".json"), filepath.Join(rules, alerts.NameOf(id)+".yml")
	inTime(t, "the board", holds(board, `"from": "now-1h"`))
	inTime(t, "the rules", holds(rule, "alert: JudgeSilent"))
	inTime(t, "the board of all rollouts", holds(filepath.Join(boards, dashboards.FleetUID+".json"), "serin_rollouts_live"))
	inTime(t, "the board of the service", holds(filepath.Join(boards, dashboards.ServiceUID("shop", "checkout")+".json"), "checkout"))
	if text, err := os.ReadFile(rule); err != nil || alerts.Check(text) != nil {
		t.Errorf("the rules cannot be read: %v, %v", err, alerts.Check(text))
	}
	if code, body := call(t, http.MethodPost, a.URL()+"/v1/rollouts/"+id+"/judge", "{}"); code != http.StatusOK {
		t.Fatalf("a look: got %d %s", code, body)
	}
	inTime(t, "the verdict on the board", holds(board, "## CONTINUE"))
	// It is closed, and the server stops at once: what is owed is done by the next one.
	if code, body := call(t, http.MethodDelete, a.URL()+"/v1/rollouts/"+id, ""); code >= 300 {
		t.Fatalf("close: got %d %s", code, body)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	again := running(t, cfg, nil)
	inTime(t, "the frozen board", holds(board, "(continue)", "**Ended**"))
	inTime(t, "the end of the rules", func() bool { _, err := os.Stat(rule); return errors.Is(err, os.ErrNotExist) })
	if holds(board, `"from": "now-1h"`)() {
		t.Error("the board of a closed rollout still moves")
	}
	// Begun with the live ones of a start, counted once.
	next := announcedID(t, again, "8a")
	inTime(t, "a count that begins", metric(t, again, `serin_rollouts_closed_total{namespace="shop",outcome="promote",service="checkout"} 0`))
	for range 2 {
		call(t, http.MethodDelete, again.URL()+"/v1/rollouts/"+next, "")
	}
	inTime(t, "the end to be counted", metric(t, again, `serin_rollouts_closed_total{namespace="shop",outcome="none",service="checkout"} 1`))
}

// grafana is a Grafana that is down until it is up.
type grafana struct {
	up atomic.Bool
	mu sync.Mutex
	// tokens are those that it was sent, boards what it was given.
	tokens map[string]bool
	boards string
}

func (g *grafana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens[r.Header.Get("Authorization")] = true
	switch {
	case !g.up.Load():
		http.Error(w, "starting; you sent "+r.Header.Get("Authorization"), http.StatusBadGateway)
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/dashboards/uid/"):
		http.Error(w, `{"message":"Dashboard not found"}`, http.StatusNotFound)
	case r.Method == http.MethodPost && r.URL.Path == "/api/dashboards/db":
		text, _ := io.ReadAll(r.Body)
		g.boards += string(text)
		_, _ = io.WriteString(w, `{"url":"/d/x/y","status":"success"}`)
	default:
		_, _ = io.WriteString(w, `[]`)
	}
}

func (g *grafana) has(text string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Contains(g.boards, text)
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A Grafana that is down changes no verdict. It is seen, and what it missed is brought
// when it is back.
func TestAGrafanaThatIsDownChangesNoVerdict(t *testing.T) {
	fake := &grafana{tokens: map[string]bool{}}
	page := httptest.NewServer(fake)
	defer page.Close()
	cfg, secret, log := world(t), filepath.Join(t.TempDir(), "token"), &lockedBuffer{}
	writeFile(t, secret, "glsa_hunter2\n")
	cfg.Publish.Dashboards.Grafana = &PublishGrafana{Server: Server{URL: page.URL, BearerFile: secret}}
	a, err := New(t.Context(), Options{Config: cfg, Version: "test", Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	defer a.Stop()
	id := announcedID(t, a, "7d9f")
	if code, body := call(t, http.MethodPost, a.URL()+"/v1/rollouts/"+id+"/judge", "{}"); code != http.StatusOK || !strings.Contains(body, `"continue"`) {
		t.Errorf("a look: got %d %s, want the verdict", code, body)
	}
	inTime(t, "a failure to be counted", metric(t, a, `serin_publish_failures_total{kind="dashboard",target="grafana"} `))
	var ready string
	inTime(t, "/readyz to say so", func() bool {
		code, body := call(t, http.MethodGet, a.URL()+"/readyz", "")
		ready = body
		return code == http.StatusOK && strings.Contains(body, `"ok":true`) && strings.Contains(body, `"name":"publishing","ok":false`)
	})
	if code, body := call(t, http.MethodGet, a.URL()+"/v1/rollouts/"+id+"/status", ""); code != http.StatusOK || strings.Contains(body, "grafana") {
		t.Errorf("the status: got %d %s", code, body)
	}
	reported := func() string {
		_, body := call(t, http.MethodGet, a.URL()+"/v1/rollouts/"+id, "")
		return body
	}
	inTime(t, "the rollout's report to say so", func() bool {
		return strings.Contains(reported(), `"what":"dashboard","where":"grafana","why":"grafana: `)
	})
	told := reported()
	_, before := call(t, http.MethodGet, a.URL()+"/v1/rollouts/"+id+"/verdicts", "")
	sick := Examine(t.Context(), cfg)
	fake.up.Store(true)
	inTime(t, "the board after all", func() bool { return fake.has(dashboards.UID(id)) })
	inTime(t, "/readyz to be well", func() bool {
		_, body := call(t, http.MethodGet, a.URL()+"/readyz", "")
		return strings.Contains(body, `"name":"publishing","ok":true`)
	})
	inTime(t, "a report in which nothing is missing", func() bool { return strings.Contains(reported(), `"unpublished":[]`) })
	if _, after := call(t, http.MethodGet, a.URL()+"/v1/rollouts/"+id+"/verdicts", ""); after != before {
		t.Errorf("got the verdicts %s, want them as they were: %s", after, before)
	}
	checkPlace(t, sick, Ill, "answered with 502")
	checkPlace(t, Examine(t.Context(), cfg), Well, "0 dashboards of Serin's")
	_, metrics := call(t, http.MethodGet, a.URL()+"/metrics", "")
	if !fake.tokens["Bearer glsa_hunter2"] {
		t.Error("the token was not sent: nothing of the following is shown")
	}
	for what, text := range map[string]string{"log": log.String(), "/readyz": ready, "the report": told, "/metrics": metrics} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s has the token in it: %s", what, text)
		}
	}
}

// checkPlace looks for what serin doctor says of a Grafana.
func checkPlace(t *testing.T, found []Diagnosis, health Health, text string) {
	t.Helper()
	for _, d := range found {
		if d.Part != "publish grafana" {
			continue
		}
		if d.Health != health || !strings.Contains(d.Text, text) || strings.Contains(d.Text+d.Next, "hunter2") {
			t.Errorf("doctor: got %+v, want %s with %q, and no token", d, health, text)
		}
		return
	}
	t.Errorf("doctor says nothing of Grafana: %+v", found)
}

func TestDoctorSaysWhereRulesLackTheJudge(t *testing.T) {
	cfg := world(t)
	cfg.Publish.Rules.Prometheus = &PublishPrometheus{Dir: t.TempDir()}
	var said []string
	for _, d := range Examine(t.Context(), cfg) {
		if strings.HasPrefix(d.Part, "publish") {
			said = append(said, d.Part+" "+string(d.Health))
		}
	}
	if got := strings.Join(said, ", "); got != "publish prometheus rules ok, publish self warning" {
		t.Errorf("got %s", got)
	}
}
