package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/cmd/serin/demo"
)

// boardsKeepTheRules holds the boards of a folder against every structural rule that
// dashboards has for its own.
func boardsKeepTheRules(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestRules$", "./dashboards")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "SERIN_BOARDS="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the demo's boards: %v\n%s", err, out)
	}
}

// TestDemoRulesPassTheirTests writes the rules of both of the demo's services with their
// unit tests, and has promtool run them.
func TestDemoRulesPassTheirTests(t *testing.T) {
	needsMinutes(t)
	for name, scenario := range map[string]demo.Scenario{"checkout": demo.Healthy, "payments": demo.Errors} {
		t.Run(name, func(t *testing.T) {
			_, plan := shop(t, name, scenario)
			dir := filepath.Join(t.TempDir(), "rules")
			code, out := serin(t, "export", "alerts", "--plan", plan, "--since", "2026-05-01T12:00:00Z", "--self", `job="serin"`, "--format", "tests", "--output", dir+"/")
			files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
			if code != 0 || err != nil || len(files) != 3 {
				t.Fatalf("exit %d, %v, %v, want the rules and two files of tests:\n%s", code, files, err, out)
			}
			for _, f := range files {
				if strings.HasSuffix(f, "_test.yml") {
					tool(t, "promtool", "test", "rules", f)
				} else {
					tool(t, "promtool", "check", "rules", "--lint=all", "--lint-fatal", f)
				}
			}
		})
	}
}
