package queries

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// Understand says what a query asks for. It fails only where the text does not
// parse; what it cannot read as counts is a [Gauge], with the reason.
//
// It reads sums of rate, irate or increase of counters, the quotient of two such
// sums, and histogram_quantile over one of a histogram's buckets. Constants may be
// added, and may multiply: 100 - 100*good/total asks for the bad, total - good, among
// all. What only keeps a denominator from being zero (> 0, clamp_min, or vector(1))
// and what only fills in for no data is left out, since a block without data is a
// gap. Labels that a sum keeps are summed over.
//
// In the other languages, sums, differences and quotients of parts are read so: what a
// part is, [Part] says.
//
// Scale is what the count's share (Ratio), its growth per second (Counter) or its
// unit (Histogram) is multiplied by to give the query's value.
func Understand(q Query) (r Reading, err error) {
	defer recovered(q.Expr, &err)
	switch q.Lang {
	case PromQL:
	case Datadog, CloudWatch, JSON:
		return understandParts(q)
	default:
		return Reading{}, &SyntaxError{Expr: q.Expr, Text: fmt.Sprintf("%q is not a language of queries", q.Lang)}
	}
	e, err := ParsePromQL(q.Expr)
	if err != nil {
		return Reading{}, err
	}
	span, err := widest(q.Expr, e)
	if err != nil {
		return Reading{}, err
	}
	r = read(e).reading()
	r.Query, r.Range = q, span
	return r, nil
}

// widest returns how far back an expression looks: its widest range selector or
// subquery, where what is inside a subquery looks back from there.
func widest(text string, e parser.Expr) (time.Duration, error) {
	var span time.Duration
	var fault error
	parser.Inspect(e, func(n parser.Node, path []parser.Node) error {
		if fault != nil {
			return fault
		}
		m, ok := n.(*parser.MatrixSelector)
		sub, okSub := n.(*parser.SubqueryExpr)
		switch {
		case ok && m.RangeExpr != nil, okSub && (sub.RangeExpr != nil || sub.StepExpr != nil):
			fault = faultAt(text, n.PositionRange().Start, "a range that is calculated cannot be read; write it as a plain duration, such as 5m")
			return fault
		case ok:
			span = max(span, m.Range+outside(path))
		case okSub:
			span = max(span, sub.Range+outside(path))
		}
		return nil
	})
	return span, fault
}

// outside adds up the ranges of the subqueries around a node.
func outside(path []parser.Node) time.Duration {
	var d time.Duration
	for _, n := range path {
		if s, ok := n.(*parser.SubqueryExpr); ok {
			d += s.Range
		}
	}
	return d
}

// reading turns what an expression means into what a source is asked.
func (m meaning) reading() Reading {
	switch m.kind {
	case aSum:
		return m.counter()
	case aShare:
		return m.ratio()
	case aQuantile:
		return m.histogram()
	case aNumber:
		return gauge("it is a number that no series enters")
	}
	return gauge(m.why)
}

func gauge(why string) Reading { return Reading{Kind: Gauge, Scale: 1, Why: why} }

func (m meaning) counter() Reading {
	if m.guard != "" {
		return gauge(m.guard)
	}
	total, scale, ok := m.num.counts()
	switch {
	case !oneWindow(m.num):
		return gauge("its counters grow over different ranges")
	case !ok:
		return gauge("its counters are weighted differently")
	case scale <= 0:
		return gauge("it is negative or zero where a count is positive")
	}
	return Reading{Kind: Counter, Total: total, Scale: scale}
}

func (m meaning) ratio() Reading {
	bad, k, ok := m.num.counts()
	total, d, okTotal := m.den.counts()
	switch {
	case !oneWindow(append(slices.Clone(m.num), m.den...)):
		return gauge("its counters grow over different ranges")
	case !ok || !okTotal:
		return gauge("its counters are weighted differently")
	case len(bad) == 0:
		return gauge("its numerator cancels out")
	case d <= 0 || k < 0:
		return gauge("it is negative where a share is positive")
	case slices.Equal(bad, total):
		return gauge("its numerator is its denominator")
	}
	if unit := unitOf(m.num); unit != "" {
		return gauge(fmt.Sprintf("its numerator counts %s, not events among those of its denominator", unit))
	}
	if unit := unitOf(m.den); unit != "" {
		return gauge(fmt.Sprintf("its denominator counts %s, not events", unit))
	}
	return Reading{Kind: Ratio, Bad: bad, Total: total, Scale: k / d}
}

func (m meaning) histogram() Reading {
	t := m.num[0]
	r := Reading{Kind: Histogram, Buckets: t.selector, Quantile: m.quantile, Scale: m.scale, Native: !t.bucket()}
	switch {
	case m.scale <= 0:
		return gauge("a quantile that is multiplied by a number not above zero has no bounds")
	case t.byLe:
		return gauge("its selector picks single buckets of the histogram by their le label")
	case t.bucket() && !m.le:
		return gauge("the sum drops the buckets' le label, so that there is no quantile: write sum by (le)")
	case !t.bucket() && m.byLe && !m.le:
		return gauge("a sum by (le) is summed again without le, so that there is no quantile")
	case !t.bucket() && m.byLe:
		r.Native = false // classic buckets under another name
	}
	return r
}
