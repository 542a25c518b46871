package journal_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// childPath names the file to the process that is killed.
const childPath = "SERIN_JOURNAL_CHILD"

// childDoes says what it does: empty is to announce and commit.
const childDoes = "SERIN_JOURNAL_CHILD_DOES"

// child announces and commits until it is killed. It prints what was accepted,
// after it was.
func child(ctx context.Context, path string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	j, err := journal.Open(ctx, path, journal.Options{})
	if err != nil {
		return fail(err)
	}
	if os.Getenv(childDoes) == "compact" {
		if _, err := j.Compact(ctx); err != nil {
			return fail(err)
		}
		return 0
	}
	for n := 1; ; n++ {
		a, err := j.Announce(ctx, trial(fmt.Sprintf("%d-%d", os.Getpid(), n)), aPlan())
		if err != nil {
			return fail(err)
		}
		id := a.Rollout.ID
		fmt.Printf("announced %s\n", id)
		for seq := 1; seq <= 20; seq++ {
			if err := j.Commit(ctx, look(id, seq)); err != nil {
				return fail(err)
			}
			fmt.Printf("committed %s %d\n", id, seq)
			if err := j.Declare(ctx, id, rollout.WeightAt{Percent: float64(seq)}); err != nil {
				return fail(err)
			}
			fmt.Printf("declared %s %d\n", id, seq)
		}
	}
}

// Whatever was accepted is there after kill -9.
func TestKill9LosesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		accepted := map[string]map[string]int{} // rollout, then what, then the newest
		lines := 0
		for round := range 4 {
			lines += untilKilled(t, path, 60+37*round, func(what, id string, n int) {
				if accepted[id] == nil {
					accepted[id] = map[string]int{}
				}
				accepted[id][what] = n
			})
			j, err := journal.Open(t.Context(), path, journal.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for id, want := range accepted {
				rec := load(t, j, id)
				if rec.Looks < want["committed"] || len(rec.Rollout.Weights) < want["declared"] {
					t.Errorf("rollout %s: got %d looks and %d weights, want at least %v", id, rec.Looks, len(rec.Rollout.Weights), want)
				}
				if rec.Looks > 0 {
					if got := rec.Frozen.Metrics["errors"].Canary.Window.Len(); got != rec.Looks {
						t.Errorf("rollout %s: got %d frozen blocks, want %d, one for each look", id, got, rec.Looks)
					}
				}
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if db.name != "sqlite" {
				continue
			}
			var verdict string
			if err := db.shell(t, path).QueryRow(`pragma integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
				t.Errorf("integrity_check: got %q, error %v; want ok", verdict, err)
			}
		}
		t.Logf("%d acknowledgements of %d rollouts over four kills", lines, len(accepted))
	})
}

// untilKilled runs a child, kills it after it acknowledged so much, and returns
// how much it had acknowledged.
func untilKilled(t *testing.T, path string, enough int, note func(what, id string, n int)) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for s := bufio.NewScanner(out); s.Scan(); {
		what, rest, _ := strings.Cut(s.Text(), " ")
		id, number, _ := strings.Cut(rest, " ")
		n, _ := strconv.Atoi(number)
		note(what, id, n)
		// Signal 9 while it goes on; what it still prints counts too.
		if lines++; lines == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the child ended by itself after %d lines: %v", lines, err)
	}
	return lines
}
