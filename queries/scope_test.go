package queries

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

var arm = []Matcher{{"namespace", Equal, "shop"}, {"pod", Match, "checkout-.*"}}

func TestScoped(t *testing.T) {
	const m = `namespace="shop",pod=~"checkout-.*"`
	for _, tt := range []struct{ query, want string }{
		{`foo`, `foo{` + m + `}`},
		{`foo{}`, `foo{` + m + `}`},
		{`foo{a="b"}`, `foo{a="b",` + m + `}`},
		{`{__name__=~"foo_.*"}`, `{__name__=~"foo_.*",` + m + `}`},
		{`{__name__="foo"}`, `{__name__="foo",` + m + `}`},
		{`{a="b"}`, `{a="b",` + m + `}`},
		{`{"http.requests"}`, `{__name__="http.requests",` + m + `}`},
		{`foo offset 5m`, `foo{` + m + `} offset 5m`},
		{`foo offset -5m`, `foo{` + m + `} offset -5m`},
		{`foo @ 1700000000`, `foo{` + m + `} @ 1700000000.000`},
		{`foo @ start()`, `foo{` + m + `} @ start()`},
		{`rate(foo[5m] offset 1w)`, `rate(foo{` + m + `}[5m] offset 1w)`},
		{`max_over_time(rate(foo[1m])[10m:30s] @ end() offset 2m)`, `max_over_time(rate(foo{` + m + `}[1m])[10m:30s] @ end() offset 2m)`},
		{`sum by (pod) (rate(foo[5m])) / on (pod) group_left (node) sum by (pod, node) (bar)`,
			`sum by (pod) (rate(foo{` + m + `}[5m])) / on (pod) group_left (node) sum by (pod, node) (bar{` + m + `})`},
		{`topk(scalar(k), foo)`, `topk(scalar(k{` + m + `}), foo{` + m + `})`},
		{`histogram_quantile(scalar(q), foo_bucket)`, `histogram_quantile(scalar(q{` + m + `}), foo_bucket{` + m + `})`},
		{`label_replace(foo, "x", "$1", "y", "(.*)")`, `label_replace(foo{` + m + `}, "x", "$1", "y", "(.*)")`},
		{`absent(foo) or vector(0)`, `absent(foo{` + m + `}) or vector(0)`},
		{`-(foo) ^ 2`, `-(foo{` + m + `}) ^ 2`},
		{`foo and bar unless baz or qux`, `foo{` + m + `} and bar{` + m + `} unless baz{` + m + `} or qux{` + m + `}`},
		{`vector(1)`, `vector(1)`},
		{`time()`, `time()`},
		{`1 + 2`, `1 + 2`},
		{`"text"`, `"text"`},
		// An equal matcher is not repeated; others that have values in common stay.
		{`foo{namespace="shop"}`, `foo{namespace="shop",pod=~"checkout-.*"}`},
		{`foo{pod=~"checkout-.*",namespace="shop"}`, `foo{` + m + `}`},
		{`foo{pod="checkout-1"}`, `foo{namespace="shop",pod="checkout-1",pod=~"checkout-.*"}`},
		{`foo{pod!="checkout-1"}`, `foo{namespace="shop",pod!="checkout-1",pod=~"checkout-.*"}`},
		{`foo{pod=~".*-1"}`, `foo{namespace="shop",pod=~".*-1",pod=~"checkout-.*"}`},
		{`foo{namespace=~"sh.p"}`, `foo{namespace="shop",namespace=~"sh.p",pod=~"checkout-.*"}`},
	} {
		got, err := Query{PromQL, tt.query}.Scoped(arm)
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if got.Expr != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.query, got.Expr, tt.want)
		}
		everySelector(t, got.Expr, arm)
		again, err := got.Scoped(arm)
		if err != nil || again != got {
			t.Errorf("%s: scoped twice: got %s, %v, want no change", tt.query, again.Expr, err)
		}
	}
}

