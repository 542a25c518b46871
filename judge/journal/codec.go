package journal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries"
)

// A freeze is read at every look of a rollout and grows with each, which JSON makes
// several times slower and larger than the numbers are. So it is written as
//
//	'S' version
//	strings: count, then length and bytes of each
//	metrics: count, then for each, sorted by name:
//	    name (index of a string), 1 and the prior as JSON, or 0
//	    frames of the canary, of the baseline and of its week before
//
// where a frame is its window (start, length and block in nanoseconds), bounds,
// notes and processes, and a column is its length and either eight bytes a number
// or, where all are counts, one varint each. Counts and lengths that tell nil from
// empty are written plus one. Integers are varints as in encoding/binary.
//
// codecFields in the tests fails when a type that is written here gains a field.
const (
	freezeMagic   = 'S'
	freezeVersion = 1
)

// encodeFreeze writes what a look froze. The same freeze gives the same bytes.
func encodeFreeze(f judge.Frozen) ([]byte, error) {
	e := &encoder{index: map[string]uint64{}}
	e.uint(uint64(len(f.Metrics)))
	for _, name := range slices.Sorted(maps.Keys(f.Metrics)) {
		m := f.Metrics[name]
		e.string(name)
		if m.Prior == nil {
			e.b = append(e.b, 0)
		} else {
			prior, err := json.Marshal(m.Prior)
			if err != nil {
				return nil, fmt.Errorf("metric %s: prior: %w", name, err)
			}
			e.b = append(e.b, 1)
			e.uint(uint64(len(prior)))
			e.b = append(e.b, prior...)
		}
		for i, frame := range framesOf(&m) {
			if err := e.frame(frame); err != nil {
				return nil, fmt.Errorf("metric %s, %s: %w", name, part(i), err)
			}
		}
	}
	head := []byte{freezeMagic, freezeVersion}
	head = binary.AppendUvarint(head, uint64(len(e.strings)))
	for _, s := range e.strings {
		head = binary.AppendUvarint(head, uint64(len(s)))
		head = append(head, s...)
	}
	return append(head, e.b...), nil
}

// encoder writes the body and collects its strings.
type encoder struct {
	b       []byte
	strings []string
	index   map[string]uint64
}

func (e *encoder) uint(v uint64) { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) int(v int64)   { e.b = binary.AppendVarint(e.b, v) }

func (e *encoder) string(s string) {
	i, ok := e.index[s]
	if !ok {
		i = uint64(len(e.strings))
		e.index[s] = i
		e.strings = append(e.strings, s)
	}
	e.uint(i)
}

// count writes the length of a list, and zero for nil.
func (e *encoder) count(n int, isNil bool) {
	if isNil {
		e.uint(0)
		return
	}
	e.uint(uint64(n) + 1)
}

func (e *encoder) frame(f *queries.Frame) error {
	if f.Window == (queries.Window{}) {
		e.b = append(e.b, 0)
	} else {
		if err := f.Validate(); err != nil {
			return err
		}
		e.b = append(e.b, 1)
		e.int(f.Window.Start.UnixNano())
		e.int(int64(f.Window.End.Sub(f.Window.Start)))
		e.int(int64(f.Window.Block))
	}
	if err := e.column(f.Bounds); err != nil {
		return fmt.Errorf("bounds: %w", err)
	}
	e.count(len(f.Notes), f.Notes == nil)
	for _, n := range f.Notes {
		e.string(string(n.Code))
		e.string(n.Text)
	}
	e.count(len(f.Processes), f.Processes == nil)
	for i := range f.Processes {
		p := &f.Processes[i]
		e.string(p.Name)
		for _, c := range [...]queries.Column{p.N, p.X, p.Sum, p.Over, p.V} {
			if err := e.column(c); err != nil {
				return fmt.Errorf("process %q: %w", p.Name, err)
			}
		}
	}
	return nil
}

// The ways of writing a column's numbers.
const (
	rawNumbers = 0 // IEEE 754, little endian; a gap is the canonical NaN
	asCounts   = 1 // varints: 0 is a gap, n+1 is the count n
)

func (e *encoder) column(c []float64) error {
	e.count(len(c), c == nil)
	if len(c) == 0 {
		return nil
	}
	counts := true
	for i, v := range c {
		if math.IsInf(v, 0) {
			return fmt.Errorf("number %d is infinite", i)
		}
		counts = counts && isCount(v)
	}
	if counts {
		e.b = append(e.b, asCounts)
		for _, v := range c {
			if queries.IsGap(v) {
				e.uint(0)
			} else {
				e.uint(uint64(v) + 1)
			}
		}
		return nil
	}
	e.b = append(e.b, rawNumbers)
	for _, v := range c {
		if queries.IsGap(v) {
			v = queries.Gap()
		}
		e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(v))
	}
	return nil
}

// isCount reports whether a varint reads back as the very same number.
func isCount(v float64) bool {
	const exact = 1 << 53
	return queries.IsGap(v) || v >= 0 && v < exact && v == math.Trunc(v) && !math.Signbit(v)
}
