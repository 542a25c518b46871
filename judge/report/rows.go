package report

import (
	"math"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge"
)

// tone is how good or bad a line is. The zero value is neither.
type tone int

const (
	neutral tone = iota
	good
	held
	bad
)

// mark is the tone without colour.
func (t tone) mark() string {
	switch t {
	case good:
		return "✓"
	case held:
		return "!"
	case bad:
		return "✗"
	}
	return "·"
}

// toneOf says how a finding is to be read. What is not known to be harmless is held.
func toneOf(f judge.Finding) tone {
	switch {
	case f.RollsBack:
		return bad
	case f.Class == judge.Worse, f.Class == judge.LimitHit, f.Class == judge.CheckFailed:
		return bad
	case f.Class == judge.NotWorse, f.Class == judge.Passed:
		if f.Holds || f.Stops {
			return held
		}
		return good
	case f.Class == judge.Undecided, f.Class == judge.TooFew:
		if f.Stops {
			return held
		}
		return neutral
	case f.Class == judge.Shown && !f.Holds && !f.Stops:
		return neutral
	}
	return held
}

// row is a finding in the table.
type row struct {
	tone  tone
	cells [columns]string
}

// The columns of the table.
const (
	colName = iota
	colClass
	colCanary
	colBaseline
	colRatio
	colWorse
	colNotWorse
	colRequests
	columns
)

// headings are the columns' names.
func headings() [columns]string {
	return [columns]string{"finding", "class", "canary", "baseline", "ratio (interval)", "worse", "not worse", "requests"}
}

func rowOf(f judge.Finding) row {
	r := row{tone: toneOf(f)}
	for i := range r.cells {
		r.cells[i] = none
	}
	r.cells[colName] = nameOf(f)
	r.cells[colClass] = class(f.Class)
	r.cells[colWorse] = odds(f.Worse)
	r.cells[colNotWorse] = odds(f.NotWorse)
	if e := f.Effect; e != nil {
		r.cells[colCanary] = value(e.Canary, e.Unit)
		r.cells[colBaseline] = value(e.Baseline, e.Unit)
		r.cells[colRatio] = ratio(e)
		if e.CanaryRequests > 0 || e.BaselineRequests > 0 {
			r.cells[colRequests] = short(e.CanaryRequests) + " : " + short(e.BaselineRequests)
		}
	}
	return r
}

func nameOf(f judge.Finding) string {
	if n := clean(f.Name); n != "" {
		return n
	}
	return "unnamed"
}

// rowsOf returns the table, and which of its columns say anything.
func rowsOf(fs []judge.Finding) ([]row, [columns]bool) {
	rows := make([]row, len(fs))
	var used [columns]bool
	for i, f := range fs {
		rows[i] = rowOf(f)
		for c, cell := range rows[i].cells {
			used[c] = used[c] || cell != none
		}
	}
	return rows, used
}

// roles says what a finding may do.
func roles(f judge.Finding) []string {
	var out []string
	about := clean(string(f.About))
	if f.About != judge.AboutMetric && f.About != judge.AboutRollout && !strings.Contains(class(f.Class), about) {
		out = append(out, about)
	}
	for _, r := range []struct {
		has  bool
		word string
	}{{f.Critical, "critical"}, {f.Required, "required"}, {f.RollsBack, "rolls back"},
		{f.Stops && !f.RollsBack, "stops traffic increases"}, {f.Holds && !f.RollsBack, "holds promotion"}} {
		if r.has {
			out = append(out, r.word)
		}
	}
	return out
}

// Alone is log10 of the evidence with which a metric of a weight rolls back by itself, the
// others having none, where that of all together is the threshold. Without a weight or a
// threshold it is the threshold.
func Alone(threshold, weight float64) float64 {
	if weight > 0 && threshold > 0 {
		return threshold - math.Log10(weight)
	}
	return threshold
}

// evidence is a metric's evidence in words, and empty where there is none.
func evidence(f judge.Finding, threshold float64) string {
	var out []string
	if f.Worse != nil {
		out = append(out, "worse than tolerated "+odds(f.Worse)+" ("+strength(*f.Worse, Alone(threshold, f.Weight))+")")
	}
	if f.NotWorse != nil {
		out = append(out, "not worse than the margin "+odds(f.NotWorse))
	}
	if len(out) == 0 {
		return ""
	}
	return "evidence: " + strings.Join(out, "; ")
}

// legend explains the table's numbers.
func legend(fs []judge.Finding) string {
	var levels []string
	measured := false
	for _, f := range fs {
		measured = measured || f.Worse != nil || f.NotWorse != nil
		if e := f.Effect; e != nil && e.Level > 0 && (e.Low != nil || e.High != nil) {
			if l := number(e.Level*100) + " %"; !slices.Contains(levels, l) {
				levels = append(levels, l)
			}
		}
	}
	var out []string
	if len(levels) > 0 {
		out = append(out, "ratio: canary over baseline, always-valid interval of "+strings.Join(levels, " or "))
	}
	if measured {
		out = append(out, "worse, not worse: evidence as odds")
	}
	return strings.Join(out, "; ")
}
