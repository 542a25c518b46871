package alerts

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// farBeyond is how many times the baseline's a share must be besides, for a limit on
// it: what ails both is no fault of the canary.
const farBeyond = 2

// limits adds the alerts of the plan's limits.
func (b *builder) limits(ws []watched) {
	for _, l := range b.s.Plan.Limits {
		title := l.Title
		if title == "" {
			title = "The limit " + l.Name + " is crossed"
		}
		a := alert{
			name: "CanaryLimit", limit: l.Name, severity: Page, keep: b.t.keep,
			// At least two evaluations: a scrape that is missing is no limit crossed.
			hold:        max(time.Duration(l.Blocks-1)*b.s.Plan.Block.D(), b.t.every),
			summary:     plain(title),
			description: fmt.Sprintf("%s: {{ $value | humanize }}, and the limit is %s.", plain(l.Name), bound(l)),
		}
		var err error
		if l.Metric != "" {
			err = b.shareLimit(l, ws, &a)
		} else {
			err = b.valueLimit(l, &a)
		}
		if err != nil {
			b.leave("limit %s: %v", l.Name, err)
			continue
		}
		b.alert(a)
	}
}

// bound says a limit's bound.
func bound(l plan.Limit) string {
	v, word := math.NaN(), "above "
	switch {
	case l.Above != nil:
		v = *l.Above
	case l.Below != nil:
		v, word = *l.Below, "below "
	}
	if l.Fraction || l.Metric != "" {
		return word + decimal(100*v) + "%"
	}
	return word + decimal(v) + " " + plain(l.Unit)
}

// shareLimit bounds a share that is recorded.
func (b *builder) shareLimit(l plan.Limit, ws []watched, a *alert) error {
	i := slices.IndexFunc(ws, func(w watched) bool { return w.Name == l.Metric })
	if i < 0 || l.Above == nil {
		return fmt.Errorf("its metric %s has no rule", l.Metric)
	}
	w := ws[i]
	canary := b.recorded(w, partValue, armCanary, b.t.short)
	baseline := b.recorded(w, partValue, armBaseline, b.t.short)
	a.metric = w.Name
	a.expr = both(binary(parser.GTR, canary, number(*l.Above)),
		append(b.enough(w, b.t.short), binary(parser.GTR, canary, binary(parser.MUL, baseline, number(farBeyond))))...)
	far := math.Min(1, *l.Above*1.5+0.01)
	a.fires, a.quiet = b.comparison(w, far/4, far), b.comparison(w, far, far)
	return nil
}

// valueLimit bounds a value of the canary's own.
func (b *builder) valueLimit(l plan.Limit, a *alert) error {
	if l.Query.Lang != queries.PromQL {
		return fmt.Errorf("its query is in %s, and rules are PromQL", l.Query.Lang)
	}
	r, err := l.Scoped(plan.Arm(b.s.Rollout.Canary))
	if err != nil {
		return err
	}
	value, err := b.limited(l, r)
	if err != nil {
		return err
	}
	switch {
	case l.Above != nil:
		a.expr = binary(parser.GTR, value, number(*l.Above))
	case l.Below != nil:
		a.expr = binary(parser.LSS, value, number(*l.Below))
	default:
		return fmt.Errorf("it has no bound")
	}
	if l.Fraction || !simple(r) {
		return nil // no scene can be invented
	}
	selectors, err := r.Selectors()
	if err != nil || len(selectors) != 1 {
		return err
	}
	beyond, within := 0.0, 0.0
	if l.Above != nil {
		beyond = math.Ceil(*l.Above) + 1
	} else {
		beyond, within = *l.Below-1, *l.Below+1
	}
	if s, ok := invented(selectors[0], beyond); ok {
		a.fires = scene{s}
		s.value = within
		a.quiet = scene{s}
	}
	return nil
}

// limited is what a limit compares with its bound.
func (b *builder) limited(l plan.Limit, r queries.Reading) (parser.Expr, error) {
	view := queries.View{What: queries.ShowValue, Over: model.Duration(b.t.short).String()}
	if r.Kind == queries.Counter {
		return b.limitedCount(l, r)
	}
	text, err := r.Show(view)
	if err != nil {
		return nil, err
	}
	e, err := parse(text)
	if err != nil {
		return nil, err
	}
	if !l.Each {
		op := parser.ItemType(parser.AVG)
		if l.Growth || l.Fraction {
			op = parser.SUM
		}
		e = &parser.AggregateExpr{Op: op, Expr: e}
	}
	switch {
	case l.Growth:
		then, err := pinned(e, b.s.Rollout.Started)
		if err != nil {
			return nil, err
		}
		// A process that was not there at the start began at zero.
		return alike(parser.SUB, e, alike(parser.LOR, then, binary(parser.MUL, e, number(0)))), nil
	case l.Fraction:
		span := 10 * b.s.Plan.Block.D()
		most := call("max_over_time", &parser.SubqueryExpr{Expr: bracket(e), Range: span, Step: b.t.every})
		return alike(parser.DIV, e, most), nil
	}
	return e, nil
}

// limitedCount is how much a counter grew in a block, or since the start.
func (b *builder) limitedCount(l plan.Limit, r queries.Reading) (parser.Expr, error) {
	d := max(b.s.Plan.Block.D(), r.Range)
	if l.Growth {
		d = max(b.t.short, b.t.step)
	}
	view := queries.View{What: queries.ShowValue, Over: model.Duration(d.Round(time.Second)).String()}
	if l.Each {
		view.By = []string{"instance", "pod"}
	}
	text, err := r.Show(view)
	if err != nil {
		return nil, err
	}
	e, err := parse(text)
	if err != nil {
		return nil, err
	}
	if l.Growth {
		// All the rates since the start, each for as long as it is until the next.
		return binary(parser.MUL, call("sum_over_time", b.sinceStart(e, d)), number(b.t.step.Seconds())), nil
	}
	return binary(parser.MUL, e, number(d.Seconds())), nil
}

// simple reports whether a reading's value is that of its one series, whatever it is:
// sums and extremes of a selector.
func simple(r queries.Reading) bool {
	if r.Kind != queries.Gauge {
		return false
	}
	e, err := parse(r.Query.Expr)
	if err != nil {
		return false
	}
	for {
		switch n := e.(type) {
		case *parser.VectorSelector:
			return true
		case *parser.ParenExpr:
			e = n.Expr
		case *parser.AggregateExpr:
			switch n.Op {
			case parser.SUM, parser.AVG, parser.MAX, parser.MIN:
				e = n.Expr
			default:
				return false
			}
		default:
			return false
		}
	}
}
