package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/scrape"
)

// judgeCmd judges one canary.
type judgeCmd struct {
	output
	Plan       string   `short:"p" required:"" placeholder:"FILE" help:"The plan."`
	Prometheus string   `xor:"source" placeholder:"URL" help:"The Prometheus that the plan's queries are put to."`
	Config     string   `short:"c" xor:"source" placeholder:"FILE" help:"Configuration file whose source of the plan's name is asked (for credentials, see serin serve --help)."`
	Scrape     []string `xor:"source" sep:"none" placeholder:"ARM=URL" help:"A metrics page to scrape, of the arm baseline or canary; repeat it for each pod. Needs --watch: there is no past to read."`

	BaselineLabel []label `sep:"none" placeholder:"NAME=VALUE" help:"Label of the baseline's series; repeat it for several. Wins over the plan's arms."`
	CanaryLabel   []label `sep:"none" placeholder:"NAME=VALUE" help:"Label of the canary's series."`

	Since    string        `placeholder:"WHEN" help:"When the rollout began: how long ago (30m) or a time (RFC 3339). Default 30m, and now with --watch."`
	Revision string        `default:"cli" help:"What is on trial, for the record."`
	Watch    bool          `short:"w" help:"Go on until there is a verdict: promote, rollback, or the plan's deadline."`
	Journal  string        `placeholder:"FILE" help:"Remember the verdicts in this file, and go on where it ends. Default: nowhere."`
	Trace    bool          `help:"Add how the evidence came to be, block by block; with -o json as trace."`
	Timeout  time.Duration `default:"1m" help:"How long one look may take."`
	LogLevel string        `default:"warn" placeholder:"LEVEL" help:"debug, info, warn or error."`
}

// Help implements kong.HelpProvider.
func (judgeCmd) Help() string {
	return `Examples:

    serin judge --plan checkout.yaml --prometheus http://localhost:9090 --since 30m
    serin judge --plan checkout.yaml --prometheus http://localhost:9090 \
        --baseline-label track=stable --canary-label track=canary --watch
    serin judge --plan checkout.yaml --watch \
        --scrape baseline=http://10.0.0.5:8080/metrics --scrape canary=http://10.0.0.9:8080/metrics

The exit code is 0 for promote, 3 for rollback, 4 where nothing is proven (continue or
inconclusive), 5 where it was interrupted before that (with --journal the same command goes on where
it was), and 1 where no verdict could be formed. By a plan in shadow mode every verdict is 0. A
deployment script goes on after 0 only:

    serin judge --plan checkout.yaml --prometheus "$URL" --watch && ./promote.sh

A Serin server that looks already is asked by serin ask.`
}

// Validate implements kong's check of what was parsed.
func (c judgeCmd) Validate(*kong.Context) error {
	if c.Plan == "" {
		return nil // kong says so
	}
	if c.Prometheus == "" && c.Config == "" && len(c.Scrape) == 0 {
		return errors.New("there is no source of metrics; add --prometheus URL, --config FILE or --scrape ARM=URL")
	}
	if len(c.Scrape) > 0 && !c.Watch {
		return errors.New("--scrape needs --watch: a page that is scraped from now on has no past to judge")
	}
	if len(c.Scrape) > 0 && c.Since != "" {
		return errors.New("--scrape begins now; leave out --since")
	}
	return nil
}

// Run implements the command.
func (c judgeCmd) Run(ctx context.Context, s *streams) error {
	level, err := parseLevel(c.LogLevel)
	if err != nil {
		return err
	}
	log := newLog(s.err, level, "text")
	p, err := loadPlan(c.Plan)
	if err != nil {
		return err
	}
	r, err := c.rollout(p, time.Now())
	if err != nil {
		return err
	}
	sources, err := c.sources(p, r, log)
	if err != nil {
		return err
	}
	file := c.Journal
	if file == "" {
		file = ":memory:"
	}
	j, err := journal.Open(ctx, file, journal.Options{Log: log})
	if err != nil {
		return fmt.Errorf("cannot open the journal %s: %w", file, err)
	}
	defer j.Close() // every verdict is committed already

	ctx, quit := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer quit()
	sources.Run(ctx, beside.Go)
	return c.verdict(ctx, s, trial{
		journal: j, rollout: r, plan: p,
		judge:   app.NewJudge(app.JudgeOptions{Journal: j, Sources: sources, Version: version(), Log: log, Datadog: app.DatadogOfEnvironment()}),
		timeout: c.Timeout, now: time.Now, wait: waitUntil,
	})
}

// verdict announces the rollout, looks once or until the end, and writes the verdict.
func (c judgeCmd) verdict(ctx context.Context, s *streams, t trial) error {
	a, err := t.journal.Announce(ctx, t.rollout, t.plan)
	if err != nil {
		return err
	}
	t.rollout = a.Rollout
	look := t.once
	if c.Watch {
		look = func(ctx context.Context) (*verdict, error) { return t.watch(ctx, s.err) }
	}
	v, err := look(ctx)
	interrupted := ctx.Err() != nil && (v == nil || !final(v.Outcome))
	if err != nil && !interrupted {
		return err
	}
	if v == nil {
		fmt.Fprintln(s.err, "serin: interrupted before the first look")
		return exitCode(exitInterrupted)
	}
	if err := c.writeVerdict(context.WithoutCancel(ctx), s.out, t, *v); err != nil {
		return err
	}
	if c.Output != "text" { // a text ends with its summary; whoever keeps the end of a log has it here
		fmt.Fprintln(s.err, report.Line(*v, 500))
	}
	switch {
	case interrupted:
		fmt.Fprintln(s.err, "serin: interrupted before there was a decision; this is the verdict so far")
		return exitCode(exitInterrupted)
	case nothingRead(*v):
		return errors.New("no metric could be read, so this is no verdict; see the findings above")
	}
	code := codeOfVerdict(v.Mode, v.Outcome)
	if code != codeOf(v.Outcome) {
		fmt.Fprintln(s.err, "serin: shadow mode, which never blocks: the exit code is 0")
	}
	return code
}

