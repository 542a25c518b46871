package report

import (
	"math"
	"testing"

	"charm.land/lipgloss/v2"

	"github.com/serin-canary/serin/judge"
)

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", 0.5: "0.5", 12.345: "12.3", 99.96: "100", 123.4: "123", 12345: "12,345", 1234567: "1,234,567", -1234: "-1,234",
		0.00012345: "0.000123", 0.000012: "1.2e-05", 1e18: "1e+18", math.Inf(1): "–", -0.25: "-0.25",
	} {
		if got := number(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
	if got := number(math.NaN()); got != "–" {
		t.Errorf("NaN: got %s, want –", got)
	}
	for _, c := range []struct {
		v          float64
		unit, want string
	}{
		{0.0164, "ratio", "1.64 %"}, {0.0431, "s", "43.1 ms"}, {1.5, "seconds", "1.5 s"}, {-0.2, "s", "-200 ms"},
		{1536, "bytes", "1.5 KiB"}, {3, "cores", "3 cores"}, {3, "", "3"}, {5 << 50, "bytes", "5,120 TiB"},
	} {
		if got := value(c.v, c.unit); got != c.want {
			t.Errorf("%v %s: got %s, want %s", c.v, c.unit, got, c.want)
		}
	}
	for v, want := range map[float64]string{0: "0", 950: "950", 2150: "2.15k", 11020: "11k", 999_999: "1000k", 3.2e6: "3.2M"} {
		if got := short(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

func TestEvidenceInWords(t *testing.T) {
	for _, c := range []struct {
		log10 float64
		want  string
	}{{1.926, "84.3:1"}, {0, "1:1"}, {-1, "1:10"}, {7, ">1,000,000:1"}, {-400, "<1:1,000,000"}, {3.2, "1,585:1"}} {
		if got := odds(&c.log10); got != c.want {
			t.Errorf("%v: got %s, want %s", c.log10, got, c.want)
		}
	}
	if got := odds(nil); got != "–" {
		t.Errorf("nothing: got %s, want –", got)
	}
	for _, c := range []struct {
		odds, threshold float64 // 1/α
		want            string
	}{
		{2.9, 100, "none"}, {3.1, 100, "weak"}, {19, 100, "weak"}, {21, 100, "notable"}, {99, 100, "notable"}, {101, 100, "decisive"},
		{19, 20, "weak"}, {20.1, 20, "decisive"}, {1e9, 1, "notable"}, // an unknown threshold decides nothing
	} {
		if got := strength(math.Log10(c.odds), math.Log10(c.threshold)); got != c.want {
			t.Errorf("%v:1 where %v:1 decides: got %s, want %s", c.odds, c.threshold, got, c.want)
		}
	}
}

func TestRatioOfAnEffect(t *testing.T) {
	low, high := 2.1, 6.3
	for want, e := range map[string]*judge.Effect{
		"4× (2.1–6.3)": {Ratio: 4, Low: &low, High: &high},
		"4× (≥ 2.1)":   {Ratio: 4, Low: &low},
		"4× (≤ 6.3)":   {Ratio: 4, High: &high},
		"4×":           {Ratio: 4},
		"–":            {Ratio: math.NaN(), Low: &low},
	} {
		if got := ratio(e); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A class that this package does not know, or that says nothing good, is never
// shown as good.
func TestOnlyTheGoodIsGood(t *testing.T) {
	for _, f := range []judge.Finding{
		{Class: judge.NoData}, {Class: judge.QueryFailed}, {Class: judge.Silent}, {Class: judge.SameSeries}, {Class: judge.NeverSeen},
		{Class: judge.CheckBroken}, {Class: judge.Environment}, {Class: "new"}, {Class: judge.Passed, Holds: true}, {Class: judge.NotWorse, Stops: true},
		{Class: judge.CannotJudge}, {Class: judge.TooFew, Stops: true}, {Class: judge.Shown, Holds: true},
	} {
		if got := toneOf(f); got != held {
			t.Errorf("%+v: got tone %d, want held", f, got)
		}
	}
	if toneOf(judge.Finding{Class: judge.NotWorse}) != good || toneOf(judge.Finding{Class: judge.NotWorse, RollsBack: true}) != bad {
		t.Error("proven not worse is not good, or rolling back is not bad")
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"short", 5, "short"}, {"longer", 5, "lo…"}, {"a b c", 4, "a…"}, {"日本語日本", 10, "日本…"}, {"日本", 5, "…"}, {"abcd", 2, ""}, {"", 0, ""}, {"a", -1, ""},
	} {
		if got := cut(c.s, c.n); got != c.want {
			t.Errorf("%q at %d: got %q, want %q", c.s, c.n, got, c.want)
		}
	}
}

func FuzzPages(f *testing.F) {
	f.Add("a b", 20)
	f.Add("日本語 wörd", 11)
	f.Add("\x1b[31m\n|`<", 40)
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = 10 + max(0, width)%200
		for _, l := range wrap(clean(s), width, width) {
			if n := lipgloss.Width(l); n > width {
				t.Errorf("%q at %d columns: a line has %d", l, width, n)
			}
		}
		_ = mdStart(s)
		if got := cut(clean(s), width); len(got) > width {
			t.Errorf("cut to %d: got %d", width, len(got))
		}
	})
}
