package alerts

import (
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/queries"
)

// mixinID is what the rules about Serin itself have in the place of a rollout's ID.
const mixinID = "itself"

// mixinEvery is how often they are evaluated.
const mixinEvery = 30 * time.Second

// MixinOptions are what the rules about Serin itself are written for.
type MixinOptions struct {
	// Self selects Serin's own metrics, such as job="serin"; nil selects by names alone.
	Self []queries.Matcher
	// Runbook is linked from every alert; empty leaves it out.
	Runbook string
	// Labels are more constant labels of every alert.
	Labels map[string]string
}

// Mixin writes the rules about Serin itself. They belong to no rollout, hold for ever,
// and are published by whoever runs Serin: what is broken cannot be trusted to keep its
// own alarm.
func Mixin(o MixinOptions) (Set, error) {
	m := mixin{o}
	all := append(m.record(), m.work()...)
	all = append(append(append(all, m.sources()...), m.answers()...), m.falseAlarms()...)
	s := Set{ID: mixinID, standing: true, alerts: all, times: times{every: mixinEvery}}
	s.Group = rulefmt.RuleGroup{Name: s.Name(), Interval: model.Duration(mixinEvery)}
	for _, a := range all {
		s.Group.Rules = append(s.Group.Rules, m.rule(a))
	}
	return s, s.check()
}

// mixin builds alerts about Serin.
type mixin struct{ MixinOptions }

// rule gives an alert its labels and links. No deadline silences it.
func (m mixin) rule(a alert) rulefmt.Rule {
	r := rulefmt.Rule{
		Alert: a.name, Expr: a.expr.String(), For: model.Duration(a.hold), KeepFiringFor: model.Duration(a.keep),
		Labels:      map[string]string{"severity": a.severity, "managed_by": managedBy},
		Annotations: map[string]string{"summary": "Serin: " + a.summary, "description": a.description},
	}
	for name, value := range m.Labels {
		if _, there := r.Labels[name]; !there {
			r.Labels[name] = plain(value)
		}
	}
	if m.Runbook != "" {
		r.Annotations["runbook_url"] = plain(m.Runbook)
	}
	return r
}

// of selects one of Serin's metrics, of every replica.
func (m mixin) of(name string, pairs ...string) *parser.VectorSelector {
	v := series(name, pairs...).(*parser.VectorSelector)
	last := len(v.LabelMatchers) - 1
	var own []*labels.Matcher
	for _, s := range m.Self {
		if l, err := labels.NewMatcher(matchType(s.Op), s.Label, s.Value); err == nil {
			own = append(own, l)
		}
	}
	v.LabelMatchers = append(v.LabelMatchers[:last:last], append(own, v.LabelMatchers[last])...)
	return v
}

func matchType(op queries.Op) labels.MatchType {
	switch op {
	case queries.NotEqual:
		return labels.MatchNotEqual
	case queries.Match:
		return labels.MatchRegexp
	case queries.NotMatch:
		return labels.MatchNotRegexp
	case queries.Equal:
	}
	return labels.MatchEqual
}

// aggregate takes series together by labels.
func aggregate(op parser.ItemType, e parser.Expr, by ...string) parser.Expr {
	return &parser.AggregateExpr{Op: op, Expr: e, Grouping: by}
}

// scene invents series for selectors, each with its value; none where one cannot be.
func (m mixin) scene(xs ...told) scene {
	var out scene
	for _, x := range xs {
		s, ok := invented(x.v.String(), x.value)
		if !ok {
			return nil
		}
		s.step = x.step
		out = append(out, s)
	}
	return out
}

// told is a selector, and what its series have: a value, and what is added at each step.
type told struct {
	v           *parser.VectorSelector
	value, step float64
}

