package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
)

// planCmd groups what is done with plans.
type planCmd struct {
	Check  planCheckCmd  `cmd:"" help:"Check plan files: every fault at once, and how each query was read."`
	Schema planSchemaCmd `cmd:"" help:"Print the JSON Schema of plan files."`
}

// planSchemaCmd prints the schema.
type planSchemaCmd struct{}

// Help implements kong.HelpProvider.
func (planSchemaCmd) Help() string {
	return `Examples:

    serin plan schema > plan.schema.json

Editors that speak the YAML language server protocol complete and check a plan whose first line is:

    # yaml-language-server: $schema=plan.schema.json`
}

// Run implements the command.
func (planSchemaCmd) Run(s *streams) error {
	b, err := plan.Schema()
	if err != nil {
		return err
	}
	_, err = s.out.Write(b)
	return err
}

// planCheckCmd checks plan files.
type planCheckCmd struct {
	Files      []string `arg:"" name:"file" help:"Plan files."`
	Prometheus string   `placeholder:"URL" help:"Also ask this Prometheus whether each query returns data for both arms."`
}

// Help implements kong.HelpProvider.
func (planCheckCmd) Help() string {
	return `Examples:

    serin plan check plans/*.yaml
    serin plan check plans/checkout.yaml --prometheus http://localhost:9090

The exit code is 0 where every plan can be used, and 1 otherwise. Faults are written as
file:line:column, the field, and what to write instead.`
}

// Run implements the command.
func (c planCheckCmd) Run(ctx context.Context, s *streams) error {
	var plans []plan.Plan
	var faults []string
	for _, f := range c.Files {
		p, err := loadPlan(f)
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		plans = append(plans, p)
	}
	for i, p := range plans {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if err := writePlan(s.out, p); err != nil {
			return err
		}
		if c.Prometheus == "" {
			continue
		}
		src, err := app.OpenSources([]app.Source{{
			Name: p.Source, Prometheus: &prometheus.Config{URL: c.Prometheus},
		}}, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		missing, err := probe(ctx, s.out, p, src.Store(p.Source))
		if err != nil {
			return err
		}
		faults = append(faults, missing...)
	}
	if len(faults) == 0 {
		return nil
	}
	fmt.Fprintln(s.err, strings.Join(faults, "\n"))
	return exitCode(exitFailure)
}

// loadPlan reads a plan and says in words what is wrong with the file itself.
func loadPlan(file string) (plan.Plan, error) {
	if err := fileExists(file); err != nil {
		return plan.Plan{}, err
	}
	return plan.Load(file)
}

// writePlan writes what a plan was read as.
func writePlan(w io.Writer, p plan.Plan) error {
	fmt.Fprintf(w, "plan %s: service %s, source %s, blocks of %s, %s to %s\n\n",
		p.Name, p.Service, p.Source, short(p.Block), short(p.MinDuration), short(p.MaxDuration))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "METRIC\tKIND\tREAD AS\tWORSE\tTOLERANCE\tMARGIN\tWEIGHT\tTO PROMOTE")
	for _, m := range p.Metrics {
		needed := "shown"
		if m.Required {
			needed = "required"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, m.Kind, m.Reading.Kind, m.Worse,
			margin(m, m.Tolerance), margin(m, m.Margin), strconv.FormatFloat(m.Weight, 'g', 3, 64), needed)
	}
	for _, l := range p.Limits {
		fmt.Fprintf(tw, "%s\tlimit\t%s\t%s\t\t\t\t\n", l.Name, limitOf(l), bound(l))
	}
	for _, c := range p.Checks {
		fmt.Fprintf(tw, "%s\tcheck\t%s\t\t\t\t\t%s\n", c.Name, c.Kind(), map[bool]string{true: "required", false: "shown"}[c.Required])
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, m := range p.Metrics {
		if m.Reading.Kind == queries.Gauge && m.Reading.Why != "" {
			fmt.Fprintf(w, "\n%s is compared as a plain value, not as counts: %s.\n", m.Name, strings.TrimSuffix(m.Reading.Why, "."))
		}
	}
	return nil
}

// short writes a duration without the zeros at its end: 1h, 10m, 90s as 1m30s.
func short(d plan.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// margin writes a margin in the unit of its metric.
func margin(m plan.Metric, v plan.Margin) string {
	switch {
	case v.IsZero():
		return "–"
	case m.Reading.Kind == queries.Ratio || v.Absolute == 0:
		return v.String()
	}
	return strings.TrimSpace(fmt.Sprintf("%s + %g %s", plan.Margin{Relative: v.Relative}, v.Absolute, m.Unit))
}

// limitOf says what a limit bounds.
func limitOf(l plan.Limit) string {
	if l.Metric != "" {
		return l.Metric
	}
	return string(l.Reading.Kind)
}

func bound(l plan.Limit) string {
	switch {
	case l.Above != nil:
		return fmt.Sprintf("above %g", *l.Above)
	case l.Below != nil:
		return fmt.Sprintf("below %g", *l.Below)
	}
	return ""
}

// errNoArms explains why a source cannot be asked.
var errNoArms = errors.New("the plan names no arms, so its queries cannot be narrowed to one; add arms.baseline.labels and arms.canary.labels")
