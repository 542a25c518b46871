package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
)

// Line returns the update as one line: the time, the stage, and for each rollout
// its weight, how many blocks are compared, and the evidence of harm so far.
func (u Update) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", clock(u.Elapsed), u.Stage)
	for _, s := range u.Stories {
		fmt.Fprintf(&b, " | %s", s.line())
	}
	return b.String()
}

// Fraction returns how much of the expected time is over, at most 1.
func (u Update) Fraction() float64 {
	if u.Expected <= 0 {
		return 0
	}
	return min(1, u.Elapsed.Seconds()/u.Expected.Seconds())
}

func (s Status) line() string {
	name := fmt.Sprintf("%s (%s)", s.Service, s.Scenario)
	if s.Phase == string(initialized) {
		return name
	}
	text := fmt.Sprintf("%s %d %%", name, s.Weight)
	if phase(s.Phase).over() {
		text = fmt.Sprintf("%s %s", name, s.Phase)
	}
	if v := s.Verdict; v != nil {
		text += fmt.Sprintf(", %s, harm %s", plural(v.Progress.Paired, "block"), odds(v.Evidence))
		if v.Outcome != judge.Continue {
			text += ", " + v.Outcome.String()
		}
	}
	return text
}

// odds writes log10 evidence as odds.
func odds(log10 float64) string {
	switch {
	case log10 < 0:
		return "below 1:1"
	case log10 > 6:
		return "over 1,000,000:1"
	}
	return fmt.Sprintf("%.3g:1", math.Pow(10, log10))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// Text writes the result for a terminal: for each rollout what Flagger would have
// recorded and the verdict with its reasons, then a summary.
func (r Result) Text(w io.Writer, o report.Options) error {
	for _, s := range r.Stories {
		fmt.Fprintf(w, "\n%s\n\n", heading(s.Service+": "+s.Scenario.Story()))
		fmt.Fprintln(w, "What Flagger would have done:")
		for _, l := range s.eventLines() {
			fmt.Fprintf(w, "  %s\n", l)
		}
		fmt.Fprintln(w)
		if s.Verdict == nil {
			fmt.Fprintln(w, "No verdict was formed.")
			continue
		}
		if err := report.Text(w, *s.Verdict, o); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s", r.summary())
	return err
}

func heading(text string) string {
	return text + "\n" + strings.Repeat("─", min(len([]rune(text)), 90))
}

// eventLines writes what Flagger would have recorded: the time since the first
// event, a mark for warnings, the message. What it records at every tick is left
// out, and what it records again is counted.
func (s Story) eventLines() []string {
	var lines []string
	var last Event
	times := 0
	flush := func() {
		if times == 0 {
			return
		}
		mark := " "
		if last.Warning {
			mark = "!"
		}
		line := fmt.Sprintf("%s %s %s", clock(last.At.Sub(s.Events[0].At)), mark, last.Message)
		if times > 1 {
			line += fmt.Sprintf(" (%d times)", times)
		}
		lines = append(lines, line)
	}
	for _, e := range s.Events {
		switch {
		case e.Routine:
		case times > 0 && e.Message == last.Message:
			times++
		default:
			flush()
			last, times = e, 1
		}
	}
	flush()
	return lines
}

// summary is what a reader must know, in under 1.5 kB.
func (r Result) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Demo of %s:\n", clock(r.Took))
	for _, s := range r.Stories {
		outcome, reason := "no verdict", ""
		if s.Verdict != nil {
			outcome, reason = s.Verdict.Outcome.String(), shorten(s.Verdict.Reason, 300)
		}
		fmt.Fprintf(&b, "  %s (%s): %s\n", s.Service, s.Scenario, strings.TrimSuffix(outcome+": "+reason, ": "))
		fmt.Fprintf(&b, "    Flagger: %s.\n", s.ending())
		if s.Dropped > 0 {
			fmt.Fprintf(&b, "    This machine was too slow for %d of %d users.\n", s.Dropped, s.Dropped+s.Requests)
		}
	}
	if r.Files != "" {
		fmt.Fprintf(&b, "  Dashboards, as they were at the end: %s\n", filepath.Join(r.Files, BoardFolder))
		b.WriteString("  The alert rules went away with their rollouts; serin export alerts prints those of a plan.\n")
	}
	b.WriteString(nextStep)
	return b.String()
}

const nextStep = `Next: serin demo --show-plan prints the plan that was judged; serin demo --scenario tail
shows another canary; serin serve --plans DIR --prometheus URL judges your own.
`

// ending says what became of the rollout.
func (s Story) ending() string {
	switch phase(s.Phase) {
	case succeeded:
		return "promoted the canary"
	case failed:
		return "rolled the canary back"
	case waiting, initialized:
		return "never began the rollout"
	}
	return fmt.Sprintf("still holds the canary at %d %%, neither promoted nor rolled back", s.Weight)
}

func shorten(text string, most int) string {
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most-1]) + "…"
}

// Markdown writes the result for a comment or a page.
func (r Result) Markdown(w io.Writer) error {
	for _, s := range r.Stories {
		fmt.Fprintf(w, "## %s: %s\n\n", s.Service, s.Scenario.Story())
		if s.Verdict == nil {
			fmt.Fprintln(w, "No verdict was formed.")
		} else if err := report.Markdown(w, *s.Verdict); err != nil {
			return err
		}
		fmt.Fprint(w, "\n### What Flagger would have done\n\n")
		for _, l := range s.eventLines() {
			fmt.Fprintf(w, "- %s\n", l)
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "```\n%s```\n", r.summary())
	return err
}

// JSON writes the result for machines.
func (r Result) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
