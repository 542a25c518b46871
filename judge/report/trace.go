package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/serin-canary/serin/judge"
)

// TracedJSON writes a verdict as [JSON] does, with its trace beside the other fields.
func TracedJSON(w io.Writer, v judge.Verdict, t judge.Trace) error {
	return writeJSON(w, struct {
		judge.Verdict
		Trace judge.Trace `json:"trace"`
	}{v, t})
}

// TraceMarkdown writes what [TraceText] writes, as a block of its own.
func TraceMarkdown(w io.Writer, t judge.Trace) error {
	var b strings.Builder
	if err := TraceText(&b, t, Options{}); err != nil || b.Len() == 0 {
		return err
	}
	if _, err := fmt.Fprintf(w, "\n```\n%s\n```\n", strings.Trim(b.String(), "\n")); err != nil {
		return fmt.Errorf("report: write: %w", err)
	}
	return nil
}

// leastSpark is how few columns a sparkline may have before it says nothing.
const leastSpark = 10

// TraceText writes one line for each metric and one for all of them together: how the
// evidence that the canary is worse than tolerated went, from 1:1 (lowest) to what rolls
// back (highest), and where it stands. It writes nothing where there is no evidence, or
// where the terminal is too narrow.
func TraceText(w io.Writer, t judge.Trace, o Options) error {
	p := page{colour: o.Colour, width: o.Width}
	if p.width <= 0 {
		p.width = 100
	}
	name := lipgloss.Width("together")
	for _, m := range t.Metrics {
		name = max(name, min(lipgloss.Width(clean(m.Name)), 24))
	}
	room := min(p.width-name-len("  >1,000,000:1")-4, 60)
	if room < leastSpark || len(t.Points) == 0 {
		return nil
	}
	p.section("Evidence of harm, block by block")
	line := func(of string, points []judge.TracePoint) {
		if len(points) == 0 {
			return
		}
		of = clean(of)
		if lipgloss.Width(of) > name {
			of = prefix(of, name-1) + "…"
		}
		last := points[len(points)-1].Worse
		of += strings.Repeat(" ", name-lipgloss.Width(of))
		p.line("  " + of + "  " + spark(points, t.Threshold, room) + "  " + odds(&last))
	}
	for _, m := range t.Metrics {
		line(m.Name, m.Points)
	}
	line("together", t.Points)
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("report: write: %w", err)
	}
	return nil
}

// spark draws evidence in so many columns at most, the greatest of the points that share
// one. Evidence of 1:1 and less is the lowest level, the threshold and more the highest.
func spark(points []judge.TracePoint, threshold float64, columns int) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	n := min(columns, len(points))
	out := make([]rune, n)
	for c := range out {
		top := math.Inf(-1)
		for i := c * len(points) / n; i < (c+1)*len(points)/n; i++ {
			top = max(top, points[i].Worse)
		}
		level := 0
		if threshold > 0 && top > 0 {
			level = min(int(top/threshold*float64(len(levels)-1)), len(levels)-1)
		}
		out[c] = levels[level]
	}
	return string(out)
}
