package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// labs are the tables of the page about the lab, by the command that writes each.
type labs map[string][][]string

func readLabs(t *testing.T) labs {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "lab.md"))
	if err != nil {
		t.Fatal(err)
	}
	out, command := labs{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if c, ok := strings.CutPrefix(line, "<!-- $ serin lab "); ok {
			command = strings.TrimSuffix(c, " -->")
			continue
		}
		if row, ok := strings.CutPrefix(line, "| "); ok && command != "" {
			out[command] = append(out[command], strings.Split(strings.TrimSuffix(row, " |"), " | "))
		} else if !strings.HasPrefix(line, "|-") {
			command = ""
		}
	}
	return out
}

// cell finds a cell by what only its table's command has, by how its row begins, and by
// the head of its column, the last of that name.
func (l labs) cell(t *testing.T, has, row, column string) string {
	t.Helper()
	var found []string
	for command, table := range l {
		at := len(table[0]) - 1
		for ; at >= 0 && table[0][at] != column; at-- {
		}
		for _, cells := range table[1:] {
			if at >= 0 && strings.Contains(command, has) && strings.HasPrefix(strings.Join(cells, " | ")+" |", row+" |") {
				found = append(found, cells[at])
			}
		}
	}
	if len(found) != 1 {
		t.Fatalf("docs/lab.md has %q for %s, %s in the table of %s; want one cell", found, row, column, has)
	}
	return found[0]
}

// share is a cell's first figure as running text has it.
func share(cell string) string {
	n, _, _ := strings.Cut(cell, "%")
	return strings.TrimSuffix(n, ".0") + " %"
}

// minute is the median that stands behind a share.
func minute(cell string) string {
	_, m, _ := strings.Cut(cell, ", ")
	return m
}

// TestFiguresAreTheLabs holds the figures that pages quote against the tables of the lab.
// Rates of Serin stand in two columns there: until it promotes, and within the hour, which
// is what compares with rules that promote after the hour alone.
func TestFiguresAreTheLabs(t *testing.T) {
	l := readLabs(t)
	const budget, peers, medians = "--rps 20,100,1000", "alarms.svg", "--scenario aa --rule kayenta-any,"
	const bad, later, bounds, strict = "--rule serin,serin-relative,serin-horizon-relative,kayenta-any,kayenta-score -o matrix", "step-30 --rule serin,serin-relative,serin-horizon,serin-horizon-relative -o matrix --show later", "--rule serin,flagger,", "promotion.svg"
	serin := func(level, rps, column string) string {
		return l.cell(t, budget, "aa | "+level+" | "+rps+" | 19+1 | 2000 | serin", column)
	}
	alarms := func(rule string) string { return share(l.cell(t, peers, "`aa` | moderate", rule)) }
	after := func(rule string) string { return minute(l.cell(t, medians, "`aa`", rule)) }
	found := func(has, scenario, rule string) string { return share(l.cell(t, has, "`"+scenario+"`", rule)) }
	by := func(scenario, rule string) string { return minute(l.cell(t, bounds, "`"+scenario+"`", rule)) }
	ours := fmt.Sprintf("%s (%s before it promotes)", share(serin("moderate", "100", "rollback even later")), share(serin("moderate", "100", "rollback")))
	both := func(scenario string) string {
		return found(bounds, scenario, "serin") + ", after " + by(scenario, "serin")
	}

	for page, want := range map[string][]string{
		"comparison.md": {
			"after " + serin("moderate", "100", "median min") + " minutes in the median",
			alarms("flagger") + " with bounds of 99 % success and 500 ms, five failed minutes (`flagger`), in the median after " + after("flagger") + " min; " +
				alarms("flagger-tuned") + " with bounds set from the hour before (`flagger-tuned`), after " + after("flagger-tuned") + " min | " + ours + " |",
			"found in " + found(bounds, "errors+1pp", "flagger") + ", after " + by("errors+1pp", "flagger") + " min; with `flagger-tuned` in " +
				found(bounds, "errors+1pp", "flagger-tuned") + ", after " + by("errors+1pp", "flagger-tuned") + " min | found in " + both("errors+1pp") + " min |",
			alarms("argo-95") + " with a bound of 95 % success (`argo-95`), " + alarms("argo-99") + " with 99 % (`argo-99`) | " + ours + " |",
			"`argo-95` finds it in " + found(bounds, "errors+2pp", "argo-95") + "; `argo-99` in " + found(bounds, "errors+2pp", "argo-99") + ", after " +
				by("errors+2pp", "argo-99") + " min | found in " + both("errors+2pp") + " min |",
			alarms("kayenta-any") + " asked each minute, " + alarms("kayenta-any-10m") + " each ten minutes, " + alarms("kayenta-any-once") + " once. By its score (two of four): " +
				alarms("kayenta-score") + " each minute, " + alarms("kayenta-score-once") + " once | " + ours + ", asked each minute",
			"twice the errors in " + found(bad, "errors-x2", "kayenta-any") + " of the runs where Serin finds " + found(bad, "errors-x2", "serin") +
				" before it promotes and " + found(later, "errors-x2", "serin") + " within the hour",
			"finds it in " + found(bad, "latency-x1.2", "serin") + " and " + found(later, "latency-x1.2", "serin") + " (",
			"found in " + found(bad, "errors-x2", "serin") + " of the runs before it is promoted (" + found(bad, "errors-x2", "serin-relative") +
				" with a relative tolerance) and in " + found(later, "errors-x2", "serin") + " within the hour",
			"(" + found(bad, "leak", "serin") + " before promotion, " + found(later, "leak", "serin") + " within the hour)",
			"only " + share(l.cell(t, strict, "`aa` | moderate | 20", "serin-strict")) + " of healthy canaries are promoted",
		},
		"statistics.md": {"it happens in 0 to " + worst(t, l, budget, "rollback") + " before it promotes, and in " + worst(t, l, budget, "rollback even later") + " at most within the hour"},
	} {
		text, err := os.ReadFile(filepath.Join(root, "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Join(strings.Fields(string(text)), " ")
		for _, w := range want {
			if !strings.Contains(words, w) {
				t.Errorf("docs/%s does not say what docs/lab.md has: %q", page, w)
			}
		}
	}
}

// worst is the highest share of the rule serin in a column of its table.
func worst(t *testing.T, l labs, has, column string) string {
	t.Helper()
	var shares []string
	for _, level := range []string{"clean", "moderate", "harsh"} {
		for _, rps := range []string{"20", "100", "1000"} {
			shares = append(shares, share(l.cell(t, has, "aa | "+level+" | "+rps+" | 19+1 | 2000 | serin", column)))
		}
	}
	return slices.MaxFunc(shares, func(a, b string) int {
		var x, y float64
		_, _ = fmt.Sscan(a, &x)
		_, _ = fmt.Sscan(b, &y)
		return int(1000 * (x - y))
	})
}
