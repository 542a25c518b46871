package calibrate

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/serin-canary/serin/judge/backtest/paper"
)

// Write writes a report as text, json, markdown or html.
func Write(w io.Writer, format string, r Report) error {
	return r.paper().Write(w, format, "a calibration", r)
}

// WriteComparison writes a comparison as text, json, markdown or html.
func WriteComparison(w io.Writer, format string, c Comparison) error {
	return c.paper().Write(w, format, "a calibration", c)
}

func (r Report) paper() paper.Paper {
	p := paper.Paper{
		Title: fmt.Sprintf("Calibration of plan %s on %s, %s to %s", r.Plan, r.Service, r.From, r.To),
		Lead:  r.ofPromise().Text,
	}
	switch r.Verdict {
	case Kept:
		p.Tone = paper.Good
	case Broken:
		p.Tone = paper.Bad
	case Unknown:
	}
	var advice []string
	for _, a := range r.Advice[min(1, len(r.Advice)):] {
		advice = append(advice, a.Text)
	}
	if len(advice) > 0 {
		p.Sections = append(p.Sections, paper.Section{Title: "Advice", Paragraphs: advice})
	}
	p.Sections = append(p.Sections, r.whole(), r.metrics(), r.promotions(), r.peaks())
	p.Sections = append(p.Sections, paper.Section{Title: "What it rests on", Paragraphs: append(r.basis(), r.Notes...)})
	return p
}

// whole is the table of everything together.
func (r Report) whole() paper.Section {
	return paper.Section{Title: "All metrics together", Table: &paper.Table{
		Head: []string{"what", "draws", "rate", "95% interval"},
		Rows: [][]string{
			rateRow("rolled back up to the deadline (false alarms)", r.Alarms),
			rateRow("rolled back before anything else", r.First),
			rateRow("promoted within "+r.Deadline, r.Promoted),
		},
	}, Paragraphs: []string{fmt.Sprintf("A healthy canary is promoted after %s in half of the draws, after %s in nine of ten.", orNever(r.MedianMinutes), orNever(r.NinetyMinutes))}}
}

func rateRow(what string, r Rate) []string {
	return []string{what, fmt.Sprintf("%d of %d", r.Count, r.Of), percent(r.Rate), percent(r.Low) + " to " + percent(r.High)}
}

func orNever(m *float64) string {
	if m == nil {
		return "more than the deadline"
	}
	return minutes(*m)
}

// metrics is the table of metrics.
func (r Report) metrics() paper.Section {
	t := &paper.Table{Head: []string{"metric", "false alarms", "95% interval", "evidence (19 of 20 below)", "proven after", "held up", "varies", "pods differ", "finds within the deadline"}}
	for _, m := range r.Metrics {
		row := []string{m.Name, "–", "–", "–", "–", "–", "–", "–", "–"}
		if m.Peak != nil {
			row[1], row[2], row[3] = percent(m.Alarms.Rate), percent(m.Alarms.Low)+" to "+percent(m.Alarms.High), oddsOf(*m.Peak)
		}
		if m.Required {
			row[4], row[5] = orNever(m.ProvenMinutes), percent(m.Held.Rate)
		}
		if m.Dispersion > 0 {
			row[6] = fmt.Sprintf("%.2g × chance", m.Dispersion)
		}
		if m.PodSpread > 0 {
			row[7] = percent(m.PodSpread)
		}
		if f := m.Forecast; f != nil && len(f.Found) > 0 {
			row[8] = found(f.Found[len(f.Found)-1].Ratio, f.Found[len(f.Found)-1].Value)
		}
		t.Rows = append(t.Rows, row)
	}
	return paper.Section{Title: "By metric", Table: t}
}

func found(ratio, value *float64) string {
	switch {
	case ratio != nil:
		return fmt.Sprintf("%.3g × the baseline", *ratio)
	case value != nil:
		return fmt.Sprintf("%.3g", *value)
	}
	return "nothing"
}

func oddsOf(log10 float64) string {
	if log10 > 6 {
		return fmt.Sprintf("10^%.0f:1", log10)
	}
	return fmt.Sprintf("%.3g:1", math.Pow(10, log10))
}

