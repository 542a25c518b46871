package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/cmd/serin/pipeline"
	"github.com/serin-canary/serin/cmd/serin/publishing"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// recorded says where rollouts are read: at a running server, or in a journal.
type recorded struct {
	Server    string `env:"SERIN_URL" placeholder:"URL" help:"A running Serin server to ask."`
	TokenFile string `env:"SERIN_TOKEN_FILE" placeholder:"FILE" help:"File with the bearer token for it. Default: the token in SERIN_TOKEN, or none."`
	Journal   string `env:"SERIN_JOURNAL" placeholder:"JOURNAL" help:"A journal to read instead: a file, a database's URL without password, or file:PATH or env:NAME of where the URL is. Default, where no server is named: ./${journal}."`
	Config    string `short:"c" placeholder:"FILE" help:"Read the journal that this configuration file names."`

	given []string // which of these flags stand on the command line
}

// AfterApply implements kong's hook. What stands on the command line wins over what the
// environment says.
func (c *recorded) AfterApply(k *kong.Context) error {
	for _, p := range k.Path {
		if p.Flag != nil && !p.Resolved && slices.Contains([]string{"server", "journal", "config"}, p.Flag.Name) {
			c.given = append(c.given, p.Flag.Name)
		}
	}
	if len(c.given) > 1 {
		return fmt.Errorf("--%s: name one place to read rollouts from", strings.Join(c.given, " and --"))
	}
	return nil
}

// record is where rollouts are read.
type record interface {
	// one returns a rollout, or an error for which [unrecorded] holds.
	one(ctx context.Context, id string) (pipeline.Standing, error)
	// list returns rollouts, the newest first.
	list(ctx context.Context, f journal.Filter) ([]journal.Summary, error)
	// look returns a verdict by its number, 0 for the newest, and how it came to be. It
	// is nil where there is none.
	look(ctx context.Context, of journal.Summary, seq int) (*verdict, judge.Trace, error)
}

// unrecorded reports whether an error says that there is no such rollout.
func unrecorded(err error) bool { return errors.Is(err, journal.ErrNotFound) || pipeline.Unknown(err) }

// atServer reports whether a server is read, and not a journal.
func (c recorded) atServer() bool {
	return c.Server != "" && !slices.Contains(c.given, "journal") && !slices.Contains(c.given, "config")
}

// with calls do with what the flags, or else the environment, say.
func (c recorded) with(ctx context.Context, s *streams, do func(record) error) error {
	if c.atServer() {
		server, err := c.server()
		if err != nil {
			return err
		}
		return do(serverRecord{server})
	}
	in := journalIn{c.Journal}
	if c.Config != "" && !slices.Contains(c.given, "journal") {
		cfg, err := app.Read(c.Config)
		if err != nil {
			return err
		}
		in.Journal = cfg.Journal
	}
	if in.Journal == "" {
		in.Journal = app.DefaultJournal
	}
	if app.IsJournalFile(in.Journal) {
		if err := fileExists(in.Journal); err != nil {
			return fmt.Errorf("%w; name the server's journal with --journal, or a running server with --server", err)
		}
	}
	return in.open(ctx, s, func(j *journal.Journal) error {
		work, err := app.WorkOf(ctx, j, newLog(s.err, slog.LevelWarn, "text"))
		if err != nil {
			return err
		}
		return do(journalRecord{j, work})
	})
}

func (c recorded) server() (*pipeline.Server, error) {
	token, err := tokenOf(c.TokenFile)
	if err != nil {
		return nil, err
	}
	return pipeline.NewServer(c.Server, token)
}

// tokenOf returns the token for a server: that of a file, else the environment's.
func tokenOf(file string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv("SERIN_TOKEN")), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("the token file cannot be read: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("the token file %s is empty", file)
	}
	return token, nil
}

// journalRecord is a journal.
type journalRecord struct {
	*journal.Journal
	work publishing.Work
}

func (r journalRecord) one(ctx context.Context, id string) (pipeline.Standing, error) {
	sum, err := r.Get(ctx, id)
	if err != nil {
		return pipeline.Standing{}, err
	}
	left, err := publishing.New(publishing.Config{}).UnpublishedIn(ctx, r.work, id)
	return pipeline.Standing{Summary: sum, Unpublished: left}, err
}

func (r journalRecord) list(ctx context.Context, f journal.Filter) ([]journal.Summary, error) {
	return r.List(ctx, f)
}

func (r journalRecord) look(ctx context.Context, of journal.Summary, seq int) (*verdict, judge.Trace, error) {
	v, err := lookOf(of, seq, func() ([]verdict, error) { return r.Verdicts(ctx, of.Rollout.ID) })
	if err != nil || v == nil {
		return nil, judge.Trace{}, err
	}
	rec, err := r.Load(ctx, of.Rollout.ID)
	if err != nil {
		return nil, judge.Trace{}, fmt.Errorf("how the verdict came to be cannot be read: %w", err)
	}
	return v, judge.TraceOfRecord(rec, *v), nil
}

// serverRecord is a running server.
type serverRecord struct{ *pipeline.Server }

func (r serverRecord) one(ctx context.Context, id string) (pipeline.Standing, error) {
	return r.Rollout(ctx, id)
}

func (r serverRecord) list(ctx context.Context, f journal.Filter) ([]journal.Summary, error) {
	return r.List(ctx, f)
}

func (r serverRecord) look(ctx context.Context, of journal.Summary, seq int) (*verdict, judge.Trace, error) {
	v, err := lookOf(of, seq, func() ([]verdict, error) { return r.Verdicts(ctx, of.Rollout.ID) })
	if err != nil || v == nil {
		return nil, judge.Trace{}, err
	}
	t, err := r.Trace(ctx, of.Rollout.ID)
	return v, until(t, v.Progress.Blocks), err
}

// until is a trace as it was when so many blocks had closed. Evidence is of prefixes, so
// that nothing of an earlier one changes.
func until(t judge.Trace, blocks int) judge.Trace {
	cut := func(points []judge.TracePoint) []judge.TracePoint {
		n := 0
		for n < len(points) && points[n].At < blocks {
			n++
		}
		return points[:n]
	}
	t.Points, t.Metrics = cut(t.Points), slices.Clone(t.Metrics)
	for i := range t.Metrics {
		t.Metrics[i].Points = cut(t.Metrics[i].Points)
	}
	return t
}

// lookOf finds a verdict by its number.
func lookOf(of journal.Summary, seq int, verdicts func() ([]verdict, error)) (*verdict, error) {
	if seq == 0 || of.Last != nil && of.Last.Seq == seq {
		return of.Last, nil
	}
	list, err := verdicts()
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		if v.Seq == seq {
			return &v, nil
		}
	}
	return nil, fmt.Errorf("rollout %s has no look %d; it was looked at %d times", of.Rollout.ID, seq, of.Looks)
}

// idLength is how long a rollout's ID is.
const idLength = 16

// isID reports whether a text has the form of a rollout's ID.
func isID(text string) bool {
	return len(text) == idLength && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
