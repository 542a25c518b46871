package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// Pages of a list, put together, are the list: nothing is left out, nothing comes twice.
func TestListIsPaged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serin.db")
	ids := liveJournal(t, file, "a", "b", "c", "d", "e")
	var got []string
	next := ""
	for range 10 {
		args := []string{"list", "--journal", file, "--limit", "2", "-o", "json"}
		if next != "" {
			args = append(args, "--before", next)
		}
		out, said, code := ran(t, args...)
		var doc struct {
			Rollouts []journal.Summary
			Next     string
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 0 {
			t.Fatalf("exit %d, %v: %s%s", code, err, out, said)
		}
		for _, sum := range doc.Rollouts {
			got = append(got, sum.Rollout.ID)
		}
		if next = doc.Next; next == "" {
			break
		}
	}
	for i, id := range ids {
		if len(got) != len(ids) || got[len(got)-1-i] != id {
			t.Fatalf("got %v, want %v from the newest to the oldest", got, ids)
		}
	}
	_, said, _ := ran(t, "list", "--journal", file, "--limit", "5")
	if said != "" {
		t.Errorf("the last page says %q", said)
	}
	_, said, _ = ran(t, "list", "--journal", file, "--limit", "4")
	if !strings.Contains(said, "There are older ones: the same with --before ") {
		t.Errorf("a page says %q, want how to go on", said)
	}
}

func TestListFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serin.db")
	liveJournal(t, file, "a")
	in := "--journal=" + file
	wantSerin(t, 0, "There are no such rollouts.", "list", in, "--service", "nobody")
	wantSerin(t, 0, "There are no such rollouts.", "list", in, "--since", "1m")
	wantSerin(t, 0, "There are no such rollouts.", "list", in, "--before", "2020-01-01T00:00:00Z")
	wantSerin(t, 0, "continue", "list", in, "--before", "2199-01-01T00:00:00Z")
	wantSerin(t, 0, "| outcome |", "list", in, "-o", "markdown")
	wantSerin(t, 1, "--before is neither", "list", in, "--before", "yesterday")
	wantSerin(t, 1, "--before is neither", "list", in, "--before", "2999-01-01T00:00:00Z")
	wantSerin(t, 1, "--limit 0 is not within", "list", in, "--limit", "0")
	wantSerin(t, 1, "must be one of", "list", in, "--outcome", "good")
	wantSerin(t, 1, "name the server's journal", "list", in+"x")
	t.Setenv("SERIN_JOURNAL", file)
	wantSerin(t, 0, "continue", "list")
	t.Setenv("SERIN_URL", "http://127.0.0.1:1")
	wantSerin(t, 1, "the server cannot be reached", "list")
	wantSerin(t, 0, "continue", "list", in) // the command line wins
}

func TestCutPage(t *testing.T) {
	at := func(minute int) journal.Summary {
		return journal.Summary{Rollout: rollout.Rollout{ID: "abcdefghijklmnop", Started: noon.Add(time.Duration(minute) * time.Minute)}}
	}
	three := []journal.Summary{at(3), at(2), at(1)}
	for _, c := range []struct {
		name  string
		since int
		limit int
		want  int
		next  string
	}{
		{"all fit", 0, 3, 3, ""},
		{"one too many", 0, 2, 2, "2026-05-01T12:02:00Z,abcdefghijklmnop"},
		{"older than asked for", 2, 3, 2, ""},
		{"older ones are on the next page", 1, 1, 1, "2026-05-01T12:03:00Z,abcdefghijklmnop"},
	} {
		got, next := cutPage(three, at(c.since).Rollout.Started, c.limit)
		if len(got) != c.want || next != c.next {
			t.Errorf("%s: got %d and %q, want %d and %q", c.name, len(got), next, c.want, c.next)
		}
	}
}

// What an error quotes is inert on a terminal, too.
func TestErrorsAreInert(t *testing.T) {
	for _, args := range [][]string{
		{"show", "\x1b[2Jx", "--journal", t.TempDir() + "/\x1b]0;owned\a.db"}, {"watch", "\x1b[2J", "--server", "http://127.0.0.1:1"},
		{"man", "\x1b[2J\u202e"}, {"list", "--before", "\x1b[2J"}, {"\x1b[2J"}, {"plan", "check", "\x1b[2J.yaml"},
	} {
		code, out := serin(t, args...)
		if code == 0 || strings.ContainsAny(out, "\x1b\a\u202e") {
			t.Errorf("%q: got exit %d and %q", args, code, out)
		}
	}
}
