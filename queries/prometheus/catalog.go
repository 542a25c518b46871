package prometheus

import (
	"context"
	"slices"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Labels are the labels of one series, without its name.
type Labels map[string]string

// Since bounds what a catalogue question looks at: series with a sample in [Start, End].
type Since struct{ Start, End time.Time }

// Names returns the names of metrics that have series matching a selector, sorted; an
// empty selector means all of them. A server that knows limits is asked for at most limit
// names; more reports that there may be more than are returned.
func (s *Source) Names(ctx context.Context, selector string, over Since, limit int) (names []string, more bool, err error) {
	return s.Values(ctx, model.MetricNameLabel, Ask{Selector: selector, Over: over, Limit: limit})
}

// Ask is a question for values of a label.
type Ask struct {
	Selector string // of series; empty means all
	Over     Since
	Limit    int // of values
}

// Values returns the values of a label on the series that a selector matches, sorted; more
// reports that there may be more than are returned.
func (s *Source) Values(ctx context.Context, label string, q Ask) (values []string, more bool, err error) {
	defer s.recovered(&err)
	ctx, seen := observe(ctx)
	var matches []string
	if q.Selector != "" {
		matches = []string{q.Selector}
	}
	got, _, _, err := s.api.LabelValues(ctx, label, matches, q.Over.Start, q.Over.End, v1.WithLimit(uint64(max(0, q.Limit))))
	if err != nil {
		return nil, false, s.fault(seen, err)
	}
	for _, v := range got {
		values = append(values, string(v))
	}
	slices.Sort(values)
	more = q.Limit > 0 && len(values) >= q.Limit
	if more {
		values = values[:q.Limit]
	}
	return values, more, nil
}

// LabelNames returns the names of the labels that series matching a selector have, sorted.
func (s *Source) LabelNames(ctx context.Context, selector string, over Since) (names []string, err error) {
	defer s.recovered(&err)
	ctx, seen := observe(ctx)
	got, _, _, err := s.api.LabelNames(ctx, []string{selector}, over.Start, over.End)
	if err != nil {
		return nil, s.fault(seen, err)
	}
	for _, n := range got {
		if n != model.MetricNameLabel {
			names = append(names, string(n))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Series returns the labels of the series that a selector matches, in no order; more
// reports that there may be more than are returned. What is beyond the limits of an
// answer (see [Limits]) is an error that wraps promql.ErrTooLarge.
func (s *Source) Series(ctx context.Context, selector string, over Since, limit int) (series []Labels, more bool, err error) {
	defer s.recovered(&err)
	ctx, seen := observe(ctx)
	got, _, _, err := s.api.Series(ctx, []string{selector}, over.Start, over.End, v1.WithLimit(uint64(max(0, limit))))
	if err != nil {
		return nil, false, s.fault(seen, err)
	}
	for _, set := range got {
		if limit > 0 && len(series) == limit {
			break
		}
		one := Labels{}
		for k, v := range set {
			if k != model.MetricNameLabel {
				one[string(k)] = string(v)
			}
		}
		series = append(series, one)
	}
	return series, limit > 0 && len(got) >= limit, nil
}

// Metadata is what a server's targets say of a metric. What they do not say is empty.
type Metadata struct {
	Type string // counter, gauge, histogram, summary
	Unit string // as OpenMetrics writes it: seconds, bytes
}

// Metadata returns what the server's targets say of a metric, by its name or, where a family
// is described without it, by its name without _total, _bucket, _count or _sum. It is kept
// for live targets only.
func (s *Source) Metadata(ctx context.Context, metric string) (m Metadata, err error) {
	defer s.recovered(&err)
	ctx, seen := observe(ctx)
	names := []string{metric}
	for _, suffix := range []string{"_total", "_bucket", "_count", "_sum"} {
		if family, ok := strings.CutSuffix(metric, suffix); ok {
			names = append(names, family)
		}
	}
	for _, name := range names {
		got, err := s.api.Metadata(ctx, name, "1")
		if err != nil {
			return Metadata{}, s.fault(seen, err)
		}
		for _, one := range got[name] {
			if one.Type != "" && one.Type != v1.MetricTypeUnknown {
				return Metadata{Type: string(one.Type), Unit: one.Unit}, nil
			}
		}
	}
	return Metadata{}, nil
}
