package queries

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var gap = math.NaN()

// window returns n blocks of ten seconds from block number from.
func window(from, n int) Window {
	start := time.Unix(1_700_000_000, 0).UTC().Add(time.Duration(from) * 10 * time.Second)
	return Window{Start: start, End: start.Add(time.Duration(n) * 10 * time.Second), Block: 10 * time.Second}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("got + want -:\n%s", d)
	}
}

func TestAppend(t *testing.T) {
	a := Frame{
		Window: window(0, 2), Bounds: []float64{1, 5},
		Processes: []Process{
			{Name: "gone", N: Column{10, 20}, Over: Column{1, 0, 2, 1}},
			{Name: "stays", N: Column{1, gap}, Over: Column{1, 1, gap, gap}},
		},
		Notes: []Note{{NotePartial, "b"}},
	}
	b := Frame{
		Window: window(2, 1), Bounds: []float64{1, 5},
		Processes: []Process{
			{Name: "new", N: Column{7}, Over: Column{3, 2}, Sum: Column{9}},
			{Name: "stays", N: Column{4}, Over: Column{4, 0}, Sum: Column{2}},
		},
		Notes: []Note{{NoteNeverSeen, "a"}, {NotePartial, "b"}},
	}
	got, err := a.Append(b)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, Frame{
		Window: window(0, 3), Bounds: []float64{1, 5},
		Processes: []Process{
			{Name: "gone", N: Column{10, 20, gap}, Over: Column{1, 0, 2, 1, gap, gap}, Sum: Column{gap, gap, gap}},
			{Name: "new", N: Column{gap, gap, 7}, Over: Column{gap, gap, gap, gap, 3, 2}, Sum: Column{gap, gap, 9}},
			{Name: "stays", N: Column{1, gap, 4}, Over: Column{1, 1, gap, gap, 4, 0}, Sum: Column{gap, gap, 2}},
		},
		Notes: []Note{{NoteNeverSeen, "a"}, {NotePartial, "b"}},
	})
	if err := got.Validate(); err != nil {
		t.Errorf("the result does not validate: %v", err)
	}
	got.Processes[2].N[0] = 99
	if a.Processes[1].N[0] != 1 {
		t.Error("the result shares memory with its first part")
	}
}

func TestAppendToNothing(t *testing.T) {
	b := Frame{Window: window(2, 1), Processes: []Process{{N: Column{7}}}}
	got, err := Frame{}.Append(b)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, b)

	empty := Frame{Window: window(1, 1)}
	got, err = empty.Append(Frame{Window: window(2, 1), Bounds: []float64{3}, Processes: []Process{{N: Column{7}, Over: Column{2}}}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, Frame{Window: window(1, 2), Bounds: []float64{3}, Processes: []Process{{N: Column{gap, 7}, Over: Column{gap, 2}}}})

	got, err = got.Append(Frame{Window: window(3, 1)})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got.Processes, []Process{{N: Column{gap, 7, gap}, Over: Column{gap, 2, gap}}})
}

func TestAppendRefuses(t *testing.T) {
	f := Frame{Window: window(0, 2), Bounds: []float64{1}, Processes: []Process{{N: Column{1, 2}, Over: Column{0, 0}}}}
	minute := Window{Start: f.Window.End, End: f.Window.End.Add(time.Minute), Block: time.Minute}
	for name, next := range map[string]Frame{
		"starts at":      {Window: window(3, 1)},
		"that starts at": {Window: window(1, 2)},
		"blocks of 1m0s": {Window: minute},
		"with bounds":    {Window: window(2, 1), Bounds: []float64{2}, Processes: []Process{{N: Column{1}, Over: Column{0}}}},
	} {
		if _, err := f.Append(next); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got error %v, want one that says %q", err, name)
		}
	}
}

