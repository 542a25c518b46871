package lab

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// Measures of the charts of curves, in points.
const (
	curveColumns = 3
	curveWidth   = 150 // of one panel
	curveHeight  = 92
	curveLabels  = 106 // beside it: the rules' names
	curveLeft    = 44
	curveAbove   = 46 // above each row of panels
	curveTop     = 40
	curveBottom  = 28
	labelStep    = 9.5
)

// curves says what a chart of curves shows.
type curves struct {
	title, about string
	by           func(Cell) []int
}

// curvesFigure draws a panel for each setting and in it a line for each rule.
func curvesFigure(cells []Cell, what curves) figure {
	panels := tables(cells)
	columns := min(len(panels), curveColumns)
	rows := (len(panels) + columns - 1) / columns
	return figure{
		width:  max(curveLeft+vg.Length(columns)*(curveWidth+curveLabels), 430),
		height: curveTop + vg.Length(rows)*(curveAbove+curveHeight) + curveBottom,
		draw: func(p *pen) {
			title, common := captions(cells)
			p.heading(what.title+" minute", fmt.Sprintf("%s; %s rollouts for each panel%s", what.about, thousands(cells[0].Runs), common))
			for i, table := range panels {
				row, column := vg.Length(i/columns), vg.Length(i%columns)
				box := frame{
					left:   curveLeft + column*(curveWidth+curveLabels),
					bottom: p.height - curveTop - (row+1)*(curveAbove+curveHeight),
				}
				p.axes(box, title(table[0]), i%columns == 0)
				p.curves(box, table, what.by)
			}
		},
	}
}

// frame is where a panel is.
type frame struct{ left, bottom vg.Length }

// at places a minute and a share.
func (f frame) at(minute, share float64) vg.Point {
	return vg.Point{X: f.left + vg.Length(minute/runBlocks)*curveWidth, Y: f.bottom + vg.Length(share)*curveHeight}
}

// axes draws a panel's grid and numbers. The shares stand at the first column alone.
func (p *pen) axes(f frame, title string, first bool) {
	for _, share := range []float64{0, .5, 1} {
		p.line(stroke{hue: grid, width: .75}, f.at(0, share), f.at(runBlocks, share))
		if first {
			p.write(f.left-6, f.at(0, share).Y, words{size: 8, hue: pale, align: text.XRight}, percent(share))
		}
	}
	for _, minute := range []float64{0, 20, 40, 60} {
		at := f.at(minute, 0)
		p.line(stroke{hue: neutral, width: .75}, at, vg.Point{X: at.X, Y: at.Y - 3})
		p.write(at.X, at.Y-10, words{size: 8, hue: pale, align: text.XCenter}, decimal(minute))
	}
	p.write(f.at(runBlocks, 0).X+7, f.bottom-10, words{size: 8, hue: pale}, "min")
	p.write(f.left, f.bottom+curveHeight+12, words{size: 9.5, hue: ink, bold: true}, title)
}

// curves draws a panel's lines and names each where it ends.
func (p *pen) curves(f frame, cells []Cell, by func(Cell) []int) {
	var labels []label
	for i := len(cells) - 1; i >= 0; i-- { // the first is drawn last, above the others
		c := cells[i]
		if c.Runs == 0 {
			continue
		}
		points := []vg.Point{f.at(0, 0)}
		middle := math.Inf(1)
		for t, k := range by(c) {
			share := rate(k, c.Runs)
			points = append(points, f.at(float64(t+1), share))
			if share >= .5 && math.IsInf(middle, 1) {
				middle = float64(t + 1)
			}
		}
		width := vg.Length(1.25)
		if ours(c.Rule) {
			width = 2
		}
		end := points[len(points)-1]
		p.line(stroke{hue: hueOf(c.Rule), width: width, dash: dashed(c.Rule)}, points...)
		labels = append(labels, label{c.Rule, end.Y, end.Y, middle})
	}
	spread(labels, f.bottom, f.bottom+curveHeight)
	end := f.at(runBlocks, 0).X
	for _, l := range labels {
		if math.Abs(float64(l.y-l.end)) > 2 {
			p.line(stroke{hue: hueOf(l.rule), width: .5}, vg.Point{X: end + 1, Y: l.end}, vg.Point{X: end + 6, Y: l.y})
		}
		p.write(end+8, l.y, words{size: 8, hue: hueOf(l.rule), bold: ours(l.rule)}, l.rule)
	}
}

// dashed tells apart rules that share a colour.
func dashed(rule string) bool {
	return slices.Contains([]string{"serin-horizon-relative", "kayenta-any-once", "kayenta-any-10m", "kayenta-score-once", "z-once", "argo-95", "flagger-tuned"}, rule)
}

// label is the name at the end of a line: where the line ends, and where it is written.
type label struct {
	rule   string
	end, y vg.Length
	middle float64 // minute of the line's half: the earlier is written above
}

// spread moves labels apart within [low, high], more or less.
func spread(labels []label, low, high vg.Length) {
	slices.SortStableFunc(labels, func(a, b label) int {
		level := func(l label) float64 { return math.Round(float64(l.end) / labelStep) }
		return cmp.Or(cmp.Compare(level(b), level(a)), cmp.Compare(a.middle, b.middle))
	})
	for range 40 {
		for i := 1; i < len(labels); i++ {
			if short := labelStep - (labels[i-1].y - labels[i].y); short > 0 {
				labels[i-1].y += short / 2
				labels[i].y -= short / 2
			}
		}
		for i := range labels {
			labels[i].y = min(max(labels[i].y, low-2), high+6)
		}
	}
}
