// Package paper writes a study, a backtest or a calibration, as text, as Markdown, and
// as one HTML page that asks nothing of any other place.
package paper

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// Paper is what is written, in the order in which it is read.
type Paper struct {
	Title string
	// Lead is the sentence that says it all.
	Lead     string
	Tone     Tone
	Sections []Section
}

// Tone is how a lead is coloured. The zero value is neutral.
type Tone string

// The tones.
const (
	Good Tone = "good"
	Bad  Tone = "bad"
)

// Section is a part of a paper. Every field may be empty.
type Section struct {
	Title string
	Table *Table
	Plot  *Plot // only the page has it
	// Paragraphs follow the table and the plot.
	Paragraphs []string
}

// written reports whether there is something besides a plot.
func (s Section) written() bool { return s.Table != nil || len(s.Paragraphs) > 0 }

// Table is a table. Rows may be shorter than the head.
type Table struct {
	Head []string
	Rows [][]string
}

// Text writes a paper for a terminal.
func (p Paper) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", plain(p.Title), plain(p.Lead))
	for _, s := range p.Sections {
		if s.Title != "" && s.written() {
			fmt.Fprintf(&b, "\n%s\n", plain(s.Title))
		}
		if s.Table != nil {
			b.WriteString("\n")
			tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, strings.ToUpper(strings.Join(cells(s.Table.Head), "\t")))
			for _, r := range s.Table.Rows {
				fmt.Fprintln(tw, strings.Join(cells(r), "\t"))
			}
			if err := tw.Flush(); err != nil {
				return fmt.Errorf("paper: %w", err)
			}
		}
		for _, t := range s.Paragraphs {
			fmt.Fprintf(&b, "\n%s\n", plain(t))
		}
	}
	return write(w, b.String())
}

// Markdown writes a paper as Markdown. What comes from elsewhere stays text.
func (p Paper) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n**%s**\n", escape(p.Title), escape(p.Lead))
	for _, s := range p.Sections {
		if s.Title != "" && s.written() {
			fmt.Fprintf(&b, "\n### %s\n", escape(s.Title))
		}
		if s.Table != nil {
			row := func(r []string) {
				for _, c := range r {
					b.WriteString("| " + escape(c) + " ")
				}
				b.WriteString("|\n")
			}
			b.WriteString("\n")
			row(s.Table.Head)
			b.WriteString(strings.Repeat("|---", len(s.Table.Head)) + "|\n")
			for _, r := range s.Table.Rows {
				row(r)
			}
		}
		for _, t := range s.Paragraphs {
			fmt.Fprintf(&b, "\n%s\n", escape(t))
		}
	}
	return write(w, b.String())
}

func write(w io.Writer, s string) error {
	if _, err := io.WriteString(w, s); err != nil {
		return fmt.Errorf("paper: %w", err)
	}
	return nil
}

// plain makes text that was written elsewhere one line without control characters.
func plain(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == ' '
	}), " ")
}

func cells(r []string) []string {
	out := make([]string, len(r))
	for i, c := range r {
		out[i] = plain(c)
	}
	return out
}

// escape keeps Markdown from seeing more in a text than text.
func escape(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		if strings.ContainsRune("\\`*_[]<>|#~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Lasting writes a duration in the units that it needs: 1h, 6m30s.
func Lasting(d time.Duration) string {
	s := d.Round(time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = strings.TrimSuffix(s, zero[1:])
		}
	}
	return s
}
