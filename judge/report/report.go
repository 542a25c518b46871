// Package report writes a verdict for people: text for terminals, Markdown for
// comments, JSON for machines, one line for logs and controllers.
//
// It computes nothing: every number is the verdict's own. Names and sentences may
// come from queries and probes, so control characters never reach a terminal, and
// Markdown is escaped.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
)

// Options configure how a report is written.
type Options struct {
	Colour bool // ANSI colour
	Width  int  // columns; 0 means 100
	ASCII  bool // as [ASCII] writes it
	// Now is when it is read, in [List]: then it says which live rollouts nobody judges any
	// more. Zero: it does not.
	Now time.Time
	// Over says in [Text] and [TracedText] that the rollout is over: then they ask what was to
	// be done, and not what is.
	Over bool
}

// JSON writes the verdict, indented.
func JSON(w io.Writer, v judge.Verdict) error { return writeJSON(w, v) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // it is read by people too
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("report: write the verdict as JSON: %w", err)
	}
	return nil
}

// Line returns the verdict in one line of at most max bytes (0 means 500).
func Line(v judge.Verdict, max int) string {
	if max == 0 {
		max = 500
	}
	s := word(v)
	if q := qualifiers(v); len(q) > 0 {
		s += " (" + strings.Join(q, ", ") + ")"
	}
	if reason := clean(v.Reason); reason != "" {
		s += ": " + reason
	}
	return cut(s, max)
}

// judgedBad is what a rollback that must not be carried out is called: who reads
// "rollback" at night reverses what cannot be reversed.
const judgedBad = "judged bad, do not roll back"

// word is what the outcome is called where people read it. Machines are told the
// outcome, and the answers beside it.
func word(v judge.Verdict) string {
	if v.Outcome == judge.Rollback && !v.RollBack.Yes && !shadow(v) {
		return judgedBad
	}
	return v.Outcome.String()
}

// qualifiers are what must never be missing beside the outcome's word.
func qualifiers(v judge.Verdict) []string {
	var q []string
	if shadow(v) {
		q = append(q, "shadow mode")
	}
	if v.Outcome != judge.Continue {
		if v.Proven {
			q = append(q, "proven")
		} else {
			q = append(q, "not proven")
		}
	}
	return q
}

// shadow reports whether the verdict has no consequences.
func shadow(v judge.Verdict) bool { return v.Mode == "shadow" }

// subject names the rollout.
func subject(v judge.Verdict) string {
	r := v.Rollout
	s := clean(r.Service)
	if s == "" {
		s = "unnamed service"
	}
	if r.Namespace != "" {
		s += " in " + clean(r.Namespace)
	}
	if r.Revision != "" {
		s += ", revision " + clean(r.Revision)
	}
	if r.Attempt > 1 {
		s += fmt.Sprintf(", attempt %d", r.Attempt)
	}
	return s
}

// answer is one of the three questions that callers ask.
type answer struct {
	question string
	yes      bool
	reason   string // empty where it is the verdict's own
}

func answers(v judge.Verdict) []answer {
	return []answer{
		{"Roll back now?", v.RollBack.Yes, own(v.RollBack.Reason, v.Reason)},
		{"More traffic?", v.Advance.Yes, own(v.Advance.Reason, v.Reason)},
		{"Promote?", v.Promotion.Yes, own(v.Promotion.Reason, v.Reason)},
	}
}

// past asks as people do when the rollout is over.
func past(answers []answer) []answer {
	for i, question := range []string{"Was it to be rolled back?", "Was more traffic allowed?", "Was it to be promoted?"} {
		answers[i].question = question
	}
	return answers
}

// own returns what an answer's reason adds to the verdict's.
func own(reason, verdict string) string {
	reason = clean(reason)
	if v := clean(verdict); v != "" {
		reason = strings.TrimRight(strings.TrimSuffix(reason, v), ":; ")
	}
	if reason == "no rollback" { // "no" says it
		return ""
	}
	return reason
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
