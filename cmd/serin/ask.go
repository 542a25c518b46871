package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/pipeline"
	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

// onServer says which server is asked, and about which rollout.
type onServer struct {
	Server    string        `required:"" env:"SERIN_URL" placeholder:"URL" help:"The Serin server."`
	TokenFile string        `env:"SERIN_TOKEN_FILE" placeholder:"FILE" help:"File with the bearer token. Default: the token in SERIN_TOKEN, or none."`
	Service   string        `env:"SERIN_SERVICE" placeholder:"NAME" help:"The service. Default: what the pipeline says (serin ask --help)."`
	Namespace string        `env:"SERIN_NAMESPACE" placeholder:"NAME" help:"Its namespace; empty where there are none."`
	Revision  string        `env:"SERIN_REVISION" placeholder:"NAME" help:"What is deployed. Default: what the pipeline says (serin ask --help)."`
	Retry     time.Duration `default:"1m" help:"For how long a server that cannot be reached is asked again, unless --wait of serin ask is longer."`
}

// askCmd asks a server about a rollout.
type askCmd struct {
	output
	onServer

	Plan       string        `env:"SERIN_PLAN" placeholder:"NAME" help:"The plan's name. Default: the service's."`
	Gate       string        `enum:"start,step,promotion" default:"promotion" help:"What is asked: start (may it get its first traffic), step (may traffic increase) or promotion (may it be promoted)."`
	Wait       time.Duration `placeholder:"DURATION" help:"How long to wait for a decision. Default: look once."`
	Weight     *float64      `placeholder:"PERCENT" help:"Declare first that the canary has this share of traffic now."`
	Since      string        `placeholder:"WHEN" help:"When the rollout began: how long ago (30m) or a time (RFC 3339). Default: now."`
	Watch      bool          `short:"w" help:"Let the server look by itself as well, at each block's close, until the rollout is closed."`
	Comparison string        `enum:",concurrent,checks,before-after" default:"" help:"How the arms share time: concurrent, checks or before-after. The plan's word wins."`

	BaselineLabel   []label `sep:"none" placeholder:"NAME=VALUE" help:"Label of the baseline's series; repeat it for several."`
	CanaryLabel     []label `sep:"none" placeholder:"NAME=VALUE" help:"Label of the canary's series."`
	BaselineVersion string  `placeholder:"NAME" help:"Version of the baseline, for presets and plans that select by it."`
	CanaryVersion   string  `placeholder:"NAME" help:"Version of the canary."`
	CanaryURL       string  `name:"canary-url" placeholder:"URL" help:"Where checks reach the canary."`
}

// Help implements kong.HelpProvider.
func (askCmd) Help() string {
	return `Examples:

    serin ask --service checkout --revision "$SHA" --gate start
    serin ask --service checkout --revision "$SHA" --gate step --weight 10 --wait 15m
    serin ask --service checkout --revision "$SHA" --weight 50 --wait 30m && ./promote.sh
    serin rollout close --service checkout --revision "$SHA"

The rollout of that service and revision is announced, or found where it is live: a job that is
repeated, and every machine of a deployment, ask about the same one. Close it when the pipeline is
through with it; a rollout that nobody closes is closed by the next revision or by the server, later.

The exit code is 0 for yes, 3 where the canary must be rolled back (or not be started), 4 where
nothing is decided when the wait is over, 5 where the command was interrupted (the rollout goes on:
ask again), and 1 for everything else: wrong usage, a server that refuses, or one that could not be
reached until the wait was over. Go on after 0 only. In shadow mode the answer is always 0.

The report goes to standard output, with the sentence and the link at its end; progress goes to
standard error. The token is taken from SERIN_TOKEN or --token-file; there is no flag for it, since
other users of a machine can read command lines.

Where --revision is left out, the first of these variables that is set says it:
` + pipelineVariables() + `
(DEPLOYMENT_ID with LIFECYCLE_EVENT only, as CodeDeploy's agent sets them.) --service is taken from
APPLICATION_NAME there, and from K_SERVICE on Cloud Run.`
}

// pipelineVariables lists the variables that name a revision, for the help.
func pipelineVariables() string {
	return "    " + strings.Join(pipeline.Variables(), ", ")
}

// Validate implements kong's check of what was parsed.
func (c askCmd) Validate(*kong.Context) error {
	if c.Wait < 0 || c.Retry < 0 {
		return errors.New("--wait and --retry cannot be negative; write for example 30m")
	}
	if c.Weight != nil && !(*c.Weight >= 0 && *c.Weight <= 100) {
		return fmt.Errorf("--weight %v is not within 0 and 100; write the canary's percentage of traffic", *c.Weight)
	}
	return nil
}

