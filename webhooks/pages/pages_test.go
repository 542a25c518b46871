package pages_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/pages"
)

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func ptr(v float64) *float64 { return &v }

// some is a rollout that was rolled back, with a trace of so many points.
func some(points int, name string) pages.Report {
	at := start()
	r := rollout.Rollout{
		ID: "abcdefghijklmnop", Service: name, Namespace: "shop", Revision: "v2", Controller: "flagger", Plan: "shop",
		PlanDigest: strings.Repeat("0123456789abcdef", 4), Started: at,
		Weights: []rollout.WeightAt{{At: at, Percent: 10}, {At: at.Add(2 * time.Minute), Percent: 30}},
	}
	t := judge.Trace{Rollout: r.ID, Threshold: 1.3, Metrics: []judge.MetricTrace{{Name: name, Weight: 0.5}, {Name: "shown"}}}
	var looks []pages.Look
	for i := range points {
		end := at.Add(time.Duration(i+1) * time.Minute)
		p := judge.TracePoint{At: i, End: end, Worse: float64(i) / 4, Effect: &judge.Effect{Canary: 0.04, Baseline: 0.01, Ratio: 4, Low: ptr(1.5), High: ptr(9)}}
		t.Points = append(t.Points, p)
		for m := range t.Metrics {
			t.Metrics[m].Points = append(t.Metrics[m].Points, p)
		}
		looks = append(looks, pages.Look{Seq: i + 1, At: end, Outcome: judge.Outcome(i % 4), Evidence: p.Worse, Reason: name})
	}
	v := judge.Verdict{
		ID: r.ID, Seq: points, At: at.Add(time.Hour), Rollout: r, Outcome: judge.Rollback, RollBack: judge.Answer{Yes: true}, Proven: true, Reason: name + " 4 % against 1 %", Threshold: 1.3, Evidence: 2,
		Findings: []judge.Finding{
			{Name: name, About: judge.AboutMetric, Class: judge.Worse, RollsBack: true, Weight: 0.5, Worse: ptr(2), Reason: name, Next: "nothing: " + name, Effect: t.Points[points-1].Effect},
			{Name: "shown", About: judge.AboutMetric, Class: judge.Shown, Effect: t.Points[points-1].Effect},
			{Name: "home", About: judge.AboutCheck, Class: judge.Passed, Reason: name},
		},
	}
	return pages.Report{
		Rollout: r, Verdict: &v, Looks: looks, Trace: t, Now: at.Add(time.Hour), MayOverride: true,
		Plan: plan.Plan{Metrics: []plan.Metric{
			{Name: name, Unit: "ratio", Tolerance: plan.Margin{Relative: 0.1, Absolute: 0.0005}, Margin: plan.Margin{Relative: 0.5}},
			{Name: "shown", Tolerance: plan.Margin{Relative: 0.1}, Margin: plan.Margin{Relative: 0.5}},
		}},
		Overrides:   []judge.Override{{At: at, By: name, Action: "hold", Reason: name}},
		Unpublished: []report.Unpublished{{What: name, Why: name}},
		Links:       []pages.Link{{Name: "JSON", URL: "/v1/rollouts/abcdefghijklmnop"}},
	}
}

func write(t *testing.T, r pages.Report) string {
	t.Helper()
	p, err := pages.New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Report(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements calls f with every element of a page.
func elements(t *testing.T, text string, f func(*html.Node, map[string]string)) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
		}
		f(n, attributes)
	}
}

// TestNothingIsAskedOfOthers holds that a page needs nothing but this server, and that
// its own policy lets it have all that it needs.
func TestNothingIsAskedOfOthers(t *testing.T) {
	plots := 0
	elements(t, write(t, some(12, "errors")), func(n *html.Node, a map[string]string) {
		for key, value := range a {
			if (key == "href" || key == "src" || key == "action") && !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") {
				t.Errorf("<%s> asks for %q", n.Data, value)
			}
			if key == "style" || strings.HasPrefix(key, "on") {
				t.Errorf("<%s> has %s=%q, which the policy refuses", n.Data, key, value)
			}
		}
		if n.Data == "script" && a["src"] == "" {
			t.Error("a script stands in the page")
		}
		if n.Data == "svg" {
			plots++
			if a["role"] != "img" || len(a["aria-label"]) < 30 {
				t.Errorf("a plot says %q to whom it cannot be seen by", a["aria-label"])
			}
		}
	})
	if plots != 5 { // the timeline, all together, errors twice, and of what is only shown the ratio
		t.Errorf("got %d plots, want 5", plots)
	}
}

