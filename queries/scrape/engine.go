package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	engine "github.com/prometheus/prometheus/promql"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/promql"
)

var _ promql.Ranger = (*Source)(nil)

const (
	queryTimeout = 30 * time.Second
	// querySamples bounds what one query may hold at a time: about 160 MB.
	querySamples = 10_000_000
	// querySteps bounds a query's grid, as Prometheus does.
	querySteps = 11_000
)

// newEngine returns Prometheus's engine with the settings that Prometheus itself has.
func newEngine(log *slog.Logger) *engine.Engine {
	return engine.NewEngine(engine.EngineOpts{
		Logger:               log,
		MaxSamples:           querySamples,
		Timeout:              queryTimeout,
		LookbackDelta:        5 * time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
	})
}

// Range implements promql.Ranger over what was scraped. The warnings are the engine's,
// and what the store did not keep of the scrapes in the range.
func (s *Source) Range(ctx context.Context, expr string, r promql.Range) (model.Matrix, []string, error) {
	if r.Step <= 0 || r.End < r.Start || (r.End-r.Start)/r.Step >= querySteps {
		return nil, nil, s.fault(queries.Rejected, nil, "the range of the query is not one: its end must not be before its start, and it may have at most %d steps of a positive length", querySteps)
	}
	q, err := s.engine.NewRangeQuery(ctx, s.store, nil, expr,
		time.UnixMilli(r.Start), time.UnixMilli(r.End), time.Duration(r.Step)*time.Millisecond)
	if err != nil {
		return nil, nil, s.fault(queries.Rejected, err, "the query cannot be run: %v", err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, nil, s.queryFault(ctx, res.Err)
	}
	m, err := res.Matrix()
	if err != nil {
		return nil, nil, s.fault(queries.Malformed, err, "the engine answered a %T where a matrix must be", res.Value)
	}
	warnings, _ := res.Warnings.AsStrings(expr, 10, 0)
	slices.Sort(warnings)
	return matrix(m), append(warnings, s.store.lostWithin(r.Start, r.End)...), nil
}

// queryFault says whose fault a failed query is.
func (s *Source) queryFault(ctx context.Context, err error) error {
	var (
		timeout   engine.ErrQueryTimeout
		cancelled engine.ErrQueryCanceled
		samples   engine.ErrTooManySamples
	)
	switch {
	case ctx.Err() != nil:
		return s.fault(queries.Unavailable, ctx.Err(), "the query was given up: %v", ctx.Err())
	case errors.As(err, &timeout):
		return s.fault(queries.Unavailable, err, "the query took longer than %v", queryTimeout)
	case errors.As(err, &cancelled):
		return s.fault(queries.Unavailable, err, "the query was given up")
	case errors.As(err, &samples):
		err = fmt.Errorf("%w: %w", promql.ErrTooLarge, err)
		return s.fault(queries.Rejected, err, "the query needs more than %d samples at a time; narrow it", querySamples)
	}
	return s.fault(queries.Rejected, err, "the query failed: %v", err)
}

func (s *Source) fault(f queries.Fault, cause error, format string, args ...any) error {
	return &queries.Error{Fault: f, Source: s.config.Name, Text: fmt.Sprintf(format, args...), Err: cause}
}

// matrix copies the engine's answer, whose points the engine reuses.
func matrix(m engine.Matrix) model.Matrix {
	out := make(model.Matrix, len(m))
	for i, series := range m {
		stream := &model.SampleStream{Metric: make(model.Metric, series.Metric.Len())}
		series.Metric.Range(func(l labels.Label) {
			stream.Metric[model.LabelName(l.Name)] = model.LabelValue(l.Value)
		})
		if len(series.Floats) > 0 {
			stream.Values = make([]model.SamplePair, len(series.Floats))
		}
		for j, p := range series.Floats {
			stream.Values[j] = model.SamplePair{Timestamp: model.Time(p.T), Value: model.SampleValue(p.F)}
		}
		for _, p := range series.Histograms {
			stream.Histograms = append(stream.Histograms, model.SampleHistogramPair{
				Timestamp: model.Time(p.T), Histogram: sampleHistogram(p.H),
			})
		}
		out[i] = stream
	}
	return out
}

// The boundaries of a histogram's bucket, as Prometheus's HTTP API numbers them.
const (
	includesUpper int32 = iota
	includesLower
	includesNeither
	includesBoth
)

// sampleHistogram is a native histogram in the form that Prometheus's HTTP API gives
// it: buckets from the lowest to the highest, empty ones left out.
func sampleHistogram(h *histogram.FloatHistogram) *model.SampleHistogram {
	out := &model.SampleHistogram{Count: model.FloatString(h.Count), Sum: model.FloatString(h.Sum)}
	for it := h.AllBucketIterator(); it.Next(); {
		b := it.At()
		if b.Count == 0 {
			continue
		}
		boundaries := includesNeither
		switch {
		case b.LowerInclusive && b.UpperInclusive:
			boundaries = includesBoth
		case b.LowerInclusive:
			boundaries = includesLower
		case b.UpperInclusive:
			boundaries = includesUpper
		}
		out.Buckets = append(out.Buckets, &model.HistogramBucket{
			Boundaries: boundaries,
			Lower:      model.FloatString(b.Lower),
			Upper:      model.FloatString(b.Upper),
			Count:      model.FloatString(b.Count),
		})
	}
	return out
}
