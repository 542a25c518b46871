package binned

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

const gap = -99 // in a table: a gap

func column(vs ...float64) queries.Column {
	c := queries.Column(vs)
	for i := range c {
		if c[i] == gap {
			c[i] = queries.Gap()
		}
	}
	return c
}

func one(vs ...float64) Term { return Term{Processes: map[string]queries.Column{"": column(vs...)}} }

func minus(vs ...float64) Term {
	t := one(vs...)
	t.Minus = true
	return t
}

func window(n int) queries.Window {
	start := time.Unix(60_000, 0).UTC()
	return queries.Window{Start: start, End: start.Add(time.Duration(n) * time.Minute), Block: time.Minute}
}

func text(f queries.Frame) string {
	var out []string
	for _, p := range f.Processes {
		out = append(out, fmt.Sprintf("%s%v/%v", p.Name, []float64(p.X), []float64(p.N)))
	}
	return strings.Join(out, " ")
}

func TestCounts(t *testing.T) {
	pods := func(a, b queries.Column) Term {
		return Term{Processes: map[string]queries.Column{"a": a, "b": b}}
	}
	for _, tt := range []struct {
		name       string
		total, bad []Term
		missing    Missing
		want       string
		notes      int
	}{
		{name: "plain", total: []Term{one(10, 20)}, bad: []Term{one(1, 2)}, want: "[1 2]/[10 20]"},
		{name: "no errors are none where requests are", total: []Term{one(10, gap, 30)}, bad: []Term{one(gap, gap, 3)}, missing: None, want: "[0 NaN 3]/[10 NaN 30]"},
		{name: "no errors are unknown", total: []Term{one(10, gap, 30)}, bad: []Term{one(gap, gap, 3)}, want: "[NaN NaN 3]/[10 NaN 30]"},
		{name: "errors without requests are a gap", total: []Term{one(gap)}, bad: []Term{one(5)}, missing: None, want: "[NaN]/[NaN]"},
		{name: "no series of errors", total: []Term{one(10)}, bad: []Term{{}}, missing: None, want: "[0]/[10]"},
		{name: "nothing", total: []Term{{}}, bad: []Term{{}}, missing: None, want: ""},
		{name: "all minus good", total: []Term{one(10, 10, 10)}, bad: []Term{one(10, 10, 10), minus(9, gap, 11)}, missing: None, want: "[1 10 NaN]/[10 10 NaN]", notes: 1},
		{name: "bad and good", total: []Term{one(1, gap, gap), one(9, 9, gap)}, bad: []Term{one(1, gap, gap)}, missing: None, want: "[1 0 NaN]/[10 9 NaN]"},
		{name: "bad and good, unknown", total: []Term{one(1, gap), one(9, 9)}, bad: []Term{one(1, gap)}, want: "[1 NaN]/[10 NaN]"},
		{name: "more bad than all", total: []Term{one(10, 10)}, bad: []Term{one(11, 10)}, want: "[NaN 10]/[NaN 10]", notes: 1},
		{name: "infinite and negative", total: []Term{one(math.Inf(1), -1)}, bad: []Term{one(0, 0)}, want: "[NaN NaN]/[NaN NaN]", notes: 1},
		{name: "a counter", total: []Term{one(1, gap)}, want: "[]/[1 NaN]"},
		{name: "pods", total: []Term{pods(column(1, 2), column(3, gap))}, bad: []Term{pods(column(1, gap), column(gap, gap))}, missing: None, want: "a[1 0]/[1 2] b[0 NaN]/[3 NaN]"},
		{name: "errors of unknown pods", total: []Term{pods(column(1, 2), column(3, gap))}, bad: []Term{one(1, gap)}, missing: None, want: "[1 0]/[4 2]"},
	} {
		n := 0
		for _, term := range tt.total {
			for _, c := range term.Processes {
				n = len(c)
			}
		}
		f := Counts(window(n), tt.total, tt.bad, tt.missing)
		if got := text(f); got != tt.want || len(f.Notes) != tt.notes {
			t.Errorf("%s: got %s with the notes %v, want %s with %d", tt.name, got, f.Notes, tt.want, tt.notes)
		}
		if err := f.Validate(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAddAndSeen(t *testing.T) {
	var term Term
	if term.Seen() {
		t.Error("got a value seen in nothing")
	}
	term.Add("a", column(gap, gap, 1, 2))
	term.Add("a", column(gap, 3, gap, 4))
	if got := fmt.Sprint([]float64(term.Processes["a"])); got != "[NaN 3 1 6]" || !term.Seen() {
		t.Errorf("got %s, %v, want the sum by blocks, and seen", got, term.Seen())
	}
}

func TestValues(t *testing.T) {
	f := Values(window(3), map[string]queries.Column{"b": column(1, gap, math.Inf(-1)), "a": column(2, 3, 4)})
	if got := fmt.Sprintf("%s%v %s%v", f.Processes[0].Name, f.Processes[0].V, f.Processes[1].Name, f.Processes[1].V); got != "a[2 3 4] b[1 NaN NaN]" || len(f.Notes) != 1 {
		t.Errorf("got %s with %v, want sorted processes, the infinity a gap and noted", got, f.Notes)
	}
	if err := f.Validate(); err != nil {
		t.Error(err)
	}
}
