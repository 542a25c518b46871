package alerts

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// shared adds the alert that the baseline itself got worse, and the canary with it:
// then neither can be blamed, and nothing may be promoted.
func (b *builder) shared(ws []watched) {
	for _, w := range ws {
		times, more := 2.0, 0.01
		switch {
		case w.Kind == plan.Latency:
			times, more = 1.5, 0
		case w.Kind != plan.Errors || w.canary.Kind != queries.Ratio:
			continue
		}
		past, err := w.show(partValue, armBaseline, b.t.long)
		if err != nil {
			continue
		}
		ago := max(time.Hour, b.s.Plan.MaxDuration.D())
		bound := shifted(scaled(earlier(past, ago), times), more)
		seen := b.enough(w, b.t.short)
		e := both(binary(parser.GTR, b.recorded(w, partValue, armBaseline, b.t.short), bound),
			append(seen, binary(parser.GTR, b.recorded(w, partValue, armCanary, b.t.short), bound))...)
		title := w.Title
		if title == "" {
			title = w.Name
		}
		b.alert(alert{
			name: "BothArmsDegraded", metric: w.Name, severity: Page, expr: e, hold: 2 * b.s.Plan.Block.D(), keep: b.t.keep,
			summary:     fmt.Sprintf("%s: worse in the baseline and in the canary", plain(title)),
			description: fmt.Sprintf("%s: %s in the baseline, far above what it was %s ago, and the canary's too. Look for what they share.", plain(title), w.shown("$value"), span(ago)),
			quiet:       b.likeScene(w),
		})
	}
}

// earlier returns an expression as it was some time ago.
func earlier(e parser.Expr, ago time.Duration) parser.Expr {
	copied, err := parse(e.String())
	if err != nil {
		return e
	}
	parser.Inspect(copied, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			v.OriginalOffset += ago
		}
		return nil
	})
	return copied
}

// traffic selects the metric that tells whether an arm has requests, and which of its
// recordings does.
func traffic(ws []watched) (w watched, part string, ok bool) {
	for _, w := range ws {
		if w.Kind == plan.Rate && w.canary.Kind == queries.Counter {
			return w, partValue, true
		}
	}
	for _, w := range ws {
		if w.counts && w.of == nil {
			return w, partRequests, true
		}
	}
	return watched{}, "", false
}

// silence adds the alerts that an arm has no requests.
func (b *builder) silence(ws []watched) {
	w, part, ok := traffic(ws)
	if !ok {
		b.leave("silence of an arm: no metric of the plan counts requests")
		return
	}
	canary, baseline := b.recorded(w, part, armCanary, b.t.short), b.recorded(w, part, armBaseline, b.t.short)
	none := func(e parser.Expr) parser.Expr {
		return binary(parser.LOR, binary(parser.EQLC, e, number(0)), call("absent", e))
	}
	busy := binary(parser.GTE, binary(parser.MUL, baseline, number(b.t.short.Seconds())), number(fewest))
	most := call("max_over_time", over(canary, b.t.step)) // nothing falls between two steps
	had := binary(parser.GTR, call("max_over_time", b.sinceStart(most, b.t.short+b.t.step)), number(0))
	e := both(none(canary), busy, had)
	if b.s.Self != nil {
		// What is meant to have no traffic is not silent.
		e = binary(parser.LUNLESS, e, binary(parser.EQLC, b.own("serin_rollout_weight_percent"), number(0)))
	}
	enough := 2*fewest/b.t.short.Seconds() + 1
	b.alert(alert{
		name: "CanarySilent", severity: Page, expr: e, hold: 3 * b.s.Plan.Block.D(), keep: b.t.keep,
		summary:     "the canary has no requests any more",
		description: "The baseline is busy, and the canary, which had requests, has none. Without them nothing can be judged.",
		fires:       scene{{series: canary.String(), value: enough, falls: true}, of(baseline, enough)},
		quiet:       scene{of(canary, enough), of(baseline, enough)},
	})
	b.alert(alert{
		name: "BaselineMissing", severity: Ticket, expr: none(baseline), hold: 5 * b.s.Plan.Block.D(), keep: b.t.keep,
		summary:     "there is no baseline to compare with",
		description: "The baseline has no samples, or no requests. The judge holds until it has.",
		fires:       scene{of(canary, enough)},
		quiet:       scene{of(baseline, enough)},
	})
}

