package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/cmd/serin/smoke"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/plan"
)

// checkCmd groups what is done with the checks of plans.
type checkCmd struct {
	Run checkRunCmd `cmd:"" help:"Run a plan's checks now, against any URL."`
}

// checkRunCmd runs the checks of a plan outside of a rollout.
type checkRunCmd struct {
	File     string   `short:"f" required:"" placeholder:"FILE" help:"The plan whose checks are run."`
	Target   string   `short:"t" placeholder:"URL" help:"Where the canary is: what the plan calls .Canary.URL. Default: arms.canary.url of the plan."`
	Baseline string   `short:"b" placeholder:"URL" help:"Where the baseline is, for checks that compare. Default: arms.baseline.url of the plan."`
	Only     []string `placeholder:"NAME" help:"Run these checks alone; repeat it, or write names with commas."`
	When     string   `enum:"all,before-traffic,each-look,at-end" default:"all" help:"Run the checks of this moment of a rollout alone: ${enum}."`

	Output  string `short:"o" enum:"table,json,junit" default:"table" help:"How to write the result: ${enum}."`
	Reasons bool   `short:"v" help:"Say in the table also why checks passed, and what they measured."`
	JUnit   string `name:"junit" placeholder:"FILE" help:"Write the result as JUnit XML to this file, too."`

	Parallel int           `default:"4" placeholder:"N" help:"How many checks run at the same time, 1 to 32. A load runs alone."`
	Timeout  time.Duration `default:"10m" help:"How long the whole run may take."`

	Config     string   `short:"c" placeholder:"FILE" help:"A server's configuration: where checks may go (outgoing.checks), secrets, sources of metrics, Datadog."`
	Prometheus string   `placeholder:"URL" help:"The Prometheus that checks of kind prometheus ask, whatever the plan calls it."`
	Allow      []string `placeholder:"NETWORK" help:"Let checks go to this network (10.0.0.0/8) and nowhere else; repeat it for several. Default: everywhere but where clouds keep credentials."`

	AllowExec bool `help:"Run checks of kind exec: commands of the plan, on this machine."`

	Secret []string `sep:"none" placeholder:"NAME=PLACE" help:"A secret that the plan asks for: NAME=env:VARIABLE or NAME=file:PATH; repeat it for several. Default: those of --config."`

	Namespace string `placeholder:"NAME" help:"What the plan calls .Namespace. Default: the plan's."`
	Revision  string `placeholder:"NAME" help:"What the plan calls .Revision."`
}

// Help implements kong.HelpProvider.
func (checkRunCmd) Help() string {
	return `Examples:

    serin check run -f smoke.yaml --target http://green.shop:8080
    serin check run -f plans/checkout.yaml --target http://green --baseline http://blue
    serin check run -f plans/checkout.yaml --target "$URL" --when before-traffic --only health
    serin check run -f smoke.yaml --target "$URL" --junit checks.xml && ./switch.sh

A plan for this needs a service and checks, and nothing else:

    service: shop
    checks:
      - name: health
        http: { get: "{{ .Canary.URL }}/health", json: { status: ok }, within: 2s }

The exit code is 0 where every check passed, 1 where one failed, 4 where none failed and one could
not be run or fails on the baseline as well, 5 where the run was interrupted, and 2 for wrong usage
and plans that cannot be used. What is not required (required: false) is shown and does not count.
A deployment script goes on after 0 only.

The result goes to standard output, progress to standard error. Checks reach every address but
those where clouds keep credentials; --allow, or outgoing.checks of --config, makes that less.
docs/check-run.md says more.`
}

// Validate implements kong's check of what was parsed.
func (c checkRunCmd) Validate(*kong.Context) error {
	switch {
	case c.Parallel < 1 || c.Parallel > 32:
		return fmt.Errorf("--parallel %d is not within 1 and 32", c.Parallel)
	case c.Timeout <= 0:
		return errors.New("--timeout must be above 0; write for example 2m")
	case c.Config != "" && len(c.Allow) > 0:
		return errors.New("--allow and --config both say where checks may go; keep one of them")
	case c.Config != "" && c.Prometheus != "":
		return errors.New("--prometheus and --config both say which sources there are; keep one of them")
	}
	return errors.Join(baseURL("target", c.Target), baseURL("baseline", c.Baseline))
}