// writeVerdict writes the verdict, with its trace where that was asked for.
func (c judgeCmd) writeVerdict(ctx context.Context, w io.Writer, t trial, v verdict) error {
	if !c.Trace {
		return c.write(w, v)
	}
	rec, err := t.journal.Load(ctx, t.rollout.ID)
	if err != nil {
		return fmt.Errorf("the trace cannot be read: %w", err)
	}
	return c.writeTraced(w, v, judge.TraceOfRecord(rec, v), false)
}

// nothingRead reports whether every metric's query failed: then the source is to
// blame, or how it was named, and nothing was judged.
func nothingRead(v verdict) bool {
	failed := 0
	for _, f := range v.Findings {
		if f.About != judge.AboutMetric {
			continue
		}
		if f.Class != judge.QueryFailed {
			return false
		}
		failed++
	}
	return failed > 0 && v.Outcome != judge.Rollback
}

// rollout says who is on trial.
func (c judgeCmd) rollout(p plan.Plan, now time.Time) (rollout.Rollout, error) {
	r := rollout.Rollout{
		Service: p.Service, Namespace: p.Namespace, Revision: c.Revision, Controller: "cli", Plan: p.Name,
		Baseline: rollout.Arm(p.Arms.Baseline), Canary: rollout.Arm(p.Arms.Canary),
		Comparison: rollout.Comparison(p.Comparison), Started: now,
	}
	since := c.Since
	if since == "" && !c.Watch {
		since = "30m"
	}
	if since != "" {
		var err error
		if r.Started, err = parseSince(since, now); err != nil {
			return r, err
		}
	}
	if err := addLabels("baseline-label", &r.Baseline, c.BaselineLabel); err != nil {
		return r, err
	}
	if err := addLabels("canary-label", &r.Canary, c.CanaryLabel); err != nil {
		return r, err
	}
	if len(c.Scrape) > 0 { // what we scrape ourselves carries the labels of its arm
		addArm(&r.Baseline, "baseline")
		addArm(&r.Canary, "canary")
	}
	if sameSeries(r.Baseline, r.Canary) {
		return r, errors.New("the baseline and the canary are the same series; tell them apart with " +
			"--baseline-label and --canary-label, or with arms in the plan")
	}
	return r, nil
}

func addLabels(flag string, a *rollout.Arm, ls []label) error {
	m, err := labelMap(flag, ls)
	if err != nil || m == nil {
		return err
	}
	a.Labels = merge(a.Labels, m)
	return nil
}

// addArm gives an arm without labels one, for pages that are scraped.
func addArm(a *rollout.Arm, name string) {
	if len(a.Labels) == 0 {
		a.Labels = map[string]string{"arm": name}
	}
}

func merge(a, b map[string]string) map[string]string {
	m := map[string]string{}
	maps.Copy(m, a)
	maps.Copy(m, b)
	return m
}

// sameSeries reports whether nothing that selects series differs.
func sameSeries(a, b rollout.Arm) bool {
	return a.Namespace == b.Namespace && a.Workload == b.Workload && a.PodPattern == b.PodPattern &&
		a.Hash == b.Hash && a.Version == b.Version && maps.Equal(a.Labels, b.Labels)
}

// sources opens the one source that the plan asks, whatever the plan calls it.
func (c judgeCmd) sources(p plan.Plan, r rollout.Rollout, log *slog.Logger) (*app.Sources, error) {
	src := app.Source{Name: p.Source}
	switch {
	case c.Prometheus != "":
		src.Prometheus = &prometheus.Config{URL: c.Prometheus}
	case c.Config != "":
		cfg, err := app.Read(c.Config)
		if err != nil {
			return nil, err
		}
		found := false
		for _, s := range cfg.Sources {
			if s.Name == p.Source {
				src, found = s, true
			}
		}
		if !found {
			return nil, fmt.Errorf("the plan asks source %q, which %s does not configure", p.Source, c.Config)
		}
	default:
		ts, err := scrapeTargets(c.Scrape, r)
		if err != nil {
			return nil, err
		}
		// Two scrapes a block is the least that counts can be read from.
		src.Scrape = &app.Scrape{Interval: p.Block.D() / 2, Targets: ts}
	}
	if fs := src.Check(); len(fs) > 0 {
		return nil, errors.New(fs[0].Text)
	}
	return app.OpenSources([]app.Source{src}, log)
}

// scrapeTargets reads ARM=URL. A page's series get the labels by which its arm is
// selected.
func scrapeTargets(texts []string, r rollout.Rollout) ([]scrape.Target, error) {
	labels := map[string]map[string]string{"baseline": r.Baseline.Labels, "canary": r.Canary.Labels}
	arms := map[string]int{}
	var ts []scrape.Target
	for _, t := range texts {
		arm, url, ok := strings.Cut(t, "=")
		if _, known := labels[arm]; !ok || !known {
			return nil, fmt.Errorf("--scrape %q does not say whose page it is; write baseline=URL or canary=URL", t)
		}
		arms[arm]++
		ts = append(ts, scrape.Target{URL: url, Labels: labels[arm]})
	}
	for _, arm := range []string{"baseline", "canary"} {
		if arms[arm] == 0 {
			return nil, fmt.Errorf("there is no page of the %s; add --scrape %s=URL", arm, arm)
		}
	}
	return ts, nil
}
