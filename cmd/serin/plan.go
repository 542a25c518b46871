package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
)

// planCmd groups what is done with plans.
type planCmd struct {
	Check  planCheckCmd  `cmd:"" help:"Check plan files: every fault at once, and how each query was read."`
	Init   planInitCmd   `cmd:"" help:"Propose a plan from what a Prometheus has of a service."`
	Power  planPowerCmd  `cmd:"" help:"Say how small a regression a plan finds, and how soon."`
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
	Prometheus string   `placeholder:"URL" xor:"store" help:"Also ask this Prometheus whether each query returns data for both arms, and how noisy the baseline is."`
	Config     string   `placeholder:"FILE" xor:"store" help:"The same of the plan's source, of whatever kind, as the server's configuration has it."`

	service `group:"What rollouts find, to say how small a regression is found:"`
}

// Help implements kong.HelpProvider.
func (planCheckCmd) Help() string {
	return `Examples:

    serin plan check plans/*.yaml
    serin plan check plans/checkout.yaml --prometheus http://localhost:9090
    serin plan check plans/checkout.yaml --config serin.yaml
    serin plan check plans/checkout.yaml --rps 100 --pods 17+3

With --prometheus, --config, or with --rps and --pods, it also says in a line for each metric how small a regression
is found; "serin plan power" says more.

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
		missing, err := c.ask(ctx, s.out, p)
		if err != nil {
			return err
		}
		faults = append(faults, missing...)
	}
	if len(faults) == 0 {
		return nil
	}
	fmt.Fprintln(s.err, screen.Inert(strings.Join(faults, "\n")))
	return exitCode(exitFailure)
}

// ask looks at a plan's source, where there is one, and says how small a regression is
// found. It returns what is wrong.
func (c planCheckCmd) ask(ctx context.Context, w io.Writer, p plan.Plan) ([]string, error) {
	var src queries.Source
	var missing []string
	var err error
	switch {
	case c.Prometheus != "":
		if src, err = openStore(p, c.Prometheus); err != nil {
			return nil, err
		}
		if missing, err = c.probe(ctx, w, p, src); err != nil || armless(p.Arms.Baseline) {
			return missing, err
		}
	case c.Config != "":
		if src, err = configured(p, c.Config); err != nil {
			return nil, err
		}
		if err := writeTags(ctx, w, p, src); err != nil {
			return nil, err
		}
		if missing, err = probe(ctx, w, p, src); err != nil || armless(p.Arms.Baseline) {
			return missing, err
		}
	case !c.given():
		fmt.Fprintln(w, "\nHow small a regression it finds depends on traffic, pods and noise: add --prometheus URL, --config FILE, or --rps and --pods.")
		return nil, nil
	}
	if rollout.Comparison(p.Comparison) == rollout.ChecksOnly {
		return missing, nil
	}
	config, words, err := c.known(ctx, p, src)
	if errors.Is(err, errNothingMeasured) {
		fmt.Fprintf(w, "\nHow small a regression is found cannot be said: %s.\n", errNothingMeasured)
		return missing, nil
	}
	if err != nil {
		return missing, err
	}
	if config.Measured {
		if err := writeNoise(w, p, config.Priors); err != nil {
			return missing, err
		}
		missing = append(missing, hollow(p, config.Priors)...)
	}
	if err := writePower(ctx, w, config); err != nil {
		return missing, err
	}
	for _, text := range words {
		fmt.Fprintln(w, "  "+text)
	}
	return missing, nil
}

// probe asks for the arms' series and for their newest blocks.
func (c planCheckCmd) probe(ctx context.Context, w io.Writer, p plan.Plan, src queries.Source) ([]string, error) {
	catalogue, err := prometheus.New(prometheus.Config{Name: p.Source, URL: c.Prometheus})
	if err != nil {
		return nil, err
	}
	defer catalogue.Close()
	wrong, err := look(ctx, w, p, catalogue)
	if err != nil {
		return nil, err
	}
	missing, err := probe(ctx, w, p, src)
	return append(wrong, missing...), err
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
	if promise := judge.Promise(p, rollout.Comparison(p.Comparison)); promise != "" {
		fmt.Fprintf(w, "\nWhat it promises: %s.\n", promise)
	}
	if len(p.Metrics) > 0 {
		if usual := plan.UsualLag(p.Metrics[0].Query.Lang); p.Lag < usual && usual > plan.UsualLag(queries.PromQL) {
			fmt.Fprintf(w, "\nlag: %s is shorter than this store's data is late, mostly: what arrives after a block was frozen is never counted, and failures may arrive after their requests; write at least lag: %s.\n", short(p.Lag), short(usual))
		}
	}
	for _, m := range p.Metrics {
		if m.Reading.Kind == queries.Gauge && m.Reading.Why != "" {
			fmt.Fprintf(w, "\n%s is compared as a plain value, not as counts: %s.\n", m.Name, strings.TrimSuffix(m.Reading.Why, "."))
		}
		// A plan's author is trusted, so this is a warning; a caller would be refused.
		if q := m.Reading.Query; q.Lang == queries.PromQL {
			if err := queries.Bound(q.Expr, queries.Allowance{}); err != nil {
				fmt.Fprintf(w, "\n%s may cost its source much: %s.\n", m.Name, err)
			}
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