// record adds the alerts that Serin, or its record, is gone, or that nobody looks.
func (m mixin) record() []alert {
	build, up, live := m.of("serin_build_info"), m.of("serin_journal_up"), m.of("serin_rollouts_live")
	looked := m.of("serin_rollout_last_look_timestamp_seconds")
	const quiet = 30 * time.Minute
	unseen := binary(parser.SUB, call("time"), aggregate(parser.MAX, looked, "namespace", "service", "rollout"))
	return []alert{
		{
			name: "SerinDown", severity: Page, expr: call("absent", build), hold: 5 * time.Minute,
			summary:     "its metrics are gone",
			description: "No replica of Serin was seen. Gates hold meanwhile, and Flagger rolls canaries back after its threshold of ticks; see whether the process runs and is scraped.",
			fires:       m.scene(told{v: live}), quiet: m.scene(told{v: build, value: 1}),
		},
		{
			name: "SerinJournalDown", severity: Page, expr: binary(parser.EQLC, aggregate(parser.MIN, up), number(0)), hold: 2 * time.Minute,
			summary:     "its journal cannot be read",
			description: "Without its journal Serin answers no question, and no canary is promoted. See /readyz, the disk or the database.",
			fires:       m.scene(told{v: up}), quiet: m.scene(told{v: up, value: 1}),
		},
		{
			name: "SerinRolloutUnwatched", severity: Page, expr: binary(parser.GTR, unseen, number(quiet.Seconds())), hold: 5 * time.Minute, after: quiet,
			summary:     "nobody looks at a live rollout",
			description: "{{ $labels.namespace }}/{{ $labels.service }} {{ $labels.rollout }}: the last look was {{ $value | humanizeDuration }} ago. Its controller may have stopped asking; close the rollout where it is over.",
			fires:       m.scene(told{v: looked}), quiet: m.scene(told{v: looked, value: 1e12}),
		},
	}
}

// work adds the alerts about what is done later.
func (m mixin) work() []alert {
	dead, oldest := m.of("serin_work_jobs", "state", "dead"), m.of("serin_work_oldest_seconds", "state", "queued")
	up := m.of("serin_work_up")
	failed := m.of("serin_publish_failures_total")
	failing := aggregate(parser.SUM, call("increase", over(failed, 30*time.Minute)), "kind", "target")
	return []alert{
		{
			name: "SerinWorkUncounted", severity: Ticket, expr: binary(parser.EQLC, aggregate(parser.MIN, up), number(0)), hold: 5 * time.Minute,
			summary:     "its work cannot be counted",
			description: "What Serin does later is in its journal, and could not be read. The log says why.",
			fires:       m.scene(told{v: up}), quiet: m.scene(told{v: up, value: 1}),
		},
		{
			name: "SerinWorkDead", severity: Ticket, expr: binary(parser.GTR, aggregate(parser.MAX, dead, "kind"), number(0)), hold: 5 * time.Minute,
			summary:     "work was given up",
			description: "{{ $value }} of {{ $labels.kind }} could not be done. serin work list --state dead says why; retry or drop it.",
			fires:       m.scene(told{v: dead, value: 1}), quiet: m.scene(told{v: dead}),
		},
		{
			name: "SerinWorkLate", severity: Ticket, expr: binary(parser.GTR, aggregate(parser.MAX, oldest, "kind"), number(600)), hold: 10 * time.Minute,
			summary:     "work is late",
			description: "The oldest of {{ $labels.kind }} has been due for {{ $value | humanizeDuration }}. serin work list shows what it waits for.",
			fires:       m.scene(told{v: oldest, value: 700}), quiet: m.scene(told{v: oldest, value: 5}),
		},
		{
			name: "SerinPublishFails", severity: Ticket, expr: binary(parser.GTR, failing, number(2)), hold: 15 * time.Minute, after: 10 * time.Minute,
			summary:     "dashboards or rules cannot be published",
			description: "{{ $labels.kind }} {{ $labels.target }}: {{ $value | humanize }} attempts failed in half an hour. Verdicts are not changed by it; /readyz and the log say why.",
			fires:       m.scene(told{v: failed, step: 1}), quiet: m.scene(told{v: failed, value: 50}),
		},
	}
}

