package prometheus

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// ask answers a case from a server and fails the test on an error.
func ask(t *testing.T, url string, c promtest.Case) queries.Frame {
	t.Helper()
	s, err := New(Config{Name: "real", URL: url, SeriesLimit: c.Limit})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rd := c.Reading(t)
	rd.Bounds = c.Bounds
	got, err := s.Blocks(context.Background(), rd, c.Window())
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("the frame does not validate: %v", err)
	}
	return got
}

func codes(f queries.Frame) []string {
	var out []string
	for _, n := range f.Notes {
		out = append(out, string(n.Code))
	}
	return slices.Compact(out)
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("got + want -:\n%s", d)
	}
}

// TestRealCounting puts every rule of counting to a real server that holds the
// recorded samples.
func TestRealCounting(t *testing.T) {
	t.Parallel()
	cases := promtest.Cases(t, "../../testdata/counting.txt")
	var h promtest.History
	for _, c := range cases {
		c.Record(&h)
	}
	// One more, which a fake cannot have: the last sample stands exactly at the end of
	// a block, where servers differ on whether it belongs to the next one too.
	edge := promtest.Case{
		Name: "edge", Query: `sum(rate(edge_total[1m]))`,
		Want: []queries.Process{{Name: "a:80", N: queries.Column{10, queries.Gap(), queries.Gap()}}},
	}
	for b, v := range []float64{100, 110} {
		h.Add(promtest.Metric{Family: "edge_total", Kind: "unknown", Labels: `case="edge",instance="a:80"`}, promtest.Epoch().Add(time.Duration(b)*promtest.Block), v)
	}
	url := promtest.Start(t, promtest.Config{History: h.String()})
	for _, c := range append(cases, edge) {
		t.Run(c.Name, func(t *testing.T) {
			got := ask(t, url, c)
			same(t, got.Processes, c.Want)
			same(t, got.Bounds, c.Bounds)
			same(t, codes(got), c.Notes)
		})
	}
}

// TestRealPieces cuts a window into pieces at every block: what a look freezes must
// not depend on when it looked.
func TestRealPieces(t *testing.T) {
	t.Parallel()
	cases := promtest.Cases(t, "../../testdata/counting.txt")
	var h promtest.History
	for _, c := range cases {
		c.Record(&h)
	}
	url := promtest.Start(t, promtest.Config{History: h.String()})
	s, err := New(Config{Name: "real", URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range cases {
		if c.Limit > 0 || c.Name == "errors-of-another-process-that-is-gone" {
			continue // what is never told apart later is told apart while nobody is seen
		}
		rd := c.Reading(t)
		rd.Bounds = c.Bounds
		var whole queries.Frame
		for b := range c.Blocks() {
			w := c.Window()
			w.Start = w.Start.Add(time.Duration(b) * w.Block)
			w.End = w.Start.Add(w.Block)
			piece, err := s.Blocks(context.Background(), rd, w)
			if err != nil {
				t.Fatal(err)
			}
			if whole, err = whole.Append(piece); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(c.Want, whole.Processes, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: got + want -:\n%s", c.Name, d)
		}
	}
}
