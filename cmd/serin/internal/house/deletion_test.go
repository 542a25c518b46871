package house

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDashboardsAndAlertsCanBeDeleted takes the folders dashboards and alerts out of the
// build: everything but the commands, tests included, still finds all that it imports.
// The commands do not, which shows that the folders were taken out.
func TestDashboardsAndAlertsCanBeDeleted(t *testing.T) {
	root := findRoot(t)
	gone := map[string]string{} // an empty replacement is a file that is not there
	for _, dir := range []string{"dashboards", "alerts"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "node_modules" {
				return fs.SkipDir
			}
			if err == nil && filepath.Ext(path) == ".go" {
				gone[path] = ""
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": gone})
	if err != nil || len(gone) < 40 {
		t.Fatalf("got %d files, %v; want those of both folders", len(gone), err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	list := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-overlay=" + overlay}, args...)...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := list("-e", "./...")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rest := slices.DeleteFunc(strings.Fields(out), func(p string) bool {
		return !strings.HasPrefix(p, module+"/") || strings.HasPrefix(p, module+"/cmd/")
	})
	if len(rest) < 20 || slices.ContainsFunc(rest, func(p string) bool { return strings.HasPrefix(p, module+"/alerts") }) {
		t.Fatalf("got the packages %v, want all others", rest)
	}
	if out, err := list(append([]string{"-test", "-deps"}, rest...)...); err != nil {
		t.Errorf("something else needs dashboards or alerts: %v\n%s", err, out)
	}
	if out, err := list("-deps", "./cmd/serin"); err == nil || !strings.Contains(out, module+"/dashboards") {
		t.Errorf("got %v from the command, want it not to build: the folders were not taken out", err)
	}
}
