package prometheus

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/serin-canary/serin/queries/promql"
)

// Limits bound one answer. What is beyond them is not read, so that no query can
// take more memory than they allow: about four times Bytes, while it is decoded.
type Limits struct {
	Bytes  int // of the body after decompression; default 16 MiB
	Series int // default 20,000
	Points int // values of all series together; default 1,000,000
}

func (l Limits) withDefaults() Limits {
	set := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	set(&l.Bytes, 16<<20)
	set(&l.Series, 20_000)
	set(&l.Points, 1_000_000)
	return l
}

// maxText bounds one label, name or message, in bytes. A longer one would be kept
// in every frozen block.
const maxText = 64 << 10

// tooLargeError says which limit an answer is beyond, and what to do.
type tooLargeError struct{ text string }

func (e *tooLargeError) Error() string { return e.text }

// Unwrap lets the reader ask for sums instead.
func (e *tooLargeError) Unwrap() error { return promql.ErrTooLarge }

// errTooLarge names the key below limits that holds the bound.
func errTooLarge(limit int, what, key string) error {
	return &tooLargeError{fmt.Sprintf("the answer has more than %d %s; narrow the query to fewer series, or raise limits.answer.%s", limit, what, key)}
}

// meter reads a body and measures it on the way: bytes, series and points are
// counted before anything is decoded. It is no JSON parser; of what it cannot read,
// the decoder says so.
type meter struct {
	io.ReadCloser
	limits Limits
	total  *atomic.Uint64 // bytes of all answers

	bytes, series, points int
	depth                 int // of the bracket that is open
	text                  int // bytes of the string that is open; 0: none is
	escaped               bool
	err                   error
}

// An answer is {"data":{"result":[{"metric":{},"values":[[t,v]]}]}}: a series
// opens at depth 4, a point at depth 6.
const (
	depthOfSeries = 4
	depthOfPoint  = 6
)

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.ReadCloser.Read(p)
	m.total.Add(uint64(n))
	m.bytes += n
	if m.bytes > m.limits.Bytes {
		m.err = &tooLargeError{fmt.Sprintf("the answer is larger than %s; narrow the query to fewer series, or raise limits.answer.bytes", size(m.limits.Bytes))}
	} else {
		m.err = m.scan(p[:n])
	}
	if m.err != nil {
		return 0, m.err
	}
	return n, err
}

// scan counts what a part of the body opens.
func (m *meter) scan(part []byte) error {
	for _, c := range part {
		if m.text > 0 {
			switch m.text++; {
			case m.text > maxText:
				return &tooLargeError{fmt.Sprintf("the answer has a text of more than %s, which is no label; see what the exporter writes", size(maxText))}
			case m.escaped:
				m.escaped = false
			case c == '\\':
				m.escaped = true
			case c == '"':
				m.text = 0
			}
			continue
		}
		switch c {
		case '"':
			m.text = 1
		case '{', '[':
			m.depth++
			if err := m.opened(c); err != nil {
				return err
			}
		case '}', ']':
			m.depth--
		}
	}
	return nil
}

func (m *meter) opened(bracket byte) error {
	switch {
	case m.depth > 64:
		return &tooLargeError{"the answer is nested more than 64 deep, which no Prometheus server writes"}
	case bracket == '{' && m.depth == depthOfSeries:
		if m.series++; m.series > m.limits.Series {
			return errTooLarge(m.limits.Series, "series", "series")
		}
	case bracket == '[' && m.depth == depthOfPoint:
		if m.points++; m.points > m.limits.Points {
			return errTooLarge(m.limits.Points, "points", "points")
		}
	}
	return nil
}

// size writes a number of bytes for people.
func size(bytes int) string {
	if bytes >= 1<<20 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}
