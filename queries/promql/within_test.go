package promql

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		name      string
		selectors []string
		want      []int
	}{
		{"failed among all", []string{`n`, `n{code=~"5.."}`}, []int{0, 0}},
		{"in another order", []string{`n{code="500",a="b"}`, `n{a="b"}`}, []int{1, 1}},
		{"a chain goes to the widest", []string{`n{a="b",c="d",e="f"}`, `n{a="b",c="d"}`, `n{a="b"}`}, []int{2, 2, 2}},
		{"other names", []string{`n`, `m{code="500"}`}, []int{0, 1}},
		{"neither has the other's", []string{`n{a="b"}`, `n{c="d"}`}, []int{0, 1}},
		{"the same, written twice", []string{`n{a="b",c="d"}`, `n{c="d",a="b"}`}, []int{0, 1}},
		{"the same label, another value", []string{`n{a="b"}`, `n{a="c",e="f"}`}, []int{0, 1}},
		{"names that are patterns", []string{`{__name__=~"n.*"}`, `{__name__=~"n.*",a="b"}`}, []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var arms []arm
			for _, s := range c.selectors {
				p, err := parseSelector(s)
				if err != nil {
					t.Fatal(err)
				}
				arms = append(arms, arm{selector: selector{text: s}, parsed: p})
			}
			if got := within(arms); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestWithinSelectsAsTheStoreDoes: what is taken out of an answer is what asking for it
// gives, whatever kinds of matchers narrow it, absent labels included.
func TestWithinSelectsAsTheStoreDoes(t *testing.T) {
	var m model.Matrix
	for i, code := range []string{"200", "404", "500", "503", ""} {
		s := &model.SampleStream{Metric: model.Metric{"__name__": "n_total", "job": "j", "instance": "i"}}
		if code != "" {
			s.Metric["code"] = model.LabelValue(code)
		}
		for k := -5; k <= 3; k++ {
			at := promtest.Epoch().UnixMilli() + int64(k)*60_000
			s.Values = append(s.Values, model.SamplePair{Timestamp: model.Time(at), Value: model.SampleValue((i + 1) * (k + 6))})
		}
		m = append(m, s)
	}
	for _, narrow := range []string{`code="500"`, `code!="200"`, `code=~"5.."`, `code!~"5.."`, `code=""`, `code=~".*"`, `code!="",code!="200"`} {
		t.Run(narrow, func(t *testing.T) {
			bad := `n_total{` + narrow + `}`
			f := &fake{m: m}
			r := NewReader(f, Options{})
			got, err := r.Blocks(context.Background(), queries.Reading{
				Kind: queries.Ratio, Total: queries.Counts{{Selector: `n_total`}}, Bad: queries.Counts{{Selector: bad}},
			}, window(3))
			if err != nil {
				t.Fatal(err)
			}
			if len(f.asked) != 1 {
				t.Errorf("got %d questions %q, want one", len(f.asked), f.asked)
			}
			alone, err := r.Blocks(context.Background(), counter(bad), window(3))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(alone.Processes[0].N, got.Processes[0].X, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("asked alone and taken out of all differ (-alone +taken):\n%s", diff)
			}
		})
	}
}