// sinceStart is what an expression was since the rollout began, step by step. What it says
// of before, because it reaches back, is left out: most selectors know a service's canary,
// and not which. Only that is left out and not all that is earlier, because the time of
// promtool's unit tests begins in 1970.
func (b *builder) sinceStart(e parser.Expr, reaches time.Duration) parser.Expr {
	began := b.s.Rollout.Started
	whole := b.t.until.Sub(began)
	before := binary(parser.LSS, binary(parser.GTE, now(), moment(began.Add(-whole))), moment(began.Add(reaches)))
	return &parser.SubqueryExpr{Expr: bracket(binary(parser.LUNLESS, e, before)), Range: whole, Step: b.t.step}
}

// own selects one of Serin's metrics about this rollout, of any replica.
func (b *builder) own(name string, more ...*labels.Matcher) parser.Expr {
	return b.serins(series(name, "rollout", b.s.Rollout.ID).(*parser.VectorSelector), more...)
}

// serins selects a metric where Serin's own are, of any replica.
func (b *builder) serins(v *parser.VectorSelector, more ...*labels.Matcher) parser.Expr {
	for _, m := range b.s.Self {
		kind := map[queries.Op]labels.MatchType{
			queries.Equal: labels.MatchEqual, queries.NotEqual: labels.MatchNotEqual, queries.Match: labels.MatchRegexp, queries.NotMatch: labels.MatchNotRegexp,
		}[m.Op]
		if own, err := labels.NewMatcher(kind, m.Label, m.Value); err == nil {
			more = append(more, own)
		}
	}
	last := len(v.LabelMatchers) - 1
	v.LabelMatchers = append(v.LabelMatchers[:last:last], append(more, v.LabelMatchers[last])...)
	return &parser.AggregateExpr{Op: parser.MAX, Expr: v}
}

// inside returns the selector below an aggregation of [builder.own].
func inside(e parser.Expr) parser.Expr { return e.(*parser.AggregateExpr).Expr }

// self adds what rests on Serin's own metrics.
func (b *builder) self() {
	if b.s.Self == nil {
		b.leave("the judge's own alerts: where Serin's metrics are is not configured")
		return
	}
	last := b.own("serin_rollout_last_look_timestamp_seconds")
	patience := 5*time.Minute + 5*b.s.Plan.Block.D() + b.s.Plan.Lag.D()
	late := binary(parser.GTR, binary(parser.SUB, call("time"), last), number(patience.Seconds()))
	// A judge that is there and does not tell of the rollout knows that it is over.
	up := binary(parser.EQLC, b.serins(series("serin_journal_up").(*parser.VectorSelector)), number(1))
	silent := alert{
		name: "JudgeSilent", severity: Page, expr: binary(parser.LOR, late, binary(parser.LUNLESS, call("absent", last), up)),
		hold: max(2*time.Minute, b.t.hold), keep: b.t.keep, after: patience,
		summary:     "nobody has looked at the rollout",
		description: fmt.Sprintf("The judge has not looked at it for %s, or its metrics are gone. A caller may have stopped asking; the rollout is not guarded.", span(patience)),
	}
	back := inside(b.own("serin_rollout_outcome", labels.MustNewMatcher(labels.MatchEqual, "outcome", "rollback")))
	rolled := alert{
		name: "CanaryRolledBack", severity: Page, keep: b.t.keep,
		expr:        binary(parser.EQLC, &parser.AggregateExpr{Op: parser.MAX, Expr: back}, number(1)),
		summary:     "the canary must be rolled back",
		description: "The verdict is rollback. The report says why, in one sentence with numbers.",
	}
	needed := b.own("serin_rollout_page")
	person := alert{
		name: "RolloutNeedsAPerson", severity: Page, keep: b.t.keep, expr: binary(parser.EQLC, needed, number(1)),
		summary:     "the judge asks for a person",
		description: "The judge cannot decide this alone. The report says what it needs.",
	}
	if s, ok := invented(inside(last).String(), 0); ok {
		silent.fires = scene{s}
		s.value = 1e12 // as if it were just now
		silent.quiet = scene{s}
	}
	for _, c := range []struct {
		a        *alert
		selector string
	}{{&rolled, back.String()}, {&person, inside(needed).String()}} {
		if s, ok := invented(c.selector, 1); ok {
			c.a.fires = scene{s}
			s.value = 0
			c.a.quiet = scene{s}
		}
	}
	b.alert(silent)
	b.alert(rolled)
	b.alert(person)
}

// stuck adds the alert that the rollout is past its time.
func (b *builder) stuck() {
	b.alert(alert{
		name: "RolloutStuck", severity: Ticket, expr: binary(parser.GTR, now(), moment(b.t.overdue)), hold: b.t.hold,
		summary:     "the rollout is past its time",
		description: fmt.Sprintf("Its plan gave it %s. It is neither promoted nor rolled back.", span(b.s.Plan.MaxDuration.D())),
	})
}
