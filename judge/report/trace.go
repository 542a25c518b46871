package report

import (
	"fmt"
	"io"
	"math"
	"slices"
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

// The columns of a sparkline: below the least it says nothing.
const (
	leastSpark = 10
	mostSpark  = 60
)

// TraceText writes one line for each metric and one for all of them together: how the
// evidence that the canary is worse than tolerated went, from 1:1 (lowest) to what rolls
// back (highest; of a metric alone, the others having none), and where it stands. A metric
// without weight has none: nothing follows from its evidence. Below, where blocks tell it, is how canary over
// baseline went. It writes nothing where there is no evidence, or where the terminal is
// too narrow.
func TraceText(w io.Writer, t judge.Trace, o Options) error {
	p := newPage(o)
	if o.Width > 0 {
		p.width = o.Width // what does not fit is left out
	}
	p.trace(t)
	return p.flush(w)
}

// trace writes sparklines, where there are any and they fit.
func (p *page) trace(t judge.Trace) {
	s := sparks{page: p, name: lipgloss.Width("together")}
	for _, m := range t.Metrics {
		s.name = max(s.name, min(lipgloss.Width(clean(m.Name)), 24))
	}
	s.room = min(p.width-s.name-len("  >1,000,000:1")-4, mostSpark)
	if s.room < leastSpark || len(t.Points) == 0 {
		return
	}
	p.section("Evidence of harm, block by block")
	for _, m := range t.Metrics {
		if m.Weight > 0 { // else nothing follows from its evidence
			s.evidence(m.Name, m.Points, Alone(t.Threshold, m.Weight))
		}
	}
	s.evidence("together", t.Points, t.Threshold)
	s.ratios(t.Metrics)
}

// sparks writes lines of sparklines, with names in a column.
type sparks struct {
	*page
	name, room int // columns
}

// line writes one, where there is anything to draw.
func (s sparks) line(name, drawn, last string) {
	if drawn == "" {
		return
	}
	name = shorten(clean(name), s.name)
	s.page.line("  " + name + strings.Repeat(" ", s.name-lipgloss.Width(name)) + "  " + drawn + "  " + last)
}

func (s sparks) evidence(name string, points []judge.TracePoint, threshold float64) {
	if len(points) == 0 {
		return
	}
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = p.Worse
	}
	s.line(name, Spark(values, 0, threshold, s.room), odds(&values[len(values)-1]))
}

// leastSwing is the ratio, up or down, that a sparkline of ratios has room for at least:
// noise must not look like harm.
const leastSwing = 1.25

// ratios writes how canary over baseline went, on a scale of logarithms, the same for
// all: half the height is 1×.
func (s sparks) ratios(metrics []judge.MetricTrace) {
	type curve struct {
		name   string
		values []float64 // ln; no number where there is no ratio
		last   float64
	}
	moments := told(metrics)
	var curves []curve
	swing := math.Log(leastSwing)
	for _, m := range metrics {
		c := curve{name: m.Name, values: slices.Repeat([]float64{math.NaN()}, len(moments))}
		known := 0
		for _, p := range m.Points {
			if e := p.Effect; e != nil && e.Ratio > 0 && !math.IsInf(e.Ratio, 0) {
				at, _ := slices.BinarySearch(moments, p.At)
				c.values[at], c.last = math.Log(e.Ratio), e.Ratio
				swing = max(swing, math.Abs(c.values[at]))
				known++
			}
		}
		if known > 1 {
			curves = append(curves, c)
		}
	}
	if len(curves) == 0 {
		return
	}
	s.section("Canary over baseline so far")
	s.item("  ", fmt.Sprintf("from %s× (lowest) to %s× (highest); half the height is 1×", number(math.Exp(-swing)), number(math.Exp(swing))))
	for _, c := range curves {
		s.line(c.name, scale{-swing, swing, farther}.draw(c.values, s.room), number(c.last)+"×")
	}
}

// told are the blocks after which any metric's ratio is told, in order: curves of several
// metrics then have a moment below each other.
func told(metrics []judge.MetricTrace) []int {
	var moments []int
	for _, m := range metrics {
		for _, p := range m.Points {
			if p.Effect != nil {
				moments = append(moments, p.At)
			}
		}
	}
	slices.Sort(moments)
	return slices.Compact(moments)
}

// farther reports whether a value is farther from 0 than another: of a ratio's logarithm,
// more harm, be it a rise or a dip, or more of its opposite.
func farther(a, b float64) bool { return math.Abs(a) > math.Abs(b) }

// Spark draws values in so many columns at most, of each few that share one the greatest.
// What is at low or below has the lowest of eight levels, what is at high or above the
// highest, and what is no number is a space. Without values, or without room, it is empty.
func Spark(values []float64, low, high float64, columns int) string {
	return scale{low, high, func(a, b float64) bool { return a > b }}.draw(values, columns)
}

// scale is what a sparkline is drawn on.
type scale struct {
	low, high float64
	wins      func(a, b float64) bool // which of two values stays where they share a column
}

// draw is [Spark] on a scale.
func (s scale) draw(values []float64, columns int) string {
	low, high, n := s.low, s.high, min(columns, len(values))
	levels := []rune("▁▂▃▄▅▆▇█")
	if n <= 0 {
		return ""
	}
	out := make([]rune, n)
	for c := range out {
		top := math.NaN()
		for i := c * len(values) / n; i < (c+1)*len(values)/n; i++ {
			if math.IsNaN(top) || s.wins(values[i], top) {
				top = values[i]
			}
		}
		level := 0
		switch {
		case math.IsNaN(top):
			out[c] = ' '
			continue
		case !(high > low) || !(top > low):
		case top >= high:
			level = len(levels) - 1
		default:
			level = int((top - low) / (high - low) * float64(len(levels)-1))
		}
		out[c] = levels[level]
	}
	return string(out)
}
