package journal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/pgtest"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// bigLook is a look at five metrics, two of them histograms of twelve bounds, with
// three pods an arm and one block each.
func bigLook(id string, seq int) judge.Look {
	at := start.Add(time.Duration(seq) * time.Minute)
	w := queries.Window{Start: at.Add(-time.Minute), End: at, Block: time.Minute}
	l := judge.Look{Rollout: id, Freeze: judge.Frozen{Metrics: map[string]judge.FrozenMetric{}}}
	for m := range 5 {
		var arms [2]queries.Frame
		for a := range arms {
			f := queries.Frame{Window: w}
			for pod := range 3 {
				p := queries.Process{Name: fmt.Sprintf("checkout-%d-7d9f8b6c5-x%dk2p", a, pod), N: queries.Column{float64(3000 + 7*seq + pod)}}
				switch m {
				case 0, 1: // histograms
					f.Bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10}
					for k := range f.Bounds {
						p.Over = append(p.Over, float64((2000+seq)/(k+1)))
					}
					p.Sum = queries.Column{812.3125 + float64(seq)*0.1}
				case 2, 3: // ratios
					p.X = queries.Column{float64(seq % 13)}
				default: // a gauge
					p.N, p.V = nil, queries.Column{0.731 + float64(seq)/1e3}
				}
				f.Processes = append(f.Processes, p)
			}
			arms[a] = f
		}
		fm := judge.FrozenMetric{Canary: arms[0], Baseline: arms[1]}
		if seq == 1 {
			fm.Prior = &judge.Prior{Blocks: 60, Pods: 3, Bounds: arms[0].Bounds, Streams: make([]judge.StreamPrior, 12)}
		}
		l.Freeze.Metrics[fmt.Sprintf("metric-%d", m)] = fm
	}
	l.Verdict = judge.Verdict{ID: fmt.Sprint(seq), Seq: seq, At: at, Rollout: rollout.Rollout{ID: id}}
	for m := range 5 {
		low := 0.9
		l.Verdict.Findings = append(l.Verdict.Findings, judge.Finding{Name: fmt.Sprintf("metric-%d", m), Worse: &low, NotWorse: &low,
			Effect: &judge.Effect{Canary: 0.01, Baseline: 0.01, Ratio: 1.01, Low: &low, High: &low, Limit: "1.1× + 0.05 pp"},
			Reason: "canary 1.6 %, baseline 0.4 %; 12.4 extra errors per 1000 requests, of 4,000 canary requests in 12 blocks",
			Next:   "about 4 more blocks of this traffic"})
	}
	return l
}

// durable are the journals that are measured: a file, and a server that is as durable.
func durable(b *testing.B, do func(b *testing.B, target func() string)) {
	b.Run("sqlite", func(b *testing.B) { do(b, func() string { return file(b) }) })
	b.Run("postgres", func(b *testing.B) {
		s := pgtest.Start(b, pgtest.Config{Fsync: true})
		do(b, func() string { return s.NewDatabase(b) })
	})
	b.Run("memory", func(b *testing.B) { do(b, func() string { return ":memory:" }) })
}

func BenchmarkLoad60(b *testing.B) {
	durable(b, func(b *testing.B, target func() string) {
		j := open(b, target())
		id := announce(b, j, "r1").ID
		for n := range 60 {
			commit(b, j, bigLook(id, n+1))
		}
		b.ReportAllocs()
		for b.Loop() {
			if got := load(b, j, id); got.Looks != 60 {
				b.Fatal(got.Looks)
			}
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	durable(b, func(b *testing.B, target func() string) {
		j := open(b, target())
		const each = 60 // looks a rollout
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			b.StopTimer()
			id := announce(b, j, fmt.Sprint("r", n/each)).ID
			l := bigLook(id, n%each+1)
			b.StartTimer()
			commit(b, j, l)
		}
	})
}
