package queries

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

func readCall(c *parser.Call) meaning {
	switch name := c.Func.Name; name {
	case "rate", "irate", "increase":
		return readGrowth(c)
	case "histogram_quantile":
		return readQuantile(c)
	case "histogram_count":
		return readNativeCount(c)
	case "vector", "scalar":
		// A scalar of many series is no number; of sums that would be seen there.
		m := read(c.Args[0])
		if name == "scalar" && m.kind != opaque && !m.single {
			return cannot("scalar() of several series is not a number")
		}
		return m
	case "sort", "sort_desc", "round":
		return read(c.Args[0]) // for display alone
	case "clamp_min", "clamp_max", "clamp":
		return readClamp(c)
	default:
		return cannot(fmt.Sprintf("counts cannot be followed through %s()", name))
	}
}

// readGrowth reads rate, irate and increase of a counter.
func readGrowth(c *parser.Call) meaning {
	m, ok := c.Args[0].(*parser.MatrixSelector)
	if !ok {
		return cannot(fmt.Sprintf("%s() is taken of a subquery, not of a counter", c.Func.Name))
	}
	v, ok := m.VectorSelector.(*parser.VectorSelector)
	switch {
	case !ok:
		return cannot("it has a part that is not known here")
	case v.OriginalOffset != 0 || v.OriginalOffsetExpr != nil || v.Timestamp != nil || v.StartOrEnd != 0:
		return cannot("it reads another time than its own (offset or @)")
	case v.Anchored || v.Smoothed:
		return cannot("it interpolates its counter (anchored, smoothed)")
	}
	t := selectorTerm(v)
	if recorded(t.name) {
		return cannot(fmt.Sprintf("%s is the result of a recording rule; the counters behind it are not known here", t.name))
	}
	if c.Func.Name == "increase" {
		t.factor, t.window = m.Range.Seconds(), m.Range
	}
	return meaning{kind: aSum, num: terms{t}, le: true, raw: true}
}

// readNativeCount reads histogram_count of the growth of native histograms: how many
// observations there were.
func readNativeCount(c *parser.Call) meaning {
	m := read(c.Args[0])
	switch {
	case m.kind == opaque:
		return m
	case m.kind != aSum || m.guard != "":
		return cannot("histogram_count() is not of the growth of native histograms")
	}
	m.num = slices.Clone(m.num)
	for i := range m.num {
		m.num[i].native = true
	}
	m.le, m.byLe, m.perLe = false, false, false
	return m
}

// readQuantile reads histogram_quantile of one histogram's growth.
func readQuantile(c *parser.Call) meaning {
	q, of := read(c.Args[0]), read(c.Args[1])
	switch {
	case q.kind != aNumber || !(q.number > 0 && q.number < 1):
		return cannot("the quantile is not a constant between 0 and 1")
	case of.kind == opaque:
		return of
	case of.kind != aSum || of.guard != "":
		return cannot("the quantile is not of the growth of a histogram")
	case of.num[0].native:
		return cannot("the quantile is of how many observations there were, not of their histogram")
	case len(of.num) != 1 || !(of.num[0].factor > 0):
		return cannot("the quantile is of several histograms together")
	}
	of.kind, of.quantile, of.scale = aQuantile, q.number, 1
	of.single = of.single || of.perLe
	return of
}

// readClamp reads clamp_min, clamp_max and clamp. A share between 0 and its scale
// passes where the bounds do not cut into that; a sum becomes guarded.
func readClamp(c *parser.Call) meaning {
	m := read(c.Args[0])
	if m.kind == opaque {
		return m
	}
	for i, arg := range c.Args[1:] {
		b := read(arg)
		if b.kind != aNumber {
			return cannot(fmt.Sprintf("the bound of %s() is not a constant", c.Func.Name))
		}
		lower := c.Func.Name == "clamp_min" || c.Func.Name == "clamp" && i == 0
		switch {
		case lower && b.number <= 0 && m.kind != aNumber:
		case m.kind == aSum:
			m.guard = fmt.Sprintf("%s() changes it", c.Func.Name)
		case m.kind == aShare && !lower && b.number >= m.top():
		default:
			return cannot(fmt.Sprintf("%s() changes the value", c.Func.Name))
		}
	}
	return m
}

// top is the most that a share can be: its scale.
func (m meaning) top() float64 {
	_, k, _ := m.num.counts()
	_, d, _ := m.den.counts()
	return k / d
}
