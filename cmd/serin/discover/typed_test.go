package discover

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// typedPage describes a queue, jobs, and durations of two units, as OpenMetrics.
const typedPage = `# TYPE queue_length gauge
queue_length 3
# TYPE jobs counter
jobs_total 100
# TYPE jobs_failed counter
jobs_failed_total 2
# TYPE work_duration_seconds histogram
# UNIT work_duration_seconds seconds
work_duration_seconds_bucket{le="0.1"} 1
work_duration_seconds_bucket{le="+Inf"} 2
work_duration_seconds_count 2
work_duration_seconds_sum 0.3
# TYPE plain histogram
plain_bucket{le="0.1"} 1
plain_bucket{le="+Inf"} 2
plain_count 2
plain_sum 0.3
# EOF
`

// TestTypesAreHeldAgainstMetadata has a real server scrape a page with types and units, and
// puts queries to it that take a counter's value, count a gauge, or show another unit.
func TestTypesAreHeldAgainstMetadata(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
		fmt.Fprint(w, typedPage)
	}))
	t.Cleanup(page.Close)
	src := open(t, promtest.Start(t, promtest.Config{Scrape: fmt.Sprintf("- job_name: shop\n  static_configs:\n  - targets: [%q]\n", strings.TrimPrefix(page.URL, "http://"))}))
	await(t, "the page's metadata is there", func() bool {
		m, err := src.Metadata(t.Context(), "plain_bucket")
		return err == nil && m.Type == "histogram"
	})
	if got, err := src.Metadata(t.Context(), "work_duration_seconds_sum"); err != nil || got != (prometheus.Metadata{Type: "histogram", Unit: "seconds"}) {
		t.Errorf("got %+v, %v, want a histogram of seconds", got, err)
	}
	const counted = "is a gauge by the store's metadata, and the query counts it as a counter"
	const value = "is a counter by the store's metadata, and the query takes its value"
	for _, c := range []struct{ name, metric, want string }{
		{"counters as a ratio", "query: sum(rate(jobs_failed_total[2m])) / sum(rate(jobs_total[2m]))", ""},
		{"a gauge as a gauge", "query: max(queue_length)", ""},
		{"a gauge counted", "query: sum(rate(queue_length[2m])) / sum(rate(jobs_total[2m]))", "queue_length " + counted},
		{"a counter's value", "query: max(jobs_total)", "jobs_total " + value},
		{"a counter's value over another's", "query: sum(jobs_failed_total) / sum(jobs_total)", "jobs_failed_total " + value},
		{"a part of a histogram", "query: max(work_duration_seconds_sum)", "work_duration_seconds_sum " + value},
		{"how many there are", "query: count(jobs_total)", ""},
		{"a quantile in its unit", "query: 'histogram_quantile(0.99, sum by (le) (rate(work_duration_seconds_bucket[2m])))'", ""},
		{"a quantile in another unit", "query: 'histogram_quantile(0.99, sum by (le) (rate(work_duration_seconds_bucket[2m])))'\n    unit: ms",
			"has the unit seconds by the store's metadata, and the plan shows ms; write unit: s"},
		{"milliseconds made of seconds", "query: '1000 * histogram_quantile(0.99, sum by (le) (rate(work_duration_seconds_bucket[2m])))'", ""},
		{"a histogram without a unit", "query: 'histogram_quantile(0.99, sum by (le) (rate(plain_bucket[2m])))'", ""},
	} {
		p, err := plan.Parse(c.name, []byte("service: a\nmetrics:\n  - name: m\n    weight: 1\n    required: true\n    "+c.metric+"\narms:\n  baseline: { labels: { job: shop } }\n  canary: { labels: { job: other } }\n"))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		got, err := Look(t.Context(), src, p, p.Metrics[0], time.Now())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		text := strings.Join(got.Remarks, "\n")
		if c.want == "" && strings.Contains(text, "metadata") || !strings.Contains(text, c.want) {
			t.Errorf("%s: got remarks %q, want %q", c.name, text, c.want)
		}
	}
}