// promotions draws how many draws were promoted by when.
func (r Report) promotions() paper.Section {
	last := 0
	for _, d := range r.Draws {
		last = max(last, d.Promoted)
	}
	curve := paper.Curve{Name: "promoted"}
	for n := 0; n <= last; n++ {
		by := 0
		for _, d := range r.Draws {
			if d.Promoted > 0 && d.Promoted <= n {
				by++
			}
		}
		curve.Points = append(curve.Points, [2]float64{float64(n) * r.block.Minutes(), 100 * float64(by) / float64(max(len(r.Draws), 1))})
	}
	plot := &paper.Plot{Alt: "How many of the healthy canaries are promoted by when.", X: "minutes since the start", Y: "promoted, percent", Curves: []paper.Curve{curve}}
	for i := range 6 {
		at := math.Round(float64(last)*r.block.Minutes()*float64(i)/5*10) / 10
		plot.Ticks = append(plot.Ticks, paper.Tick{At: at, Text: fmt.Sprintf("%g", at)})
	}
	return paper.Section{Title: "Time to promote", Plot: plot}
}

// peaks draws how strong the evidence against healthy pods became.
func (r Report) peaks() paper.Section {
	const low, high = -1, 6
	counts := make([]float64, high-low+1)
	for _, d := range r.Draws {
		counts[min(max(int(math.Floor(d.Peak)), low), high)-low]++
	}
	plot := &paper.Plot{
		Alt: fmt.Sprintf("How high the evidence of harm rose against pods with which nothing is wrong. From 1/α on (%.2f) it rolls back.", -math.Log10(r.Alpha)),
		X:   "highest evidence of harm (log10)", Y: "draws", Bars: true,
	}
	c := paper.Curve{Name: "draws"}
	for i, n := range counts {
		at := float64(i + low)
		c.Points = append(c.Points, [2]float64{at, n})
		text := fmt.Sprintf("%g–%g", at, at+1)
		switch i + low {
		case low:
			text = "below 0"
		case high:
			text = fmt.Sprintf("from %g", at)
		}
		plot.Ticks = append(plot.Ticks, paper.Tick{At: at, Text: text})
	}
	plot.Curves = []paper.Curve{c}
	return paper.Section{Title: "Evidence against healthy pods", Plot: plot}
}

// basis says what was done.
func (r Report) basis() []string {
	l := r.Likeness
	out := []string{fmt.Sprintf("%d draws: in each, %s of the baseline stood for the canary, %.3g on average for the baseline, and the engine looked after every block of %s up to %s. %d stretches of history, seed %d.",
		len(r.Draws), podsWords(r.Pods), r.Others, r.Block, r.Deadline, r.Stretches, r.Seed)}
	how := fmt.Sprintf("Of false alarms the draws tell as much as %.0f independent ones", r.Alarms.Effective)
	if l.SameTime+l.NextTime+l.SamePods > 0 {
		how += fmt.Sprintf(" (likeness of the evidence of draws of the same time %.2g, of neighbouring times %.2g, of the same pods %.2g)", l.SameTime, l.NextTime, l.SamePods)
	}
	return append(out, how+fmt.Sprintf(", of promotions as much as %.0f; intervals are exact ones (Clopper and Pearson) of so many.", r.Promoted.Effective))
}

