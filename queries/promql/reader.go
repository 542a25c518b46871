package promql

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/serin-canary/serin/queries"
)

// Options configure a [Reader].
type Options struct {
	Source      string   // the source's name, for errors
	SeriesLimit int      // per reading; default 2,000
	Process     []string // labels that name a process, the first that a series has wins; default pod, kubernetes_pod_name, pod_name, instance
	Concurrency int      // range queries under way at once, over all readings; default 16
}

// Reader answers readings from a [Ranger]. It implements queries.Source.
//
// # How counts are read
//
// Of every series, the last sample of each block is asked for. Blocks end on the
// grid of w.Block since the Unix epoch. A block's count is what its series grew by
// between the end of the block before and its own end:
//
//   - A fall is a reset: the counter began again from 0, so the new value is the growth.
//   - A series that was not there is born: it grew from 0. This holds in a process
//     (same job and instance) that was there one block before; a process that is new
//     counts from its second block.
//   - A series that was there within the last few blocks, was away, and is back, is
//     born again where its value has fallen. Where it has not, its growth belongs to
//     no single block and is left out.
//   - A series that ends while its process lives on grows by nothing more.
//   - A process without a sample of the denominator in this block or the one before
//     has a gap. So has one whose sample is not a number.
//
// All of it depends on a bounded number of instants before the block, so that a
// window gives the same counts however it is cut into calls.
//
// A process is named by the first of Options.Process that its series have. The
// counts of all series of that name are added up; so are containers of one pod. Where
// the numerator of a ratio stems from processes that have no denominator, processes
// cannot be told apart, and the frame has one with an empty name.
//
// # Bounds
//
// A classic histogram's bounds are those of all its processes together. A process
// that lacks one of them has a gap at it, wherever it served a request. A native
// histogram's bounds are at most 24 edges that no bucket of any process straddles.
// Reading.Bounds holds them fixed; what cannot be told at such a bound is a gap.
type Reader struct {
	ranger Ranger
	o      Options
	slots  chan struct{} // one for each range query under way
}

// NewReader returns a reader.
func NewReader(r Ranger, o Options) *Reader {
	if o.SeriesLimit <= 0 {
		o.SeriesLimit = 2000
	}
	if len(o.Process) == 0 {
		o.Process = []string{"pod", "kubernetes_pod_name", "pod_name", "instance"}
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 16
	}
	return &Reader{ranger: r, o: o, slots: make(chan struct{}, o.Concurrency)}
}

// Blocks implements queries.Source.
func (r *Reader) Blocks(ctx context.Context, rd queries.Reading, w queries.Window) (queries.Frame, error) {
	if err := w.Validate(); err != nil {
		return queries.Frame{}, r.rejected(err.Error(), err)
	}
	if rd.Scale == 0 {
		rd.Scale = 1
	}
	l := &look{r: r, rd: rd, g: newGrid(w), frame: queries.Frame{Window: w, Bounds: rd.Bounds}}
	if w.Len() == 0 {
		return l.frame, nil
	}
	if lang := rd.Query.Lang; lang != "" && lang != queries.PromQL {
		return queries.Frame{}, r.rejected(fmt.Sprintf("a query in language %q cannot be asked of a store that speaks PromQL", lang), nil)
	}
	var err error
	switch rd.Kind {
	case queries.Ratio, queries.Counter:
		err = l.counts(ctx)
	case queries.Histogram:
		err = l.histogram(ctx)
	case queries.Gauge:
		err = l.gauge(ctx)
	default:
		err = r.rejected(fmt.Sprintf("a reading of kind %q cannot be answered", rd.Kind), nil)
	}
	if err != nil {
		return queries.Frame{}, err
	}
	l.frame.Notes = queries.SortNotes(l.frame.Notes)
	return l.frame, nil
}

func (r *Reader) rejected(text string, cause error) error {
	return &queries.Error{Fault: queries.Rejected, Source: r.o.Source, Text: text, Err: cause}
}

// look is one call of Blocks.
type look struct {
	r     *Reader
	rd    queries.Reading
	g     grid
	frame queries.Frame
	// summed says that the series were too many and came as sums over processes.
	summed bool
	// old says that the server's last_over_time does not know native histograms.
	old bool
}

// note remarks something once.
func (l *look) note(code queries.NoteCode, format string, args ...any) {
	n := queries.Note{Code: code, Text: fmt.Sprintf(format, args...)}
	if !slices.Contains(l.frame.Notes, n) {
		l.frame.Notes = append(l.frame.Notes, n)
	}
}

// How far before a block a series may have been last seen to be known again, and
// how many blocks that is at most.
const (
	memory       = 5 * time.Minute
	memoryBlocks = 10
)

// grid is the instants that a look asks for, numbered from 0: lead of them up to
// the start of the window, then the end of each block.
type grid struct {
	start, step  int64 // milliseconds
	lead, blocks int
}

func newGrid(w queries.Window) grid {
	lead := int((memory + w.Block - 1) / w.Block)
	lead = max(1, min(lead, memoryBlocks))
	step := w.Block.Milliseconds()
	return grid{start: w.Start.UnixMilli() - int64(lead-1)*step, step: step, lead: lead, blocks: w.Len()}
}

// points is the number of instants.
func (g grid) points() int { return g.lead + g.blocks }

// at is the time of an instant.
func (g grid) at(i int) int64 { return g.start + int64(i)*g.step }

// index is the instant at a time, or -1 where there is none.
func (g grid) index(ms int64) int {
	d := ms - g.start
	if d < 0 || d%g.step != 0 || d/g.step >= int64(g.points()) {
		return -1
	}
	return int(d / g.step)
}

// rangeOf is the query grid from one instant to another.
func (g grid) rangeOf(from, to int) Range {
	return Range{Start: g.at(from), End: g.at(to), Step: g.step}
}
