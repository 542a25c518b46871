package demo

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// The demo ends when its files are those of rollouts that are over, and not before.
func TestSettleWaitsForTheFiles(t *testing.T) {
	o := Options{Files: t.TempDir()}
	if _, err := o.publish(); err != nil {
		t.Fatal(err)
	}
	p := (&story{}).plan
	j, err := journal.Open(t.Context(), ":memory:", journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	a, err := j.Announce(t.Context(), rollout.Rollout{Service: healthyService, Namespace: namespace, Revision: "1", Controller: "flagger", Started: time.Now()}, p)
	if err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(o.Files, RuleFolder, alerts.NameOf(a.Rollout.ID)+".yml")
	board := filepath.Join(o.Files, BoardFolder, dashboards.UID(a.Rollout.ID)+".json")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(rules, "groups: []")
	write(board, `{"refresh": "5s"}`)
	done := make(chan error, 1)
	go func() { done <- settle(t.Context(), o, j) }()
	for closed := false; !closed; {
		s, err := j.Get(t.Context(), a.Rollout.ID)
		if err != nil {
			t.Fatal(err)
		}
		closed = !s.Closed.IsZero()
	}
	all := []journal.Summary{{Rollout: a.Rollout}}
	if o.settled(all) {
		t.Error("the files of a live rollout are taken for settled")
	}
	if err := os.Remove(rules); err != nil {
		t.Fatal(err)
	}
	if o.settled(all) {
		t.Error("a board that is refreshed is taken for frozen")
	}
	write(board, `{"refresh": ""}`)
	if err := <-done; err != nil || !o.settled(all) {
		t.Errorf("got %v, settled %v", err, o.settled(all))
	}
	// What is late changes no result.
	ctx, cancel := context.WithCancel(t.Context())
	write(rules, "groups: []")
	time.AfterFunc(100*time.Millisecond, cancel)
	if err := settle(ctx, o, j); err != nil {
		t.Errorf("got %v, want no error for files that are late", err)
	}
}
