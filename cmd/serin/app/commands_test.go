package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

// TestNoServerRunsCommands ensures that a server refuses a plan with a command at load,
// that its runner refuses one that came otherwise, and that it is run where it is allowed.
func TestNoServerRunsCommands(t *testing.T) {
	dir := t.TempDir()
	touched := filepath.Join(dir, "touched")
	text := "service: shop\nchecks:\n  - name: by-hand\n    exec: { command: [touch, " + touched + "] }\n"
	if err := os.WriteFile(filepath.Join(dir, "shop.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPlans(dir); err == nil || !strings.Contains(err.Error(), "plan shop: the check by-hand is a command, and no server runs commands") {
		t.Errorf("got %v, want the plan refused", err)
	}
	spec := checks.Spec{Name: "by-hand", Exec: &checks.Exec{Command: []string{"touch", touched}}}
	all := runners(Guard, Datadog{})
	if got := all.Run(t.Context(), spec, checks.Target{}); got.Status != checks.Broken || !strings.Contains(got.Reason, "was not run") {
		t.Errorf("got %s: %s, want it refused", got.Status, got.Reason)
	}
	if _, err := os.Stat(touched); err == nil {
		t.Error("got the command run, want it refused")
	}
	if got := AllowExec(all).Run(t.Context(), spec, checks.Target{}); got.Status != checks.Passed {
		t.Errorf("got %s: %s, want it passed where it is allowed", got.Status, got.Reason)
	}
	if _, err := os.Stat(touched); err != nil {
		t.Errorf("got %v, want the command run where it is allowed", err)
	}
	if got := all.Run(t.Context(), spec, checks.Target{}); got.Status != checks.Broken {
		t.Errorf("got %s: %s, want the first runners to refuse as before", got.Status, got.Reason)
	}
}
