package queries

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

// brief writes a reading on one line.
func brief(r Reading) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", r.Kind)
	if r.Scale != 1 {
		fmt.Fprintf(&b, " ×%v", r.Scale)
	}
	if r.Range > 0 {
		fmt.Fprintf(&b, " [%s]", r.Range)
	}
	sum := func(cs Counts) {
		for i, c := range cs {
			sign := " + "
			if c.Minus {
				sign = " - "
			} else if i == 0 {
				sign = ""
			}
			b.WriteString(sign + c.Selector)
		}
	}
	switch r.Kind {
	case Ratio:
		b.WriteString(": ")
		sum(r.Bad)
		b.WriteString(" of ")
		sum(r.Total)
	case Counter:
		b.WriteString(": ")
		sum(r.Total)
	case Histogram:
		fmt.Fprintf(&b, ": p%v of %s", r.Quantile*100, r.Buckets)
		if r.Native {
			b.WriteString(" (native)")
		}
	case Gauge:
		b.WriteString(": " + r.Why)
	}
	return b.String()
}

func TestUnderstand(t *testing.T) {
	const path = "testdata/understand.txt"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	rows := 0
	for _, p := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		query, want, _ := strings.Cut(p, "\n= ")
		if strings.HasPrefix(query, "#") {
			out = append(out, query)
			continue
		}
		rows++
		r, err := Understand(Query{PromQL, query})
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
		got := brief(r)
		out = append(out, query+"\n= "+got)
		if got != want && !*update {
			t.Errorf("%s\ngot  %s\nwant %s", query, got, want)
		}
		if r.Kind == Gauge && r.Why == "" {
			t.Errorf("%s: got a gauge without a reason", query)
		}
		if r.Query.Expr != query {
			t.Errorf("got query %q, want the one that was asked: %q", r.Query.Expr, query)
		}
	}
	if rows < 60 {
		t.Errorf("got %d queries, want at least 60", rows)
	}
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnderstandFails(t *testing.T) {
	for _, tt := range []struct {
		q            Query
		line, column int
		want         string
	}{
		{Query{PromQL, "sum(rate(foo[1m])"}, 1, 18, "unclosed left parenthesis"},
		{Query{PromQL, "sum(\n  é{a=}\n)"}, 2, 3, "unexpected character"},
		{Query{PromQL, "sum(rate(foo))"}, 1, 10, "expected type range vector"},
		{Query{PromQL, "rate(foo[5m*2])"}, 1, 6, "plain duration"},
		{Query{PromQL, ""}, 1, 1, "no expression"},
		{Query{PromQL, strings.Repeat("(", 1<<17)}, 0, 0, "at most 16384 are read"},
		{Query{"", "foo"}, 0, 0, `"" is not a language`},
		{Query{"sql", "foo"}, 0, 0, `"sql" is not a language`},
	} {
		_, err := Understand(tt.q)
		var e *SyntaxError
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) || e.Line != tt.line || e.Column != tt.column {
			t.Errorf("%.40q: got %v, want a syntax error at %d:%d that says %q", tt.q.Expr, err, tt.line, tt.column, tt.want)
		}
	}
}

func TestDeepQueries(t *testing.T) {
	deep := strings.Repeat("(", 5_000) + "sum(rate(a[1m]))" + strings.Repeat(")", 5_000)
	if r, err := Understand(Query{PromQL, deep}); err != nil || r.Kind != Counter {
		t.Errorf("got %v, %v, want a counter", r.Kind, err)
	}
	minus := strings.Repeat("-", 10_000) + "a"
	if _, err := (Query{PromQL, minus}).Scoped([]Matcher{{"pod", Equal, "x"}}); err != nil {
		t.Error(err)
	}
}

func FuzzUnderstand(f *testing.F) {
	for _, q := range golden(f) {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		r, err := Understand(Query{PromQL, q})
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Text == "" {
				t.Fatalf("%q: got error %T %v, want a *SyntaxError with a text", q, err, err)
			}
			return
		}
		for _, c := range append(r.Bad, r.Total...) {
			selectorOf(t, c.Selector)
		}
		switch r.Kind {
		case Gauge:
			if r.Why == "" {
				t.Errorf("%q: got a gauge without a reason", q)
			}
		case Ratio:
			if len(r.Bad) == 0 || len(r.Total) == 0 || !(r.Scale > 0) {
				t.Errorf("%q: got %+v, want bad and total and a scale", q, r)
			}
		case Counter:
			if len(r.Total) == 0 || !(r.Scale > 0) {
				t.Errorf("%q: got %+v, want a total and a scale", q, r)
			}
		case Histogram:
			selectorOf(t, r.Buckets)
			if !(r.Quantile > 0 && r.Quantile < 1) || !(r.Scale > 0) {
				t.Errorf("%q: got %+v, want a quantile and a scale", q, r)
			}
		default:
			t.Errorf("%q: got kind %q", q, r.Kind)
		}
	})
}

// golden lists the queries of the golden file.
func golden(tb testing.TB) []string {
	tb.Helper()
	text, err := os.ReadFile("testdata/understand.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for _, p := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		if q, _, _ := strings.Cut(p, "\n= "); !strings.HasPrefix(q, "#") {
			out = append(out, q)
		}
	}
	return out
}

func BenchmarkUnderstand(b *testing.B) {
	q := Query{PromQL, golden(b)[0]}
	for b.Loop() {
		if _, err := Understand(q); err != nil {
			b.Fatal(err)
		}
	}
}
