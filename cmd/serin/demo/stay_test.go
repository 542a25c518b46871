package demo

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestADemoThatStaysHasPages runs the failing canary to its end and looks at what people
// find there while the server stays: the list, and the report of the rollback.
func TestADemoThatStaysHasPages(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("runs a rollout for a minute; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	stayed := false
	res, err := Run(t.Context(), Options{Scenario: Errors, Seed: 1, Stay: func(r Result, url string) {
		stayed = true
		if len(r.Stories) != 1 || r.Stories[0].Verdict == nil {
			t.Fatalf("got %+v, want a story with its verdict", r)
		}
		id := r.Stories[0].Verdict.Rollout.ID
		if list := page(t, url+"/"); !strings.Contains(list, "/r/"+id) || !strings.Contains(list, "rollback") {
			t.Errorf("the list does not lead to the rollback:\n%s", list)
		}
		if report := page(t, url+"/r/"+id); !strings.Contains(report, ">Rollback<") || !strings.Contains(report, "errors") {
			t.Errorf("the report does not say what happened:\n%s", report)
		}
	}})
	if err != nil || !stayed || !res.AsTold() {
		t.Errorf("got %v, stayed: %v, as told: %v", err, stayed, res.AsTold())
	}
}

// page reads a page of the demo's server.
func page(t *testing.T, url string) string {
	t.Helper()
	a, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, a.Status, err)
	}
	return string(text)
}
