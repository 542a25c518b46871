package judge

import (
	"math"
	"slices"
	"testing"

	"github.com/serin-canary/serin/queries"
)

// comeAndGo makes gaps of what a frame's pods did before or after they were there: the
// canary's third comes at block 9, the baseline's from the 13th on leave at block 18, and
// those from the 19th on come at block 22: until then there are too few for the guard.
func comeAndGo(s side, f *queries.Frame) {
	for pod := range f.Processes {
		p := &f.Processes[pod]
		for t := range max(len(p.N), len(p.V)) {
			there := pod < 12 || (pod < 18 && t < 18) || (pod >= 18 && t >= 22)
			if s == canary {
				there = pod != 2 || t >= 9
			}
			if there {
				continue
			}
			for _, c := range []queries.Column{p.N, p.X, p.Sum, p.V} {
				if c != nil {
					c[t] = math.NaN()
				}
			}
			for k := range f.Bounds {
				p.Over[t*len(f.Bounds)+k] = math.NaN()
			}
		}
	}
	f.Processes = slices.DeleteFunc(f.Processes, func(p queries.Process) bool { // not seen yet
		return len(known(p.N))+len(known(p.V)) == 0
	})
}

// TestEvidenceOfAPrefixIsAPrefix holds law 2 where pods come and go: evidence after a
// block is what a look after that block had, to the last digit, whatever came later.
func TestEvidenceOfAPrefixIsAPrefix(t *testing.T) {
	w := newWorld(36)
	w.pods, w.slow, w.errors = [2]int{3, 24}, canaryOnly(1.12, 1), canaryOnly(0.003, 0.002)
	evidence := func(closed int) *evaluator {
		in := w.input(closed)
		withMetric(&in, gaugeMetric(), func(s side, span [2]int) queries.Frame {
			return columnsOf(s, w.pods[s], span, func(pod, t int) float64 {
				v := math.Exp(.05 * noise(s, pod, t))
				if s == canary && t >= 15 || s == baseline && pod < 6 && t >= 10 { // an incident, for the guard
					v *= 3
				}
				return v
			}, asGauge)
		}, nil)
		for name, f := range in.Record.Frozen.Metrics {
			comeAndGo(canary, &f.Canary)
			comeAndGo(baseline, &f.Baseline)
			in.Record.Frozen.Metrics[name] = f
		}
		e := gathered(in)
		e.combine()
		return e
	}
	const blocks = 32
	long := evidence(blocks)
	for closed := 6; closed < blocks; closed++ {
		short := evidence(closed)
		if !slices.Equal(short.combined, long.combined[:closed]) {
			t.Errorf("after %d blocks, together: got %v, later %v", closed, short.combined, long.combined[:closed])
		}
		for i, tr := range short.trials {
			if !slices.Equal(tr.worse, long.trials[i].worse[:len(tr.worse)]) {
				t.Errorf("after %d blocks, %s: got %v, later %v", closed, tr.m.Name, tr.worse, long.trials[i].worse[:len(tr.worse)])
			}
		}
	}
}