func TestScopedRefuses(t *testing.T) {
	for _, tt := range []struct {
		query        string
		add          []Matcher
		line, column int
		want         string
	}{
		{`foo{namespace="other"}`, arm, 1, 1, `contradicts the arm's namespace="shop"`},
		{"sum(\n  rate(foo[1m])\n  + rate(foo{pod=\"cart-1\"}[1m]))", arm, 3, 10, `asks for pod="cart-1"`},
		{`foo{namespace!="shop"}`, arm, 1, 1, `contradicts`},
		{`foo{namespace=~"test|dev"}`, arm, 1, 1, `contradicts`},
		{`foo{namespace=""}`, arm, 1, 1, `contradicts`},
		{`foo`, []Matcher{{"pod", Equal, "a"}, {"pod", Equal, "b"}}, 1, 1, `contradicts`},
		{`foo{pod="a"}`, []Matcher{{"pod", NotEqual, "a"}}, 1, 1, `contradicts`},
		{`foo{pod="a"}`, []Matcher{{"pod", NotMatch, "a|b"}}, 1, 1, `contradicts`},
		{`foo{`, arm, 1, 5, `unexpected end of input`},
		{`foo`, []Matcher{{"pod", "==", "a"}}, 0, 0, `the operator "==" of a matcher on "pod"`},
		{`foo`, []Matcher{{"", Equal, "a"}}, 0, 0, `with a label's name`},
		{`foo`, []Matcher{{"pod", Equal, "\xff"}}, 0, 0, `is not text`},
		{`foo`, []Matcher{{"pod", Match, "("}}, 0, 0, `missing closing )`},
		{`foo`, []Matcher{{"__name__", Match, "a.*"}}, 0, 0, `names of metrics`},
	} {
		got, err := Query{PromQL, tt.query}.Scoped(tt.add)
		var e *SyntaxError
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) || e.Line != tt.line || e.Column != tt.column {
			t.Errorf("%s: got %v, want a syntax error at %d:%d that says %q", tt.query, err, tt.line, tt.column, tt.want)
		}
		if got != (Query{}) {
			t.Errorf("%s: got the query %v beside an error", tt.query, got)
		}
	}
	for _, l := range []Lang{"", Datadog, CloudWatch} {
		if _, err := (Query{l, "foo"}).Scoped(arm); err == nil {
			t.Errorf("language %q: got no error", l)
		}
	}
}

// TestScopedUnknownNode has a node that the parser of this version never makes: one
// of a version to come must not pass unscoped.
func TestScopedUnknownNode(t *testing.T) {
	adds, err := compile(arm)
	if err != nil {
		t.Fatal(err)
	}
	hidden := &parser.StepInvariantExpr{Expr: &parser.VectorSelector{Name: "foo"}}
	err = scope("foo", hidden, adds)
	var e *SyntaxError
	if !errors.As(err, &e) || !strings.Contains(e.Text, "StepInvariantExpr") {
		t.Errorf("got %v, want the unknown node refused by name", err)
	}
	type odd struct{ parser.Expr }
	func() {
		defer recovered("foo", &err)
		err = scope("foo", &parser.ParenExpr{Expr: odd{}}, adds)
	}()
	if !errors.As(err, &e) {
		t.Errorf("got %v, want a node that panics turned into a syntax error", err)
	}
}

// everySelector fails unless every selector of a query has every matcher.
func everySelector(t *testing.T, query string, ms []Matcher) {
	t.Helper()
	e, err := ParsePromQL(query)
	if err != nil {
		t.Fatalf("the scoped query %s does not parse: %v", query, err)
	}
	for _, have := range parser.ExtractSelectors(e) {
		for _, m := range ms {
			found := false
			for _, h := range have {
				found = found || h.Name == m.Label && h.Type.String() == string(m.Op) && h.Value == m.Value
			}
			if !found {
				t.Errorf("in %s a selector is not scoped by %v: %v", query, m, have)
			}
		}
	}
}

