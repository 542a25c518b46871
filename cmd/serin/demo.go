package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/demo"
	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge"
)

// demoCmd shows rollouts.
type demoCmd struct {
	output
	Scenario string `placeholder:"NAME" help:"What is wrong with the canary: healthy, errors, slow, tail, leak or silent. Without it a healthy and a failing one run side by side."`
	Seed     uint64 `default:"1" help:"Feeds every pseudo-random choice."`
	Listen   string `placeholder:"ADDR" help:"Where the demo's server listens, to look at it meanwhile (default: a free port of this machine)."`
	Files    string `placeholder:"DIR" help:"Where the rollouts' dashboards and alert rules are written (default: a new temporary folder)."`
	Stay     bool   `help:"Keep the server after the verdicts, to look at the rollouts' pages, until it is interrupted."`
	ShowPlan bool   `help:"Print the plan that is judged, and nothing else."`
	History  string `placeholder:"FILE" help:"Write twelve hours of the healthy service's past, for serin calibrate, and nothing else."`
	LogLevel string `default:"error" placeholder:"LEVEL" help:"debug, info, warn or error."`
}

// Help implements kong.HelpProvider.
func (demoCmd) Help() string {
	var b strings.Builder
	b.WriteString(`Examples:

    serin demo
    serin demo --stay
    serin demo --scenario tail
    serin demo --show-plan

In one process it starts a small web service in two arms, users who call it, a real Serin server that
scrapes both arms, and a driver that asks Serin what Flagger would ask. It takes two minutes. The server
publishes each rollout's dashboard and alert rules into files, as it would to your Grafana and Prometheus.

Scenarios:

`)
	for _, s := range demo.Scenarios() {
		fmt.Fprintf(&b, "    %-8s %s\n", s, s.Story())
	}
	b.WriteString(`
With --scenario the exit code is the verdict's: 0 promote, 3 rollback, 4 neither. Without, it is 0 where
the healthy canary was promoted and the failing one rolled back, and 1 otherwise.`)
	return b.String()
}

// Validate implements kong's check of what was parsed.
func (c demoCmd) Validate(*kong.Context) error {
	if c.Scenario == "" {
		return nil
	}
	_, err := demo.ParseScenario(c.Scenario)
	return err
}

// Run implements the command.
func (c demoCmd) Run(ctx context.Context, s *streams) error {
	if c.ShowPlan {
		text, err := demo.PlanYAML()
		if err != nil {
			return err
		}
		_, err = io.WriteString(s.out, text)
		return err
	}
	if c.History != "" {
		return demo.RecordHistory(c.History, c.Seed)
	}
	level, err := parseLevel(c.LogLevel)
	if err != nil {
		return err
	}
	files, discard, err := c.files()
	if err != nil {
		return err
	}
	live := screen.NewLive(s.err, 5*time.Second)
	live.Say("Starting a service in two arms, its users, and Serin; a verdict takes about two minutes.")
	live.Say(fmt.Sprintf("Dashboards appear in %s, alert rules in %s while the rollouts live.",
		filepath.Join(files, demo.BoardFolder), filepath.Join(files, demo.RuleFolder)))
	o := demo.Options{
		Scenario: demo.Scenario(c.Scenario), Seed: c.Seed, Listen: c.Listen, Files: files,
		Version: version(), Log: newLog(s.err, level, "text"),
		Progress: progress(live), Tell: events(live),
	}
	var written error
	if c.Stay {
		o.Stay = func(r demo.Result, url string) {
			live.Close()
			written = c.writeResult(s.out, r)
			fmt.Fprintf(s.err, "\nThe rollouts' pages are at %s/ until you press Ctrl-C.\n", url)
			<-ctx.Done()
		}
	}
	res, err := demo.Run(ctx, o)
	live.Close()
	if err != nil {
		return errors.Join(err, discard())
	}
	if !c.Stay {
		written = c.writeResult(s.out, res)
	}
	if written != nil {
		return written
	}
	return c.code(res)
}

// files returns the folder for dashboards and rules, and what removes it where nobody
// asked for it.
func (c demoCmd) files() (dir string, discard func() error, err error) {
	if c.Files != "" {
		dir, err = filepath.Abs(c.Files)
		return dir, func() error { return nil }, err
	}
	if dir, err = os.MkdirTemp("", "serin-demo-files-"); err != nil {
		return "", nil, fmt.Errorf("the demo needs a temporary folder: %w; name one with --files", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// progress shows how far the demo is; first it says where to look meanwhile.
func progress(live *screen.Live) func(demo.Update) {
	told := false
	return func(u demo.Update) {
		if !told {
			told = true
			live.Say(fmt.Sprintf("Serin answers at %s; its pages are at %s/ meanwhile.", u.URL, u.URL))
		}
		live.Update(u.Fraction(), u.Line())
	}
}

// events shows what Flagger would record, except what it records at every tick.
func events(live *screen.Live) func(string, demo.Event) {
	return func(_ string, e demo.Event) {
		if !e.Routine {
			live.Say("  flagger: " + e.Message)
		}
	}
}

func (c demoCmd) writeResult(w io.Writer, r demo.Result) error {
	switch c.Output {
	case "json":
		return r.JSON(w)
	case "markdown":
		return r.Markdown(w)
	}
	return r.Text(w, reportOptions(w))
}

// code returns the verdict's exit code for one scenario, and whether everything
// went as told for the two stories.
func (c demoCmd) code(r demo.Result) error {
	if c.Scenario != "" && len(r.Stories) == 1 {
		return codeOf(verdictOf(r.Stories[0]))
	}
	if !r.AsTold() {
		return fmt.Errorf("the rollouts did not end as they should: the healthy canary promoted, the failing one rolled back; " +
			"a machine that is very busy can cause that, so try again, or --scenario healthy alone")
	}
	return nil
}

func verdictOf(s demo.Story) judge.Outcome {
	if s.Verdict == nil {
		return judge.Continue
	}
	return s.Verdict.Outcome
}
