package queries

import (
	"errors"
	"strings"
	"testing"
)

func TestUnderstandParts(t *testing.T) {
	for _, tt := range []struct {
		lang        Lang
		query, want string
	}{
		{Datadog, "sum:trace.http.request.errors{service:checkout}.as_count() / sum:trace.http.request.hits{service:checkout}.as_count()",
			"ratio: sum:trace.http.request.errors{service:checkout}.as_count() of sum:trace.http.request.hits{service:checkout}.as_count()"},
		{Datadog, "100 * (1 - sum:good{*}.as_count() / sum:all{*}.as_count())",
			"ratio ×100: sum:all{*}.as_count() - sum:good{*}.as_count() of sum:all{*}.as_count()"},
		{Datadog, "sum:bad{a:b}.as_count()/(sum:bad{a:b}.as_count()+sum:good{a:b}.as_count())",
			"ratio: sum:bad{a:b}.as_count() of sum:bad{a:b}.as_count() + sum:good{a:b}.as_count()"},
		{Datadog, "count(v: v>0.5):trace.http.request{env:prod} by {pod_name}.as_count() / count:trace.http.request{env:prod} by {pod_name}.as_count()",
			"ratio: count(v: v>0.5):trace.http.request{env:prod} by {pod_name}.as_count() of count:trace.http.request{env:prod} by {pod_name}.as_count()"},
		{Datadog, "sum:requests{env:prod}.as_count().rollup(sum, 60)", "counter: sum:requests{env:prod}.as_count()"},
		{Datadog, "p99:trace.http.request{service:checkout}", "gauge: p99 of one block cannot be put together with that of another; count(v: v>0.5):… counts what is slower"},
		{Datadog, "sum:requests{env:prod}", "gauge: without .as_count() it is interpolated and averaged, which no count survives"},
		{Datadog, "avg:cpu{env:prod}", "gauge: avg: loses how many events there were; sum: with .as_count() counts them"},
		{Datadog, "sum:trace.http.request.duration{a:b}.as_count() / sum:trace.http.request.hits{a:b}.as_count()",
			"gauge: its numerator counts a sum of observations (trace.http.request.duration_sum), not events among those of its denominator"},

		{CloudWatch, `Sum(AWS/ApplicationELB:HTTPCode_Target_5XX_Count{LoadBalancer="app/shop/1"}) / Sum(AWS/ApplicationELB:RequestCount{LoadBalancer="app/shop/1"})`,
			`ratio: Sum(AWS/ApplicationELB:HTTPCode_Target_5XX_Count{LoadBalancer="app/shop/1"}) of Sum(AWS/ApplicationELB:RequestCount{LoadBalancer="app/shop/1"})`},
		{CloudWatch, `PR(0.5:)(AWS/ApplicationELB:TargetResponseTime{})`,
			`ratio ×100: PR(0.5:)(AWS/ApplicationELB:TargetResponseTime{}) of SampleCount(AWS/ApplicationELB:TargetResponseTime{})`},
		{CloudWatch, `100 - PR(:0.5)(AWS/ApplicationELB:TargetResponseTime)`,
			`ratio ×100: SampleCount(AWS/ApplicationELB:TargetResponseTime{}) - PR(:0.5)(AWS/ApplicationELB:TargetResponseTime{}) of SampleCount(AWS/ApplicationELB:TargetResponseTime{})`},
		{CloudWatch, `Sum("Shop Floor":"Orders Failed"{Shop="a \"b\""})`, `counter: Sum("Shop Floor":"Orders Failed"{Shop="a \"b\""})`},
		{CloudWatch, `p99(AWS/Lambda:Duration{FunctionName="f"})`, "gauge: p99 of one block cannot be put together with that of another; PR(0.5:)(…) counts what is slower"},
		{CloudWatch, `Sum(AWS/Lambda:Duration{FunctionName="f"}) / Sum(AWS/Lambda:Invocations{FunctionName="f"})`,
			"gauge: its numerator counts a sum of observations (Duration_sum), not events among those of its denominator"},

		{JSON, `count(orders_failed{shop="eu"}) / count(orders{shop="eu"})`, `ratio: count(orders_failed{shop="eu"}) of count(orders{shop="eu"})`},
		{JSON, `value(queue_depth)`, "gauge: value() is a value, not a count of events"},
	} {
		r, err := Understand(Query{tt.lang, tt.query})
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if got := brief(r); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.query, got, tt.want)
		}
	}
}

