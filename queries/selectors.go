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
	seen := map[string]bool{}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		bare := *v
		bare.Offset, bare.OriginalOffset, bare.OriginalOffsetExpr = 0, 0, nil
		bare.Timestamp, bare.StartOrEnd = nil, 0
		s := Selection{Text: bare.String()}
		if seen[s.Text] {
			return nil
		}
		seen[s.Text] = true
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
