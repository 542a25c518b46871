package queries

import (
	"fmt"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Rewritten returns the query with each matcher of its selectors as edit says: in the
// form that edit returns, or left out where edit returns false. Matchers on the
// metric's name are not shown to edit. It works on the syntax tree, and fails with
// a *[SyntaxError] where the text does not parse, where a new matcher is none, and
// where a selector would be left without anything that it asks for.
func (q Query) Rewritten(edit func(Matcher) (Matcher, bool)) (out Query, err error) {
	defer recovered(q.Expr, &err)
	if q.Lang != PromQL {
		return Query{}, &SyntaxError{Expr: q.Expr, Text: fmt.Sprintf("a query in language %q cannot be rewritten as PromQL", q.Lang)}
	}
	e, err := ParsePromQL(q.Expr)
	if err != nil {
		return Query{}, err
	}
	var fault error
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok && fault == nil {
			fault = rewrite(q.Expr, v, edit)
		}
		return fault
	})
	if fault != nil {
		return Query{}, fault
	}
	out = Query{Lang: PromQL, Expr: e.String()}
	if _, err := ParsePromQL(out.Expr); err != nil {
		return Query{}, err
	}
	return out, nil
}

func rewrite(text string, v *parser.VectorSelector, edit func(Matcher) (Matcher, bool)) error {
	var kept []*labels.Matcher
	asks := v.Name != "" || v.BypassEmptyMatcherCheck
	for _, m := range v.LabelMatchers {
		if m.Name != model.MetricNameLabel {
			edited, keep := edit(Matcher{Label: m.Name, Op: Op(m.Type.String()), Value: m.Value})
			if !keep {
				continue
			}
			compiled, err := compile([]Matcher{edited})
			if err != nil {
				return err
			}
			m = compiled[0]
		}
		kept = append(kept, m)
		asks = asks || !m.Matches("")
	}
	if !asks {
		return faultAt(text, v.PosRange.Start, "without these matchers the selector asks for every series there is; name its metric")
	}
	v.LabelMatchers = kept
	return nil
}

// Pretty writes the query over several lines where it is long. What cannot be parsed is
// returned as it is.
func (q Query) Pretty() string {
	if q.Lang != PromQL {
		return q.Expr
	}
	e, err := ParsePromQL(q.Expr)
	if err != nil {
		return q.Expr
	}
	return pretty(e, q.Expr)
}

// pretty falls back to the text where the printer panics.
func pretty(e parser.Expr, text string) (out string) {
	defer func() {
		if recover() != nil {
			out = text
		}
	}()
	const width = 100 // of the parser's own layout
	if b, ok := e.(*parser.BinaryExpr); ok && plainly(b) && len(text) > width {
		return trimmed(b.LHS) + "\n" + b.Op.String() + "\n" + trimmed(b.RHS)
	}
	return trimmed(e)
}

// trimmed lays out an expression; the parser indents the operands of an operator.
func trimmed(e parser.Expr) string { return strings.TrimSpace(parser.Prettify(e)) }

// plainly reports whether an operator stands alone, without on, ignoring, group or bool.
func plainly(b *parser.BinaryExpr) bool {
	m := b.VectorMatching
	return !b.ReturnBool && (m == nil || !m.On && len(m.MatchingLabels) == 0 && m.Card == parser.CardOneToOne && m.FillValues == (parser.VectorMatchFillValues{}))
}