// selectorOf parses a selector and fails the test where it is none.
func selectorOf(t *testing.T, text string) *parser.VectorSelector {
	t.Helper()
	e, err := ParsePromQL(text)
	if err != nil {
		t.Fatalf("the selector %q does not parse: %v", text, err)
	}
	v, ok := e.(*parser.VectorSelector)
	if !ok {
		t.Fatalf("%q is %T, not a selector", text, e)
	}
	return v
}

func FuzzScoped(f *testing.F) {
	for _, q := range golden(f) {
		f.Add(q, "pod", "=~", "checkout-.*")
	}
	f.Add(`{"a.b"=~"c"} @ end() offset -1m`, "x.y", "=", "é\"\\")
	f.Add("a{b='c'}[5m:] # d", "b", "!=", "")
	f.Fuzz(func(t *testing.T, q, label, op, value string) {
		ms := []Matcher{{label, Op(op), value}, {"namespace", Equal, "shop"}}
		got, err := Query{PromQL, q}.Scoped(ms)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Text == "" {
				t.Fatalf("%q: got error %T %v, want a *SyntaxError with a text", q, err, err)
			}
			return
		}
		everySelector(t, got.Expr, ms)
	})
}

func TestParseSelector(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []Matcher
	}{
		{``, nil},
		{"  \n", nil},
		{`namespace="shop", pod=~"checkout-.*"`, []Matcher{{"namespace", Equal, "shop"}, {"pod", Match, "checkout-.*"}}},
		{`pod=~"a", pod!~"b", pod!="", x=''`, []Matcher{{"pod", Match, "a"}, {"pod", NotMatch, "b"}, {"pod", NotEqual, ""}, {"x", Equal, ""}}},
		{`"k8s.pod"="a\"b",`, []Matcher{{"k8s.pod", Equal, `a"b`}}},
		{"a='}' # the canary\n, b=`{`", []Matcher{{"a", Equal, "}"}, {"b", Equal, "{"}}},
	} {
		got, err := ParseSelector(tt.text)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		text         string
		line, column int
		want         string
	}{
		{`pod="a" ns="b"`, 1, 9, "unexpected identifier"},
		{`pod=a`, 1, 5, "expected string"},
		{"pod=\"a\",\nns==\"b\"", 2, 4, "unexpected"},
		{`pod=~"("`, 1, 1, "missing closing )"},
		{`pod="a"} or {ns="b"`, 1, 10, "unexpected <op:or>"},
		{`pod="a"} #`, 2, 1, "unexpected"},
		{`{pod="a"}`, 1, 1, "unexpected left brace"},
		{`__name__="foo"`, 0, 0, "cannot name a metric"},
		{`"foo"`, 0, 0, "cannot name a metric"},
		{strings.Repeat("a", 1<<17), 0, 0, "at most 16384"},
	} {
		_, err := ParseSelector(tt.text)
		var e *SyntaxError
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) || e.Line != tt.line || e.Column != tt.column {
			t.Errorf("%.40s: got %v, want a syntax error at %d:%d that says %q", tt.text, err, tt.line, tt.column, tt.want)
		}
	}
}

func FuzzParseSelector(f *testing.F) {
	for _, s := range []string{`namespace="shop", pod=~"checkout-.*"`, `a!~"b",`, `"k8s.pod"='x'`, `a="} # "`, "a=`\n`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ms, err := ParseSelector(text)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Text == "" {
				t.Fatalf("%q: got error %T %v, want a *SyntaxError with a text", text, err, err)
			}
			return
		}
		// What was read can be used to scope, or is refused with a reason.
		got, err := Query{PromQL, "foo"}.Scoped(ms)
		if err == nil {
			everySelector(t, got.Expr, ms)
		}
	})
}

func BenchmarkScoped(b *testing.B) {
	q := Query{PromQL, golden(b)[0]}
	for b.Loop() {
		if _, err := q.Scoped(arm); err != nil {
			b.Fatal(err)
		}
	}
}
