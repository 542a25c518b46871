package smoke

import (
	"fmt"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// The exit codes of a run. A pipeline may go on after 0 and nothing else; 4 and 5 mean
// what they mean elsewhere in Serin.
const (
	ExitPassed      = 0
	ExitFailed      = 1
	ExitMisused     = 2 // wrong usage, a plan that cannot be used, nothing to run
	ExitUndecided   = 4 // nothing failed, but a check could not be run, or fails on both arms
	ExitInterrupted = 5
)

// Report is what a run found.
type Report struct {
	Plan, Service    string
	Target, Baseline string // URLs; the second may be empty
	Began            time.Time
	Took             time.Duration
	Interrupted      bool // by a signal, before every check had its turn
	Checks           []Entry
}

// Entry is one check of a [Report].
type Entry struct {
	Name string
	Kind string
	When string
	// Counts says that the exit code depends on it: it is required or critical.
	Counts   bool
	Critical bool
	Result   checks.Result
}

func entry(s checks.Spec, r checks.Result) Entry {
	switch r.Status {
	case checks.Passed, checks.Failed, checks.Environment, checks.Broken:
	default:
		r.Status = checks.Broken // a runner that says nothing has passed nothing
		if r.Reason == "" {
			r.Reason = "the check said nothing of how it ended; this is a defect of serin"
		}
	}
	return Entry{Name: s.Name, Kind: s.Kind(), When: moment(s), Counts: s.Required || s.Critical, Critical: s.Critical, Result: r}
}

// count returns how many checks ended in a way, of those that count or of the others.
func (r Report) count(status checks.Status, counts bool) int {
	n := 0
	for _, e := range r.Checks {
		if e.Result.Status == status && e.Counts == counts {
			n++
		}
	}
	return n
}

// Exit returns the exit code. What failed weighs more than what could not be run, and
// an empty report has passed nothing.
func (r Report) Exit() int {
	switch {
	case r.count(checks.Failed, true) > 0:
		return ExitFailed
	case r.Interrupted:
		return ExitInterrupted
	case r.count(checks.Broken, true)+r.count(checks.Environment, true) > 0, len(r.Checks) == 0:
		return ExitUndecided
	}
	return ExitPassed
}

// Sentence says how the run ended.
func (r Report) Sentence() string {
	passed := r.count(checks.Passed, true) + r.count(checks.Passed, false)
	text := fmt.Sprintf("%d of %d checks passed", passed, len(r.Checks))
	switch {
	case passed == 1 && len(r.Checks) == 1:
		text = "The check passed"
	case passed == len(r.Checks) && passed > 0:
		text = fmt.Sprintf("All %d checks passed", passed)
	}
	parts := []string{text}
	for _, counts := range []bool{true, false} {
		for _, status := range []checks.Status{checks.Failed, checks.Environment, checks.Broken} {
			n := r.count(status, counts)
			if n == 0 {
				continue
			}
			part := fmt.Sprintf("%d %s", n, verb(status, n))
			if !counts {
				part += " and " + plural(n, "is", "are") + " not required"
			}
			parts = append(parts, part+" ("+r.named(status, counts)+")")
		}
	}
	if r.Interrupted {
		parts = append(parts, "the run was interrupted")
	}
	return strings.Join(parts, "; ") + " in " + checks.Took(r.Took) + "."
}

// verb says what checks did that did not pass.
func verb(s checks.Status, n int) string {
	switch s {
	case checks.Failed:
		return "failed"
	case checks.Environment:
		return plural(n, "fails", "fail") + " on both arms"
	}
	return "could not be run"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// named lists the checks that ended in a way, the first five.
func (r Report) named(status checks.Status, counts bool) string {
	var out []string
	for _, e := range r.Checks {
		if e.Result.Status == status && e.Counts == counts {
			out = append(out, e.Name)
		}
	}
	if most := 5; len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	return strings.Join(out, ", ")
}
