package datadog

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

// TestTimesOfSparseAnswers ensures that blocks in which nothing was reported are gaps,
// where they cannot be a coarser step, and that a coarser step is never read as blocks.
func TestTimesOfSparseAnswers(t *testing.T) {
	w := queries.Window{Start: epoch(), End: at(1, 0), Block: time.Minute} // asked from minute -4 on
	for _, tt := range []struct {
		name  string
		times []int // minutes after ten o'clock
		step  time.Duration
		fault string
	}{
		{"nothing", nil, 0, ""},
		{"one point", []int{0}, time.Minute, ""},
		{"one point of before what was asked for", []int{-5}, 0, "one point only"},
		{"two points, the first later than what was asked for", []int{-3, 0}, time.Minute, ""},
		{"two points from the beginning on", []int{-4, 0}, 0, "steps of 4m0s where blocks are 1m0s"},
		{"two points from before the beginning", []int{-5, 0}, 0, "steps of 5m0s"},
		{"a gap among blocks", []int{-4, -3, 0}, time.Minute, ""},
		{"gaps with a common measure of a block", []int{-4, -2, 1}, time.Minute, ""},
		{"off the grid of the longer step", []int{-3, -1, 1}, time.Minute, ""},
		{"on it: a longer step, or gaps", []int{-4, -2, 0}, 0, "or nothing at all was reported in the blocks between, which looks the same: write block: 2m0s"},
		{"on it, with a gap more", []int{-6, -4, 0}, 0, "steps of 2m0s"},
	} {
		var times []int64
		for _, m := range tt.times {
			times = append(times, at(m, 0).UnixMilli())
		}
		a, fault := newAxis(times, w)
		if tt.fault != "" {
			if fault == nil || !strings.Contains(fault.Text, tt.fault) {
				t.Errorf("%s: got %+v, %v, want a refusal with %q", tt.name, a, fault, tt.fault)
			}
			continue
		}
		if fault != nil || a.step != tt.step.Milliseconds() {
			t.Errorf("%s: got a step of %d ms, %v, want %v", tt.name, a.step, fault, tt.step)
		}
	}
	off := []int64{at(0, 7).UnixMilli()}
	if _, fault := newAxis(off, w); fault == nil || !strings.Contains(fault.Text, "not aligned") {
		t.Errorf("got %v, want one point off the grid refused", fault)
	}
}
