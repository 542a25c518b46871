package pages

import (
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge/report"
)

// CheckRun is what a check last left.
type CheckRun struct {
	Name string
	At   time.Time
	Arms []ArmRun // one, without a name, where it ran once for both
}

// ArmRun is what a check left on an arm.
type ArmRun struct {
	Arm, Status string
	Took        time.Duration
	Attempts    int
	Reason      string // with an excerpt of what was answered, without credentials
	Steps       []StepRun
}

// StepRun is one step of a journey.
type StepRun struct {
	Name, Status string
	Took         time.Duration
	Reason       string
}

// Tone is the colour of how it ended.
func (a ArmRun) Tone() string { return statusTone(a.Status) }

// Tone is the colour of how it ended.
func (s StepRun) Tone() string { return statusTone(s.Status) }

func statusTone(status string) string {
	switch status {
	case "passed":
		return "good"
	case "failed":
		return "bad"
	}
	return "held"
}

// Text is the run in a sentence.
func (a ArmRun) Text() string {
	s := report.Plain(a.Reason)
	if a.Attempts > 1 {
		s += fmt.Sprintf(" (%d attempts)", a.Attempts)
	}
	return s
}

// Lasted is how long it took, as people say it.
func (a ArmRun) Lasted() string { return milliseconds(a.Took) }

// Lasted is how long it took, as people say it.
func (s StepRun) Lasted() string { return milliseconds(s.Took) }

func milliseconds(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return took(time.Time{}, time.Time{}.Add(d))
}
