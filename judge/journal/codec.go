package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

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

// decodeFreeze reads what encodeFreeze wrote.
func decodeFreeze(b []byte) (judge.Frozen, error) {
	d := &decoder{b: b}
	if len(b) < 2 || b[0] != freezeMagic {
		return judge.Frozen{}, errors.New("this is not a freeze")
	}
	if b[1] != freezeVersion {
		return judge.Frozen{}, fmt.Errorf("a freeze of version %d cannot be read by this binary, which knows version %d", b[1], freezeVersion)
	}
	d.b = b[2:]
	d.strings = make([]string, d.size(1))
	for i := range d.strings {
		d.strings[i] = string(d.bytes(d.size(1)))
	}
	var f judge.Frozen
	const least = 14 // no metric is shorter
	if n := d.size(least); n > 0 {
		f.Metrics = make(map[string]judge.FrozenMetric, n)
		for range n {
			name := d.string()
			if _, twice := f.Metrics[name]; twice {
				d.fail("metric %q is there twice", name)
			}
			f.Metrics[name] = d.metric()
		}
	}
	if len(d.b) > 0 {
		d.fail("%d bytes are left over", len(d.b))
	}
	if d.err != nil {
		return judge.Frozen{}, d.err
	}
	return f, nil
}

// decoder reads a freeze. After its first error it reads zeros.
type decoder struct {
	b       []byte
	strings []string
	room    []float64
	err     error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("freeze: "+format, args...)
	}
	d.b = nil
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("it ends within a number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("it ends within a number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// size reads the length of a list whose elements take at least that many bytes, so
// that no damaged length makes it reserve memory.
func (d *decoder) size(least int) int {
	v := d.uint()
	if v > uint64(len(d.b)/least) {
		d.fail("a list of %d is longer than what is left", v)
		return 0
	}
	return int(v)
}

// count reads what encoder.count wrote.
func (d *decoder) count(least int) (n int, isNil bool) {
	v := d.uint()
	if v == 0 {
		return 0, true
	}
	if v-1 > uint64(len(d.b)/least) {
		d.fail("a list of %d is longer than what is left", v-1)
		return 0, true
	}
	return int(v - 1), false
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.fail("it ends within a text")
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail("it ends early")
		return 0
	}
	out := d.b[0]
	d.b = d.b[1:]
	return out
}

func (d *decoder) string() string {
	i := d.uint()
	if i >= uint64(len(d.strings)) {
		d.fail("there is no string %d", i)
		return ""
	}
	return d.strings[i]
}

func (d *decoder) metric() judge.FrozenMetric {
	var m judge.FrozenMetric
	if d.byte() != 0 {
		text := d.bytes(d.size(1))
		if d.err == nil {
			m.Prior = new(judge.Prior)
			if err := json.Unmarshal(text, m.Prior); err != nil {
				d.fail("prior: %w", err)
			}
		}
	}
	for _, frame := range framesOf(&m) {
		*frame = d.frame()
	}
	return m
}

func (d *decoder) frame() queries.Frame {
	var f queries.Frame
	if d.byte() != 0 {
		start := d.int()
		f.Window.Start = moment(start)
		f.Window.End = moment(start + d.int())
		f.Window.Block = time.Duration(d.int())
	}
	f.Bounds = d.column()
	if n, isNil := d.count(2); !isNil {
		f.Notes = make([]queries.Note, n)
		for i := range f.Notes {
			f.Notes[i] = queries.Note{Code: queries.NoteCode(d.string()), Text: d.string()}
		}
	}
	if n, isNil := d.count(6); !isNil {
		f.Processes = make([]queries.Process, n)
		for i := range f.Processes {
			f.Processes[i] = queries.Process{Name: d.string(), N: d.column(), X: d.column(), Sum: d.column(), Over: d.column(), V: d.column()}
		}
	}
	return f
}

// numbers returns room for n numbers. Columns are short and many, so they are cut
// from a larger piece.
func (d *decoder) numbers(n int) []float64 {
	const piece = 256
	if n > len(d.room) {
		d.room = make([]float64, max(n, piece))
	}
	out := d.room[:n:n]
	d.room = d.room[n:]
	return out
}

func (d *decoder) column() []float64 {
	n, isNil := d.count(1)
	if isNil {
		return nil
	}
	out := d.numbers(n)
	if n == 0 {
		return out
	}
	switch way := d.byte(); way {
	case asCounts:
		for i := range out {
			if v := d.uint(); v == 0 {
				out[i] = queries.Gap()
			} else {
				out[i] = float64(v - 1)
			}
		}
	case rawNumbers:
		raw := d.bytes(8 * n)
		if d.err != nil {
			return nil
		}
		for i := range out {
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
		}
	default:
		d.fail("there is no way %d of writing a column", way)
	}
	return out
}
