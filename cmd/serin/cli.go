package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/cmd/serin/smoke"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
)

// The exit codes. A pipeline may go on after 0 and nothing else.
const (
	exitPromote     = 0
	exitFailure     = 1 // wrong usage, or no verdict could be formed
	exitRollback    = 3
	exitUndecided   = 4 // inconclusive or continue
	exitInterrupted = 5 // by a signal, before there was a decision; asked again it goes on
)

// exitCode ends a command with a code and without a message: what there was to say
// has been said.
type exitCode int

// Error implements error.
func (c exitCode) Error() string { return fmt.Sprintf("exit %d", int(c)) }

// codeOf returns the exit code of an outcome.
func codeOf(o judge.Outcome) exitCode {
	switch o {
	case judge.Promote:
		return exitPromote
	case judge.Rollback:
		return exitRollback
	case judge.Continue, judge.Inconclusive:
	}
	return exitUndecided
}

// codeOfVerdict returns the exit code of a verdict by a plan in a mode. Shadow mode
// records and never stands in the way.
func codeOfVerdict(mode string, o judge.Outcome) exitCode {
	if mode == string(plan.Shadow) {
		return exitPromote
	}
	return codeOf(o)
}

// streams are where a command writes: its result to out, everything else to err.
type streams struct {
	out, err io.Writer
}

// cli is the grammar of the command line.
type cli struct {
	Help help `short:"h" help:"Show help."`

	Serve   serveCmd   `cmd:"" help:"Answer Flagger, Argo Rollouts and scripts over HTTP."`
	Judge   judgeCmd   `cmd:"" help:"Judge a canary once, or until there is a verdict."`
	Ask     askCmd     `cmd:"" help:"Ask a server from a pipeline, and wait for its answer."`
	Rollout rolloutCmd `cmd:"" help:"Tell a server of a pipeline's rollout: its weight, its end."`
	Plan    planCmd    `cmd:"" help:"Check plans; print their schema."`
	Check   checkCmd   `cmd:"" help:"Run a plan's checks against any URL: a smoke test."`
	pastCmds
	Import  importCmd  `cmd:"" help:"Make plans of what Flagger, Argo or Kayenta judge by."`
	Demo    demoCmd    `cmd:"" help:"Watch a healthy canary be promoted and a failing one be rolled back."`
	Lab     labCmd     `cmd:"" help:"Measure false alarms and detection on simulated rollouts."`
	Config  configCmd  `cmd:"" help:"Check a server's configuration."`
	Doctor  doctorCmd  `cmd:"" help:"Try everything that a server needs, and say what to mend."`
	Work    workCmd    `cmd:"" help:"Show and retry the work that a server does later."`
	Journal journalCmd `cmd:"" help:"Export, import, verify and prune what is remembered."`
	Export  exportCmd  `cmd:"" help:"Print manifests for controllers, made of plans."`
	List    listCmd    `cmd:"" help:"List rollouts, live and past."`
	Show    showCmd    `cmd:"" aliases:"report" help:"Show a recorded rollout: its verdict, and why."`
	Watch   watchCmd   `cmd:"" help:"Watch a live rollout; the exit code is its verdict's."`
	Replay  replayCmd  `cmd:"" help:"Compute recorded verdicts again, and compare."`
	Token   tokenCmd   `cmd:"" help:"Make tokens for callers."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print a shell's script that completes commands, flags and names."`
	Man        manCmd        `cmd:"" help:"Print or write manual pages."`
	Complete   completeCmd   `cmd:"" name:"__complete" hidden:"" help:"Say what may come next on a command line."`
}

// about is the program in a few words.
const about = `Serin judges canaries. It compares the canary with its baseline and answers
promote, rollback, continue or inconclusive, with evidence.

First time? "serin demo" shows two rollouts in two minutes; nothing else is needed.`

// run runs one command line and returns its exit code. It never panics on what
// a user writes and prints no stack traces.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := command(ctx, args, &streams{out: stdout, err: stderr})
	var code exitCode
	var faults plan.Faults
	failure := exitFailure
	if errors.As(err, new(misused)) {
		failure = smoke.ExitMisused
	}
	switch {
	case err == nil || errors.Is(err, errHelped):
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &faults):
		// Editors and people find file:line:column at the start of a line.
		fmt.Fprintln(stderr, screen.Inert(faults.Error()))
		return failure
	}
	fmt.Fprintf(stderr, "serin: %s\n", screen.Inert(strings.TrimSpace(err.Error())))
	return failure
}

// grammar returns the reader of command lines.
func grammar(ctx context.Context, s *streams) (*kong.Kong, error) {
	return kong.New(&cli{},
		kong.Name("serin"), kong.Description(about), kong.Writers(s.out, s.err),
		kong.NoDefaultHelp(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: false, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s),
		kong.Vars{"listen": app.DefaultListen, "plans": app.DefaultPlans, "journal": app.DefaultJournal},
		kong.TypeMapper(reflect.TypeFor[label](), labelMapper{}),
	)
}

func command(ctx context.Context, args []string, s *streams) error {
	k, err := grammar(ctx, s)
	if err != nil {
		return fmt.Errorf("the command line cannot be read: %w", err)
	}
	if len(args) == 0 {
		// A script whose arguments went missing must not read this as a verdict.
		_, _ = k.Parse([]string{"--help"})
		return exitCode(exitFailure)
	}
	kctx, err := k.Parse(args)
	var pe *kong.ParseError
	switch {
	case errors.Is(err, errHelped):
		return err
	case errors.As(err, &pe):
		help := helpFor(pe.Context)
		err := fmt.Errorf("%w\nRun %q for what there is", pe, help)
		if strings.HasPrefix(help, "serin check ") { // there 1 says that a check failed
			return misused{err}
		}
		return err
	case err != nil:
		return err
	}
	return kctx.Run()
}

// helpFor returns the command that explains what was used wrongly.
func helpFor(c *kong.Context) string {
	if c == nil || c.Selected() == nil {
		return "serin --help"
	}
	return c.Selected().FullPath() + " --help"
}

// errHelped says that help was asked for and has been printed.
var errHelped = errors.New("helped")

// help is kong's own help flag, except that it does not exit the process.
type help bool

// BeforeReset prints the help of whatever command precedes the flag.
func (help) BeforeReset(c *kong.Context) error {
	if err := c.PrintUsage(false); err != nil {
		return err
	}
	return errHelped
}

// IgnoreDefault keeps kong from calling the hook for the default value.
func (help) IgnoreDefault() {}

// versionCmd prints the version.
type versionCmd struct{}

// Help implements kong.HelpProvider.
func (versionCmd) Help() string {
	return `Examples:

    serin version

Verdicts record the version that they were computed by. A build that is no release is called devel, with
the revision that it was built from.`
}

// Run implements the command.
func (versionCmd) Run(s *streams) error {
	_, err := fmt.Fprintf(s.out, "serin %s\n", version())
	return err
}

// version returns the version of this build: the module's where it was built from
// a release, else the revision that it was built from.
func version() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := b.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

// newLog returns the log of a command, which goes to stderr.
func newLog(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
