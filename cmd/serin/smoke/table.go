package smoke

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/serin-canary/serin/judge/checks"
)

// Look is how a table is written.
type Look struct {
	Colour bool
	Width  int // in columns; 0 means 100
	// Reasons says why checks passed, too, and what they measured.
	Reasons bool
}

// Table writes the report for people: a line for each check, why one did not pass, and
// the run in a sentence. Nothing is said by colour alone.
func (r Report) Table(w io.Writer, look Look) error {
	if look.Width <= 0 {
		look.Width = 100
	}
	var b strings.Builder
	head := fmt.Sprintf("%s: %d checks against %s", plain(r.Plan), len(r.Checks), plain(r.Target))
	if len(r.Checks) == 1 {
		head = fmt.Sprintf("%s: one check against %s", plain(r.Plan), plain(r.Target))
	}
	if r.Baseline != "" {
		head += ", baseline " + plain(r.Baseline)
	}
	b.WriteString(look.paint(head, lipgloss.NewStyle().Bold(true)) + "\n\n")
	cells := [][]string{{"CHECK", "KIND", "RESULT", "TOOK", "TRIES"}}
	for _, e := range r.Checks {
		cells = append(cells, []string{plain(e.Name), e.Kind, e.word(), checks.Took(e.Result.Took), strconv.Itoa(e.Result.Attempts)})
	}
	for i, line := range layOut(cells) {
		switch {
		case i == 0:
			line = look.paint("  "+line, lipgloss.NewStyle().Faint(true))
		default:
			e := r.Checks[i-1]
			line = look.paint(e.mark()+" "+line, e.style())
		}
		b.WriteString(line + "\n")
	}
	for _, e := range r.Checks {
		if e.Result.Status == checks.Passed && !look.Reasons {
			continue
		}
		b.WriteString("\n" + look.paint(e.mark()+" "+plain(e.Name)+": "+e.word(), e.style()) + "\n")
		for _, line := range wrap(plain(e.Result.Reason), look.Width-4) {
			b.WriteString("    " + line + "\n")
		}
	}
	b.WriteString("\n" + strings.Join(wrap(r.Sentence(), look.Width), "\n") + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (l Look) paint(s string, style lipgloss.Style) string {
	if !l.Colour {
		return s
	}
	return style.Render(s)
}

// word says how a check ended.
func (e Entry) word() string {
	switch {
	case e.Result.Status == checks.Passed:
		return "passed"
	case e.Result.Status == checks.Environment:
		return e.optional("fails on both arms")
	}
	return e.optional(string(e.Result.Status))
}

func (e Entry) optional(word string) string {
	if e.Counts {
		return word
	}
	return word + ", not required"
}

func (e Entry) mark() string {
	switch {
	case e.Result.Status == checks.Passed:
		return "✓"
	case e.Counts && e.Result.Status == checks.Failed:
		return "✗"
	}
	return "!"
}

func (e Entry) style() lipgloss.Style {
	switch e.mark() {
	case "✓":
		return lipgloss.NewStyle().Foreground(lipgloss.Green)
	case "✗":
		return lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	}
	return lipgloss.NewStyle().Foreground(lipgloss.Yellow)
}

// layOut puts cells into columns.
func layOut(rows [][]string) []string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	var out []string
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-lipgloss.Width(cell)+2))
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

// wrap breaks a text at spaces; a word that is longer than a line stays whole.
func wrap(s string, width int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && lipgloss.Width(line)+1+lipgloss.Width(word) > width {
			out, line = append(out, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}
