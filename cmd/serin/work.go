package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/report"
)

// workCmd groups what is done with work that is done later.
type workCmd struct {
	List  workListCmd  `cmd:"" help:"Show the work that a server does later: callbacks, looks, sweeps."`
	Retry workRetryCmd `cmd:"" help:"Try dead or cancelled work again."`
	Drop  workDropCmd  `cmd:"" help:"Cancel dead or queued work."`
}

// Help implements kong.HelpProvider.
func (workCmd) Help() string {
	return `Examples:

    serin work list --state dead
    serin work retry qk3v5zgq7xmh2b4t
    serin work drop --all-dead --journal file:/run/secrets/journal-url

A server that runs on the same journal does the work; these commands only change what it is.`
}

// workIn names a journal whose work is meant.
type workIn struct{ journalIn }

// with calls do with the work.
func (w workIn) with(ctx context.Context, s *streams, do func(*outbox.Queue) error) error {
	return w.journalIn.with(ctx, s, func(j *journal.Journal) error {
		q, err := app.WorkOf(ctx, j, newLog(s.err, slog.LevelWarn, "text"))
		if err != nil {
			return err
		}
		return do(q)
	})
}

// workListCmd lists work.
type workListCmd struct {
	workIn
	State   string `enum:"queued,done,dead,cancelled,all" default:"all" help:"Only work in this state: queued, done, dead or cancelled."`
	Kind    string `placeholder:"KIND" help:"Only work of this kind: callback, look or sweep."`
	Rollout string `placeholder:"ID" help:"Only work of this rollout."`
	Limit   int    `default:"100" help:"At most so much, the newest first."`
	Output  string `short:"o" enum:"text,json" default:"text" help:"How to write it: text or json."`
}

// Help implements kong.HelpProvider.
func (workListCmd) Help() string {
	return `Examples:

    serin work list
    serin work list --state dead
    serin work list --rollout qk3v5zgq7xmh2b4t -o json

Work is what follows from a verdict and is done a moment later: callbacks, notices, dashboards, rules.
Queued work is tried until its deadline; dead work was given up, and its error says why.`
}

// Run implements the command.
func (c workListCmd) Run(ctx context.Context, s *streams) error {
	f := outbox.Filter{Kind: c.Kind, Rollout: c.Rollout, Limit: c.Limit}
	if c.State != "all" {
		f.State = outbox.State(c.State)
	}
	return c.with(ctx, s, func(q *outbox.Queue) error {
		list, err := q.List(ctx, f)
		if err != nil {
			return err
		}
		if c.Output == "json" {
			e := json.NewEncoder(s.out)
			e.SetIndent("", "  ")
			return e.Encode(map[string][]outbox.Work{"work": list})
		}
		return writeWork(s.out, list)
	})
}

// writeWork writes a table.
func writeWork(w io.Writer, list []outbox.Work) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "There is no such work.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tKIND\tSTATE\tATTEMPTS\tROLLOUT\tTARGET\tDUE\tERROR")
	for _, work := range list {
		due := work.NotBefore
		if work.State != outbox.Queued {
			due = work.Ended
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", work.ID, work.Kind, work.State, work.Attempts,
			work.Rollout, report.Plain(work.Target), due.UTC().Format(time.RFC3339), report.Plain(work.Error))
	}
	return t.Flush()
}

// workRetryCmd queues work again.
type workRetryCmd struct {
	workIn
	chosen
}

// Help implements kong.HelpProvider.
func (workRetryCmd) Help() string {
	return `Examples:

    serin work retry 5d0c41b9a2f7e683
    serin work retry --all-dead --journal file:/run/secrets/journal-url

Mend first what it failed of: serin work list shows the error. The server that runs on the journal then
tries it within seconds.`
}

// Run implements the command.
func (c workRetryCmd) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, s, func(q *outbox.Queue) error { return c.each(ctx, s, q, q.Retry) })
}

// workDropCmd cancels work.
type workDropCmd struct {
	workIn
	chosen
}

// Help implements kong.HelpProvider.
func (workDropCmd) Help() string {
	return `Examples:

    serin work drop 5d0c41b9a2f7e683
    serin work drop --all-dead

What is dropped is not told to anybody any more. serin work retry takes it back.`
}

// Run implements the command.
func (c workDropCmd) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, s, func(q *outbox.Queue) error { return c.each(ctx, s, q, q.Drop) })
}

// chosen names work: by ID, or all that is dead.
type chosen struct {
	ID      []string `arg:"" optional:"" help:"IDs, as serin work list shows them."`
	AllDead bool     `help:"All dead work."`
}

// each does something to everything that is chosen. It goes on after an error.
func (c chosen) each(ctx context.Context, s *streams, q *outbox.Queue, do func(context.Context, string) (outbox.Work, error)) error {
	if c.AllDead == (len(c.ID) > 0) {
		return errors.New("name work by its ID, or choose --all-dead; serin work list shows what there is")
	}
	ids := c.ID
	if c.AllDead {
		dead, err := q.List(ctx, outbox.Filter{State: outbox.Dead, Limit: 1_000_000})
		if err != nil {
			return err
		}
		for _, w := range dead {
			ids = append(ids, w.ID)
		}
	}
	var failed error
	for _, id := range ids {
		w, err := do(ctx, id)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		fmt.Fprintf(s.out, "%s is %s: %s\n", w.ID, w.State, w.Key)
	}
	return failed
}
