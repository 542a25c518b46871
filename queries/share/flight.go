package share

import (
	"container/list"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/serin-canary/serin/queries"
)

// flight is one question under way, or answered, and whoever waits for it.
type flight struct {
	key     string
	asker   queries.Asker // who began it
	waiting int
	cancel  context.CancelFunc
	done    chan struct{} // closed once frame and err are set
	frame   queries.Frame
	err     error

	// While it is kept: its place in the order of answers, its size, its end.
	kept  *list.Element
	size  int
	until time.Time
}

// copy returns the answer; nobody else holds its memory.
func (f *flight) copy() (queries.Frame, error) {
	if f.err != nil {
		return queries.Frame{}, f.err
	}
	return queries.Frame{}.Append(f.frame)
}

// flights holds the questions under way and the newest answers, by what was asked.
type flights struct {
	cfg Config

	mu       sync.Mutex
	underWay map[string]*flight
	answered map[string]*flight
	order    *list.List // of answered, the oldest first
	size     int        // bytes
}

func newFlights(c Config) *flights {
	return &flights{cfg: c, underWay: map[string]*flight{}, answered: map[string]*flight{}, order: list.New()}
}

// keyOf writes what is asked. An empty key is shared with nobody.
func keyOf(r queries.Reading, w queries.Window) string {
	b, err := json.Marshal(r)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d %d %d %s", w.Start.UnixNano(), w.End.UnixNano(), w.Block, b)
}

// take returns the flight that answers a question, and how: it was "asked" newly
// and is the caller's to begin, it was "joined", or its answer was "kept".
func (fs *flights) take(key string, asker queries.Asker, w queries.Window) (f *flight, how string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.expire()
	if f := fs.answered[key]; f != nil && asker.Closed(w, f.asker.At) {
		return f, "kept"
	}
	if f := fs.underWay[key]; f != nil && f.waiting > 0 && asker.Closed(w, f.asker.At) {
		f.waiting++
		return f, "joined"
	}
	f = &flight{key: key, asker: asker, waiting: 1, done: make(chan struct{})}
	if key != "" && asker.Closed(w, asker.At) {
		fs.underWay[key] = f
	}
	return f, "asked"
}

// began says how a flight is ended before its answer is there. Others may have
// joined, and the first asker cannot have left yet.
func (fs *flights) began(f *flight, cancel context.CancelFunc) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.cancel = cancel
}

// leave ends one caller's waiting; with the last one's, the question ends.
func (fs *flights) leave(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.waiting--
	if f.waiting == 0 && f.cancel != nil {
		f.cancel()
		fs.forget(f)
	}
}

func (fs *flights) forget(f *flight) {
	if fs.underWay[f.key] == f {
		delete(fs.underWay, f.key)
	}
}

// land sets a flight's answer, keeps it where that is safe, and wakes whoever
// waits.
func (fs *flights) land(f *flight, frame queries.Frame, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.frame, f.err = frame, err
	shared := fs.underWay[f.key] == f
	fs.forget(f)
	if shared && err == nil && fs.cfg.Keep > 0 && whole(frame) {
		fs.keep(f)
	}
	close(f.done)
}

// whole reports whether a later answer to the same question would have nothing
// more to say.
func whole(f queries.Frame) bool {
	for _, n := range f.Notes {
		if n.Code == queries.NotePartial || n.Code == queries.NoteTargetDown || n.Code == queries.NoteLost {
			return false
		}
	}
	return true
}

// keep remembers an answer, and drops the oldest where there are too many bytes.
func (fs *flights) keep(f *flight) {
	f.size = sizeOf(f.frame) + len(f.key)
	if f.size > fs.cfg.KeepBytes/4 {
		return
	}
	if old := fs.answered[f.key]; old != nil {
		fs.drop(old)
	}
	f.until = fs.cfg.Now().Add(fs.cfg.Keep)
	f.kept = fs.order.PushBack(f)
	fs.answered[f.key] = f
	fs.size += f.size
	for fs.size > fs.cfg.KeepBytes {
		fs.drop(fs.order.Front().Value.(*flight))
	}
}

// expire drops what has been kept for long enough.
func (fs *flights) expire() {
	now := fs.cfg.Now()
	for e := fs.order.Front(); e != nil; e = fs.order.Front() {
		f := e.Value.(*flight)
		if now.Before(f.until) {
			return
		}
		fs.drop(f)
	}
}

func (fs *flights) drop(f *flight) {
	fs.order.Remove(f.kept)
	fs.size -= f.size
	delete(fs.answered, f.key)
}

// sizeOf estimates the bytes that a frame takes.
func sizeOf(f queries.Frame) int {
	n := 256 + 8*len(f.Bounds)
	for _, p := range f.Processes {
		n += 160 + len(p.Name) + 8*(len(p.N)+len(p.X)+len(p.Sum)+len(p.Over)+len(p.V))
	}
	for _, note := range f.Notes {
		n += 32 + len(note.Text)
	}
	return n
}
