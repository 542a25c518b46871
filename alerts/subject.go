package alerts

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// Subject is what rules are written for.
type Subject struct {
	Plan    plan.Plan
	Rollout rollout.Rollout
	// Traffic is when the canary's first requests came, from which the plan's time counts;
	// zero where none has come yet.
	Traffic time.Time
	// Links lead from an alert to what helps.
	Links Links
	// Self selects Serin's own metrics in the store that evaluates the rules, for
	// example {job="serin"}; nil leaves out every rule that needs them.
	Self []queries.Matcher
	// Labels are more constant labels of every alert, such as a team.
	Labels map[string]string
}

// Links are addresses for annotations. Empty ones are left out.
type Links struct {
	Report, Dashboard, Runbook string
	// DashboardUID and Panels bind Grafana's alert list to a board and its panels, by
	// metric.
	DashboardUID string
	Panels       map[string]int
}

// The severities.
const (
	Page   = "page"   // somebody must look now
	Ticket = "ticket" // somebody must look today
)

// managedBy marks what Serin wrote, and may take away.
const managedBy = "serin"

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// check says what is wrong with a subject.
func (s Subject) check() error {
	var faults []error
	if s.Rollout.ID == "" || s.Rollout.Started.IsZero() {
		faults = append(faults, errors.New("the rollout has no ID or no start"))
	}
	if s.Plan.Block <= 0 {
		faults = append(faults, errors.New("the plan is not a loaded one: its blocks have no length"))
	}
	for name := range s.Labels {
		if !labelName.MatchString(name) {
			faults = append(faults, fmt.Errorf("%q cannot be a label's name", name))
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("alerts: %w", errors.Join(faults...))
	}
	return nil
}

// times are the durations of a set.
type times struct {
	every   time.Duration // between two evaluations
	short   time.Duration // the range of rates
	long    time.Duration // the range that must agree with it
	hold    time.Duration // for how long something must be seen
	keep    time.Duration // how long an alert stays after it was seen last
	step    time.Duration // between two values where all of a rollout is looked at
	until   time.Time     // nothing fires from here on
	overdue time.Time     // the rollout should be over
}

const (
	shortest = time.Second
	longest  = 30 * time.Second
	mostKept = 5 * time.Minute
	// slack is how long after everything a plan allows its rules may still fire.
	slack = time.Hour
	// mostSteps bounds how many values that are: promtool's unit tests have room for
	// 10,000 samples, each operation's among them.
	mostSteps = 500
)

// times derives the durations from the plan: short blocks mean that the user looks
// for something that happens fast.
func (s Subject) times() times {
	block := s.Plan.Block.D()
	t := times{every: min(max(block, shortest), longest).Truncate(time.Second)}
	t.short = 5 * block
	for _, m := range s.Plan.Metrics {
		t.short = max(t.short, m.Reading.Range, m.Block.D())
	}
	t.short = t.short.Round(time.Second)
	t.long = 6 * t.short
	t.hold = 2 * t.every
	t.keep = min(10*block, mostKept).Round(time.Second)
	end := s.Rollout.Started.Add(s.Plan.MaxDuration.D())
	if s.Traffic.After(s.Rollout.Started) {
		end = s.Traffic.Add(s.Plan.MaxDuration.D())
	}
	t.overdue = end.Add(max(10*block, s.Plan.MaxDuration.D()/4))
	t.until = end.Add(s.Plan.HoldFor.D() + slack)
	t.step = max(t.every, t.short/4, t.until.Sub(s.Rollout.Started)/mostSteps).Round(time.Second)
	return t
}
