package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

func TestLanguageOfQueries(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		lang       queries.Lang
		kind       queries.Kind
		canary     string // the first metric's question about the canary
	}{
		{"default", "service: a\narms: {canary: {labels: {version: v2}}}\nmetrics: [{name: errors, query: 'sum(rate(bad[1m])) / sum(rate(all[1m]))'}]",
			queries.PromQL, queries.Ratio, `sum(rate(bad{version="v2"}[1m])) / sum(rate(all{version="v2"}[1m]))`},
		{"datadog", "service: a\nlanguage: datadog\nselector: version=\"{{ .Version }}\"\narms: {canary: {version: v2}}\n" +
			"metrics: [{name: errors, query: 'sum:bad{a:b}.as_count() / sum:all{a:b}.as_count()'}]",
			queries.Datadog, queries.Ratio, "sum:bad{a:b,version:v2}.as_count() / sum:all{a:b,version:v2}.as_count()"},
		{"cloudwatch", "service: a\nlanguage: cloudwatch\nselector: TargetGroup=\"{{ .Labels.group }}\"\narms: {canary: {labels: {group: green}}}\n" +
			"metrics: [{name: slow, query: 'PR(0.5:)(AWS/ApplicationELB:TargetResponseTime)'}]",
			queries.CloudWatch, queries.Ratio, `PR(0.5:)(AWS/ApplicationELB:TargetResponseTime{TargetGroup="green"})`},
		{"http-json", "service: a\nlanguage: http-json\narms: {canary: {labels: {version: v2}}}\nmetrics: [{name: depth, query: value(depth), weight: 1, required: true, tolerance: 10%, margin: 50%}]",
			queries.JSON, queries.Gauge, `value(depth{version="v2"})`},
	} {
		p, err := Parse("plan.yaml", []byte(tt.text))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		m := p.Metrics[0]
		r, err := m.Scoped(p.Arms.Canary)
		if err != nil || m.Query.Lang != tt.lang || m.Reading.Kind != tt.kind || r.Kind != tt.kind || r.Query.Expr != tt.canary {
			t.Errorf("%s: got %s, read as a %s, of the canary %q, %v, want %s, a %s, %q",
				tt.name, m.Query.Lang, m.Reading.Kind, r.Query.Expr, err, tt.lang, tt.kind, tt.canary)
		}
	}
}

// TestLagOfALanguage ensures that stores whose minutes arrive late are given the time.
func TestLagOfALanguage(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
	}{
		{"service: a\npreset: http\n", 30 * time.Second},
		{"service: a\nlanguage: datadog\nmetrics: [{name: errors, query: 'sum:bad{a:b}.as_count() / sum:all{a:b}.as_count()'}]", 2 * time.Minute},
		{"service: a\nlanguage: cloudwatch\nmetrics: [{name: slow, query: 'PR(0.5:)(AWS/ApplicationELB:TargetResponseTime)'}]", 3 * time.Minute},
		{"service: a\nlanguage: cloudwatch\nlag: 45s\nmetrics: [{name: slow, query: 'PR(0.5:)(AWS/ApplicationELB:TargetResponseTime)'}]", 45 * time.Second},
	} {
		if got := load(t, tt.text).Lag.D(); got != tt.want {
			t.Errorf("got a lag of %s, want %s, of\n%s", got, tt.want, tt.text)
		}
	}
}

func TestLanguageFaults(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown", "service: a\nlanguage: sql\npreset: http", "plan.yaml:2:11: language: "},
		{"preset", "service: a\nlanguage: datadog\npreset: http", "plan.yaml:3:9: preset: preset http asks in PromQL"},
		{"PromQL in it", "service: a\nlanguage: datadog\nmetrics: [{name: e, query: 'sum(rate(a[1m]))'}]", "metrics[0].query: is not a Datadog query"},
		{"its query in PromQL", "service: a\nmetrics: [{name: e, query: 'PR(0.5:)(AWS/X:Y)'}]", "metrics[0].query: is not PromQL"},
		{"limit", "service: a\nlanguage: http-json\nmetrics: [{name: e, query: value(a)}]\nlimits: [{name: l, query: up, above: 1}]", "limits[0].query: is not an http-json query"},
	} {
		_, err := Parse("plan.yaml", []byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}