func TestPartsFail(t *testing.T) {
	for _, tt := range []struct {
		lang   Lang
		query  string
		column int
		want   string
	}{
		{Datadog, "", 1, "something to ask for is missing"},
		{Datadog, "1 / 2", 1, "asks nothing of the store"},
		{Datadog, "sum(rate(http_requests_total[1m]))", 1, "the function sum() is not taken"},
		{Datadog, "default_zero(sum:a{*}.as_count())", 1, "the function default_zero() is not taken"},
		{Datadog, "sum:a{*}.as_count() sum:b{*}", 21, "cannot follow here"},
		{Datadog, "sum:a{service:x", 6, "is not closed"},
		{Datadog, "sum:a.as_count()", 15, `"{" is missing`},
		{Datadog, "sum:a{*}.fill(zero)", 9, "makes up values"},
		{Datadog, "sum:a{*}.as_count", 9, "with parentheses"},
		{Datadog, "sum:a{$env}.as_count()", 6, "$variables"},
		{Datadog, "sum:a{(a:b)) OR (c:d}", 6, "parentheses do not close"},
		{Datadog, "median:a{*}", 1, "is none of sum"},
		{Datadog, "count(v: w>1):a{*}", 6, "a threshold is written"},
		{CloudWatch, "FILL(m1, 0)", 1, "functions of metric math are not taken"},
		{CloudWatch, "Sum(AWS/ApplicationELB.RequestCount)", 36, `":" is missing`},
		{CloudWatch, `Sum(A:B{c=~"d"})`, 8, "by = only"},
		{CloudWatch, `Sum(A:B{c="d",c="e"})`, 8, "written twice"},
		{CloudWatch, `PR(5%:10%)(A:B)`, 1, "is no statistic"},
		{JSON, "orders", 1, "neither count nor value"},
		{JSON, "count()", 7, "name of what is asked for is missing"},
		{JSON, strings.Repeat("(", 100) + "count(a)" + strings.Repeat(")", 100), 65, "nested too deeply"},
		{JSON, strings.Repeat("-", 1<<15), 0, "at most 16384 are read"},
	} {
		_, err := Understand(Query{tt.lang, tt.query})
		var e *SyntaxError
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) || e.Column != tt.column {
			t.Errorf("%.60q: got %v, want a syntax error in column %d that says %q", tt.query, err, tt.column, tt.want)
		}
	}
}

