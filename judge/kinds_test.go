package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// columnsOf builds a frame of one column, v(pod, block), for blocks [from, to).
func columnsOf(s side, pods int, span [2]int, v func(pod, t int) float64, put func(*queries.Process, float64)) queries.Frame {
	f := queries.Frame{Window: queries.Window{Start: at(span[0]), End: at(span[1]), Block: time.Minute}}
	for pod := range pods {
		p := queries.Process{Name: fmt.Sprintf("%s-%02d", s, pod)}
		for t := span[0]; t < span[1]; t++ {
			put(&p, v(pod, t))
		}
		f.Processes = append(f.Processes, p)
	}
	return f
}

// noise is a reproducible standard normal number.
func noise(s side, pod, t int) float64 {
	return rand.New(rand.NewPCG(uint64(s)*7919+uint64(pod), uint64(t+5000))).NormFloat64()
}

func asGauge(p *queries.Process, v float64)   { p.V = append(p.V, v) }
func asCounter(p *queries.Process, v float64) { p.N = append(p.N, v) }

// withMetric adds a metric with its frames to a healthy world's input.
func withMetric(in *Input, m plan.Metric, frame func(s side, span [2]int) queries.Frame, of *queries.Frame) {
	f := FrozenMetric{Canary: frame(canary, [2]int{0, in.Closed}), Baseline: frame(baseline, [2]int{0, in.Closed})}
	f.Prior = newPrior(m, frame(baseline, [2]int{-60, 0}), of, 10000)
	in.Record.Plan.Metrics = append(in.Record.Plan.Metrics, m)
	in.Record.Frozen.Metrics[m.Name] = f
}

func TestGauge(t *testing.T) {
	pods := [2]int{3, 17}
	metric := plan.Metric{
		Name: "heap", Kind: plan.Gauge, Worse: plan.Higher, Weight: 2, Unit: "bytes", Reading: queries.Reading{Kind: queries.Gauge},
		Tolerance: plan.Margin{Relative: 0.1}, Margin: plan.Margin{Relative: 0.5},
	}
	level := func(times float64) func(s side, span [2]int) queries.Frame {
		return func(s side, span [2]int) queries.Frame {
			return columnsOf(s, pods[s], span, func(pod, t int) float64 {
				v := 1e8 * math.Exp(0.03*noise(s, pod, -4000)+0.05*noise(s, pod, t))
				if s == canary {
					v *= times
				}
				return v
			}, asGauge)
		}
	}
	for _, c := range []struct {
		name    string
		times   float64
		worse   plan.Direction
		outcome Outcome
	}{
		{"healthy", 1, plan.Higher, Promote},
		{"60 % more", 1.6, plan.Higher, Rollback},
		{"40 % less, and lower is worse", 0.6, plan.Lower, Rollback},
		{"60 % more, and lower is worse", 1.6, plan.Lower, Promote},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newWorld(31).input(30)
			m := metric
			m.Worse = c.worse
			withMetric(&in, m, level(c.times), nil)
			v := Evaluate(in)
			if v.Outcome != c.outcome {
				t.Errorf("got %v (%s), want %v", v.Outcome, v.Reason, c.outcome)
			}
			f := finding(v, "heap")
			if c.outcome == Rollback && (f.Class != Worse || !strings.Contains(f.Reason, "MiB")) {
				t.Errorf("got class %q: %s; want worse, in MiB", f.Class, f.Reason)
			}
			if c.outcome == Promote && f.Class != NotWorse {
				t.Errorf("got class %q: %s; want not-worse", f.Class, f.Reason)
			}
		})
	}
}

// TestProportion judges a success ratio, which is worse when lower.
func TestProportion(t *testing.T) {
	metric := plan.Metric{
		Name: "conversion", Kind: plan.Proportion, Worse: plan.Lower, Weight: 2, Required: true,
		Reading:   queries.Reading{Kind: queries.Ratio},
		Tolerance: plan.Margin{Relative: 0.02}, Margin: plan.Margin{Relative: 0.1},
	}
	for _, c := range []struct {
		name           string
		base, canaryAt float64
		outcome        Outcome
	}{
		{"high, healthy", 0.97, 0.97, Promote},
		{"high, lower by 6 %", 0.97, 0.91, Rollback},
		{"low, healthy", 0.2, 0.2, Promote},
		{"low, lower by a quarter", 0.2, 0.15, Rollback},
		{"low, higher is fine", 0.2, 0.3, Promote},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newWorld(32).input(40)
			w := newWorld(33)
			w.errors = canaryOnly(c.canaryAt, c.base)
			withMetric(&in, metric, func(s side, span [2]int) queries.Frame {
				f, _ := w.frames(s, span[0], span[1])
				return f
			}, nil)
			if v := Evaluate(in); v.Outcome != c.outcome {
				t.Errorf("got %v (%s), want %v", v.Outcome, v.Reason, c.outcome)
			}
		})
	}
}

