// Package pages draws what people read in a browser: a rollout's report, and the list of
// rollouts.
//
// It computes nothing: words and numbers are those of [judge/report], and curves those of
// the trace. Pages are whole without JavaScript, ask no other server for anything, and
// print. Texts that come from outside are only ever written by html/template.
package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
)

//go:embed templates assets
var files embed.FS

// Policy is the Content-Security-Policy of pages: what they need is on this server, and
// nothing in them may run that is not.
const Policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Assets are the style sheet and the script.
func Assets() (fs.FS, error) { return fs.Sub(files, "assets") }

// Pages writes pages. It is safe for concurrent use.
type Pages struct {
	report, history, failure       *template.Template
	service, judgement, judgements *template.Template
	pen                            pen
}

// New parses the templates.
func New() (*Pages, error) {
	p := Pages{pen: pen{fonts: font.NewCache(liberation.Collection())}}
	for _, one := range []struct {
		into **template.Template
		name string
	}{
		{&p.report, "report"}, {&p.history, "history"}, {&p.failure, "failure"},
		{&p.service, "service"}, {&p.judgement, "judgement"}, {&p.judgements, "judgements"},
	} {
		t, err := template.New("layout.html").Funcs(words()).ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+one.name+".html")
		if err != nil {
			return nil, fmt.Errorf("pages: %s: %w", one.name, err)
		}
		*one.into = t
	}
	return &p, nil
}

// words are what templates may call.
func words() template.FuncMap {
	return template.FuncMap{
		"when":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"stamp":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"plain":  report.Plain,
		"odds":   report.Odds,
		"short":  func(s string) string { return s[:min(len(s), 12)] },
		"first":  upperFirst,
		"took":   took,
		"day":    day,
		"minute": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
		"clock":  func(t time.Time) string { return t.UTC().Format("15:04:05") },
		// A name is as long as whoever chose it liked.
		"cut":      func(s string) string { return shorten(report.Plain(s), longName) },
		"shorten":  func(s string) string { return shorten(s, longText) },
		"text":     func(s string, most int) string { return shorten(report.Plain(s), most) },
		"sentence": func(s string) string { return strings.TrimSuffix(upperFirst(report.Plain(s)), ".") + "." },
		"rows":     rows, "serviceAddress": serviceAddress, "decided": decided,
	}
}

// How much of a name, and of a sentence, a list shows.
const (
	longName = 120
	longText = 400
)

