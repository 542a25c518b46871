package alerts

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// Inlined returns the set with alerts that need no recordings: what they look up is
// written out. It is for places that evaluate alerts and keep no series.
func (s Set) Inlined() (Set, error) {
	recorded := map[string]rulefmt.Rule{}
	out := s
	out.Group.Rules = nil
	for _, r := range s.Group.Rules {
		if r.Record != "" {
			recorded[recordedKey(r.Record, r.Labels["metric"], r.Labels["arm"])] = r
			continue
		}
		e, err := parse(r.Expr)
		if err != nil {
			return Set{}, err
		}
		if e, err = s.inline(e, recorded); err != nil {
			return Set{}, err
		}
		r.Expr = e.String()
		out.Group.Rules = append(out.Group.Rules, r)
	}
	return out, nil
}

func recordedKey(name, metric, arm string) string { return name + "\x00" + metric + "\x00" + arm }

// inline replaces selectors of recordings below a node.
func (s Set) inline(e parser.Expr, recorded map[string]rulefmt.Rule) (parser.Expr, error) {
	var err error
	in := func(child parser.Expr) parser.Expr {
		if child == nil || err != nil {
			return child
		}
		var done parser.Expr
		if done, err = s.inline(child, recorded); err != nil {
			return child
		}
		return done
	}
	switch n := e.(type) {
	case *parser.VectorSelector:
		return written(n, recorded)
	case *parser.MatrixSelector:
		v, _ := n.VectorSelector.(*parser.VectorSelector)
		if !strings.HasPrefix(v.Name, "rollout:") {
			return n, nil
		}
		whole, err := written(v, recorded)
		return &parser.SubqueryExpr{Expr: bracket(whole), Range: n.Range, Step: s.times.every}, err
	case *parser.BinaryExpr:
		n.LHS, n.RHS = in(n.LHS), in(n.RHS)
	case *parser.ParenExpr:
		n.Expr = in(n.Expr)
	case *parser.UnaryExpr:
		n.Expr = in(n.Expr)
	case *parser.AggregateExpr:
		n.Expr = in(n.Expr)
	case *parser.SubqueryExpr:
		n.Expr = in(n.Expr)
	case *parser.Call:
		for i := range n.Args {
			n.Args[i] = in(n.Args[i])
		}
	}
	return e, err
}

// written is what a recording records; a selector of something else stays.
func written(v *parser.VectorSelector, recorded map[string]rulefmt.Rule) (parser.Expr, error) {
	value := func(name string) string {
		for _, m := range v.LabelMatchers {
			if m.Name == name && m.Type == labels.MatchEqual {
				return m.Value
			}
		}
		return ""
	}
	r, ok := recorded[recordedKey(v.Name, value("metric"), value("arm"))]
	if !ok {
		return v, nil
	}
	e, err := parse(r.Expr)
	if err != nil {
		return nil, err
	}
	return bracket(e), nil
}
