// Package screen writes what a person watches while a command works: one line
// that is redrawn on a terminal, and plain lines now and then everywhere else.
package screen

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/serin-canary/serin/judge/report"
)

// Terminal reports whether w is a terminal.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Colour reports whether w may be written to in colour: it is a terminal that knows how.
// NO_COLOR, where it is not empty, forbids it; CLICOLOR_FORCE, where it is neither empty
// nor 0, asks for it wherever w leads; CLICOLOR=0 asks for none.
func Colour(w io.Writer) bool {
	switch force := os.Getenv("CLICOLOR_FORCE"); {
	case os.Getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return Terminal(w) && os.Getenv("TERM") != "dumb" && os.Getenv("CLICOLOR") != "0"
}

// The width of what is no terminal, and the widths that are believed.
const (
	plainWidth = 100
	leastWidth = 20
	mostWidth  = 1000
)

// Width returns the width of w in columns: a terminal's own, else what the variable
// COLUMNS says, else 100.
func Width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n >= leastWidth && n <= mostWidth {
		return n
	}
	return plainWidth
}

// ASCII reports whether the locale asks for nothing but ASCII: the first of LC_ALL,
// LC_CTYPE and LANG that is set names no UTF-8. Where none is set, nothing is known, and
// UTF-8 is what terminals and logs read today.
func ASCII() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(os.Getenv(name)); v != "" {
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return false
}

// Inert returns a text of several lines without what a terminal would obey: an error may
// quote a file, a server, or whoever named something.
func Inert(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return -1
	}, text)
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
	ascii bool
	bar   *progressbar.ProgressBar // nil where out is not a terminal, or there is no fraction
	line  bool                     // redrawn without a bar
	drawn bool                     // the line is on the terminal
	every time.Duration
	now   func() time.Time
	last  time.Time // when the last plain line was written
	text  string    // of the last plain line
}

// NewLive returns a live line on w. Where w is not a terminal, it writes a plain
// line whenever the text has changed and the last one is at least this old.
func NewLive(w io.Writer, every time.Duration) *Live {
	l := &Live{out: w, every: every, now: time.Now, ascii: ASCII()}
	if Terminal(w) {
		theme := progressbar.ThemeDefault
		if l.ascii {
			theme = progressbar.ThemeASCII
		}
		l.bar = progressbar.NewOptions(maxSteps,
			progressbar.OptionSetTheme(theme),
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

// NewLine returns a live line as [NewLive] does, without a bar: for what nobody knows the
// length of.
func NewLine(w io.Writer, every time.Duration) *Live {
	return &Live{out: w, every: every, now: time.Now, line: Terminal(w), ascii: ASCII()}
}

// Update says how far it is, as a fraction in [0,1], and what is going on.
func (l *Live) Update(fraction float64, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.line:
		fmt.Fprint(l.out, wipe+l.fitted(text, Width(l.out)-1))
		l.drawn = true
		return
	case l.bar == nil:
		if now := l.now(); text != l.text && now.Sub(l.last) >= l.every {
			fmt.Fprintln(l.out, l.said(text))
			l.text, l.last = text, now
		}
		return
	}
	// A full bar would count as finished and never be drawn again.
	step := min(max(int(fraction*maxSteps), 0), maxSteps-1)
	_ = l.bar.Set(step) // fails only beyond the maximum
	l.bar.Describe(l.fitted(text, Width(l.out)-barWidth-barExtra))
}

// wipe goes to the start of a terminal's line and empties it.
const wipe = "\r\x1b[2K"

// fitted is a text for a number of columns of the terminal.
func (l *Live) fitted(text string, columns int) string {
	return l.said(fit(text, columns))
}

// said is a text as the terminal can show it.
func (l *Live) said(text string) string {
	if l.ascii {
		return report.ASCII(text)
	}
	return text
}

// clear removes the live line from a terminal.
func (l *Live) clear() {
	switch {
	case l.drawn:
		fmt.Fprint(l.out, wipe)
		l.drawn = false
	case l.bar != nil:
		_ = l.bar.Clear() // a failing terminal is noticed by whoever reads it
	}
}

// Say writes a line that stays.
func (l *Live) Say(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
	fmt.Fprintln(l.out, l.said(text))
}

// Close removes the live line from a terminal.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
}

// fit cuts text to a number of columns.
func fit(text string, columns int) string {
	text = strings.ReplaceAll(text, "\n", " ")
	if columns < 1 || lipgloss.Width(text) <= columns {
		return text
	}
	used := 0
	for i, r := range text {
		if used += lipgloss.Width(string(r)); used > columns-1 {
			return text[:i] + "…"
		}
	}
	return text
}
