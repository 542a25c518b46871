package adopt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
)

// fuzzed holds a translator to its promises, whatever it is given: faults of the file,
// or plans that load; never a panic, and never an error of its own making.
func fuzzed(f *testing.F, kind string) {
	seeds, err := filepath.Glob(filepath.Join("testdata", kind, "*"))
	if err != nil || len(seeds) == 0 {
		f.Fatal(err)
	}
	for _, path := range seeds {
		if strings.Contains(path, ".plan.") || strings.HasSuffix(path, ".report") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := translators()[kind]([]File{{Name: "in", Text: text}}, Options{Service: "service"})
		var faults plan.Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatalf("an error that is no fault of the file: %v", err)
		}
		for _, g := range got {
			if _, err := plan.Parse("out.yaml", g.Plan); err != nil {
				t.Fatalf("the plan does not load: %v\n%s", err, g.Plan)
			}
		}
	})
}

func FuzzFlagger(f *testing.F) { fuzzed(f, "flagger") }
func FuzzArgo(f *testing.F)    { fuzzed(f, "argo") }
func FuzzKayenta(f *testing.F) { fuzzed(f, "kayenta") }

// FuzzBlackbox does the same for modules.
func FuzzBlackbox(f *testing.F) { fuzzed(f, "blackbox") }

// FuzzConditions ensures that no condition makes the reader panic, and that a bound is
// always one of a number.
func FuzzConditions(f *testing.F) {
	for _, s := range []string{"result[0] >= 0.95", "len(result) == 0 || result[0] < 1e9", "default(result, 0) < 5", "all(result, # < 1)", "!!!result", "result > -0x1p3"} {
		f.Add(s, "")
		f.Add("", s)
	}
	f.Fuzz(func(t *testing.T, success, failure string) {
		bounds, _, err := conditions(success, failure)
		for _, b := range bounds {
			if err == nil && b.value != b.value {
				t.Fatalf("got a bound that is no number: %v", b)
			}
		}
	})
}
