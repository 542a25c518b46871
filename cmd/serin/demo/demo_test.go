package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/report"
)

var update = flag.Bool("update", false, "write the golden files")

func TestPlanIsAPlanLikeAnyOther(t *testing.T) {
	text, err := PlanYAML()
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Parse("plan.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if p.Service != healthyService || p.Source != sourceName {
		t.Errorf("got service %q, source %q", p.Service, p.Source)
	}
	kinds := map[string]string{}
	for _, m := range p.Metrics {
		kinds[m.Name] = string(m.Reading.Kind)
		if decides := m.Name != "memory"; m.Required != decides || (m.Weight > 0) != decides {
			t.Errorf("%s: required %v, weight %v; errors and latency decide, memory is shown", m.Name, m.Required, m.Weight)
		}
	}
	want := map[string]string{"errors": "ratio", "latency": "histogram", "memory": "gauge"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if got := preperiod(p); got < 20*p.Block.D() {
		t.Errorf("the baseline is scraped for %s before the rollout, want at least 20 blocks of %s", got, p.Block)
	}
}

// TestInterruptedDemoLeavesNothing stops the demo in its first seconds; goleak
// looks for what is left running.
func TestInterruptedDemoLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ctx, cancel := context.WithCancel(t.Context())
	var updates []Update
	res, err := Run(ctx, Options{Seed: 1, Progress: func(u Update) {
		updates = append(updates, u)
		if len(updates) == 2 {
			cancel()
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "interrupted before the verdict") {
		t.Errorf("got %v, want the interruption", err)
	}
	if len(updates) == 0 || updates[0].Elapsed > 10*time.Second || updates[0].Stage != "measuring the baseline" || len(updates[0].Stories) != 2 {
		t.Errorf("first update: got %+v, want it at once, with both stories", updates)
	}
	if len(res.Stories) != 2 || res.AsTold() {
		t.Errorf("result: got %+v, want two stories that did not end as told", res)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemoThatCannotListenLeavesNothing(t *testing.T) {
	_, err := Run(t.Context(), Options{Scenario: Healthy, Listen: "192.0.2.1:0"})
	if err == nil || !strings.Contains(err.Error(), "can be reached from other machines") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestStoriesEndAsTold(t *testing.T) {
	v := func(o judge.Outcome) *judge.Verdict { return &judge.Verdict{Outcome: o} }
	for _, c := range []struct {
		scenario Scenario
		verdict  *judge.Verdict
		phase    phase
		want     bool
	}{
		{Healthy, v(judge.Promote), succeeded, true},
		{Healthy, v(judge.Promote), failed, false},
		{Healthy, v(judge.Rollback), failed, false},
		{Healthy, v(judge.Inconclusive), waitingPromotion, false},
		{Healthy, nil, progressing, false},
		{Errors, v(judge.Rollback), failed, true},
		{Errors, v(judge.Rollback), succeeded, false},
		{Errors, v(judge.Continue), failed, false}, // Flagger's own threshold
		{Slow, v(judge.Promote), succeeded, false},
		{Silent, v(judge.Continue), progressing, true},
		{Silent, v(judge.Continue), succeeded, false},
		{Silent, v(judge.Rollback), failed, false},
	} {
		r := Result{Stories: []Story{{Scenario: c.scenario, Verdict: c.verdict, Phase: string(c.phase)}}}
		if got := r.AsTold(); got != c.want {
			t.Errorf("%s with %v, %s: got %v, want %v", c.scenario, c.verdict, c.phase, got, c.want)
		}
	}
	if (Result{}).AsTold() {
		t.Error("a demo without stories ended as told")
	}
}

// shown is a result to write.
func shown() Result {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ev := func(s int, k kind, text string) Event {
		return Event{At: at.Add(time.Duration(s) * time.Second), Warning: k == warning, Routine: k == routine, Message: text}
	}
	return Result{Took: 107 * time.Second, Files: "/tmp/serin-demo-1", Stories: []Story{
		{Service: "checkout", Scenario: Healthy, Phase: string(succeeded), Requests: 30_000, Dropped: 12,
			Verdict: &judge.Verdict{Outcome: judge.Promote, Proven: true, At: at, Reason: "errors and latency proven not worse"},
			Events: []Event{
				ev(0, normal, "New revision detected! Scaling up checkout.demo"),
				ev(3, routine, "Rollback hook serin not signaling a rollback"),
				ev(3, normal, "Advance checkout.demo canary weight 20"),
				ev(6, warning, "Halt checkout.demo advancement waiting for traffic increase approval serin"),
				ev(9, routine, "Rollback hook serin not signaling a rollback"),
				ev(9, warning, "Halt checkout.demo advancement waiting for traffic increase approval serin"),
				ev(75, normal, "Promotion completed! Scaling down checkout.demo"),
			}},
		{Service: "payments", Scenario: Errors, Phase: string(waitingPromotion), Weight: 50},
	}}
}

func TestResultIsWritten(t *testing.T) {
	for name, write := range map[string]func(*bytes.Buffer) error{
		"result.txt": func(b *bytes.Buffer) error { return shown().Text(b, report.Options{}) },
		"result.md":  func(b *bytes.Buffer) error { return shown().Markdown(b) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(file, []byte(withoutReport(b.String())), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), withoutReport(b.String())); diff != "" {
				t.Errorf("run with -update; (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResultIsJSON(t *testing.T) {
	var b bytes.Buffer
	if err := shown().JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got Result
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := shown()
	for i := range want.Stories {
		for j := range want.Stories[i].Events {
			want.Stories[i].Events[j].Routine = false // not written
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// withoutReport keeps the lines that this package writes: how a verdict looks is
// tested where it is written.
func withoutReport(text string) string {
	v := *shown().Stories[0].Verdict
	for _, write := range []func(*bytes.Buffer) error{
		func(b *bytes.Buffer) error { return report.Text(b, v, report.Options{}) },
		func(b *bytes.Buffer) error { return report.Markdown(b, v) },
	} {
		var b bytes.Buffer
		if write(&b) == nil {
			text = strings.ReplaceAll(text, b.String(), "(the report)\n")
		}
	}
	return text
}

func TestSummaryFits(t *testing.T) {
	r := shown()
	r.Stories[0].Verdict.Reason = strings.Repeat("a long reason ", 200)
	r.Stories[1].Verdict = r.Stories[0].Verdict
	if got := len(r.summary()); got > 1500 {
		t.Errorf("summary: got %d bytes, want at most 1,500", got)
	}
}

func TestUpdateIsOneLine(t *testing.T) {
	u := Update{Elapsed: 63 * time.Second, Expected: 120 * time.Second, Stage: "rolling out", Stories: []Status{
		{Service: "checkout", Scenario: Healthy, Phase: string(initialized)},
		{Service: "payments", Scenario: Errors, Phase: string(progressing), Weight: 20,
			Verdict: &judge.Verdict{Evidence: 1.2, Outcome: judge.Continue, Progress: judge.Progress{Paired: 1, CanaryRequests: 164}}},
		{Service: "search", Scenario: Slow, Phase: string(failed), Weight: 0,
			Verdict: &judge.Verdict{Evidence: 9, Outcome: judge.Rollback, Progress: judge.Progress{Paired: 4, CanaryRequests: 700}}},
	}}
	want := "1:03 rolling out | checkout (healthy) | payments (errors) 20 %, 1 block, harm 15.8:1" +
		" | search (slow) Failed, 4 blocks, harm over 1,000,000:1, rollback"
	if got := u.Line(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := u.Fraction(); got != 0.525 {
		t.Errorf("fraction: got %v, want 0.525", got)
	}
	if got := (Update{Elapsed: time.Hour, Expected: time.Minute}).Fraction(); got != 1 {
		t.Errorf("fraction beyond the end: got %v, want 1", got)
	}
}
