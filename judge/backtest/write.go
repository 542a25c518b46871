package backtest

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest/paper"
)

// Write writes a report as text, json, markdown or html.
func Write(w io.Writer, format string, r Report) error {
	return r.paper().Write(w, format, "a backtest", r)
}

func (r Report) paper() paper.Paper {
	p := paper.Paper{
		Title: fmt.Sprintf("Backtest of plan %s: %s %s, %s to %s", r.Plan, r.Service, r.Revision,
			r.From.UTC().Format("2006-01-02 15:04"), r.To.UTC().Format("15:04 UTC")),
		Lead: r.Sentence(),
	}
	switch outcome, _ := r.First(); outcome {
	case judge.Promote:
		p.Tone = paper.Good
	case judge.Rollback:
		p.Tone = paper.Bad
	case judge.Continue, judge.Inconclusive:
	}
	p.Sections = append(p.Sections, r.evidence(), r.changes(), r.findings())
	rest := append([]string{}, r.Notes...)
	if r.Was != nil {
		rest = append([]string{r.Was.words()}, rest...)
	}
	p.Sections = append(p.Sections, paper.Section{Title: "To be known", Paragraphs: rest})
	return p
}

// words says what was recorded.
func (w Was) words() string {
	s := fmt.Sprintf("At the time, by plan %s, the last look said %s", w.Plan, w.Outcome)
	if !w.RolledBack.IsZero() {
		s += "; the first rollback was at " + w.RolledBack.UTC().Format("15:04:05 UTC")
	}
	if !w.Promoted.IsZero() {
		s += "; the first promotion was at " + w.Promoted.UTC().Format("15:04:05 UTC")
	}
	return s + "."
}

// evidence draws the evidence of harm of all metrics together and of each.
func (r Report) evidence() paper.Section {
	level := r.Trace.Threshold
	plot := &paper.Plot{
		Alt: fmt.Sprintf("Evidence of harm after each block, as powers of ten; %.2f rolls back.", level),
		X:   "minutes since the start", Y: "evidence of harm (log10)", Level: &level, LevelName: "rolls back",
	}
	add := func(name string, points []judge.TracePoint) {
		c := paper.Curve{Name: name}
		for _, k := range points {
			// Beyond twice what decides, nobody asks how much.
			c.Points = append(c.Points, [2]float64{k.End.Sub(r.From).Minutes(), math.Min(math.Max(k.Worse, -2), 2*level)})
		}
		plot.Curves = append(plot.Curves, c)
	}
	add("all metrics", r.Trace.Points)
	for _, m := range r.Trace.Metrics {
		if m.Weight > 0 {
			add(m.Name, m.Points)
		}
	}
	minutes := r.To.Sub(r.From).Minutes()
	for i := range 6 {
		at := math.Round(minutes * float64(i) / 5)
		plot.Ticks = append(plot.Ticks, paper.Tick{At: at, Text: fmt.Sprintf("%g", at)})
	}
	return paper.Section{Title: "Evidence", Plot: plot}
}

// changes lists the looks at which something else was said than before.
func (r Report) changes() paper.Section {
	t := &paper.Table{Head: []string{"at", "after", "blocks", "outcome", "evidence of harm", "reason"}}
	var before Look
	for i, l := range r.Looks {
		if i > 0 && i < len(r.Looks)-1 && l.Outcome == before.Outcome && l.Proven == before.Proven {
			continue
		}
		before = l
		t.Rows = append(t.Rows, []string{
			l.At.UTC().Format("15:04:05"), paper.Lasting(l.At.Sub(r.From)), fmt.Sprint(l.Blocks), l.Outcome.String(), odds(l.Evidence), l.Reason,
		})
	}
	return paper.Section{Title: fmt.Sprintf("What would have been said (%d looks; those at which it changed, the first and the last)", len(r.Looks)), Table: t}
}

// findings lists what the last look found.
func (r Report) findings() paper.Section {
	t := &paper.Table{Head: []string{"finding", "class", "reason"}}
	for _, f := range r.Last.Findings {
		class := string(f.Class)
		if f.Class == judge.Undecided {
			class = "undecided"
		}
		t.Rows = append(t.Rows, []string{f.Name, class, f.Reason})
	}
	return paper.Section{Title: "The last look, at " + r.Last.At.UTC().Format(time.TimeOnly) + " UTC", Table: t}
}

// odds writes evidence as odds.
func odds(log10 float64) string {
	switch v := math.Pow(10, log10); {
	case log10 > 9:
		return fmt.Sprintf("10^%.0f:1", log10)
	case v >= 10:
		return fmt.Sprintf("%.0f:1", v)
	default:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + ":1"
	}
}
