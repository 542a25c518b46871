package queries

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNativeCounts ensures that the observations of native histograms are read as counts,
// and shown as what they are.
func TestNativeCounts(t *testing.T) {
	for _, c := range []struct {
		expr string
		kind Kind
		bad  Counts
	}{
		{`sum(histogram_count(rate(d_seconds{code=~"5.."}[2m]))) / sum(histogram_count(rate(d_seconds[2m])))`, Ratio,
			Counts{{Selector: `d_seconds{code=~"5.."}`, Native: true}}},
		{`histogram_count(sum(rate(d_seconds{code="5"}[2m]))) / histogram_count(sum(rate(d_seconds[2m])))`, Ratio,
			Counts{{Selector: `d_seconds{code="5"}`, Native: true}}},
		{`sum(histogram_count(rate(d_seconds[2m])))`, Counter, nil},
		{`histogram_count(d_seconds)`, Gauge, nil},
		{`histogram_count(histogram_quantile(0.9, rate(d_seconds[2m])))`, Gauge, nil},
		{`histogram_quantile(0.9, histogram_count(rate(d_seconds[2m])))`, Gauge, nil},
	} {
		r, err := Understand(Query{Lang: PromQL, Expr: c.expr})
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if d := cmp.Diff(c.bad, r.Bad); r.Kind != c.kind || d != "" {
			t.Errorf("%s: got a %s (%s), want a %s; bad (-want +got):\n%s", c.expr, r.Kind, r.Why, c.kind, d)
		}
	}
}