func podsWords(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

func (c Comparison) paper() paper.Paper {
	p := paper.Paper{
		Title: fmt.Sprintf("Plans %s and %s on %s, %s to %s", c.Plans[0], c.Plans[1], c.Service, c.From, c.To),
		Lead:  c.sentence(),
	}
	t := &paper.Table{Head: []string{"", c.Plans[0], c.Plans[1], "chance of such a difference"}}
	both := func(of [2]Report, f func(Report) string) []string { return []string{f(of[0]), f(of[1])} }
	add := func(what string, cells []string, chance string) {
		t.Rows = append(t.Rows, append(append([]string{what}, cells...), chance))
	}
	rate := func(r Rate) string {
		return fmt.Sprintf("%s (%s to %s)", percent(r.Rate), percent(r.Low), percent(r.High))
	}
	add("false alarms", both(c.Healthy, func(r Report) string { return rate(r.Alarms) }), chance(c.Alarms.Chance))
	add("promoted", both(c.Healthy, func(r Report) string { return rate(r.Promoted) }), "")
	add("promoted after (median)", both(c.Healthy, func(r Report) string { return orNever(r.MedianMinutes) }), "")
	if c.Harmed != nil {
		add("found: "+c.Harm.words(), both(*c.Harmed, func(r Report) string { return rate(r.Alarms) }), chance(c.Found.Chance))
		add("found after (median)", both(*c.Harmed, func(r Report) string {
			return orNever(r.until(r.Draws, .5, func(d Result) int { return d.Harm }))
		}), "")
	}
	p.Sections = append(p.Sections, paper.Section{Title: "Side by side", Table: t}, c.different())
	basis := fmt.Sprintf("The same %d draws for both: %s of the baseline stood for the canary; seed %d. Rolled back on healthy draws: by both %d, by %s alone %d, by %s alone %d, by neither %d.",
		c.Draws, podsWords(c.Pods), c.Seed, c.Alarms.Both, c.Plans[0], c.Alarms.First, c.Plans[1], c.Alarms.Second, c.Alarms.None)
	p.Sections = append(p.Sections, paper.Section{Title: "What it rests on", Paragraphs: append(append([]string{basis}, c.harmed()...), c.Notes...)})
	return p
}

// harmed says which metrics the harm was put into.
func (c Comparison) harmed() []string {
	if c.Harmed == nil {
		return nil
	}
	names := func(i int) string {
		if m := c.Harmed[i].HarmedMetrics; len(m) > 0 {
			return strings.Join(m, ", ")
		}
		return "no metric, so that what it finds is chance"
	}
	if a, b := names(0), names(1); a != b {
		return []string{fmt.Sprintf("The regression (%s) was put into these metrics of the canary: of %s into %s; of %s into %s. All others are as they were.", c.Harm.words(), c.Plans[0], a, c.Plans[1], b)}
	}
	return []string{fmt.Sprintf("The regression (%s) was put into these metrics of the canary: %s. All others are as they were.", c.Harm.words(), names(0))}
}

func (h Harm) words() string {
	switch {
	case h.Latency > 1 && h.Errors > 0:
		return fmt.Sprintf("%s more errors, %g × the latency", points(h.Errors), h.Latency)
	case h.Latency > 1:
		return fmt.Sprintf("%g × the latency", h.Latency)
	}
	return points(h.Errors) + " more errors"
}

func points(v float64) string { return fmt.Sprintf("%.3g pp", 100*v) }

func chance(p float64) string {
	if p >= .995 {
		return "any"
	}
	if p < .001 {
		return "below 0.1%"
	}
	return percent(p)
}

// sentence says it all.
func (c Comparison) sentence() string {
	a, b := c.Healthy[0], c.Healthy[1]
	s := fmt.Sprintf("On %d healthy draws %s rolls back %s and %s %s", c.Draws, c.Plans[0], percent(a.Alarms.Rate), c.Plans[1], percent(b.Alarms.Rate))
	if c.Harmed != nil {
		s += fmt.Sprintf("; with %s they find %s and %s", c.Harm.words(), percent(c.Harmed[0].Alarms.Rate), percent(c.Harmed[1].Alarms.Rate))
	}
	switch {
	case c.Sooner == nil:
	case *c.Sooner > 0:
		s += fmt.Sprintf("; %s promotes %s sooner", c.Plans[1], minutes(*c.Sooner))
	case *c.Sooner < 0:
		s += fmt.Sprintf("; %s promotes %s sooner", c.Plans[0], minutes(-*c.Sooner))
	default:
		s += "; both promote as soon"
	}
	return s + "."
}

// different lists draws on which the plans say different things.
func (c Comparison) different() paper.Section {
	if len(c.Differ) == 0 {
		return paper.Section{Title: "Where they differ", Paragraphs: []string{"They say the same of every draw."}}
	}
	t := &paper.Table{Head: []string{"start", "pods", "canary", c.Plans[0], c.Plans[1]}}
	for _, d := range c.Differ {
		of := "healthy"
		if d.Harmed {
			of = "harmed"
		}
		names := fmt.Sprint(d.Pods)
		t.Rows = append(t.Rows, []string{d.Start.UTC().Format("2006-01-02 15:04:05"), names[1 : len(names)-1], of, d.Said[0], d.Said[1]})
	}
	s := paper.Section{Title: "Where they differ", Table: t}
	if len(c.Differ) >= mostDiffer {
		s.Paragraphs = []string{fmt.Sprintf("The first %d are listed; -o json has every draw.", mostDiffer)}
	}
	return s
}
