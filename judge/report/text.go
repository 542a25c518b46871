package report

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/serin-canary/serin/judge"
)

// Text writes the report for a terminal: the verdict and its sentence first, then
// a table of findings, then the reasons. A summary under 1.5 kB comes last.
func Text(w io.Writer, v judge.Verdict, o Options) error { return TracedText(w, v, judge.Trace{}, o) }

// TracedText writes the report as [Text] does, with what [TraceText] writes of how the
// verdict came to be before the summary.
func TracedText(w io.Writer, v judge.Verdict, trace judge.Trace, o Options) error {
	t := newPage(o)
	t.head(v)
	t.findings(v.Findings)
	t.reasons(v)
	t.section("What it rests on")
	for _, s := range progress(v) {
		t.item("  ", s)
	}
	t.trace(trace)
	t.section("Summary")
	t.b.WriteString(summary(v, o.Over))
	return t.flush(w)
}

// page is a text under way.
type page struct {
	b             strings.Builder
	colour, ascii bool
	over          bool
	width         int
}

// The width of a page where none is given, and the least that one is laid out in.
const (
	usualWidth = 100
	leastWidth = 40
)

func newPage(o Options) *page {
	if o.Width <= 0 {
		o.Width = usualWidth
	}
	return &page{colour: o.Colour, ascii: o.ASCII, over: o.Over, width: max(o.Width, leastWidth)}
}

// flush writes the page.
func (t *page) flush(w io.Writer) error {
	s := t.b.String()
	if t.ascii {
		s = ASCII(s)
	}
	if _, err := io.WriteString(w, s); err != nil {
		return fmt.Errorf("report: write: %w", err)
	}
	return nil
}

// paint colours a text. Only the sixteen colours of the terminal's own theme are
// used, and nothing is said by colour alone.
func (t *page) paint(s string, style lipgloss.Style) string {
	if !t.colour || s == "" {
		return s
	}
	return style.Render(s)
}

func toneStyle(of tone) lipgloss.Style {
	switch of {
	case good:
		return lipgloss.NewStyle().Foreground(lipgloss.Green)
	case held:
		return lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	case bad:
		return lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	}
	return lipgloss.NewStyle()
}

func outcomeTone(v judge.Verdict) tone {
	switch v.Outcome {
	case judge.Promote:
		return good
	case judge.Rollback:
		return bad
	case judge.Inconclusive:
		return held
	}
	return neutral
}

func bold() lipgloss.Style  { return lipgloss.NewStyle().Bold(true) }
func faint() lipgloss.Style { return lipgloss.NewStyle().Faint(true) }

// head writes the verdict, its sentence, what a person must do, and the answers.
func (t *page) head(v judge.Verdict) {
	word := strings.ToUpper(word(v))
	rest := subject(v)
	if q := qualifiers(v); len(q) > 0 {
		word += " (" + strings.Join(q, ", ") + ")"
	}
	style := toneStyle(outcomeTone(v)).Bold(true)
	if lipgloss.Width(word+"  "+rest) > t.width {
		t.line(t.paint(word, style))
		t.wrapped("", rest)
	} else {
		t.line(t.paint(word, style) + "  " + t.paint(rest, bold()))
	}
	t.wrapped("", sentence(v))
	if v.Page != "" {
		t.line("")
		t.hanging(t.paint("A PERSON MUST LOOK NOW: ", toneStyle(bad)), clean(v.Page), 4)
	}
	if shadow(v) {
		t.line("")
		t.wrapped("", "Shadow mode: this is recorded and drawn; nothing is blocked or rolled back.")
	}
	t.line("")
	asked, room := answers(v), 16
	if t.over {
		asked, room = past(asked), 27
	}
	for _, a := range asked {
		label := fmt.Sprintf("%-*s%-5s", room, a.question, yesNo(a.yes))
		t.hanging(label, a.reason, lipgloss.Width(label))
	}
}

// sentence is the verdict's reason, which a verdict must have.
func sentence(v judge.Verdict) string {
	if s := clean(v.Reason); s != "" {
		return s
	}
	return "No reason was recorded."
}

// findings writes the table of findings.
func (t *page) findings(fs []judge.Finding) {
	t.line("")
	if len(fs) == 0 {
		t.line("There are no findings.")
		return
	}
	t.tabulate(findingsTable(rowsOf(fs)))
	if l := legend(fs); l != "" {
		t.hanging("  ", l, 2)
	}
}

// reasons writes each finding's sentence, and what would change it.
func (t *page) reasons(v judge.Verdict) {
	if len(v.Findings) == 0 {
		return
	}
	t.section("Why")
	for _, f := range v.Findings {
		of := toneOf(f)
		head := of.mark() + " " + nameOf(f)
		words := strings.Join(append([]string{class(f.Class)}, roles(f)...), ", ")
		if lipgloss.Width(head) > t.width/2 {
			t.hanging("", head+": "+words, 2)
		} else {
			t.hanging(t.paint(head, toneStyle(of))+": ", words, 2)
		}
		t.item("    ", clean(f.Reason))
		t.item("    ", evidence(f, v.Threshold))
		if f.Next != "" {
			t.hanging("    → ", clean(f.Next), 6)
		}
	}
}

func (t *page) section(name string) { t.b.WriteString("\n" + t.paint(name, bold()) + "\n") }

// line writes a line that is known to fit.
func (t *page) line(s string) { t.b.WriteString(strings.TrimRight(s, " ") + "\n") }

// item writes a wrapped text with an indent, and nothing where it is empty.
func (t *page) item(indent, s string) {
	if s != "" {
		t.wrapped(indent, s)
	}
}

func (t *page) wrapped(indent, s string) { t.hanging(indent, s, len(indent)) }

// hanging writes a text behind a label, its further lines indented.
func (t *page) hanging(label, s string, indent int) {
	lines := wrap(s, t.width-indent, t.width-lipgloss.Width(label))
	for i, l := range lines {
		if i == 0 {
			t.line(label + l)
		} else {
			t.line(strings.Repeat(" ", indent) + l)
		}
	}
}

// wrap breaks a text into lines of at most width columns, the first one of at most
// first. A word that is longer than a line is broken.
func wrap(s string, width, first int) []string {
	width, first = max(width, 10), max(first, 10)
	lines := []string{""}
	room := first
	for _, word := range strings.Fields(s) {
		for {
			at := len(lines) - 1
			space := 0
			if lines[at] != "" {
				space = 1
			}
			n := width + 1 // of what is much too long its length need not be known
			if len(word) <= 16*width {
				n = lipgloss.Width(word)
			}
			if space+n <= room {
				lines[at] += strings.Repeat(" ", space) + word
				room -= space + n
				break
			}
			if n > width && room-space >= width/2 { // no line is long enough
				head := prefix(word, room-space)
				lines[at] += strings.Repeat(" ", space) + head
				word = word[len(head):]
			}
			lines = append(lines, "")
			room = width
		}
	}
	return lines
}

// prefix returns as many characters of s as fit into a number of columns.
func prefix(s string, columns int) string {
	used := 0
	for i, r := range s {
		used += lipgloss.Width(string(r))
		if used > columns && i > 0 {
			return s[:i]
		}
	}
	return s
}
