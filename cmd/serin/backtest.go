package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// pastCmds are the commands that judge what is over.
type pastCmds struct {
	Backtest     backtestCmd     `cmd:"" help:"Walk a past rollout through: when would Serin have spoken, what, and why?"`
	Calibrate    calibrateCmd    `cmd:"" help:"Judge pods of the baseline as canaries: how often is a plan wrong on your own past?"`
	ComparePlans comparePlansCmd `cmd:"" help:"Judge the same past by two plans."`
}

// page is a report as a page of its own.
type page struct {
	HTML string `name:"html" placeholder:"FILE" help:"Write the report as a page, too: one file that loads nothing."`
}

// write writes a page, where one was asked for.
func (p page) write(render func(io.Writer) error) error {
	if p.HTML == "" {
		return nil
	}
	var b bytes.Buffer
	if err := render(&b); err != nil {
		return err
	}
	if err := os.WriteFile(p.HTML, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("the page cannot be written: %w", err)
	}
	return nil
}

// pastSource says which source a past is read from.
type pastSource struct {
	Prometheus string `xor:"source" placeholder:"URL" help:"The Prometheus that the plan's queries are put to."`
	Config     string `short:"c" xor:"source" placeholder:"FILE" help:"Configuration file whose source of the plan's name is asked (see serin serve --help)."`
	PerMinute  int    `name:"queries-per-minute" default:"600" placeholder:"N" help:"How often the source is asked at most; 0 is as fast as it answers."`
}

