package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/cmd/serin/demo"
	"github.com/serin-canary/serin/judge"
)

// needsMinutes skips a test that runs rollouts for as long as they take.
func needsMinutes(t *testing.T) {
	t.Helper()
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("runs real rollouts for minutes; set SERIN_E2E=1 to run it")
	}
}

// TestEveryScenarioEndsAsItIsTold runs all scenarios at once.
func TestEveryScenarioEndsAsItIsTold(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	for _, c := range []struct {
		scenario demo.Scenario
		outcomes []judge.Outcome
		blame    string
	}{
		{demo.Healthy, []judge.Outcome{judge.Promote}, ""},
		{demo.Errors, []judge.Outcome{judge.Rollback}, "errors"},
		{demo.Slow, []judge.Outcome{judge.Rollback}, "latency"},
		{demo.Tail, []judge.Outcome{judge.Rollback}, "latency"},
		{demo.Leak, []judge.Outcome{judge.Rollback, judge.Continue, judge.Inconclusive}, "latency"},
		{demo.Silent, []judge.Outcome{judge.Continue, judge.Inconclusive}, ""},
	} {
		t.Run(string(c.scenario), func(t *testing.T) {
			t.Parallel()
			res, err := demo.Run(t.Context(), demo.Options{Scenario: c.scenario, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			s := res.Stories[0]
			v := s.Verdict
			t.Logf("%s after %s: %s", v.Outcome, res.Took, v.Reason)
			if !slices.Contains(c.outcomes, v.Outcome) {
				t.Errorf("outcome: got %s, want one of %v", v.Outcome, c.outcomes)
			}
			if v.Outcome == judge.Rollback && (v.Latched == nil || !slices.Equal(v.Latched.Metrics, []string{c.blame})) {
				t.Errorf("blame: got %+v, want %s", v.Latched, c.blame)
			}
			if c.scenario != demo.Leak && !res.AsTold() {
				t.Errorf("Flagger's phase is %s with %s, which is not as told", s.Phase, v.Outcome)
			}
		})
	}
}

// TestDemoCommandShowsBothStories runs what a newcomer runs first.
func TestDemoCommandShowsBothStories(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	var out, errs bytes.Buffer
	began, files := time.Now(), t.TempDir()
	live := rulesSeen(t, filepath.Join(files, demo.RuleFolder))
	code := run(t.Context(), []string{"demo", "--files", files}, &out, &errs)
	if code != 0 {
		t.Fatalf("exit %d, want 0; it said:\n%s\n%s", code, out.String(), errs.String())
	}
	if took := time.Since(began); took > 160*time.Second {
		t.Errorf("it took %s, want about two minutes", took.Round(time.Second))
	}
	for _, want := range []string{"Starting a service", "0:00 measuring the baseline", "rolling out", "Advance checkout.demo canary weight 20"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("progress lacks %q:\n%s", want, errs.String())
		}
	}
	text := out.String()
	last := text[strings.LastIndex(text, "Demo of "):]
	if len(last) > 1500 || !strings.Contains(last, "checkout (healthy): promote") || !strings.Contains(last, "payments (errors): rollback") {
		t.Errorf("summary of %d bytes:\n%s", len(last), last)
	}
	checkDemoFiles(t, files, live())
}

// rulesSeen collects the rule files of a folder until it is called.
func rulesSeen(t *testing.T, dir string) func() map[string][]byte {
	ctx, cancel := context.WithCancel(t.Context())
	seen, done := map[string][]byte{}, make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			found, _ := filepath.Glob(filepath.Join(dir, "*.yml"))
			for _, f := range found {
				if text, err := os.ReadFile(f); err == nil && !strings.Contains(string(text), "vector(0) == 1") {
					seen[filepath.Base(f)] = text
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return func() map[string][]byte {
		cancel()
		<-done
		return seen
	}
}

// checkDemoFiles holds what the demo published against what it says: rules while the
// rollouts lived, dashboards that stay.
func checkDemoFiles(t *testing.T, files string, rules map[string][]byte) {
	t.Helper()
	if left, err := os.ReadDir(filepath.Join(files, demo.RuleFolder)); err != nil || len(left) > 0 {
		t.Errorf("rules that are left: %v, %v", left, err)
	}
	if len(rules) != 2 {
		t.Errorf("got rules of %d rollouts, want 2", len(rules))
	}
	boardsKeepTheRules(t, filepath.Join(files, demo.BoardFolder))
	dir := t.TempDir()
	for name, text := range rules {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		tool(t, "promtool", "check", "rules", "--lint=all", "--lint-fatal", filepath.Join(dir, name))
		board, err := os.ReadFile(filepath.Join(files, demo.BoardFolder, strings.TrimSuffix(name, ".yml")+".json"))
		if err != nil || !strings.Contains(string(board), "**Ended**") {
			t.Errorf("the board beside %s: %v, or it is not frozen", name, err)
		}
	}
}

// shop opens a service whose canary serves 40 %, and writes its plan.
func shop(t *testing.T, name string, s demo.Scenario) (*demo.Shop, string) {
	t.Helper()
	sh, err := demo.OpenShop(t.Context(), name, s, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sh.Close)
	file := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, []byte(sh.PlanYAML()), 0o600); err != nil {
		t.Fatal(err)
	}
	return sh, file
}

// judged runs serin judge and returns its exit code and verdict.
func judged(t *testing.T, args ...string) (int, judge.Verdict) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"judge", "-o", "json"}, args...), &out, &errs)
	var v judge.Verdict
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatalf("serin judge %v: exit %d, no verdict: %v\n%s", args, code, err, errs.String())
	}
	t.Logf("exit %d: %s: %s", code, v.Outcome, v.Reason)
	return code, v
}

