package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries"
)

// arena is the memory that the freezes of one rollout are decoded into. Columns and
// lists of processes are short and many, so they are cut from larger pieces, and
// each text is held once, since the same pods come back at every look.
type arena struct {
	texts map[string]string
	room  []float64
	seats []queries.Process
}

func newArena() *arena { return &arena{texts: map[string]string{}} }

func (a *arena) text(b []byte) string {
	s, ok := a.texts[string(b)]
	if !ok {
		s = string(b)
		a.texts[s] = s
	}
	return s
}

// numbers returns room for n numbers.
func (a *arena) numbers(n int) []float64 {
	const piece = 512
	if n > len(a.room) {
		a.room = make([]float64, max(n, piece))
	}
	out := a.room[:n:n]
	a.room = a.room[n:]
	return out
}

// processes returns room for n processes.
func (a *arena) processes(n int) []queries.Process {
	const piece = 64
	if n > len(a.seats) {
		a.seats = make([]queries.Process, max(n, piece))
	}
	out := a.seats[:n:n]
	a.seats = a.seats[n:]
	return out
}

// decodeFreeze reads what encodeFreeze wrote.
func decodeFreeze(b []byte, a *arena) (judge.Frozen, error) {
	d := &decoder{b: b, arena: a}
	if len(b) < 2 || b[0] != freezeMagic {
		return judge.Frozen{}, errors.New("this is not a freeze")
	}
	if b[1] != freezeVersion {
		return judge.Frozen{}, fmt.Errorf("a freeze of version %d cannot be read by this binary, which knows version %d", b[1], freezeVersion)
	}
	d.b = b[2:]
	d.strings = make([]string, d.size(1))
	for i := range d.strings {
		d.strings[i] = a.text(d.bytes(d.size(1)))
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
	arena   *arena
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
		f.Processes = d.arena.processes(n)
		for i := range f.Processes {
			f.Processes[i] = queries.Process{Name: d.string(), N: d.column(), X: d.column(), Sum: d.column(), Over: d.column(), V: d.column()}
		}
	}
	return f
}

func (d *decoder) column() []float64 {
	n, isNil := d.count(1)
	if isNil {
		return nil
	}
	out := d.arena.numbers(n)
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
