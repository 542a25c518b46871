package paper_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/backtest/paper"
)

// hostile is text as somebody may name a metric, who means harm.
const hostile = "<script>alert(1)</script>|`x`\x1b[31m\u202e\n# head"

func hostilePaper() paper.Paper {
	level := 1.5
	return paper.Paper{
		Title: hostile, Lead: hostile, Tone: paper.Bad,
		Sections: []paper.Section{{
			Title: hostile, Table: &paper.Table{Head: []string{hostile}, Rows: [][]string{{hostile}, {}}}, Paragraphs: []string{hostile},
			Plot: &paper.Plot{Alt: hostile, X: hostile, Y: hostile, Level: &level, LevelName: hostile, Ticks: []paper.Tick{{At: 0, Text: hostile}},
				Curves: []paper.Curve{{Name: hostile, Points: [][2]float64{{0, 1}, {1, 2}}}, {Name: "empty"}}},
		}},
	}
}

func TestHostileTextStaysText(t *testing.T) {
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":     func(b *bytes.Buffer) error { return hostilePaper().Text(b) },
		"markdown": func(b *bytes.Buffer) error { return hostilePaper().Markdown(b) },
		"html":     func(b *bytes.Buffer) error { return hostilePaper().HTML(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"\x1b", "\u202e", "\n# head"} {
			if strings.Contains(b.String(), bad) {
				t.Errorf("%s has %q in it", name, bad)
			}
		}
		if name != "text" && (strings.Contains(b.String(), "<script>") || strings.Contains(b.String(), "|`x`")) && name == "markdown" {
			t.Errorf("%s has markup that came from a name", name)
		}
		if name == "html" && strings.Contains(b.String(), "<script") {
			t.Error("the page has a script")
		}
	}
}

// TestThePageLoadsNothing looks for what would make a browser ask for more.
func TestThePageLoadsNothing(t *testing.T) {
	var b bytes.Buffer
	if err := hostilePaper().HTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"http://", "https://", "src=", "href=", "url(", "@import"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the page has %q in it", bad)
		}
	}
}

func TestAPlotOfNothing(t *testing.T) {
	for name, p := range map[string]paper.Plot{
		"no curve":  {},
		"one point": {Curves: []paper.Curve{{Points: [][2]float64{{3, 0}}}}},
		"bars":      {Bars: true, Curves: []paper.Curve{{Points: [][2]float64{{0, 0}, {1, 4}}}}},
	} {
		d := p.Draw()
		for _, l := range d.Lines {
			if strings.Contains(l.Points, "NaN") || strings.Contains(l.Points, "Inf") {
				t.Errorf("%s: got points %s", name, l.Points)
			}
		}
		if name == "bars" && (len(d.Rects) != 2 || d.Rects[1].H == "0") {
			t.Errorf("got bars %+v", d.Rects)
		}
	}
}

func TestLasting(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Second: "1m30s", time.Minute: "1m", 2 * time.Second: "2s", time.Hour + time.Second: "1h0m1s", 0: "0s", 10 * time.Minute: "10m", 70 * time.Minute: "1h10m",
	} {
		if got := paper.Lasting(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
