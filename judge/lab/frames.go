package lab

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/queries"
)

// start is when every simulated rollout begins.
func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// world is one run: what a metrics store would hold of it.
type world struct {
	arms [2]arm
}

// The indices of the arms.
const (
	canary = iota
	baseline
)

// arm is one arm's numbers through the pre-period and the run.
type arm struct {
	errors, latency, gauge queries.Frame
	total                  totals
}

// totals are an arm's numbers with its processes taken together, as other tools
// query them. A block in which no process was scraped is a gap.
type totals struct {
	n, x, v []float64
	over    []float64 // block-major
	present []float64 // processes with numbers
}

// build turns the places of a generator into frames.
func (w *world) build(g *generator) {
	window := queries.Window{Start: start().Add(-preBlocks * time.Minute), End: start().Add(runBlocks * time.Minute), Block: time.Minute}
	limits := bounds()
	for i, name := range [...]string{"canary", "baseline"} {
		a := &w.arms[i]
		a.errors = queries.Frame{Window: window, Processes: a.errors.Processes[:0]}
		a.latency = queries.Frame{Window: window, Bounds: limits, Processes: a.latency.Processes[:0]}
		a.gauge = queries.Frame{Window: window, Processes: a.gauge.Processes[:0]}
		from, to, first := g.pods.Canary, g.pods.all(), 0
		if i == canary {
			from, to, first = 0, g.pods.Canary, preBlocks
		}
		for k := from; k < to; k++ {
			a.add(&g.slots[k], fmt.Sprintf("%s-%03d", name, k), first)
		}
		a.total.sum(g.slots[from:to], len(limits))
	}
}

// add makes the processes of one place: one, or more where it was restarted. What
// lies before first did not exist.
func (a *arm) add(s *slot, name string, first int) {
	width := len(a.latency.Bounds)
	if len(s.births) == 0 && first == 0 {
		a.keep(name, *s)
		return
	}
	for i := 0; i <= len(s.births); i++ {
		from, to := first, allBlocks
		if i > 0 {
			from = max(first, s.births[i-1])
		}
		if i < len(s.births) {
			to = s.births[i]
		}
		if from >= to {
			continue
		}
		part := slot{
			n: only(s.n, from, to), x: only(s.x, from, to), sum: only(s.sum, from, to), v: only(s.v, from, to),
			over: only(s.over, from*width, to*width),
		}
		a.keep(fmt.Sprintf("%s-%02d", name, i), part)
	}
}

func (a *arm) keep(name string, s slot) {
	a.errors.Processes = append(a.errors.Processes, queries.Process{Name: name, N: s.n, X: s.x})
	a.latency.Processes = append(a.latency.Processes, queries.Process{Name: name, N: s.n, Sum: s.sum, Over: s.over})
	a.gauge.Processes = append(a.gauge.Processes, queries.Process{Name: name, V: s.v})
}

// only returns a copy of v that is a gap outside [from, to).
func only(v []float64, from, to int) []float64 {
	out := make([]float64, len(v))
	for i := range out {
		out[i] = math.NaN()
	}
	copy(out[from:to], v[from:to])
	return out
}

func (t *totals) sum(places []slot, width int) {
	if t.n == nil {
		t.n, t.x, t.v, t.present = make([]float64, allBlocks), make([]float64, allBlocks), make([]float64, allBlocks), make([]float64, allBlocks)
		t.over = make([]float64, allBlocks*width)
	}
	for _, col := range [][]float64{t.n, t.x, t.v, t.present, t.over} {
		clear(col)
	}
	for _, s := range places {
		for b, n := range s.n {
			if math.IsNaN(n) {
				continue
			}
			t.present[b]++
			t.n[b] += n
			t.x[b] += s.x[b]
			t.v[b] += s.v[b]
			for k := b * width; k < (b+1)*width; k++ {
				t.over[k] += s.over[k]
			}
		}
	}
	for b, present := range t.present {
		t.v[b] /= present // no process: not a number, a gap
	}
}

// source answers the judge from a world.
type source struct{ world *world }

// Blocks implements [queries.Source].
func (s source) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	a := &s.world.arms[baseline]
	if strings.Contains(r.Query.Expr, `arm="canary"`) {
		a = &s.world.arms[canary]
	}
	var f queries.Frame
	switch r.Kind {
	case queries.Ratio:
		f = a.errors
	case queries.Histogram:
		f = a.latency
	case queries.Gauge:
		f = a.gauge
	default:
		return queries.Frame{}, &queries.Error{Fault: queries.Rejected, Source: sourceName, Text: fmt.Sprintf("the lab has no %s", r.Kind)}
	}
	from := int(w.Start.Sub(f.Window.Start) / time.Minute)
	if from < 0 || from+w.Len() > allBlocks {
		return queries.Frame{}, &queries.Error{Fault: queries.Rejected, Source: sourceName, Text: "the lab simulates one hour before the rollout and one after its start"}
	}
	f = f.Slice(from, from+w.Len())
	f.Processes = slices.DeleteFunc(f.Processes, absent)
	return f, nil
}

// absent reports whether a process has no sample at all, so that a store would not
// have heard of it.
func absent(p queries.Process) bool {
	for _, v := range p.N {
		if !math.IsNaN(v) {
			return false
		}
	}
	for _, v := range p.V {
		if !math.IsNaN(v) {
			return false
		}
	}
	return true
}
