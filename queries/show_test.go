package queries

import (
	"slices"
	"strings"
	"testing"
)

func understood(t testing.TB, expr string) Reading {
	t.Helper()
	r, err := Understand(Query{Lang: PromQL, Expr: expr})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestShow(t *testing.T) {
	const (
		share   = `sum(rate(req{code=~"5.."}[2m])) / sum(rate(req[2m]))`
		good    = `100 - 100 * sum(rate(req{code!~"5.."}[1m])) / sum(rate(req[1m]))`
		seconds = `1000 * histogram_quantile(0.99, sum by (le) (rate(took_seconds_bucket{a="b"}[2m])))`
		native  = `histogram_quantile(0.9, sum(rate(took_seconds[2m])))`
		grows   = `2 * sum(rate(done_total[5m]))`
		lag     = `max(lag offset 1m) + min(lag)`
	)
	for name, c := range map[string]struct {
		expr string
		view View
		want string
	}{
		"share":             {share, View{What: ShowValue}, `(sum (rate(req{code=~"5.."}[5m])) or 0 * sum (rate(req[5m]))) / sum (rate(req[5m]))`},
		"share by pod":      {share, View{What: ShowValue, By: []string{"pod"}}, `(sum by (pod) (rate(req{code=~"5.."}[5m])) or 0 * sum by (pod) (rate(req[5m]))) / sum by (pod) (rate(req[5m]))`},
		"requests":          {share, View{What: ShowRate}, `sum (rate(req[5m]))`},
		"share of the rest": {good, View{What: ShowValue}, `((sum (rate(req[5m])) - sum (rate(req{code!~"5.."}[5m]))) or 0 * sum (rate(req[5m]))) / sum (rate(req[5m]))`},
		"quantile":          {seconds, View{What: ShowValue}, `1000 * (histogram_quantile(0.99, sum by (le) (rate(took_seconds_bucket{a="b"}[5m]))))`},
		"median":            {seconds, View{What: ShowValue, Quantile: .5}, `1000 * (histogram_quantile(0.5, sum by (le) (rate(took_seconds_bucket{a="b"}[5m]))))`},
		"mean":              {seconds, View{What: ShowMean}, `1000 * (sum (rate(took_seconds_sum{a="b"}[5m])) / sum (rate(took_seconds_count{a="b"}[5m])))`},
		"observations":      {seconds, View{What: ShowRate}, `sum (rate(took_seconds_count{a="b"}[5m]))`},
		"buckets":           {seconds, View{What: ShowBuckets}, `sum by (le) (rate(took_seconds_bucket{a="b"}[5m]))`},
		"native":            {native, View{What: ShowValue}, `histogram_quantile(0.9, sum (rate(took_seconds[5m])))`},
		"native mean":       {native, View{What: ShowMean}, `histogram_avg(sum (rate(took_seconds[5m])))`},
		"native rate":       {native, View{What: ShowRate, By: []string{"pod"}}, `histogram_count(sum by (pod) (rate(took_seconds[5m])))`},
		"native buckets":    {native, View{What: ShowBuckets}, `sum (rate(took_seconds[5m]))`},
		"counter":           {grows, View{What: ShowValue}, `2 * (sum (rate(done_total[5m])))`},
		"gauge":             {lag, View{What: ShowValue}, lag},
	} {
		c.view.Over = "5m"
		got, err := understood(t, c.expr).Show(c.view)
		if err != nil || got != c.want {
			t.Errorf("%s: got %s, error %v\nwant %s", name, got, err, c.want)
			continue
		}
		if _, err := ParsePromQL(got); err != nil {
			t.Errorf("%s: %s does not parse: %v", name, got, err)
		}
		c.view.Over = "$__rate_interval"
		if got, err = understood(t, c.expr).Show(c.view); err != nil || name != "gauge" && !strings.Contains(got, "[$__rate_interval]") {
			t.Errorf("%s with a variable: got %s, error %v", name, got, err)
		}
	}
}

func TestShowRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		r    Reading
		view View
		want string
	}{
		"a gauge's rate":     {understood(t, "lag"), View{What: ShowRate}, "a gauge has no rate to show"},
		"a share's mean":     {understood(t, "sum(rate(a[1m]))/sum(rate(b[1m]))"), View{What: ShowMean}, "a ratio has no mean"},
		"no such view":       {understood(t, `histogram_quantile(0.9, sum by (le) (rate(a_bucket[1m])))`), View{What: "x"}, "no x to show"},
		"another language":   {Reading{Kind: Gauge, Query: Query{Lang: Datadog, Expr: "avg:x{*}"}}, View{What: ShowValue}, "datadog"},
		"an injected label":  {understood(t, "lag"), View{What: ShowValue, By: []string{"a) or vector(1"}}, "no label"},
		"buckets of no name": {Reading{Kind: Histogram, Buckets: `{le!=""}`}, View{What: ShowRate}, "does not end in _bucket"},
		"a broken selector":  {Reading{Kind: Histogram, Buckets: `a{`}, View{What: ShowRate}, ""},
	} {
		if got, err := c.r.Show(c.view); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, error %v; want an error with %q", name, got, err, c.want)
		}
	}
}

func TestSelectors(t *testing.T) {
	for expr, want := range map[string][]string{
		`sum(rate(req{code=~"5.."}[2m])) / sum(rate(req[2m]))`:             {"req", `req{code=~"5.."}`},
		`1 - sum(rate(ok[2m])) / sum(rate(req[2m]))`:                       {"req", "ok"},
		`histogram_quantile(0.9, sum by (le) (rate(a_bucket{b="c"}[1m])))`: {`a_bucket{b="c"}`},
		`max_over_time(lag{a="b"}[5m] offset 1m) + lag{a="b"} + vector(1)`: {`lag{a="b"}`},
		`sum(rate(done_total[5m]))`:                                        {"done_total"},
	} {
		got, err := understood(t, expr).Selectors()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, error %v; want %q", expr, got, err, want)
		}
	}
}
