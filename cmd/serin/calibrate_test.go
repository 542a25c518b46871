package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/cmd/serin/demo"
	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/lab"
)

// demoHistory writes the demo's plan and its recorded history.
func demoHistory(t *testing.T) (plan, history string) {
	t.Helper()
	dir := t.TempDir()
	plan, history = filepath.Join(dir, "shop.yaml"), filepath.Join(dir, "shop.history")
	text, err := demo.PlanYAML()
	if err == nil {
		err = os.WriteFile(plan, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := called(t, "demo", "--history", history); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	return plan, history
}

// called runs a command line in this process.
func called(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// TestTheDemosHistoryMatchesTheLab calibrates the demo's plan on the demo's recorded
// history. The lab's healthy canaries of as many pods and as much traffic are rolled back
// at a rate that lies within the interval.
func TestTheDemosHistoryMatchesTheLab(t *testing.T) {
	plan, history := demoHistory(t)
	code, out, errs := called(t, "calibrate", "--plan", plan, "--history", history, "--draws", "80", "--paths", "0", "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var r calibrate.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Alarms.Of != 80 || r.Alarms.High > .05 || r.Verdict != calibrate.Kept {
		t.Errorf("got %+v (%s), want the promise kept", r.Alarms, r.Verdict)
	}
	aa, err := lab.ScenarioNamed("aa")
	if err != nil {
		t.Fatal(err)
	}
	cells, err := lab.Run(t.Context(), lab.Config{Runs: 30, Rules: []string{"serin"}, Workers: 2, Settings: []lab.Setting{
		{Level: lab.Clean, RPS: 300, Pods: lab.Pods{Baseline: 5, Canary: 1}, Scenario: aa, Seed: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if rate := cells[0].HarmRate; rate < r.Alarms.Low || rate > r.Alarms.High {
		t.Errorf("the lab's rate is %v, which is outside of %v to %v", rate, r.Alarms.Low, r.Alarms.High)
	}
}

func TestPastsThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	plan := filepath.Join(dir, "p.yaml")
	const text = "service: shop\nsource: s\nmetrics:\n  - name: errors\n    query: sum(rate(bad_total[1m])) / sum(rate(all_total[1m]))\n"
	if err := os.WriteFile(plan, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("no history\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no past":              {[]string{"calibrate", "--plan", plan}, "there is no past to draw from"},
		"no arms":              {[]string{"calibrate", "--plan", plan, "--prometheus", "http://127.0.0.1:1"}, "--baseline-label"},
		"not a history":        {[]string{"calibrate", "--plan", plan, "--history", broken, "--baseline-label", "track=stable"}, "damaged"},
		"a history with state": {[]string{"calibrate", "--plan", plan, "--history", broken, "--state", "x"}, "leave out --state"},
		"an odd exception":     {[]string{"calibrate", "--plan", plan, "--prometheus", "http://127.0.0.1:1", "--baseline-label", "a=b", "--except", "noon", "--state", filepath.Join(dir, "s")}, "--except"},
		"too many days":        {[]string{"calibrate", "--plan", plan, "--prometheus", "http://127.0.0.1:1", "--days", "4000"}, "take 1 to 400"},
		"no draws":             {[]string{"calibrate", "--plan", plan, "--prometheus", "http://127.0.0.1:1", "--draws", "0"}, "--draws 0 leaves nothing to judge"},
		"no pods":              {[]string{"calibrate", "--plan", plan, "--prometheus", "http://127.0.0.1:1", "--pods", "0"}, "--pods 0 is no canary"},
		"backtest of nothing":  {[]string{"backtest", "--plan", plan}, "no source of the past"},
		"backtest of when":     {[]string{"backtest", "--plan", plan, "--prometheus", "http://127.0.0.1:1"}, "--from"},
		"two pasts":            {[]string{"backtest", "--journal", broken, "--from", "1h"}, "its own times"},
		"compare on nothing":   {[]string{"compare-plans", plan, plan}, "no past to compare on"},
		"harm in a record":     {[]string{"compare-plans", plan, plan, "--journal", broken, "--harm-errors", "1%"}, "as they were"},
	} {
		if code, _, errs := called(t, c.args...); code == 0 || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d, got %q, want %q", name, code, errs, c.want)
		}
	}
}

// TestRecordedRolloutsAreJudgedAgain judges an export: by the recorded plan, by another
// one, and by two.
func TestRecordedRolloutsAreJudgedAgain(t *testing.T) {
	dir := t.TempDir()
	db, export := filepath.Join(dir, "serin.db"), filepath.Join(dir, "export.jsonl")
	id := lookedAt(t, db)
	wantSerin(t, 0, "exported", "journal", "export", "--journal", db, export)
	other := filepath.Join(dir, "other.yaml")
	text, err := os.ReadFile("testdata/doc/checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, append(text, "minBlocks: 12\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "page.html")
	for _, from := range []string{export, db} {
		wantSerin(t, 0, "Backtest of plan checkout", "backtest", "--journal", from, "--html", page)
		wantSerin(t, 0, "Serin would have proven nothing", "backtest", "--journal", from, "--rollout", id, "--plan", other)
	}
	if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("</html>")) {
		t.Errorf("there is no page: %v", err)
	}
	wantSerin(t, 0, "They differ on 0 of 1 rollouts", "compare-plans", "testdata/doc/checkout.yaml", other, "--journal", export)
	wantSerin(t, 1, "queue", "backtest", "--journal", export, "--plan", strayPlan(t, dir))
	wantSerin(t, 0, "cannot answer", "compare-plans", other, strayPlan(t, dir), "--journal", export)
	wantSerin(t, 1, "no such", "backtest", "--journal", filepath.Join(dir, "away"))
}

// strayPlan asks what was not recorded.
func strayPlan(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "stray.yaml")
	const text = "service: checkout\nsource: prometheus\nmetrics:\n  - name: queue-time\n    query: histogram_quantile(0.9, sum by (le) (rate(queue_seconds_bucket[1m])))\n    unit: s\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
