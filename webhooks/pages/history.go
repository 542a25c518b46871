package pages

import (
	"io"
	"net/url"
	"time"

	"github.com/serin-canary/serin/judge/report"
)

// Selection is what the list is narrowed to. Empty fields narrow nothing.
type Selection struct {
	Service, Namespace, Outcome string
	Live                        bool
}

// Narrowed reports whether anything is left out.
func (s Selection) Narrowed() bool { return s != Selection{} }

// History is what the list of rollouts shows.
type History struct {
	Rollouts []report.Past // the newest first
	Selected Selection
	Outcomes []string // that can be selected
	Older    string   // address of the next page; empty: there is none
	Newest   string   // address of the first page; empty: this is it
	Limited  bool     // whoever reads sees some namespaces only
	Kayenta  bool     // whoever reads may see executions of Kayenta's callers
	Now      time.Time
}

type historyPage struct {
	common
	History
}

// History writes the list of rollouts.
func (p *Pages) History(w io.Writer, h History) error {
	return write(w, p.history, historyPage{common{Title: "Rollouts", Live: "/events"}, h})
}

// row is a rollout as the table has it, with the time of the page.
type row struct {
	report.Past
	Now           time.Time
	Tone, Outcome string
	Old           bool // nobody judges it any more
	Why           string
}

// rows hands a table its rollouts.
func rows(past []report.Past, now time.Time) []row {
	var out []row
	for _, p := range past {
		r := row{Past: p, Now: now, Tone: "neutral", Outcome: "announced", Old: p.Stale(now) != "", Why: p.Because(now)}
		if p.Last != nil {
			v := report.ViewOf(*p.Last)
			r.Tone, r.Outcome = v.Tone, v.Word
		}
		out = append(out, r)
	}
	return out
}

// longestName is the longest name that the server takes, in bytes.
const longestName = 253

// serviceAddress is the address of a service's page, or "" where there is none: a browser
// would take the names for folders, or no caller may use such a name.
func serviceAddress(namespace, service string) string {
	if namespace == "" {
		namespace = "-"
	}
	for _, name := range []string{namespace, service} {
		if name == "" || name == "." || name == ".." || len(name) > longestName || name != report.Plain(name) {
			return ""
		}
	}
	return "/s/" + url.PathEscape(namespace) + "/" + url.PathEscape(service)
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
