package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/serin-canary/serin/cmd/serin/argo"
	"github.com/serin-canary/serin/judge/plan"
)

// exportCmd groups what is written for others to read.
type exportCmd struct {
	Argo       exportArgoCmd       `cmd:"" help:"Print what Argo Rollouts is told of Serin."`
	Dashboard  exportDashboardCmd  `cmd:"" help:"Print a dashboard for Grafana: of a rollout, of a service, of all."`
	Alerts     exportAlertsCmd     `cmd:"" help:"Print a rollout's alert rules, and their unit tests."`
	Synthetics exportSyntheticsCmd `cmd:"" help:"Print a plan's HTTP check as a test of Datadog Synthetics, or create it."`
	Mixin      exportMixinCmd      `cmd:"" help:"Print what watches Serin itself: a dashboard and alert rules."`
}

// exportArgoCmd groups what is written for Argo Rollouts.
type exportArgoCmd struct {
	Templates     exportTemplatesCmd     `cmd:"" default:"withargs" help:"Print AnalysisTemplates for plans (default)."`
	Notifications exportNotificationsCmd `cmd:"" help:"Print the notifications that open and close rollouts."`
}

// Help implements kong.HelpProvider.
func (exportArgoCmd) Help() string {
	return `Examples:

    serin export argo --plan plans/checkout.yaml --secret serin/token | kubectl apply -n shop -f -
    serin export argo --plan checkout --gate guard
    serin export argo notifications --secret serin-token

The first prints a gate: an AnalysisTemplate that lets a Rollout wait, between two steps, until
Serin says pass or fail. "serin export argo templates --help" explains its flags,
"serin export argo notifications --help" the other way in.`
}

// exportTemplatesCmd prints AnalysisTemplates.
type exportTemplatesCmd struct {
	Plan     []string      `required:"" placeholder:"FILE|NAME" help:"A plan file, or a plan's name in --plans. Repeat it for several templates."`
	Plans    string        `placeholder:"DIR" default:"${plans}" help:"The folder in which plans are looked up by name (default ${plans})."`
	Provider string        `placeholder:"NAME" help:"How Argo asks: web (default), plugin (Serin's, which must be installed) or kayenta."`
	Idiom    string        `placeholder:"a|b|c" help:"How the web provider asks: a polls (default), b waits by errors, c guards in the background."`
	Gate     string        `placeholder:"NAME" help:"When it passes: promotion (default), step or guard. A Rollout's argument gate overrides it."`
	URL      string        `placeholder:"URL" help:"Where the cluster reaches Serin (default http://serin.serin)."`
	Secret   string        `placeholder:"NAME/KEY" help:"The Secret, in the Rollout's namespace, that has one of Serin's tokens."`
	Name     string        `placeholder:"NAME" help:"The template's name (default serin-PLAN)."`
	Patience time.Duration `placeholder:"DURATION" help:"How long Serin may be away before the Rollout is aborted (default 10m)."`
}

// Help implements kong.HelpProvider.
func (exportTemplatesCmd) Help() string {
	return `Examples:

    serin export argo templates --plan plans/checkout.yaml --secret serin/token
    serin export argo --plan checkout --plan payments --plans ./plans
    serin export argo --plan checkout --idiom b                       # Argo before 1.8
    serin export argo --plan checkout --gate guard                    # in the background
    serin export argo --plan checkout --provider plugin

  a   polls until there is a pass or a fail; Argo 1.8 or later. An inconclusive end looks like
      "running" and pauses the Rollout at last.
  b   waits by errors, which Argo repeats and does not count; every version. An inconclusive end
      pauses the Rollout at once. It looks like trouble while it waits.
  c   looks for failure alone, in the background, and never ends the waiting of anything.

How often and how long Argo asks follows from the plan: its block, maxDuration and, where it
holds at the deadline, holdFor. The comments say which number is from where. Export again when
these change.`
}

