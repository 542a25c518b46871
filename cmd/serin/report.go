package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/cmd/serin/publishing"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
)

// reportCmd prints what is recorded of a rollout.
type reportCmd struct {
	journalIn
	output
	ID string `arg:"" help:"The rollout's ID, as serve's log and GET /v1/rollouts have it."`
}

// Help implements kong.HelpProvider.
func (reportCmd) Help() string {
	return `Examples:

    serin report qk3v5zgq7xmh2b4t
    serin report qk3v5zgq7xmh2b4t -o markdown --journal file:/run/secrets/journal-url

It is the last verdict, and what of the rollout's dashboard and alert rules could not be published: why,
since when, and when it is tried again. A server gives the same at /v1/rollouts/ID: as JSON, or as text or
Markdown with Accept: text/plain or text/markdown.`
}

// Run implements the command.
func (c reportCmd) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, s, func(j *journal.Journal) error {
		sum, err := j.Get(ctx, c.ID)
		if errors.Is(err, journal.ErrNotFound) {
			return fmt.Errorf("no rollout %s is recorded here; GET /v1/rollouts of a server lists them", c.ID)
		}
		if err != nil {
			return err
		}
		work, err := app.WorkOf(ctx, j, newLog(s.err, slog.LevelWarn, "text"))
		if err != nil {
			return err
		}
		missing, err := publishing.New(publishing.Config{}).UnpublishedIn(ctx, work, c.ID)
		if err != nil {
			return err
		}
		return c.print(s, sum, missing)
	})
}

// print writes the report.
func (c reportCmd) print(s *streams, sum journal.Summary, missing []report.Unpublished) error {
	if c.Output == "json" {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			journal.Summary
			Unpublished []report.Unpublished `json:"unpublished"`
		}{sum, append([]report.Unpublished{}, missing...)})
	}
	if sum.Last == nil {
		fmt.Fprintf(s.out, "Rollout %s of %s: nobody has looked yet.\n", sum.Rollout.ID, sum.Rollout.Service)
	} else if err := c.write(s.out, *sum.Last); err != nil {
		return err
	}
	if c.Output == "markdown" {
		return report.UnpublishedMarkdown(s.out, missing)
	}
	return report.UnpublishedText(s.out, missing, reportOptions(s.out))
}
