package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/synthetics"
	"github.com/serin-canary/serin/judge/plan"
)

// exportSyntheticsCmd prints an HTTP check as a test of Datadog's.
type exportSyntheticsCmd struct {
	exportOut
	Plan   string `short:"p" required:"" placeholder:"FILE" help:"The plan that has the check."`
	Target string `short:"t" required:"" placeholder:"URL" help:"Where the canary is: what the plan calls .Canary.URL."`
	Check  string `placeholder:"NAME" help:"The check, where the plan has more than one of kind http."`

	Name         string        `placeholder:"TEXT" help:"The test's name. Default: the check's."`
	Location     []string      `required:"" placeholder:"NAME" help:"Where it runs: aws:us-east-1; repeat it, or write names with commas."`
	Message      string        `placeholder:"TEXT" help:"What its monitor says, and whom it tells: Canary health check failed @pagerduty."`
	Tag          []string      `placeholder:"TAG" help:"A tag, such as env:canary; repeat it, or write tags with commas."`
	Every        time.Duration `default:"1m" help:"How often it runs."`
	MinFailure   time.Duration `default:"0s" help:"For how long it must fail before its monitor alerts."`
	MinLocations int           `default:"1" help:"At how many locations."`
	Paused       bool          `help:"It does not run by itself, but when a check triggers it."`

	Create bool   `help:"Create the test, and print its public ID. The keys are those of --config, or DD_API_KEY and DD_APP_KEY (and DD_SITE)."`
	Config string `short:"c" placeholder:"FILE" help:"A server's configuration, whose datadog: says where the keys are."`
}

// Help implements kong.HelpProvider.
func (exportSyntheticsCmd) Help() string {
	return `Examples:

    serin export synthetics -p smoke.yaml -t https://myapp-canary.example.com --check health \
        --location aws:us-east-1,aws:us-west-2 --tag env:canary --message "Canary health check failed @pagerduty"
    serin export synthetics -p smoke.yaml -t "$URL" --check health --location aws:us-east-1 --create

It prints the body of POST /api/v1/synthetics/tests/api. With --create it makes that call and prints the
test's public ID, which a check of kind synthetics names:

    synthetics: { tests: [abc-def-ghi], startUrl: "{{ .Canary.URL }}/health" }

What of the check a test of Datadog's cannot say is said on standard error. A check with secrets is refused:
write a global variable of Datadog, {{ NAME }} in its own language, into the test by hand.`
}

// Validate implements kong's check of what was parsed.
func (c exportSyntheticsCmd) Validate(*kong.Context) error {
	switch {
	case c.Target == "":
		return nil // kong says so
	case c.Every < 30*time.Second || c.Every > 7*24*time.Hour:
		return fmt.Errorf("--every %s is not within 30s and 168h", c.Every)
	case c.MinFailure < 0 || c.MinLocations < 1:
		return errors.New("--min-failure cannot be negative, and --min-locations is at least 1")
	}
	return baseURL("target", c.Target)
}

// Run implements the command.
func (c exportSyntheticsCmd) Run(ctx context.Context, s *streams) error {
	p, err := loadPlan(c.Plan)
	if err != nil {
		return err
	}
	spec, err := c.find(p)
	if err != nil {
		return err
	}
	target := checkRunCmd{Target: c.Target}.target(p)
	draft, err := synthetics.NewDraft(spec, target, synthetics.Design{
		Name: c.Name, Locations: c.Location, Message: c.Message, Tags: c.Tag, Every: c.Every,
		Failing: c.MinFailure, FailingAt: c.MinLocations, Paused: c.Paused,
	})
	if err != nil {
		return err
	}
	tell(s, "not in the test", draft.LeftOut)
	if !c.Create {
		text, err := draft.JSON()
		if err != nil {
			return err
		}
		return c.write(s, exported{spec.Name + ".json", text})
	}
	where := app.DatadogOfEnvironment()
	if c.Config != "" {
		cfg, err := app.Read(c.Config)
		if err != nil {
			return err
		}
		where = cfg.Datadog
	}
	id, err := where.Synthetics().Create(ctx, draft)
	if err != nil {
		return err
	}
	return c.write(s, exported{spec.Name + ".id", []byte(id + "\n")})
}

// find returns the check that is meant.
func (c exportSyntheticsCmd) find(p plan.Plan) (checks.Spec, error) {
	var names []string
	for _, s := range p.Checks {
		if s.HTTP != nil {
			names = append(names, s.Name)
		}
	}
	name := c.Check
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	i := slices.IndexFunc(p.Checks, func(s checks.Spec) bool { return s.Name == name })
	switch {
	case len(names) == 0:
		return checks.Spec{}, fmt.Errorf("%s has no check of kind http, of which a test could be made", c.Plan)
	case i < 0:
		return checks.Spec{}, fmt.Errorf("--check names one of the plan's HTTP checks: %s", strings.Join(names, ", "))
	}
	return p.Checks[i], nil
}
