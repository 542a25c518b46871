package calibrate

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/power"
)

// TestWhatHealthyCanariesWaitForIsNamed holds advice of a report in which latency is never
// proven, since it takes more pods.
func TestWhatHealthyCanariesWaitForIsNamed(t *testing.T) {
	r := Report{
		Pods: 1, Deadline: "1h", Promoted: rateOf(10, 100, 100),
		Metrics: []Metric{
			{Name: "errors", Required: true, Held: rateOf(4, 100, 100)},
			{Name: "latency", Required: true, Held: rateOf(90, 100, 100), PodSpread: .12, Forecast: &power.Metric{PodsNeeded: 3}},
			{Name: "queue", Required: true, Held: rateOf(60, 100, 100), Dispersion: 9},
			{Name: "memory"},
		},
	}
	texts := map[string]string{}
	for _, a := range (prepared{}).ofPromotion(r) {
		texts[a.Metric] += a.Text
	}
	for metric, want := range map[string]string{
		"":        "Only 10% of healthy canaries are proven within 1h",
		"latency": "latency cannot be proven by 1 canary pod: it needs at least 3 (pods differ by 12%)",
		"queue":   "queue is what healthy canaries wait for, in 60% of the draws (it varies 9 times as much as by chance)",
	} {
		if !strings.Contains(texts[metric], want) {
			t.Errorf("got %q, want %q", texts[metric], want)
		}
	}
	if texts["errors"]+texts["memory"] != "" {
		t.Errorf("got %q of metrics that nobody waits for", texts["errors"]+texts["memory"])
	}
}

func TestPromises(t *testing.T) {
	for _, c := range []struct {
		count, of int
		want      Promise
		words     string
	}{
		{0, 0, Unknown, "Nothing could be compared"},
		{0, 400, Kept, "keeps its promise"},
		{60, 100, Broken, "breaks its promise"},
		{1, 40, Unknown, "About "},
		{5, 100, Unknown, "no number of draws"},
	} {
		r := Report{Alpha: .05, Alarms: rateOf(c.count, c.of, float64(c.of))}
		r.Verdict = promise(r.Alarms, r.Alpha)
		if text := r.ofPromise().Text; r.Verdict != c.want || !strings.Contains(text, c.words) {
			t.Errorf("%d of %d: got %s, %q; want %s, %q", c.count, c.of, r.Verdict, text, c.want, c.words)
		}
	}
}

func TestAWiderToleranceKeepsTheMarginAboveIt(t *testing.T) {
	p := plan.Plan{Metrics: []plan.Metric{{Name: "a"}, {Name: "b", Tolerance: plan.Margin{Relative: .1, Absolute: .001}, Margin: plan.Margin{Relative: .25}}}}
	got, tolerance := widened(p, "b", 3)
	if m := got.Metrics[1]; m.Tolerance != tolerance || tolerance.Relative < .29 || m.Margin.Relative <= m.Tolerance.Relative || m.Margin.Absolute <= m.Tolerance.Absolute {
		t.Errorf("got %+v", got.Metrics[1])
	}
	if p.Metrics[1].Tolerance.Relative != .1 {
		t.Error("the plan itself was changed")
	}
}

// TestAWiderToleranceIsNoProof says how sure the estimate is, and what it was chosen by.
func TestAWiderToleranceIsNoProof(t *testing.T) {
	r := Report{Alpha: .05, Alarms: rateOf(60, 400, 400)}
	from, to := plan.Margin{Relative: .1}, plan.Margin{Relative: .2}
	for part, undecided := range map[float64]bool{0: false, .3: true} {
		text := r.wider(part, from, to)
		if !strings.Contains(text, "on these draws (") || !strings.Contains(text, "on other days") || strings.Contains(text, "they do not decide") != undecided {
			t.Errorf("%g of the alarms stay: got %q, want it undecided: %v", part, text, undecided)
		}
	}
}