// shape is the page's elements in order.
func shape(t *testing.T, text string) string {
	var b strings.Builder
	elements(t, text, func(n *html.Node, _ map[string]string) {
		if n.Data != "path" && n.Data != "text" { // of plots
			fmt.Fprintf(&b, "%s ", n.Data)
		}
	})
	return b.String()
}

// TestEveryStateHasAPage holds that a rollout has one before its first look, after one
// look and after its end.
func TestEveryStateHasAPage(t *testing.T) {
	fresh := some(1, "errors")
	fresh.Verdict, fresh.Looks, fresh.Trace = nil, nil, judge.Trace{}
	if text := write(t, fresh); !strings.Contains(text, "Nobody has looked yet") || strings.Contains(text, "<svg") {
		t.Errorf("got %s, want no verdict and no plot", text)
	}
	one := some(1, "errors")
	if text := write(t, one); strings.Count(text, "<svg") != 1 {
		t.Error("got plots of a single point, want the timeline alone")
	}
	over := some(12, "errors")
	over.Closed, over.Why = start().Add(time.Hour), "Flagger's phase is Failed"
	text := write(t, over)
	for _, want := range []string{"The rollout is over since", "Failed"} {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q", want)
		}
	}
	for _, not := range []string{"<form", "live.js", "http-equiv"} {
		if strings.Contains(text, not) {
			t.Errorf("got %q of a rollout that is over", not)
		}
	}
}

