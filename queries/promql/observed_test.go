package promql

import (
	"context"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// TestObservationsAreCounted counts what native histograms have observed, also of a server
// that must be asked another way, and takes nothing else for it.
func TestObservationsAreCounted(t *testing.T) {
	rd := queries.Reading{Kind: queries.Counter, Total: queries.Counts{{Selector: "latency_seconds", Native: true}}, Scale: 1}
	read := func(r Ranger) queries.Frame {
		f, err := NewReader(r, Options{}).Blocks(context.Background(), rd, window(2))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	series := stream("a", nativeOf(0, 1.5, 3), nativeOf(0, 1.5, 3, 3, 7), nativeOf(0, 9)) // two more; a reset, then one
	for name, r := range map[string]Ranger{
		"a server of today": &fake{m: model.Matrix{series}},
		"an old one":        &old{fake: &fake{m: model.Matrix{series}}},
	} {
		got := read(r)
		if len(got.Notes) > 0 {
			t.Errorf("%s: got notes %v, want none", name, got.Notes)
		}
		same(t, got.Processes, []queries.Process{{Name: "a", N: queries.Column{2, 1}}})
	}
	plain := stream("a")
	for b := range 3 {
		at := model.TimeFromUnixNano(promtest.Epoch().UnixNano()) + model.Time(b*60_000)
		plain.Values = append(plain.Values, model.SamplePair{Timestamp: at, Value: model.SampleValue(10 * b)})
	}
	got := read(fixed(model.Matrix{plain}))
	same(t, codes(got), []string{"not-a-number"})
	for _, p := range got.Processes {
		for _, n := range p.N {
			if !queries.IsGap(n) {
				t.Errorf("got %v of a plain counter, want gaps", p.N)
			}
		}
	}
}
