package queries

import (
	"fmt"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Shown is one view of a [Reading] over time.
type Shown string

// The views. Not every kind has every one.
const (
	// ShowValue is what the judge compares: a Ratio's share as a fraction, a Counter's
	// growth per second and a Histogram's quantile in the query's unit, a Gauge's value.
	ShowValue Shown = "value"
	// ShowRate is events per second: of a Ratio's denominator, a Counter, a Histogram's
	// observations.
	ShowRate Shown = "rate"
	// ShowMean is a Histogram's mean, in the query's unit.
	ShowMean Shown = "mean"
	// ShowBuckets is a Histogram's observations per second by its bounds (le).
	ShowBuckets Shown = "buckets"
)

// View says which PromQL [Reading.Show] writes.
type View struct {
	What Shown
	// Over is the range of rates: a duration such as 5m, or a variable such as
	// $__rate_interval. A Gauge keeps the ranges of its own text.
	Over string
	// By are the labels that are kept, such as pod.
	By []string
	// Quantile in (0,1) is asked of a Histogram instead of its own.
	Quantile float64
}

// Show writes PromQL that shows what the reading counts, for a graph or an alert rule:
// the same selectors that a source counts by. A share is 0, and not absent, where its
// denominator has samples and its numerator has none: errors are born with the first
// one.
func (r Reading) Show(v View) (text string, err error) {
	defer recovered(r.Query.Expr, &err)
	if r.Query.Lang != "" && r.Query.Lang != PromQL {
		return "", fmt.Errorf("a query in %s cannot be shown as PromQL", r.Query.Lang)
	}
	for _, l := range v.By {
		if !model.LegacyValidation.IsValidLabelName(l) {
			return "", fmt.Errorf("%q is no label to group by", l)
		}
	}
	switch r.Kind {
	case Gauge:
		if v.What == ShowValue {
			return r.Query.Expr, nil
		}
	case Counter:
		if v.What == ShowValue || v.What == ShowRate {
			return times(v.sum(r.Total), r.Scale), nil
		}
	case Ratio:
		switch v.What {
		case ShowRate:
			return v.sum(r.Total), nil
		case ShowValue:
			total := v.sum(r.Total)
			return fmt.Sprintf("(%s or 0 * %s) / %s", v.sum(r.Bad), total, total), nil
		}
	case Histogram:
		return r.histogram(v)
	}
	return "", fmt.Errorf("a %s has no %s to show", r.Kind, v.What)
}

// histogram is Show of a histogram.
func (r Reading) histogram(v View) (string, error) {
	q := v.Quantile
	if q == 0 {
		q = r.Quantile
	}
	grown := fmt.Sprintf("sum%s (rate(%s[%s]))", v.by(), r.Buckets, v.Over)
	byLe := v
	byLe.By = append([]string{model.BucketLabel}, v.By...)
	buckets := fmt.Sprintf("sum%s (rate(%s[%s]))", byLe.by(), r.Buckets, v.Over)
	switch {
	case r.Native && v.What == ShowValue:
		return times(fmt.Sprintf("histogram_quantile(%v, %s)", q, grown), r.Scale), nil
	case r.Native && v.What == ShowRate:
		return fmt.Sprintf("histogram_count(%s)", grown), nil
	case r.Native && v.What == ShowMean:
		return times(fmt.Sprintf("histogram_avg(%s)", grown), r.Scale), nil
	case r.Native && v.What == ShowBuckets:
		return grown, nil
	case v.What == ShowValue:
		return times(fmt.Sprintf("histogram_quantile(%v, %s)", q, buckets), r.Scale), nil
	case v.What == ShowBuckets:
		return buckets, nil
	}
	count, err := sibling(r.Buckets, "_count")
	if err != nil {
		return "", err
	}
	sum, err := sibling(r.Buckets, "_sum")
	switch {
	case err != nil:
		return "", err
	case v.What == ShowRate:
		return v.sum(Counts{{Selector: count}}), nil
	case v.What == ShowMean:
		return times(v.sum(Counts{{Selector: sum}})+" / "+v.sum(Counts{{Selector: count}}), r.Scale), nil
	}
	return "", fmt.Errorf("a %s has no %s to show", r.Kind, v.What)
}

// sum writes a sum of rates.
func (v View) sum(cs Counts) string {
	var b strings.Builder
	for i, c := range cs {
		switch {
		case c.Minus:
			b.WriteString(" - ")
		case i > 0:
			b.WriteString(" + ")
		}
		rate := fmt.Sprintf("rate(%s[%s])", c.Selector, v.Over)
		if c.Native {
			rate = "histogram_count(" + rate + ")"
		}
		fmt.Fprintf(&b, "sum%s (%s)", v.by(), rate)
	}
	if len(cs) > 1 {
		return "(" + b.String() + ")"
	}
	return b.String()
}

// by writes the labels that are kept.
func (v View) by() string {
	if len(v.By) == 0 {
		return ""
	}
	return " by (" + strings.Join(v.By, ", ") + ")"
}

// times multiplies, where that changes anything.
func times(expr string, k float64) string {
	if k == 1 || k == 0 {
		return expr
	}
	return fmt.Sprintf("%v * (%s)", k, expr)
}

// sibling returns the selector of another series of a classic histogram: that of
// x_bucket with the suffix _count selects x_count.
func sibling(buckets, suffix string) (string, error) {
	e, err := ParsePromQL(buckets)
	if err != nil {
		return "", err
	}
	s, ok := e.(*parser.VectorSelector)
	if !ok {
		return "", &SyntaxError{Expr: buckets, Text: "it is no selector of a histogram's buckets"}
	}
	for i, m := range s.LabelMatchers {
		base, ok := strings.CutSuffix(m.Value, "_bucket")
		if m.Name != model.MetricNameLabel || m.Type != labels.MatchEqual || !ok {
			continue
		}
		s.LabelMatchers[i] = labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, base+suffix)
		if s.Name != "" {
			s.Name = base + suffix
		}
		return s.String(), nil
	}
	return "", &SyntaxError{Expr: buckets, Text: "the buckets' name does not end in _bucket, so that its count and sum are not known"}
}

// Selectors lists the selectors that the reading rests on, each once, in the order in
// which they are written: what must have samples for anything to be said.
func (r Reading) Selectors() ([]string, error) {
	var out []string
	add := func(s string) {
		for _, have := range out {
			if have == s {
				return
			}
		}
		out = append(out, s)
	}
	switch r.Kind {
	case Ratio, Counter:
		for _, c := range append(append(Counts{}, r.Total...), r.Bad...) {
			add(c.Selector)
		}
		return out, nil
	case Histogram:
		return []string{r.Buckets}, nil
	case Gauge:
	}
	e, err := ParsePromQL(r.Query.Expr)
	if err != nil {
		return nil, err
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			bare := *v
			bare.Offset, bare.OriginalOffset, bare.Timestamp, bare.StartOrEnd = 0, 0, nil, 0
			add(bare.String())
		}
		return nil
	})
	return out, nil
}