func TestHistory(t *testing.T) {
	p, err := pages.New()
	if err != nil {
		t.Fatal(err)
	}
	r := some(3, `<b>checkout</b>`)
	var b bytes.Buffer
	err = p.History(&b, pages.History{
		Rollouts: []report.Past{{Rollout: r.Rollout, Looks: 3, Last: r.Verdict}, {Rollout: r.Rollout}}, Outcomes: []string{"rollback"},
		Selected: pages.Selection{Service: `"><script>`, Outcome: "rollback"}, Older: "/?before=2026-01-01T00%3A00%3A00Z", Now: start().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"&lt;b&gt;checkout", "nobody has looked yet", "60 min so far", "Older rollouts", "<option selected>rollback"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got no %q in %s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "<script>") {
		t.Errorf("got a script in %s", b.String())
	}
}

// A page's title and badge, and the list's, do not tell anybody to reverse what cannot be.
func TestNobodyIsToldToReverseWhatCannotBe(t *testing.T) {
	r := some(3, "errors")
	r.Verdict.RollBack = judge.Answer{Reason: "held, not rolled back, because the plan says reversible: false"}
	head, _, _ := strings.Cut(write(t, r), "Timeline")
	for name, text := range map[string]string{"report": head, "list": listed(t, report.Past{Rollout: r.Rollout, Last: r.Verdict})} {
		if !strings.Contains(text, `<span class="outcome bad">`) || strings.Contains(text, ">Rollback<") || strings.Contains(text, ">rollback<") || !strings.Contains(strings.ToLower(text), ">judged bad, do not roll back<") {
			t.Errorf("%s: got %s, want a badge that says not to roll back", name, text)
		}
	}
	if !strings.Contains(head, "<title>judged bad, do not roll back: errors") {
		t.Errorf("got %s, want a title that says it too", head)
	}
}

func listed(t *testing.T, past ...report.Past) string {
	t.Helper()
	p, err := pages.New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.History(&b, pages.History{Rollouts: past, Now: start().Add(26 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A verdict that nobody keeps up to date is not shown as if it were live.
func TestAnOldVerdictIsCalledOld(t *testing.T) {
	r := some(3, "errors")
	r.Verdict.Outcome, r.Verdict.At, r.Verdict.Fresh = judge.Continue, start().Add(3*time.Minute), true
	r.Verdict.Advance = judge.Answer{Yes: true, Reason: "fresh evidence"}
	r.Now = start().Add(26 * time.Hour)
	const why = "nobody has looked for 25h57m0s"
	text := write(t, r)
	for _, want := range []string{`<span id="live" class="stale">as of 2026-03-02 14:00:00 UTC; STALE, ` + why, "<strong>STALE:</strong> " + why} {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q in %s", want, text)
		}
	}
	list := listed(t, report.Past{Rollout: r.Rollout, Last: r.Verdict})
	for _, want := range []string{`<span class="tag bad">STALE</span>`, "STALE, " + why} {
		if !strings.Contains(list, want) {
			t.Errorf("got no %q in %s", want, list)
		}
	}
	r.Now = start().Add(6 * time.Minute)
	if text := write(t, r); strings.Contains(text, "STALE") || !strings.Contains(text, "UTC; live<") {
		t.Errorf("got %s of a verdict of three minutes ago, want it live", text)
	}
	r.Now, r.Closed = start().Add(26*time.Hour), start().Add(time.Hour)
	if text := write(t, r) + listed(t, report.Past{Rollout: r.Rollout, Closed: r.Closed, Last: r.Verdict}); strings.Contains(text, "STALE") {
		t.Errorf("got %s of a rollout that is over, want nothing old", text)
	}
}

// A rollout that was over before there was a verdict says so in the list, and why.
func TestTheListSaysHowARolloutEnded(t *testing.T) {
	r := some(3, "errors")
	r.Verdict.Outcome, r.Verdict.Reason = judge.Continue, "6 of 10 blocks"
	over := report.Past{Rollout: r.Rollout, Closed: start().Add(time.Hour), Why: "nobody asked since noon", Last: r.Verdict}
	never := over
	never.Last = nil
	for want, text := range map[string]string{
		"over without a verdict: nobody asked since noon; last: 6 of 10 blocks": listed(t, over),
		"over, and nobody had looked: nobody asked since noon":                  listed(t, never),
	} {
		if !strings.Contains(text, want) || !strings.Contains(text, `<span class="tag">over</span>`) || strings.Contains(text, ">live<") {
			t.Errorf("got %s, want %q", text, want)
		}
	}
}

// What a person decided is said above until a look has counted it.
func TestADecisionIsSeenBeforeItCounts(t *testing.T) {
	const want = `<p class="alarm" role="status"><strong><bdi>ann</bdi> decided to roll back</strong> at <time`
	r := some(3, "errors")
	r.Overrides = append(r.Overrides, judge.Override{At: r.Verdict.At.Add(time.Second), By: "ann", Action: judge.OverrideRollback, Reason: "it burns"})
	head, _, _ := strings.Cut(write(t, r), "Timeline")
	if !strings.Contains(head, want) {
		t.Errorf("got %s, want %q", head, want)
	}
	fresh := r
	fresh.Verdict, fresh.Looks, fresh.Trace = nil, nil, judge.Trace{}
	if text := write(t, fresh); !strings.Contains(text, want) {
		t.Errorf("got %s before the first look, want %q", text, want)
	}
	r.Verdict.At = r.Verdict.At.Add(time.Minute)
	if text := write(t, r); strings.Contains(text, want) {
		t.Error("got it as if it did not count yet, after a look")
	}
	r.Verdict.At, r.Closed = start(), start().Add(time.Hour)
	if text := write(t, r); strings.Contains(text, want) {
		t.Error("got it as if it were to count, of a rollout that is over")
	}
}

// A report of a rollout that is over speaks of it in the past.
func TestWhatIsOverIsInThePast(t *testing.T) {
	r := some(3, "errors")
	r.Verdict.Outcome = judge.Continue
	r.Closed, r.Why = start().Add(time.Hour), "nobody asked since noon"
	text := write(t, r)
	for _, want := range []string{"Was it to be rolled back?", "At the last look it stood at 100:1", "before the rollout was over"} {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q in %s", want, text)
		}
	}
	for _, not := range []string{"Roll back now?", "Now it stands", "more data can decide"} {
		if strings.Contains(text, not) {
			t.Errorf("got %q of a rollout that is over", not)
		}
	}
}

// By default the level is measured, and of arms that do not share time nothing is promised.
func TestNoMoreIsPromisedThanIsKept(t *testing.T) {
	r := some(3, "errors")
	if text := write(t, r); !strings.Contains(text, "so it is measured, not proven") || strings.Contains(text, "ever gets there") {
		t.Errorf("got %s, want the level called measured", text)
	}
	r.Verdict.Rollout.Comparison = rollout.BeforeAfter
	if text := write(t, r); !strings.Contains(text, "nothing is promised of how often") || strings.Contains(text, "at most one in") {
		t.Errorf("got %s, want no promise", text)
	}
}

// Against a baseline of nearly nothing what is tolerated is far away: the plot says where.
func TestWhatThePlotHasNoRoomForIsSaid(t *testing.T) {
	r := some(12, "errors")
	if text := write(t, r); strings.Contains(text, "off the scale") {
		t.Error("got lines off the scale where there is room for all")
	}
	for i := range r.Trace.Metrics[0].Points {
		r.Trace.Metrics[0].Points[i].Effect = &judge.Effect{Canary: 0.0003, Baseline: 0.0001, Ratio: 3, Low: ptr(1.5), High: ptr(4), Unit: "ratio"}
	}
	if text := write(t, r); !strings.Contains(text, "so far; off the scale: tolerated 6.1×<") || !strings.Contains(text, ">tolerated 6.1×</text>") {
		t.Errorf("got %s, want where the tolerated line is, in words and in the picture", text)
	}
}
