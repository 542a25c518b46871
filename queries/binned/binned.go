package binned

import (
	"maps"
	"math"
	"slices"

	"github.com/serin-canary/serin/queries"
)

// Missing says what it means that a store has no count for a block, beside a
// denominator that has one.
type Missing bool

const (
	// Gap says that it is not known how many there were.
	Gap Missing = false
	// None says that there were none. Stores that report what happened, and nothing where
	// nothing did, mean this.
	None Missing = true
)

// Term is the answer to one term of a reading: a value for each block, by process.
// A store that does not tell processes apart has one with an empty name.
type Term struct {
	Minus     bool
	Processes map[string]queries.Column
}

// Seen reports whether there is any value.
func (t Term) Seen() bool {
	for _, c := range t.Processes {
		if slices.ContainsFunc(c, func(v float64) bool { return !queries.IsGap(v) }) {
			return true
		}
	}
	return false
}

// Add adds a series to a process, block by block. A block that neither has stays a gap.
func (t *Term) Add(process string, series queries.Column) {
	if t.Processes == nil {
		t.Processes = map[string]queries.Column{}
	}
	have, ok := t.Processes[process]
	if !ok {
		t.Processes[process] = slices.Clone(series)
		return
	}
	for i, v := range series {
		switch {
		case queries.IsGap(v):
		case queries.IsGap(have[i]):
			have[i] = v
		default:
			have[i] += v
		}
	}
}

// Counts returns the frame of a Ratio, or of a Counter where bad is empty.
//
// A block of a process is a gap where no term of total has a value; with Gap, where one
// has none. Bad is 0 in it where its terms have no value and missing is None, and
// otherwise a gap. Where bad comes from processes that total does not have, processes
// cannot be told apart, and the frame has one with an empty name. What cannot be a
// count (negative, infinite, more bad than all) is a gap, and noted.
func Counts(w queries.Window, total, bad []Term, missing Missing) queries.Frame {
	f := queries.Frame{Window: w}
	names := namesOf(total)
	for _, t := range bad {
		for name := range t.Processes {
			if !slices.Contains(names, name) {
				total, bad = together(total), together(bad)
				names = namesOf(total)
				break
			}
		}
	}
	odd := false
	for _, name := range names {
		p := queries.Process{Name: name, N: queries.Gaps(w.Len())}
		if len(bad) > 0 {
			p.X = queries.Gaps(w.Len())
		}
		for i := range p.N {
			n := sum(total, name, i, missing)
			if n < 0 || math.IsInf(n, 0) {
				n, odd = queries.Gap(), true
			}
			if p.N[i] = n; len(bad) == 0 || queries.IsGap(n) {
				continue
			}
			x := sum(bad, name, i, missing)
			if queries.IsGap(x) && missing == None {
				x = 0
			}
			switch slack := 1e-9 * n; {
			case x > n+slack || x < -slack:
				p.N[i], p.X[i], odd = queries.Gap(), queries.Gap(), true
			default:
				p.X[i] = min(max(x, 0), n)
			}
		}
		f.Processes = append(f.Processes, p)
	}
	if odd {
		f.Notes = append(f.Notes, queries.Note{Code: queries.NoteNotANumber,
			Text: "the store gave counts that cannot be: negative, infinite, or more bad events than events; those blocks were taken as gaps"})
	}
	return f
}

// sum adds up one block of one process. It is a gap where no term has a value, and
// with Gap where one has none.
func sum(terms []Term, process string, block int, missing Missing) float64 {
	total, seen := 0.0, false
	for _, t := range terms {
		v := queries.Gap()
		if c := t.Processes[process]; c != nil {
			v = c[block]
		}
		switch {
		case queries.IsGap(v) && missing == Gap:
			return v
		case queries.IsGap(v):
			continue
		case t.Minus:
			v = -v
		}
		total, seen = total+v, true
	}
	if !seen {
		return queries.Gap()
	}
	return total
}

func namesOf(terms []Term) []string {
	all := map[string]bool{}
	for _, t := range terms {
		for name := range t.Processes {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// together adds up all processes under an empty name.
func together(terms []Term) []Term {
	out := make([]Term, len(terms))
	for i, t := range terms {
		out[i].Minus = t.Minus
		for _, name := range slices.Sorted(maps.Keys(t.Processes)) {
			out[i].Add("", t.Processes[name])
		}
	}
	return out
}

// Values returns the frame of a Gauge: a value for each block, by process.
func Values(w queries.Window, processes map[string]queries.Column) queries.Frame {
	f := queries.Frame{Window: w}
	odd := false
	for _, name := range slices.Sorted(maps.Keys(processes)) {
		v := slices.Clone(processes[name])
		for i := range v {
			if math.IsInf(v[i], 0) {
				v[i], odd = queries.Gap(), true
			}
		}
		f.Processes = append(f.Processes, queries.Process{Name: name, V: v})
	}
	if odd {
		f.Notes = append(f.Notes, queries.Note{Code: queries.NoteNotANumber,
			Text: "the store gave a value that is not a number; those blocks were taken as gaps"})
	}
	return f
}
