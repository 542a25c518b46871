package pages

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
)

func TestAPointIsPlacedBetweenTheCorners(t *testing.T) {
	c := draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: 400, Y: 100}}}
	f := pen{}.frame(c, xy{100, -1}, xy{200, 3})
	left, right := f.at(xy{100, -1}), f.at(xy{200, 3})
	if left.X != leftRoom || left.Y != footRoom || right.X != 400-edge || right.Y != 100-head {
		t.Errorf("got corners %v and %v", left, right)
	}
	if middle := f.at(xy{150, 1}); math.Abs(float64(middle.X-(left.X+right.X)/2)) > 1e-9 || math.Abs(float64(middle.Y-(left.Y+right.Y)/2)) > 1e-9 {
		t.Errorf("got middle %v of %v and %v", middle, left, right)
	}
	if above := f.at(xy{150, 99}); above.Y != right.Y {
		t.Errorf("got %v for what is above, want it at the edge", above)
	}
}

// TestWhatHappensAtOnceIsDrawn holds that a rollout that is looked at in the second in
// which it was announced has a timeline of numbers.
func TestWhatHappensAtOnceIsDrawn(t *testing.T) {
	began := time.Unix(1000, 100)
	r := Report{Looks: []Look{{Seq: 1, At: began.Add(time.Millisecond)}}}
	r.Rollout.Started = began
	svg, err := pen{fonts: font.NewCache(liberation.Collection())}.timeline(r)
	if err != nil || svg == "" || strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
		t.Errorf("got %v and %s, want a picture", err, svg)
	}
}

func TestBoundsAreRatiosOfTheBaseline(t *testing.T) {
	e := judge.Effect{Baseline: 0.01}
	for _, c := range []struct {
		worse plan.Direction
		by    plan.Margin
		e     judge.Effect
		want  float64
	}{
		{plan.Higher, plan.Margin{Relative: 0.1}, e, 1.1},
		{plan.Higher, plan.Margin{Relative: 0.1, Absolute: 0.001}, e, 1.2},
		{plan.Lower, plan.Margin{Relative: 0.02}, e, 0.98},
		{plan.Higher, plan.Margin{Relative: 0.1, Absolute: 0.001}, judge.Effect{}, 1.1}, // no baseline: no ratio of the absolute part
	} {
		if got := bound(plan.Metric{Worse: c.worse}, c.by, c.e); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v %v at %g: got %g, want %g", c.worse, c.by, c.e.Baseline, got, c.want)
		}
	}
}

func TestMarksAreFewAndRound(t *testing.T) {
	for _, c := range [][2]float64{{0.9, 1.1}, {0.9, 20}, {0.95, 1.6}, {0.9, 1000}, {0.99, 1.02}, {0.05, 22.4}, {1e-4, 1e4}, {0.8, 4}} {
		marks := timesMarks(c[0], c[1])
		if len(marks) < 2 || len(marks) > 6 {
			t.Errorf("%v: got %d marks, want 2 to 6: %v", c, len(marks), marks)
		}
		seen := map[string]bool{}
		for _, m := range marks {
			if v := math.Exp(m.y); v < c[0]*(1-1e-9) || v > c[1]*(1+1e-9) || seen[m.text] || m.text != fmt.Sprintf("%.3g×", v) {
				t.Errorf("%v: got mark %v", c, m)
			}
			seen[m.text] = true
		}
	}
}

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "–", 90 * time.Second: "90 s", 10 * time.Minute: "10 min", 3 * time.Hour: "3.0 h", 72 * time.Hour: "3 days",
	} {
		if got := took(time.Unix(0, 0), time.Unix(0, 0).Add(d)); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

func TestStylesBecomeAttributes(t *testing.T) {
	got := attributes(` style="fill:none;stroke:#040404;stroke-width:1.6;font-family:Serif;font-size:10px"`)
	if want := ` fill="none" stroke="var(--canary)" stroke-width="1.6" font-size="10px"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := attributes(` style="fill:#FFFFFF"`); got != ` fill="#FFFFFF"` {
		t.Errorf("got %s, want a colour that is no stand-in as it is", got)
	}
}
