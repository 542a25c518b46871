package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
)

// Notice is what is told of a rollout. It is what templates are executed with: every text
// has been escaped for the service by then, so that a template may use the service's
// markup and names cannot.
type Notice struct {
	// Target is the name of where it goes.
	Target string
	// ID is the rollout's; Service, Namespace, Revision, Controller, Plan and Ref are as it
	// was announced. Attempt counts from 1.
	ID, Service, Namespace, Revision, Controller, Plan, Ref string
	Attempt                                                 int
	// Outcome is that of the newest verdict: continue, promote, inconclusive or rollback;
	// continue before the first look.
	Outcome string
	// Proven says that evidence, not policy, led to the outcome; Shadow that nothing follows
	// from it; Final that nothing but harm can change it.
	Proven, Shadow, Final bool
	// Irreversible says that the outcome is rollback and that the plan says it cannot be
	// reversed: nobody may roll it back.
	Irreversible bool
	// Tone is good, held, bad or neutral; Mark is the tone as a character.
	Tone, Mark string
	// Headline is the outcome and the rollout in a line; Sentence says why.
	Headline, Sentence string
	// Page is why a person must look now; empty: none must.
	Page string
	// Findings are those that matter, the worst first; at most five. Facts are what the
	// verdict rests on.
	Findings []Finding
	Facts    []Fact
	// Over says that the rollout has ended; Why says how.
	Over bool
	Why  string
	// Report and Dashboard are addresses for people; empty where they are not known.
	Report, Dashboard string
	// Look is the number of the look; Started, At and Ended are when the rollout began,
	// when that look was, and when the rollout ended (zero while it lives).
	Look               int
	Started, At, Ended time.Time
}

// Finding is one finding of a verdict in words.
type Finding struct {
	Name, Class, Mark string
	// Canary, Baseline and Ratio are values with their units; a dash where they are unknown.
	Canary, Baseline, Ratio string
	// Odds is the evidence of harm, such as 84:1; a dash where there is none.
	Odds   string
	Reason string
}

// none stands where there is no number.
const none = "–"

// words are the finding in a line, after its name. The odds are those of harm, and are
// called so: beside what is not worse they would be read as evidence of that.
func (f Finding) words() string {
	text := f.Class
	if f.Canary != none && f.Baseline != none {
		text += ", " + f.Canary + " against " + f.Baseline
	}
	if f.Odds != none {
		text += ", harm " + f.Odds
	}
	return text
}

// Fact is a name and what it is.
type Fact struct{ Name, Value string }

// mostFindings bounds what is listed; the report has the rest.
const mostFindings = 5

// composer makes notices.
type composer struct {
	baseURL string
	board   func(rolloutID string) string
}

// compose returns the notice of a rollout as it is now.
func (c composer) compose(target string, s journal.Summary) Notice {
	r := s.Rollout
	n := Notice{
		Target: target, ID: r.ID, Service: report.Plain(r.Service), Namespace: report.Plain(r.Namespace), Revision: report.Plain(r.Revision),
		Controller: report.Plain(r.Controller), Plan: report.Plain(r.Plan), Ref: report.Plain(r.Ref), Attempt: r.Attempt,
		Over: !s.Closed.IsZero(), Why: report.Plain(s.Why), Started: r.Started.UTC(), Ended: s.Closed.UTC(),
	}
	v := s.Last
	if v == nil {
		v = &judge.Verdict{Rollout: r, Reason: "nothing was compared yet"}
	}
	view := report.ViewOf(*v)
	n.Outcome, n.Proven, n.Shadow, n.Tone = view.Outcome, v.Proven, view.Shadow, view.Tone
	n.Mark = markOf(view.Tone)
	n.Final = v.Outcome == judge.Rollback || v.Outcome == judge.Inconclusive || v.Outcome == judge.Promote && v.Promotion.Yes
	n.Irreversible = v.Outcome == judge.Rollback && !v.RollBack.Yes && !n.Shadow
	n.Sentence, n.Page, n.Look, n.At = view.Sentence, view.Page, v.Seq, v.At.UTC()
	if s.Last == nil {
		n.Sentence = "Judging begins with the canary's first traffic."
		n.At = n.Started
	}
	n.Headline = headline(n, view)
	n.Findings = findings(view.Findings)
	n.Facts = facts(n, v)
	if c.baseURL != "" {
		n.Report = strings.TrimRight(c.baseURL, "/") + "/r/" + r.ID
	}
	if c.board != nil {
		n.Dashboard = c.board(r.ID)
	}
	return n
}

