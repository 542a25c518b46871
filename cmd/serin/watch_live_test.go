package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/cmd/serin/pipeline"
	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// noon is when the watched rollout began.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// standing is the watched rollout at its n-th look.
func standing(n int, o judge.Outcome) pipeline.Standing {
	r := rollout.Rollout{ID: "abcdefghijklmnop", Service: "checkout", Revision: "r2", Started: noon}
	v := judge.Verdict{
		Seq: n, At: noon.Add(time.Duration(n) * time.Minute), Rollout: r, Outcome: o, RollBack: judge.Answer{Yes: o == judge.Rollback}, Reason: "for a reason", Fresh: true,
		Threshold: 1.3, Evidence: float64(n) / 10, Progress: judge.Progress{Block: "1m0s", Blocks: n},
	}
	return pipeline.Standing{Summary: journal.Summary{Rollout: r, Looks: n, Last: &v}}
}

// closed is a standing of a rollout that is over.
func closed(s pipeline.Standing) pipeline.Standing {
	s.Closed, s.Why = noon.Add(time.Hour), "the controller promoted it"
	return s
}

// sight is a record that is seen step by step: a standing, or why there is none.
type sight struct {
	steps []any
	asked int
}

func (s *sight) one(context.Context, string) (pipeline.Standing, error) {
	step := s.steps[min(s.asked, len(s.steps)-1)]
	s.asked++
	if err, ok := step.(error); ok {
		return pipeline.Standing{}, err
	}
	return step.(pipeline.Standing), nil
}

func (s *sight) list(context.Context, journal.Filter) ([]journal.Summary, error) { return nil, nil }

func (s *sight) look(context.Context, journal.Summary, int) (*verdict, judge.Trace, error) {
	return nil, judge.Trace{}, nil
}

// away is what a server that cannot be reached is told of by the client itself.
func away(t *testing.T) error {
	t.Helper()
	server, err := pipeline.NewServer("http://127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = server.Rollout(t.Context(), "abcdefghijklmnop")
	if !pipeline.Away(err) {
		t.Fatalf("got %v, want an answer that may come later", err)
	}
	return err
}

func TestWatching(t *testing.T) {
	unlooked := pipeline.Standing{Summary: journal.Summary{Rollout: standing(1, judge.Continue).Rollout}}
	shadowed := standing(2, judge.Rollback)
	shadowed.Last.Mode = string(plan.Shadow)
	old := standing(1, judge.Continue)
	old.Last.At = noon.Add(-time.Hour)
	blind := standing(1, judge.Continue)
	blind.Last.Fresh, blind.Last.StaleBlocks = false, 4
	for _, c := range []struct {
		name   string
		first  pipeline.Standing
		steps  []any
		closed bool
		code   int
		says   []string
	}{
		{"decided already", standing(1, judge.Rollback), nil, false, exitRollback, []string{"look 1: rollback"}},
		{"promoted in the end", unlooked, []any{standing(1, judge.Continue), standing(2, judge.Promote)}, false, exitPromote,
			[]string{"nobody has looked yet", "12:01:00 look 1: continue", "12:02:00 look 2: promote (not proven): for a reason"}},
		{"inconclusive", standing(1, judge.Continue), []any{standing(2, judge.Inconclusive)}, false, exitUndecided, []string{"look 2: inconclusive"}},
		{"a promotion that a rollback overrides", standing(1, judge.Promote), []any{standing(2, judge.Rollback), closed(standing(2, judge.Rollback))}, true,
			exitRollback, []string{"look 1: promote", "look 2: rollback"}},
		{"over without a decision", standing(1, judge.Continue), []any{closed(standing(1, judge.Continue))}, false, exitUndecided, nil},
		{"over without a look", unlooked, []any{closed(unlooked)}, false, exitFailure, nil},
		{"a shadow blocks nobody", standing(1, judge.Continue), []any{shadowed}, false, exitPromote, []string{"shadow mode"}},
		{"a server that is away for a while", standing(1, judge.Continue), []any{away(t), away(t), standing(2, judge.Promote)}, false, exitPromote,
			[]string{"STALE, the server cannot be reached", "look 2: promote"}},
		{"nobody judges", old, []any{old, standing(2, judge.Promote)}, false, exitPromote, []string{"STALE, nobody has looked for 1h"}},
		{"no evidence", blind, []any{blind, standing(2, judge.Promote)}, false, exitPromote, []string{"STALE, the newest evidence is 4 blocks old"}},
		{"refused", standing(1, judge.Continue), []any{&pipeline.RefusedError{Status: 403, Text: "no right"}}, false, exitFailure, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, said bytes.Buffer
			now := noon.Add(2 * time.Minute)
			o := onlooker{
				record: &sight{steps: c.steps}, live: screen.NewLine(&said, 0), closed: c.closed, now: func() time.Time { return now },
				pause: func(context.Context) error { now = now.Add(time.Second); return nil },
			}
			seen, err := o.watch(t.Context(), c.first)
			err = watchCmd{output: output{Output: "text"}}.tell(&streams{out: &out, err: &said}, seen, err)
			if got := codeOfError(err); got != c.code {
				t.Errorf("got exit %d (%v), want %d\n%s", got, err, c.code, said.String())
			}
			for _, want := range c.says {
				if !strings.Contains(said.String(), want) {
					t.Errorf("got\n%s\nwant %q", said.String(), want)
				}
			}
		})
	}
}

