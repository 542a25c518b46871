// Package picture draws how the evidence against a canary came to be, as PNG: for messages
// that no page can be shown in.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
)

// ErrTooLittle is returned where there are not two points to draw a line between, and of
// a metric without weight, from whose evidence nothing follows.
var ErrTooLittle = errors.New("picture: there is too little to draw")

// The size of a picture, in points, and how many pixels a point has.
const (
	width  vg.Length = 560
	height vg.Length = 300
	dpi              = 144 // two pixels a point
)

// The colours, on white: both arms', a level's, and of what rolls back.
func ink() color.Color      { return color.RGBA{0x33, 0x3d, 0x47, 0xff} }
func faint() color.Color    { return color.RGBA{0x6b, 0x77, 0x85, 0xff} }
func grid() color.Color     { return color.RGBA{0xe3, 0xe7, 0xeb, 0xff} }
func canary() color.Color   { return color.RGBA{0xb5, 0x6a, 0x00, 0xff} }
func bad() color.Color      { return color.RGBA{0xb3, 0x26, 0x1e, 0xff} }
func interval() color.Color { return color.RGBA{0xf3, 0xe3, 0xc8, 0xff} }

// Metric is what is drawn.
type Metric struct {
	Name string
	// Tolerated is what the plan tolerates, as canary over baseline; 0 is unknown.
	Tolerated float64
}

// Of draws a metric of a trace: canary over baseline with its always-valid interval
// above, and below how the evidence that it is worse than tolerated went, up to where it
// rolls back by itself, the others having nothing. It returns the picture and, for whom it
// cannot be seen by, a sentence.
func Of(t judge.Trace, of Metric) (png []byte, alt string, err error) {
	var m judge.MetricTrace
	for _, x := range t.Metrics {
		if x.Name == of.Name {
			m = x
		}
	}
	if !(m.Weight > 0) {
		return nil, "", ErrTooLittle
	}
	alone := report.Alone(t.Threshold, m.Weight)
	upper, ratio := ratios(m, of.Tolerated)
	lower, err := evidence(m, t.Threshold, alone)
	if err != nil {
		return nil, "", err
	}
	c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
	all := draw.Crop(draw.New(c), 6, -12, 4, -6)
	rolls := report.Odds(alone) + " rolls back"
	if upper == nil {
		lower.Title.Text = short(report.Plain(m.Name)) + ": evidence that it is worse than tolerated; " + rolls
		lower.Draw(all)
	} else {
		upper.Title.Text = short(report.Plain(m.Name)) + ": canary over baseline" + tolerance(of.Tolerated)
		lower.Title.Text = "evidence that it is worse than tolerated; " + rolls
		upper.X.Min, upper.X.Max = lower.X.Min, lower.X.Max
		parts := plot.Align([][]*plot.Plot{{upper}, {lower}}, draw.Tiles{Rows: 2, Cols: 1, PadY: 8}, all)
		upper.Draw(parts[0][0])
		lower.Draw(parts[1][0])
	}
	var b bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: c}).WriteTo(&b); err != nil {
		return nil, "", fmt.Errorf("picture: write: %w", err)
	}
	last := m.Points[len(m.Points)-1]
	alt = fmt.Sprintf("Evidence that %s is worse than tolerated, at %s: %s; %s.%s",
		report.Plain(m.Name), last.End.UTC().Format("15:04 MST"), report.Odds(last.Worse), rolls, ratio)
	return b.Bytes(), alt, nil
}

// tolerance says what is tolerated, where that is known.
func tolerance(ratio float64) string {
	if !(ratio > 0) {
		return ""
	}
	return fmt.Sprintf("; dashed: %.3g× is tolerated", ratio)
}

// frame is an empty plot.
func frame() *plot.Plot {
	p := plot.New()
	p.Title.TextStyle.Color, p.Title.TextStyle.Font.Size = ink(), 11
	p.Title.Padding = 4
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Tick.Color = grid(), grid()
		a.Tick.Label.Color, a.Tick.Label.Font.Size = faint(), 9
	}
	p.X.Tick.Marker = plot.TickerFunc(moments)
	return p
}

// moments names times of the axis, in UTC.
func moments(low, high float64) []plot.Tick {
	step := 24 * time.Hour
	for _, s := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour} {
		if (high-low)/s.Seconds() <= 7 {
			step = s
			break
		}
	}
	layout := "15:04"
	if step < time.Minute {
		layout = "15:04:05"
	}
	var out []plot.Tick
	for x := math.Ceil(low/step.Seconds()) * step.Seconds(); x <= high; x += step.Seconds() {
		out = append(out, plot.Tick{Value: x, Label: time.Unix(int64(x), 0).UTC().Format(layout)})
	}
	return out
}

func line(points plotter.XYs, c color.Color, wide vg.Length, dashes ...vg.Length) (*plotter.Line, error) {
	l, err := plotter.NewLine(points)
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	l.Color, l.Width, l.Dashes = c, wide, dashes
	return l, nil
}

// level draws a line across, from the first point to the last.
func level(p *plot.Plot, points plotter.XYs, at float64, c color.Color) error {
	l, err := line(plotter.XYs{{X: points[0].X, Y: at}, {X: points[len(points)-1].X, Y: at}}, c, 1, 4, 3)
	if err == nil {
		p.Add(l)
	}
	return err
}

