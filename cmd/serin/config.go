package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/serin-canary/serin/cmd/serin/app"
)

// configCmd groups what is done with configurations.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check a server's configuration and its plans, without touching anything."`
}

// configCheckCmd checks what serve would start with.
type configCheckCmd struct{ settings }

// Help implements kong.HelpProvider.
func (configCheckCmd) Help() string {
	return `Examples:

    serin config check --config serin.yaml
    serin config check --plans ./plans --prometheus http://localhost:9090

It takes the flags and the environment variables of serin serve, and reads the same files. Every
fault of the configuration is reported at once, with file:line:column, and so are those of the plans.
Nothing is asked over the network: for that there is serin doctor.`
}

// Run implements the command.
func (c configCheckCmd) Run(s *streams) error {
	cfg, err := c.read()
	if err != nil {
		return err
	}
	plans, err := app.CheckConfig(cfg)
	if err != nil {
		return err
	}
	var sources []string
	for _, src := range cfg.Sources {
		sources = append(sources, src.Name)
	}
	_, err = fmt.Fprintf(s.out, "The configuration can be used: it listens on %s, keeps its journal in %s,\nasks %s, and judges by %s.\n",
		cfg.Listen, app.JournalName(cfg.Journal), strings.Join(sources, ", "), strings.Join(plans, ", "))
	return err
}

// doctorCmd examines a server's surroundings.
type doctorCmd struct {
	settings
	Output string `short:"o" enum:"text,json" default:"text" help:"How to write the result: text or json."`
}

// Help implements kong.HelpProvider.
func (doctorCmd) Help() string {
	return `Examples:

    serin doctor --config serin.yaml
    serin doctor --prometheus http://localhost:9090 -o json

It takes the flags and the environment variables of serin serve and tries what a server would need:
the plans, every source and its clock, the journal, token files and their permissions, the address
to listen on, the address of the links, the collector of traces. It says what to do about what it
found. The exit code is 1 where there is a fault; a warning alone leaves it 0.`
}

// Run implements the command.
func (c doctorCmd) Run(ctx context.Context, s *streams) error {
	cfg, err := c.read()
	if err != nil {
		return err
	}
	found := app.Examine(ctx, cfg)
	if err := writeDiagnoses(s, c.Output, found); err != nil {
		return err
	}
	for _, d := range found {
		if d.Health == app.Ill {
			return exitCode(exitFailure)
		}
	}
	return nil
}

func writeDiagnoses(s *streams, format string, found []app.Diagnosis) error {
	if format == "json" {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		return e.Encode(found)
	}
	tw := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, d := range found {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", d.Health, d.Part, d.Text)
		if d.Next != "" && d.Health != app.Well {
			fmt.Fprintf(tw, "\t\t-> %s\n", d.Next)
		}
	}
	return tw.Flush()
}
