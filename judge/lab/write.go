package lab

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Formats lists how cells can be written.
func Formats() []string { return []string{"text", "json", "csv", "markdown"} }

// Write writes cells in one of the [Formats].
func Write(w io.Writer, format string, cells []Cell) error {
	switch format {
	case "text":
		return writeText(w, cells)
	case "json":
		return writeJSON(w, cells)
	case "csv":
		return writeCSV(w, cells)
	case "markdown":
		return writeMarkdown(w, cells)
	}
	return fmt.Errorf("cells cannot be written as %q; there are %s", format, strings.Join(Formats(), ", "))
}

func writeJSON(w io.Writer, cells []Cell) error {
	if cells == nil {
		cells = []Cell{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(cells)
}

// setting names what the cells of one table have in common.
func (c Cell) setting() string {
	return fmt.Sprintf("%s, %s, %s requests/s, pods %d+%d, %d runs, seed %d",
		c.Scenario, c.Level, short(c.RPS), c.BaselinePods, c.Pods, c.Runs, c.Seed)
}

// heading are the columns of the tables for people.
func heading() []string {
	return []string{"rule", "rollback", "95% interval", "median min", "bad requests", "promote", "median min", "rollback even later"}
}

func (c Cell) row() []string {
	return []string{
		c.Rule, percent(c.RollbackRate), percent(c.RollbackLow) + " to " + percent(c.RollbackHigh), minutes(c.MedianMinutes),
		decimal(c.BadRequests), percent(c.PromoteRate), minutes(c.PromoteMedianMinutes), percent(c.HarmRate),
	}
}

// tables cuts cells where their setting changes.
func tables(cells []Cell) [][]Cell {
	var out [][]Cell
	for i, c := range cells {
		if i == 0 || c.setting() != cells[i-1].setting() {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], c)
	}
	return out
}

func writeText(w io.Writer, cells []Cell) error {
	for i, table := range tables(cells) {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s\n\n", table[0].setting())
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, strings.ToUpper(strings.Join(heading(), "\t")))
		for _, c := range table {
			fmt.Fprintln(tw, strings.Join(c.row(), "\t"))
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// writeMarkdown writes one table, with the setting in front of each row.
func writeMarkdown(w io.Writer, cells []Cell) error {
	columns := append([]string{"scenario", "level", "requests/s", "pods", "runs"}, heading()...)
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, c := range cells {
		row := append([]string{c.Scenario, c.Level.String(), short(c.RPS), fmt.Sprintf("%d+%d", c.BaselinePods, c.Pods), strconv.Itoa(c.Runs)}, c.row()...)
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | ")); err != nil {
			return err
		}
	}
	return nil
}

// Shows lists what the fields of a matrix can hold.
func Shows() []string { return []string{"rollback", "interval", "later", "promote", "errors", "limit"} }

// WriteMatrix writes a Markdown table with a row for each setting, a column for each
// rule, and one of the [Shows] in every field: how often and after which median minute
// it rolled back, how often with its interval, how often it would have sooner or later,
// how often it promoted, how many errors were served, or how often a limit was crossed.
// Columns in which all settings agree are left out.
func WriteMatrix(w io.Writer, show string, cells []Cell) error {
	field, ok := map[string]func(Cell) string{
		"rollback": func(c Cell) string { return percent(c.RollbackRate) + ", " + minutes(c.MedianMinutes) },
		"interval": func(c Cell) string {
			return percent(c.RollbackRate) + " (" + percent(c.RollbackLow) + " to " + percent(c.RollbackHigh) + ")"
		},
		"later":   func(c Cell) string { return percent(c.HarmRate) + ", " + minutes(c.HarmMedianMinutes) },
		"promote": func(c Cell) string { return percent(c.PromoteRate) + ", " + minutes(c.PromoteMedianMinutes) },
		"errors":  func(c Cell) string { return decimal(c.BadRequests) },
		"limit":   func(c Cell) string { return percent(c.LimitRate) },
	}[show]
	if !ok {
		return fmt.Errorf("a matrix cannot show %q; there are %s", show, strings.Join(Shows(), ", "))
	}
	var rules []string
	for _, c := range cells {
		if !slices.Contains(rules, c.Rule) {
			rules = append(rules, c.Rule)
		}
	}
	names, keys := varying(cells)
	columns := append(slices.Clone(names), rules...)
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, table := range tables(cells) {
		row := keys(table[0])
		for _, rule := range rules {
			if i := slices.IndexFunc(table, func(c Cell) bool { return c.Rule == rule }); i >= 0 {
				row = append(row, field(table[i]))
			} else {
				row = append(row, "")
			}
		}
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | ")); err != nil {
			return err
		}
	}
	return nil
}

// varying returns those columns of a setting in which cells differ, the scenario
// always, and a function that fills them.
func varying(cells []Cell) (names []string, fill func(Cell) []string) {
	all := []struct {
		name string
		of   func(Cell) string
	}{
		{"scenario", func(c Cell) string { return "`" + c.Scenario + "`" }},
		{"level", func(c Cell) string { return c.Level.String() }},
		{"requests/s", func(c Cell) string { return short(c.RPS) }},
		{"pods", func(c Cell) string { return fmt.Sprintf("%d+%d", c.BaselinePods, c.Pods) }},
		{"runs", func(c Cell) string { return strconv.Itoa(c.Runs) }},
	}
	kept := all[:0:0]
	for i, column := range all {
		if i == 0 || slices.ContainsFunc(cells, func(c Cell) bool { return column.of(c) != column.of(cells[0]) }) {
			kept = append(kept, column)
			names = append(names, column.name)
		}
	}
	return names, func(c Cell) []string {
		var row []string
		for _, column := range kept {
			row = append(row, column.of(c))
		}
		return row
	}
}

// writeCSV writes the keys of the JSON as columns.
func writeCSV(w io.Writer, cells []Cell) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{
		"rule", "level", "rps", "pods", "baseline_pods", "scenario", "seed", "runs", "rollback_rate", "rollback_low", "rollback_high",
		"median_minutes", "bad_requests", "promote_rate", "promote_low", "promote_high", "promote_median_minutes", "harm_rate", "harm_median_minutes", "limit_rate",
	})
	for _, c := range cells {
		_ = out.Write([]string{
			c.Rule, c.Level.String(), decimal(c.RPS), strconv.Itoa(c.Pods), strconv.Itoa(c.BaselinePods), c.Scenario,
			strconv.FormatUint(c.Seed, 10), strconv.Itoa(c.Runs), decimal(c.RollbackRate), decimal(c.RollbackLow), decimal(c.RollbackHigh),
			known(c.MedianMinutes), decimal(c.BadRequests), decimal(c.PromoteRate), decimal(c.PromoteLow), decimal(c.PromoteHigh),
			known(c.PromoteMedianMinutes), decimal(c.HarmRate), known(c.HarmMedianMinutes), decimal(c.LimitRate),
		})
	}
	out.Flush()
	return out.Error()
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// short writes a number with three digits, or as a whole.
func short(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func known(v *float64) string {
	if v == nil {
		return ""
	}
	return decimal(*v)
}

func minutes(v *float64) string {
	if v == nil {
		return "–"
	}
	return decimal(*v)
}

// percent writes a share with as many digits as matter.
func percent(v float64) string {
	p, digits := 100*v, 0
	switch {
	case p > 0 && p < 1:
		digits = 2
	case p > 0 && p < 10 || p > 90 && p < 100:
		digits = 1
	}
	return strconv.FormatFloat(p, 'f', digits, 64) + "%"
}
