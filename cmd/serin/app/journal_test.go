package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
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

func TestInputsAreKeptForLessThanRollouts(t *testing.T) {
	for text, want := range map[string]string{
		"inputs: soon\n":                 "serin.yaml:1:",
		"retention: 30d\ninputs: 30d\n":  "and the rollouts themselves for 30d only",
		"retention: 30d\ninputs: 720h\n": "serin.yaml:2:",
	} {
		if _, err := Parse("serin.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
	for _, text := range []string{"inputs: 30d\n", "retention: 90d\ninputs: 30d\n"} {
		if _, err := Parse("serin.yaml", []byte(text)); err != nil {
			t.Errorf("%q: got %v, want none", text, err)
		}
	}
}

// A server on PostgreSQL, its URL in a file, removes at its start what is older than
// the retention, compresses what is over, and removes inputs by policy.
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
	for _, age := range []time.Duration{100 * 24 * time.Hour, 40 * 24 * time.Hour, time.Hour} {
		r := rollout.Rollout{Service: "checkout", Revision: "r" + age.String(), Controller: "cli", Started: now.Add(-age - time.Hour)}
		a, err := j.Announce(t.Context(), r, plan.Plan{Name: "checkout"})
		if err != nil {
			t.Fatal(err)
		}
		v := judge.Verdict{Seq: 1, At: r.Started, Rollout: rollout.Rollout{ID: a.Rollout.ID}}
		if err := j.Commit(t.Context(), judge.Look{Rollout: a.Rollout.ID, Verdict: v}); err != nil {
			t.Fatal(err)
		}
		if err := j.End(t.Context(), a.Rollout.ID, now.Add(-age), "done"); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.Rollout.ID)
	}
	c := world(t)
	c.Journal, c.Retention, c.Inputs = "file:"+secret, "90d", "30d"
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
	eventually(t, "the inputs of the second one are removed", func() bool {
		_, err := j.Load(t.Context(), ids[1])
		return errors.Is(err, journal.ErrInputsRemoved)
	})
	if rec, err := j.Load(t.Context(), ids[2]); err != nil || rec.Looks != 1 {
		t.Errorf("the newest rollout: got %d looks, error %v; want its look", rec.Looks, err)
	}
	if code, body := call(t, "GET", a.URL()+"/readyz", ""); code != 200 && !strings.Contains(body, "source") {
		t.Errorf("got %d %s, want a journal that is ready", code, body)
	}
}
