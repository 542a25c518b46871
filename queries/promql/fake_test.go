package promql

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
)

var gap = math.NaN()

const block = time.Minute

var start = time.Unix(1_700_000_040, 0).UTC()

// win is the window of n blocks from start.
func win(n int) queries.Window {
	return queries.Window{Start: start, End: start.Add(time.Duration(n) * block), Block: block}
}

// line is one series of a fake store: what its last sample was at the end of each
// block. The samples stand after "|" from the start of the window on, and before it
// backwards from there; "_" is none.
type line struct{ labels, samples string }

// fake answers range queries from lines, by selector. It knows last_over_time, and
// sums and counts by labels of it.
type fake struct {
	store    map[string][]line
	native   map[string]model.Matrix
	warnings []string
	fail     map[string]error // by a part of the expression

	mu    sync.Mutex
	asked []string
	grids []Range
}

var shape = regexp.MustCompile(`^(?:(sum|count)(?: by \(([^)]*)\))? ?\()?last_over_time\((.*)\[[^\]]*\]\)\)?$`)

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
	m := shape.FindStringSubmatch(expr)
	if m == nil {
		return cut(matrix(f.store[expr]), r), f.warnings, nil
	}
	if nat, ok := f.native[m[3]]; ok {
		return nat, f.warnings, nil
	}
	raw := cut(matrix(f.store[m[3]]), r)
	if m[1] == "" {
		return raw, f.warnings, nil
	}
	return aggregate(raw, m[1] == "sum", strings.Split(m[2], ", ")), f.warnings, nil
}

func (f *fake) has(part string) bool {
	return slices.ContainsFunc(f.asked, func(e string) bool { return strings.Contains(e, part) })
}

// matrix reads lines.
func matrix(ls []line) model.Matrix {
	var m model.Matrix
	for _, l := range ls {
		s := &model.SampleStream{Metric: model.Metric{}}
		for _, pair := range strings.Fields(strings.ReplaceAll(l.labels, ",", " ")) {
			k, v, _ := strings.Cut(pair, "=")
			s.Metric[model.LabelName(k)] = model.LabelValue(v)
		}
		before, after, ok := strings.Cut(l.samples, "|")
		if !ok {
			before, after = "", l.samples
		}
		at := start.Add(-time.Duration(len(strings.Fields(before))) * block)
		for _, f := range append(strings.Fields(before), strings.Fields(after)...) {
			if f != "_" {
				v, err := strconv.ParseFloat(f, 64)
				if err != nil {
					panic(err)
				}
				s.Values = append(s.Values, model.SamplePair{Timestamp: model.TimeFromUnixNano(at.UnixNano()), Value: model.SampleValue(v)})
			}
			at = at.Add(block)
		}
		m = append(m, s)
	}
	return m
}

// cut leaves the samples on a grid, and the series that have any.
func cut(m model.Matrix, r Range) model.Matrix {
	var out model.Matrix
	for _, s := range m {
		s.Values = slices.DeleteFunc(s.Values, func(v model.SamplePair) bool {
			ms := int64(v.Timestamp)
			return ms < r.Start || ms > r.End || (ms-r.Start)%r.Step != 0
		})
		if len(s.Values) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func aggregate(m model.Matrix, sum bool, by []string) model.Matrix {
	var keys []string
	labels := map[string]model.Metric{}
	values := map[string]map[model.Time]float64{}
	for _, s := range m {
		out := model.Metric{}
		for _, b := range by {
			if v, ok := s.Metric[model.LabelName(b)]; ok {
				out[model.LabelName(b)] = v
			}
		}
		k := out.String()
		if labels[k] == nil {
			keys, labels[k], values[k] = append(keys, k), out, map[model.Time]float64{}
		}
		for _, v := range s.Values {
			if sum {
				values[k][v.Timestamp] += float64(v.Value)
			} else {
				values[k][v.Timestamp]++
			}
		}
	}
	var out model.Matrix
	for _, k := range keys {
		s := &model.SampleStream{Metric: labels[k]}
		for at, v := range values[k] {
			s.Values = append(s.Values, model.SamplePair{Timestamp: at, Value: model.SampleValue(v)})
		}
		slices.SortFunc(s.Values, func(a, b model.SamplePair) int { return int(a.Timestamp - b.Timestamp) })
		out = append(out, s)
	}
	return out
}

// ratio is the reading of bad among all.
func ratio(bad, all string) queries.Reading {
	return queries.Reading{
		Kind: queries.Ratio, Scale: 1,
		Bad:   queries.Counts{{Selector: bad}},
		Total: queries.Counts{{Selector: all}},
	}
}

// read answers a reading from a fake and fails the test on an error.
func read(t *testing.T, f *fake, rd queries.Reading, n int) queries.Frame {
	t.Helper()
	got, err := NewReader(f, Options{Source: "test"}).Blocks(context.Background(), rd, win(n))
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

// codes lists the codes of a frame's notes.
func codes(f queries.Frame) string {
	var out []string
	for _, n := range f.Notes {
		out = append(out, string(n.Code))
	}
	return fmt.Sprint(out)
}
