package queries

import (
	"fmt"
	"slices"
	"time"
)

// Validate says what is wrong with a window: a block that is not a whole number of
// milliseconds, an end before the start, or bounds off the grid of blocks that
// starts at the Unix epoch.
func (w Window) Validate() error {
	if w.Block <= 0 || w.Block%time.Millisecond != 0 {
		return fmt.Errorf("queries: a block of %v is not a whole number of milliseconds above zero", w.Block)
	}
	if w.End.Before(w.Start) {
		return fmt.Errorf("queries: the window ends at %s, before its start at %s", stamp(w.End), stamp(w.Start))
	}
	for _, t := range []time.Time{w.Start, w.End} {
		if t.Nanosecond()%int(time.Millisecond) != 0 || t.UnixMilli()%w.Block.Milliseconds() != 0 {
			return fmt.Errorf("queries: %s is not on a boundary of blocks of %v", stamp(t), w.Block)
		}
	}
	return nil
}

// columns says which columns a frame's processes use.
type columns struct{ n, x, sum, over, v bool }

func (c columns) or(d columns) columns {
	return columns{c.n || d.n, c.x || d.x, c.sum || d.sum, c.over || d.over, c.v || d.v}
}

func (f Frame) used() columns {
	var c columns
	for _, p := range f.Processes {
		c = c.or(columns{p.N != nil, p.X != nil, p.Sum != nil, p.Over != nil, p.V != nil})
	}
	return c
}

func (f Frame) isZero() bool {
	return f.Window == Window{} && len(f.Processes) == 0 && len(f.Bounds) == 0 && len(f.Notes) == 0
}

func (f Frame) clone() Frame {
	f.Bounds = slices.Clone(f.Bounds)
	f.Notes = slices.Clone(f.Notes)
	f.Processes = slices.Clone(f.Processes)
	for i, p := range f.Processes {
		f.Processes[i] = Process{
			Name: p.Name, N: slices.Clone(p.N), X: slices.Clone(p.X),
			Sum: slices.Clone(p.Sum), Over: slices.Clone(p.Over), V: slices.Clone(p.V),
		}
	}
	return f
}

// commonBounds returns the bounds that f and next share, or why they do not.
func (f Frame) commonBounds(next Frame) ([]float64, error) {
	switch {
	case slices.Equal(f.Bounds, next.Bounds):
		return f.Bounds, nil
	case len(f.Processes) == 0 && len(f.Bounds) == 0:
		return next.Bounds, nil
	case len(next.Processes) == 0 && len(next.Bounds) == 0:
		return f.Bounds, nil
	}
	return nil, fmt.Errorf("queries: cannot append a frame with bounds %v to one with bounds %v", next.Bounds, f.Bounds)
}

// seam is where two columns meet: their lengths.
type seam struct{ a, b int }

// join puts a column behind another, with gaps for either that is not there. It
// returns nil where the column is not used at all.
func (s seam) join(used bool, x, y Column) Column {
	if !used {
		return nil
	}
	out := make(Column, 0, s.a+s.b)
	out = append(out, orGaps(x, s.a)...)
	return append(out, orGaps(y, s.b)...)
}

func orGaps(c Column, n int) Column {
	if len(c) != n {
		return Gaps(n)
	}
	return c
}

// at returns the number at i, and a gap beyond the column.
func (c Column) at(i int) float64 {
	if i < 0 || i >= len(c) {
		return Gap()
	}
	return c[i]
}

// slice returns c[from:to], and nil where the column is not used.
func (c Column) slice(from, to int) Column {
	if c == nil || to > len(c) {
		return nil
	}
	return c[from:to:to]
}

func find(ps []Process, name string) Process {
	for _, p := range ps {
		if p.Name == name {
			return p
		}
	}
	return Process{}
}

func uniteNames(a, b []Process) []string {
	names := make([]string, 0, len(a)+len(b))
	for _, p := range a {
		names = append(names, p.Name)
	}
	for _, p := range b {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func uniteNotes(a, b []Note) []Note {
	if len(a)+len(b) == 0 {
		return nil
	}
	return SortNotes(append(slices.Clone(a), b...))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
