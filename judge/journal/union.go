package journal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries"
)

// union joins what a rollout's looks froze. Frames are collected and joined once at
// the end, in one pass: the result is that of appending them one by one with
// [queries.Frame.Append], which would copy the first block once for each look.
type union map[string]*collected

// collected is what was frozen of one metric so far.
type collected struct {
	prior            *judge.Prior
	canary, baseline run
}

// add puts a later look's freeze behind the earlier ones. It refuses what cannot
// follow them.
func (u union) add(f judge.Frozen) error {
	for name, next := range f.Metrics {
		m, ok := u[name]
		if !ok {
			m = &collected{}
			u[name] = m
		}
		if next.Prior != nil {
			if m.prior != nil {
				return fmt.Errorf("metric %s: its prior was frozen at an earlier look", name)
			}
			m.prior = next.Prior
		}
		if err := m.canary.add(next.Canary); err != nil {
			return fmt.Errorf("metric %s, canary: %w", name, err)
		}
		if err := m.baseline.add(next.Baseline); err != nil {
			return fmt.Errorf("metric %s, baseline: %w", name, err)
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
	for name, m := range u {
		out[name] = judge.FrozenMetric{Prior: m.prior, Canary: m.canary.join(), Baseline: m.baseline.join()}
	}
	return judge.Frozen{Metrics: out}
}

// run is a run of frames that follow each other.
type run struct {
	frames []queries.Frame
	window queries.Window // of all of them
	bounds []float64      // that they share
}

// bare reports whether a frame has no bounds to disagree with.
func bare(f queries.Frame) bool { return len(f.Processes) == 0 && len(f.Bounds) == 0 }

func (r *run) add(f queries.Frame) error {
	blank := f.Window == (queries.Window{})
	switch {
	case blank && bare(f) && len(f.Notes) == 0:
		if len(r.frames) > 0 {
			return fmt.Errorf("an empty frame cannot follow one that ends at %s", r.window.End)
		}
		return nil // the first look may know nothing yet
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
