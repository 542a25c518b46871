package report

import (
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/serin-canary/serin/judge"
)

// gap is the number of spaces between two columns.
const gap = 2

// leastName is how short a name may be cut to make room.
const leastName = 12

// droppable are the columns that a narrow terminal goes without, the first first.
// All of them are in the sentences too.
func droppable() []int { return []int{colRequests, colNotWorse, colBaseline, colCanary, colWorse} }

// table writes the findings, one a line.
func (t *page) table(fs []judge.Finding) {
	if len(fs) == 0 {
		t.line("")
		t.line("There are no findings.")
		return
	}
	rows, show := rowsOf(fs)
	widths := t.widths(rows, &show)
	t.line("")
	head := headings()
	for i := range head {
		head[i] = strings.ToUpper(head[i])
	}
	t.line("  " + t.paint(strings.TrimRight(layOut(head, widths, show), " "), faint()))
	for _, r := range rows {
		text := strings.TrimRight(r.tone.mark()+" "+layOut(r.cells, widths, show), " ")
		if r.tone != neutral {
			text = t.paint(text, toneStyle(r.tone))
		}
		t.line(text)
	}
	if l := legend(fs); l != "" {
		t.hanging("  ", l, 2)
	}
}

// widths returns how wide each column is, and drops columns until they fit.
func (t *page) widths(rows []row, show *[columns]bool) [columns]int {
	var widths [columns]int
	for c, h := range headings() {
		widths[c] = lipgloss.Width(h)
		for _, r := range rows {
			widths[c] = max(widths[c], lipgloss.Width(r.cells[c]))
		}
	}
	total := func() int {
		n := 2 - gap // the mark
		for c := range widths {
			if show[c] {
				n += widths[c] + gap
			}
		}
		return n
	}
	for _, c := range droppable() {
		// A few long names are shortened before a column goes.
		if over := total() - t.width; over > 0 && widths[colName]-over < max(leastName, widths[colName]/2) {
			show[c] = false
		}
	}
	if over := total() - t.width; over > 0 {
		widths[colName] = max(widths[colName]-over, leastName)
	}
	return widths
}

// layOut puts cells side by side. Names and classes are to the left, numbers to
// the right.
func layOut(cells [columns]string, widths [columns]int, show [columns]bool) string {
	var b strings.Builder
	for c, cell := range cells {
		if !show[c] {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		if lipgloss.Width(cell) > widths[c] {
			cell = prefix(cell, widths[c]-1) + "…"
		}
		pad := strings.Repeat(" ", max(0, widths[c]-lipgloss.Width(cell)))
		switch c {
		case colName, colClass, colRatio:
			b.WriteString(cell + pad)
		default:
			b.WriteString(pad + cell)
		}
	}
	return b.String()
}
