package promql

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// fixed answers every question with the same series.
type fixed model.Matrix

func (f fixed) Range(context.Context, string, Range) (model.Matrix, []string, error) {
	return model.Matrix(f), nil, nil
}

// BenchmarkHistogram reads 20 pods × 60 blocks × 12 buckets.
func BenchmarkHistogram(b *testing.B) {
	const pods, blocks, buckets = 20, 60, 12
	var m model.Matrix
	for p := range pods {
		for k := range buckets {
			le := fmt.Sprint(0.01 * float64(int(1)<<k))
			if k == buckets-1 {
				le = "+Inf"
			}
			s := &model.SampleStream{Metric: model.Metric{
				"__name__": "http_request_duration_seconds_bucket", "job": "shop", "namespace": "shop",
				"pod": model.LabelValue(fmt.Sprintf("shop-6d4cf56db6-%05d", p)), "instance": model.LabelValue(fmt.Sprintf("10.0.0.%d:8080", p)),
				"le": model.LabelValue(le),
			}}
			for i := -4; i <= blocks; i++ {
				at := promtest.Epoch().Add(time.Duration(i) * time.Minute)
				s.Values = append(s.Values, model.SamplePair{Timestamp: model.TimeFromUnixNano(at.UnixNano()), Value: model.SampleValue((i + 5) * (k + 1) * 10)})
			}
			m = append(m, s)
		}
	}
	r := NewReader(fixed(m), Options{})
	rd := queries.Reading{Kind: queries.Histogram, Buckets: "http_request_duration_seconds_bucket", Scale: 1}
	b.ReportAllocs()
	for b.Loop() {
		f, err := r.Blocks(context.Background(), rd, window(blocks))
		if err != nil || len(f.Processes) != pods {
			b.Fatal(err)
		}
	}
}

// BenchmarkRatio reads 20 pods × 60 blocks with 5 label sets each.
func BenchmarkRatio(b *testing.B) {
	const pods, blocks, sets = 20, 60, 5
	var m model.Matrix
	for p := range pods {
		for k := range sets {
			s := &model.SampleStream{Metric: model.Metric{
				"__name__": "http_requests_total", "job": "shop", "code": model.LabelValue(fmt.Sprint(200 + 100*k)),
				"pod": model.LabelValue(fmt.Sprintf("shop-6d4cf56db6-%05d", p)), "instance": model.LabelValue(fmt.Sprintf("10.0.0.%d:8080", p)),
			}}
			for i := -4; i <= blocks; i++ {
				at := promtest.Epoch().Add(time.Duration(i) * time.Minute)
				s.Values = append(s.Values, model.SamplePair{Timestamp: model.TimeFromUnixNano(at.UnixNano()), Value: model.SampleValue((i + 5) * (k + 1) * 10)})
			}
			m = append(m, s)
		}
	}
	r := NewReader(fixed(m), Options{})
	rd := queries.Reading{Kind: queries.Ratio, Scale: 1,
		Bad:   queries.Counts{{Selector: `http_requests_total{code=~"5.."}`}},
		Total: queries.Counts{{Selector: `http_requests_total`}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Blocks(context.Background(), rd, window(blocks)); err != nil {
			b.Fatal(err)
		}
	}
}