// lowest and highest bound the axis of evidence, in log10: beyond a million to one nobody
// asks how much.
const lowest, highest = -1, 6

// evidence draws the log10 evidence of harm after each block, up to where it rolls back
// alone; the threshold is that of all metrics together.
func evidence(m judge.MetricTrace, threshold, alone float64) (*plot.Plot, error) {
	var points plotter.XYs
	top := max(alone, 1)
	for _, k := range m.Points {
		points = append(points, plotter.XY{X: float64(k.End.Unix()), Y: min(max(k.Worse, lowest), highest)})
		top = max(top, min(k.Worse, highest))
	}
	if len(points) < 2 || !(threshold > 0) {
		return nil, ErrTooLittle
	}
	p := frame()
	p.Y.Min, p.Y.Max = lowest, max(top*1.1, highest/2)
	ticks := plot.ConstantTicks{{Value: 0, Label: "1:1"}, {Value: alone, Label: report.Odds(alone)}}
	for v := math.Ceil(p.Y.Max / 4); v < p.Y.Max; v += math.Ceil(p.Y.Max / 4) {
		if math.Abs(v-alone) > p.Y.Max/8 {
			ticks = append(ticks, plot.Tick{Value: v, Label: report.Odds(v)})
		}
	}
	p.Y.Tick.Marker = ticks
	l, err := line(points, canary(), 2)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(level(p, points, 0, grid()), level(p, points, alone, bad())); err != nil {
		return nil, err
	}
	p.Add(l)
	p.X.Min, p.X.Max = points[0].X, points[len(points)-1].X
	return p, nil
}

// widest is the largest ratio that is drawn; what is larger is drawn there, where the
// axis says so.
const widest = 20

// ratios draws canary over baseline and what is tolerated of it, and says what it is now;
// nil where it is unknown.
func ratios(m judge.MetricTrace, tolerated float64) (p *plot.Plot, now string) {
	var middle, upper, under plotter.XYs
	for _, k := range m.Points {
		e := k.Effect
		if e == nil || !(e.Ratio > 0) {
			continue
		}
		x := float64(k.End.Unix())
		high, low := e.Ratio, e.Ratio
		if e.High != nil {
			high = *e.High
		} else if e.Low != nil {
			high = widest
		}
		if e.Low != nil {
			low = *e.Low
		}
		middle = append(middle, plotter.XY{X: x, Y: min(e.Ratio, widest)})
		upper = append(upper, plotter.XY{X: x, Y: min(high, widest)})
		under = append(under, plotter.XY{X: x, Y: min(max(low, 0), widest)})
		now = fmt.Sprintf(" Canary over baseline: %.3g times.", e.Ratio)
	}
	if len(middle) < 2 {
		return nil, now
	}
	band := append(plotter.XYs{}, upper...)
	for i := range under {
		band = append(band, under[len(under)-1-i])
	}
	area, err := plotter.NewPolygon(band)
	if err != nil {
		return nil, now
	}
	area.Color, area.LineStyle.Width = interval(), 0
	l, err := line(middle, canary(), 2)
	if err != nil {
		return nil, now
	}
	p = frame()
	p.Add(area)
	p.Y.Min, p.Y.Max = bounds(middle, upper)
	if tolerated > 0 && tolerated < widest {
		p.Y.Max = max(p.Y.Max, tolerated*1.05)
		err = level(p, middle, tolerated, bad())
	}
	if err := errors.Join(err, unity(p, middle)); err != nil {
		return nil, now
	}
	p.Add(l)
	p.Y.Tick.Marker = plot.TickerFunc(times)
	return p, now
}

// unity draws a line where canary and baseline are alike.
func unity(p *plot.Plot, points plotter.XYs) error {
	l, err := line(plotter.XYs{{X: points[0].X, Y: 1}, {X: points[len(points)-1].X, Y: 1}}, faint(), 0.5)
	if err == nil {
		p.Add(l)
	}
	return err
}

// bounds is what of the axis is drawn: the ratio, one, and of the interval the later half,
// since the first bounds are as wide as nothing is known.
func bounds(middle, upper plotter.XYs) (low, high float64) {
	low, high = 0, 1.2
	for i, m := range middle {
		high = max(high, m.Y)
		if i >= len(middle)/2 {
			high = max(high, upper[i].Y)
		}
	}
	return low, high * 1.05
}

// times names round ratios.
func times(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10(high-low)))
	for _, by := range []float64{0.2, 0.25, 0.5, 1, 2, 5} {
		if (high-low)/(step*by) <= 4 {
			step *= by
			break
		}
	}
	var out []plot.Tick
	for v := math.Ceil(low/step) * step; v <= high && v < widest; v += step {
		out = append(out, plot.Tick{Value: v, Label: fmt.Sprintf("%.3g×", v)})
	}
	if high >= widest {
		out = append(out, plot.Tick{Value: widest, Label: fmt.Sprintf("≥%d×", widest)})
	}
	return out
}

// short cuts a name that would be wider than the picture.
func short(name string) string {
	const most = 60
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}
