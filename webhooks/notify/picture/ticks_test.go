package picture

import "testing"

// Where larger ratios are drawn at the axis's end, the axis says so.
func TestTicksSayWhereTheAxisEnds(t *testing.T) {
	for name, c := range map[string]struct {
		high float64
		last string
		most int
	}{
		"within": {9.5, "5×", 3}, "cut": {widest * 1.05, "≥20×", 6}, "narrow": {1.2, "1×", 6},
	} {
		all := times(0, c.high)
		if got := all[len(all)-1].Label; got != c.last || len(all) > c.most {
			t.Errorf("%s: got %d ticks, the last %s; want %s, and %d at most", name, len(all), got, c.last, c.most)
		}
	}
}
