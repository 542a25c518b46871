package dashboards

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// rateInterval is the range of rates: Grafana makes it at least four scrapes wide.
const rateInterval = "$__rate_interval"

// drawn is a metric read for both arms.
type drawn struct {
	plan.Metric
	canary, baseline queries.Reading
	of               *drawn
}

// read reads a metric for both arms. Its error is for people: the board shows it.
func (s Subject) read(m plan.Metric) (drawn, error) {
	d := drawn{Metric: m}
	if m.Query.Lang != queries.PromQL {
		return d, fmt.Errorf("its query is in %s, which this board cannot draw", m.Query.Lang)
	}
	var err error
	if d.canary, err = m.Scoped(plan.Arm(s.Rollout.Canary)); err != nil {
		return d, err
	}
	if d.baseline, err = m.Scoped(plan.Arm(s.Rollout.Baseline)); err != nil {
		return d, err
	}
	if m.Of == "" {
		return d, nil
	}
	for _, other := range s.Plan.Metrics {
		if other.Name == m.Of && other.Of == "" {
			of, err := s.read(other)
			if err != nil {
				return d, err
			}
			d.of = &of
		}
	}
	return d, nil
}

// show writes a view of one arm.
func (d drawn) show(canary bool, v queries.View) (string, error) {
	r := d.baseline
	if canary {
		r = d.canary
	}
	if v.Over == "" {
		v.Over = rateInterval
	}
	text, err := r.Show(v)
	switch {
	case err != nil:
		return "", err
	case r.Kind == queries.Gauge && len(v.By) == 0:
		return "avg(" + text + ")", nil
	case d.of != nil && v.What == queries.ShowValue:
		events, err := d.of.show(canary, queries.View{What: d.of.eventsView(), Over: v.Over, By: v.By})
		return text + " / (" + events + ")", err
	}
	return text, nil
}

// eventsView is the view that tells a metric's events per second.
func (d drawn) eventsView() queries.Shown {
	if d.canary.Kind == queries.Counter {
		return queries.ShowValue
	}
	return queries.ShowRate
}

// name is a metric's title.
func name(m plan.Metric) string {
	if m.Title != "" {
		return heading(m.Title)
	}
	return heading(m.Name)
}

// metricRow draws one metric: both arms in one graph with what is tolerated, their
// ratio, how much it rests on and, for durations, how they are spread.
func (s Subject) metricRow(sh *sheet, id uint32, m plan.Metric) {
	sh.row(id, rowTitle(m), false)
	d, err := s.read(m)
	if err == nil {
		err = s.metricPanels(sh, id, d)
	}
	if err != nil {
		sh.leave("metric %s: %v", m.Name, err)
		sh.put(id+9, width, 3, panel{
			key: m.Name + " left out", form: formText, title: name(m), description: "Why this metric is not drawn.",
			content: "This metric is judged, and cannot be drawn here: " + plain(err.Error()) + ".",
		})
	}
}

func rowTitle(m plan.Metric) string {
	var notes []string
	if m.Critical {
		notes = append(notes, "critical")
	}
	if m.Weight == 0 {
		notes = append(notes, "no error budget")
	}
	if m.Required {
		notes = append(notes, "promotion needs it")
	}
	title := name(m)
	if len(notes) > 0 {
		title += " (" + strings.Join(notes, ", ") + ")"
	}
	return title
}

func (s Subject) metricPanels(sh *sheet, id uint32, d drawn) error {
	canary, err := d.show(true, queries.View{What: queries.ShowValue})
	if err != nil {
		return err
	}
	baseline, err := d.show(false, queries.View{What: queries.ShowValue})
	if err != nil {
		return err
	}
	u := unit(d.Metric, d.canary.Kind)
	compare := panel{
		key: d.Name + " compared", title: name(d.Metric), unit: u, description: s.about(d), overrides: arms(), links: s.panelLinks(canary, baseline),
		targets: []target{{expr: canary, legend: seriesCanary}, {expr: baseline, legend: seriesBaseline}},
	}
	if d.Kind != plan.Rate && d.Worse != plan.Either {
		compare.targets = append(compare.targets, target{expr: bound(baseline, d.Tolerance, d.Worse), legend: seriesTolerate},
			target{expr: bound(baseline, d.Margin, d.Worse), legend: seriesMargin})
	}
	if d.canary.Kind == queries.Ratio {
		compare.max = cog.ToPtr(math.Max(2*d.Margin.Absolute, 0.005))
	}
	sh.put(id+1, 12, 9, compare)
	sh.put(id+2, 6, 9, s.ratio(d, canary, baseline))
	rest := width - 18
	if events, ok := s.events(d); ok {
		sh.put(id+3, uint32(rest), 9, events)
	}
	if d.canary.Kind == queries.Histogram {
		return s.spread(sh, id, d, u)
	}
	return nil
}

