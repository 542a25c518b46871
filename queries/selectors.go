package queries

import (
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Selection is an instant vector selector of a PromQL query, taken apart.
type Selection struct {
	Name     string // of the metric; empty where the selector gives no single one
	Matchers []Matcher
	Text     string // the selector itself
	// Plain says that somewhere its samples are taken as they are: not over a range, as rate
	// does, and not merely counted.
	Plain bool
}

// Selections lists the selectors of a PromQL query in their order, each once. It fails with
// a *[SyntaxError] where the text does not parse.
func Selections(q Query) (out []Selection, err error) {
	defer recovered(q.Expr, &err)
	if q.Lang != PromQL {
		return nil, &SyntaxError{Expr: q.Expr, Text: "only queries in PromQL have selectors"}
	}
	e, err := ParsePromQL(q.Expr)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	parser.Inspect(e, func(n parser.Node, path []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		bare := *v
		bare.Offset, bare.OriginalOffset, bare.OriginalOffsetExpr = 0, 0, nil
		bare.Timestamp, bare.StartOrEnd = nil, 0
		s := Selection{Text: bare.String(), Plain: plain(path)}
		if i, seen := at[s.Text]; seen {
			out[i].Plain = out[i].Plain || s.Plain
			return nil
		}
		at[s.Text] = len(out)
		for _, m := range v.LabelMatchers {
			if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
				s.Name = m.Value
				continue
			}
			s.Matchers = append(s.Matchers, Matcher{Label: m.Name, Op: Op(m.Type.String()), Value: m.Value})
		}
		out = append(out, s)
		return nil
	})
	return out, nil
}

// plain reports whether a selector below these nodes gives its samples' own values.
func plain(path []parser.Node) bool {
	for i := len(path) - 1; i >= 0; i-- {
		switch n := path[i].(type) {
		case *parser.MatrixSelector:
			return false
		case *parser.SubqueryExpr:
			return false
		case *parser.AggregateExpr:
			if n.Op == parser.COUNT || n.Op == parser.GROUP {
				return false
			}
		case *parser.Call:
			if n.Func.Name == "timestamp" || n.Func.Name == "absent" {
				return false
			}
		}
	}
	return true
}
