package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/serin-canary/serin/alerts"
	alertplaces "github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge/plan"
)

// exportAlertsCmd prints alert rules.
type exportAlertsCmd struct {
	exportOf
	exportOut
	Format string `enum:"rules,prometheusrule,mimir,grafana,tests,alertmanager" default:"rules" help:"rules (default), prometheusrule, mimir, grafana, tests or alertmanager."`

	ObjectNamespace string            `placeholder:"NAME" help:"The namespace of a PrometheusRule."`
	ObjectLabel     map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"A label of a PrometheusRule, such as release=prometheus; repeat it."`
	FolderUID       string            `name:"folder-uid" placeholder:"UID" help:"grafana: the folder of the rules."`
	SourceUID       string            `name:"source-uid" placeholder:"UID" help:"grafana: the data source that is asked."`
	SerinURL        string            `name:"serin-url" placeholder:"URL" help:"alertmanager: where it reaches Serin (default http://serin.serin)."`
	TokenFile       string            `placeholder:"FILE" help:"alertmanager: where it finds Serin's token."`
}

// Help implements kong.HelpProvider.
func (exportAlertsCmd) Help() string {
	return `Examples:

    serin export alerts --plan checkout.yaml --self 'job="serin"' -o rules/
    serin export alerts --plan checkout.yaml --format tests -o rules/ && promtool test rules rules/*_test.yml
    serin export alerts --rollout qk3v5zgq7xmh2b4t --journal serin.db
    serin export alerts --plan checkout --format prometheusrule --object-label release=prometheus | kubectl apply -f -
    serin export alerts --plan checkout.yaml --format alertmanager --token-file /etc/alertmanager/serin-token

They are what a server publishes by itself (publish: in its configuration), written by the same code. With
--plan they are those of a rollout that begins now, or at --since, and fall silent some time after its end.

  rules           a rule file of Prometheus
  prometheusrule  the same for the Prometheus operator
  mimir           one group, as the ruler's API of Mimir or Cortex takes it; several documents beyond 20 rules
  grafana         a group of Grafana's own, as its provisioning API takes it; needs --folder-uid and --source-uid
  tests           the rule file, and its unit tests for promtool; needs --output DIR/
  alertmanager    how alerts that the plan heeds reach Serin, and what need not page twice

What no rule can be written for is said on standard error.`
}

// Run implements the command.
func (c exportAlertsCmd) Run(ctx context.Context, s *streams) error {
	if c.Format == "alertmanager" {
		return c.route(ctx, s)
	}
	sum, p, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	pub, err := c.publishing()
	if err != nil {
		return err
	}
	set, err := pub.Rules(sum, p)
	if err != nil {
		return err
	}
	tell(s, "no rule", set.LeftOut)
	if c.Format == "tests" {
		return c.tests(s, set)
	}
	text, ending, err := c.text(set)
	if err != nil {
		return err
	}
	return c.write(s, exported{set.Name() + ending, text})
}

// text writes the rules in a format.
func (c exportAlertsCmd) text(set alerts.Set) (text []byte, ending string, err error) {
	switch c.Format {
	case "prometheusrule":
		text, err = set.Manifest(alerts.ManifestOptions{Namespace: c.ObjectNamespace, Labels: c.ObjectLabel})
		return text, ".yaml", err
	case "mimir":
		text, err = alertplaces.GroupsYAML(set)
		return text, ".yaml", err
	case "grafana":
		if c.FolderUID == "" || c.SourceUID == "" {
			return nil, "", errors.New("rules of Grafana's name a folder and a data source; add --folder-uid UID and --source-uid UID")
		}
		text, err = alertplaces.GroupJSON(set, c.FolderUID, c.SourceUID)
		return text, ".json", err
	}
	text, err = set.YAML()
	return text, ".yml", err
}

// tests writes the rules and their unit tests, which name the rule file.
func (c exportOut) tests(s *streams, set alerts.Set) error {
	rules, err := set.YAML()
	if err != nil {
		return err
	}
	tests, untested, err := set.Tests()
	if err != nil {
		return err
	}
	tell(s, "no unit test can be made up", untested)
	files := []exported{{set.Name() + ".yml", rules}}
	for _, t := range tests {
		files = append(files, exported{t.Name, t.Data})
	}
	return c.write(s, files...)
}

// route prints what an Alertmanager is told. It needs the plan alone.
func (c exportAlertsCmd) route(ctx context.Context, s *streams) error {
	if c.Rollout == "" && c.Plan == "" {
		return errors.New("say of what: --plan FILE, or --rollout ID with --journal")
	}
	find := func() (p plan.Plan, err error) { return exportTemplatesCmd{Plans: c.Plans}.find(c.Plan) }
	if c.Rollout != "" {
		find = func() (p plan.Plan, err error) { _, p, err = c.recorded(ctx, s); return p, err }
	}
	p, err := find()
	if err != nil {
		return err
	}
	text, err := alerts.Route(p, alerts.RouteOptions{URL: c.SerinURL, CredentialsFile: c.TokenFile})
	if err != nil {
		return err
	}
	return c.write(s, exported{"alertmanager-" + p.Name + ".yml", text})
}

// exportMixinCmd prints what watches Serin itself.
type exportMixinCmd struct {
	exportLinks
	exportOut
	Format string `enum:"rules,prometheusrule,tests,dashboard,all" default:"all" help:"all (default: every file, with --output DIR/), rules, prometheusrule, tests or dashboard."`
}

// Help implements kong.HelpProvider.
func (exportMixinCmd) Help() string {
	return `Examples:

    serin export mixin --self 'job="serin"' -o deploy/mixin/
    serin export mixin --self 'job="serin"' --format rules > serin.yml && promtool check rules serin.yml
    serin export mixin --format prometheusrule --label team=delivery | kubectl apply -f -

The mixin is the board of all rollouts and the alerts about Serin itself: it is gone, its journal cannot be
read, nobody looks at a live rollout, work is late or was given up, dashboards and rules cannot be published,
a metrics store rests or is slow, looks are shed, answers are errors. Nothing publishes it but you: what is
broken cannot be trusted to keep its own alarm.`
}

// Run implements the command.
func (c exportMixinCmd) Run(s *streams) error {
	self, err := c.self()
	if err != nil {
		return err
	}
	set, err := alerts.Mixin(alerts.MixinOptions{Self: self, Runbook: c.Runbook, Labels: c.Label})
	if err != nil {
		return err
	}
	board, err := dashboards.Fleet(dashboards.Standing{Self: self, Server: c.BaseURL})
	if err != nil {
		return err
	}
	json, err := board.JSON()
	if err != nil {
		return err
	}
	file := exported{board.UID + ".json", json}
	switch c.Format {
	case "dashboard":
		return c.write(s, file)
	case "tests":
		return c.tests(s, set)
	case "all":
		if !c.folder() {
			return fmt.Errorf("the mixin is several files; add --output DIR/, or choose one with --format rules or --format dashboard")
		}
		if err := c.write(s, file); err != nil {
			return err
		}
		return c.tests(s, set)
	}
	text, ending, err := exportAlertsCmd{Format: c.Format}.text(set)
	if err != nil {
		return err
	}
	return c.write(s, exported{set.Name() + ending, text})
}
