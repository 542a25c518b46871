package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// A report says what is not published beside the verdict; the verdict replays as before.
func TestReportCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serin.db")
	id := lookedAt(t, file)
	in := "--journal=" + file
	code, out := serin(t, "report", id, in, "-o", "json")
	var doc struct {
		Rollout     struct{ ID string }
		Last        json.RawMessage
		Unpublished []any
	}
	if err := json.Unmarshal([]byte(out), &doc); code != 0 || err != nil || doc.Rollout.ID != id || len(doc.Last) == 0 || doc.Unpublished == nil || len(doc.Unpublished) > 0 {
		t.Errorf("exit %d, %v and\n%s\nwant the rollout, its verdict and an empty list", code, err, out)
	}
	j, err := journal.Open(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	q, err := app.WorkOf(t.Context(), j, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = q.Enqueue(t.Context(), outbox.Job{Kind: "rules", Key: "x", Rollout: id, Body: json.RawMessage(`{"place":"ruler"}`), NotBefore: time.Now().Add(-time.Hour)})
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	wantSerin(t, 0, "! alert rules (ruler): it waits to be tried", "report", id, in)
	wantSerin(t, 0, "### Not published\n\n- ! alert rules", "report", id, in, "-o", "markdown")
	wantSerin(t, 0, `"what": "alert rules"`, "report", id, in, "-o", "json")
	wantSerin(t, 0, "3 verdicts are byte for byte", "replay", id, in)
	wantSerin(t, 1, "no rollout nobody is recorded here", "report", "nobody", in)
	wantSerin(t, 0, "look 1, 2026-03-04 05:07:00 UTC", "show", id, in, "--look", "1")
	wantSerin(t, 0, `"look": {`, "show", id, in, "--look=1", "-o", "json")
	wantSerin(t, 0, "STALE: nobody has looked for ", "show", id, in) // it is live, and was looked at long ago
	wantSerin(t, 0, "> **STALE**, nobody has looked for ", "show", id, in, "-o", "markdown")
	wantSerin(t, 0, "STALE", "list", in)
	if _, out := serin(t, "show", id, in, "--look", "1"); strings.Contains(out, "STALE") {
		t.Errorf("got\n%s\nwant an old look that was asked for as it is", out)
	}
	wantSerin(t, 1, "counted from 1", "show", id, in, "--look=-1")
	wantSerin(t, 1, "name the server's journal", "report", id, in+"x")
}
