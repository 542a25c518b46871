package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
)

// mostListed is how many rollouts a server lists at once.
const mostListed = 1000

// listCmd lists rollouts.
type listCmd struct {
	output
	recorded
	Service   string `placeholder:"NAME" help:"Of this service only."`
	Namespace string `placeholder:"NAME" help:"In this namespace only."`
	Outcome   string `enum:",continue,promote,rollback,inconclusive" default:"" placeholder:"OUTCOME" help:"Whose newest verdict is continue, promote, rollback or inconclusive."`
	Live      bool   `help:"Live ones only."`
	Since     string `placeholder:"WHEN" help:"That began since then: how long ago (24h) or a time (RFC 3339)."`
	Before    string `placeholder:"WHERE" help:"That began before a time (RFC 3339), or where the last page ended, as it says."`
	Limit     int    `default:"20" help:"How many at most, up to 1000."`
}

// Help implements kong.HelpProvider.
func (listCmd) Help() string {
	return `Examples:

    serin list
    serin list --live --server https://serin.example.org --token-file token
    serin list --service checkout --outcome rollback --since 720h
    serin list -o json | jq -r '.rollouts[].rollout.id'

The newest come first. Where there are more, the last line, on standard error, says how to go on. A
narrow terminal goes without some columns; -o json has everything, newest verdicts included. STALE says
that a live rollout's verdict is old: nobody has judged for three blocks, or there is no newer evidence.`
}

// Validate implements kong's check of what was parsed.
func (c listCmd) Validate(*kong.Context) error {
	if c.Limit < 1 || c.Limit > mostListed {
		return fmt.Errorf("--limit %d is not within 1 and %d", c.Limit, mostListed)
	}
	return nil
}

// Run implements the command.
func (c listCmd) Run(ctx context.Context, s *streams) error {
	f, since, err := c.filter(time.Now())
	if err != nil {
		return err
	}
	return c.with(ctx, s, func(r record) error {
		list, err := r.list(ctx, f)
		if err != nil {
			return err
		}
		list, next := cutPage(list, since, c.Limit)
		return c.print(s, list, next)
	})
}

// filter reads the flags. One more is asked for than is shown, to know whether there are
// more.
func (c listCmd) filter(now time.Time) (f journal.Filter, since time.Time, err error) {
	f = journal.Filter{
		Service: c.Service, Namespace: c.Namespace, Outcome: c.Outcome, Live: c.Live, Limit: min(c.Limit+1, mostListed),
	}
	if c.Since != "" {
		if since, err = parseSince(c.Since, now); err != nil {
			return f, since, err
		}
	}
	if c.Before != "" {
		if f.Before, f.ID, err = parseBefore(c.Before); err != nil {
			return f, since, err
		}
	}
	return f, since, nil
}

// parseBefore reads where a list goes on: a time, or the start of a rollout, a comma, and
// its ID.
func parseBefore(text string) (when time.Time, id string, err error) {
	if i := len(text) - idLength - 1; i > 0 && text[i] == ',' && isID(text[i+1:]) {
		text, id = text[:i], text[i+1:]
	}
	const last = 2200 // a journal counts nanoseconds, and cannot count to much later ones
	if when, err = time.Parse(time.RFC3339Nano, text); err != nil || when.Year() < 1970 || when.Year() > last {
		return when, "", errors.New("--before is neither a time such as 2026-03-04T05:06:07Z nor what the last page ended with")
	}
	return when, id, nil
}

// cutPage cuts a list, and says where the next page begins; empty: there is none.
func cutPage(list []journal.Summary, since time.Time, limit int) (cut []journal.Summary, next string) {
	for i, sum := range list {
		if sum.Rollout.Started.Before(since) {
			return list[:i], ""
		}
	}
	if len(list) < limit || len(list) == limit && limit < mostListed {
		return list, ""
	}
	last := list[limit-1].Rollout
	return list[:limit], last.Started.UTC().Format(time.RFC3339Nano) + "," + last.ID
}

func (c listCmd) print(s *streams, list []journal.Summary, next string) error {
	if c.Output == "json" {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			Rollouts []journal.Summary `json:"rollouts"`
			Next     string            `json:"next,omitempty"`
		}{append([]journal.Summary{}, list...), next})
	}
	past := make([]report.Past, len(list))
	for i, sum := range list {
		past[i] = pastOf(sum)
	}
	var err error
	if c.Output == "markdown" {
		err = report.ListMarkdown(s.out, past, time.Now())
	} else {
		o := reportOptions(s.out)
		o.Now = time.Now()
		err = report.List(s.out, past, o)
	}
	if err == nil && next != "" {
		_, err = fmt.Fprintf(s.err, "There are older ones: the same with --before %s\n", next)
	}
	return err
}

// pastOf is a rollout in the words of reports.
func pastOf(sum journal.Summary) report.Past {
	return report.Past{Rollout: sum.Rollout, Closed: sum.Closed, Why: sum.Why, Looks: sum.Looks, Last: sum.Last}
}
