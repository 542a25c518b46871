package plan

import (
	"slices"

	"github.com/serin-canary/serin/queries"
)

// limits builds the plan's limits from its presets and its own.
func (b *builder) limits() {
	for _, d := range b.mergeLimits(b.loaded) {
		if value(d.row.Enabled, true) {
			b.p.Limits = append(b.p.Limits, b.limit(d))
		}
	}
}

// limit builds one limit.
func (b *builder) limit(d draft[limitFile]) Limit {
	l := Limit{
		Name: d.name, Preset: d.preset, Metric: value(d.row.Metric, ""),
		Each: value(d.row.Each, false), Growth: value(d.row.Growth, false), Fraction: value(d.row.Fraction, false),
		Unit: value(d.row.Unit, ""), Title: value(d.row.Title, ""),
	}
	l.Blocks = value(d.row.Blocks, 2)
	if l.Growth && d.row.Blocks == nil {
		l.Blocks = 1
	}
	switch {
	case d.row.Metric != nil && d.row.Query != nil:
		b.blame(d.origin, "query", "bounds a metric and has a query; keep one of them")
		return l
	case d.row.Metric != nil:
		if !b.limitMetric(d, &l) {
			return l
		}
	case d.row.Query != nil:
		if !b.limitQuery(d, &l) {
			return l
		}
	case !b.blamed(d.origin, "query") && !b.blamed(d.origin, "metric") && d.name != "":
		b.blame(d.origin, "metric", "is missing; name the metric that is bounded, or give a query")
		return l
	}
	b.limitBound(d, &l)
	return l
}

// limitMetric checks a limit on a metric of the plan. Only shares are bounded so: the
// judge then asks that the canary is surely above it and far above the baseline.
func (b *builder) limitMetric(d draft[limitFile], l *Limit) bool {
	if b.blamed(d.origin, "metric") {
		return false
	}
	i := slices.IndexFunc(b.p.Metrics, func(m Metric) bool { return m.Name == l.Metric })
	if i < 0 {
		if !b.sure {
			return false // it may be one of those without a name
		}
		names := make([]string, len(b.p.Metrics))
		for i, m := range b.p.Metrics {
			names[i] = m.Name
		}
		b.blame(d.origin, "metric", "no metric of the plan is called %q%s (a limit that is not wanted is dropped by its name and enabled: false)", l.Metric, didYouMean(l.Metric, names))
		return false
	}
	m := b.p.Metrics[i]
	if m.Query.Expr == "" {
		return false
	}
	if m.Reading.Kind != queries.Ratio {
		b.blame(d.origin, "metric", "only shares of counters (errors, proportions) are bounded by their metric; %s reads as a %s: give the limit a query of its own", l.Metric, m.Reading.Kind)
		return false
	}
	ok := true
	for field, set := range map[string]bool{
		"selector": d.row.Select != nil, "unit": d.row.Unit != nil, "below": d.row.Below != nil, "each": l.Each, "growth": l.Growth, "fraction": l.Fraction,
	} {
		if set {
			b.blame(d.origin, field, "a limit on a metric has only above and blocks; delete this line, or give the limit a query of its own")
			ok = false
		}
	}
	l.Unit = "ratio"
	return ok
}

// limitQuery reads a limit's own query. What could be read as a histogram is taken as
// the value that it shows. A share of counters is refused: bounded as a plain value, it
// would fire on chance alone.
func (b *builder) limitQuery(d draft[limitFile], l *Limit) bool {
	l.Selector = b.selector(d.origin, d.row.Select)
	r, ok := b.query(d.origin, d.row.Query)
	if !ok {
		return false
	}
	l.Query, l.Reading = r.Query, r
	switch r.Kind {
	case queries.Ratio:
		b.blame(d.origin, "query", "is a share of counters, which chance alone may carry over a bound; make it a metric with weight: 0 and required: false, and bound that with metric:")
		return false
	case queries.Histogram:
		l.Reading = asGauge(r)
		l.Unit = value(d.row.Unit, unitOf(Latency, r))
	}
	if l.Growth && l.Fraction {
		b.blame(d.origin, "fraction", "a value is compared by its growth or as a fraction of its largest, not both; delete one line")
	}
	return true
}

// limitBound reads the bound in the unit of what is bounded.
func (b *builder) limitBound(d draft[limitFile], l *Limit) {
	above, below := d.row.Above, d.row.Below
	field, text, to := "above", above, &l.Above
	if below != nil {
		field, text, to = "below", below, &l.Below
	}
	switch {
	case above != nil && below != nil:
		b.blame(d.origin, "below", "has two bounds; keep above or below, and make a second limit of the other")
		return
	case text == nil && (b.blamed(d.origin, "above") || b.blamed(d.origin, "below")):
		return
	case text == nil:
		b.blame(d.origin, "above", "is missing; write above: or below: with a number and its unit")
		return
	case b.blamed(d.origin, field):
		return
	}
	unit := l.Unit
	if l.Fraction {
		unit = "fraction"
	}
	v, err := text.in(unit)
	share := l.Fraction || l.Metric != ""
	switch {
	case err != nil:
		b.blame(d.origin, field, "%v", err)
	case share && (v > 1 || v == 1 && field == "above"):
		b.blame(d.origin, field, "%s can never be crossed; write less than 100%%", text.text)
	case share && v == 0 && field == "below":
		b.blame(d.origin, field, "no share is below zero; write a larger number")
	case field == "below" && l.Growth:
		b.blame(d.origin, field, "a running total does not fall; write above:")
	}
	*to = &v
}
