package paper

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"
)

//go:embed page.html
var pageText string

// Plot is a picture of curves over one axis.
type Plot struct {
	// Alt says in words what is to be seen.
	Alt    string
	X, Y   string // what the axes are, with units
	Curves []Curve
	// Level, where it is not nil, is a horizontal line of a name.
	Level     *float64
	LevelName string
	// Bars draws bars from zero instead of curves.
	Bars bool
	// Ticks are where the horizontal axis is marked, with words.
	Ticks []Tick
}

// Curve is a line through points, which are left out where they are not finite.
type Curve struct {
	Name   string
	Points [][2]float64
}

// Tick is a mark of the horizontal axis.
type Tick struct {
	At   float64
	Text string
}

// HTML writes a paper as one page: its style and pictures are in it.
func (p Paper) HTML(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{"plain": plain}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("paper: the page's template: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("paper: %w", err)
	}
	return write(w, b.String())
}

// The size of a drawing, and what its axes take of it.
const (
	width, height           = 720.0, 240.0
	left, right, top, below = 64.0, 12.0, 12.0, 40.0
)

// Drawing is a plot in the coordinates of its picture.
type Drawing struct {
	Plot
	Width, Height             float64
	Left, Right, Top, Bottom  float64
	Lines                     []Line
	Rects                     []Rect
	Horizontal, Vertical      []Mark
	LevelY                    string
	MiddleX, MiddleY, LabelsY float64
}

// Line is a curve as a picture has it; Class tells curves apart.
type Line struct{ Name, Points, Class string }

// Rect is a bar.
type Rect struct{ X, Y, W, H string }

// Mark is a mark of an axis.
type Mark struct {
	At   string
	Text string
}

// span is the extent of an axis.
type span struct{ low, high float64 }

func (s *span) take(v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		s.low, s.high = math.Min(s.low, v), math.Max(s.high, v)
	}
}

// Draw lays a plot out. The page's template calls it.
func (p Plot) Draw() Drawing {
	x, y := span{math.Inf(1), math.Inf(-1)}, span{0, 0}
	for _, c := range p.Curves {
		for _, k := range c.Points {
			x.take(k[0])
			y.take(k[1])
		}
	}
	if p.Level != nil {
		y.take(*p.Level)
	}
	if x.low > x.high {
		x = span{0, 1}
	}
	if x.low == x.high {
		x = span{x.low - .5, x.high + .5}
	}
	if p.Bars {
		x = span{x.low - .6, x.high + .6}
	}
	if y.low == y.high {
		y.high = y.low + 1
	}
	d := Drawing{Plot: p, Width: width, Height: height, Left: left, Right: width - right, Top: top, Bottom: height - below}
	d.MiddleX, d.MiddleY, d.LabelsY = (d.Left+d.Right)/2, (d.Top+d.Bottom)/2, d.Bottom+16
	atX := func(v float64) float64 { return d.Left + (v-x.low)/(x.high-x.low)*(d.Right-d.Left) }
	atY := func(v float64) float64 { return d.Bottom - (v-y.low)/(y.high-y.low)*(d.Bottom-d.Top) }
	for i, c := range p.Curves {
		d.curve(i, c, atX, atY)
	}
	for i := range 5 {
		v := y.low + (y.high-y.low)*float64(i)/4
		d.Horizontal = append(d.Horizontal, Mark{number(atY(v)), strconv.FormatFloat(v, 'g', 3, 64)})
	}
	for _, t := range p.Ticks {
		if t.At >= x.low && t.At <= x.high {
			d.Vertical = append(d.Vertical, Mark{number(atX(t.At)), t.Text})
		}
	}
	if p.Level != nil {
		d.LevelY = number(atY(*p.Level))
	}
	return d
}

func (d *Drawing) curve(i int, c Curve, atX, atY func(float64) float64) {
	var points []string
	for _, k := range c.Points {
		if math.IsNaN(k[1]) || math.IsInf(k[1], 0) {
			continue
		}
		if d.Bars {
			half := (atX(1) - atX(0)) * .4
			y0, y1 := atY(0), atY(k[1])
			d.Rects = append(d.Rects, Rect{number(atX(k[0]) - half), number(math.Min(y0, y1)), number(2 * half), number(math.Abs(y1 - y0))})
			continue
		}
		points = append(points, number(atX(k[0]))+","+number(atY(k[1])))
	}
	if len(points) > 0 {
		d.Lines = append(d.Lines, Line{Name: c.Name, Points: strings.Join(points, " "), Class: "curve" + strconv.Itoa(i%6)})
	}
}

func number(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