// codeOfError is the exit code that an error comes to.
func codeOfError(err error) int {
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	return exitFailure
}

// A watcher that is interrupted, or has waited long enough, says so; neither is a promotion.
func TestWatchingEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		wait time.Duration
		code int
		says string
	}{
		{"interrupted", 0, exitInterrupted, "the rollout goes on"},
		{"the wait is over", time.Nanosecond, exitUndecided, "the wait is over"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, said bytes.Buffer
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := onlooker{
				record: &sight{steps: []any{standing(1, judge.Continue)}}, live: screen.NewLine(&said, 0), now: func() time.Time { return noon },
				pause: func(ctx context.Context) error {
					if c.wait == 0 {
						cancel()
					}
					<-ctx.Done()
					return ctx.Err()
				},
			}
			if c.wait > 0 {
				o.over = noon.Add(c.wait)
			}
			seen, err := o.watch(ctx, standing(1, judge.Continue))
			err = watchCmd{output: output{Output: "text"}}.tell(&streams{out: &out, err: &said}, seen, err)
			if got := codeOfError(err); got != c.code || !strings.Contains(said.String(), c.says) || !strings.Contains(out.String(), "CONTINUE") {
				t.Errorf("got exit %d, %v:\n%s%s\nwant exit %d, %q and the report", got, err, said.String(), out.String(), c.code, c.says)
			}
		})
	}
}

// liveJournal makes a journal with a live rollout of a service that was looked at n times
// without any data.
func liveJournal(t *testing.T, file string, services ...string) []string {
	t.Helper()
	j, err := journal.Open(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var ids []string
	for i, service := range services {
		p, err := plan.Parse("plan.yaml", fmt.Appendf(nil, askPlan, service))
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now().Add(-5 * time.Minute).Add(time.Duration(i) * time.Second)
		a, err := j.Announce(t.Context(), rollout.Rollout{Service: service, Revision: "r1", Controller: "cli", Plan: p.Name, Started: begin}, p)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.Rollout.ID)
		commitLook(t, j, a.Rollout.ID, 1)
		commitLook(t, j, a.Rollout.ID, 2)
	}
	return ids
}

// commitLook commits the n-th look of a rollout.
func commitLook(t *testing.T, j *journal.Journal, id string, n int) judge.Verdict {
	t.Helper()
	rec, err := j.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	v := judge.Evaluate(judge.Input{Record: rec, At: rec.Rollout.Started.Add(time.Duration(n) * time.Minute), Seq: n, Engine: "v9"})
	if err := j.Commit(t.Context(), judge.Look{Rollout: id, Verdict: v, Context: judge.Context{Overrides: rec.Overrides}}); err != nil {
		t.Fatal(err)
	}
	return v
}