// headline is what is read where nothing else is: on a phone's screen.
func headline(n Notice, v report.View) string {
	word := map[string]string{
		judge.Rollback.String(): "Roll back", judge.Promote.String(): "Promote", judge.Inconclusive.String(): "Not decided in time",
	}[n.Outcome]
	switch {
	case n.Irreversible:
		word = "Judged bad, do not roll back"
	case word == "" && n.Over:
		word = "Over without a verdict"
	case word == "" && n.Page != "" && !n.Shadow:
		word = "A person must look"
	case word == "":
		word = "Judging"
	case n.Outcome == judge.Promote.String() && !n.Final:
		word = "Looks good so far"
	}
	if n.Shadow {
		word += " (only watched)"
	}
	return word + ": " + v.Subject
}

// markOf is a tone as a character.
func markOf(tone string) string {
	return map[string]string{"good": "✓", "bad": "✗", "held": "!"}[tone]
}

// findings returns what matters: what is bad, what holds, and of the rest what was proven.
func findings(all []report.FindingView) []Finding {
	var out []Finding
	for _, tone := range []string{"bad", "held", "good"} {
		for _, f := range all {
			if f.Tone != tone || len(out) == mostFindings {
				continue
			}
			out = append(out, Finding{
				Name: f.Name, Class: f.Class, Mark: f.Mark, Canary: f.Canary, Baseline: f.Baseline, Ratio: f.Ratio, Odds: f.Worse, Reason: f.Reason,
			})
		}
	}
	return out
}

// facts are what the verdict rests on, in a few words each.
func facts(n Notice, v *judge.Verdict) []Fact {
	out := []Fact{{"Revision", n.Revision}}
	add := func(name, value string) { out = append(out, Fact{name, value}) }
	if n.Look == 0 {
		return out
	}
	if w := v.Progress.Weight; w != nil {
		add("Canary's traffic", fmt.Sprintf("%.3g %%", *w))
	}
	add("Compared", fmt.Sprintf("%d blocks of %s", v.Progress.Paired, report.Plain(v.Progress.Block)))
	add("Canary's requests", report.Value(v.Progress.CanaryRequests, ""))
	if v.Threshold > 0 {
		add("Evidence of harm", report.Odds(v.Evidence)+", "+report.Odds(v.Threshold)+" rolls back")
	}
	return out
}

// brief is what is said where there is room for little: why a person must look now comes
// before why the verdict is what it is, and neither is said twice.
func (n Notice) brief() string {
	switch {
	case n.Page == "":
		return n.Sentence
	case strings.Contains(n.Page, n.Sentence):
		return n.Page
	}
	return n.Page + ". " + n.Sentence
}

// word is the outcome as a target's list has it.
func (n Notice) word() string {
	if n.Over && !n.Final {
		return closedWord
	}
	return n.Outcome
}

// rankPage is the rank of what calls people before the end. It has no place in the order
// of ends: each end is told after it, and it after none.
const rankPage = -1

// rank orders the ends, which are told once: only what is graver is told after one. 0 is
// no end.
func (n Notice) rank() int {
	switch {
	case n.Final && n.Outcome == judge.Rollback.String():
		return 4
	case n.Final && n.Outcome == judge.Inconclusive.String():
		return 3
	case n.Final:
		return 2
	case n.Over:
		return 1
	}
	return 0
}

// escaped returns the notice with every text of others escaped. Addresses are ours.
func (n Notice) escaped(escape func(string) string) Notice {
	for _, s := range []*string{
		&n.Service, &n.Namespace, &n.Revision, &n.Controller, &n.Plan, &n.Ref, &n.Headline, &n.Sentence, &n.Page, &n.Why,
	} {
		*s = escape(*s)
	}
	fs := make([]Finding, len(n.Findings))
	for i, f := range n.Findings {
		for _, s := range []*string{&f.Name, &f.Class, &f.Canary, &f.Baseline, &f.Ratio, &f.Odds, &f.Reason} {
			*s = escape(*s)
		}
		fs[i] = f
	}
	n.Findings = fs
	ks := make([]Fact, len(n.Facts))
	for i, k := range n.Facts {
		ks[i] = Fact{k.Name, escape(k.Value)}
	}
	n.Facts = ks
	return n
}
