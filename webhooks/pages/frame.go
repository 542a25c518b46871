package pages

import (
	"math"
	"time"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// xy is a point of a plot: a time in Unix seconds, and a value.
type xy struct{ x, y float64 }

// frame is the part of a canvas inside the axes.
type frame struct {
	draw.Canvas
	fonts      *font.Cache
	low, high  xy // what the corners stand for
	left, foot vg.Length
}

// The room that axes take, and the size of their letters, in points.
const (
	leftRoom vg.Length = 56
	footRoom vg.Length = 16
	edge     vg.Length = 30 // to the right, where the last moment's name ends
	head     vg.Length = 6
	letters  vg.Length = 10
)

// frame makes axes between two corners. What has no width or height is given some.
func (p pen) frame(c draw.Canvas, low, high xy) frame {
	if !(high.x > low.x) {
		high.x = low.x + 60
	}
	if !(high.y > low.y) {
		high.y = low.y + 1
	}
	return frame{Canvas: c, fonts: p.fonts, low: low, high: high, left: leftRoom, foot: footRoom}
}

// at places a point; what is above or below stays at the edge.
func (f frame) at(p xy) vg.Point {
	width, height := f.Max.X-f.Min.X-f.left-edge, f.Max.Y-f.Min.Y-f.foot-head
	y := min(max(p.y, f.low.y), f.high.y)
	return vg.Point{
		X: f.Min.X + f.left + width*vg.Length((p.x-f.low.x)/(f.high.x-f.low.x)),
		Y: f.Min.Y + f.foot + height*vg.Length((y-f.low.y)/(f.high.y-f.low.y)),
	}
}

// stroke is how a line is drawn.
type stroke struct {
	hue    hue
	width  vg.Length
	dashes []vg.Length
}

func (f frame) line(s stroke, points ...xy) {
	out := make([]vg.Point, len(points))
	for i, p := range points {
		out[i] = f.at(p)
	}
	f.StrokeLines(draw.LineStyle{Color: s.hue, Width: s.width, Dashes: s.dashes}, out)
}

// level draws a line across.
func (f frame) level(y float64, s stroke) { f.line(s, xy{f.low.x, y}, xy{f.high.x, y}) }

// area fills what is between two curves of the same times.
func (f frame) area(h hue, upper, lower []xy) {
	var out []vg.Point
	for _, p := range upper {
		out = append(out, f.at(p))
	}
	for i := range lower {
		out = append(out, f.at(lower[len(lower)-1-i]))
	}
	f.FillPolygon(h, out)
}

func (f frame) write(s string, at vg.Point, align text.XAlignment) {
	f.FillText(text.Style{
		Color: faint, Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: letters}, XAlign: align, YAlign: text.YCenter,
		Handler: text.Plain{Fonts: f.fonts},
	}, at, s)
}

// mark names a value of the upright axis.
type mark struct {
	y    float64
	text string
}

func (f frame) values(marks ...mark) {
	for _, m := range marks {
		at := f.at(xy{f.low.x, m.y})
		f.write(m.text, vg.Point{X: at.X - 6, Y: at.Y}, text.XRight)
	}
}

// times names moments of the other axis, in UTC.
func (f frame) times() {
	span := time.Duration(f.high.x-f.low.x) * time.Second
	step, layout := 24*time.Hour, "Jan 2"
	for _, s := range []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour} {
		if span/s <= 6 {
			step, layout = s, "15:04"
			if s < time.Minute {
				layout = "15:04:05"
			}
			break
		}
	}
	if span > 7*24*time.Hour {
		step = (span / 6).Truncate(24 * time.Hour)
	}
	for x := math.Ceil(f.low.x/step.Seconds()) * step.Seconds(); x <= f.high.x; x += step.Seconds() {
		at := f.at(xy{x, f.low.y})
		f.line(stroke{hue: rule, width: 0.4}, xy{x, f.low.y}, xy{x, f.high.y})
		f.write(time.Unix(int64(x), 0).UTC().Format(layout), vg.Point{X: at.X, Y: at.Y - 8}, text.XCenter)
	}
}
