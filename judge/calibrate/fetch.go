package calibrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/serin-canary/serin/queries"
)

// Fetching says how a source's past is read.
type Fetching struct {
	Source queries.Source
	// Chunk is how much of the past one query asks for (default 6 h).
	Chunk time.Duration
	// Most bounds the numbers that are held, 8 bytes each (default 256 million, 2 GiB).
	Most int
	// Tries and Pause are how often a query that fails is asked again, and after which
	// time (default 3 times, 2 s, doubled each time).
	Tries int
	Pause time.Duration
	// Tell, where set, is told how many windows of how many have been read.
	Tell func(done, of int)
}

func (c Fetching) withDefaults() Fetching {
	if c.Chunk <= 0 {
		c.Chunk = 6 * time.Hour
	}
	if c.Most <= 0 {
		c.Most = 1 << 28
	}
	if c.Tries <= 0 {
		c.Tries = 3
	}
	if c.Pause <= 0 {
		c.Pause = 2 * time.Second
	}
	return c
}

// Fetch reads what a file lacks of the answers to questions: each window once, one query
// at a time. What was read is kept at once, so that an end in the middle loses nothing.
func Fetch(ctx context.Context, f *File, qs []Question, c Fetching) error {
	c = c.withDefaults()
	todo := map[string][]queries.Window{}
	done, all := 0, 0
	for _, q := range qs {
		if _, twice := todo[q.Key]; !twice {
			have := f.chain(q.Key)
			todo[q.Key] = f.lacks(q, have, c.Chunk)
			done, all = done+len(have), all+len(have)+len(todo[q.Key])
		}
	}
	whole := 0 // numbers of the questions that were begun
	for _, q := range qs {
		bounds := f.bounds(q.Key)
		values, before := 0, whole
		for i, w := range todo[q.Key] {
			fr, err := c.ask(ctx, q, w, bounds)
			if err != nil {
				return fmt.Errorf("metric %s from %s: %w", q.Name, w.Start.UTC().Format(time.RFC3339), err)
			}
			if len(bounds) == 0 {
				bounds = fr.Bounds
			}
			if err := f.Add(q, fr); err != nil {
				return err
			}
			// A metric tells how large it is itself, not how large others are.
			done, values = done+1, values+size(fr)
			if whole = before + values/(i+1)*len(todo[q.Key]); whole > c.Most {
				return fmt.Errorf("the history would take more than %d million numbers (%d MiB) by metric %s, and %d million are allowed; ask for fewer days, or a longer block",
					whole>>20, whole>>17, q.Name, c.Most>>20)
			}
			if c.Tell != nil {
				c.Tell(done, all)
			}
		}
		delete(todo, q.Key)
	}
	return nil
}

// mostBlocks bounds the blocks of one query: stores bound what they answer at once.
const mostBlocks = 10_000

// windows cuts a time into windows of about a length.
func windows(s Span, block, chunk time.Duration) []queries.Window {
	step := min(max(chunk.Truncate(block), block), mostBlocks*block)
	var out []queries.Window
	for from := upTo(s.From, block); ; from = from.Add(step) {
		to := from.Add(step)
		if end := s.To.Truncate(block); to.After(end) {
			to = end
		}
		if !to.After(from) {
			return out
		}
		out = append(out, queries.Window{Start: from, End: to, Block: block})
	}
}

// chain are the answers to a question in the order of time, without those that overlap an
// earlier one: two processes read the same window, or windows had another length then.
func (f *File) chain(key string) []chunkLine {
	chunks := slices.Clone(f.chunks[key])
	slices.SortStableFunc(chunks, func(a, b chunkLine) int { return a.Window.Start.Compare(b.Window.Start) })
	var out []chunkLine
	for _, c := range chunks {
		if len(out) == 0 || !c.Window.Start.Before(out[len(out)-1].Window.End) {
			out = append(out, c)
		}
	}
	return out
}

// lacks returns the windows between the answers that a file has.
func (f *File) lacks(q Question, have []chunkLine, chunk time.Duration) []queries.Window {
	var out []queries.Window
	at := f.head.From
	for _, c := range have {
		out = append(out, windows(Span{at, c.Window.Start}, q.Block, chunk)...)
		at = c.Window.End
	}
	return append(out, windows(Span{at, f.head.To}, q.Block, chunk)...)
}

