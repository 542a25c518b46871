package queries

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Scoped returns the query narrowed to the series that agree with every matcher,
// by rewriting its syntax tree. It fails with a *[SyntaxError] where the text does
// not parse, where a node of the tree is unknown, or where a matcher contradicts one
// that is there already.
//
// Matchers are added to every selector in the order given; one that is there already
// is not added again. Functions of no selector, such as vector(1), stay as they are.
// In the other languages, each [Part] is narrowed: by tags (Datadog), or by dimensions.
func (q Query) Scoped(matchers []Matcher) (out Query, err error) {
	defer recovered(q.Expr, &err)
	if q.Lang != PromQL {
		return scopeParts(q, matchers)
	}
	adds, err := compile(matchers)
	if err != nil {
		return Query{}, err
	}
	e, err := ParsePromQL(q.Expr)
	if err != nil {
		return Query{}, err
	}
	if err := scope(q.Expr, e, adds); err != nil {
		return Query{}, err
	}
	return Query{Lang: PromQL, Expr: e.String()}, nil
}

// scope adds matchers to every selector below a node. The nodes that can hold one
// are listed: a node that this version does not know could hide a selector, and is
// refused.
func scope(text string, root parser.Expr, adds []*labels.Matcher) error {
	var fault error
	parser.Inspect(root, func(n parser.Node, _ []parser.Node) error {
		if n == nil || fault != nil {
			return fault // nil marks the end of a node's children
		}
		switch n := n.(type) {
		case *parser.VectorSelector:
			fault = narrow(text, n, adds)
		case *parser.AggregateExpr, *parser.BinaryExpr, *parser.Call, *parser.MatrixSelector, *parser.SubqueryExpr,
			*parser.ParenExpr, *parser.UnaryExpr, *parser.NumberLiteral, *parser.StringLiteral:
		default:
			fault = faultAt(text, n.PositionRange().Start, fmt.Sprintf("this part (%T) is not known here, so that it cannot be narrowed to one arm", n))
		}
		return fault
	})
	return fault
}

// narrow adds matchers to one selector.
func narrow(text string, v *parser.VectorSelector, adds []*labels.Matcher) error {
	if v.BypassEmptyMatcherCheck {
		// Only info() has such a selector, and it does not select what is measured.
		return faultAt(text, v.PosRange.Start, "info() cannot be narrowed to one arm")
	}
	for _, add := range adds {
		there := false
		for _, have := range v.LabelMatchers {
			if have.Name != add.Name {
				continue
			}
			if have.Type == add.Type && have.Value == add.Value {
				there = true
				continue
			}
			if contradict(have, add) || contradict(add, have) {
				return faultAt(text, v.PosRange.Start, fmt.Sprintf(
					"the query asks for %s, which contradicts the arm's %s: remove it from the query, or scope by another label", have, add))
			}
		}
		if !there {
			v.LabelMatchers = append(v.LabelMatchers, add)
		}
	}
	return nil
}

// contradict says whether no value can agree with both matchers. Where neither
// asks for one value, they are taken to have some in common.
func contradict(one, other *labels.Matcher) bool {
	return one.Type == labels.MatchEqual && !other.Matches(one.Value)
}

// compile checks matchers and turns them into the parser's.
func compile(ms []Matcher) ([]*labels.Matcher, error) {
	out := make([]*labels.Matcher, 0, len(ms))
	for _, m := range ms {
		op, ok := map[Op]labels.MatchType{
			Equal: labels.MatchEqual, NotEqual: labels.MatchNotEqual,
			Match: labels.MatchRegexp, NotMatch: labels.MatchNotRegexp,
		}[m.Op]
		switch {
		case !ok:
			return nil, &SyntaxError{Text: fmt.Sprintf("the operator %q of a matcher on %q is none of = != =~ !~", m.Op, m.Label)}
		case m.Label == "" || !utf8.ValidString(m.Label) || !utf8.ValidString(m.Value):
			return nil, &SyntaxError{Text: fmt.Sprintf("the matcher %q%s%q is not text with a label's name", m.Label, m.Op, m.Value)}
		case m.Label == model.MetricNameLabel:
			return nil, &SyntaxError{Text: "an arm cannot be scoped by the names of metrics (__name__); use a label that tells the arms apart"}
		}
		c, err := labels.NewMatcher(op, m.Label, m.Value)
		if err != nil {
			return nil, &SyntaxError{Text: fmt.Sprintf("the matcher %s%s%q: %v", m.Label, m.Op, m.Value, err)}
		}
		out = append(out, c)
	}
	return out, nil
}

// Accepts reports whether a matcher accepts a label's value; a label that is not there
// is empty. A matcher that cannot be, such as one with a broken expression, accepts
// nothing.
func (m Matcher) Accepts(value string) bool {
	c, err := compile([]Matcher{m})
	return err == nil && c[0].Matches(value)
}

// ParseSelector reads a PromQL matcher list without braces:
// namespace="shop", pod=~"checkout-.*". Blank text is an empty list.
func ParseSelector(text string) (out []Matcher, err error) {
	defer recovered(text, &err)
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > maxQuery {
		return nil, &SyntaxError{Text: fmt.Sprintf("the selector has %d bytes; at most %d are read", len(text), maxQuery)}
	}
	whole := "{" + text + "\n}" // a comment must not hide the brace
	ms, err := parser.NewParser(parser.Options{}).ParseMetricSelector(whole)
	if err != nil {
		e := syntaxError(whole, err)
		e.Expr = text
		if e.Line == 1 && e.Column > 1 {
			e.Column-- // the brace is not the user's
		}
		return nil, e
	}
	for _, m := range ms {
		if m.Name == model.MetricNameLabel {
			return nil, &SyntaxError{Expr: text, Text: "a selector here lists labels only; it cannot name a metric"}
		}
		out = append(out, Matcher{Label: m.Name, Op: Op(m.Type.String()), Value: m.Value})
	}
	return out, nil
}
