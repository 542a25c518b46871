package prometheus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
)

// ScrapeInterval returns how far apart the samples are of the series that a selector
// matches, over a time that ends at an instant: the median of what is between the samples of
// the one series that has the most, and 0 where none has two. A store that has thinned its
// past out answers of what is left. It asks twice: which series, and when its samples were.
func (s *Source) ScrapeInterval(ctx context.Context, selector string, at time.Time, over time.Duration) (apart time.Duration, err error) {
	defer s.recovered(&err)
	ctx, seen := observe(ctx)
	expr := fmt.Sprintf("topk(1, count_over_time(%s[%s]))", selector, model.Duration(over))
	v, _, _, err := s.api.Query(ctx, expr, at, v1.WithTimeout(s.cfg.Timeout))
	if err != nil {
		return 0, s.fault(seen, err)
	}
	vector, ok := v.(model.Vector)
	switch {
	case !ok:
		return 0, s.malformed("it does not answer a count with a vector")
	case len(vector) == 0 || !(vector[0].Value >= 2):
		return 0, nil
	}
	one, err := queries.Query{Lang: queries.PromQL, Expr: selector}.Scoped(exactly(vector[0].Metric))
	if err != nil {
		return 0, s.malformed("its series cannot be asked for by their labels")
	}
	if v, _, _, err = s.api.Query(ctx, fmt.Sprintf("%s[%s]", one.Expr, model.Duration(over)), at, v1.WithTimeout(s.cfg.Timeout)); err != nil {
		return 0, s.fault(seen, err)
	}
	matrix, ok := v.(model.Matrix)
	if !ok {
		return 0, s.malformed("it does not answer a range with a list of series")
	}
	return medianGap(matrix), nil
}

// exactly matches the labels of one series.
func exactly(m model.Metric) []queries.Matcher {
	var out []queries.Matcher
	for name, v := range m {
		if name != model.MetricNameLabel {
			out = append(out, queries.Matcher{Label: string(name), Op: queries.Equal, Value: string(v)})
		}
	}
	slices.SortFunc(out, func(a, b queries.Matcher) int { return strings.Compare(a.Label, b.Label) })
	return out
}

// medianGap is the median of what is between the samples of the series with the most, to a tenth
// of a second, and 0 where none has two.
func medianGap(m model.Matrix) time.Duration {
	var most []model.Time
	for _, stream := range m {
		var times []model.Time
		for _, p := range stream.Values {
			times = append(times, p.Timestamp)
		}
		for _, p := range stream.Histograms {
			times = append(times, p.Timestamp)
		}
		if len(times) > len(most) {
			most = times
		}
	}
	if len(most) < 2 {
		return 0
	}
	gaps := make([]time.Duration, len(most)-1)
	for i := range gaps {
		gaps[i] = most[i+1].Sub(most[i])
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2].Round(time.Second / 10)
}
