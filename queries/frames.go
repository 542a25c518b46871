package queries

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Append returns f followed by next. The windows must touch and have the same
// block; the bounds must be the same, except that a frame without processes has no
// bounds to disagree with. A process that one of the frames does not have is a gap
// there. Notes are united. To append to the zero Frame gives next.
//
// Neither frame is changed; the result shares no memory with them.
func (f Frame) Append(next Frame) (Frame, error) {
	if f.isZero() {
		return next.clone(), nil
	}
	if f.Window.Block != next.Window.Block {
		return Frame{}, fmt.Errorf("queries: cannot append blocks of %v to blocks of %v", next.Window.Block, f.Window.Block)
	}
	if !f.Window.End.Equal(next.Window.Start) {
		return Frame{}, fmt.Errorf("queries: cannot append a frame that starts at %s to one that ends at %s",
			stamp(next.Window.Start), stamp(f.Window.End))
	}
	bounds, err := f.commonBounds(next)
	if err != nil {
		return Frame{}, err
	}
	one := seam{f.Window.Len(), next.Window.Len()}
	many := seam{one.a * len(bounds), one.b * len(bounds)}
	out := Frame{Window: f.Window, Bounds: slices.Clone(bounds), Notes: uniteNotes(f.Notes, next.Notes)}
	out.Window.End = next.Window.End
	used := f.used().or(next.used())
	for _, name := range uniteNames(f.Processes, next.Processes) {
		p, q := find(f.Processes, name), find(next.Processes, name)
		out.Processes = append(out.Processes, Process{
			Name: name,
			N:    one.join(used.n, p.N, q.N),
			X:    one.join(used.x, p.X, q.X),
			Sum:  one.join(used.sum, p.Sum, q.Sum),
			Over: many.join(used.over, p.Over, q.Over),
			V:    one.join(used.v, p.V, q.V),
		})
	}
	return out, nil
}

// Slice returns the blocks from up to, not including, to. Indices beyond the frame
// are brought back to its edges. Every process stays, also where nothing is left
// of it. The result shares its columns' memory with f.
func (f Frame) Slice(from, to int) Frame {
	n := f.Window.Len()
	to = max(0, min(to, n))
	from = max(0, min(from, to))
	out := f
	out.Window.Start = f.Window.Start.Add(f.Window.Block * time.Duration(from))
	out.Window.End = f.Window.Start.Add(f.Window.Block * time.Duration(to))
	out.Processes = make([]Process, len(f.Processes))
	for i, p := range f.Processes {
		out.Processes[i] = Process{
			Name: p.Name,
			N:    p.N.slice(from, to), X: p.X.slice(from, to), Sum: p.Sum.slice(from, to),
			Over: p.Over.slice(from*len(f.Bounds), to*len(f.Bounds)), V: p.V.slice(from, to),
		}
	}
	return out
}

// Total returns the sum of every column over the processes, under an empty name.
// A block is a gap only where every process has one, with one exception: where a
// process has requests but not the column that goes with them (a histogram without
// a sum, or without that bound), the total of that column is a gap, since a part of
// the bad over all of the requests would look like an improvement.
func (f Frame) Total() Process {
	var out Process
	used, n := f.used(), f.Window.Len()
	requests := func(p Process) Column { return p.N }
	if used.n {
		out.N = f.total(n, 1, requests, nil)
	}
	if used.x {
		out.X = f.total(n, 1, func(p Process) Column { return p.X }, requests)
	}
	if used.sum {
		out.Sum = f.total(n, 1, func(p Process) Column { return p.Sum }, requests)
	}
	if used.over {
		out.Over = f.total(n, len(f.Bounds), func(p Process) Column { return p.Over }, requests)
	}
	if used.v {
		out.V = f.total(n, 1, func(p Process) Column { return p.V }, nil)
	}
	return out
}