// bound is what the baseline's value may become.
func bound(baseline string, m plan.Margin, worse plan.Direction) string {
	sign, factor := " + ", 1+m.Relative
	if worse == plan.Lower {
		sign, factor = " - ", math.Max(0, 1-m.Relative)
	}
	text := number(factor) + " * (" + baseline + ")"
	if m.Absolute != 0 {
		text += sign + number(m.Absolute)
	}
	return text
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 10, 64) }

// ratio is canary over baseline. Red is where promotion is impossible; the colours are
// turned round where lower is worse.
func (s Subject) ratio(d drawn, canary, baseline string) panel {
	divided := "(" + canary + ") / (" + baseline + ")"
	p := panel{
		key: d.Name + " ratio", title: name(d.Metric) + ", canary over baseline", unit: "short", decimals: cog.ToPtr(2.0), noValue: "nothing to divide",
		description: "1 is equal. Green is tolerated, red is what promotion must exclude; parts of a margin that are absolute are not in the colours. Where the baseline is 0 there is a gap.",
		targets:     []target{{expr: divided + " < +Inf", legend: "canary / baseline"}}, // a baseline of 0 is a gap
		steps:       steps(grey), links: s.panelLinks(divided),
	}
	worst := "max"
	if d.Worse == plan.Lower {
		worst = "min"
	}
	// Each point has the colour of its value; the legend has that of the worst, since the
	// last may be a gap, which is no green.
	p.overrides = []override{{"canary / baseline", []dashboard.DynamicConfigValue{
		property("color", map[string]any{"mode": "thresholds", "seriesBy": worst}), property("custom.gradientMode", "scheme"),
	}}}
	t, m := d.Tolerance.Relative, d.Margin.Relative
	switch {
	case d.Kind == plan.Rate || d.Worse == plan.Either || m <= 0 || t >= m:
	case d.Worse == plan.Lower:
		p.steps, p.lines = steps(red, 1-math.Min(m, 1), yellow, 1-t, green), true
	default:
		p.steps, p.lines = steps(green, 1+t, yellow, 1+m, red), true
	}
	return p
}

// events is how many events a metric rests on.
func (s Subject) events(d drawn) (panel, bool) {
	of := d
	if d.of != nil {
		of = *d.of
	}
	if of.canary.Kind == queries.Gauge || d.Kind == plan.Rate {
		return panel{}, false
	}
	canary, err := of.show(true, queries.View{What: of.eventsView()})
	if err != nil {
		return panel{}, false
	}
	baseline, err := of.show(false, queries.View{What: of.eventsView()})
	if err != nil {
		return panel{}, false
	}
	return panel{
		key: d.Name + " events", title: "Traffic it rests on", unit: "reqps", overrides: arms()[:2],
		description: "Events per second of each arm. Few of them, and the graph beside it is noise.",
		targets:     []target{{expr: canary, legend: seriesCanary}, {expr: baseline, legend: seriesBaseline}},
	}, true
}