func TestScopedParts(t *testing.T) {
	version := []Matcher{{"version", Equal, "V2.1"}}
	for _, tt := range []struct {
		name     string
		lang     Lang
		query    string
		matchers []Matcher
		want     string
	}{
		{"list", Datadog, "sum:a{service:x}.as_count() / sum:b{*}.as_count()", version,
			"sum:a{service:x,version:v2.1}.as_count() / sum:b{version:v2.1}.as_count()"},
		{"there already", Datadog, "sum:a{version:v2.1}.as_count()", version, "sum:a{version:v2.1}.as_count()"},
		{"boolean", Datadog, "sum:a{env:a OR env:b}.as_count()", version, "sum:a{(env:a OR env:b) AND version:v2.1}.as_count()"},
		{"alternatives", Datadog, "sum:a{!env:dev}.as_count()", []Matcher{{"version", Match, "v1|v2.*"}},
			"sum:a{NOT env:dev AND (version:v1 OR version:v2*)}.as_count()"},
		{"not", Datadog, "sum:a{*}.as_count()", []Matcher{{"version", NotEqual, "v1"}}, "sum:a{!version:v1}.as_count()"},
		{"groups and gauges", Datadog, "100 * avg:cpu{a:b} by {host}", version, "100 * avg:cpu{a:b,version:v2.1} by {host}"},
		{"dimension", CloudWatch, `PR(0.5:)(AWS/ApplicationELB:TargetResponseTime)`, []Matcher{{"TargetGroup", Equal, "targetgroup/blue/1"}},
			`PR(0.5:)(AWS/ApplicationELB:TargetResponseTime{TargetGroup="targetgroup/blue/1"})`},
		{"json", JSON, `count(a{b="c"}) / count(d)`, version, `count(a{b="c",version="V2.1"}) / count(d{version="V2.1"})`},
		{"nothing", JSON, `count(a)`, nil, `count(a{})`},
	} {
		got, err := Query{tt.lang, tt.query}.Scoped(tt.matchers)
		if err != nil || got.Expr != tt.want || got.Lang != tt.lang {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got.Expr, err, tt.want)
		}
		again, err := got.Scoped(tt.matchers)
		if err != nil || again.Expr != got.Expr && tt.name != "boolean" && tt.name != "alternatives" {
			t.Errorf("%s: scoped again: got %q, %v, want no change", tt.name, again.Expr, err)
		}
	}
	for _, tt := range []struct {
		lang  Lang
		query string
		m     Matcher
		want  string
	}{
		{Datadog, "sum:a{version:v1}", Matcher{"version", Equal, "v2"}, "contradicts the arm's version:v2"},
		{Datadog, "sum:a{*}", Matcher{"version", Equal, "v2} by {host"}, "cannot be asked of Datadog"},
		{Datadog, "sum:a{*}", Matcher{"version", Equal, "a|b"}, "cannot be asked of Datadog"},
		{Datadog, "sum:a{*}", Matcher{"version", Equal, "v2,service:other"}, "cannot be asked of Datadog"},
		{Datadog, "sum:a{*}", Matcher{"pod", Match, "checkout-[a-z]+"}, "a|b and a trailing .*"},
		{Datadog, "sum:a{*}", Matcher{"a b", Equal, "c"}, "no name of a tag"},
		{CloudWatch, `Sum(A:B{T="blue"})`, Matcher{"T", Equal, "green"}, "contradicts"},
		{CloudWatch, "Sum(A:B)", Matcher{"T", Match, "green.*"}, "by = only"},
		{JSON, "count(a)", Matcher{"__name__", Equal, "x"}, "__name__"},
	} {
		_, err := Query{tt.lang, tt.query}.Scoped([]Matcher{tt.m})
		var e *SyntaxError
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%s with %v: got %v, want an error that says %q", tt.query, tt.m, err, tt.want)
		}
	}
}

func FuzzParts(f *testing.F) {
	for lang, qs := range map[Lang][]string{
		Datadog:    {"sum:a{b:c,!d:e} by {host}.as_count() / count(v: v<=0.5):x{a IN (b)}.as_count()", "100*(1-sum:a{*}/p99.9:b{*}.rollup(avg, 60))"},
		CloudWatch: {`PR(0.5:)(AWS/X:T{A="b"}) + Sum("a b":"c\"d")`, "TC(1%:2%)(A:B)"},
		JSON:       {`count(a{b="}"}) - value(c:d/e)`},
	} {
		for _, q := range qs {
			f.Add(string(lang), q, "v1")
		}
	}
	f.Fuzz(func(t *testing.T, lang, text, value string) {
		q := Query{Lang(lang), text}
		if q.Lang == PromQL {
			return
		}
		r, err := Understand(q)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Text == "" {
				t.Fatalf("%q: got error %T %v, want a *SyntaxError with a text", text, err, err)
			}
			return
		}
		for _, c := range append(r.Bad, r.Total...) {
			if p, err := ReadPart(q.Lang, c.Selector); err != nil || p.String() != c.Selector {
				t.Fatalf("%q: its part %q reads as %q, %v", text, c.Selector, p, err)
			}
		}
		scoped, err := q.Scoped([]Matcher{{"version", Equal, value}})
		if err != nil {
			return
		}
		narrow, err := Understand(scoped)
		if err != nil || len(narrow.Total) != len(r.Total) && r.Kind == narrow.Kind {
			t.Fatalf("%q scoped is %q: got %+v, %v", text, scoped.Expr, narrow, err)
		}
		parts, _ := Parts(scoped)
		for _, p := range parts {
			if !strings.Contains(p.String(), strings.ToLower(value)) && !strings.Contains(p.String(), quoted(value)) {
				t.Fatalf("%q scoped is %q: %q does not have %q", text, scoped.Expr, p, value)
			}
		}
	})
}
