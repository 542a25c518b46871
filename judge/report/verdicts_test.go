package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
)

func ptr(v float64) *float64 { return &v }

var at = time.Date(2026, 3, 4, 5, 18, 3, 0, time.UTC)

// base is a verdict that has judged twelve blocks and says nothing yet.
func base() judge.Verdict {
	return judge.Verdict{
		ID: "abcdefghijklmnop-12", Seq: 12, At: at, Engine: "v0.1.0", Phase: rollout.Judging, Mode: "enforce",
		Rollout: rollout.Rollout{
			ID: "abcdefghijklmnop", Service: "checkout", Namespace: "shop", Revision: "5d59f87694", Controller: "flagger", Attempt: 1,
			Comparison: rollout.Concurrent,
		},
		Score: 71.4, Fresh: true, Threshold: 1.30103, Evidence: -0.22,
		Progress: judge.Progress{
			From: at.Add(-13*time.Minute - 3*time.Second), To: at.Add(-3 * time.Second), Block: "1m0s", Closed: 13, Paired: 12,
			CanaryRequests: 10_812, BaselineRequests: 61_277, Weight: ptr(15), Share: ptr(0.1497), PrePeriodBlocks: 60,
		},
	}
}

func errorsFinding() judge.Finding {
	return judge.Finding{
		Name: "errors", About: judge.AboutMetric, Required: true, Critical: true, Weight: 0.5, Holds: true,
		Worse: ptr(-0.41), NotWorse: ptr(0.62),
		Effect: &judge.Effect{
			Canary: 0.00431, Baseline: 0.004, Unit: "ratio", Ratio: 1.0775, Low: ptr(0.71), High: ptr(1.52), Level: 0.95,
			Limit: "1.1× + 0.05 pp", Blocks: 12, CanaryRequests: 10_812, BaselineRequests: 61_277,
		},
		Reason: "errors 0.431 % against the baseline's 0.4 % (1.08×, always-valid interval 0.71–1.52): 0.31 extra per 1,000 requests; undecided: no evidence that it is worse than 1.1× + 0.05 pp, and 4.17:1 of the 60:1 needed that it is not worse than 1.5× + 0.5 pp; from 12 blocks and 10,812 canary requests",
		Next:   "more canary requests: evidence grows with every block",
	}
}

func latencyFinding() judge.Finding {
	return judge.Finding{
		Name: "latency", About: judge.AboutMetric, Class: judge.NotWorse, Required: true, Weight: 0.5,
		Worse: ptr(-1.9), NotWorse: ptr(2.2),
		Effect: &judge.Effect{
			Canary: 0.0431, Baseline: 0.0427, Unit: "s", Ratio: 1.009, High: ptr(1.04), Level: 0.95, Limit: "1.1×",
			Blocks: 12, CanaryRequests: 10_812, BaselineRequests: 61_277, Contributor: "0.1",
		},
		Reason: "mean latency 43.1 ms against the baseline's 42.7 ms (1.01×, surely at most 1.04×); proven not worse than 1.5× (evidence 158:1); p99 212 ms against 209 ms; from 12 blocks and 10,812 canary requests",
	}
}

func cpuFinding() judge.Finding {
	return judge.Finding{
		Name: "cpu", About: judge.AboutMetric, Class: judge.Shown, Worse: ptr(0.1),
		Effect: &judge.Effect{Canary: 0.0021, Baseline: 0.0019, Unit: "cores", Ratio: 1.105, Blocks: 12},
		Reason: "cpu per request of requests 0.0021 cores against the baseline's 0.0019 cores (1.11×); shown, without weight in the verdict",
	}
}

func homeCheck() judge.Finding {
	return judge.Finding{Name: "home", About: judge.AboutCheck, Class: judge.Passed, Required: true,
		Reason: "GET /health answered 200 in 12 ms with the JSON that is wanted"}
}

func say(v *judge.Verdict, reason string, advance, promote bool) {
	v.Reason = reason
	v.RollBack.Reason = "no rollback: " + reason
	v.Advance = judge.Answer{Yes: advance, Reason: "fresh evidence of both arms, no harm (1:1.66)"}
	v.Promotion = judge.Answer{Yes: promote, Reason: reason}
}

