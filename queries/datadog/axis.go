package datadog

import (
	"fmt"
	"time"

	"github.com/serin-canary/serin/queries"
)

// axis says how the times of an answer lie on the blocks of a window.
type axis struct {
	window queries.Window
	step   int64 // milliseconds; 0 where there are no times
	times  []int64
}

// maxStep is the longest step that is taken for one, in milliseconds.
const maxStep = int64(24 * time.Hour / time.Millisecond)

// newAxis reads the step that was answered in, which no answer says: it is the greatest
// that all distances are multiples of. It refuses an axis that cannot be put on the
// blocks: what is coarser than a block spreads over several.
//
// Times that are some blocks apart may be a coarser step, or blocks in which nothing was
// reported; those that cannot be a coarser step are taken for the latter.
func newAxis(times []int64, w queries.Window) (axis, *queries.Error) {
	a := axis{window: w, times: times}
	block := w.Block.Milliseconds()
	for i := 1; i < len(times); i++ {
		d := times[i] - times[i-1]
		if d <= 0 {
			return axis{}, malformed("its times are not ascending")
		}
		a.step = divisor(a.step, d)
	}
	switch {
	case len(times) == 0:
		return a, nil
	case a.coarse(w.Start.Add(-leadBlocks * w.Block).UnixMilli()):
		return axis{}, a.refusal()
	case a.step == 0 || a.step > block:
		a.step = block
	case block%a.step != 0:
		return axis{}, malformed("it answered in steps of %v, which blocks of %v do not divide into", time.Duration(a.step)*time.Millisecond, w.Block)
	}
	for _, t := range times {
		if t%a.step != 0 {
			return axis{}, malformed("its times are not aligned to their step of %v", time.Duration(a.step)*time.Millisecond)
		}
	}
	return a, nil
}

// coarse reports whether the times may be those of a step longer than a block. Steps lie
// on their own grid since 1970, and the first of them begins where the question does, or
// before; so times that are off that grid are of single blocks, and so are one or two that
// begin later. The instant from is where the question begins, in milliseconds.
func (a axis) coarse(from int64) bool {
	block := a.window.Block.Milliseconds()
	switch {
	case len(a.times) == 1:
		return a.times[0] < from
	case a.step <= block:
		return false
	case a.step%block != 0:
		return true
	}
	for _, t := range a.times {
		if t%a.step != 0 {
			return false
		}
	}
	return len(a.times) > 2 || a.times[0] <= from
}

// refusal says why an axis that may be coarse is not taken.
func (a axis) refusal() *queries.Error {
	step := time.Duration(a.step) * time.Millisecond
	switch {
	case len(a.times) == 1:
		return malformed("it answered one point only, of before the time that was asked for, from which its step cannot be read; the next look asks again")
	case a.step > maxStep:
		return malformed("it answered in steps of %v", step)
	}
	return &queries.Error{Fault: queries.Rejected, Text: fmt.Sprintf(
		"it answered in steps of %s where blocks are %s, so that its counts belong to no one block; or nothing at all was reported in the blocks between, which looks the same: "+
			"write block: %s in the plan, or ask for a metric that is reported more often", step, a.window.Block, step)}
}

// divisor is the greatest common divisor of two numbers that are not negative.
func divisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func malformed(format string, args ...any) *queries.Error {
	return &queries.Error{Fault: queries.Malformed, Text: fmt.Sprintf(format, args...)}
}
