package judge

import (
	"fmt"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// benchInput is a whole decision: 20 metrics of 60 blocks and 20 pods, so many of
// them histograms of 12 buckets, frames and pre-period given.
func benchInput(histograms int) Input {
	w := newWorld(11)
	in := w.input(60)
	p, frozen := in.Record.Plan, in.Record.Frozen.Metrics
	var ms []plan.Metric
	all := map[string]FrozenMetric{}
	for i := range 20 {
		m := p.Metrics[0]
		if i < histograms {
			m = p.Metrics[1]
		}
		all[fmt.Sprintf("%s-%02d", m.Name, i)] = frozen[m.Name]
		m.Name = fmt.Sprintf("%s-%02d", m.Name, i)
		ms = append(ms, m)
	}
	in.Record.Plan.Metrics, in.Record.Frozen.Metrics = ms, all
	return in
}

func BenchmarkDecision(b *testing.B) {
	for _, h := range []int{5, 10, 20} {
		b.Run(fmt.Sprintf("histograms=%d", h), func(b *testing.B) {
			in := benchInput(h)
			b.ReportAllocs()
			for b.Loop() {
				if v := Evaluate(in); v.Progress.Closed != 60 {
					b.Fatalf("got %d closed blocks, want 60", v.Progress.Closed)
				}
			}
		})
	}
}

// BenchmarkLook is what the n-th look costs beside the source: it grows with n.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{15, 30, 60, 240} {
		b.Run(fmt.Sprintf("blocks=%d", n), func(b *testing.B) {
			w := newWorld(12)
			w.rps = [2]float64{3, 17}
			in := w.input(n)
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(in)
			}
		})
	}
}

func BenchmarkFreeze(b *testing.B) {
	w := newWorld(13)
	rec := w.record(60)
	e, _ := w.frames(canary, 60, 61)
	next := Frozen{Metrics: map[string]FrozenMetric{"errors": {Canary: e, Baseline: queries.Frame{
		Window: queries.Window{Start: at(60), End: at(61), Block: time.Minute},
	}}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rec.Frozen.Append(next); err != nil {
			b.Fatal(err)
		}
	}
}
