package pages

import (
	"io"
	"time"

	"github.com/serin-canary/serin/judge/report"
)

// Judgement is an execution of one of Kayenta's callers: two judges say what they make of
// the same samples, and the one that the caller chose decides.
type Judgement struct {
	ID, Application, Config string
	State                   string // as Kayenta writes it
	Started, Ended          time.Time
	Error                   string       // why there is none
	Judges                  []JudgeScore // the one that decides first
	Metrics                 []JudgedMetric
	Differences             []string // a sentence each
}

// JudgeScore is what a judge says of the canary.
type JudgeScore struct {
	Name    string
	Decides bool
	Score   float64 // 0 to 100
	Class   string  // Pass, Marginal or Fail
	Reason  string
}

// JudgedMetric is what each judge says of a metric, in the order of the judges.
type JudgedMetric struct {
	Name string
	Said []Said
}

// Said is a judge's word for a metric.
type Said struct{ Class, Reason string }

// Differ reports whether the judges do not say the same of the canary.
func (j Judgement) Differ() bool {
	for _, s := range j.Judges {
		if s.Class != j.Judges[0].Class {
			return true
		}
	}
	return false
}

// Tone is a class's colour.
func (s JudgeScore) Tone() string {
	switch s.Class {
	case "Pass":
		return "good"
	case "Fail":
		return "bad"
	}
	return "held"
}

// Differ reports whether the judges do not say the same of the metric.
func (m JudgedMetric) Differ() bool {
	for _, s := range m.Said {
		if s.Class != m.Said[0].Class {
			return true
		}
	}
	return false
}

// tally counts what two judges came to.
type tally struct {
	Judged, Both    int // executions with a judgement; of them those with two
	Differ          int // of Both: on the canary
	ByMetricsOnly   int // of Both: on metrics alone
	Unjudged        int
	First           time.Time // of the oldest
	OnlyOurs, Other int       // of Differ: Serin alone failed it, the other judge alone
}

func tallyOf(list []Judgement) tally {
	var t tally
	for _, j := range list {
		t.First = j.Started
		if len(j.Judges) == 0 {
			t.Unjudged++
			continue
		}
		t.Judged++
		if len(j.Judges) < 2 {
			continue
		}
		t.Both++
		switch {
		case j.Differ():
			t.Differ++
			t.blame(j)
		case len(j.Differences) > 0:
			t.ByMetricsOnly++
		}
	}
	return t
}

// blame counts who alone failed a canary.
func (t *tally) blame(j Judgement) {
	failed, ours := 0, false
	for _, s := range j.Judges {
		if s.Class == "Fail" {
			failed++
			ours = s.Name == "serin"
		}
	}
	switch {
	case failed != 1:
	case ours:
		t.OnlyOurs++
	default:
		t.Other++
	}
}

type judgementPage struct {
	common
	Judgement
	Now time.Time
}

// Judgement writes an execution's page.
func (p *Pages) Judgement(w io.Writer, j Judgement, now time.Time) error {
	return write(w, p.judgement, judgementPage{common{Title: "Two judges: " + shorten(report.Plain(j.Application), longName)}, j, now})
}

type judgementsPage struct {
	common
	Judgements []Judgement
	Judged     tally
	Now        time.Time
}

// Judgements writes the list of executions.
func (p *Pages) Judgements(w io.Writer, list []Judgement, now time.Time) error {
	return write(w, p.judgements, judgementsPage{common{Title: "Two judges"}, list, tallyOf(list), now})
}
