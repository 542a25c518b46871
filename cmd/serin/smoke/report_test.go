package smoke

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/joshdk/go-junit"

	"github.com/serin-canary/serin/judge/checks"
)

var update = flag.Bool("update", false, "write the golden files")

// one is a check that ended in a way.
func one(name string, status checks.Status, required bool, reason string) Entry {
	return entry(
		checks.Spec{Name: name, Required: required, HTTP: &checks.HTTP{}},
		checks.Result{Name: name, Status: status, Took: 12 * time.Millisecond, Attempts: 1, Reason: reason, At: time.Date(2026, 5, 1, 12, 0, 1, 0, time.UTC)},
	)
}

// mixed has every way in which a check ends, and texts that are hard to show.
func mixed() Report {
	r := Report{
		Plan: "shop", Service: "shop", Target: "http://green.shop:8080", Baseline: "http://blue.shop:8080",
		Began: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Took: 1500 * time.Millisecond,
		Checks: []Entry{
			one("health", checks.Passed, true, "GET /health answered 200 in 12 ms"),
			one("products", checks.Failed, true, "GET /products answered 500 in 12 ms, which is not 200: the body begins \"<b>\x1b[31m & \x00 \xff]]>\""),
			one("banner", checks.Failed, false, "TCP smtp:25 was not reached: connection refused"),
			one("login", checks.Environment, true, "environment, not the canary: it fails on both arms: canary: POST /login answered 503; baseline: POST /login answered 503"),
			one("metadata", checks.Broken, true, "GET /latest was not sent: 169.254.169.254 is where clouds keep credentials, so nothing may go there"),
		},
	}
	r.Checks[3].Result.Canary = &checks.ArmResult{Status: checks.Failed, Took: time.Millisecond, Attempts: 2, Reason: "POST /login answered 503"}
	r.Checks[3].Result.Baseline = &checks.ArmResult{Status: checks.Failed, Took: time.Millisecond, Attempts: 2, Reason: "POST /login answered 503"}
	return r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); if the new one is better, go test -update:\n%s", path, diff)
	}
}

func TestForms(t *testing.T) {
	var table, all, text, xml bytes.Buffer
	r := mixed()
	for _, err := range []error{r.Table(&table, Look{}), r.Table(&all, Look{Width: 60, Reasons: true}), r.JSON(&text), r.JUnit(&xml, "build-7")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "table.txt", table.Bytes())
	golden(t, "reasons.txt", all.Bytes())
	golden(t, "report.json", text.Bytes())
	golden(t, "junit.xml", xml.Bytes())
	if strings.Contains(table.String(), "\x1b") {
		t.Error("the table has control characters of a server in it")
	}
}

// TestOthersReadTheJUnit has a reader of JUnit files, as CI systems use, read the file.
func TestOthersReadTheJUnit(t *testing.T) {
	var xml bytes.Buffer
	if err := mixed().JUnit(&xml, ""); err != nil {
		t.Fatal(err)
	}
	suites, err := junit.IngestReader(&xml)
	if err != nil {
		t.Fatal(err)
	}
	if len(suites) != 1 {
		t.Fatalf("got %d suites, want 1", len(suites))
	}
	got := suites[0].Totals
	got.Duration = 0
	if want := (junit.Totals{Tests: 5, Passed: 1, Skipped: 1, Failed: 1, Error: 2}); got != want {
		t.Errorf("totals: got %+v, want %+v", got, want)
	}
	wanted := []junit.Status{junit.StatusPassed, junit.StatusFailed, junit.StatusSkipped, junit.StatusError, junit.StatusError}
	for i, c := range suites[0].Tests {
		if c.Status != wanted[i] || c.Classname != "serin.shop" || c.Duration != 12*time.Millisecond {
			t.Errorf("%s: got %s, class %s, %s", c.Name, c.Status, c.Classname, c.Duration)
		}
	}
	if text := suites[0].Tests[1].Error.Error(); !strings.Contains(text, "answered 500") {
		t.Errorf("the failure says %q", text)
	}
}

// TestExitCodes goes through what can be mixed. A pipeline goes on after 0 alone.
func TestExitCodes(t *testing.T) {
	passed, failed := one("p", checks.Passed, true, ""), one("f", checks.Failed, true, "")
	broken, both := one("b", checks.Broken, true, ""), one("e", checks.Environment, true, "")
	critical := entry(checks.Spec{Name: "c", Critical: true, HTTP: &checks.HTTP{}}, checks.Result{Status: checks.Failed})
	for _, c := range []struct {
		name        string
		checks      []Entry
		interrupted bool
		want        int
		says        string
	}{
		{"nothing", nil, false, ExitUndecided, "0 of 0 checks passed"},
		{"one", []Entry{passed}, false, ExitPassed, "The check passed in "},
		{"all", []Entry{passed, passed}, false, ExitPassed, "All 2 checks passed in "},
		{"failed", []Entry{passed, failed}, false, ExitFailed, "1 of 2 checks passed; 1 failed (f)"},
		{"failed and broken", []Entry{failed, broken}, false, ExitFailed, "1 failed (f); 1 could not be run (b)"},
		{"failed and interrupted", []Entry{failed, broken}, true, ExitFailed, "the run was interrupted"},
		{"broken", []Entry{passed, broken}, false, ExitUndecided, "1 could not be run (b)"},
		{"environment", []Entry{passed, both}, false, ExitUndecided, "1 fails on both arms (e)"},
		{"interrupted", []Entry{passed, broken}, true, ExitInterrupted, "1 could not be run (b); the run was interrupted"},
		{"critical and not required", []Entry{passed, critical}, false, ExitFailed, "1 failed (c)"},
		{"not required", []Entry{passed, one("n", checks.Failed, false, ""), one("m", checks.Broken, false, "")}, false, ExitPassed, "1 failed and is not required (n); 1 could not be run and is not required (m)"},
		{"a word that nobody knows", []Entry{one("x", "fine", true, "")}, false, ExitUndecided, "1 could not be run (x)"},
		{"no word at all", []Entry{one("x", "", true, "")}, false, ExitUndecided, "1 could not be run (x)"},
	} {
		r := Report{Checks: c.checks, Interrupted: c.interrupted}
		if got := r.Exit(); got != c.want {
			t.Errorf("%s: got exit %d, want %d", c.name, got, c.want)
		}
		if got := r.Sentence(); !strings.Contains(got, c.says) {
			t.Errorf("%s: got %q, want %q in it", c.name, got, c.says)
		}
	}
}

// TestEveryWidthIsKept ensures that no line of prose is wider than the terminal.
func TestEveryWidthIsKept(t *testing.T) {
	var out bytes.Buffer
	if err := mixed().Table(&out, Look{Width: 50}); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if strings.HasPrefix(line, "    ") && len([]rune(line)) > 50 {
			t.Errorf("a line of %d characters: %s", len([]rune(line)), line)
		}
	}
}
