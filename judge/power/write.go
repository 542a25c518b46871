package power

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/serin-canary/serin/judge/plan"
)

// Formats lists how a forecast can be written.
func Formats() []string { return []string{"text", "json", "markdown"} }

// Write writes a forecast in one of the [Formats].
func Write(w io.Writer, format string, f Forecast) error {
	switch format {
	case "text":
		return f.text(w)
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(f)
	case "markdown":
		return f.markdown(w)
	}
	return fmt.Errorf("a forecast cannot be written as %q; there are %s", format, strings.Join(Formats(), ", "))
}

// heading are the columns of the tables.
func (f Forecast) heading() []string {
	out := []string{"metric", "baseline"}
	for _, m := range f.Metrics {
		if m.Found == nil {
			continue
		}
		for _, s := range m.Found {
			out = append(out, "found in "+s.Within)
		}
		break
	}
	return append(out, "pods hide up to", "canary pods needed", "promoted after")
}

func (f Forecast) row(m Metric, columns int) []string {
	if m.Floor.Value == nil { // nothing was simulated
		out := []string{m.Name}
		for range columns - 1 {
			out = append(out, "–")
		}
		return out
	}
	out := []string{m.Name, m.amount(m.Baseline)}
	for i := range columns - 5 {
		if i < len(m.Found) {
			out = append(out, m.smallest(m.Found[i].Regression))
		} else {
			out = append(out, "–")
		}
	}
	return append(out, m.smallest(m.Floor), m.needs(), m.promoted())
}

