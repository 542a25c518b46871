// Package report writes a verdict for people: text for terminals, Markdown for
// comments, JSON for machines, one line for logs and controllers.
package report

import (
	"io"

	"github.com/serin-canary/serin/judge"
)

// Options configure how a report is written.
type Options struct {
	Colour bool // ANSI colour
	Width  int  // columns; 0 means 100
}

// Text writes the report for a terminal: the verdict and its sentence first, then
// a table of findings, then the reasons. A summary under 1.5 kB comes last.
func Text(w io.Writer, v judge.Verdict, o Options) error { panic("skeleton") }

// Markdown writes the report for a comment or a page.
func Markdown(w io.Writer, v judge.Verdict) error { panic("skeleton") }

// JSON writes the verdict, indented.
func JSON(w io.Writer, v judge.Verdict) error { panic("skeleton") }

// Line returns the verdict in one line of at most max bytes (0 means 500).
func Line(v judge.Verdict, max int) string { panic("skeleton") }
