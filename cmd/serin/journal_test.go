package main

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
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

// lookedAt makes a journal with a rollout that the judge has looked at three times
// without any data, and returns its ID.
func lookedAt(t *testing.T, target string) string {
	t.Helper()
	j, err := journal.Open(t.Context(), target, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	p, err := plan.Load("testdata/doc/checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
	a, err := j.Announce(t.Context(), rollout.Rollout{Service: "checkout", Revision: "r1", Controller: "cli", Started: begin}, p)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 3; n++ {
		rec, err := j.Load(t.Context(), a.Rollout.ID)
		if err != nil {
			t.Fatal(err)
		}
		at := begin.Add(time.Duration(n) * time.Minute)
		v := judge.Evaluate(judge.Input{Record: rec, At: at, Seq: n, Engine: "v9"})
		if err := j.Commit(t.Context(), judge.Look{Rollout: rec.Rollout.ID, Verdict: v, Context: judge.Context{Overrides: rec.Overrides}}); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			if _, err := j.Override(t.Context(), rec.Rollout.ID, judge.Override{By: "ann", Action: judge.OverrideHold, Reason: "a sale"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return a.Rollout.ID
}

// serin runs a command line and returns its exit code and what it wrote.
func serin(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), args, &out, &out)
	return code, out.String()
}

func wantSerin(t *testing.T, code int, words string, args ...string) {
	t.Helper()
	got, out := serin(t, args...)
	if got != code || !strings.Contains(out, words) {
		t.Errorf("serin %s: exit %d and\n%s\nwant exit %d and %q", strings.Join(args, " "), got, out, code, words)
	}
}

func TestReplayCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serin.db")
	id := lookedAt(t, file)
	wantSerin(t, 0, "1 verdicts are byte for byte", "replay", id+"-2", "--journal", file)
	wantSerin(t, 0, "3 verdicts are byte for byte", "replay", id, "--journal", file)
	wantSerin(t, 0, "3 verdicts are byte for byte", "replay", "--all", "--journal", file)
	wantSerin(t, 1, "has 3 verdicts, and no 4", "replay", id+"-4", "--journal", file)
	wantSerin(t, 1, `no rollout has the ID "nobody"`, "replay", "nobody-1", "--journal", file)
	wantSerin(t, 1, "name the verdict", "replay", "--journal", file)
	wantSerin(t, 1, "there is no file", "replay", id, "--journal", file+"x")

	// A verdict as another version might have written it, digest and all.
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var text string
	if err := db.QueryRow(`select verdict from looks where seq = 2`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	text = strings.Replace(text, `"score":`, `"grade":"B","score":7`, 1)
	if _, err := db.Exec(`update looks set verdict = $1, verdict_digest = $2 where seq = 2`, text, sha256Hex(text)); err != nil {
		t.Fatal(err)
	}
	code, out := serin(t, "replay", id, "--journal", file)
	for _, want := range []string{
		"verdict " + id + "-2, recorded by serin v9, differs", "  - grade: \"B\"\n", "  - score: 7100\n  + score: 100\n", "1 of 3 verdicts differ",
	} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d and\n%s\nwant exit 1 and %q", code, out, want)
		}
	}
}

// A journal is compressed and then loses inputs by policy; what that means for replay
// is said.
func TestJournalCompactCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "serin.db")
	id := lookedAt(t, file)
	wantSerin(t, 0, "compressed 0 looks at 0 rollouts", "journal", "compact", "--journal", file)
	j, err := journal.Open(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closed := time.Now().Add(-40 * 24 * time.Hour)
	if err := errors.Join(j.End(t.Context(), id, closed, "done"), j.Close()); err != nil {
		t.Fatal(err)
	}
	wantSerin(t, 1, "write at least 2d", "journal", "compact", "--inputs-older-than", "1h", "--journal", file)
	wantSerin(t, 0, "compressed 3 looks at 1 rollouts", "journal", "prune", "--older-than", "90d", "--journal", file)
	wantSerin(t, 0, "3 verdicts are byte for byte", "replay", id, "--journal", file)
	wantSerin(t, 0, "removed the inputs of 0 looks", "journal", "compact", "--inputs-older-than", "60d", "--journal", file)
	wantSerin(t, 0, "removed the inputs of 3 looks at 1 rollouts", "journal", "compact", "--inputs-older-than", "30d", "--journal", file)
	day := time.Now().UTC().Format(time.DateOnly)
	wantSerin(t, 1, "the inputs of rollout "+id+" were removed by policy on "+day, "replay", id+"-2", "--journal", file)
	wantSerin(t, 0, "1 rollouts cannot be replayed: their inputs were removed by policy\n0 verdicts", "replay", "--all", "--journal", file)
	const counted = "1 plans, 1 rollouts, 3 looks (3 of them without inputs, which were removed by policy), 1 overrides"
	wantSerin(t, 0, "sound: "+counted, "journal", "verify", "--journal", file)
	export, other := filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "other.db")
	wantSerin(t, 0, "exported "+counted, "journal", "export", export, "--journal", file)
	wantSerin(t, 0, "added "+counted, "journal", "import", export, "--journal", other)
	wantSerin(t, 1, "were removed by policy on "+day, "replay", id, "--journal", other)
}