// TestJudgeWatchesAPrometheus judges two canaries at once from the samples of a
// Prometheus server, from the pre-period to the verdict.
func TestJudgeWatchesAPrometheus(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	healthy, healthyPlan := shop(t, "checkout", demo.Healthy)
	failing, failingPlan := shop(t, "payments", demo.Errors)
	url := startPrometheus(t, healthy, failing)
	wait(t, 46*time.Second) // the pre-period of 20 blocks
	checkAgainst(t, healthyPlan, url)
	for name, c := range map[string]struct {
		shop *demo.Shop
		plan string
		want int
	}{
		"healthy": {healthy, healthyPlan, exitPromote},
		"errors":  {failing, failingPlan, exitRollback},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.shop.SetWeight(40)
			if code, v := judged(t, "--plan", c.plan, "--prometheus", url, "--watch"); code != c.want {
				t.Errorf("exit %d, want %d; findings: %+v", code, c.want, v.Findings)
			}
		})
	}
}

// checkAgainst checks a plan against a server that has data of the baseline, and
// of canary pods that have served nothing yet.
func checkAgainst(t *testing.T, file, url string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"plan", "check", file, "--prometheus", url}, &out, &errs)
	t.Logf("%s%s", out.String(), errs.String())
	if code != exitFailure || !strings.Contains(errs.String(), "metric errors has no data of the canary") || strings.Contains(errs.String(), "of the baseline") {
		t.Errorf("plan check: exit %d, want 1 for the canary's errors alone:\n%s", code, errs.String())
	}
}

// TestJudgeWatchesPages judges a slow canary from its metrics pages alone: without
// a pre-period, and without anything else.
func TestJudgeWatchesPages(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	sh, file := shop(t, "checkout", demo.Slow)
	sh.SetWeight(40)
	args := []string{"--plan", file, "--watch"}
	for _, target := range sh.Targets() {
		args = append(args, "--scrape", target.Labels["arm"]+"="+target.URL)
	}
	code, v := judged(t, args...)
	if code != exitRollback || v.Latched == nil || !slices.Contains(v.Latched.Metrics, "latency") {
		t.Errorf("exit %d, blamed %+v, want %d and latency", code, v.Latched, exitRollback)
	}
}

func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	case <-time.After(d):
	}
}

// startPrometheus starts a Prometheus that scrapes the shops' pods each second.
func startPrometheus(t *testing.T, shops ...*demo.Shop) (url string) {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
			t.Fatal("prometheus is not installed: apt-get install prometheus")
		}
		t.Skip("prometheus is not installed: apt-get install prometheus")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, scrapeConfig(t, shops), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	cmd.Stderr = &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !answers(ctx, "http://"+addr+"/-/ready") {
		if ctx.Err() != nil {
			t.Fatalf("prometheus did not become ready:\n%s", log.String())
		}
		wait(t, 200*time.Millisecond)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // ended by the test's context
	return "http://" + addr
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func scrapeConfig(t *testing.T, shops []*demo.Shop) []byte {
	t.Helper()
	type static struct {
		Targets []string          `yaml:"targets"`
		Labels  map[string]string `yaml:"labels"`
	}
	var statics []static
	for _, s := range shops {
		for _, target := range s.Targets() {
			host := strings.TrimSuffix(strings.TrimPrefix(target.URL, "http://"), "/metrics")
			statics = append(statics, static{[]string{host}, target.Labels})
		}
	}
	b, err := yaml.Marshal(map[string]any{
		"global":         map[string]string{"scrape_interval": "1s"},
		"scrape_configs": []any{map[string]any{"job_name": "pods", "static_configs": statics}},
	})
	if err != nil {
		t.Fatal(fmt.Errorf("prometheus configuration: %w", err))
	}
	return b
}
