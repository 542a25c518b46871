package scrape

import (
	"math"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
)

// isNative reports whether a histogram has native buckets. One without observations
// has at least a zero threshold or an empty span.
func isNative(h *dto.Histogram) bool {
	return len(h.GetPositiveSpan()) > 0 || len(h.GetNegativeSpan()) > 0 ||
		h.GetZeroThreshold() > 0 || h.GetZeroCount() > 0 || h.GetZeroCountFloat() > 0
}

// nativeHistogram converts a native histogram: of whole counts, or of fractional ones
// where the page has those. One that contradicts itself comes with the reason.
func nativeHistogram(h *dto.Histogram, gauge bool) (*histogram.Histogram, *histogram.FloatHistogram, error) {
	hint := histogram.UnknownCounterReset
	if gauge {
		hint = histogram.GaugeType
	}
	if isFractional(h) {
		fh := &histogram.FloatHistogram{
			CounterResetHint: hint,
			Schema:           h.GetSchema(),
			ZeroThreshold:    h.GetZeroThreshold(),
			ZeroCount:        h.GetZeroCountFloat(),
			Count:            h.GetSampleCountFloat(),
			Sum:              sum(h),
			PositiveSpans:    spans(h.GetPositiveSpan()),
			PositiveBuckets:  h.GetPositiveCount(),
			NegativeSpans:    spans(h.GetNegativeSpan()),
			NegativeBuckets:  h.GetNegativeCount(),
		}
		if err := fh.Validate(); err != nil {
			return nil, nil, err
		}
		return nil, fh.Compact(0), nil
	}
	ih := &histogram.Histogram{
		CounterResetHint: hint,
		Schema:           h.GetSchema(),
		ZeroThreshold:    h.GetZeroThreshold(),
		ZeroCount:        h.GetZeroCount(),
		Count:            h.GetSampleCount(),
		Sum:              sum(h),
		PositiveSpans:    spans(h.GetPositiveSpan()),
		PositiveBuckets:  h.GetPositiveDelta(),
		NegativeSpans:    spans(h.GetNegativeSpan()),
		NegativeBuckets:  h.GetNegativeDelta(),
	}
	if err := ih.Validate(); err != nil {
		return nil, nil, err
	}
	return ih.Compact(0), nil, nil
}

// isFractional reports whether the counts are fractions. Those of one without
// observations are all zero, but their buckets still say so.
func isFractional(h *dto.Histogram) bool {
	return h.GetSampleCountFloat() > 0 || h.GetZeroCountFloat() > 0 ||
		len(h.GetPositiveCount()) > 0 || len(h.GetNegativeCount()) > 0
}

// sum is the sum of the observations. The NaN that ends a series is a plain NaN where a
// page shows it: only a scrape itself may end a series.
func sum(h *dto.Histogram) float64 {
	if v := h.GetSampleSum(); !math.IsNaN(v) {
		return v
	}
	return math.Float64frombits(value.NormalNaN)
}

func spans(in []*dto.BucketSpan) []histogram.Span {
	if len(in) == 0 {
		return nil
	}
	out := make([]histogram.Span, len(in))
	for i, s := range in {
		out[i] = histogram.Span{Offset: s.GetOffset(), Length: s.GetLength()}
	}
	return out
}
