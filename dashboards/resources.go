package dashboards

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// mostPods bounds the lines of a graph by pod.
const mostPods = "10"

// resourceRow shows what pods use, and the limits: folded, since it has a line for
// each pod.
func (s Subject) resourceRow(sh *sheet) {
	id := uint32(idResources)
	sh.row(id, "Resources by pod, and limits", true)
	for _, m := range s.Plan.Metrics {
		if decides(m) && m.Of == "" && m.Kind != plan.Gauge {
			continue
		}
		id++
		d, err := s.read(m)
		if err == nil {
			err = s.byPod(sh, id, d)
		}
		if err != nil {
			sh.leave("resource %s: %v", m.Name, err)
		}
	}
	id = idResources + 500
	for _, l := range s.Plan.Limits {
		if l.Metric != "" {
			continue // it is drawn with its metric
		}
		id++
		if err := s.limit(sh, id, l); err != nil {
			sh.leave("limit %s: %v", l.Name, err)
		}
	}
}

// byPod shows a metric of both arms pod by pod.
func (s Subject) byPod(sh *sheet, id uint32, d drawn) error {
	p := panel{
		key: d.Name + " by pod", title: name(d.Metric) + ", by pod", unit: unit(d.Metric, d.canary.Kind),
		description: fmt.Sprintf("The %s pods of each arm with the highest values. %s", mostPods, plain(d.Description)),
	}
	d.of = nil // of each pod, what it uses
	for _, canary := range []bool{true, false} {
		arm := seriesBaseline
		if canary {
			arm = seriesCanary
		}
		by := []string{"pod"}
		expr, err := d.show(canary, queries.View{What: queries.ShowValue, By: by})
		if err != nil {
			return err
		}
		if d.canary.Kind == queries.Gauge {
			if expr, err = each(expr, "pod"); err != nil {
				return err
			}
		}
		p.targets = append(p.targets, target{expr: "topk(" + mostPods + ", " + expr + ")", legend: arm + " {{pod}}{{instance}}"})
	}
	sh.put(id, 12, 8, p.armsByPattern())
	return nil
}

// each keeps a label through the aggregations of a gauge, which is the only kind that
// is shown as it was written.
func each(expr, label string) (string, error) {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return "", fmt.Errorf("dashboards: %w", err)
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok && !a.Without && !slices.Contains(a.Grouping, label) {
			a.Grouping = append(a.Grouping, label)
		}
		return nil
	})
	return e.String(), nil
}

// armsByPattern colours the lines of many pods by their arm.
func (p panel) armsByPattern() panel {
	p.patterns = []override{
		{"/^" + seriesCanary + "/", []dashboard.DynamicConfigValue{fixed(orange)}},
		{"/^" + seriesBaseline + "/", []dashboard.DynamicConfigValue{fixed(blue)}},
	}
	return p
}

// limit shows what a limit bounds.
func (s Subject) limit(sh *sheet, id uint32, l plan.Limit) error {
	r, err := l.Scoped(plan.Arm(s.Rollout.Canary))
	if err != nil {
		return err
	}
	expr, err := r.Show(queries.View{What: queries.ShowValue, Over: rateInterval})
	if err != nil {
		return err
	}
	title := l.Title
	if title == "" {
		title = l.Name
	}
	p := panel{
		key: "limit " + l.Name, title: title, unit: unit(plan.Metric{Unit: l.Unit}, r.Kind), steps: steps(green),
		description: "A limit outside the statistics: crossing it rolls back.",
		targets:     []target{{expr: expr, legend: seriesCanary + " {{pod}}{{instance}}"}},
	}
	switch {
	case l.Growth || l.Fraction:
		p.description += " It bounds the change since the start, which this graph shows as a step."
	case l.Above != nil:
		p.steps, p.lines, p.max = steps(green, *l.Above, red), true, cog.ToPtr(*l.Above*1.2)
	case l.Below != nil:
		p.steps, p.lines = steps(red, *l.Below, green), true
	}
	sh.put(id, 12, 8, p.armsByPattern())
	return nil
}