// stories are verdicts as the judge would form them.
func stories() map[string]judge.Verdict {
	return map[string]judge.Verdict{
		"continue": undecided(), "promote": promoted(), "rollback-errors": rolledBack(), "rollback-limit": limitHit(),
		"inconclusive": inconclusive(), "shadow": inShadow(), "no-data": withoutData(), "checks-failed": checksFailed(),
		"hostile": hostile(),
	}
}

func undecided() judge.Verdict {
	v := base()
	v.Findings = []judge.Finding{errorsFinding(), latencyFinding(), cpuFinding(), homeCheck()}
	say(&v, "not decided yet: 1 of 2 required metrics are proven not worse; errors: "+errorsFinding().Reason, true, false)
	return v
}

func promoted() judge.Verdict {
	v := base()
	v.Outcome, v.Proven, v.Score = judge.Promote, true, 100
	e := errorsFinding()
	e.Class, e.Holds, e.NotWorse, e.Next = judge.NotWorse, false, ptr(1.93), ""
	e.Reason = "errors 0.402 % against the baseline's 0.4 % (1.01×, always-valid interval 0.83–1.21); proven not worse than 1.5× + 0.5 pp (evidence 85.1:1); from 34 blocks and 30,402 canary requests"
	v.Findings = []judge.Finding{e, latencyFinding(), cpuFinding(), homeCheck()}
	v.Progress.Closed, v.Progress.Paired, v.Progress.AtFinalStep = 36, 34, 4
	say(&v, "errors and latency proven not worse than the margin at 60:1 each, from 34 blocks and 30,402 canary requests; evidence of harm 1:1.66", true, false)
	v.Promotion = judge.Answer{Reason: "proven so far, but the final promotion needs more: 4 of 5 paired blocks at the highest weight"}
	return v
}

func rolledBack() judge.Verdict {
	v := base()
	v.Outcome, v.Proven, v.Score, v.Evidence = judge.Rollback, true, 43.2, 1.926
	e := errorsFinding()
	e.Class, e.Worse, e.NotWorse, e.RollsBack = judge.Worse, ptr(1.926), nil, true
	e.Effect.Canary, e.Effect.Ratio, e.Effect.Low, e.Effect.High = 0.0164, 4.1, ptr(2.1), ptr(6.3)
	e.Reason = "errors 1.64 % against the baseline's 0.4 % (4.1×, always-valid interval 2.1–6.3): 12.4 extra per 1,000 requests, above the allowed 1.1× + 0.05 pp; evidence 84.3:1; from 6 blocks and 5,402 canary requests"
	e.Next = "nothing: a rollback stays"
	v.Findings = []judge.Finding{e, latencyFinding(), cpuFinding(), homeCheck()}
	v.Moved = &judge.Moved{Metrics: []string{"errors", "cpu"}, Level: 0.05}
	v.Promise = "a healthy canary is rolled back with probability 5 % at most, measured and not proven: evidence of 7.7:1 is taken as enough because it is consulted for 60 blocks and not after"
	v.Latched = &judge.Latch{Block: 6, End: at.Add(-6*time.Minute - 3*time.Second), Metrics: []string{"errors"}, Proven: true, Reason: e.Reason}
	v.Reason = e.Reason + "; all metrics together: evidence 84.3:1 after 6 min, where 20:1 rolls back (false-alarm budget 5 %)"
	v.RollBack = judge.Answer{Yes: true, Reason: v.Reason}
	v.Advance.Reason, v.Promotion.Reason = v.Reason, v.Reason
	return v
}

func limitHit() judge.Verdict {
	v := base()
	v.Outcome, v.Proven = judge.Rollback, true
	v.Rollout.Attempt = 2
	v.Findings = []judge.Finding{
		{Name: "restarts", About: judge.AboutLimit, Class: judge.LimitHit, RollsBack: true,
			Reason: "pod checkout-7d9f8b6c5-x2k2p was restarted 3 times since the start, at least 2 roll back"},
		{Name: "earlier", About: judge.AboutRollout, Class: judge.Warning,
			Reason: "this revision was tried before: rollback at 2026-03-04T03:00:00Z (errors); promotion now asks for evidence of 120:1"},
		errorsFinding(),
		{Name: "throttling", About: judge.AboutLimit, Class: judge.Passed, Reason: "at most 2.1 % of periods, 25 % is the limit"},
	}
	v.Latched = &judge.Latch{Block: 2, End: at.Add(-10 * time.Minute), Metrics: []string{"restarts"}, Proven: true}
	v.Reason = v.Findings[0].Reason
	v.RollBack = judge.Answer{Reason: "held, not rolled back, because the plan says reversible: false: " + v.Reason}
	v.Advance.Reason, v.Promotion.Reason = v.Reason, v.Reason
	v.Page = "CRITICAL: this rollout cannot be reversed and is judged bad: " + v.Reason
	return v
}