// Run implements the command.
func (c exportTemplatesCmd) Run(s *streams) error {
	var secret argo.Secret
	if c.Secret != "" {
		var err error
		if secret, err = argo.ParseSecret(c.Secret); err != nil {
			return fmt.Errorf("--secret: %w", err)
		}
	}
	if c.Name != "" && len(c.Plan) > 1 {
		return fmt.Errorf("--name names one template, and --plan gives %d; leave it out, or export one at a time", len(c.Plan))
	}
	var docs [][]byte
	for _, name := range c.Plan {
		p, err := c.find(name)
		if err != nil {
			return err
		}
		doc, err := argo.Template{
			Plan: p, Name: c.Name, Provider: c.Provider, Idiom: c.Idiom, Gate: c.Gate, URL: c.URL, Secret: secret,
			Patience: c.Patience, Command: c.command(name),
		}.YAML()
		if err != nil {
			return fmt.Errorf("plan %s: %w", p.Name, err)
		}
		docs = append(docs, doc)
	}
	for i, doc := range docs {
		if i > 0 {
			if _, err := fmt.Fprintln(s.out, "---"); err != nil {
				return err
			}
		}
		if _, err := s.out.Write(doc); err != nil {
			return err
		}
	}
	return nil
}

// find loads a plan: a file, or by its name out of the folder of plans.
func (c exportTemplatesCmd) find(name string) (plan.Plan, error) {
	if ext := filepath.Ext(name); ext == ".yaml" || ext == ".yml" || strings.ContainsRune(name, filepath.Separator) {
		return loadPlan(name)
	}
	set, err := plan.LoadSet(os.DirFS(c.Plans))
	if err != nil {
		return plan.Plan{}, fmt.Errorf("--plan %s is looked up in --plans %s: %w", name, c.Plans, err)
	}
	p, err := set.Find(name, "", "")
	if err != nil {
		return p, fmt.Errorf("%w; known in %s are: %s", err, c.Plans, strings.Join(set.Names(), ", "))
	}
	return p, nil
}

// command is the command line that printed one template.
func (c exportTemplatesCmd) command(name string) string {
	patience := ""
	if c.Patience > 0 {
		patience = short(plan.Duration(c.Patience))
	}
	return commandLine("serin export argo", []flagged{
		{"plan", name}, {"provider", c.Provider}, {"idiom", c.Idiom}, {"gate", c.Gate}, {"url", c.URL}, {"secret", c.Secret},
		{"name", c.Name}, {"patience", patience},
	})
}

// exportNotificationsCmd prints the notifications' ConfigMap.
type exportNotificationsCmd struct {
	URL       string `placeholder:"URL" help:"Where Argo's controller reaches Serin (default http://serin.serin)."`
	Secret    string `placeholder:"KEY" help:"The key of argo-rollouts-notification-secret that has one of Serin's tokens."`
	Namespace string `placeholder:"NAME" help:"The namespace of Argo's controller (default argo-rollouts)."`
}

// Help implements kong.HelpProvider.
func (exportNotificationsCmd) Help() string {
	var events strings.Builder
	for _, e := range argo.Events() {
		fmt.Fprintf(&events, "    %-26s %s\n", e.Trigger, e.Does)
	}
	return `Examples:

    serin export argo notifications --secret serin-token | kubectl apply --server-side --field-manager=serin -f -

Argo's controller then tells Serin what a Rollout does, where polls alone would not: which weight
it is at, and that it is over. A Rollout subscribes by one annotation:

    notifications.argoproj.io/subscribe.serin: ""

` + events.String() + `
Notifications decide nothing. What is judged may still be asked by analyses, which find the
rollout that a notification opened, and open it themselves where none came.`
}

// Run implements the command.
func (c exportNotificationsCmd) Run(s *streams) error {
	doc, err := argo.Notifications{
		URL: c.URL, Key: c.Secret, Namespace: c.Namespace,
		Command: commandLine("serin export argo notifications", []flagged{{"url", c.URL}, {"secret", c.Secret}, {"namespace", c.Namespace}}),
	}.YAML()
	if err != nil {
		return err
	}
	_, err = s.out.Write(doc)
	return err
}

// flagged is a flag and its value, empty where it was not given.
type flagged struct{ name, value string }

// commandLine writes a command as it can be run again. It goes into a comment, so
// that it is one line whatever a value holds.
func commandLine(command string, flags []flagged) string {
	for _, f := range flags {
		if f.value == "" {
			continue
		}
		if strings.ContainsFunc(f.value, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:,@", r)
		}) {
			f.value = strconv.Quote(f.value)
		}
		command += " --" + f.name + " " + f.value
	}
	return command
}
