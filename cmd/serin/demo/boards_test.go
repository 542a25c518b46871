package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// TestBoardsOnARealPrometheus runs the demo's two rollouts under the real server, which
// writes their boards into files, while a real Prometheus scrapes the pods and the
// server. Then every query of every board must find what its panel is about. With
// SERIN_SCREENS, a command, the boards are drawn as well; dashboards/e2e has it.
func TestBoardsOnARealPrometheus(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("runs two rollouts for two minutes; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	w := newBoardWorld(t)
	defer w.stop(t)

	// In the midst of it, with both arms under load.
	w.await(t, "both rollouts to be compared", func() bool {
		return w.compared(healthyService) >= 5 && w.compared(failingService) >= 1 && w.says(healthyService, "## CONTINUE")
	})
	w.check(t, "healthy", dashboards.UID(w.rollout(t, healthyService)))
	w.check(t, "fleet-live", dashboards.FleetUID)
	w.check(t, "service-live", dashboards.ServiceUID(namespace, healthyService))

	// After the end, when boards show a fixed time.
	w.rolledOut.wait(t)
	for service, end := range map[string]string{healthyService: "healthy-closed", failingService: "failing-closed"} {
		if s := w.of(service).now(); service == healthyService && !phase(s.Phase).over() {
			t.Logf("this machine was too slow to decide on %s: %s; its board is that of a live rollout", service, s.Verdict.Outcome)
			continue
		}
		w.await(t, end, func() bool { return w.says(service, "**Ended**") })
		w.check(t, end, dashboards.UID(w.rollout(t, service)))
	}
	w.await(t, "the placebos of the rollouts to be judged", func() bool { return w.knows("max(serin_selfcheck_rollouts{of=\"placebo\"} offset 10s) > 0") })
	w.check(t, "fleet-over", dashboards.FleetUID)
	w.seen.check(t)
	w.screens(t)
}

// knows reports whether Prometheus finds something.
func (w *boardWorld) knows(expr string) bool {
	a, err := http.Get(w.prometheus + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return false
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	return err == nil && strings.Contains(string(text), `"value"`)
}

// boardWorld is the demo with a Prometheus beside it.
type boardWorld struct {
	stories    []*story
	server     *app.App
	prometheus string
	dir        string // where the server writes boards
	shots      string // where boards are kept as they were when they were checked
	shown      []shot
	seen       seen
	rolledOut  ending
	cancel     context.CancelFunc
}

// shot is a board at a time, to be drawn.
type shot struct {
	Name string `json:"name"`
	File string `json:"file"`
	At   int64  `json:"at"` // Unix seconds
}

// ending is closed by the demo's end, with its error.
type ending chan error

func (e ending) wait(t *testing.T) {
	t.Helper()
	select {
	case err := <-e:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Minute):
		t.Fatal("the demo does not end")
	}
}

func newBoardWorld(t *testing.T) *boardWorld {
	t.Helper()
	w := &boardWorld{dir: t.TempDir(), shots: t.TempDir(), seen: seen{}, rolledOut: make(ending, 1)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	w.cancel = cancel
	var err error
	if w.stories, err = newStories(ctx, Options{Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if w.server, err = w.serve(ctx, t); err != nil {
		t.Fatal(err)
	}
	w.server.Start()
	w.prometheus = promtest.Start(t, promtest.Config{Scrape: w.scrapeConfig(), Flags: []string{"--web.enable-admin-api"}})
	go func() {
		w.rolledOut <- play(ctx, Options{}, &stage{began: time.Now(), stories: w.stories, server: w.server})
	}()
	return w
}

// serve starts the server of the demo, with a place for its boards.
func (w *boardWorld) serve(ctx context.Context, t *testing.T) (*app.App, error) {
	t.Helper()
	pods := &app.Scrape{Interval: time.Second, Retention: 15 * time.Minute}
	var plans []plan.Plan
	for _, s := range w.stories {
		pods.Targets = append(pods.Targets, s.svc.targets()...)
		plans = append(plans, s.plan)
	}
	set, err := plan.NewSet(plans...)
	if err != nil {
		return nil, err
	}
	return app.New(ctx, app.Options{
		Config: app.Config{
			Listen: "127.0.0.1:0", BaseURL: "https://serin.example.com", Journal: filepath.Join(t.TempDir(), "demo.db"),
			Sources: []app.Source{{Name: sourceName, Scrape: pods}},
			Publish: app.Publish{
				Self: `job="serin"`, Runbook: "https://wiki.example.com/canary",
				Dashboards: app.PublishDashboards{Files: &app.PublishFiles{Dir: w.dir}},
			},
		},
		Plans: set, Version: "test",
	})
}

// scrapeConfig has Prometheus scrape what Serin scrapes, with the same labels, and
// Serin.
func (w *boardWorld) scrapeConfig() string {
	var b strings.Builder
	target := func(url string, labels map[string]string) {
		address := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/metrics")
		fmt.Fprintf(&b, "      - targets: [%q]\n", address)
		if len(labels) > 0 {
			b.WriteString("        labels:\n")
		}
		for name, value := range labels {
			fmt.Fprintf(&b, "          %s: %q\n", name, value)
		}
	}
	b.WriteString("  - job_name: pods\n    static_configs:\n")
	for _, s := range w.stories {
		for _, p := range s.svc.targets() {
			target(p.URL, p.Labels)
		}
	}
	b.WriteString("  - job_name: serin\n    static_configs:\n")
	target(w.server.URL(), nil)
	return b.String()
}

func (w *boardWorld) stop(t *testing.T) {
	t.Helper()
	w.cancel()
	stopAll(w.stories)
	if err := w.server.Stop(); err != nil {
		t.Error(err)
	}
}

func (w *boardWorld) of(service string) *story {
	for _, s := range w.stories {
		if s.svc.name == service {
			return s
		}
	}
	panic("no story of " + service)
}

// compared is how many blocks of a rollout are compared.
func (w *boardWorld) compared(service string) int {
	v := w.of(service).now().Verdict
	if v == nil {
		return 0
	}
	return v.Progress.Paired
}

// rollout is the ID of a service's rollout.
func (w *boardWorld) rollout(t *testing.T, service string) string {
	t.Helper()
	v := w.of(service).now().Verdict
	if v == nil {
		t.Fatalf("%s has no verdict", service)
	}
	return v.Rollout.ID
}

// says reports whether a rollout's board has a text.
func (w *boardWorld) says(service, text string) bool {
	v := w.of(service).now().Verdict
	if v == nil {
		return false
	}
	board, err := os.ReadFile(filepath.Join(w.dir, dashboards.UID(v.Rollout.ID)+".json"))
	return err == nil && strings.Contains(string(board), text)
}

// await waits for something that the demo comes to.
func (w *boardWorld) await(t *testing.T, what string, there func() bool) {
	t.Helper()
	deadline := time.After(4 * time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !there() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// check asks every query of a board, as it is now, and keeps it for the screens.
func (w *boardWorld) check(t *testing.T, name, uid string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, uid+".json"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	w.shown = append(w.shown, shot{Name: name, File: name + ".json", At: now.Unix()})
	if err := os.WriteFile(filepath.Join(w.shots, name+".json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run(name, func(t *testing.T) { checkBoard(t, w.prometheus, text, looking{now, w.seen}) })
}

// screens has the boards drawn.
func (w *boardWorld) screens(t *testing.T) {
	t.Helper()
	command := os.Getenv("SERIN_SCREENS")
	if command == "" {
		return
	}
	index, err := json.Marshal(w.shown)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.shots, "index.json"), index, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Dir = filepath.Join("..", "..", "..", "dashboards", "e2e")
	cmd.Env = append(os.Environ(), "PROMETHEUS="+w.prometheus, "BOARDS="+w.shots)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("the screens: %v", err)
	}
}
