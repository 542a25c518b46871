package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Unpublished is a dashboard, a set of alert rules or the like that is not where it
// should be. It stands beside a verdict and is no part of it: a verdict follows from its
// inputs alone, and no failure to publish changes it.
type Unpublished struct {
	// What it is, such as "alert rules", and Where, as the configuration calls the place.
	What  string `json:"what"`
	Where string `json:"where,omitempty"`
	// Why is what the last attempt failed with.
	Why string `json:"why"`
	// Since is when it was to be published, and Attempts how often that was tried.
	Since    time.Time `json:"since,omitzero"`
	Attempts int       `json:"attempts"`
	// Next is when it is tried again; zero says that it was given up.
	Next time.Time `json:"next,omitzero"`
	// Work is the ID by which it is tried again by hand; it may be empty.
	Work string `json:"work,omitempty"`
}

// sentence says it in one line.
func (u Unpublished) sentence() string {
	s := clean(u.What)
	if where := clean(u.Where); where != "" {
		s += " (" + where + ")"
	}
	s += ": " + strings.TrimRight(clean(u.Why), ". ")
	if !u.Since.IsZero() {
		s += "; missing since " + stamp(u.Since)
	}
	if u.Attempts > 0 {
		s += ", tried " + times(u.Attempts)
	}
	switch {
	case !u.Next.IsZero():
		s += ", next at " + u.Next.UTC().Format("15:04:05 UTC")
	case u.Work != "":
		s += ", given up: serin work retry " + clean(u.Work) + " tries again"
	}
	return s
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

const (
	unpublishedTitle = "Not published"
	unpublishedNote  = "No verdict depends on it, but nobody is warned by what is missing."
)

// UnpublishedText writes what is not published, for a terminal, below [Text]; nothing
// where everything is.
func UnpublishedText(w io.Writer, us []Unpublished, o Options) error {
	if len(us) == 0 {
		return nil
	}
	t := newPage(o)
	t.section(unpublishedTitle)
	for _, u := range us {
		t.hanging("  "+t.paint(held.mark(), toneStyle(held))+" ", u.sentence(), 4)
	}
	t.item("  ", unpublishedNote)
	return t.flush(w)
}

// UnpublishedMarkdown writes what is not published, below [Markdown]; nothing where
// everything is.
func UnpublishedMarkdown(w io.Writer, us []Unpublished) error {
	if len(us) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("\n### " + unpublishedTitle + "\n\n")
	for _, u := range us {
		fmt.Fprintf(&b, "- %s %s\n", held.mark(), md(u.sentence()))
	}
	b.WriteString("\n" + unpublishedNote + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: write: %w", err)
	}
	return nil
}
