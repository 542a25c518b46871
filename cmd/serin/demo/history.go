package demo

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// historyLasts is how much of the service's past is recorded: with rollouts of 100 s that
// is some hundreds of stretches.
const historyLasts = 12 * time.Hour

// RecordHistory writes twelve hours of the demo's baseline, six pods of a healthy service,
// to a file that serin calibrate reads. The users and what becomes of their requests are
// those of the demo, drawn block by block and not waited for. The file must not exist.
func RecordHistory(name string, seed uint64) (err error) {
	text, err := PlanYAML()
	if err != nil {
		return err
	}
	p, err := plan.Parse("shop.yaml", []byte(text))
	if err != nil {
		return err
	}
	qs, err := calibrate.Questions(p, rollout.Arm(p.Arms.Baseline))
	if err != nil {
		return err
	}
	end := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := queries.Window{Start: end.Add(-historyLasts), End: end, Block: p.Block.D()}
	f, err := calibrate.NewFile(name, calibrate.Span{From: w.Start, To: w.End})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	frames := pastFrames(w, seed)
	for _, q := range qs {
		frame, ok := frames[q.Reading.Kind]
		if !ok {
			return fmt.Errorf("the demo records no %s, which metric %s asks for", q.Reading.Kind, q.Name)
		}
		if err := f.Add(q, frame); err != nil {
			return err
		}
	}
	return nil
}

// pastFrames are what a store would have of the baseline's pods: requests and errors,
// latencies, memory.
func pastFrames(w queries.Window, seed uint64) map[queries.Kind]queries.Frame {
	counts, times, memory := queries.Frame{Window: w}, queries.Frame{Window: w, Bounds: podBuckets()}, queries.Frame{Window: w}
	for i := range baselinePods {
		name := fmt.Sprintf("%s-primary-%d", healthyService, i+1)
		one := newPastPod(w.Len(), len(times.Bounds))
		luck := rand.New(rand.NewPCG(seed, uint64(i)))
		for t := range w.Len() {
			one.serve(t, arrivalsIn(luck, usersPerSecond/baselinePods*w.Block.Seconds()), times.Bounds, luck)
		}
		counts.Processes = append(counts.Processes, queries.Process{Name: name, N: one.n, X: one.x})
		times.Processes = append(times.Processes, queries.Process{Name: name, N: one.n, Sum: one.sum, Over: one.over})
		memory.Processes = append(memory.Processes, queries.Process{Name: name, V: one.v})
	}
	return map[queries.Kind]queries.Frame{queries.Ratio: counts, queries.Histogram: times, queries.Gauge: memory}
}

// pastPod is what one pod counted.
type pastPod struct{ n, x, sum, over, v queries.Column }

func newPastPod(blocks, bounds int) pastPod {
	column := func(n int) queries.Column { return make(queries.Column, n) }
	return pastPod{column(blocks), column(blocks), column(blocks), column(blocks * bounds), column(blocks)}
}

// serve serves the requests of one block.
func (p *pastPod) serve(t, requests int, bounds []float64, luck *rand.Rand) {
	does := baselineBehaviour()
	for range requests {
		f := does.draw(luck, 0)
		p.n[t]++
		if f.fails {
			p.x[t]++
		}
		p.sum[t] += f.takes.Seconds()
		for k, b := range bounds {
			if f.takes.Seconds() > b {
				p.over[t*len(bounds)+k]++
			}
		}
	}
	p.v[t] = podBase
}

// arrivalsIn draws how many users arrive, of so many on average.
func arrivalsIn(luck *rand.Rand, mean float64) int {
	n, at := 0, -math.Log(1-luck.Float64())
	for ; at < mean; n++ {
		at -= math.Log(1 - luck.Float64())
	}
	return n
}
