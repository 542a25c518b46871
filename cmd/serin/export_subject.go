package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/serin-canary/serin/cmd/serin/publishing"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// exportOf says whose dashboard or rules are written: those of a plan, for a rollout
// that is made up, or those of a recorded rollout.
type exportOf struct {
	journalIn
	Plan    string `short:"p" xor:"of" placeholder:"FILE|NAME" help:"A plan file, or a plan's name in --plans, for a rollout that begins now."`
	Plans   string `placeholder:"DIR" default:"${plans}" help:"The folder in which plans are looked up by name (default ${plans})."`
	Rollout string `xor:"of" placeholder:"ID" help:"A recorded rollout, of --journal."`

	BaselineLabel []label `sep:"none" placeholder:"NAME=VALUE" help:"With --plan: label of the baseline's series; repeat it for several. Wins over the plan's arms."`
	CanaryLabel   []label `sep:"none" placeholder:"NAME=VALUE" help:"With --plan: label of the canary's series."`
	Since         string  `placeholder:"WHEN" help:"With --plan: when the rollout began, how long ago (30m) or a time (RFC 3339); default now."`
	Revision      string  `default:"cli" help:"With --plan: what is on trial."`

	exportLinks
}

// exportLinks are addresses, and where Serin's own metrics are.
type exportLinks struct {
	Self    string            `placeholder:"SELECTOR" help:"What selects Serin's own metrics where these are evaluated, such as job=\"serin\". Rules about the judge need it."`
	BaseURL string            `name:"base-url" placeholder:"URL" help:"How people reach Serin, for links to reports."`
	Runbook string            `placeholder:"URL" help:"What on-call should read, for links."`
	Grafana string            `placeholder:"URL" help:"The Grafana that shows dashboards, for links from alerts."`
	Label   map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"One more label of manifests (dashboard) or of every alert; repeat it."`
}

// exportOut says where it is written to.
type exportOut struct {
	Output string `short:"o" placeholder:"FILE|DIR" help:"Where to write; in a folder the file has the name that Serin publishes it under. Default: standard output."`
}

// find returns what is recorded of the rollout, or made up for the plan.
func (e exportOf) find(ctx context.Context, s *streams) (journal.Summary, plan.Plan, error) {
	if e.Rollout != "" {
		return e.recorded(ctx, s)
	}
	if e.Plan == "" {
		return journal.Summary{}, plan.Plan{}, errors.New("say of what: --plan FILE, or --rollout ID with --journal")
	}
	p, err := exportTemplatesCmd{Plans: e.Plans}.find(e.Plan)
	if err != nil {
		return journal.Summary{}, p, err
	}
	r, err := judgeCmd{
		BaselineLabel: e.BaselineLabel, CanaryLabel: e.CanaryLabel, Since: e.Since, Revision: e.Revision, Watch: true,
	}.rollout(p, time.Now())
	if err != nil {
		return journal.Summary{}, p, err
	}
	r.ID = rollout.NewID(rollout.KeyOf(r), r.Started)
	return journal.Summary{Rollout: r}, p, nil
}

func (e exportOf) recorded(ctx context.Context, s *streams) (sum journal.Summary, p plan.Plan, err error) {
	err = e.with(ctx, s, func(j *journal.Journal) error {
		if sum, err = j.Get(ctx, e.Rollout); err != nil {
			return fmt.Errorf("--rollout %s: %w", e.Rollout, err)
		}
		p, err = j.Plan(ctx, e.Rollout)
		return err
	})
	return sum, p, err
}

// self reads --self.
func (l exportLinks) self() ([]queries.Matcher, error) {
	if l.Self == "" {
		return nil, nil
	}
	ms, err := queries.ParseSelector(l.Self)
	if err != nil {
		return nil, fmt.Errorf("--self: %w; write for example --self 'job=\"serin\"'", err)
	}
	return ms, nil
}

// publishing writes what a server of these links would publish.
func (l exportLinks) publishing() (*publishing.Publishing, error) {
	self, err := l.self()
	if err != nil {
		return nil, err
	}
	c := publishing.Config{BaseURL: strings.TrimRight(l.BaseURL, "/"), Runbook: l.Runbook, Self: self, Labels: l.Label}
	if l.Grafana != "" {
		c.Boards = []publishing.BoardPlace{{Name: "grafana", Page: strings.TrimRight(l.Grafana, "/") + "/d/"}}
	}
	return publishing.New(c), nil
}

// exported is a file.
type exported struct {
	name string
	data []byte
}

// write writes files into a folder, or one to where it was asked for.
func (o exportOut) write(s *streams, files ...exported) error {
	if o.folder() {
		if err := os.MkdirAll(o.Output, 0o755); err != nil { //nolint:gosec // others read what is exported
			return fmt.Errorf("--output: %w", err)
		}
		for _, f := range files {
			to := filepath.Join(o.Output, f.name)
			if err := os.WriteFile(to, f.data, 0o644); err != nil { //nolint:gosec // so
				return fmt.Errorf("--output: %w", err)
			}
			fmt.Fprintln(s.err, "wrote "+to)
		}
		return nil
	}
	if len(files) != 1 {
		return fmt.Errorf("these are %d files that name each other; add --output DIR/", len(files))
	}
	if o.Output == "" || o.Output == "-" {
		_, err := s.out.Write(files[0].data)
		return err
	}
	if err := os.WriteFile(o.Output, files[0].data, 0o644); err != nil { //nolint:gosec // so
		return fmt.Errorf("--output: %w", err)
	}
	fmt.Fprintln(s.err, "wrote "+o.Output)
	return nil
}

// folder reports whether a folder was asked for: one that exists, or ends as one.
func (o exportOut) folder() bool {
	if strings.HasSuffix(o.Output, "/") || strings.HasSuffix(o.Output, string(filepath.Separator)) {
		return true
	}
	info, err := os.Stat(o.Output)
	return o.Output != "" && err == nil && info.IsDir()
}

// tell says what could not be written.
func tell(s *streams, what string, left []string) {
	for _, l := range left {
		fmt.Fprintf(s.err, "serin: %s: %s\n", what, l)
	}
}
