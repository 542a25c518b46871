package lab

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Charts lists what can be drawn of cells: how often healthy canaries are rolled back
// (alarms), how many canaries were by each minute (detection), and how many were
// promoted by then (promotion).
func Charts() []string { return []string{"alarms", "detection", "promotion"} }

// Images lists the formats of charts.
func Images() []string { return []string{"svg", "png"} }

// Plot draws a chart of cells in one of the [Images]. Without a chart's name it draws
// alarms where all canaries were healthy, and detection otherwise. The same cells give
// the same bytes.
func Plot(w io.Writer, image, chart string, cells []Cell) error {
	if len(cells) == 0 {
		return fmt.Errorf("there is nothing to draw: no run was finished")
	}
	if chart == "" {
		chart = "detection"
		if !slices.ContainsFunc(cells, func(c Cell) bool { return !c.Healthy }) {
			chart = "alarms"
		}
	}
	var f figure
	switch chart {
	case "alarms":
		f = alarmsFigure(cells)
	case "detection":
		f = curvesFigure(cells, curves{
			title: "Rolled back by", by: func(c Cell) []int { return c.RolledBackBy },
			about: "share of the rollouts in which a rollback was the first outcome",
		})
	case "promotion":
		f = curvesFigure(cells, curves{
			title: "Promoted by", by: func(c Cell) []int { return c.PromotedBy },
			about: "share of the rollouts in which a promotion was the first outcome",
		})
	default:
		return fmt.Errorf("there is no chart %q; there are %s", chart, strings.Join(Charts(), ", "))
	}
	return f.write(w, image)
}

// figure is a drawing of a size in points.
type figure struct {
	width, height vg.Length
	draw          func(p *pen)
}

func (f figure) write(w io.Writer, image string) error {
	switch image {
	case "svg":
		c := vgsvg.New(f.width, f.height)
		f.onto(c)
		var b bytes.Buffer
		if _, err := c.WriteTo(&b); err != nil {
			return err
		}
		// Viewers without the font take one of the same widths.
		_, err := w.Write(bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")))
		return err
	case "png":
		c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(160))}
		f.onto(c)
		_, err := c.WriteTo(w)
		return err
	}
	return fmt.Errorf("charts cannot be drawn as %q; there are %s", image, strings.Join(Images(), ", "))
}

func (f figure) onto(c vg.CanvasSizer) {
	p := &pen{Canvas: draw.New(c), fonts: font.NewCache(liberation.Collection()), width: f.width, height: f.height}
	p.SetColor(paper)
	p.Fill(vg.Rectangle{Max: vg.Point{X: f.width, Y: f.height}}.Path())
	f.draw(p)
}
