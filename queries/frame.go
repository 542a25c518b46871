package queries

import (
	"context"
	"time"
)

// Window is a run of closed blocks: [Start, End) cut into blocks of one length.
// Start and End are aligned to Block since the Unix epoch.
type Window struct {
	Start time.Time     `json:"start"`
	End   time.Time     `json:"end"`
	Block time.Duration `json:"block"`
}

// Len returns the number of blocks in the window.
func (w Window) Len() int {
	if w.Block <= 0 || !w.End.After(w.Start) {
		return 0
	}
	return int(w.End.Sub(w.Start) / w.Block)
}

// Source answers readings block by block.
//
// The frame has exactly w.Len() blocks. A block without a sample is a gap, never
// a zero. Errors are of type [*Error]; they never contain credentials.
type Source interface {
	Blocks(ctx context.Context, r Reading, w Window) (Frame, error)
}

// Frame is what a source knows of one reading over a window, process by process.
type Frame struct {
	Window Window `json:"window"`
	// Bounds are the upper bounds of a histogram's buckets, ascending, without
	// +Inf, in the unit of the query. Nil for other kinds.
	Bounds []float64 `json:"bounds,omitempty"`
	// Processes are sorted by name; names are unique.
	Processes []Process `json:"processes"`
	// Notes say what a reader of the numbers must know. They are sorted.
	Notes []Note `json:"notes,omitempty"`
}

// Process holds one process's columns (a pod, an instance). Where a store cannot
// tell processes apart there is one with an empty name. Every column that is used
// has one value a block; the others are nil.
type Process struct {
	Name string `json:"name,omitempty"`
	// N counts requests (Ratio, Histogram) or is the count itself (Counter).
	N Column `json:"n,omitempty"`
	// X counts the bad among N (Ratio).
	X Column `json:"x,omitempty"`
	// Sum is the sum of the observations (Histogram), in the unit of the query.
	Sum Column `json:"sum,omitempty"`
	// Over holds, for block i and bound k, at i*len(Bounds)+k, how many
	// observations were greater than bound k (Histogram).
	Over Column `json:"over,omitempty"`
	// V is the value of a Gauge.
	V Column `json:"v,omitempty"`
}

// NoteCode says what kind of remark a [Note] is.
type NoteCode string

// The remarks that a source makes.
const (
	// NoteSeriesLimit: there were more series than the limit, so that counts were
	// read from sums over (job, instance, le), where a fall is a gap.
	NoteSeriesLimit NoteCode = "series-limit"
	// NoteNeverSeen: the numerator's name has never been seen for any of these
	// processes; its zeros are not to be believed (a typo, mostly).
	NoteNeverSeen NoteCode = "never-seen"
	// NoteNotANumber: the source sent NaN or an infinity where a count must be;
	// those samples were taken as gaps.
	NoteNotANumber NoteCode = "not-a-number"
	// NotePartial: the store itself said that its answer is incomplete.
	NotePartial NoteCode = "partial"
	// NoteLost: blocks were lost before they could be frozen (the embedded
	// source was restarted).
	NoteLost NoteCode = "lost"
	// NoteTargetDown: a scrape target did not answer (the embedded source).
	NoteTargetDown NoteCode = "target-down"
	// NoteSparse: samples are so far apart that a block is shorter than two of them.
	NoteSparse NoteCode = "sparse"
)

// Note is a remark that a source makes about a frame. Text is a plain sentence.
type Note struct {
	Code NoteCode `json:"code"`
	Text string   `json:"text"`
}
