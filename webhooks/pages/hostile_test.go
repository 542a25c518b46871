package pages_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/webhooks/pages"
)

// attacks are names that others may choose.
func attacks() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</svg><script>alert(1)</script>`, `]]><!--`, `{{ .Plan }}`, `javascript:alert(1)`,
		"a\x00b\x1b[31mred", "\u202egpj.exe", "עברית", strings.Repeat("long ", 2000), strings.Repeat("x", 10<<10), "not \xff\xfe UTF-8",
		`';"` + "`" + `\`, "..", "../../etc/passwd", "a/b?c#d&e=%41",
	}
}

// everyPage writes each page with a name wherever somebody else may choose one.
func everyPage(t *testing.T, name string) map[string]string {
	t.Helper()
	p, err := pages.New()
	if err != nil {
		t.Fatal(err)
	}
	r := some(12, name)
	r.Checks = []pages.CheckRun{{Name: "home", At: start(), Arms: []pages.ArmRun{
		{Arm: "canary", Status: "failed", Reason: name, Steps: []pages.StepRun{{Name: name, Status: "failed", Reason: name}}},
	}}}
	r.Judgements = []pages.Judgement{judged(name)}
	r.Closed, r.Why = start().Add(time.Hour), name
	past := []report.Past{{Rollout: r.Rollout, Closed: r.Closed, Why: name, Last: r.Verdict}, {Rollout: r.Rollout, Last: r.Verdict}}
	out := map[string]string{"report": write(t, r)}
	keep := func(page string, write func(*bytes.Buffer) error) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", page, err)
		}
		out[page] = b.String()
	}
	keep("history", func(b *bytes.Buffer) error {
		return p.History(b, pages.History{Rollouts: past, Selected: pages.Selection{Service: name}, Older: "/?before=x", Now: r.Now})
	})
	keep("service", func(b *bytes.Buffer) error {
		return p.Service(b, pages.Service{
			Namespace: name, Name: name, Since: start(), Rollouts: 2, Past: past, Judgements: r.Judgements, Now: r.Now,
			Outcomes: []pages.OutcomeCount{{Outcome: judge.Rollback, Rollouts: 2, All: "/"}}, Blamed: []pages.Blame{{Name: name, Rollouts: 2, Last: start()}},
			Rates: []judge.SelfRate{{Of: judge.OfPlacebos, Rollouts: 2}, {Of: judge.OfPlacebos, Metric: name, Rollouts: 2, Alarms: 1}},
		})
	})
	keep("judgement", func(b *bytes.Buffer) error { return p.Judgement(b, judged(name), r.Now) })
	keep("judgements", func(b *bytes.Buffer) error { return p.Judgements(b, r.Judgements, r.Now) })
	keep("failure", func(b *bytes.Buffer) error { return p.Failure(b, pages.Failure{Code: 404, Public: name, Next: name}) })
	return out
}

// judged is an execution on which two judges disagree.
func judged(name string) pages.Judgement {
	return pages.Judgement{
		ID: "0123456789abcdef", Application: name, Config: name, State: "succeeded", Started: start(), Ended: start(), Differences: []string{name},
		Judges:  []pages.JudgeScore{{Name: "a", Decides: true, Score: 100, Class: "Pass", Reason: name}, {Name: "serin", Class: "Fail", Reason: name}},
		Metrics: []pages.JudgedMetric{{Name: name, Said: []pages.Said{{Class: "Pass", Reason: name}, {Class: name, Reason: name}}}},
	}
}

// TestHostileNamesAreInert holds that what others wrote is shown on every page, and does
// nothing: the page has the elements that it has with a plain name.
func TestHostileNamesAreInert(t *testing.T) {
	plain := everyPage(t, "errors")
	link := strings.NewReplacer("a bdi ", "bdi ") // names that no service can have lead nowhere
	for _, name := range attacks() {
		for page, text := range everyPage(t, name) {
			if got, want := link.Replace(shape(t, text)), link.Replace(shape(t, plain[page])); got != want {
				t.Errorf("%s: %.40q changes the page's elements:\ngot  %s\nwant %s", page, name, got, want)
			}
			if m := regexp.MustCompile("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]").FindString(text); m != "" {
				t.Errorf("%s: %.40q: the page has %q", page, name, m)
			}
		}
	}
}