// total adds up one column of every process: width numbers for each of n blocks.
// Where beside is given, a process that has a value there but not here makes the
// total a gap.
func (f Frame) total(n, width int, of, beside func(Process) Column) Column {
	out := Gaps(n * width)
	for i := range n {
		for k := range width {
			at := i*width + k
			for _, p := range f.Processes {
				v := of(p).at(at)
				if IsGap(v) {
					if beside != nil && beside(p).at(i) > 0 {
						out[at] = Gap()
						break
					}
					continue
				}
				if IsGap(out[at]) {
					out[at] = 0
				}
				out[at] += v
			}
		}
	}
	return out
}

// Project returns the frame with these bounds only, in ascending order. It fails
// where the frame does not have one of them, bit for bit.
func (f Frame) Project(bounds []float64) (Frame, error) {
	keep := make([]int, len(bounds))
	for i, b := range bounds {
		if i > 0 && !(bounds[i-1] < b) {
			return Frame{}, fmt.Errorf("queries: bounds are not ascending: %v comes before %v", bounds[i-1], b)
		}
		k := slices.Index(f.Bounds, b)
		if k < 0 {
			return Frame{}, fmt.Errorf("queries: the frame has no bound %v, only %v", b, f.Bounds)
		}
		keep[i] = k
	}
	out := f
	out.Bounds = slices.Clone(bounds)
	out.Processes = slices.Clone(f.Processes)
	n := f.Window.Len()
	for i, p := range f.Processes {
		if p.Over == nil {
			continue
		}
		over := make(Column, 0, n*len(keep))
		for t := range n {
			for _, k := range keep {
				over = append(over, p.Over.at(t*len(f.Bounds)+k))
			}
		}
		out.Processes[i].Over = over
	}
	return out, nil
}

// Validate says what is wrong with a frame that did not come from this build: a
// window that is not aligned, columns of the wrong length, processes, bounds or
// notes out of order, infinities, negative counts.
func (f Frame) Validate() error {
	if err := f.Window.Validate(); err != nil {
		return err
	}
	for i, b := range f.Bounds {
		if math.IsNaN(b) || math.IsInf(b, 0) {
			return fmt.Errorf("queries: bound %d is %v, not a finite number", i, b)
		}
		if i > 0 && !(f.Bounds[i-1] < b) {
			return fmt.Errorf("queries: bounds are not ascending: %v comes before %v", f.Bounds[i-1], b)
		}
	}
	for i, p := range f.Processes {
		if i > 0 && f.Processes[i-1].Name >= p.Name {
			return fmt.Errorf("queries: processes are not sorted by unique names: %q comes before %q", f.Processes[i-1].Name, p.Name)
		}
		if err := p.validate(f.Window.Len(), len(f.Bounds)); err != nil {
			return fmt.Errorf("queries: process %q: %w", p.Name, err)
		}
	}
	if !slices.IsSortedFunc(f.Notes, compareNotes) {
		return fmt.Errorf("queries: notes are not sorted")
	}
	return nil
}

// validate checks one process's columns for n blocks and k bounds.
func (p Process) validate(n, k int) error {
	columns := []struct {
		name  string
		c     Column
		want  int
		count bool // may not be negative
	}{
		{"n", p.N, n, true}, {"x", p.X, n, true}, {"sum", p.Sum, n, false},
		{"over", p.Over, n * k, true}, {"v", p.V, n, false},
	}
	for _, c := range columns {
		if c.c == nil {
			continue
		}
		if len(c.c) != c.want {
			return fmt.Errorf("column %s has %d values, want %d", c.name, len(c.c), c.want)
		}
		for i, v := range c.c {
			if math.IsInf(v, 0) {
				return fmt.Errorf("column %s is infinite at %d", c.name, i)
			}
			if c.count && v < 0 {
				return fmt.Errorf("column %s is negative at %d: %v", c.name, i, v)
			}
		}
	}
	return nil
}

// SortNotes sorts notes and drops repetitions, as a frame wants them.
func SortNotes(notes []Note) []Note {
	slices.SortFunc(notes, compareNotes)
	return slices.Compact(notes)
}

func compareNotes(a, b Note) int {
	return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text))
}
