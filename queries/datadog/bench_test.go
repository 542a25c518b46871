package datadog

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/datadog/datadogtest"
)

// BenchmarkLook prints what a look of ten metrics over 60 blocks costs: calls and
// bytes, with its questions asked at once, as the judge asks them, and one after the
// other.
func BenchmarkLook(b *testing.B) {
	s := datadogtest.New(b)
	for block := -5; block < 60; block++ {
		for _, v := range []string{"v1", "v2"} {
			s.Add("hits", tags(v), at(block, 5), 100)
			for m := range 10 {
				s.Add(fmt.Sprint("errors", m), tags(v), at(block, 5), float64(m+1))
			}
		}
	}
	for _, atOnce := range []bool{true, false} {
		b.Run(fmt.Sprintf("at once %v", atOnce), func(b *testing.B) {
			src, err := New(Config{Name: "dd", URL: s.URL, APIKey: "env:FAKE_DD_API_KEY", AppKey: "env:FAKE_DD_APP_KEY", Pause: 5 * time.Millisecond})
			if err != nil {
				b.Fatal(err)
			}
			defer src.Close()
			for b.Loop() {
				var wg sync.WaitGroup
				for m := range 10 {
					for _, v := range []string{"v1", "v2"} {
						one := func() {
							q := queries.Query{Lang: queries.Datadog, Expr: fmt.Sprintf("sum:errors%d{version:%s}.as_count() / sum:hits{version:%s}.as_count()", m, v, v)}
							r, err := queries.Understand(q)
							if err == nil {
								_, err = src.Blocks(context.Background(), r, window(60))
							}
							if err != nil {
								b.Error(err)
							}
						}
						if atOnce {
							wg.Go(one)
						} else {
							one()
						}
					}
				}
				wg.Wait()
			}
			b.ReportMetric(float64(src.Calls())/float64(b.N), "calls/look")
			b.ReportMetric(float64(src.BytesRead())/float64(b.N), "B/look")
		})
	}
}