// TestCostPerRequest holds that CPU is judged per request: a canary with half the
// requests and half the CPU is fine, and so is one whose idle floor weighs more.
func TestCostPerRequest(t *testing.T) {
	metric := plan.Metric{
		Name: "cpu", Kind: plan.Gauge, Of: "errors", Worse: plan.Higher, Weight: 2, Unit: "s", Reading: queries.Reading{Kind: queries.Counter},
		Tolerance: plan.Margin{Relative: 0.1}, Margin: plan.Margin{Relative: 0.5},
	}
	for _, c := range []struct {
		name      string
		each, rps float64
		class     Class
	}{
		{"healthy", 0.002, 15, NotWorse},
		{"40 % dearer", 0.0028, 15, Worse},
		{"too little load to compare", 0.0028, 5, NoData},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(34)
			w.rps[canary] = c.rps
			in := w.input(30)
			pre, _ := w.frames(baseline, -60, 0)
			withMetric(&in, metric, func(s side, span [2]int) queries.Frame {
				reqs, _ := w.frames(s, span[0], span[1])
				each := 0.002
				if s == canary {
					each = c.each
				}
				return columnsOf(s, w.pods[s], span, func(pod, t int) float64 {
					return 1.5 + each*reqs.Processes[pod].N[t-span[0]]*math.Exp(0.05*noise(s, pod, t))
				}, asCounter)
			}, &pre)
			if f := finding(Evaluate(in), "cpu"); f.Class != c.class {
				t.Errorf("got class %q (%s), want %q", f.Class, f.Reason, c.class)
			}
		})
	}
}

// TestNoPodLabel: where the store cannot tell processes apart, the allowance for
// pods is assumed and the verdict says so.
func TestNoPodLabel(t *testing.T) {
	w := newWorld(35)
	w.pods = [2]int{1, 1}
	in := w.input(60)
	v := Evaluate(in)
	if f := finding(v, "pre-period"); f.Class != Warning {
		t.Errorf("got no warning that the noise is assumed: %+v", v.Findings)
	}
	if v.Outcome == Rollback {
		t.Errorf("a healthy canary is rolled back: %s", v.Reason)
	}
	w.errors = canaryOnly(0.03, 0.002)
	if v := Evaluate(w.input(40)); v.Outcome != Rollback {
		t.Errorf("got %v (%s), want rollback", v.Outcome, v.Reason)
	}
}

// TestStepAfterProvisionalPromote holds that promote is provisional: harm that
// begins after it is rolled back.
func TestStepAfterProvisionalPromote(t *testing.T) {
	w := newWorld(36)
	w.errors = func(s side, t int) float64 {
		if s == canary && t >= 30 {
			return 0.022
		}
		return 0.002
	}
	if v := Evaluate(w.input(29)); v.Outcome != Promote {
		t.Fatalf("before the step: got %v (%s), want promote", v.Outcome, v.Reason)
	}
	v := Evaluate(w.input(40))
	if v.Outcome != Rollback || v.Latched.Block < 30 || v.Latched.Block > 36 {
		t.Errorf("after the step: got %v at %+v, want a rollback within six blocks of block 30", v.Outcome, v.Latched)
	}
}

// TestWarmupAndWashout holds which blocks are compared.
func TestWarmupAndWashout(t *testing.T) {
	w := newWorld(37)
	in := w.input(20)
	in.Record.Rollout.Weights = []rollout.WeightAt{{At: at(0), Percent: 10}, {At: at(8).Add(20 * time.Second), Percent: 20}, {At: at(9).Add(20 * time.Second), Percent: 30}}
	v := Evaluate(in)
	if got, want := v.Progress.Paired, 20-3-1; got != want {
		t.Errorf("%d paired blocks, want %d: three of warm-up and one of two neighbouring steps left out", got, want)
	}
	if got, want := v.Progress.AtFinalStep, 10; got != want {
		t.Errorf("%d blocks at the highest weight, want %d", got, want)
	}
}