func inconclusive() judge.Verdict {
	v := undecided()
	v.Outcome = judge.Inconclusive
	say(&v, "the deadline of 60 min came first: 1 of 2 required metrics are proven not worse; 8 of 10 paired blocks", false, false)
	v.Advance = judge.Answer{Reason: v.Reason}
	v.Page = "checkout is held at its deadline without proof either way; decide, or it is rolled back 4 h after the deadline"
	return v
}

func inShadow() judge.Verdict {
	v := rolledBack()
	v.Mode = "shadow"
	v.RollBack = judge.Answer{Reason: "shadow mode: would roll back: " + v.Reason}
	v.Advance = judge.Answer{Yes: true, Reason: "shadow mode: Serin never blocks"}
	v.Promotion = judge.Answer{Yes: true, Reason: "shadow mode: Serin never blocks; it would say: rollback"}
	return v
}

func withoutData() judge.Verdict {
	v := base()
	v.Fresh, v.StaleBlocks = false, 4
	v.Progress = judge.Progress{Block: "1m0s", Closed: 4, From: at.Add(-4 * time.Minute), To: at}
	v.Rollout.Comparison = rollout.BeforeAfter
	v.Findings = []judge.Finding{
		{Name: "errors", About: judge.AboutMetric, Class: judge.QueryFailed, Required: true, Weight: 0.5, Holds: true, Stops: true,
			Reason: `source "prometheus": unavailable: it did not answer within 10 s`, Next: "mend the source or the query; what is missing is fetched at the next look"},
		{Name: "latency", About: judge.AboutMetric, Class: judge.NoData, Required: true, Weight: 0.5, Holds: true, Stops: true,
			Reason: "no sample of the canary in 4 blocks", Next: "check with serin plan check that the query returns data for both arms"},
	}
	say(&v, "not decided yet: 0 of 2 required metrics are proven not worse; no fresh evidence: the last block with requests of both arms is 4 blocks old", false, false)
	v.Advance = judge.Answer{Reason: "errors: " + v.Findings[0].Reason}
	return v
}

func checksFailed() judge.Verdict {
	v := base()
	v.Outcome, v.Proven, v.Phase, v.Fresh = judge.Rollback, true, rollout.Announced, true
	v.Rollout.Comparison = rollout.ChecksOnly
	v.Progress = judge.Progress{Block: "1m0s"}
	v.Threshold = 0
	v.Findings = []judge.Finding{
		{Name: "home", About: judge.AboutCheck, Class: judge.CheckFailed, Required: true, Critical: true, Holds: true, Stops: true, RollsBack: true,
			Reason: `GET /health answered 200 in 12 ms, but $.status is "degraded", want "ok"; attempt 2 of 2 (before: was not answered within 300 ms)`},
		{Name: "cart", About: judge.AboutCheck, Class: judge.CheckBroken, Required: true, Holds: true, Stops: true,
			Reason: "the check could not be run: its url cannot be filled in: map has no entry for key \"team\""},
	}
	v.Reason = "home: " + v.Findings[0].Reason
	v.RollBack = judge.Answer{Yes: true, Reason: v.Reason}
	v.Advance.Reason, v.Promotion.Reason = v.Reason, v.Reason
	return v
}

// hostile carries what no plan should.
func hostile() judge.Verdict {
	v := undecided()
	v.Rollout.Service = "check|out <script>alert(1)</script>"
	v.Rollout.Revision = "`rm` @everyone \x1b[2J"
	v.Reason = "1. # not a heading\n| not | a table |\n\x1b[31mnot red"
	v.Findings[0].Name = "*errors* | `x` <b>"
	v.Findings[0].Reason = "[link](http://evil.example) WWW.evil.example www.evil.example ![image](x) \u202e backwards & <img src=x onerror=alert(1)>"
	v.Findings[1].Name = "日本語のメトリック名は幅が広い"
	v.Findings[2].Name = ""
	v.Findings[2].Class = "brand-new-class"
	v.Findings[3].Reason = "a-word-that-does-not-end-" + fmt.Sprintf("%0150d", 7)
	return v
}

