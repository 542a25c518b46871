package lab

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// madeUpCells are cells of two rules under two settings, and a bad one.
func madeUpCells() []Cell {
	curve := func(from, height int) []int {
		out := make([]int, runBlocks)
		for t := range out {
			out[t] = min(max(t-from, 0)*10, height)
		}
		return out
	}
	cell := func(rule, scenario string, level Level, share float64) Cell {
		c := Cell{Rule: rule, Scenario: scenario, Level: level, RPS: 100, Pods: 1, BaselinePods: 19, Runs: 200, Healthy: scenario == "aa"}
		c.RollbackRate = share
		c.RollbackLow, c.RollbackHigh = Interval(int(200*share), 200)
		c.RolledBackBy, c.PromotedBy = curve(3, int(200*share)), curve(10, 200-int(200*share))
		return c
	}
	return []Cell{
		cell("serin", "aa", Clean, .005), cell("kayenta-any", "aa", Clean, .42),
		cell("serin", "aa", Harsh, .01), cell("kayenta-any", "aa", Harsh, .39),
		cell("serin", "tail", Harsh, .9), cell("kayenta-any", "tail", Harsh, 1),
	}
}

// TestPlots compares charts with golden files, byte by byte, and holds that they are
// drawn as pictures too.
func TestPlots(t *testing.T) {
	cells := madeUpCells()
	for _, tt := range []struct {
		name, chart string
		cells       []Cell
	}{
		{"alarms", "", cells[:4]}, {"detection", "", cells}, {"promotion", "promotion", cells[2:]},
	} {
		var b bytes.Buffer
		if err := Plot(&b, "svg", tt.chart, tt.cells); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "plots", tt.name+".svg")
		if *update {
			if err := os.WriteFile(golden, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s differs from %s; look at it, and write it anew with -update if it is better", tt.name, golden)
		}
		b.Reset()
		if err := Plot(&b, "png", tt.chart, tt.cells); err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(&b); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	var b bytes.Buffer
	for _, tt := range []struct {
		image, chart string
		cells        []Cell
		want         string
	}{{"gif", "", cells, "svg, png"}, {"svg", "pie", cells, "alarms"}, {"svg", "", nil, "nothing"}} {
		if err := Plot(&b, tt.image, tt.chart, tt.cells); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s as %s: got error %v, want one with %q in it", tt.chart, tt.image, err, tt.want)
		}
	}
}

// TestLabelsDoNotOverlap holds that names at the ends of lines are apart.
func TestLabelsDoNotOverlap(t *testing.T) {
	labels := []label{{"a", 92, 92, 3}, {"b", 92, 92, 1}, {"c", 91, 91, 9}, {"d", 0, 0, 70}, {"e", 1, 1, 70}}
	spread(labels, 0, 92)
	for i := 1; i < len(labels); i++ {
		if gap := labels[i-1].y - labels[i].y; gap < labelStep-1.5 {
			t.Errorf("%s and %s are %v apart, want %v", labels[i-1].rule, labels[i].rule, gap, labelStep)
		}
	}
	if labels[0].rule != "b" {
		t.Errorf("got %s above all, want b, which was the earliest", labels[0].rule)
	}
}

func TestMatrix(t *testing.T) {
	var b bytes.Buffer
	if err := WriteMatrix(&b, "rollback", madeUpCells()); err != nil {
		t.Fatal(err)
	}
	want := "| scenario | level | serin | kayenta-any |\n|---|---|---|---|\n| `aa` | clean | 0.50%, – | 42%, – |\n| `aa` | harsh | 1.0%, – | 39%, – |\n| `tail` | harsh | 90%, – | 100%, – |\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if err := WriteMatrix(&b, "everything", madeUpCells()); err == nil {
		t.Error("a matrix of everything: got no error")
	}
}
