package calibrate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"github.com/serin-canary/serin/queries"
)

// A file is lines, each with its checksum before it:
//
//	a1b2c3d4 {"format":{"name":"serin history","version":1,"from":…,"to":…}}
//	0badcafe {"chunk":{"key":…,"name":…,"window":…,"frame":…}}
//	cafe0bad {"draw":{"of":…,"result":…}}
//
// Lines are only ever added. A line that a kill cut off is the last one; it is dropped.
type line struct {
	Format *format    `json:"format,omitempty"`
	Chunk  *chunkLine `json:"chunk,omitempty"`
	Draw   *drawLine  `json:"draw,omitempty"`
}

const (
	formatName    = "serin history"
	formatVersion = 1
)

type format struct {
	Name    string    `json:"name"`
	Version int       `json:"version"`
	Source  string    `json:"source,omitempty"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Except  []Span    `json:"except,omitempty"`
}

// chunkLine is an answer of the source.
type chunkLine struct {
	Key    string         `json:"key"`
	Name   string         `json:"name"` // of the metric, for people
	Window queries.Window `json:"window"`
	Frame  []byte         `json:"frame"` // JSON, compressed
	// kept is the answer itself, where the file is kept nowhere.
	kept *queries.Frame
}

// frame returns the answer.
func (c chunkLine) frame() (queries.Frame, error) {
	if c.kept != nil {
		return *c.kept, nil
	}
	return unpackFrame(c.Frame)
}

// drawLine is a judged draw; Of says by which plan, history and seed.
type drawLine struct {
	Of     string `json:"of"`
	Result Result `json:"result"`
}

// File keeps what was read and what was judged. It is safe for concurrent use; two
// processes must not use one file at the same time.
type File struct {
	mu     sync.Mutex
	out    *os.File // nil where nothing is kept, or the file is only read
	head   format
	old    bool                   // it was begun before
	chunks map[string][]chunkLine // by key, as they were added
	draws  map[string]map[int]Result
}

// ErrDamaged says that a file is not what was written.
var ErrDamaged = errors.New("the file is damaged")

// Header says what a file is of.
type Header struct {
	Source string // the address that was asked, without credentials
	Span   Span
	Except []Span
}

// OpenFile opens a file of a source, or begins one. Of a file that is there, the time is
// the one that it was begun with. A file of another source is refused, and so is one that
// is no state file: nothing is written into it.
func OpenFile(name string, of Header) (*File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	s := newFile(f)
	good, err := s.read(f)
	if err == nil {
		err = s.begin(good, of)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("calibrate: %s: %w; name another file with --state, or remove this one and begin anew", name, err), f.Close())
	}
	return s, nil
}

// begin goes on after the last good line, or writes the first one into an empty file.
func (f *File) begin(good int64, of Header) error {
	if f.head.Name != "" {
		switch {
		case f.head.Source == of.Source:
			f.old = true
			return errors.Join(f.out.Truncate(good), second(f.out.Seek(good, io.SeekStart)))
		case f.head.Source == "":
			return fmt.Errorf("it does not say which source it was read from; if that was %s, read it with --history", of.Source)
		}
		return fmt.Errorf("it was read from another source (%s, and now %s)", f.head.Source, of.Source)
	}
	if at, err := f.out.Stat(); err != nil || at.Size() > 0 {
		return errors.Join(err, errors.New("it is no state file, or its first line was cut off; it was left as it is"))
	}
	f.head = of.format()
	return f.append(line{Format: &f.head})
}

func (h Header) format() format {
	return format{Name: formatName, Version: formatVersion, Source: h.Source, From: h.Span.From.UTC(), To: h.Span.To.UTC(), Except: h.Except}
}

// NewFile begins a file of a time that is not there yet.
func NewFile(name string, span Span) (*File, error) {
	if _, err := os.Stat(name); err == nil {
		return nil, fmt.Errorf("calibrate: %s is there already; name another file, or remove it", name)
	}
	return OpenFile(name, Header{Span: span})
}

// ReadFile reads a file and keeps nothing. A last line that a kill cut off is left out.
func ReadFile(r io.Reader) (*File, error) {
	s := newFile(nil)
	if _, err := s.read(r); err != nil {
		return nil, fmt.Errorf("calibrate: %w; read it from its source again", err)
	}
	if s.head.Name == "" {
		return nil, errors.New("calibrate: the history is empty, or no history of serin's")
	}
	return s, nil
}

// MemoryFile is a file that is kept nowhere.
func MemoryFile(span Span, except []Span) *File {
	s := newFile(nil)
	s.head = Header{Span: span, Except: except}.format()
	return s
}

func newFile(out *os.File) *File {
	return &File{out: out, chunks: map[string][]chunkLine{}, draws: map[string]map[int]Result{}}
}

func second(_ int64, err error) error { return err }

// Span is the time that the file is of.
func (f *File) Span() Span { return Span{f.head.From, f.head.To} }

// Except are the stretches that the file was begun without.
func (f *File) Except() []Span { return f.head.Except }

// Resumed reports whether the file was begun before.
func (f *File) Resumed() bool { return f.old }

// Close closes the file.
func (f *File) Close() error {
	if f.out == nil {
		return nil
	}
	return f.out.Close()
}

// read takes in all lines and returns where the last good one ends. A torn last line is
// left out.
func (f *File) read(r io.Reader) (good int64, err error) {
	in := bufio.NewReader(r)
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return good, nil
		}
		if err != nil {
			return good, err
		}
		if err := f.take(text); err != nil {
			if _, more := in.Peek(1); errors.Is(more, io.EOF) && n > 1 {
				return good, nil // the end of a line was written before its beginning
			}
			return good, fmt.Errorf("line %d: %w", n, err)
		}
		good += int64(len(text))
	}
}

// take takes one line in.
func (f *File) take(text []byte) error {
	sum, body, ok := bytes.Cut(bytes.TrimSuffix(text, []byte("\n")), []byte(" "))
	if !ok || string(sum) != checksum(body) {
		return fmt.Errorf("%w: its checksum is another one", ErrDamaged)
	}
	var l line
	if err := json.Unmarshal(body, &l); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	switch {
	case l.Format != nil:
		if l.Format.Name != formatName || l.Format.Version != formatVersion {
			return fmt.Errorf("it is %q of version %d, and this build reads %q of version %d; begin a new file", l.Format.Name, l.Format.Version, formatName, formatVersion)
		}
		f.head = *l.Format
	case f.head.Name == "":
		return errors.New("it is no history of serin's")
	case l.Chunk != nil:
		f.addChunk(*l.Chunk)
	case l.Draw != nil:
		f.addDraw(*l.Draw)
	}
	return nil
}

func (f *File) addChunk(c chunkLine) {
	f.chunks[c.Key] = append(f.chunks[c.Key], c)
}

// sumOf is the checksum of the answers to questions.
func (f *File) sumOf(keys []string) uint32 {
	sum := uint32(0)
	for _, k := range keys {
		for _, c := range f.chunks[k] {
			sum = crc32.Update(sum, crc32.IEEETable, c.Frame)
		}
	}
	return sum
}

func (f *File) addDraw(d drawLine) {
	if f.draws[d.Of] == nil {
		f.draws[d.Of] = map[int]Result{}
	}
	f.draws[d.Of][d.Result.Index] = d.Result
}

func checksum(b []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)) }

// append writes one line, in one write.
func (f *File) append(l line) error {
	if f.out == nil {
		return nil
	}
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	text := append([]byte(checksum(body)+" "), body...)
	if _, err := f.out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("what was done cannot be kept: %w", err)
	}
	return nil
}

// Add keeps an answer.
func (f *File) Add(q Question, fr queries.Frame) error {
	c := chunkLine{Key: q.Key, Name: q.Name, Window: fr.Window}
	if f.out == nil {
		c.kept = &fr
	} else {
		var err error
		if c.Frame, err = packFrame(fr); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.append(line{Chunk: &c}); err != nil {
		return err
	}
	f.addChunk(c)
	return nil
}

// keep keeps a judged draw.
func (f *File) keep(of string, r Result) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.append(line{Draw: &drawLine{of, r}}); err != nil {
		return err
	}
	f.addDraw(drawLine{of, r})
	return nil
}

// judged returns a draw that was judged before.
func (f *File) judged(of string, i int) (Result, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.draws[of][i]
	return r, ok
}

func packFrame(f queries.Frame) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(json.NewEncoder(z).Encode(f), z.Close()); err != nil {
		return nil, fmt.Errorf("calibrate: an answer cannot be kept: %w", err)
	}
	return b.Bytes(), nil
}

// mostFrame bounds what a compressed answer may hold.
const mostFrame = 1 << 30

func unpackFrame(b []byte) (f queries.Frame, err error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		err = json.NewDecoder(io.LimitReader(z, mostFrame)).Decode(&f)
	}
	if err == nil {
		err = f.Validate()
	}
	if err != nil {
		return f, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return f, nil
}
