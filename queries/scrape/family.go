package scrape

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
)

// readFamily hands out a family's samples under the names that Prometheus gives them.
// Binary says that the family came as protobuf.
func readFamily(f *dto.MetricFamily, binary bool, each func(*exposed) error) error {
	for _, m := range f.GetMetric() {
		if m == nil {
			continue
		}
		for _, l := range m.GetLabel() {
			if l.GetName() == model.MetricNameLabel {
				return fmt.Errorf("the page gives the metric %q a label %s, which is reserved", f.GetName(), model.MetricNameLabel)
			}
		}
		e := exposed{name: f.GetName(), pairs: m.GetLabel(), t: m.GetTimestampMs(), timed: m.TimestampMs != nil}
		if err := readMetric(&e, m, form{f.GetType(), binary}, each); err != nil {
			return err
		}
	}
	return nil
}

// form is how a family's metrics are to be read.
type form struct {
	kind   dto.MetricType
	binary bool // they came as protobuf
}

func readMetric(e *exposed, m *dto.Metric, f form, each func(*exposed) error) error {
	switch f.kind {
	case dto.MetricType_COUNTER:
		return e.plain(m.Counter != nil, m.GetCounter().GetValue(), each)
	case dto.MetricType_GAUGE:
		return e.plain(m.Gauge != nil, m.GetGauge().GetValue(), each)
	case dto.MetricType_UNTYPED:
		return e.plain(m.Untyped != nil, m.GetUntyped().GetValue(), each)
	case dto.MetricType_SUMMARY:
		return e.summary(m.GetSummary(), each)
	case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM:
		return e.histogram(m.GetHistogram(), f, each)
	}
	return fmt.Errorf("the page gives the metric %q a type that does not exist (%d)", e.name, f.kind)
}

func (e *exposed) plain(has bool, v float64, each func(*exposed) error) error {
	if !has {
		return nil
	}
	e.v = v
	return each(e)
}

// part hands out one of the series that a summary or a histogram is made of.
func (e *exposed) part(suffix string, extra label, v float64, each func(*exposed) error) error {
	e.suffix, e.extra, e.v = suffix, extra, v
	return each(e)
}

func (e *exposed) summary(s *dto.Summary, each func(*exposed) error) error {
	if s == nil {
		return nil
	}
	if s.SampleCount != nil {
		if err := e.part("_count", label{}, float64(s.GetSampleCount()), each); err != nil {
			return err
		}
	}
	if s.SampleSum != nil {
		if err := e.part("_sum", label{}, s.GetSampleSum(), each); err != nil {
			return err
		}
	}
	for _, q := range s.GetQuantile() {
		extra := label{model.QuantileLabel, boundary(q.GetQuantile())}
		if err := e.part("", extra, q.GetValue(), each); err != nil {
			return err
		}
	}
	return nil
}

// histogram hands out a histogram as a native one, as classic series, or as both where
// the page has both: a query may ask for either.
func (e *exposed) histogram(h *dto.Histogram, f form, each func(*exposed) error) error {
	if h == nil {
		return nil
	}
	if isNative(h) {
		native := *e
		native.h, native.fh, native.invalid = nativeHistogram(h, f.kind == dto.MetricType_GAUGE_HISTOGRAM)
		if err := each(&native); err != nil || len(h.GetBucket()) == 0 {
			return err
		}
	}
	return e.classic(h, f.binary, each)
}

func (e *exposed) classic(h *dto.Histogram, binary bool, each func(*exposed) error) error {
	count := float64(h.GetSampleCount())
	if f := h.GetSampleCountFloat(); f > 0 {
		count = f
	}
	if binary || h.SampleCount != nil || h.SampleCountFloat != nil {
		if err := e.part("_count", label{}, count, each); err != nil {
			return err
		}
	}
	if binary || h.SampleSum != nil {
		if err := e.part("_sum", label{}, h.GetSampleSum(), each); err != nil {
			return err
		}
	}
	infinite := false
	for _, b := range h.GetBucket() {
		v := float64(b.GetCumulativeCount())
		if f := b.GetCumulativeCountFloat(); f > 0 {
			v = f
		}
		infinite = infinite || math.IsInf(b.GetUpperBound(), 1)
		if err := e.part("_bucket", label{model.BucketLabel, boundary(b.GetUpperBound())}, v, each); err != nil {
			return err
		}
	}
	if infinite || !binary {
		return nil
	}
	// Protobuf leaves the last bucket out, since it equals the count.
	return e.part("_bucket", label{model.BucketLabel, "+Inf"}, count, each)
}

// boundary writes the value of an le or quantile label as Prometheus does since 3.0,
// whatever the page wrote: 1 and 1.0 are the same bucket.
func boundary(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if math.IsInf(v, 0) || math.IsNaN(v) || strings.ContainsAny(s, ".e") {
		return s
	}
	return s + ".0"
}
