package adopt

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/plan"
)

var update = flag.Bool("update", false, "write the golden files")

// translators by the folder of their inputs.
func translators() map[string]func([]File, Options) ([]Translation, error) {
	return map[string]func([]File, Options) ([]Translation, error){"flagger": Flagger, "argo": Argo, "kayenta": Kayenta, "blackbox": Blackbox}
}

// TestTranslations holds every input of testdata against the plan and the report that
// were made of it. Every plan loads, and none has a credential of its input: the
// inputs spell theirs hunter2.
func TestTranslations(t *testing.T) {
	for kind, translate := range translators() {
		inputs, err := filepath.Glob(filepath.Join("testdata", kind, "*.*"))
		if err != nil || len(inputs) == 0 {
			t.Fatal(kind, err)
		}
		for _, path := range inputs {
			if strings.Contains(path, ".plan.") || strings.HasSuffix(path, ".report") {
				continue
			}
			t.Run(kind+"/"+filepath.Base(path), func(t *testing.T) {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				var o Options
				if kind == "blackbox" { // modules name no service
					o.Service = "shop"
				}
				got, err := translate([]File{{Name: filepath.Base(path), Text: text}}, o)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != 1 {
					t.Fatalf("got %d plans, want 1", len(got))
				}
				name := strings.TrimSuffix(path, filepath.Ext(path))
				golden(t, name+".plan.yaml", string(got[0].Plan))
				golden(t, name+".report", report(got[0]))
				for _, out := range []string{string(got[0].Plan), report(got[0])} {
					if strings.Contains(out, "hunter2") {
						t.Errorf("a credential was copied:\n%s", out)
					}
				}
				if _, err := plan.Load(name + ".plan.yaml"); err != nil {
					t.Errorf("the plan does not load: %v", err)
				}
			})
		}
	}
}

func report(r Translation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, from %s\n", r.Service, r.From)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "%s:%d:%d: %s: %s: %s\n", n.File, n.Line, n.Column, n.Path, n.Fate, n.Text)
	}
	return b.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); if the new one is better, go test -update:\n%s", path, diff)
	}
}