// spread shows how durations are distributed.
func (s Subject) spread(sh *sheet, id uint32, d drawn, u string) error {
	quantiles := panel{
		key: d.Name + " quantiles", title: name(d.Metric) + ", median and p95", unit: u,
		description: "The middle and the slow end of both arms. Quantiles of a histogram lie between its bounds: a step may be a bound, not a change.",
	}
	for _, q := range []struct {
		of    float64
		label string
	}{{0.5, "p50"}, {0.95, "p95"}} {
		for _, arm := range []struct {
			canary bool
			name   string
			colour string
		}{{true, seriesCanary, orange}, {false, seriesBaseline, blue}} {
			expr, err := d.show(arm.canary, queries.View{What: queries.ShowValue, Quantile: q.of})
			if err != nil {
				return err
			}
			legend := arm.name + " " + q.label
			quantiles.targets = append(quantiles.targets, target{expr: expr, legend: legend})
			style := []dashboard.DynamicConfigValue{fixed(arm.colour)}
			if q.of == 0.5 {
				style = append(style, property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{4, 6}}))
			}
			quantiles.overrides = append(quantiles.overrides, override{legend, style})
		}
	}
	sh.put(id+4, 8, 9, quantiles)
	for i, arm := range []struct {
		canary       bool
		name, scheme string
	}{{true, seriesCanary, "Oranges"}, {false, seriesBaseline, "Blues"}} {
		expr, err := d.show(arm.canary, queries.View{What: queries.ShowBuckets})
		if err != nil {
			return err
		}
		sh.put(id+5+uint32(i), 8, 9, panel{
			key: d.Name + " heat " + arm.name, form: formHeat, title: name(d.Metric) + ", " + arm.name, unit: u,
			description: "How the " + arm.name + "'s requests are spread. Darker is more.",
			targets:     []target{{expr: expr, legend: "{{le}}", heat: true}}, scheme: arm.scheme,
		})
	}
	return nil
}

// about says what a comparison means.
func (s Subject) about(d drawn) string {
	var parts []string
	if d.Description != "" {
		parts = append(parts, plain(d.Description))
	}
	parts = append(parts, "Orange is the canary, blue the baseline: the very series that are judged, read as a "+string(d.canary.Kind)+".")
	if d.Kind != plan.Rate && d.Worse != plan.Either {
		parts = append(parts, fmt.Sprintf("Worse is %s. Tolerated: %s. Promotion must exclude: %s.", d.Worse, marginText(d, d.Tolerance), marginText(d, d.Margin)))
	}
	if d.canary.Kind == queries.Gauge && d.canary.Why != "" {
		parts = append(parts, "It is no count: "+d.canary.Why+".")
	}
	return strings.Join(parts, " ")
}

func marginText(d drawn, m plan.Margin) string {
	if d.canary.Kind == queries.Ratio {
		return m.String()
	}
	var parts []string
	if m.Relative > 0 {
		parts = append(parts, number(100*m.Relative)+"%")
	}
	if m.Absolute > 0 {
		parts = append(parts, strings.TrimSpace(number(m.Absolute)+" "+plain(d.Unit)))
	}
	return strings.Join(parts, " + ")
}

// unit is a metric's unit in Grafana's words.
func unit(m plan.Metric, k queries.Kind) string {
	switch {
	case k == queries.Ratio:
		return "percentunit"
	case m.Kind == plan.Rate:
		return "reqps"
	}
	switch strings.ToLower(m.Unit) {
	case "s", "seconds":
		return "s"
	case "ms", "milliseconds":
		return "ms"
	case "bytes", "b":
		return "bytes"
	case "percent", "%":
		return "percent"
	}
	return "short"
}

// panelLinks lead from a graph to the report and to Grafana's Explore.
func (s Subject) panelLinks(exprs ...string) []link {
	out := s.links()
	var qs []string
	for i, e := range exprs {
		qs = append(qs, fmt.Sprintf(`{"refId":%q,"expr":%s}`, refID(i), quoted(e)))
	}
	pane := `{"a":{"datasource":"` + hold("datasource") + `","queries":[` + strings.Join(qs, ",") + `],"range":{"from":"` + hold("from") + `","to":"` + hold("to") + `"}}}`
	text := url.QueryEscape(pane)
	for name, variable := range map[string]string{"datasource": "${" + source + "}", "from": "${__from}", "to": "${__to}"} {
		text = strings.ReplaceAll(text, url.QueryEscape(hold(name)), variable)
	}
	return append(out, link{"Explore", "/explore?schemaVersion=1&orgId=${__org.id}&panes=" + text})
}

// hold is where a variable goes that must not be escaped.
func hold(name string) string { return "@@" + name + "@@" }

func quoted(text string) string {
	b, err := indented(text)
	if err != nil {
		return `""`
	}
	return strings.TrimSpace(string(b))
}