func (f Forecast) text(w io.Writer) error {
	fmt.Fprintf(w, "plan %s: %s\n\nThe smallest regression that is found with %s probability:\n\n", f.Plan, f.Service, percent(f.Chance))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := f.heading()
	fmt.Fprintln(tw, strings.ToUpper(strings.Join(head, "\t")))
	for _, m := range f.Metrics {
		fmt.Fprintln(tw, strings.Join(f.row(m, len(head)), "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, line := range f.remarks() {
		fmt.Fprintln(w, line)
	}
	return nil
}

func (f Forecast) markdown(w io.Writer) error {
	fmt.Fprintf(w, "**%s**: %s. The smallest regression that is found with %s probability:\n\n", f.Plan, f.Service, percent(f.Chance))
	head := f.heading()
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, m := range f.Metrics {
		fmt.Fprintf(w, "| %s |\n", strings.Join(f.row(m, len(head)), " | "))
	}
	fmt.Fprintln(w)
	for _, line := range f.remarks() {
		fmt.Fprintln(w, "* "+line)
	}
	return nil
}

// remarks are the sentences below a table.
func (f Forecast) remarks() []string {
	out := []string{"A canary as good as its baseline is " + f.Promote.words(f.Deadline) + "."}
	for _, n := range f.Notes {
		out = append(out, strings.ToUpper(n[:1])+n[1:]+".")
	}
	for _, m := range f.Metrics {
		if m.Note != "" {
			out = append(out, fmt.Sprintf("%s: %s.", m.Name, m.Note))
		}
		if m.Required && m.PodsNeeded > f.Service.Canary {
			out = append(out, fmt.Sprintf("%s cannot be proven by %s: it needs at least %d.", m.Name, pods(f.Service.Canary, "canary"), m.PodsNeeded))
		} else if m.Required && !m.Provable && m.Promote != nil {
			out = append(out, m.Name+" cannot be proven not worse than its margin: widen the margin, or add canary pods or buckets.")
		}
	}
	how := fmt.Sprintf("From %d simulated rollouts for each size, judged by the engine itself", f.Paths)
	if f.Paths < surePaths {
		how += "; so few are right to about a tenth"
	}
	if !slices.ContainsFunc(f.Metrics, func(m Metric) bool { return m.Measured }) {
		how += "; the baseline's noise is assumed, not measured"
	}
	return append(out, how+".")
}

// surePaths is from how many simulated rollouts on no warning is written.
const surePaths = 200

// String says what a service is, in words.
func (s Service) String() string {
	return fmt.Sprintf("%s requests/s, %s of them to the canary, %d baseline and %s",
		number(s.RPS), percent(s.Share), s.Baseline, pods(s.Canary, "canary"))
}

// Line is a metric's forecast in one line.
func (m Metric) Line(chance float64) string {
	if m.Found == nil {
		return m.Name + ": " + m.Note
	}
	var when, what []string
	for _, s := range m.Found {
		when, what = append(when, s.Within), append(what, m.smallest(s.Regression))
	}
	line := fmt.Sprintf("%s (baseline %s): smallest regression found with %s probability in %s: %s",
		m.Name, m.amount(m.Baseline), percent(chance), strings.Join(when, "/"), strings.Join(what, " / "))
	if m.PodsNeeded == 0 {
		line += "; no number of canary pods can prove its margin"
	} else {
		line += "; needs ≥ " + pods(m.PodsNeeded, "canary")
	}
	switch {
	case m.Promote == nil:
		return line
	case m.Promote.Share == 0:
		return line + "; a healthy canary is never proven good"
	case m.Promote.Median == nil:
		return line + "; a healthy canary is proven good in time in " + percent(m.Promote.Share) + " of the rollouts only"
	}
	return line + "; a healthy canary is proven good after " + m.promoted()
}

// smallest writes a regression: a share as what it would be, everything else by how
// many times the baseline it is.
func (m Metric) smallest(s Regression) string {
	switch {
	case s.Value == nil:
		return "–"
	case m.share():
		return percent(*s.Value)
	case s.Ratio != nil:
		return times(*s.Ratio)
	}
	return m.amount(*s.Value)
}

func (m Metric) share() bool {
	return m.Kind == string(plan.Errors) || m.Kind == string(plan.Proportion)
}

// amount writes a value of the metric.
func (m Metric) amount(v float64) string {
	switch {
	case m.share():
		return percent(v)
	case m.Kind == string(plan.Gauge) && !m.Measured:
		return "–" // only ratios are assumed
	case m.Unit == "s" && v < 1:
		return number(v*1000) + " ms"
	}
	return strings.TrimSpace(number(v) + " " + m.Unit)
}

func (m Metric) needs() string {
	if m.PodsNeeded == 0 {
		return "no number suffices"
	}
	return "≥ " + strconv.Itoa(m.PodsNeeded)
}

// pods counts an arm's pods.
func pods(n int, arm string) string {
	if n == 1 {
		return "1 " + arm + " pod"
	}
	return fmt.Sprintf("%d %s pods", n, arm)
}

func (m Metric) promoted() string {
	if m.Promote == nil {
		return "–"
	}
	return m.Promote.short()
}

// short writes median and 90 %.
func (w Waiting) short() string {
	switch {
	case w.Share == 0:
		return "never"
	case w.Median == nil:
		return "in " + percent(w.Share) + " only"
	case w.Ninety == nil:
		return number(*w.Median) + " min (90%: never)"
	}
	return fmt.Sprintf("%s min (90%%: %s)", number(*w.Median), number(*w.Ninety))
}

func (w Waiting) words(deadline string) string {
	if w.Share == 0 {
		return "not proven good before the deadline of " + deadline
	}
	if w.Median == nil {
		return fmt.Sprintf("proven good before the deadline of %s in only %s of the rollouts", deadline, percent(w.Share))
	}
	out := fmt.Sprintf("promoted after %s minutes in half of the rollouts", number(*w.Median))
	if w.Ninety != nil {
		return fmt.Sprintf("%s, after %s in nine of ten", out, number(*w.Ninety))
	}
	return fmt.Sprintf("%s, before the deadline of %s in %s of them", out, deadline, percent(w.Share))
}

func times(v float64) string { return number(v) + "×" }

func percent(v float64) string { return number(v*100) + "%" }

// number writes three digits, two where they suffice.
func number(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	unit := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(math.Round(v*unit)/unit, 'f', -1, 64)
}
