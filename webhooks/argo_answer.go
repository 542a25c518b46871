package webhooks

import (
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// The words that an answer to Argo begins with. Conditions are written on them:
// result startsWith "pass".
const (
	wordPass         = "pass"
	wordFail         = "fail"
	wordRunning      = "running"
	wordInconclusive = "inconclusive"
)

const (
	maxSummary = 900 // bytes; the whole of it is stored in the AnalysisRun
	pollAgain  = 10  // seconds
)

// argoAnswer is one measurement. Every field is in every answer, errors included:
// a missing path is an error to Argo.
type argoAnswer struct {
	Verdict           string  `json:"verdict"`
	Code              int     `json:"code"` // 1 pass, -1 fail, else 0
	Score             float64 `json:"score"`
	Summary           string  `json:"summary"` // verdict, score, reason and link in one line
	Reason            string  `json:"reason"`
	Report            string  `json:"report"`
	RetryAfterSeconds int     `json:"retryAfterSeconds"`
	Error             string  `json:"error"` // empty, but where no verdict could be formed
	Next              string  `json:"next"`
}

// wordOf says a verdict in Argo's words.
func wordOf(v judge.Verdict, g gate) string {
	switch {
	case v.RollBack.Yes && !shadow(v):
		return wordFail
	case v.Promotion.Yes, g == gateStep && v.Advance.Yes && !untouched(v), shadow(v):
		return wordPass
	case v.Outcome == judge.Inconclusive:
		return wordInconclusive
	}
	return wordRunning
}

// untouched reports whether the canary has had no request, and nobody declared a
// weight of 0. The judge lets traffic begin then. An analysis of Argo comes after a
// step, whose weight it is seldom told: without data it has seen nothing yet.
func untouched(v judge.Verdict) bool {
	return v.Rollout.Comparison != rollout.ChecksOnly && v.Phase == rollout.Announced && v.Progress.Weight == nil
}

// finishes reports whether an answer ends the judging: Argo goes on or aborts and
// does not ask again. With ?pending=503, and of Serin's plugin, that includes
// inconclusive.
func finishes(word string, g gate, pending bool) bool {
	switch word {
	case wordFail:
		return true
	case wordPass:
		return g == gatePromotion
	case wordInconclusive:
		return g == gatePromotion && pending
	}
	return false
}

// whyDelivered is why a rollout is closed whose analysis was finished. It names
// the step, since the pass of one step is no answer to the next.
func whyDelivered(word string, a argoCall) string {
	why := "argo: " + word + " delivered"
	if word == wordFail || a.Step == "" {
		return why
	}
	return why + " at step " + string(a.Step)
}

// recorded answers from the record of a rollout that has just ended, and false
// where the call asks something else and begins a new attempt: the pass of one
// step is no answer to the next, nor to a guard.
//
// A fail is told to everybody. What ended otherwise (a newer revision, a person)
// is neither passed nor failed; the last polls of its analysis must not open it
// again.
func recorded(a argoCall, sum journal.Summary) (measured, bool) {
	m := measured{id: sum.Rollout.ID, word: wordRunning}
	if sum.Last != nil {
		m.verdict = *sum.Last
	}
	for _, word := range [...]string{wordFail, wordPass, wordInconclusive} {
		if sum.Why == whyDelivered(word, a) && (word == wordFail || a.gate() == gatePromotion) {
			m.word = word
			return m, true
		}
	}
	if strings.HasPrefix(sum.Why, "argo: ") {
		return m, false
	}
	next := "; the same arguments open a new attempt in a minute"
	if a.Run.known() {
		// The run learns no more. It is ended for a person, but for a guard, which Argo ends.
		m.word, next = wordInconclusive, "; a new AnalysisRun opens a new attempt"
	}
	m.verdict.Reason = "rollout " + m.id + " of this revision has just ended (" + sum.Why + ") and is judged no more" + next
	return m, true
}

// guardOutlasts is for how long a background analysis may go on after the last
// promotion was told: Argo ends it once every pod is of the new revision. It is short,
// since a promotion that is asked for at an earlier step ends the judging too.
const guardOutlasts = 5 * time.Minute

// outlasts reports whether a call is of a guard that goes on after the promotion.
func (a argoCall) outlasts(sum journal.Summary, now time.Time) bool {
	return a.gate() == gateGuard && !live(sum) && strings.HasPrefix(sum.Why, whyDelivered(wordPass, argoCall{})) && now.Sub(sum.Closed) < guardOutlasts
}

// promoted answers a guard of what was promoted. Another attempt would compare it with
// a baseline that goes away.
func promoted(sum journal.Summary) measured {
	m := measured{id: sum.Rollout.ID, word: wordRunning}
	m.verdict.Reason = "rollout " + m.id + " of this revision was promoted (" + sum.Why + "): there is nothing more to guard"
	return m
}

// argoAnswer puts a measurement into words.
func (s *Server) argoAnswer(m measured) argoAnswer {
	v := m.verdict
	a := argoAnswer{Verdict: m.word, Score: finite(v.Score)}
	switch m.word {
	case wordPass:
		a.Code, a.Reason = 1, reasonOf(v.Promotion, v)
	case wordFail:
		a.Code, a.Reason = -1, reasonOf(v.RollBack, v)
	case wordRunning:
		a.Reason, a.RetryAfterSeconds = v.Reason, pollAgain
	default:
		a.Reason = v.Reason
	}
	a.Reason = oneLine(a.Reason, 4096)
	if m.id != "" {
		a.Report = s.link(m.id)
	}
	tail := ""
	if a.Report != "" {
		tail = "; " + a.Report
	}
	head := m.word + " score=" + number(a.Score) + " "
	a.Summary = head + oneLine(a.Reason, max(maxSummary-len(head)-len(tail), maxSummary/3)) + tail
	return a
}

// argoFailure is the object that an error is told by. It is no verdict: its status
// makes it an error to Argo, which asks again.
func argoFailure(e *HTTPError) argoAnswer {
	text := oneLine(e.Public, maxSummary/2)
	return argoAnswer{
		Verdict: wordInconclusive, Reason: text, Summary: oneLine(wordInconclusive+" error: "+text, maxSummary),
		RetryAfterSeconds: pollAgain, Error: text, Next: oneLine(e.Next, maxSummary),
	}
}