// slowest is how long a question to a metrics store may take, in seconds.
const slowest = 5

// sources adds the alerts about metrics stores.
func (m mixin) sources() []alert {
	const span = 10 * time.Minute
	paused, live := m.of("serin_source_paused_seconds"), m.of("serin_rollouts_live")
	took := m.of("serin_source_question_seconds_bucket")
	resting := aggregate(parser.MIN, call("avg_over_time", over(paused, span)), "source")
	judging := binary(parser.GTR, aggregate(parser.MAX, live), number(0))
	slow := call("histogram_quantile", number(0.99), aggregate(parser.SUM, call("rate", over(took, span)), "le", "source"))
	under := func(le string) *parser.VectorSelector { return m.of("serin_source_question_seconds_bucket", "le", le) }
	return []alert{
		{
			// A source that rests is tried in between, so that the mean is looked at.
			name: "SerinSourcePaused", severity: Page, expr: both(binary(parser.GTR, resting, number(1)), judging), hold: span,
			summary:     "a metrics store is left alone while rollouts are live",
			description: "{{ $labels.source }} failed again and again, or asked for rest. What it is asked for cannot be judged meanwhile; /readyz says why.",
			fires:       m.scene(told{v: paused, value: 20}, told{v: live, value: 1}), quiet: m.scene(told{v: paused, value: 20}, told{v: live}),
		},
		{
			name: "SerinSourceSlow", severity: Ticket, expr: binary(parser.GTR, slow, number(slowest)), hold: span, after: span,
			summary:     "a metrics store is slow",
			description: "{{ $labels.source }}: one of a hundred questions takes longer than {{ $value | humanizeDuration }}. Looks come late, and are shed where it goes on.",
			fires:       m.scene(told{v: under("5")}, told{v: under("10"), step: 30}, told{v: under("+Inf"), step: 30}),
			quiet:       m.scene(told{v: under("0.1"), step: 30}, told{v: under("+Inf"), step: 30}),
		},
	}
}

// answers adds the alerts about what callers get.
func (m mixin) answers() []alert {
	const span = 10 * time.Minute
	rate := func(v *parser.VectorSelector) parser.Expr { return aggregate(parser.SUM, call("rate", over(v, span))) }
	shed, looks := m.of("serin_looks_total", "how", "shed"), m.of("serin_looks_total")
	asked, taken := m.of("serin_http_requests_total"), m.of("serin_looks_total", "how", "taken")
	broken := m.of("serin_http_requests_total")
	last := len(broken.LabelMatchers) - 1
	broken.LabelMatchers = append(broken.LabelMatchers[:last:last], labels.MustNewMatcher(labels.MatchRegexp, "code", "5.."), broken.LabelMatchers[last])
	good, bad := m.of("serin_http_requests_total", "code", "200"), m.of("serin_http_requests_total", "code", "500")
	return []alert{
		{
			name: "SerinLooksShed", severity: Ticket, expr: binary(parser.GTR, binary(parser.DIV, rate(shed), rate(looks)), number(0.05)), hold: span, after: span,
			summary:     "looks are shed",
			description: "{{ $value | humanizePercentage }} of the looks that callers asked for were refused for want of capacity. They ask again; verdicts come late.",
			fires:       m.scene(told{v: shed, step: 1}, told{v: taken, step: 1}), quiet: m.scene(told{v: shed}, told{v: taken, step: 1}),
		},
		{
			name: "SerinErrors", severity: Page, expr: binary(parser.GTR, binary(parser.DIV, rate(broken), rate(asked)), number(0.05)), hold: span, after: span,
			summary:     "requests are answered with errors",
			description: "{{ $value | humanizePercentage }} of the answers are 5xx, which no controller can use. See /readyz and the log.",
			fires:       m.scene(told{v: bad, step: 1}, told{v: good, step: 1}), quiet: m.scene(told{v: bad}, told{v: good, step: 1}),
		},
	}
}
