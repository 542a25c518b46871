package alerts

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/queries"
)

// parse reads PromQL that another part of Serin wrote, or a user.
func parse(text string) (parser.Expr, error) {
	e, err := queries.ParsePromQL(text)
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return e, nil
}

// series selects one metric by equality of labels, in the order given.
func series(name string, pairs ...string) parser.Expr {
	v := &parser.VectorSelector{Name: name}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.LabelMatchers = append(v.LabelMatchers, labels.MustNewMatcher(labels.MatchEqual, pairs[i], pairs[i+1]))
	}
	v.LabelMatchers = append(v.LabelMatchers, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
	return v
}

// number is a literal, of as many digits as anybody reads.
func number(x float64) parser.Expr {
	if short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 10, 64), 64); err == nil {
		x = short
	}
	return &parser.NumberLiteral{Val: x}
}

// call calls a function.
func call(name string, args ...parser.Expr) parser.Expr {
	return &parser.Call{Func: parser.Functions[name], Args: args}
}

// over is a range over a selector.
func over(v parser.Expr, d time.Duration) parser.Expr {
	return &parser.MatrixSelector{VectorSelector: v, Range: d}
}

// now is the time of the evaluation as a vector: two scalars can only be compared
// with bool.
func now() parser.Expr { return call("vector", call("time")) }

// moment is a time as seconds since the epoch.
func moment(t time.Time) parser.Expr { return number(float64(t.Unix())) }

// binary joins two expressions. Vectors are matched on no label: every expression here
// is one series a side.
func binary(op parser.ItemType, l, r parser.Expr) parser.Expr {
	b := &parser.BinaryExpr{Op: op, LHS: bracket(l), RHS: bracket(r)}
	if l.Type() == parser.ValueTypeVector && r.Type() == parser.ValueTypeVector {
		b.VectorMatching = &parser.VectorMatching{On: true}
		if op.IsSetOperator() {
			b.VectorMatching.Card = parser.CardManyToMany
		}
	}
	return b
}

// alike joins two vectors of which each series has its twin: the same labels.
func alike(op parser.ItemType, l, r parser.Expr) parser.Expr {
	b := &parser.BinaryExpr{Op: op, LHS: bracket(l), RHS: bracket(r), VectorMatching: &parser.VectorMatching{}}
	if op.IsSetOperator() {
		b.VectorMatching.Card = parser.CardManyToMany
	}
	return b
}

// bracket puts an expression that has an operator into brackets.
func bracket(e parser.Expr) parser.Expr {
	if _, ok := e.(*parser.BinaryExpr); ok {
		return &parser.ParenExpr{Expr: e}
	}
	return e
}

// both holds where every part holds. The labels of the first one stay.
func both(first parser.Expr, others ...parser.Expr) parser.Expr {
	for _, o := range others {
		first = binary(parser.LAND, first, o)
	}
	return first
}

// pinned returns an expression as it was at a moment.
func pinned(e parser.Expr, at time.Time) (parser.Expr, error) {
	copied, err := parse(e.String())
	if err != nil {
		return nil, err
	}
	ms := at.UnixMilli()
	parser.Inspect(copied, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			v.Timestamp = &ms
		}
		return nil
	})
	return copied, nil
}

// span writes a duration as Prometheus does: 1h and not 1h0m0s.
func span(d time.Duration) string { return model.Duration(d).String() }

// decimal writes a number for people.
func decimal(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