// Run implements the command.
func (c askCmd) Run(ctx context.Context, s *streams) error {
	a, err := c.announcement(s.err, time.Now())
	if err != nil {
		return err
	}
	live := screen.NewLive(s.err, 10*time.Second)
	defer live.Close()
	asker, err := c.asker(live)
	if err != nil {
		return err
	}
	told, err := asker.Ask(ctx, pipeline.Question{
		Announcement: a, Gate: reply.Gate(c.Gate), Weight: c.Weight, Wait: c.Wait, Retry: c.Retry,
	})
	live.Close()
	if errors.Is(err, pipeline.ErrInterrupted) {
		fmt.Fprintf(s.err, "serin: %s\n", err)
		return exitCode(exitInterrupted)
	}
	if err != nil {
		return err
	}
	code := codeOfAnswer(told.Answer)
	if err := c.tell(s, told, code); err != nil {
		return err
	}
	return code
}

// codeOfAnswer returns the exit code of a gate's answer.
func codeOfAnswer(a pipeline.Answer) exitCode {
	switch {
	case a.Yes:
		return exitPromote
	case a.RollBack:
		return exitRollback
	}
	return exitUndecided
}

// tell writes the report, and last of all what it comes to: whoever keeps only the end
// of an output (CodeDeploy's agent, 2,048 characters of both streams together) has it.
func (c askCmd) tell(s *streams, t pipeline.Told, code exitCode) error {
	if c.Output == "json" {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		err := e.Encode(struct {
			Gate string `json:"gate"`
			pipeline.Answer
			Exit    int           `json:"exit"`
			Link    string        `json:"link,omitempty"`
			Verdict judge.Verdict `json:"verdict"`
		}{c.Gate, t.Answer, int(code), t.Link, t.Verdict})
		if err != nil {
			return err
		}
		_, err = io.WriteString(s.err, conclusion(c.Gate, t))
		return err
	}
	if err := c.write(s.out, t.Verdict); err != nil {
		return err
	}
	_, err := io.WriteString(s.out, "\n"+conclusion(c.Gate, t))
	return err
}

// conclusion is the answer in a sentence, and the link.
func conclusion(gate string, t pipeline.Told) string {
	word := "undecided"
	switch {
	case t.Yes:
		word = "yes"
	case t.RollBack:
		word = "no, roll back"
	}
	text := shorten(gate+": "+word+": "+strings.Join(strings.Fields(t.Reason), " "), 400) + "\n"
	if t.Link != "" {
		text += t.Link + "\n"
	}
	return text
}

// shorten cuts a text to a number of characters.
func shorten(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// announcement says who is on trial.
func (c askCmd) announcement(w io.Writer, now time.Time) (pipeline.Announcement, error) {
	which, err := c.which(w)
	a := pipeline.Announcement{
		Controller: pipeline.Controller, Service: which.Service, Namespace: which.Namespace, Revision: which.Revision,
		Plan: c.Plan, Comparison: rollout.Comparison(c.Comparison), Watch: c.Watch,
		Baseline: rollout.Arm{Version: c.BaselineVersion}, Canary: rollout.Arm{Version: c.CanaryVersion, URL: c.CanaryURL},
	}
	if err != nil {
		return a, err
	}
	if c.Since != "" {
		if a.Started, err = parseSince(c.Since, now); err != nil {
			return a, err
		}
	}
	if err := addLabels("baseline-label", &a.Baseline, c.BaselineLabel); err != nil {
		return a, err
	}
	return a, addLabels("canary-label", &a.Canary, c.CanaryLabel)
}

// which returns whose rollout it is, and says what was taken from the environment.
func (c onServer) which(w io.Writer) (pipeline.Which, error) {
	name := pipeline.Which{Service: c.Service, Namespace: c.Namespace, Revision: c.Revision}
	for _, f := range []struct {
		to   *string
		what string
		fact pipeline.Fact
	}{
		{&name.Service, "service", pipeline.Service(os.Getenv)},
		{&name.Revision, "revision", pipeline.Revision(os.Getenv)},
	} {
		switch {
		case *f.to != "":
		case f.fact.From == "":
			return name, fmt.Errorf("nothing says which %s it is; add --%[1]s, or set SERIN_%s", f.what, strings.ToUpper(f.what))
		default:
			*f.to = f.fact.Value
			fmt.Fprintf(w, "The %s is %s, from %s.\n", f.what, f.fact.Value, f.fact.From)
		}
	}
	return name, nil
}

// asker opens what asks the server, and shows on a live line what goes on.
func (c onServer) asker(live *screen.Live) (*pipeline.Asker, error) {
	token, err := tokenOf(c.TokenFile)
	if err != nil {
		return nil, err
	}
	server, err := pipeline.NewServer(c.Server, token)
	if err != nil {
		return nil, err
	}
	a := pipeline.NewAsker(server)
	a.Say = live.Say
	a.Progress = func(fraction float64, v judge.Verdict) { live.Update(fraction, report.Line(v, 300)) }
	return a, nil
}
