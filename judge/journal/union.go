package journal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries"
)

// union joins what looks froze. The result is that of [judge.Frozen.Append] for one
// look after the other, which would copy the first block once for each look; here
// frames are collected, and joined once at the end.
type union map[string]*collected

// collected is what was frozen of one metric so far.
type collected struct {
	prior *judge.Prior
	runs  [3]run // in the order of framesOf
}

// part names a metric's i-th frame in sentences.
func part(i int) string { return [...]string{"canary", "baseline", "the week before"}[i] }

func framesOf(m *judge.FrozenMetric) [3]*queries.Frame {
	return [3]*queries.Frame{&m.Canary, &m.Baseline, &m.Week}
}

// add puts a later look's freeze behind the earlier ones. It refuses what cannot
// follow them. A prior that was frozen stays.
func (u union) add(f judge.Frozen) error {
	for name, next := range f.Metrics {
		m, ok := u[name]
		if !ok {
			m = &collected{}
			u[name] = m
		}
		if m.prior == nil {
			m.prior = next.Prior
		}
		for i, frame := range framesOf(&next) {
			if err := m.runs[i].add(*frame); err != nil {
				return fmt.Errorf("metric %s, %s: %w", name, part(i), err)
			}
		}
	}
	return nil
}

// frozen returns all of it joined.
func (u union) frozen() judge.Frozen {
	if len(u) == 0 {
		return judge.Frozen{}
	}
	out := make(map[string]judge.FrozenMetric, len(u))
	for name, c := range u {
		m := judge.FrozenMetric{Prior: c.prior}
		for i, frame := range framesOf(&m) {
			*frame = c.runs[i].join()
		}
		out[name] = m
	}
	return judge.Frozen{Metrics: out}
}

// run is a run of frames that follow each other.
type run struct {
	frames []queries.Frame
	window queries.Window // of all of them
	bounds []float64      // that they share
	// empty is the first frame where it has no block. It stands for the run until
	// there is one; later frames without a block add nothing.
	empty *queries.Frame
}

// bare reports whether a frame has no bounds to disagree with.
func bare(f queries.Frame) bool { return len(f.Processes) == 0 && len(f.Bounds) == 0 }

func (r *run) add(f queries.Frame) error {
	if f.Window.Len() == 0 {
		if r.empty == nil {
			first := f
			r.empty = &first
		}
		return nil
	}
	switch {
	case len(r.frames) == 0:
		r.window, r.bounds = f.Window, f.Bounds
	case f.Window.Block != r.window.Block:
		return fmt.Errorf("blocks of %v cannot follow blocks of %v", f.Window.Block, r.window.Block)
	case !f.Window.Start.Equal(r.window.End):
		return fmt.Errorf("a frame that starts at %s cannot follow one that ends at %s", f.Window.Start, r.window.End)
	case !bare(f) && !slices.Equal(f.Bounds, r.bounds):
		if r.any() || len(r.bounds) > 0 {
			return fmt.Errorf("bounds %v cannot follow bounds %v", f.Bounds, r.bounds)
		}
		r.bounds = f.Bounds
	}
	r.window.End = f.Window.End
	r.frames = append(r.frames, f)
	return nil
}

// any reports whether any frame has a process.
func (r *run) any() bool {
	return slices.ContainsFunc(r.frames, func(f queries.Frame) bool { return len(f.Processes) > 0 })
}

// column returns one of a process's columns, in the order of encoder.frame.
func column(p *queries.Process, c int) *queries.Column {
	return [...]*queries.Column{&p.N, &p.X, &p.Sum, &p.Over, &p.V}[c]
}

// columns is how many a process has, and over is which of them has a number for
// each bound.
const (
	columns = 5
	over    = 3
)

// join returns the frames as one.
func (r *run) join() queries.Frame {
	switch len(r.frames) {
	case 0:
		if r.empty != nil {
			return *r.empty
		}
		return queries.Frame{}
	case 1:
		return r.frames[0]
	}
	out := queries.Frame{Window: r.window, Bounds: slices.Clone(r.bounds)}
	var used [columns]bool
	for _, f := range r.frames {
		out.Notes = append(out.Notes, f.Notes...)
		for i := range f.Processes {
			p := &f.Processes[i]
			if at, found := find(out.Processes, i, p.Name); !found {
				out.Processes = slices.Insert(out.Processes, at, queries.Process{Name: p.Name})
			}
			for c := range columns {
				used[c] = used[c] || *column(p, c) != nil
			}
		}
	}
	out.Notes = queries.SortNotes(out.Notes)
	blocks := out.Window.Len()
	for i := range out.Processes {
		for c := range columns {
			if used[c] {
				*column(&out.Processes[i], c) = queries.Gaps(blocks * width(c, out.Bounds))
			}
		}
	}
	at := 0
	for _, f := range r.frames {
		for i := range f.Processes {
			to, _ := find(out.Processes, i, f.Processes[i].Name)
			for c := range columns {
				if from := *column(&f.Processes[i], c); from != nil {
					copy((*column(&out.Processes[to], c))[at*width(c, out.Bounds):], from)
				}
			}
		}
		at += f.Window.Len()
	}
	return out
}

// width returns how many numbers a column has for each block.
func width(c int, bounds []float64) int {
	if c == over {
		return len(bounds)
	}
	return 1
}

// find returns where a process is, or belongs, in a sorted list. Mostly it is where
// it was in its own frame.
func find(ps []queries.Process, guess int, name string) (int, bool) {
	if guess < len(ps) && ps[guess].Name == name {
		return guess, true
	}
	return slices.BinarySearchFunc(ps, name, func(p queries.Process, name string) int { return strings.Compare(p.Name, name) })
}