// startServer serves a journal, and returns its address.
func startServer(t *testing.T, file string) (url, tokenFile string) {
	t.Helper()
	dir, addr := t.TempDir(), freeAddr(t)
	tokenFile = filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(askToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := plan.Parse("plan.yaml", fmt.Appendf(nil, askPlan, "checkout"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := plan.NewSet(p)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Appendf(nil, "listen: %s\njournal: %s\ntokenFiles: [%s]\nsources:\n  - { name: prometheus, prometheus: { url: \"http://127.0.0.1:1\" } }\n", addr, file, tokenFile)
	c, err := app.Parse(filepath.Join(dir, "serin.yaml"), config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := app.New(context.WithoutCancel(t.Context()), app.Options{Config: c, Plans: set})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + addr, tokenFile
}

// A server and its journal say the same of a rollout, in every form and command; and who
// watches hears of what another replica does.
func TestServerAndJournalSayTheSame(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serin.db")
	ids := liveJournal(t, file, "checkout", "cart")
	url, token := startServer(t, file)
	at := []string{"--server", url, "--token-file", token}
	for _, args := range [][]string{
		{"show", ids[0]}, {"show", ids[0], "--look", "1"}, {"show", ids[0], "-o", "markdown"}, {"list"}, {"list", "-o", "markdown"},
		{"list", "--service", "cart", "--live"}, {"list", "--outcome", "rollback"}, {"list", "--limit", "1", "-o", "json"}, {"list", "--since", "1h"},
		{"show", ids[0], "-o", "json", "--look", "1", "--trace"},
	} {
		code, fromJournal := serin(t, append(args, "--journal", file)...)
		again, fromServer := serin(t, append(args, at...)...)
		if code != 0 || again != 0 || plainJSON(fromServer) != plainJSON(fromJournal) {
			t.Errorf("%v: exit %d and %d; the journal says\n%s\nthe server says\n%s", args, code, again, fromJournal, fromServer)
		}
	}
	wantSerin(t, 1, "no rollout abcdefghijklmnop is recorded here", append([]string{"show", "abcdefghijklmnop"}, at...)...)
	wantSerin(t, 1, "has no look 9; it was looked at 2 times", append([]string{"show", ids[0], "--look", "9"}, at...)...)
	wantSerin(t, 1, "name one place", "show", ids[0], "--server", url, "--journal", file)

	var out bytes.Buffer
	said := newHeard()
	code := make(chan int, 1)
	go func() {
		code <- run(t.Context(), append([]string{"watch", "checkout", "--until", "closed"}, at...), &out, said)
	}()
	said.await(t, "look 2: continue")
	j, err := journal.Open(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.End(t.Context(), ids[0], time.Now(), "a newer one came"); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != exitUndecided || !strings.Contains(out.String(), ": a newer one came.") {
		t.Errorf("got exit %d:\n%s%s\nwant exit %d and why it is over", got, said, out.String(), exitUndecided)
	}
	wantSerin(t, 1, "no rollout of checkout is live; the last one is over: serin show "+ids[0], append([]string{"watch", "checkout"}, at...)...)
	wantSerin(t, 1, "no rollout of nothing is recorded", "watch", "nothing", "--journal", file)
	wantSerin(t, exitUndecided, "CONTINUE", "watch", ids[0], "--journal", file)
}

// plainJSON leaves out of a document what a server adds in words, and of a text for how
// long what has lasted: time passes between two commands.
func plainJSON(text string) string {
	var doc map[string]any
	if json.Unmarshal([]byte(text), &doc) != nil {
		return regexp.MustCompile(`\d+(\.\d+)?(ms|h|m|s| h| min| s| d)\b`).ReplaceAllString(text, "a while")
	}
	delete(doc, "status")
	delete(doc, "progress")
	b, err := json.Marshal(doc)
	if err != nil {
		return text
	}
	return string(b)
}
