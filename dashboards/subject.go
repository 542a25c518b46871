package dashboards

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// Subject is what a rollout's board is drawn of.
type Subject struct {
	Plan    plan.Plan
	Rollout rollout.Rollout
	// Verdict is the newest one; the zero Verdict where nobody has looked yet.
	Verdict Verdict
	// Closed is when the rollout ended, and Why; zero while it is live. The board then
	// shows a fixed time and is not refreshed any more.
	Closed time.Time
	Why    string
	Links  Links
	// Self selects Serin's own metrics in the board's data source, for example
	// job="serin". Without it they are selected by the rollout alone.
	Self []queries.Matcher
}

// Verdict is what a board says of the judge: words, not numbers to compute with.
type Verdict struct {
	// Outcome is continue, promote, rollback or inconclusive; empty before the first
	// look.
	Outcome string
	Reason  string // the sentence
	Proven  bool
	Shadow  bool // it has no consequences
	At      time.Time
	// Worst is the finding that matters most, and WorstReason its sentence.
	Worst, WorstReason string
	// Weight is the canary's declared share in percent; nil where it is unknown.
	Weight *float64
	// Harm is the evidence of harm as a share of what rolls back, both as logarithms: 1
	// is there. Nil where it is unknown.
	Harm *float64
	// CanaryRequests and BaselineRequests are those that were compared.
	CanaryRequests, BaselineRequests float64
}

// Links are addresses that a board leads to. Empty ones are left out.
type Links struct {
	Report, Runbook string
}

func (s Subject) check() error {
	var faults []error
	if s.Rollout.ID == "" || s.Rollout.Started.IsZero() {
		faults = append(faults, errors.New("the rollout has no ID or no start"))
	}
	if s.Plan.Block <= 0 {
		faults = append(faults, errors.New("the plan is not a loaded one: its blocks have no length"))
	}
	if len(faults) > 0 {
		return fmt.Errorf("dashboards: %w", errors.Join(faults...))
	}
	return nil
}

// UID returns the identifier of a rollout's board, the same for ever.
func UID(rolloutID string) string { return "serin-" + rolloutID }

// Tag marks boards that Serin wrote, and may take away.
const Tag = "managed-by:serin"

// Tags returns a rollout's tags, by which boards and annotations are found.
func Tags(r rollout.Rollout) []string {
	return []string{Tag, "rollout:" + r.ID, serviceTag(r.Service)}
}

// longestTag is what Grafana's database has room for, in characters: a longer tag makes it
// refuse the whole board.
const longestTag = 50

func serviceTag(service string) string { return shortened("service:"+service, longestTag) }

// shortened cuts a text to so many characters.
func shortened(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// longestHeading bounds titles, in characters.
const longestHeading = 100

var interpolated = regexp.MustCompile(`\$(\w|\{)|\[\[`)

// heading is a title of one line in which Grafana finds no variable.
func heading(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	text = interpolated.ReplaceAllStringFunc(text, func(found string) string { return found[:1] + "\u200b" + found[1:] })
	return shortened(text, longestHeading)
}
