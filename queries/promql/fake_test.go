package promql

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// fake answers range queries from hand-made series whose samples stand exactly at
// block ends. It evaluates what the reader asks, and a little more: last_over_time,
// sums and counts of it, plain selectors and quotients of them.
type fake struct {
	m        model.Matrix
	warnings []string
	fail     map[string]error // by a part of the expression

	mu    sync.Mutex
	asked []string
	grids []Range
}

func (f *fake) Range(_ context.Context, expr string, r Range) (model.Matrix, []string, error) {
	f.mu.Lock()
	f.asked = append(f.asked, expr)
	f.grids = append(f.grids, r)
	f.mu.Unlock()
	for part, err := range f.fail {
		if strings.Contains(expr, part) {
			return nil, nil, err
		}
	}
	e, err := queries.ParsePromQL(expr)
	if err != nil {
		return nil, nil, err
	}
	return f.eval(e, r), f.warnings, nil
}

func (f *fake) eval(e parser.Expr, r Range) model.Matrix {
	switch e := e.(type) {
	case *parser.VectorSelector:
		return f.choose(e, r)
	case *parser.Call:
		if e.Func.Name == "last_over_time" {
			return f.choose(e.Args[0].(*parser.MatrixSelector).VectorSelector.(*parser.VectorSelector), r)
		}
	case *parser.AggregateExpr:
		return aggregate(f.eval(e.Expr, r), e.Op == parser.SUM, e.Grouping)
	case *parser.BinaryExpr:
		if e.Op == parser.DIV {
			return divide(f.eval(e.LHS, r), f.eval(e.RHS, r))
		}
	}
	panic("the fake cannot evaluate " + e.String())
}

// choose returns the series that a selector matches, with the samples on a grid.
func (f *fake) choose(v *parser.VectorSelector, r Range) model.Matrix {
	on := func(at model.Time) bool {
		ms := int64(at)
		return ms >= r.Start && ms <= r.End && (ms-r.Start)%r.Step == 0
	}
	var out model.Matrix
	for _, s := range f.m {
		ok := true
		for _, m := range v.LabelMatchers {
			ok = ok && m.Matches(string(s.Metric[model.LabelName(m.Name)]))
		}
		if !ok {
			continue
		}
		c := &model.SampleStream{Metric: s.Metric}
		for _, p := range s.Values {
			if on(p.Timestamp) {
				c.Values = append(c.Values, p)
			}
		}
		for _, p := range s.Histograms {
			if on(p.Timestamp) {
				c.Histograms = append(c.Histograms, p)
			}
		}
		if len(c.Values)+len(c.Histograms) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func aggregate(m model.Matrix, sum bool, by []string) model.Matrix {
	var out model.Matrix
	at := map[string]*model.SampleStream{}
	for _, s := range m {
		labels := model.Metric{}
		for _, b := range by {
			if v := s.Metric[model.LabelName(b)]; v != "" {
				labels[model.LabelName(b)] = v
			}
		}
		to := at[labels.String()]
		if to == nil {
			to = &model.SampleStream{Metric: labels}
			at[labels.String()] = to
			out = append(out, to)
		}
		for _, v := range s.Values {
			if !sum {
				v.Value = 1
			}
			i := slices.IndexFunc(to.Values, func(p model.SamplePair) bool { return p.Timestamp == v.Timestamp })
			if i < 0 {
				to.Values = append(to.Values, v)
				continue
			}
			to.Values[i].Value += v.Value
		}
	}
	return out
}

func divide(a, b model.Matrix) model.Matrix {
	var out model.Matrix
	for _, x := range a {
		for _, y := range b {
			if keyOf(x.Metric, nil) != keyOf(y.Metric, nil) {
				continue
			}
			q := &model.SampleStream{Metric: x.Metric}
			for i, v := range x.Values {
				v.Value /= y.Values[i].Value
				q.Values = append(q.Values, v)
			}
			out = append(out, q)
		}
	}
	return out
}

// record makes a matrix of a case's samples.
func record(c promtest.Case) model.Matrix {
	var out model.Matrix
	for _, s := range c.Series {
		m := &model.SampleStream{Metric: model.Metric{"__name__": model.LabelValue(s.Name), "case": model.LabelValue(c.Name)}}
		for _, l := range s.Labels {
			m.Metric[model.LabelName(l[0])] = model.LabelValue(l[1])
		}
		for _, p := range s.Samples {
			at := model.TimeFromUnixNano(promtest.Epoch().Add(time.Duration(p.Block) * promtest.Block).UnixNano())
			m.Values = append(m.Values, model.SamplePair{Timestamp: at, Value: model.SampleValue(p.Value)})
		}
		out = append(out, m)
	}
	return out
}

// cases are the rules of counting, by name.
func cases(t testing.TB) map[string]promtest.Case {
	t.Helper()
	out := map[string]promtest.Case{}
	for _, c := range promtest.Cases(t, "../../testdata/counting.txt") {
		out[c.Name] = c
	}
	return out
}

// read answers a case from a fake and fails the test on an error.
func read(t *testing.T, f *fake, c promtest.Case) queries.Frame {
	t.Helper()
	rd := c.Reading(t)
	rd.Bounds = c.Bounds
	got, err := NewReader(f, Options{Source: "test", SeriesLimit: c.Limit}).Blocks(context.Background(), rd, c.Window())
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("the frame does not validate: %v", err)
	}
	return got
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("got + want -:\n%s", d)
	}
}

// codes lists the codes of a frame's notes, each once.
func codes(f queries.Frame) []string {
	var out []string
	for _, n := range f.Notes {
		out = append(out, string(n.Code))
	}
	return slices.Compact(out)
}
