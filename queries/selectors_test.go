package queries

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSelections(t *testing.T) {
	for _, c := range []struct {
		expr string
		want []Selection
	}{
		{`1`, nil},
		{`sum(rate(a_total{code=~"5..",arm="x"}[2m] offset 1h)) / sum(rate(a_total[2m]))`, []Selection{
			{Name: "a_total", Text: `a_total{arm="x",code=~"5.."}`, Matchers: []Matcher{{"code", Match, "5.."}, {"arm", Equal, "x"}}},
			{Name: "a_total", Text: "a_total"},
		}},
		{`a - a`, []Selection{{Name: "a", Text: "a", Plain: true}}},
		{`count(a) + rate(b[1m]) + timestamp(c) + max_over_time(d[5m:1m]) + sum(e)`, []Selection{
			{Name: "a", Text: "a"}, {Name: "b", Text: "b"}, {Name: "c", Text: "c"}, {Name: "d", Text: "d"}, {Name: "e", Text: "e", Plain: true},
		}},
		{`rate(a[1m]) + a`, []Selection{{Name: "a", Text: "a", Plain: true}}},
		{`{__name__=~"a.*", x!="y"}`, []Selection{{Text: `{__name__=~"a.*",x!="y"}`, Matchers: []Matcher{{"__name__", Match, "a.*"}, {"x", NotEqual, "y"}}, Plain: true}}},
	} {
		got, err := Selections(Query{Lang: PromQL, Expr: c.expr})
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.expr, d)
		}
	}
	for _, q := range []Query{{Lang: PromQL, Expr: "sum("}, {Lang: Datadog, Expr: "a"}} {
		if _, err := Selections(q); err == nil {
			t.Errorf("%v: got no error, want one", q)
		}
	}
}
