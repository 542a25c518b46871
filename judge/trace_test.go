package judge

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// TestTraceEndsAtTheFinding ensures that a trace's last point is what the verdict says.
func TestTraceEndsAtTheFinding(t *testing.T) {
	w := newWorld(31)
	w.errors = canaryOnly(0.003, 0.002)
	in := w.input(25)
	v, tr := Evaluate(in), TraceOf(in)
	if v.Latched != nil {
		t.Fatalf("rolled back: %s; the test needs an undecided rollout", v.Reason)
	}
	if got, want := tr.Points[len(tr.Points)-1].Worse, v.Evidence; got != want {
		t.Errorf("combined: got %v, want %v", got, want)
	}
	if diff := cmp.Diff(tr, TraceOfRecord(in.Record, v)); diff != "" {
		t.Errorf("from the record (-input +record):\n%s", diff)
	}
	if tr.Threshold != v.Threshold {
		t.Errorf("threshold: got %v, want %v", tr.Threshold, v.Threshold)
	}
	for _, m := range tr.Metrics {
		f := finding(v, m.Name)
		last := m.Points[len(m.Points)-1]
		if last.At != 24 || !last.End.Equal(v.Progress.To) {
			t.Errorf("%s: the last point is block %d, ending %v", m.Name, last.At, last.End)
		}
		if f.Worse == nil || last.Worse != *f.Worse || f.NotWorse == nil || last.NotWorse == nil || *last.NotWorse != *f.NotWorse {
			t.Errorf("%s: got evidence %v and %v, want the finding's %v and %v", m.Name, last.Worse, last.NotWorse, f.Worse, f.NotWorse)
		}
		if diff := cmp.Diff(f.Effect, last.Effect); diff != "" {
			t.Errorf("%s: effect (-finding +trace):\n%s", m.Name, diff)
		}
	}
}

// fiveMinutes is a gauge with blocks of its own, of which a span of minutes has a fifth.
func fiveMinutes(s side, span [2]int) queries.Frame {
	f := columnsOf(s, 4, [2]int{span[0] / 5, span[1] / 5}, func(pod, t int) float64 {
		return math.Exp(0.05 * noise(s, pod, t))
	}, asGauge)
	f.Window.Start, f.Window.Block = at(span[0]), 5*time.Minute
	f.Window.End = f.Window.Start.Add(5 * time.Minute * time.Duration(span[1]/5-span[0]/5))
	return f
}

// TestTraceOfAPrefixIsAPrefix ensures that what a trace says of a block does not depend
// on what came later.
func TestTraceOfAPrefixIsAPrefix(t *testing.T) {
	w := newWorld(32)
	w.slow = canaryOnly(1.1, 1)
	traceOf := func(closed int) Trace {
		in := w.input(closed)
		withMetric(&in, plan.Metric{
			Name: "heap", Kind: plan.Gauge, Worse: plan.Higher, Weight: 1, Reading: queries.Reading{Kind: queries.Gauge},
			Block: plan.Duration(5 * time.Minute), Tolerance: plan.Margin{Relative: 0.1}, Margin: plan.Margin{Relative: 0.5},
		}, fiveMinutes, nil)
		return TraceOf(in)
	}
	long, short := traceOf(30), traceOf(24)
	for i, m := range short.Metrics {
		if len(m.Points) < 8 {
			t.Fatalf("%s: got %d points, want one for each compared block", m.Name, len(m.Points))
		}
		for k, p := range m.Points {
			if diff := cmp.Diff(p, long.Metrics[i].Points[k]); diff != "" {
				t.Errorf("%s, block %d (-short +long):\n%s", m.Name, p.At, diff)
			}
		}
	}
}

// TestTraceIsBounded ensures that a long rollout costs no more than 30 looks and holds
// no more than 240 points, the last one in full.
func TestTraceIsBounded(t *testing.T) {
	w := newWorld(33)
	w.pods, w.rps = [2]int{1, 2}, [2]float64{1, 2}
	tr := TraceOf(w.input(500))
	for _, m := range tr.Metrics {
		full := 0
		for _, p := range m.Points {
			if p.Effect != nil {
				full++
			}
		}
		if n := len(m.Points); n > mostPoints || n < mostPoints/2 || full > fullPoints || full < fullPoints/2 {
			t.Errorf("%s: got %d points, %d of them full", m.Name, n, full)
		}
		if last := m.Points[len(m.Points)-1]; last.At != 499 || last.Effect == nil {
			t.Errorf("%s: the last point is block %d, effect %v", m.Name, last.At, last.Effect)
		}
	}
}

// TestTraceOfNothing ensures that a rollout without a block is no special case for
// whoever draws it.
func TestTraceOfNothing(t *testing.T) {
	text, err := json.Marshal(TraceOf(newWorld(34).input(0)))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"rollout":"abcdefghijklmnop","block":"1m0s","threshold":1.30103,"promote":1.30103,"points":[],"metrics":[` +
		`{"name":"errors","weight":0.5,"required":true,"points":[]},{"name":"latency","unit":"s","weight":0.5,"required":true,"points":[]}]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
