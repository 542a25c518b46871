package pages

import (
	"io"
	"time"

	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
)

// Past is a rollout in the list.
type Past struct {
	Rollout rollout.Rollout
	Closed  time.Time
	Looks   int
	Verdict *report.View // nil before the first look
}

// Selection is what the list is narrowed to. Empty fields narrow nothing.
type Selection struct {
	Service, Namespace, Outcome string
	Live                        bool
}

// History is what the list of rollouts shows.
type History struct {
	Rollouts []Past // the newest first
	Selected Selection
	Outcomes []string // that can be selected
	Older    string   // address of the next page; empty: there is none
	Limited  bool     // whoever reads sees some namespaces only
	Now      time.Time
}

type historyPage struct {
	common
	History
}

// History writes the list of rollouts.
func (p *Pages) History(w io.Writer, h History) error {
	return write(w, p.history, historyPage{common{Title: "Rollouts"}, h})
}

// Failure is why a page cannot be shown.
type Failure struct {
	Code         int
	Public, Next string
	Now          time.Time
}

type failurePage struct {
	common
	Failure
}

// Failure writes why a page cannot be shown.
func (p *Pages) Failure(w io.Writer, f Failure) error {
	return write(w, p.failure, failurePage{common{Title: "Not shown"}, f})
}
