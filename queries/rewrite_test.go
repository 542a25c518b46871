package queries

import (
	"errors"
	"strings"
	"testing"
)

func TestRewritten(t *testing.T) {
	noPod := func(m Matcher) (Matcher, bool) { return m, m.Label != "pod" }
	for _, tt := range []struct{ query, want string }{
		{`foo`, `foo`},
		{`foo{pod="a"}`, `foo`},
		{`foo{pod="a",pod!="b",code=~"5.."}`, `foo{code=~"5.."}`},
		{`sum(rate(foo{pod=~"a.*",code="1"}[5m])) / sum(rate(bar{pod=~"a.*"}[5m] offset 1m))`, `sum(rate(foo{code="1"}[5m])) / sum(rate(bar[5m] offset 1m))`},
		{`{__name__=~"foo.*",pod="a"}`, `{__name__=~"foo.*"}`},
		{`max_over_time(foo{pod="a"}[1h:1m])`, `max_over_time(foo[1h:1m])`},
	} {
		got, err := Query{PromQL, tt.query}.Rewritten(noPod)
		if err != nil || got.Expr != tt.want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", tt.query, got.Expr, err, tt.want)
		}
	}
	turned, err := Query{PromQL, `foo{pod="a",x="y"}`}.Rewritten(func(m Matcher) (Matcher, bool) {
		if m.Label == "pod" {
			m.Op, m.Value = Match, `b"\d`
		}
		return m, true
	})
	if want := `foo{pod=~"b\"\\d",x="y"}`; err != nil || turned.Expr != want {
		t.Errorf("got %s, %v, want %s", turned.Expr, err, want)
	}
}

func TestRewrittenRefuses(t *testing.T) {
	drop := func(m Matcher) (Matcher, bool) { return m, false }
	bad := func(m Matcher) (Matcher, bool) { m.Op, m.Value = Match, "("; return m, true }
	for _, tt := range []struct {
		query Query
		edit  func(Matcher) (Matcher, bool)
		want  string
	}{
		{Query{PromQL, `sum(`}, drop, "unclosed"},
		{Query{PromQL, `{a="b"}`}, drop, "every series"},
		{Query{PromQL, `foo{a="b"}`}, bad, "matcher"},
		{Query{Datadog, `foo`}, drop, "rewritten as PromQL"},
	} {
		_, err := tt.query.Rewritten(tt.edit)
		var se *SyntaxError
		if !errors.As(err, &se) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want a syntax error with %q", tt.query.Expr, err, tt.want)
		}
	}
}

// TestPretty ensures that only the layout changes.
func TestPretty(t *testing.T) {
	long := `sum(rate(http_requests_total{code=~"5..",handler="/checkout",method="POST"}[5m])) / sum(rate(http_requests_total{handler="/checkout",method="POST"}[5m]))`
	got := Query{PromQL, long}.Pretty()
	if !strings.Contains(got, "\n") || strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(long), "") {
		t.Errorf("got %s", got)
	}
	for _, q := range []Query{{PromQL, `foo`}, {PromQL, `sum(`}, {Datadog, `avg:x{y}`}} {
		if got := q.Pretty(); got != q.Expr {
			t.Errorf("got %s, want %s", got, q.Expr)
		}
	}
}