func TestSlice(t *testing.T) {
	f := Frame{
		Window: window(0, 3), Bounds: []float64{1, 2},
		Processes: []Process{{Name: "a", N: Column{1, 2, 3}, Over: Column{1, 2, 3, 4, 5, 6}}},
		Notes:     []Note{{NoteLost, "x"}},
	}
	same(t, f.Slice(1, 2), Frame{
		Window: window(1, 1), Bounds: []float64{1, 2},
		Processes: []Process{{Name: "a", N: Column{2}, Over: Column{3, 4}}},
		Notes:     []Note{{NoteLost, "x"}},
	})
	if got := f.Slice(-5, 50); got.Window != f.Window {
		t.Errorf("got window %v, want %v", got.Window, f.Window)
	}
	if got := f.Slice(2, 1).Window.Len(); got != 0 {
		t.Errorf("got %d blocks from an empty slice, want 0", got)
	}
	s := f.Slice(0, 1)
	s.Processes[0].N = append(s.Processes[0].N, 99)
	if f.Processes[0].N[1] != 2 {
		t.Error("appending to a slice overwrote the frame")
	}
	back, err := f.Slice(0, 1).Append(f.Slice(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	same(t, back, f)
}

func TestTotal(t *testing.T) {
	f := Frame{
		Window: window(0, 4), Bounds: []float64{1, 2},
		Processes: []Process{
			{Name: "a", N: Column{1, gap, gap, 5}, Sum: Column{2, gap, gap, 3}, Over: Column{1, 0, gap, gap, gap, gap, 2, 1}},
			{Name: "b", N: Column{10, 20, gap, 50}, Sum: Column{4, 5, gap, gap}, Over: Column{3, 2, 5, 4, gap, gap, 9, gap}},
		},
	}
	same(t, f.Total(), Process{
		N:   Column{11, 20, gap, 55},
		Sum: Column{6, 5, gap, gap}, // b has 50 requests and no sum of them
		Over: Column{
			4, 2,
			5, 4,
			gap, gap,
			11, gap, // b does not have the second bound
		},
	})
	x := Frame{Window: window(0, 1), Processes: []Process{{Name: "a", N: Column{0}, X: Column{gap}}, {Name: "b", N: Column{2}, X: Column{1}}}}
	same(t, x.Total(), Process{N: Column{2}, X: Column{1}})
	v := Frame{Window: window(0, 2), Processes: []Process{{Name: "a", V: Column{-1, gap}}, {Name: "b", V: Column{gap, gap}}}}
	same(t, v.Total(), Process{V: Column{-1, gap}})
}

func TestProject(t *testing.T) {
	f := Frame{
		Window: window(0, 2), Bounds: []float64{1, 2, 3},
		Processes: []Process{{Name: "a", N: Column{9, 9}, Over: Column{6, 5, 4, 3, 2, 1}}},
	}
	got, err := f.Project([]float64{1, 3})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, Frame{
		Window: window(0, 2), Bounds: []float64{1, 3},
		Processes: []Process{{Name: "a", N: Column{9, 9}, Over: Column{6, 4, 3, 1}}},
	})
	for _, bad := range [][]float64{{2.5}, {3, 1}, {1, 1}, {gap}} {
		if _, err := f.Project(bad); err == nil {
			t.Errorf("projecting on %v: got no error", bad)
		}
	}
}

func TestValidate(t *testing.T) {
	w := window(0, 2)
	good := Frame{
		Window: w, Bounds: []float64{1, 2},
		Processes: []Process{
			{Name: "a", N: Column{1, gap}, X: Column{0, gap}, Sum: Column{-3, gap}, Over: Column{1, 0, gap, gap}},
			{Name: "b", V: Column{-1, gap}},
		},
		Notes: []Note{{NotePartial, "a"}, {NotePartial, "b"}},
	}
	if err := good.Validate(); err != nil {
		t.Fatalf("got %v, want a good frame to pass", err)
	}
	off := w
	off.Start = off.Start.Add(time.Second)
	for want, f := range map[string]Frame{
		"not on a boundary":                  {Window: off},
		"whole number of milliseconds":       {Window: Window{Start: w.Start, End: w.End, Block: time.Microsecond}},
		"before its start":                   {Window: Window{Start: w.End, End: w.Start, Block: w.Block}},
		"not a finite number":                {Window: w, Bounds: []float64{1, math.Inf(1)}},
		"bounds are not ascending":           {Window: w, Bounds: []float64{1, 1}},
		"sorted by unique names":             {Window: w, Processes: []Process{{Name: "a"}, {Name: "a"}}},
		"column n has 1 values, want 2":      {Window: w, Processes: []Process{{N: Column{1}}}},
		"column over has 2 values, want 4":   {Window: w, Bounds: []float64{1, 2}, Processes: []Process{{Over: Column{1, 2}}}},
		"column v is infinite at 1":          {Window: w, Processes: []Process{{V: Column{1, math.Inf(-1)}}}},
		"column x is negative at 0: -1":      {Window: w, Processes: []Process{{X: Column{-1, 0}}}},
		"queries: notes are not sorted":      {Window: w, Notes: []Note{{NotePartial, "b"}, {NotePartial, "a"}}},
		`process "z": column sum has 0 valu`: {Window: w, Processes: []Process{{Name: "z", Sum: Column{}}}},
	} {
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
}