func TestJournalCommands(t *testing.T) {
	dir := t.TempDir()
	file, plainExport, packed := filepath.Join(dir, "serin.db"), filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "a.jsonl.gz")
	id := lookedAt(t, file)
	const counted = "1 plans, 1 rollouts, 3 looks, 1 overrides, 0 audit entries"
	wantSerin(t, 0, "sound: "+counted, "journal", "verify", "--journal", file)
	wantSerin(t, 0, "exported "+counted, "journal", "export", plainExport, "--journal", file)
	wantSerin(t, 0, "exported "+counted, "journal", "export", "--gzip", packed, "--journal", file)
	wantSerin(t, 1, "file exists", "journal", "export", packed, "--journal", file)
	wantSerin(t, 0, `{"format":{"name":"serin journal","version":2}}`, "journal", "export", "--journal", file)

	// From a file to a server and back, the URL out of a file and of the environment.
	server := pgtest.Start(t, pgtest.Config{})
	target := server.NewDatabase(t)
	secret := filepath.Join(dir, "url")
	if err := os.WriteFile(secret, []byte(target+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SERIN_TEST_URL", target)
	wantSerin(t, 0, "added "+counted, "journal", "import", packed, "--journal", "file:"+secret)
	wantSerin(t, 0, "added 0 plans", "journal", "import", plainExport, "--journal", "env:SERIN_TEST_URL")
	wantSerin(t, 0, "sound: "+counted, "journal", "verify", "--journal", "env:SERIN_TEST_URL")
	wantSerin(t, 0, "3 verdicts are byte for byte", "replay", id, "--journal", "file:"+secret)
	back := filepath.Join(dir, "b.jsonl")
	wantSerin(t, 0, "exported", "journal", "export", back, "--journal", "file:"+secret)
	a, errA := os.ReadFile(plainExport)
	b, errB := os.ReadFile(back)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("errors %v, %v; the exports of the file and of the database differ:\n%s\n%s", errA, errB, a, b)
	}
	wantSerin(t, 0, "removed 0 plans, 0 rollouts", "journal", "prune", "--older-than", "90d", "--journal", "file:"+secret)
	wantSerin(t, 1, "too short to keep", "journal", "prune", "--older-than", "1h", "--journal", file)

	server.Exec(t, target, `update looks set promotes = 1 where seq = 2`)
	wantSerin(t, 1, fmt.Sprintf("rollout %s, look 2", id), "journal", "verify", "--journal", "file:"+secret)
	if err := os.WriteFile(plainExport, a[:len(a)-40], 0o600); err != nil {
		t.Fatal(err)
	}
	wantSerin(t, 1, "import: line", "journal", "import", plainExport, "--journal", filepath.Join(dir, "new.db"))
}

// No password of a journal's URL is taken from a command line, and none is shown.
func TestJournalPasswordsStaySecret(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "url")
	for name, c := range map[string]struct{ target, held, want string }{
		"on the command line": {target: "postgres://serin:hunter2@localhost/serin", want: "holds a password; write the URL into a file"},
		"as a parameter":      {target: "postgres://localhost/serin?password=hunter2", want: "holds a password"},
		"broken":              {target: "postgres://serin:hunter2@local host:x/serin", want: "cannot be read"},
		"broken in the file":  {held: "postgres://serin:hunter2@local host:x/serin", want: "cannot be read"},
		"no URL in the file":  {held: "hunter2", want: "does not hold the URL"},
		"nobody there":        {held: "postgres://serin:hunter2@127.0.0.1:1/serin", want: "cannot be reached"},
		"no such variable":    {target: "env:SERIN_NOT_SET", want: "is not set"},
		"no such file":        {target: "file:/nowhere/at/all", want: "cannot read the file with the URL"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.target == "" {
				if err := os.WriteFile(secret, []byte(c.held), 0o600); err != nil {
					t.Fatal(err)
				}
				c.target = "file:" + secret
			}
			code, out := serin(t, "journal", "verify", "--journal", c.target)
			if code != 1 || !strings.Contains(out, c.want) || strings.Contains(out, "hunter2") {
				t.Errorf("exit %d and\n%s\nwant exit 1, %q, and no password", code, out, c.want)
			}
		})
	}
}

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
