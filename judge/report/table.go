package report

import (
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
)

// gap is the number of spaces between two columns.
const gap = 2

// table is lines of cells below headings, with a mark before each line. It fits into any
// width: columns are cut, then dropped.
type table struct {
	heads []string
	rows  []tableRow
	show  []bool      // which columns there are
	right []int       // columns of numbers
	least map[int]int // how short a column may be cut; others are never cut
	drop  []int       // columns that a narrow terminal goes without, the first first
}

// tableRow is a line of a table.
type tableRow struct {
	tone  tone
	cells []string
}

// findingsTable is the table of a verdict's findings. What is dropped is in the sentences
// too.
func findingsTable(rows []row, show [columns]bool) table {
	heads := headings()
	t := table{
		heads: heads[:], show: show[:], right: []int{colCanary, colBaseline, colWorse, colNotWorse, colRequests},
		least: map[int]int{colName: 12}, drop: []int{colRequests, colNotWorse, colBaseline, colCanary, colWorse},
	}
	for _, r := range rows {
		t.rows = append(t.rows, tableRow{r.tone, r.cells[:]})
	}
	return t
}

// tabulate writes a table.
func (t *page) tabulate(of table) {
	widths := of.fit(t.width)
	heads := make([]string, len(of.heads))
	for i, h := range of.heads {
		heads[i] = strings.ToUpper(h)
	}
	t.line("  " + t.paint(strings.TrimRight(of.layOut(heads, widths), " "), faint()))
	for _, r := range of.rows {
		text := strings.TrimRight(r.tone.mark()+" "+of.layOut(r.cells, widths), " ")
		if r.tone != neutral {
			text = t.paint(text, toneStyle(r.tone))
		}
		t.line(text)
	}
}

// fit returns how wide each column is, and drops columns until they fit.
func (t *table) fit(width int) []int {
	widths := make([]int, len(t.heads))
	for c, h := range t.heads {
		widths[c] = lipgloss.Width(h)
		for _, r := range t.rows {
			widths[c] = max(widths[c], lipgloss.Width(r.cells[c]))
		}
	}
	over := func() int {
		n := 2 - gap // the mark
		for c := range widths {
			if t.show[c] {
				n += widths[c] + gap
			}
		}
		return n - width
	}
	for _, c := range t.drop {
		if over() <= 0 {
			break
		}
		// Long cells are shortened, down to half, before a column goes.
		room := 0
		for c, least := range t.least {
			if t.show[c] {
				room += max(0, widths[c]-max(least, widths[c]/2))
			}
		}
		if over() > room {
			t.show[c] = false
		}
	}
	for over() > 0 {
		widest := -1
		for _, c := range t.cuttable() {
			if widths[c] > t.least[c] && (widest < 0 || widths[c] > widths[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			break // narrower than anything can be said in
		}
		widths[widest]--
	}
	return widths
}

// cuttable are the columns that are there and may be cut, in order.
func (t *table) cuttable() []int {
	var out []int
	for c := range t.heads {
		if _, ok := t.least[c]; ok && t.show[c] {
			out = append(out, c)
		}
	}
	return out
}

// layOut puts cells side by side: words to the left, numbers to the right.
func (t *table) layOut(cells []string, widths []int) string {
	var b strings.Builder
	for c, cell := range cells {
		if !t.show[c] {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		cell = shorten(cell, widths[c])
		pad := strings.Repeat(" ", max(0, widths[c]-lipgloss.Width(cell)))
		if slices.Contains(t.right, c) {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return b.String()
}

// shorten cuts a text to a number of columns.
func shorten(s string, columns int) string {
	if lipgloss.Width(s) <= columns {
		return s
	}
	return prefix(s, columns-1) + "…"
}
