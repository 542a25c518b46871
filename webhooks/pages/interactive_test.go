package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
)

// TestTheVendoredFilesAreTheirs holds that uPlot is the release that its note names.
func TestTheVendoredFilesAreTheirs(t *testing.T) {
	note, err := fs.ReadFile(files, "assets/uplot.README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uplot.js", "uplot.css"} {
		b, err := fs.ReadFile(files, "assets/"+name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if got := hex.EncodeToString(sum[:]); !strings.Contains(string(note), got) {
			t.Errorf("%s: got checksum %s, which the note does not have", name, got)
		}
	}
}

// TestThePlotsForTheScript holds that a plot for the script has a value and a sentence for
// every moment, and a gap where no interval was known.
func TestThePlotsForTheScript(t *testing.T) {
	low, high := 0.8, 30.0
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	points := []judge.TracePoint{
		{End: at, Worse: -1, Effect: &judge.Effect{Canary: 0.02, Baseline: 0.01, Unit: "ratio", Ratio: 2}},
		{End: at.Add(time.Minute), Worse: 2.5},
		{End: at.Add(2 * time.Minute), Worse: 3, Effect: &judge.Effect{Canary: 0.03, Baseline: 0.01, Unit: "ratio", Ratio: 3, Low: &low, High: &high}},
	}
	m := plan.Metric{Name: "errors", Tolerance: plan.Margin{Relative: 0.1}, Margin: plan.Margin{Relative: 0.5}}
	read := func(text string, err error) interactive {
		t.Helper()
		var p interactive
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		for _, l := range p.Lines {
			if len(l.Y) != len(p.X) {
				t.Errorf("got %d values of %s for %d moments", len(l.Y), l.Hue, len(p.X))
			}
		}
		if len(p.Say) != len(p.X) {
			t.Errorf("got %d sentences for %d moments", len(p.Say), len(p.X))
		}
		return p
	}
	p := read(liveRatios(m, points))
	if len(p.X) != 2 || p.Band.Low[0] != nil || *p.Band.Low[1] != math.Log(0.8) || *p.Band.High[1] > p.High {
		t.Errorf("got %d moments with band %v to %v, want two, a gap first", len(p.X), p.Band.Low, p.Band.High)
	}
	if want := "12:02:00: canary 3 %, baseline 1 %, 3× (0.8 to 30); worse 1,000:1"; p.Say[1] != want {
		t.Errorf("got %q, want %q", p.Say[1], want)
	}
	if p := read(liveEvidence(points, 1.3)); len(p.X) != 3 || !strings.Contains(p.Say[1], "20:1 rolls back") {
		t.Errorf("got %v of three moments", p.Say)
	}
	if text, err := liveEvidence(points[:1], 1.3); text != "" || err != nil {
		t.Errorf("got %q, error %v of one moment, want none", text, err)
	}
}
