package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/pipeline"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
)

// showCmd shows what is recorded of a rollout.
type showCmd struct {
	output
	recorded
	ID    string `arg:"" help:"The rollout's ID, as serin list shows it."`
	Look  int    `placeholder:"N" help:"The verdict of the N-th look, instead of the newest."`
	Trace bool   `help:"With -o json: add how the evidence came to be, block by block, as trace. Other forms always draw it."`
}

// Help implements kong.HelpProvider.
func (showCmd) Help() string {
	return `Examples:

    serin show qk3v5zgq7xmh2b4t
    serin show qk3v5zgq7xmh2b4t --look 7
    serin show qk3v5zgq7xmh2b4t --server https://serin.example.org --token-file token
    serin show qk3v5zgq7xmh2b4t -o markdown >> "$GITHUB_STEP_SUMMARY"

It is the report of serin judge: the verdict and its sentence, a table of findings, why, and how the
evidence went, with what of the rollout's dashboard and alert rules could not be published. With -o
json it is what a server answers at /v1/rollouts/ID, with --look as look beside the last verdict.

Nothing is judged here, and the exit code does not depend on the verdict: 0 where there was something
to show. For an exit code by the verdict there is serin watch.

The command was called serin report before; that name works too.`
}

// Validate implements kong's check of what was parsed.
func (c showCmd) Validate(*kong.Context) error {
	if c.Look < 0 {
		return errors.New("--look is counted from 1; leave it out for the newest")
	}
	return nil
}

// Run implements the command.
func (c showCmd) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, s, func(r record) error {
		of, err := r.one(ctx, c.ID)
		if unrecorded(err) {
			return fmt.Errorf("no rollout %s is recorded here; serin list shows what there is", report.Plain(c.ID))
		}
		if err != nil {
			return err
		}
		v, t, err := r.look(ctx, of.Summary, c.Look)
		if err != nil {
			return err
		}
		if c.Output == "json" {
			return c.writeJSON(s.out, of, v, t)
		}
		return c.writeStanding(s.out, of, v, t)
	})
}

// writeJSON writes what a server answers, and what else was asked for.
func (c showCmd) writeJSON(w io.Writer, of pipeline.Standing, v *verdict, t judge.Trace) error {
	of.Unpublished = append([]report.Unpublished{}, of.Unpublished...)
	doc := struct {
		pipeline.Standing
		Look  *verdict     `json:"look,omitempty"`
		Trace *judge.Trace `json:"trace,omitempty"`
	}{Standing: of}
	if c.Look > 0 {
		doc.Look = v
	}
	if c.Trace && v != nil {
		doc.Trace = &t
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(doc)
}

// writeStanding writes a rollout for people: whether the newest verdict is old, a verdict,
// how it came to be, what is not published, and whether the rollout is over.
func (o output) writeStanding(w io.Writer, of pipeline.Standing, v *verdict, t judge.Trace) error {
	if why := pastOf(of.Summary).Stale(time.Now()); why != "" && v != nil && v.Seq == of.Last.Seq {
		form := "STALE: %s.\nWhat follows is how it stood at %s.\n\n" // narrow terminals have room for it
		if o.Output == "markdown" {
			form = "> **STALE**, %s: what follows is how it stood at %s.\n\n"
		}
		fmt.Fprintf(w, form, why, v.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if v == nil {
		fmt.Fprintf(w, "Rollout %s of %s: nobody has looked yet.\n", report.Plain(of.Rollout.ID), report.Plain(of.Rollout.Service))
	} else if err := o.writeTraced(w, *v, t, !of.Closed.IsZero()); err != nil {
		return err
	}
	unpublished := func() error { return report.UnpublishedText(w, of.Unpublished, reportOptions(w)) }
	if o.Output == "markdown" {
		unpublished = func() error { return report.UnpublishedMarkdown(w, of.Unpublished) }
	}
	if err := unpublished(); err != nil {
		return err
	}
	if of.Closed.IsZero() {
		return nil
	}
	text := fmt.Sprintf("The rollout is over since %s", of.Closed.UTC().Format("2006-01-02 15:04:05 UTC"))
	if why := report.Plain(of.Why); why != "" {
		text += ": " + why
	}
	_, err := fmt.Fprintf(w, "\n%s.\n", text)
	return err
}