// open opens the source.
func (c pastSource) open(p plan.Plan) (*backtest.Paced, error) {
	if c.PerMinute < 0 {
		return nil, fmt.Errorf("--queries-per-minute %d is no rate; write 0 for no bound, or for example 60", c.PerMinute)
	}
	j := judgeCmd{Prometheus: c.Prometheus, Config: c.Config}
	opened, err := j.sources(p, rollout.Rollout{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	src := opened.Store(p.Source)
	if src == nil {
		return nil, fmt.Errorf("source %s has no past: it is scraped from now on", p.Source)
	}
	return backtest.NewPaced(src, c.PerMinute), nil
}

// backtestCmd walks a past rollout through.
type backtestCmd struct {
	output
	page
	pastSource
	Plan string `short:"p" placeholder:"FILE" help:"The plan. With --journal: another one than the recorded one."`

	From          string  `placeholder:"WHEN" help:"When the rollout began: how long ago (26h) or a time (RFC 3339)."`
	To            string  `placeholder:"WHEN" help:"When it was over (default: the plan's deadline, the end of the canary's requests after a promotion, or now)."`
	Revision      string  `default:"past" help:"What was on trial, for the record."`
	BaselineLabel []label `sep:"none" placeholder:"NAME=VALUE" help:"Label of the baseline's series; repeat it for several. Wins over the plan's arms."`
	CanaryLabel   []label `sep:"none" placeholder:"NAME=VALUE" help:"Label of the canary's series."`

	Journal string `xor:"source" placeholder:"JOURNAL" help:"Judge a recorded rollout instead: an export (serin journal export), compressed or not, or a journal."`
	Rollout string `placeholder:"ID" help:"Which one of the journal (default: the only one)."`
}

// Help implements kong.HelpProvider.
func (backtestCmd) Help() string {
	return `Examples:

    serin backtest --plan checkout.yaml --prometheus http://localhost:9090 \
        --from 2026-03-01T12:00:00Z --to 2026-03-01T13:00:00Z
    serin backtest --plan checkout.yaml --config serin.yaml --from 26h \
        --baseline-label track=stable --canary-label version=v42 --html backtest.html
    serin backtest --journal export.jsonl --rollout qk3v5zgq7xmh2b4t --plan stricter.yaml

Walks a past rollout look by look, one after each block, through the engine that judges live ones: a look
sees what had closed by its time, with the plan's lag, and nothing later. It says when Serin would have
spoken first, what, and why. Checks are left out: the past cannot be checked.

With --journal nothing is asked of any source: the blocks that a recorded rollout's looks froze are judged,
by their own plan or by the one that --plan names, which must ask the same queries.

The exit code is 0 wherever the walk could be made, whatever was found.`
}

// Validate implements kong's check of what was parsed.
func (c backtestCmd) Validate(*kong.Context) error {
	switch {
	case c.Journal != "":
		if c.From != "" || c.To != "" || len(c.BaselineLabel) > 0 || len(c.CanaryLabel) > 0 {
			return errors.New("a recorded rollout has its own times and arms; leave out --from, --to and the labels")
		}
		return nil
	case c.Plan == "":
		return errors.New("name the plan with --plan FILE, or a recorded rollout with --journal")
	case c.Prometheus == "" && c.Config == "":
		return errors.New("there is no source of the past; add --prometheus URL, --config FILE or --journal FILE")
	case c.From == "":
		return errors.New("say when the rollout began with --from, for example --from 26h")
	case c.Rollout != "":
		return errors.New("--rollout names one of a --journal")
	}
	return nil
}

// Run implements the command.
func (c backtestCmd) Run(ctx context.Context, s *streams) error {
	walk := c.ask
	if c.Journal != "" {
		walk = c.recorded
	}
	r, err := walk(ctx, s)
	if err != nil && ctx.Err() != nil {
		fmt.Fprintln(s.err, "serin: interrupted; a backtest keeps nothing, and begins anew")
		return exitCode(exitInterrupted)
	}
	if err != nil {
		return err
	}
	if err := c.page.write(func(w io.Writer) error { return backtest.Write(w, "html", r) }); err != nil {
		return err
	}
	return backtest.Write(s.out, c.Output, r)
}

// ask walks a past that a source has.
func (c backtestCmd) ask(ctx context.Context, s *streams) (backtest.Report, error) {
	p, err := loadPlan(c.Plan)
	if err != nil {
		return backtest.Report{}, err
	}
	now := time.Now()
	var until time.Time // not known
	if c.To != "" {
		if until, err = parseMoment("to", c.To, now); err != nil {
			return backtest.Report{}, err
		}
	}
	begun, err := parseMoment("from", c.From, now)
	if err != nil {
		return backtest.Report{}, err
	}
	r, err := judgeCmd{Revision: c.Revision, BaselineLabel: c.BaselineLabel, CanaryLabel: c.CanaryLabel, Watch: true}.rollout(p, begun)
	if err != nil {
		return backtest.Report{}, err
	}
	src, err := c.open(p)
	if err != nil {
		return backtest.Report{}, err
	}
	live := screen.NewLive(s.err, 10*time.Second)
	defer live.Close()
	past := backtest.Past{Plan: p, Rollout: r, Source: src, Engine: version(), Now: now}
	return backtest.Run(ctx, past, until, func(done, of int) {
		live.Update(float64(done)/float64(of), fmt.Sprintf("look %d of %d", done, of))
	})
}

// parseMoment reads a time of a flag.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	t, err := parseSince(text, now)
	if err != nil {
		return t, errors.New(strings.ReplaceAll(err.Error(), "--since", "--"+flag))
	}
	return t, nil
}

// recorded judges what a journal holds.
func (c backtestCmd) recorded(ctx context.Context, s *streams) (r backtest.Report, err error) {
	j, err := openRecord(ctx, s, c.Journal)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if c.Rollout == "" {
		if c.Rollout, err = onlyRollout(ctx, j); err != nil {
			return r, err
		}
	}
	looks, was, err := looksOf(ctx, j, c.Rollout)
	if err != nil {
		return r, err
	}
	p := was
	if c.Plan != "" {
		if p, err = loadPlan(c.Plan); err != nil {
			return r, err
		}
	}
	return backtest.Recorded(p, was, looks)
}

// looksOf reads a rollout's looks and the plan that they were made by.
func looksOf(ctx context.Context, j *journal.Journal, id string) (looks []judge.Look, was plan.Plan, err error) {
	if looks, err = j.Looks(ctx, id); err == nil {
		was, err = j.Plan(ctx, id)
	}
	return looks, was, err
}

// openRecord opens a journal, or an export as one that is held in memory.
func openRecord(ctx context.Context, s *streams, name string) (*journal.Journal, error) {
	log := newLog(s.err, slog.LevelWarn, "text")
	if !app.IsJournalFile(name) {
		return app.OpenJournal(ctx, name, journal.Options{Log: log})
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the journal: %w", err)
	}
	defer f.Close() // it is only read
	head := make([]byte, 15)
	n, _ := io.ReadFull(f, head) // a shorter file is no database
	if string(head[:n]) == "SQLite format 3" {
		return app.OpenJournal(ctx, name, journal.Options{Log: log})
	}
	in, err := plain(io.MultiReader(bytes.NewReader(head[:n]), f))
	if err != nil {
		return nil, fmt.Errorf("cannot read the export %s: %w", name, err)
	}
	j, err := journal.Open(ctx, ":memory:", journal.Options{Log: log})
	if err != nil {
		return nil, err
	}
	if _, err := j.Import(ctx, in); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot read the export %s: %w", name, err), j.Close())
	}
	return j, nil
}

// onlyRollout returns the ID of a journal's one rollout.
func onlyRollout(ctx context.Context, j *journal.Journal) (string, error) {
	var ids []string
	if err := j.Each(ctx, func(id string) error { ids = append(ids, id); return nil }); err != nil {
		return "", err
	}
	switch len(ids) {
	case 0:
		return "", errors.New("the journal has no rollout")
	case 1:
		return ids[0], nil
	}
	shown := ids[max(0, len(ids)-10):]
	return "", fmt.Errorf("the journal has %d rollouts; name one with --rollout, the newest are %s", len(ids), strings.Join(shown, ", "))
}