// Who is woken reads the word before anything else: a rollback that nobody is to carry out
// must not be called one.
func TestARollbackThatMustNotBeCarriedOutIsCalledOtherwise(t *testing.T) {
	const say = "judged bad, do not roll back"
	yes := judge.Answer{Yes: true}
	for name, c := range map[string]struct {
		v    judge.Verdict
		want string
	}{
		"to be carried out": {judge.Verdict{Outcome: judge.Rollback, RollBack: yes}, "rollback"},
		"irreversible":      {judge.Verdict{Outcome: judge.Rollback}, say},
		"shadow":            {judge.Verdict{Outcome: judge.Rollback, Mode: "shadow"}, "rollback"},
		"another outcome":   {judge.Verdict{Outcome: judge.Inconclusive}, "inconclusive"},
	} {
		view := report.ViewOf(c.v)
		if view.Word != c.want || view.Outcome != c.v.Outcome.String() {
			t.Errorf("%s: got %q for people and %q for machines, want %q and %q", name, view.Word, view.Outcome, c.want, c.v.Outcome)
		}
		for where, text := range map[string]string{
			"text": text(t, c.v, report.Options{}), "summary": report.Summary(c.v), "line": report.Line(c.v, 0), "markdown": markdown(t, c.v), "list": listText(t, []report.Past{{Last: &c.v}}, report.Options{Width: 140}),
		} {
			if got := strings.ToLower(text); strings.Contains(got, say) != (c.want == say) {
				t.Errorf("%s, %s: got %s, want %q only where it is so", name, where, text, say)
			}
		}
	}
}

// A metric's line is full where that metric rolls back by itself, and not before; one without
// weight has no line, since nothing follows from its evidence.
func TestAMetricsLineIsFullWhereItRollsBackAlone(t *testing.T) {
	points := func(last float64) []judge.TracePoint {
		return []judge.TracePoint{{At: 0}, {At: 1, Worse: last}}
	}
	trace := judge.Trace{Threshold: 1.3, Points: points(1.3), Metrics: []judge.MetricTrace{
		{Name: "half", Weight: 0.5, Points: points(1.3)}, {Name: "whole", Weight: 0.5, Points: points(1.6021)}, {Name: "shown", Points: points(9)},
	}}
	var b strings.Builder
	if err := report.TraceText(&b, trace, report.Options{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"half": "▁▆  20:1", "whole": "▁█  40:1", "together": "▁█  20:1", "shown": ""} {
		line := ""
		for l := range strings.Lines(b.String()) {
			if strings.HasPrefix(l, "  "+name+" ") {
				line = strings.TrimSpace(strings.TrimPrefix(l, "  "+name))
			}
		}
		if line != want {
			t.Errorf("%s: got %q, want %q", name, line, want)
		}
	}
}

// Of what falls when it gets worse, the dips are the harm: they stay where blocks share a column.
func TestDipsStayInRatios(t *testing.T) {
	var points []judge.TracePoint
	for i := range 240 {
		ratio := 1.0
		if i == 100 {
			ratio = 0.5
		}
		points = append(points, judge.TracePoint{At: i, Effect: &judge.Effect{Ratio: ratio}})
	}
	var b strings.Builder
	if err := report.TraceText(&b, judge.Trace{Threshold: 1.3, Points: points, Metrics: []judge.MetricTrace{{Name: "orders", Points: points}}}, report.Options{}); err != nil {
		t.Fatal(err)
	}
	_, ratios, _ := strings.Cut(b.String(), "Canary over baseline")
	if strings.Count(ratios, "▁") != 1 {
		t.Errorf("got %s, want one column at the lowest", ratios)
	}
}

// Of what is over nobody is told what to do now.
func TestWhatIsOverIsAskedInThePast(t *testing.T) {
	v := rolledBack()
	var b strings.Builder
	if err := report.OverMarkdown(&b, v); err != nil {
		t.Fatal(err)
	}
	page := ""
	for _, a := range report.Over(v) {
		page += a.Question + "\n"
	}
	for where, got := range map[string]string{"text": text(t, v, report.Options{Over: true}), "markdown": b.String(), "page": page} {
		if !strings.Contains(got, "Was it to be rolled back?") || strings.Contains(strings.ToLower(got), "roll back now?") || strings.Contains(strings.ToLower(got), "more traffic?") {
			t.Errorf("%s: got %s, want questions of the past alone", where, got)
		}
	}
}
