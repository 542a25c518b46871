package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/pipeline"
	"github.com/serin-canary/serin/cmd/serin/screen"
)

// rolloutCmd groups what a pipeline tells a server of its rollout.
type rolloutCmd struct {
	Weight rolloutWeightCmd `cmd:"" help:"Declare the canary's share of traffic."`
	Close  rolloutCloseCmd  `cmd:"" help:"Say that the rollout is over."`
}

// Help implements kong.HelpProvider.
func (rolloutCmd) Help() string {
	return `Examples:

    serin rollout weight 25 --service checkout --revision "$SHA"
    serin rollout close --service checkout --revision "$SHA" --why "promoted"

They mean the live rollout that serin ask announced; see serin ask --help for the server, its token and
what a pipeline's environment says. Declare a weight when traffic has moved. Close the rollout when
there is nothing more to compare: after the promotion, since the baseline is then replaced, and after a
rollback. Closing what is closed already, or was never announced, is no failure.`
}

// rolloutWeightCmd declares a weight.
type rolloutWeightCmd struct {
	onServer
	Percent float64 `arg:"" help:"The canary's percentage of traffic, from 0 to 100."`
}

// Help implements kong.HelpProvider.
func (rolloutWeightCmd) Help() string {
	return `Examples:

    serin rollout weight 25 --service checkout --revision "$SHA"

Declare it when traffic has moved: the judge then knows which share of requests to expect, and leaves out
the block after the change. The same weight again changes nothing.`
}

// Validate implements kong's check of what was parsed.
func (c rolloutWeightCmd) Validate(*kong.Context) error {
	if !(c.Percent >= 0 && c.Percent <= 100) {
		return fmt.Errorf("%v is not within 0 and 100; write the canary's percentage of traffic", c.Percent)
	}
	return nil
}

// Run implements the command.
func (c rolloutWeightCmd) Run(ctx context.Context, s *streams) error {
	id, err := c.with(s, func(a *pipeline.Asker, w pipeline.Which) (string, error) {
		return a.Declare(ctx, w, c.Percent, c.Retry)
	})
	if errors.Is(err, pipeline.ErrNone) {
		return fmt.Errorf("%w; announce it first: serin ask --gate start", err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "Rollout %s: the canary has %v %% of the traffic.\n", id, c.Percent)
	return err
}

// rolloutCloseCmd closes a rollout.
type rolloutCloseCmd struct {
	onServer
	Why string `default:"the pipeline is through with it" help:"A few words for the record."`
}

// Help implements kong.HelpProvider.
func (rolloutCloseCmd) Help() string {
	return `Examples:

    serin rollout close --service checkout --revision "$SHA" --why "promoted"

Close it once the promotion is granted, since nothing may be compared from where the baseline is replaced on,
and after a rollback. Closing what is closed already, or was never announced, is no failure.`
}

// Run implements the command.
func (c rolloutCloseCmd) Run(ctx context.Context, s *streams) error {
	id, err := c.with(s, func(a *pipeline.Asker, w pipeline.Which) (string, error) {
		return a.Close(ctx, w, c.Why, c.Retry)
	})
	if errors.Is(err, pipeline.ErrNone) {
		_, err = fmt.Fprintf(s.out, "There is nothing to close: %s.\n", err)
		return err
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "Rollout %s is closed: %s.\n", id, c.Why)
	return err
}

// with does something with the rollout that is meant. Where it was interrupted, the
// exit code says so.
func (c onServer) with(s *streams, do func(*pipeline.Asker, pipeline.Which) (string, error)) (id string, err error) {
	w, err := c.which(s.err)
	if err != nil {
		return "", err
	}
	live := screen.NewLive(s.err, 10*time.Second)
	defer live.Close()
	a, err := c.asker(live)
	if err != nil {
		return "", err
	}
	id, err = do(a, w)
	if errors.Is(err, pipeline.ErrInterrupted) {
		fmt.Fprintln(s.err, "serin: interrupted; the same command does it again")
		return "", exitCode(exitInterrupted)
	}
	return id, err
}
