package queries

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// read says what an expression means.
func read(e parser.Expr) meaning {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return read(e.Expr)
	case *parser.NumberLiteral:
		return meaning{kind: aNumber, number: e.Val, single: true}
	case *parser.UnaryExpr:
		if e.Op == parser.SUB {
			return read(e.Expr).times(-1)
		}
		return read(e.Expr)
	case *parser.AggregateExpr:
		return readAggregate(e)
	case *parser.Call:
		return readCall(e)
	case *parser.BinaryExpr:
		return readBinary(e)
	case *parser.VectorSelector:
		return readSelector(e)
	case *parser.SubqueryExpr:
		return cannot("it has a subquery")
	}
	return cannot("it has a part that is not known here")
}

func readSelector(v *parser.VectorSelector) meaning {
	t := selectorTerm(v)
	switch {
	case recorded(t.name):
		return cannot(fmt.Sprintf("%s is the result of a recording rule; the counters behind it are not known here", t.name))
	case t.name == "":
		return cannot(fmt.Sprintf("%s is read as a value, not by its growth (rate or increase)", v))
	}
	return cannot(fmt.Sprintf("%s is read as a value, not by its growth (rate or increase)", t.name))
}

// recorded says whether a name is that of a recording rule.
func recorded(name string) bool { return slices.Contains([]byte(name), ':') }

func readAggregate(a *parser.AggregateExpr) meaning {
	m := read(a.Expr)
	if m.kind == opaque || m.kind == aNumber {
		return m
	}
	op := a.Op.String()
	if m.single && a.Param == nil && slices.Contains([]parser.ItemType{parser.SUM, parser.AVG, parser.MIN, parser.MAX}, a.Op) {
		return m // of one series, which has no labels left
	}
	switch {
	case a.Op != parser.SUM:
		return cannot(fmt.Sprintf("%s() loses how many events there were", op))
	case m.kind == aShare:
		return cannot("it sums shares; divide the sums instead")
	case m.kind == aQuantile:
		return cannot("it sums quantiles; take the quantile of the sum by (le) instead")
	}
	kept := slices.Contains(a.Grouping, labels.BucketLabel) != a.Without
	m.le = m.le && kept
	m.byLe = m.byLe || kept && !a.Without
	m.single = !a.Without && len(a.Grouping) == 0
	m.perLe = !a.Without && slices.Equal(a.Grouping, []string{labels.BucketLabel})
	m.raw = false
	return m
}

func readBinary(b *parser.BinaryExpr) meaning {
	l, r := read(b.LHS), read(b.RHS)
	switch {
	case l.kind == opaque:
		return l
	case r.kind == opaque:
		return r
	case b.VectorMatching != nil && (b.VectorMatching.Card == parser.CardManyToOne || b.VectorMatching.Card == parser.CardOneToMany):
		return cannot("it divides many series by one (group_left, group_right)")
	}
	switch b.Op {
	case parser.ADD:
		return l.plus(1, r)
	case parser.SUB:
		return l.plus(-1, r)
	case parser.MUL:
		if l.kind == aNumber {
			return r.times(l.number)
		}
		if r.kind == aNumber {
			return l.times(r.number)
		}
	case parser.DIV:
		return l.over(r)
	case parser.LOR:
		return l.or(r)
	case parser.GTR, parser.GTE, parser.NEQ:
		if l.kind == aSum && r.kind == aNumber && r.number == 0 && !b.ReturnBool {
			l.guard = fmt.Sprintf("it is filtered by %s 0", b.Op)
			return l
		}
	}
	if b.Op.IsComparisonOperator() {
		return cannot(fmt.Sprintf("it is compared by %s; ask for the value itself, and bound it by a limit", b.Op))
	}
	return cannot(fmt.Sprintf("counts cannot be followed through this use of %s", b.Op))
}

// plus returns m + k·n.
func (m meaning) plus(k float64, n meaning) meaning {
	switch {
	case m.kind == aNumber && n.kind == aNumber:
		m.number += k * n.number
		return m
	case m.kind == aNumber:
		return n.times(k).plus(1, m)
	case m.kind == aSum && n.kind == aSum && (m.raw || n.raw):
		return cannot("series are paired one by one before they are summed; sum each counter by itself first")
	case m.kind == aSum && n.kind == aSum:
		m.num = m.num.plus(k, n.num)
		m.le, m.byLe = m.le && n.le, m.byLe || n.byLe
		m.single, m.perLe = m.single && n.single, m.perLe && n.perLe
		if m.guard == "" {
			m.guard = n.guard
		}
		return m
	case m.kind == aShare && n.kind == aNumber:
		m.num = m.num.plus(k*n.number, m.den)
		return m
	case m.kind == aShare && n.kind == aShare && m.den.plus(-1, n.den).zero():
		m.num = m.num.plus(k, n.num)
		return m
	case n.kind == aNumber && n.number == 0:
		return m
	case n.kind == aNumber:
		return cannot("a constant is added to it")
	}
	return cannot("it adds up things of different kinds")
}

// times returns k·m.
func (m meaning) times(k float64) meaning {
	switch m.kind {
	case aNumber:
		m.number *= k
	case aSum, aShare:
		m.num = m.num.times(k)
	case aQuantile:
		m.scale *= k
	}
	return m
}

// over returns m / n.
func (m meaning) over(n meaning) meaning {
	switch {
	case n.kind == aNumber && n.number == 0:
		return cannot("it is divided by zero")
	case m.kind == aNumber && n.kind == aNumber:
		m.number /= n.number
		return m
	case n.kind == aNumber:
		return m.times(1 / n.number)
	case m.kind == aSum && n.kind == aSum && m.guard != "":
		return cannot("its numerator is changed: " + m.guard)
	case m.kind == aSum && n.kind == aSum && m.raw && n.raw && m.num[0].name == n.num[0].name:
		return cannot("each series is divided by itself; sum both sides first")
	case m.kind == aSum && n.kind == aSum:
		return meaning{kind: aShare, num: m.num, den: n.num, single: m.single && n.single}
	}
	return cannot("counts cannot be followed through this division")
}

// or returns m or n, where n may only fill in where m has no data.
func (m meaning) or(n meaning) meaning {
	fills := n.kind == aNumber || n.kind == aSum && n.num.zero()
	switch {
	case m.kind == aNumber:
		return cannot("it is a constant first of all (or)")
	case !fills:
		return cannot("it falls back to another query (or)")
	case m.kind == aSum && n.kind == aNumber && n.number != 0:
		m.guard = fmt.Sprintf("%v fills in where there is no data", n.number)
	}
	return m
}
