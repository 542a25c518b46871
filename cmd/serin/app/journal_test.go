package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/pgtest"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

func TestParseRetention(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "90d": 90 * 24 * time.Hour, "72h": 72 * time.Hour, "2d": 48 * time.Hour} {
		if got, err := ParseRetention(text); err != nil || got != want {
			t.Errorf("%q: got %v, error %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"soon": "write for example 90d", "1d": "write at least 2d", "-5d": "too short", "d": "write for example", "99999999999d": "write for example",
		"40000d": "write for example", "1.5d": "write for example",
	} {
		if got, err := ParseRetention(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, error %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestJournalFaultsHaveAPlace(t *testing.T) {
	_, err := Parse("serin.yaml", []byte("journal: postgres://serin:hunter2@db/serin\nretention: 1h\n"))
	if err == nil || !strings.Contains(err.Error(), "serin.yaml:1:") || !strings.Contains(err.Error(), "holds a password") ||
		!strings.Contains(err.Error(), "serin.yaml:2:") || !strings.Contains(err.Error(), "write at least 2d") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want both faults with their lines, and no password", err)
	}
}

func TestJournalNamesHaveNoSecrets(t *testing.T) {
	for named, want := range map[string]string{
		"serin.db":                              "serin.db",
		"env:URL":                               "env:URL",
		"postgres://u:p@db:5432/serin?x=secret": "postgres://db:5432/serin",
		"postgres://u:p@[":                      "a PostgreSQL database",
	} {
		if got := JournalName(named); got != want {
			t.Errorf("%s: got %s, want %s", named, got, want)
		}
	}
}

// A server on PostgreSQL, its URL in a file, removes at its start what is older than
// the retention.
func TestAServerPrunes(t *testing.T) {
	target := pgtest.Start(t, pgtest.Config{}).NewDatabase(t)
	secret := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(secret, []byte(target), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := OpenJournal(t.Context(), "file:"+secret, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	now := time.Now()
	var ids []string
	for _, age := range []time.Duration{100 * 24 * time.Hour, time.Hour} {
		r := rollout.Rollout{Service: "checkout", Revision: "r" + age.String(), Controller: "cli", Started: now.Add(-age - time.Hour)}
		a, err := j.Announce(t.Context(), r, plan.Plan{Name: "checkout"})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.End(t.Context(), a.Rollout.ID, now.Add(-age), "done"); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.Rollout.ID)
	}
	c := world(t)
	c.Journal, c.Retention = "file:"+secret, "90d"
	a, err := New(t.Context(), Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	defer func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	}()
	eventually(t, "the old rollout is removed", func() bool {
		_, err := j.Get(t.Context(), ids[0])
		return errors.Is(err, journal.ErrNotFound)
	})
	if _, err := j.Get(t.Context(), ids[1]); err != nil {
		t.Errorf("the newer rollout: %v", err)
	}
	if code, body := call(t, "GET", a.URL()+"/readyz", ""); code != 200 && !strings.Contains(body, "source") {
		t.Errorf("got %d %s, want a journal that is ready", code, body)
	}
}
