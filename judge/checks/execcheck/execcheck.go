// Package execcheck runs checks that are a command on this machine.
//
// Only a person who runs a plan's checks by hand may allow them; a server has [Refusing].
// The program is started with its arguments as they are, by no shell, in the current
// folder, with PATH and the environment variables that the check names. It has nothing to
// read. When its time is over it is killed, with all that it started in its process group,
// and so is what it leaves behind. Of what it writes the first 64 KiB are looked at, and
// the end is quoted, without credentials.
package execcheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

// forPipes is how long it is waited for what holds the output open after the end.
const forPipes = time.Second

// Config is what a [Runner] is made of. The zero value is usable.
type Config struct {
	Clock checks.Clock
	// Getenv reads the environment (default os.LookupEnv).
	Getenv func(string) (string, bool)
}

// Runner runs commands. It may be used by many goroutines.
type Runner struct{ cfg Config }

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	if cfg.Getenv == nil {
		cfg.Getenv = os.LookupEnv
	}
	return &Runner{cfg}
}

// Refusing returns a runner that runs nothing, and says so.
func Refusing() checks.Runner {
	return checks.RunnerFunc(func(_ context.Context, s checks.Spec, _ checks.Target) checks.Result {
		return checks.Result{
			Name: s.Name, Status: checks.Broken, At: time.Now().UTC(),
			Reason: "the command was not run: no server runs commands, and by hand they must be allowed, with serin check run --allow-exec",
		}
	})
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) { return r.prepare(s.Exec, t) })
}

// probe is a check with its templates rendered.
type probe struct {
	runner  *Runner
	args    []string
	env     []string // NAME=value
	hidden  []string
	code    int
	matches *regexp.Regexp
}

func (r *Runner) prepare(c *checks.Exec, t checks.Target) (checks.Probe, error) {
	if c == nil {
		return checks.Probe{}, errors.New("it is not a check of kind exec")
	}
	if len(c.Command) == 0 || c.Command[0] == "" {
		return checks.Probe{}, errors.New("it has no command; write for example [./smoke.sh, --fast]")
	}
	p := probe{runner: r, code: c.ExitCode}
	for i, text := range c.Command {
		arg, err := checks.Fill(fmt.Sprintf("command[%d]", i), text, t)
		if err != nil {
			return checks.Probe{}, err
		}
		if strings.ContainsRune(arg, 0) {
			return checks.Probe{}, fmt.Errorf("its command[%d] has a zero byte, which no argument may have", i)
		}
		p.args = append(p.args, arg)
	}
	seen := map[string]string{}
	for _, name := range append([]string{"PATH"}, c.Env...) {
		value, there := r.cfg.Getenv(name)
		if !there && name != "PATH" {
			return checks.Probe{}, fmt.Errorf("the environment variable %s is not set here; set it, or take it out of env", checks.Inert(name, 60, nil))
		}
		if there && !slices.Contains(p.env, name+"="+value) {
			p.env, seen[name] = append(p.env, name+"="+value), value
		}
	}
	p.hidden = checks.SecretsOf(seen)
	if c.Matches != "" {
		var err error
		if p.matches, err = regexp.Compile(c.Matches); err != nil {
			return checks.Probe{}, fmt.Errorf("what it must match is no regular expression: %w", err)
		}
	}
	return checks.Probe{Name: "command " + checks.Inert(strings.Join(p.args, " "), 80, p.hidden), Within: c.Within, Try: p.try}, nil
}

func (p probe) try(ctx context.Context) checks.Attempt {
	now := p.runner.cfg.Clock.Now
	began := now()
	out := &output{}
	//nolint:gosec // running what the plan says is what the kind is for, where it is allowed
	cmd := exec.CommandContext(ctx, p.args[0], p.args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = p.env, out, out, forPipes
	inGroup(cmd)
	if err := cmd.Start(); err != nil {
		return checks.Breaking("was not started: %s", checks.Cause(err))
	}
	err := cmd.Wait()
	killGroup(cmd) // what it left in the background
	took := checks.Took(now().Sub(began))
	said := p.said(out)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return checks.Failing("did not end in time and was killed, after %s%s", took, said)
	case errors.Is(err, exec.ErrWaitDelay):
		return checks.Failing("ended in %s, but something that it started kept its output open, and was killed%s", took, said)
	case err != nil && !errors.As(err, &exit):
		return checks.Failing("could not be waited for: %s", checks.Cause(err))
	}
	state := cmd.ProcessState
	switch {
	case state.ExitCode() < 0:
		return checks.Failing("was ended in %s: %s%s", took, state, said)
	case state.ExitCode() != p.code:
		return checks.Failing("exited with %d in %s, want %d%s", state.ExitCode(), took, p.code, said)
	case p.matches != nil && !p.matches.Match(out.head()):
		return checks.Failing("exited with %d in %s, but nothing that it wrote matches%s", state.ExitCode(), took, said)
	}
	return checks.Attempt{Status: checks.Passed, Said: fmt.Sprintf("exited with %d in %s%s", state.ExitCode(), took, said)}
}

// said quotes the last line that was written.
func (p probe) said(out *output) string {
	line := out.lastLine()
	if line == "" {
		return ""
	}
	return "; it wrote last " + checks.ExcerptWithout(line, 160, p.hidden)
}