// shorten keeps the beginning of a text.
func shorten(s string, most int) string {
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

func upperFirst(s string) string {
	for i, r := range s {
		if i == 0 {
			return strings.ToUpper(string(r)) + s[len(string(r)):]
		}
	}
	return s
}

// took writes how long something lasted, as people say it.
func took(from, to time.Time) string {
	switch d := to.Sub(from).Round(time.Second); {
	case d < 0:
		return "–"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// Look is one look at a rollout.
type Look struct {
	Seq      int
	At       time.Time
	Outcome  judge.Outcome
	Evidence float64 // log10
	Reason   string
}

// Link leads to something about the rollout.
type Link struct{ Name, URL string }

// Report is what a rollout's page shows.
type Report struct {
	Rollout     rollout.Rollout
	Closed      time.Time // zero while live
	Why         string    // why it was closed
	Verdict     *judge.Verdict
	Looks       []Look // in order
	Trace       judge.Trace
	Plan        plan.Plan
	Overrides   []judge.Override
	Checks      []CheckRun
	Judgements  []Judgement // of Kayenta's callers, of the same service meanwhile
	Unpublished []report.Unpublished
	Links       []Link
	MayOverride bool // whoever reads may decide in the judge's place
	Now         time.Time
}

// common is what every page has.
type common struct {
	Title  string
	Charts bool   // somebody may point at plots
	Live   string // address of the stream of changes; "" where nothing changes
	Stale  string // why what is shown is old; "" where it is not
}

// reportPage is a report as its template has it.
type reportPage struct {
	common
	Report
	View     report.View
	Pending  *judge.Override // decided since the last look
	Timeline template.HTML
	Steps    []step
	Together figure
	Findings []finding
	Changes  []change
	Sure     []string
	Metrics  []planned
	Policy   []report.Detail
}

// figure is a picture, and the same as an attribute for the script; both are "" where
// there is nothing to draw.
type figure struct {
	Picture template.HTML
	Plot    string
	Beyond  string // what it has no room for; "" where it has all
}

// finding is one with its plots.
type finding struct {
	report.FindingView
	Anchor   string
	Evidence figure
	Ratios   figure
	Run      *CheckRun // what a check last left
}

// change is what would change a finding.
type change struct{ Name, Anchor, Next string }

// Report writes a rollout's page.
func (p *Pages) Report(w io.Writer, r Report) error {
	page := reportPage{common: common{Title: title(r), Charts: r.Closed.IsZero() || len(r.Trace.Points) >= fewest}, Report: r}
	if r.Closed.IsZero() {
		page.Live = "/r/" + r.Rollout.ID + "/events"
		page.Stale = report.Past{Closed: r.Closed, Last: r.Verdict}.Stale(r.Now)
	}
	var err error
	if page.Timeline, err = p.pen.timeline(r); err != nil {
		return err
	}
	page.Pending = pending(r)
	page.Steps, page.Metrics, page.Policy = stepsOf(r), plannedOf(r.Plan), policyOf(r.Plan)
	if r.Verdict != nil {
		if err := page.verdict(p.pen, *r.Verdict); err != nil {
			return err
		}
	}
	return write(w, p.report, page)
}

// pending is what a person decided last, where no look has counted it yet.
func pending(r Report) *judge.Override {
	if len(r.Overrides) == 0 || !r.Closed.IsZero() {
		return nil
	}
	last := r.Overrides[len(r.Overrides)-1]
	if r.Verdict != nil && !last.At.After(r.Verdict.At) {
		return nil
	}
	return &last
}

// decided is what a person decided, in words.
func decided(action judge.OverrideAction) string {
	switch action {
	case judge.OverrideHold:
		return "to hold"
	case judge.OverrideRollback:
		return "to roll back"
	case judge.OverridePromote:
		return "to promote"
	case judge.OverrideClear:
		return "to let the judge decide again"
	}
	return report.Plain(string(action))
}

func title(r Report) string {
	s := shorten(report.Plain(r.Rollout.Service), longName)
	if r.Verdict != nil {
		s = report.ViewOf(*r.Verdict).Word + ": " + s
	}
	return s
}

func (p *reportPage) verdict(with pen, v judge.Verdict) error {
	p.View, p.Sure = report.ViewOf(v), sure(v, !p.Closed.IsZero())
	if !p.Closed.IsZero() {
		p.View.Answers = report.Over(v)
	}
	var err error
	if p.Together, err = with.evidenceFigure("the canary, all metrics together,", p.Trace.Points, v.Threshold); err != nil {
		return err
	}
	for i, f := range p.View.Findings {
		one := finding{FindingView: f, Anchor: fmt.Sprintf("finding-%d", i+1)}
		if v.Findings[i].About == judge.AboutMetric {
			if err := one.draw(with, p.Report, v.Findings[i]); err != nil {
				return err
			}
		}
		if v.Findings[i].About == judge.AboutCheck {
			one.Run = p.run(v.Findings[i])
		}
		p.Findings = append(p.Findings, one)
		if f.Next != "" {
			p.Changes = append(p.Changes, change{f.Name, one.Anchor, f.Next})
		}
	}
	return nil
}

// draw adds the plots of a metric's finding.
func (f *finding) draw(with pen, r Report, about judge.Finding) error {
	for _, t := range r.Trace.Metrics {
		if t.Name != about.Name {
			continue
		}
		var err error
		if t.Weight > 0 { // else its evidence has no consequences
			alone := report.Alone(r.Verdict.Threshold, t.Weight)
			if f.Evidence, err = with.evidenceFigure(t.Name, t.Points, alone); err != nil {
				return err
			}
		}
		for _, m := range r.Plan.Metrics {
			if m.Name == t.Name {
				f.Ratios, err = with.ratiosFigure(m, t.Points)
			}
		}
		return err
	}
	return nil
}

// run returns what a check last left, or nil. What its finding says already is not said
// again.
func (p *reportPage) run(f judge.Finding) *CheckRun {
	for _, r := range p.Checks {
		if r.Name != f.Name {
			continue
		}
		r.Arms = slices.Clone(r.Arms)
		for i := range r.Arms {
			if r.Arms[i].Reason == f.Reason {
				r.Arms[i].Reason = ""
			}
		}
		return &r
	}
	return nil
}

// evidenceFigure is evidence, to look at and to point at.
func (p pen) evidenceFigure(name string, points []judge.TracePoint, threshold float64) (figure, error) {
	picture, err := p.evidence(name, points, threshold)
	if err != nil || picture == "" {
		return figure{}, err
	}
	plot, err := liveEvidence(points, threshold)
	return figure{Picture: picture, Plot: plot}, err
}

// ratiosFigure is ratios, to look at and to point at.
func (p pen) ratiosFigure(m plan.Metric, points []judge.TracePoint) (figure, error) {
	picture, err := p.ratios(m, points)
	if err != nil || picture == "" {
		return figure{}, err
	}
	plot, err := liveRatios(m, points)
	return figure{picture, plot, offScale(m, points)}, err
}

// promised says what the default threshold is worth. Where noise is estimated, as it is by
// default, how often it errs is measured and not proven.
func promised(v judge.Verdict) string {
	odds := strings.TrimSuffix(report.Odds(v.Threshold), ":1")
	bet := fmt.Sprintf("Evidence is like a bet against the canary that is fair while it is no worse than tolerated. It must win %s-fold to roll back. ", odds)
	if c := v.Rollout.Comparison; c != "" && c != rollout.Concurrent {
		return bet + "Here the arms did not get their requests at the same time, so nothing is promised of how often a healthy canary gets there."
	}
	return bet + fmt.Sprintf("Of the canaries that are no worse, at most one in %s is to get there, however often it is looked at. "+
		"That is proven where requests fail independently; here the noise is estimated, so it is measured, not proven.", odds)
}

// sure says in plain words how sure the verdict is, or was when the rollout ended.
func sure(v judge.Verdict, over bool) []string {
	var out []string
	if v.Threshold > 0 {
		if v.Promise == "" {
			out = append(out, promised(v))
		} else {
			out = append(out, upperFirst(report.Plain(v.Promise))+".")
		}
		stands := "Now it stands at"
		if over {
			stands = "At the last look it stood at"
		}
		out = append(out, fmt.Sprintf("%s %s.", stands, report.Odds(v.Evidence)))
	}
	switch {
	case v.Outcome == judge.Continue && over:
		out = append(out, "Neither harm nor its absence was proven before the rollout was over.")
	case v.Outcome == judge.Continue:
		out = append(out, "Neither harm nor its absence is proven yet: more data can decide.")
	case v.Proven:
		out = append(out, "The outcome is proven by this evidence, not set by policy.")
	default:
		out = append(out, "The outcome follows from policy (a limit, a check, a deadline or a person), not from statistics.")
	}
	return out
}

// write fills a template, and writes nothing where that fails.
func write(w io.Writer, t *template.Template, data any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("pages: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("pages: write: %w", err)
	}
	return nil
}
