package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// ran runs a command line and returns what it wrote and its exit code.
func ran(t *testing.T, args ...string) (out, said string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return o.String(), e.String(), code
}

func TestWorkCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serin.db")
	j, err := journal.Open(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	q, err := app.WorkOf(t.Context(), j, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		if err := q.Enqueue(t.Context(), outbox.Job{Kind: "callback", Key: key, Rollout: "r", Target: "ci.example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	in := "--journal=" + file
	a := outbox.ID("a")
	for _, c := range []struct {
		args []string
		want string // on stdout, or on stderr where it fails
		code int
	}{
		{[]string{"work", "list", in}, a + "  callback  queued", 0},
		{[]string{"work", "list", in, "--state=dead"}, "There is no such work.", 0},
		{[]string{"work", "drop", in, a}, a + " is cancelled: a", 0},
		{[]string{"work", "list", in, "--state=cancelled"}, a + "  callback  cancelled", 0},
		{[]string{"work", "retry", in, a}, a + " is queued: a", 0},
		{[]string{"work", "retry", in, a}, "only dead or cancelled work is tried again", 1},
		{[]string{"work", "retry", in, "nobody"}, "no such work", 1},
		{[]string{"work", "retry", in}, "name work by its ID", 1},
		{[]string{"work", "drop", in, "--all-dead"}, "", 0},
		{[]string{"work", "drop", in, "--all-dead", a}, "name work by its ID", 1},
		{[]string{"work", "list", "--journal=" + file + ".none"}, "name the server's journal", 1},
	} {
		out, said, code := ran(t, c.args...)
		text := out
		if code != 0 {
			text = said
		}
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%v: got exit %d with\n%s%s\nwant %d and %q", c.args, code, out, said, c.code, c.want)
		}
	}
	out, _, _ := ran(t, "work", "list", in, "--output=json", "--limit=1")
	var list struct {
		Work []outbox.Work `json:"work"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Work) != 1 {
		t.Errorf("got %s, error %v; want one as JSON", out, err)
	}
}
