package dashboards

import (
	"fmt"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/serin-canary/serin/judge/plan"
)

// Numbers of panels: those of the first row, then a hundred for each metric, so that
// a metric's panels keep theirs whatever else a board has.
const (
	idVerdict   = 1
	idMetrics   = 100
	perMetric   = 10
	idResources = 5000
	idEvidence  = 6000
)

// Draw draws a rollout's board.
func Draw(s Subject) (Board, error) {
	if err := s.check(); err != nil {
		return Board{}, err
	}
	sh := newSheet()
	s.verdictRow(sh)
	for i, m := range s.judged() {
		s.metricRow(sh, uint32(idMetrics+i*perMetric), m)
	}
	s.evidenceRow(sh)
	s.resourceRow(sh)
	if sh.err != nil {
		return Board{}, sh.err
	}
	b := Board{UID: UID(s.Rollout.ID), Title: s.title(), LeftOut: sh.left}
	d := dashboard.NewDashboard()
	d.Uid, d.Title, d.Tags = &b.UID, &b.Title, Tags(s.Rollout)
	d.Description = cog.ToPtr(fmt.Sprintf("Written by Serin for rollout %s of %s. Changes made here are overwritten.", s.Rollout.ID, plain(s.Rollout.Service)))
	d.Editable, d.GraphTooltip = cog.ToPtr(false), cog.ToPtr(dashboard.DashboardCursorSyncCrosshair)
	d.Timezone = cog.ToPtr("utc")
	d.Panels = sh.panels()
	d.Time, d.Refresh = s.clock()
	vs, err := variables(dataSource(), constant("rollout", s.Rollout.ID), constant("service", s.Rollout.Service), constant("namespace", s.Rollout.Namespace))
	if err != nil {
		return Board{}, err
	}
	d.Templating = dashboard.DashboardDashboardTemplating{List: vs}
	if d.Annotations, err = annotations(s.Rollout.ID); err != nil {
		return Board{}, err
	}
	d.Links = s.boardLinks()
	b.d = *d
	return b, nil
}

// title says how it stands, so that a list of boards does too.
func (s Subject) title() string {
	name := s.Rollout.Service + " " + s.Rollout.Revision
	if s.Rollout.Namespace != "" {
		name = s.Rollout.Namespace + "/" + name
	}
	name = heading(name)
	switch {
	case s.Closed.IsZero():
		return "Canary: " + name
	case s.Verdict.Outcome == "":
		return "Canary: " + name + " (ended, never judged)"
	}
	return "Canary: " + name + " (" + s.Verdict.Outcome + ")"
}

// before is how much of the baseline's past a board shows.
const before = 15 * time.Minute

// clock returns the time range and how often it is refreshed. That of a closed rollout
// is fixed: whoever opens it next week sees what was judged.
func (s Subject) clock() (*dashboard.DashboardDashboardTime, *string) {
	t := dashboard.NewDashboardDashboardTime()
	if s.Closed.IsZero() {
		t.From, t.To = "now-1h", "now"
		every := "30s"
		if s.Plan.Block.D() < 10*time.Second {
			t.From, every = "now-15m", "5s"
		}
		return t, &every
	}
	past := min(before, 20*s.Plan.Block.D())
	t.From = s.Rollout.Started.Add(-past).UTC().Format(time.RFC3339)
	t.To = s.Closed.Add(past / 3).UTC().Format(time.RFC3339)
	never := ""
	return t, &never
}

// judged lists the metrics that have a row of their own, what counts first: those that
// decide anything. The others are among the resources.
func (s Subject) judged() []plan.Metric {
	var first, second []plan.Metric
	for _, m := range s.Plan.Metrics {
		switch {
		case m.Kind == plan.Errors || m.Kind == plan.Latency || m.Critical:
			first = append(first, m)
		case decides(m):
			second = append(second, m)
		}
	}
	return append(first, second...)
}

// decides reports whether a metric can change a verdict.
func decides(m plan.Metric) bool {
	return m.Weight > 0 || m.Required || m.Critical || m.Kind == plan.Rate
}

// Panels returns the number of the panel that compares both arms, by metric: alerts
// link to it.
func Panels(p plan.Plan) map[string]int {
	out := map[string]int{}
	for i, m := range (Subject{Plan: p}).judged() {
		out[m.Name] = idMetrics + i*perMetric + 1
	}
	return out
}

// tagFleet marks the board of all rollouts.
const tagFleet = "serin-fleet"

// annotations are the rollout's steps and verdicts, as Serin writes them into
// Grafana. They are found by the tag, so that a team's own boards can show them too.
func annotations(id string) (dashboard.AnnotationContainer, error) {
	target := map[string]any{"type": "tags", "tags": []string{"rollout:" + id}, "matchAny": false, "limit": 100}
	q, err := dashboard.NewAnnotationQueryBuilder().Name("steps and verdicts").Enable(true).IconColor(orange).
		Datasource(common.DataSourceRef{Type: cog.ToPtr("grafana"), Uid: cog.ToPtr("-- Grafana --")}).Build()
	if err != nil {
		return dashboard.AnnotationContainer{}, fmt.Errorf("dashboards: %w", err)
	}
	q.Target, q.Placement = variants.UnknownDataquery(target), nil // no builder makes a query of annotations
	return dashboard.AnnotationContainer{List: []dashboard.AnnotationQuery{q}}, nil
}

func (s Subject) boardLinks() []dashboard.DashboardLink {
	var out []dashboard.DashboardLink
	for _, l := range s.links() {
		out = append(out, dashboard.DashboardLink{
			Title: l.title, Type: dashboard.DashboardLinkTypeLink, Icon: "external link", Url: cog.ToPtr(l.url), TargetBlank: true, Tags: []string{},
		})
	}
	fleet := dashboard.DashboardLink{
		Title: "All rollouts", Type: dashboard.DashboardLinkTypeDashboards, Icon: "external link", Tags: []string{tagFleet}, KeepTime: true,
	}
	return append(out, fleet)
}

func (s Subject) links() []link {
	var out []link
	if s.Links.Report != "" {
		out = append(out, link{"Report", s.Links.Report})
	}
	if s.Links.Runbook != "" {
		out = append(out, link{"Runbook", s.Links.Runbook})
	}
	return out
}
