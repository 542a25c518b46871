package execcheck

import (
	"strings"
	"sync"
)

const (
	maxHead = 64 << 10 // bytes from the beginning that are kept
	maxTail = 4 << 10  // bytes from the end that are kept
)

// output keeps the beginning and the end of what is written, and takes all of it: whoever
// writes is never held up.
type output struct {
	mu          sync.Mutex
	first, last []byte
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := maxHead - len(o.first); room > 0 {
		o.first = append(o.first, b[:min(room, len(b))]...)
	}
	o.last = append(o.last, b[max(0, len(b)-maxTail):]...)
	if over := len(o.last) - maxTail; over > 0 {
		o.last = append(o.last[:0], o.last[over:]...)
	}
	return len(b), nil
}

func (o *output) head() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.first
}

// lastLine returns the last line that is not empty, "" without any.
func (o *output) lastLine() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := strings.TrimSpace(string(o.last))
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
