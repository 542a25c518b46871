package plan

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

// TestDocumentedChecksLoad ensures that every plan on the page of checks loads, and that
// together they show every kind.
func TestDocumentedChecksLoad(t *testing.T) {
	text, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	n := 0
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)\n```$").FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(m[1], "secrets:") {
			continue // of the configuration; cmd/serin/app loads it
		}
		n++
		p, err := Parse("checks.md", []byte(m[1]))
		if err != nil {
			t.Errorf("got faults, want none:\n%v\nof\n%s", err, m[1])
			continue
		}
		for _, c := range p.Checks {
			shown = append(shown, c.Kind())
		}
	}
	if n < 5 {
		t.Errorf("got %d plans on the page, want five or more", n)
	}
	for _, kind := range checks.KindNames() {
		if !slices.Contains(shown, kind) && kind != "exec" {
			t.Errorf("no plan on the page shows a check of kind %s", kind)
		}
		if !strings.Contains(string(text), "| `"+kind+"` |") && kind != "exec" {
			t.Errorf("the table of kinds has no row for %s", kind)
		}
	}
}