// bounds are a histogram's, as the first answer that had any.
func (f *File) bounds(key string) []float64 {
	for _, c := range f.chunks[key] {
		if fr, err := c.frame(); err == nil && len(fr.Bounds) > 0 {
			return fr.Bounds
		}
	}
	return nil
}

// size is how many numbers a frame has.
func size(f queries.Frame) int {
	n := 0
	for _, p := range f.Processes {
		n += len(p.N) + len(p.X) + len(p.Sum) + len(p.Over) + len(p.V)
	}
	return n
}

// ask asks for one window, and again where that may help.
func (c Fetching) ask(ctx context.Context, q Question, w queries.Window, bounds []float64) (queries.Frame, error) {
	r := q.Reading
	r.Bounds = bounds
	for try := 1; ; try++ {
		f, err := c.Source.Blocks(ctx, r, w)
		if err == nil {
			err = whole(f, w)
		}
		if err == nil {
			return f, nil
		}
		fault := queries.FaultOf(err)
		if ctx.Err() != nil || try >= c.Tries || fault != queries.Unavailable && fault != queries.Throttled {
			return f, err
		}
		wait := c.Pause << (try - 1)
		var said *queries.Error
		if errors.As(err, &said) && said.RetryAfter > wait {
			wait = said.RetryAfter
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return f, err
		}
	}
}

// whole refuses half an answer: it would stay in the file.
func whole(f queries.Frame, w queries.Window) error {
	for _, n := range f.Notes {
		if n.Code == queries.NotePartial {
			return &queries.Error{Fault: queries.Unavailable, Text: "its answer is incomplete, and was not kept: " + n.Text}
		}
	}
	if f.Window.Len() != w.Len() {
		return &queries.Error{Fault: queries.Malformed, Text: fmt.Sprintf("asked for %d blocks, got %d", w.Len(), f.Window.Len())}
	}
	if err := f.Validate(); err != nil {
		return &queries.Error{Fault: queries.Malformed, Text: err.Error(), Err: err}
	}
	return nil
}

// History puts the answers to questions together. An answer that is missing is an error
// that names the question.
func (f *File) History(qs []Question) (*History, error) {
	h := &History{Span: f.Span(), Except: f.head.Except, frames: map[string]queries.Frame{}}
	for _, q := range qs {
		if _, have := h.frames[q.Key]; have {
			continue
		}
		fr, err := f.joined(q)
		if err != nil {
			return nil, fmt.Errorf("calibrate: metric %s: %w", q.Name, err)
		}
		h.frames[q.Key] = fr
	}
	return h, nil
}

// joined puts the windows of one question together, in the order of time.
func (f *File) joined(q Question) (queries.Frame, error) {
	at := upTo(f.head.From, q.Block)
	var parts []queries.Frame
	for _, c := range f.chain(q.Key) {
		if !c.Window.Start.Equal(at) {
			break
		}
		fr, err := c.frame()
		if err != nil {
			return queries.Frame{}, err
		}
		parts, at = append(parts, fr), c.Window.End
	}
	if end := f.head.To.Truncate(q.Block); at.Before(end) {
		return queries.Frame{}, fmt.Errorf("the history has nothing between %s and %s; it was recorded for another plan, or to the middle",
			at.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	}
	if len(parts) == 0 {
		return queries.Frame{}, fmt.Errorf("from %s to %s there is no block of %s", f.head.From.Format(time.RFC3339), f.head.To.Format(time.RFC3339), q.Block)
	}
	return join(parts)
}

// join puts frames that follow each other together, pairwise, so that each is copied a
// few times only.
func join(parts []queries.Frame) (queries.Frame, error) {
	if len(parts) == 1 {
		return parts[0], nil
	}
	var half []queries.Frame
	for i := 0; i < len(parts); i += 2 {
		if i+1 == len(parts) {
			half = append(half, parts[i])
			continue
		}
		both, err := parts[i].Append(parts[i+1])
		if err != nil {
			return queries.Frame{}, err
		}
		half = append(half, both)
	}
	return join(half)
}
