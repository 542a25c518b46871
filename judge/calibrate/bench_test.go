package calibrate_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/lab"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// BenchmarkDraws judges draws of an hour, three metrics, twenty pods, by one worker.
func BenchmarkDraws(b *testing.B) {
	const runs = 10
	f, p := fleet(b, twenty(b, lab.Moderate), runs)
	file, h := past(b, f, runs, p)
	b.ResetTimer()
	n := 0
	for b.Loop() { // another seed each time: what is judged is not judged again
		n++
		study(b, file, h, calibrate.Config{Plan: p, Draws: 2 * runs, Seed: uint64(n), Workers: 1})
	}
	b.ReportMetric(2*runs*float64(n)/b.Elapsed().Seconds(), "draws/s")
}

// asking counts what a source is asked.
type asking struct {
	queries.Source
	n atomic.Int64
}

func (a *asking) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	a.n.Add(1)
	return a.Source.Blocks(ctx, r, w)
}

// BenchmarkQueries counts what a source is asked for a day of history: by draws that share
// what was read, and by draws that each ask what a live judge would.
func BenchmarkQueries(b *testing.B) {
	const runs = 8 // a day
	f, p := fleet(b, twenty(b, lab.Moderate), runs)
	var shared, alone int
	for b.Loop() {
		span, except := timesOf(f, runs)
		src := &asking{Source: f}
		file := calibrate.MemoryFile(span, except)
		fetched(b, file, src, p)
		shared = int(src.n.Load())
		alone = runs * oneRollout(b, f, p)
	}
	b.ReportMetric(float64(shared), "shared-queries/day")
	b.ReportMetric(float64(alone), "unshared-queries/day")
}

// oneRollout counts what a walk through one hour asks.
func oneRollout(b *testing.B, f *lab.Fleet, p plan.Plan) int {
	src := &asking{Source: f}
	_, begin, _ := f.Run(0)
	past := backtest.Past{Plan: p, Source: src, Rollout: rollout.Rollout{
		ID: "one", Service: p.Service, Started: begin, Baseline: baselineArm(), Canary: rollout.Arm{Version: "canary"},
	}}
	past.Plan.HoldFor = 0
	if _, err := backtest.Run(b.Context(), past, begin.Add(time.Hour), nil); err != nil {
		b.Fatal(err)
	}
	return int(src.n.Load())
}
