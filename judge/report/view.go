package report

import (
	"strings"

	"github.com/serin-canary/serin/judge"
)

// View is a verdict in a report's words, for whoever lays it out in another way: a page.
// It has no markup, and no control characters.
type View struct {
	Outcome    string   // continue, promote, rollback or inconclusive
	Word       string   // the same for people: a rollback that must not be carried out is called otherwise
	Tone       string   // good, held, bad or neutral
	Qualifiers []string // "proven", "shadow mode"
	Subject    string   // service, namespace, revision
	Sentence   string   // why
	Page       string   // why a person must look now; empty: none must
	Shadow     bool     // nothing follows from the verdict
	Answers    []Answer
	Findings   []FindingView
	Rests      []string // what it rests on, a fact a line
	Legend     string   // what the numbers of the findings are
}

// Answer is one of the three questions that callers ask, and its answer.
type Answer struct {
	Question string
	Yes      bool
	Reason   string // empty where it is the verdict's own
}

// Over are the questions and their last answers where the rollout is over: nobody may be
// told to do now what was to be done then.
func Over(v judge.Verdict) []Answer {
	var out []Answer
	for _, a := range past(answers(v)) {
		out = append(out, Answer{a.question, a.yes, a.reason})
	}
	return out
}

// FindingView is one finding in words. What is not known is a dash.
type FindingView struct {
	Name, Class string
	Tone        string   // as of [View]
	Mark        string   // the tone as a character
	Roles       []string // critical, required, rolls back …
	Canary      string
	Baseline    string
	Ratio       string // canary over baseline with its interval
	Worse       string // evidence for it, as odds
	NotWorse    string
	Requests    string // canary : baseline
	Reason      string
	Evidence    string
	Next        string // what would change it
	Details     []Detail
}

// Detail is a name and what it is.
type Detail struct{ Name, Value string }

// ViewOf returns a verdict in words.
func ViewOf(v judge.Verdict) View {
	out := View{
		Outcome: v.Outcome.String(), Word: word(v), Tone: outcomeTone(v).String(), Qualifiers: qualifiers(v), Subject: subject(v),
		Sentence: sentence(v), Page: clean(v.Page), Shadow: shadow(v), Rests: progress(v), Legend: legend(v.Findings),
	}
	for _, a := range answers(v) {
		out.Answers = append(out.Answers, Answer{a.question, a.yes, a.reason})
	}
	for _, f := range v.Findings {
		out.Findings = append(out.Findings, viewOf(f, v.Threshold))
	}
	return out
}

func viewOf(f judge.Finding, threshold float64) FindingView {
	r := rowOf(f)
	return FindingView{
		Name: r.cells[colName], Class: r.cells[colClass], Tone: r.tone.String(), Mark: r.tone.mark(), Roles: roles(f),
		Canary: r.cells[colCanary], Baseline: r.cells[colBaseline], Ratio: r.cells[colRatio],
		Worse: r.cells[colWorse], NotWorse: r.cells[colNotWorse], Requests: r.cells[colRequests],
		Reason: clean(f.Reason), Evidence: evidence(f, threshold), Next: clean(f.Next), Details: details(f),
	}
}

// details are the numbers behind a finding that its sentence may leave out.
func details(f judge.Finding) []Detail {
	var out []Detail
	add := func(name, value string) {
		if value != "" && value != none {
			out = append(out, Detail{name, value})
		}
	}
	if f.Weight > 0 {
		add("share of the error budget", number(f.Weight*100)+" %")
	}
	e := f.Effect
	if e == nil {
		return out
	}
	add("tolerated", clean(e.Limit))
	if e.Level > 0 && (e.Low != nil || e.High != nil) {
		add("interval", "always valid, level "+number(e.Level*100)+" %")
	}
	if e.Blocks > 0 {
		add("blocks", count(float64(e.Blocks)))
	}
	if e.CanaryRequests > 0 || e.BaselineRequests > 0 {
		add("requests, canary", count(e.CanaryRequests))
		add("requests, baseline", count(e.BaselineRequests))
	}
	if e.Dispersion > 0 {
		add("dispersion φ̂", number(e.Dispersion))
	}
	if e.PodSpread > 0 {
		add("spread between pods σ̂", number(e.PodSpread))
	}
	add("bound that contributed most", clean(e.Contributor))
	return out
}

// String returns the tone's name.
func (t tone) String() string {
	return [...]string{"neutral", "good", "held", "bad"}[t]
}

// Value writes a number in its unit, as reports do: ratios are percentages, seconds below
// one are milliseconds.
func Value(v float64, unit string) string { return value(v, unit) }

// Odds writes log10 evidence as odds: 1.92 is 84:1.
func Odds(log10 float64) string { return odds(&log10) }

// Plain returns a text of others on one line, without control characters.
func Plain(s string) string { return strings.TrimSpace(clean(s)) }
