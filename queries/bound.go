package queries

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Allowance bounds what a PromQL query may cost its source. Zero fields mean the
// defaults.
type Allowance struct {
	Length    int           // of the text, in bytes (default 4096)
	Selectors int           // (default 16)
	Range     time.Duration // back from the evaluation: range, subqueries around it (default 6 h)
	Offset    time.Duration // either way (default 8 days, a week ago and a day)
	Steps     int           // of nested subqueries together (default 1000)
	Pattern   int           // of a regular expression, in bytes (default 512)
}

func (a Allowance) withDefaults() Allowance {
	set := func(n *int, d int) {
		if *n == 0 {
			*n = d
		}
	}
	set(&a.Length, 4096)
	set(&a.Selectors, 16)
	set(&a.Steps, 1000)
	set(&a.Pattern, 512)
	if a.Range == 0 {
		a.Range = 6 * time.Hour
	}
	if a.Offset == 0 {
		a.Offset = 8 * 24 * time.Hour
	}
	return a
}

// Bound refuses a PromQL query that may cost its source more than is allowed. The
// error is a *[SyntaxError] that points at the first part that does. What is not
// understood is refused: a kind of expression that this version does not know could
// cost anything.
//
// It bounds what a query can ask for, by its syntax tree. How many series a metric
// has is not in the tree: that is bounded where the answer is read.
func Bound(expr string, a Allowance) (err error) {
	defer recovered(expr, &err)
	a = a.withDefaults()
	if len(expr) > a.Length {
		return &SyntaxError{Text: fmt.Sprintf("the query has %d bytes, and may have %d", len(expr), a.Length)}
	}
	root, err := ParsePromQL(expr)
	if err != nil {
		return err
	}
	b := bounder{text: expr, allowed: a}
	parser.Inspect(root, func(n parser.Node, path []parser.Node) error {
		if n != nil && b.fault == nil {
			b.node(n, path)
		}
		return b.fault
	})
	return b.fault
}

// bounder walks a tree.
type bounder struct {
	text      string
	allowed   Allowance
	selectors int
	fault     error
}

func (b *bounder) refuse(n parser.Node, format string, args ...any) {
	if b.fault == nil {
		b.fault = faultAt(b.text, n.PositionRange().Start, fmt.Sprintf(format, args...))
	}
}

func (b *bounder) node(n parser.Node, path []parser.Node) {
	switch n := n.(type) {
	case *parser.VectorSelector:
		b.selector(n)
		b.moved(n, n.OriginalOffset, n.Timestamp)
		b.reach(n, path, 0)
	case *parser.MatrixSelector:
		if n.RangeExpr != nil {
			b.refuse(n, "a computed range cannot be bounded; write a duration")
		}
		b.reach(n, path, n.Range)
	case *parser.SubqueryExpr:
		b.subquery(n, path)
	case *parser.AggregateExpr, *parser.BinaryExpr, *parser.Call, *parser.ParenExpr, *parser.UnaryExpr,
		*parser.NumberLiteral, *parser.StringLiteral:
	default:
		b.refuse(n, "this part (%T) is not known here, so that its cost cannot be bounded", n)
	}
}

// selector refuses a selector that could select any metric, or whose patterns are
// work by themselves.
func (b *bounder) selector(v *parser.VectorSelector) {
	if b.selectors++; b.selectors > b.allowed.Selectors {
		b.refuse(v, "the query selects more than %d times", b.allowed.Selectors)
	}
	if v.OriginalOffsetExpr != nil {
		b.refuse(v, "a computed offset cannot be bounded; write a duration")
	}
	named := false
	for _, m := range v.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual && m.Value != "" {
			named = true
		}
		if (m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp) && len(m.Value) > b.allowed.Pattern {
			b.refuse(v, "the pattern of %s has %d bytes, and may have %d", m.Name, len(m.Value), b.allowed.Pattern)
		}
	}
	if !named || v.BypassEmptyMatcherCheck {
		b.refuse(v, "the selector does not name its metric, so that it could select every series; write the metric's name")
	}
}

// moved refuses what is read at another time than that of the comparison.
func (b *bounder) moved(n parser.Node, offset time.Duration, at *int64) {
	if at != nil {
		b.refuse(n, "a fixed time (@) reads always the same, and not the rollout; remove it")
	}
	if offset.Abs() > b.allowed.Offset {
		b.refuse(n, "the offset %s is more than the %s that is allowed", offset, b.allowed.Offset)
	}
}

// subquery refuses a subquery that has too many steps, those around it included.
func (b *bounder) subquery(s *parser.SubqueryExpr, path []parser.Node) {
	if s.RangeExpr != nil || s.StepExpr != nil || s.OriginalOffsetExpr != nil {
		b.refuse(s, "a computed range, step or offset cannot be bounded; write durations")
		return
	}
	b.moved(s, s.OriginalOffset, s.Timestamp)
	b.reach(s, path, s.Range)
	steps := 1.0
	for _, around := range append(path[:len(path):len(path)], s) {
		if q, ok := around.(*parser.SubqueryExpr); ok {
			if q.Step <= 0 {
				b.refuse(q, "the subquery leaves its step to the server; write it, for example [1h:1m]")
				return
			}
			steps *= float64(q.Range) / float64(q.Step)
		}
	}
	if steps > float64(b.allowed.Steps) {
		b.refuse(s, "the subquery is evaluated %.0f times, and %d are allowed; make its step longer", steps, b.allowed.Steps)
	}
}

// reach refuses what looks back further than is allowed, the subqueries around it
// included.
func (b *bounder) reach(n parser.Node, path []parser.Node, own time.Duration) {
	total := float64(own)
	for _, around := range path {
		if q, ok := around.(*parser.SubqueryExpr); ok {
			total += float64(q.Range)
		}
	}
	if total > float64(b.allowed.Range) {
		b.refuse(n, "it looks back over %s, and %s are allowed", time.Duration(min(total, float64(1<<62))), b.allowed.Range)
	}
}
