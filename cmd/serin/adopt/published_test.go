package adopt

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
)

// TestPublishedExamples reads the examples and the documentation that Flagger and Argo
// Rollouts publish with their Go modules, in the versions that the suites in
// webhooks/e2e drive for real. Each file is a plan that loads, or has faults of
// its own that say why not.
func TestPublishedExamples(t *testing.T) {
	for _, tt := range []struct {
		kind, module, suite string
		wanted              *regexp.Regexp
		folders             []string
		plans, metrics      int // at least
	}{
		{"flagger", "github.com/fluxcd/flagger", "flagger", regexp.MustCompile(`(?m)^kind: (Canary|MetricTemplate)$`), []string{"artifacts", "docs", "test"}, 20, 40},
		{"argo", "github.com/argoproj/argo-rollouts", "kayenta", regexp.MustCompile(`(?m)^kind: (ClusterAnalysisTemplate|AnalysisTemplate)$`), []string{"examples", "docs", "test/e2e"}, 20, 10},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			root := downloaded(t, tt.module, tt.suite)
			plans, carried := 0, 0
			for _, folder := range tt.folders {
				err := filepath.WalkDir(filepath.Join(root, folder), func(path string, e fs.DirEntry, err error) error {
					if err != nil || e.IsDir() {
						return err
					}
					for _, text := range manifests(t, path, tt.wanted) {
						p, c := readPublished(t, tt.kind, strings.TrimPrefix(path, root), text)
						plans, carried = plans+p, carried+c
					}
					return nil
				})
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			t.Logf("%d plans, %d parts carried over", plans, carried)
			if plans < tt.plans || carried < tt.metrics {
				t.Errorf("got %d plans with %d parts carried over, want at least %d with %d", plans, carried, tt.plans, tt.metrics)
			}
		})
	}
}

// downloaded returns where the module cache has a module, in the version that a suite
// of ours drives, and lets Go download it where it has not.
func downloaded(t *testing.T, module, suite string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	c.Dir = filepath.Join("..", "..", "..", "webhooks", "e2e", suite)
	out, err := c.Output()
	var at struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &at); err == nil {
		err = jsonErr
	}
	switch {
	case err == nil && at.Dir != "":
	case os.Getenv("SERIN_REQUIRE_TOOLS") != "":
		t.Fatalf("%s cannot be downloaded: %v %s", module, err, at.Error)
	default:
		t.Skipf("%s cannot be downloaded: %v %s", module, err, at.Error)
	}
	return at.Dir
}

// manifests returns a YAML file as it is, and of a page every block that is one.
func manifests(t *testing.T, path string, wanted *regexp.Regexp) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(path) {
	case ".yaml", ".yml":
		if wanted.Match(text) {
			return []string{string(text)}
		}
	case ".md":
		var all []string
		for _, m := range regexp.MustCompile("(?ms)^( *)```yaml[^\n]*\n(.*?\n) *```").FindAllStringSubmatch(string(text), -1) {
			block := regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(m[2], "")
			if wanted.MatchString(block) && !strings.Contains(block, "\n  ...\n") && !strings.Contains(block, "\n...\n") {
				all = append(all, block)
			}
		}
		return all
	}
	return nil
}

func readPublished(t *testing.T, kind, path, text string) (plans, carried int) {
	t.Helper()
	got, err := translators()[kind]([]File{{Name: path, Text: []byte(text)}}, Options{Service: "example"})
	var faults plan.Faults
	if err != nil {
		if !errors.As(err, &faults) {
			t.Errorf("%s: %v", path, err)
		}
		t.Logf("%v", err)
		return 0, 0
	}
	for _, g := range got {
		if _, err := plan.Parse(path, g.Plan); err != nil {
			t.Errorf("%s: the plan does not load: %v\n%s", path, err, g.Plan)
		}
		for _, n := range g.Notes {
			if n.Fate == Carried {
				carried++
			} else if strings.Contains(n.Path, "metrics") {
				t.Logf("%s: %s", path, n.Text)
			}
		}
	}
	return len(got), carried
}
