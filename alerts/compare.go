package alerts

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

const (
	// fewest is how many events of the canary a comparison needs within its range, and
	// fewestBeyond how many of them beyond the quantile that is compared: below that,
	// chance alone moves it by more than any margin.
	fewest       = 100
	fewestBeyond = 10
)

// compare adds the alert that a canary's metric is worse than the baseline's by more
// than the plan's margin: the worsening that a promotion must exclude.
func (b *builder) compare(w watched) {
	if w.Kind == plan.Rate || w.Worse == plan.Either || (w.Weight == 0 && !w.Required && !w.Critical) {
		return
	}
	beyond := func(d time.Duration) parser.Expr {
		return both(b.worse(w, d), b.enough(w, d)...)
	}
	e := beyond(b.t.short)
	if w.canary.Kind != queries.Gauge {
		// The longer range must agree: a burst is not a regression.
		e = both(e, b.worse(w, b.t.long))
	}
	name, what := "CanaryMetricVsBaseline", w.Title
	switch w.Kind {
	case plan.Errors:
		name = "CanaryErrorsVsBaseline"
	case plan.Latency:
		name = "CanaryLatencyVsBaseline"
	case plan.Proportion, plan.Gauge, plan.Rate:
	}
	if what == "" {
		what = w.Name
	}
	severity := Ticket
	if w.Critical || w.Kind == plan.Errors || w.Kind == plan.Latency {
		severity = Page
	}
	b.alert(alert{
		name: name, metric: w.Name, severity: severity, expr: e, hold: b.t.hold, keep: b.t.keep,
		summary: fmt.Sprintf("%s: the canary is worse than the baseline", plain(what)),
		description: fmt.Sprintf("%s: %s in the canary, which is %s than the baseline's by more than the margin of %s. %s",
			plain(what), w.shown("$value"), wrong(w.Worse), w.marginText(), plain(w.Description)),
		fires: b.worseScene(w), quiet: b.likeScene(w),
	})
}

// wrong says a metric's bad direction.
func wrong(d plan.Direction) string {
	if d == plan.Lower {
		return "lower"
	}
	return "higher"
}

// worse is the canary's value beyond the baseline's and the margin.
func (b *builder) worse(w watched, d time.Duration) parser.Expr {
	canary, baseline := b.recorded(w, partValue, armCanary, d), b.recorded(w, partValue, armBaseline, d)
	if w.Worse == plan.Lower {
		bound := shifted(scaled(baseline, 1-math.Min(w.Margin.Relative, 1)), -w.Margin.Absolute)
		return binary(parser.LSS, canary, bound)
	}
	return binary(parser.GTR, canary, shifted(scaled(baseline, 1+w.Margin.Relative), w.Margin.Absolute))
}

// scaled multiplies by a number.
func scaled(e parser.Expr, k float64) parser.Expr {
	if k == 1 {
		return e
	}
	return binary(parser.MUL, e, number(k))
}

// plus adds a number.
func shifted(e parser.Expr, k float64) parser.Expr {
	switch {
	case k == 0:
		return e
	case k < 0:
		return binary(parser.SUB, e, number(-k))
	}
	return binary(parser.ADD, e, number(k))
}

// enough asks for events of both arms.
func (b *builder) enough(w watched, d time.Duration) []parser.Expr {
	if !w.counts {
		return nil
	}
	var out []parser.Expr
	for _, arm := range [...]string{armCanary, armBaseline} {
		seen := binary(parser.MUL, b.recorded(w, partRequests, arm, d), number(d.Seconds()))
		out = append(out, binary(parser.GTE, seen, number(w.least())))
	}
	return out
}

// least is how many events a comparison needs.
func (w watched) least() float64 {
	if w.canary.Kind == queries.Histogram && w.canary.Quantile > 0 && w.canary.Quantile < 1 {
		return math.Max(fewest, math.Ceil(fewestBeyond/(1-w.canary.Quantile)))
	}
	return fewest
}

// shown formats a template's value in the metric's unit.
func (w watched) shown(value string) string {
	switch {
	case w.canary.Kind == queries.Ratio:
		return "{{ " + value + " | humanizePercentage }}"
	case w.Unit == "s":
		return "{{ " + value + " | humanizeDuration }}"
	case w.Unit != "":
		return "{{ " + value + " | humanize }} " + plain(w.Unit)
	}
	return "{{ " + value + " | humanize }}"
}

// marginText says the margin.
func (w watched) marginText() string {
	if w.canary.Kind == queries.Ratio {
		return w.Margin.String()
	}
	var parts []string
	if w.Margin.Relative > 0 {
		parts = append(parts, decimal(100*w.Margin.Relative)+"%")
	}
	if w.Margin.Absolute > 0 {
		parts = append(parts, strings.TrimSpace(decimal(w.Margin.Absolute)+" "+plain(w.Unit)))
	}
	return strings.Join(parts, " + ")
}
