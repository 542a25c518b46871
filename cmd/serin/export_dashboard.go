package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/serin-canary/serin/dashboards"
	boardplaces "github.com/serin-canary/serin/dashboards/publish"
)

// exportDashboardCmd prints dashboards.
type exportDashboardCmd struct {
	exportOf
	exportOut
	Fleet     bool   `xor:"of" help:"The board of all rollouts."`
	Service   string `xor:"of" placeholder:"NAME" help:"The standing board of a service."`
	Namespace string `placeholder:"NAME" help:"The service's namespace (with --service)."`

	Format          string `enum:"json,resource,configmap,operator" default:"json" help:"json (default), resource (Grafana's own API, second schema), configmap (for a sidecar) or operator (GrafanaDashboard)."`
	Folder          string `placeholder:"NAME" help:"The folder in Grafana that manifests name."`
	ObjectNamespace string `placeholder:"NAME" help:"The namespace of a manifest."`
}

// Help implements kong.HelpProvider.
func (exportDashboardCmd) Help() string {
	return `Examples:

    serin export dashboard --plan checkout.yaml --self 'job="serin"' > board.json
    serin export dashboard --rollout qk3v5zgq7xmh2b4t --journal serin.db -o boards/
    serin export dashboard --plan checkout --format configmap --object-namespace monitoring | kubectl apply -f -
    serin export dashboard --fleet --self 'job="serin"' -o boards/
    serin export dashboard --service checkout --namespace shop

It is what a server publishes by itself (publish: in its configuration), drawn by the same code. With
--plan it is drawn for a rollout that begins now, to see what on-call will see before there is one. The
arms are the plan's; --baseline-label and --canary-label say what the plan leaves to the controller.

  json       to import by hand, or for provisioning from files
  resource   for kubectl-like clients of Grafana 12 and later: dashboard.grafana.app
  configmap  for the usual sidecar, which looks for the label grafana_dashboard
  operator   a GrafanaDashboard of the Grafana operator

What a panel cannot be drawn for is said on standard error.`
}

// Run implements the command.
func (c exportDashboardCmd) Run(ctx context.Context, s *streams) error {
	b, err := c.draw(ctx, s)
	if err != nil {
		return err
	}
	text, err := boardplaces.Write(b, boardplaces.Format(c.Format), boardplaces.ManifestOptions{Namespace: c.ObjectNamespace, Labels: c.Label, Folder: c.Folder})
	if err != nil {
		return err
	}
	tell(s, "left out of the dashboard", b.LeftOut)
	ending := ".json"
	if c.Format == string(boardplaces.ConfigMap) || c.Format == string(boardplaces.Operator) {
		ending = ".yaml"
	}
	return c.write(s, exported{b.UID + ending, text})
}

func (c exportDashboardCmd) draw(ctx context.Context, s *streams) (dashboards.Board, error) {
	if !c.Fleet && c.Service == "" {
		if c.Namespace != "" {
			return dashboards.Board{}, errors.New("--namespace is that of --service; a plan or a rollout has its own")
		}
		sum, p, err := c.find(ctx, s)
		if err != nil {
			return dashboards.Board{}, err
		}
		pub, err := c.publishing()
		if err != nil {
			return dashboards.Board{}, err
		}
		return pub.Draw(sum, p)
	}
	self, err := c.self()
	if err != nil {
		return dashboards.Board{}, err
	}
	standing := dashboards.Standing{Self: self, Server: c.BaseURL}
	if c.Service != "" {
		return dashboards.Service(standing, c.Namespace, c.Service)
	}
	if c.Namespace != "" {
		return dashboards.Board{}, fmt.Errorf("--namespace is that of --service; the board of all rollouts shows every one")
	}
	return dashboards.Fleet(standing)
}