// baseURL checks the URL of an arm, and quotes nothing of it: there may be a password.
func baseURL(flag, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("--%s is no URL; write for example http://green.shop:8080", flag)
	case u.User != nil:
		return fmt.Errorf("--%s has a user or password in it, which would be shown in the result; leave them out", flag)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("--%s has a query or a fragment, and the plan's paths are written behind it; leave them out", flag)
	}
	return nil
}

// misused is an error of whoever wrote the command line or its files, told from a check
// that failed by the exit code.
type misused struct{ error }

// Unwrap returns the error itself.
func (m misused) Unwrap() error { return m.error }

// Run implements the command.
func (c checkRunCmd) Run(ctx context.Context, s *streams) error {
	suite, err := c.suite()
	if err != nil {
		return misused{err}
	}
	live := screen.NewLive(s.err, 10*time.Second)
	defer live.Close()
	suite.Progress = func(ended int, begins checks.Spec) {
		live.Update(float64(ended)/float64(len(suite.Checks)), fmt.Sprintf("%d of %d checks done, now %s (%s)", ended, len(suite.Checks), begins.Name, begins.Kind()))
	}
	report := suite.Run(ctx)
	live.Close()
	if err := c.write(s, report); err != nil {
		return misused{err}
	}
	return exitCode(report.Exit())
}

// suite reads the plan and says what is run, and where.
func (c checkRunCmd) suite() (smoke.Suite, error) {
	p, err := loadPlan(c.File)
	if err != nil {
		return smoke.Suite{}, err
	}
	out := smoke.Suite{
		Levels: smoke.Levels{Alpha: p.Alpha, Beta: p.Beta, Exact: p.Sequential.Dispersion == plan.Exact},
		Name:   p.Name, Service: p.Service, Target: c.target(p), Limit: c.Timeout, Parallel: c.Parallel,
	}
	if out.Checks, err = smoke.Select(p.Checks, c.When, c.Only); err != nil {
		return out, fmt.Errorf("%s: %w", c.File, err)
	}
	if err := urlsNeeded(out); err != nil {
		return out, err
	}
	out.Runner, err = c.runner(p.Source)
	return out, err
}

func (c checkRunCmd) target(p plan.Plan) checks.Target {
	arm := func(a plan.Arm, url string) checks.Arm {
		if url == "" {
			url = a.URL
		}
		return checks.Arm{URL: strings.TrimRight(url, "/"), Workload: a.Workload, Namespace: a.Namespace, Version: a.Version, Labels: a.Labels}
	}
	t := checks.Target{
		Service: p.Service, Namespace: c.Namespace, Revision: c.Revision,
		Canary: arm(p.Arms.Canary, c.Target), Baseline: arm(p.Arms.Baseline, c.Baseline),
	}
	if t.Namespace == "" {
		t.Namespace = p.Namespace
	}
	return t
}

// urlsNeeded refuses a run in which a check would ask an empty URL.
func urlsNeeded(s smoke.Suite) error {
	for _, c := range s.Checks {
		text, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("the check %s cannot be read: %w", c.Name, err)
		}
		arm := strings.Contains(string(text), ".Arm.URL")
		both := c.Arms == checks.OnBoth || c.Load != nil
		if s.Target.Canary.URL == "" && (arm || strings.Contains(string(text), ".Canary.URL")) {
			return fmt.Errorf("the check %s asks the canary, and nothing says where it is; add --target URL", c.Name)
		}
		if s.Target.Baseline.URL == "" && (arm && both || strings.Contains(string(text), ".Baseline.URL")) {
			return fmt.Errorf("the check %s asks the baseline, and nothing says where it is; add --baseline URL, or leave the check out with --only", c.Name)
		}
	}
	return nil
}

// write writes the report as it was asked for.
func (c checkRunCmd) write(s *streams, r smoke.Report) error {
	host, _ := os.Hostname() // JUnit does without
	if c.JUnit != "" {
		if err := writeTo(c.JUnit, func(w io.Writer) error { return r.JUnit(w, host) }); err != nil {
			return err
		}
	}
	switch c.Output {
	case "json":
		return r.JSON(s.out)
	case "junit":
		return r.JUnit(s.out, host)
	}
	return r.Table(s.out, smoke.Look{Colour: screen.Colour(s.out), Width: min(screen.Width(s.out), 120), Reasons: c.Reasons})
}

// writeTo writes a file.
func writeTo(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("the result cannot be written: %w", err)
	}
	return errors.Join(write(f), f.Close())
}
