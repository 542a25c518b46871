package plan

import (
	"errors"
	"strings"
	"testing"
)

// TestPositionsInsideQueries ensures that a fault inside a query points at its
// character of the file, however YAML wraps the query. In each text "§" stands just
// before the character that is wrong.
func TestPositionsInsideQueries(t *testing.T) {
	for name, query := range map[string]string{
		"plain":            `sum(rate(a[2m])) / §/ 1`,
		"plain, umlauts":   `sum(rate(a{b="äöü"}[2m])) / §/ 1`,
		"plain, two lines": "sum(rate(a[2m]))\n      / §/ 1",
		"single quotes":    `'sum(rate(a{b="it''s"}[2m])) / §/ 1'`,
		"double quotes":    `"sum(rate(a{b=\"c\"}[2m])) / §/ 1"`,
		"escapes":          `"sum(rate(a{b=\"\u00e4\x41\"}[2m]))\n/\t§/ 1"`,
		"broken line":      "\"sum(rate(a[2m])) \\\n      / §/ 1\"",
		"literal":          "|\n      sum(rate(a[2m]))\n        / §/ 1",
		"literal, strip":   "|-\n\n      sum(rate(a[2m]))\n\n      / §/ 1\n",
		"literal, indent":  "|2\n        sum(rate(a[2m]))\n      / §/ 1",
		"folded":           ">\n      sum(rate(a[2m]))\n      /\n      §/ 1",
		"folded, comment":  ">- # sum(\n      sum(rate(a[2m]))\n\n      / §/ 1",
		"anchor":           `&q sum(rate(a[2m])) / §/ 1`,
		"anchor, quotes":   `&q "sum(rate(a[2m])) / §/ 1"`,
		"tag":              `!!str "sum(rate(a[2m])) / §/ 1"`,
		"end":              `sum(rate(a[2m])§`,
		"end, quotes":      `"sum(rate(a[2m])§"`,
		"end, literal":     "|\n      sum(rate(a[2m])§\n",
	} {
		before := "service: a\nmetrics:\n  - name: x\n    selector: pod=~\"{{ .PodPattern }}\"\n    query: "
		text, marked := before+strings.ReplaceAll(query, "§", ""), before+query
		ahead, _, _ := strings.Cut(marked, "§")
		line := 1 + strings.Count(ahead, "\n")
		column := 1 + len([]rune(ahead[strings.LastIndex(ahead, "\n")+1:]))

		_, err := Parse("p.yaml", []byte(text))
		var faults Faults
		if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Path != "metrics[0].query" {
			t.Errorf("%s: got %v, want one fault of the query", name, err)
			continue
		}
		if f := faults[0]; f.Line != line || f.Column != column {
			t.Errorf("%s: got %d:%d, want %d:%d (%s)", name, f.Line, f.Column, line, column, f.Text)
		}
	}
}

// TestPositionsWithWindowsLines ensures that files of other systems are read alike.
func TestPositionsWithWindowsLines(t *testing.T) {
	text := "\ufeffservice: a\r\nmetrics:\r\n  - name: x\r\n    selector: pod=~\"{{ .PodPattern }}\"\r\n    query: |\r\n      sum(\r\n        up /)\r\n"
	_, err := Parse("p.yaml", []byte(text))
	if err == nil || !strings.HasPrefix(err.Error(), "p.yaml:7:13: metrics[0].query:") {
		t.Errorf("got %v, want a fault at 7:13", err)
	}
}
