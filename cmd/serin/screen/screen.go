// Package screen writes what a person watches while a command works: one line
// that is redrawn on a terminal, and plain lines now and then everywhere else.
package screen

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Terminal reports whether w is a terminal.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Colour reports whether w may be written to in colour: it is a terminal that
// knows how, and the NO_COLOR convention does not forbid it.
func Colour(w io.Writer) bool {
	return Terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Width returns the width of w in columns: a terminal's own, and 100 elsewhere.
func Width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 100
}

// barWidth is the width of the bar in front of the text; barExtra is what
// progressbar writes around it: percent, frame, spaces.
const (
	barWidth = 8
	barExtra = 10
)

// maxSteps is how finely the bar is drawn.
const maxSteps = 1000

// Live is a line that says how far something is. It may be used from several
// goroutines.
type Live struct {
	mu    sync.Mutex
	out   io.Writer
	bar   *progressbar.ProgressBar // nil where out is not a terminal
	every time.Duration
	now   func() time.Time
	last  time.Time // when the last plain line was written
	text  string    // of the last plain line
}

// NewLive returns a live line on w. Where w is not a terminal, it writes a plain
// line whenever the text has changed and the last one is at least this old.
func NewLive(w io.Writer, every time.Duration) *Live {
	l := &Live{out: w, every: every, now: time.Now}
	if Terminal(w) {
		l.bar = progressbar.NewOptions(maxSteps,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetWidth(barWidth),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionClearOnFinish(),
		)
	}
	return l
}

// Update says how far it is, as a fraction in [0,1], and what is going on.
func (l *Live) Update(fraction float64, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bar == nil {
		if now := l.now(); text != l.text && now.Sub(l.last) >= l.every {
			fmt.Fprintln(l.out, text)
			l.text, l.last = text, now
		}
		return
	}
	// A full bar would count as finished and never be drawn again.
	step := min(max(int(fraction*maxSteps), 0), maxSteps-1)
	_ = l.bar.Set(step) // fails only beyond the maximum
	l.bar.Describe(fit(text, Width(l.out)-barWidth-barExtra))
}

// Say writes a line that stays.
func (l *Live) Say(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bar != nil {
		_ = l.bar.Clear() // a failing terminal is noticed by whoever reads it
	}
	fmt.Fprintln(l.out, text)
}

// Close removes the live line from a terminal.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bar != nil {
		_ = l.bar.Clear()
	}
}

// fit cuts text to a number of columns; every character of ours takes one.
func fit(text string, columns int) string {
	text = strings.ReplaceAll(text, "\n", " ")
	r := []rune(text)
	if columns < 1 || len(r) <= columns {
		return text
	}
	return string(r[:columns-1]) + "…"
}
