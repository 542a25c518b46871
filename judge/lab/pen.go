package lab

import (
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// hue is a colour as 0xRRGGBB.
type hue uint32

// The colours: those of Okabe & Ito (2008), which people tell apart however they see
// colours, and greys.
const (
	paper   hue = 0xffffff
	ink     hue = 0x222222
	pale    hue = 0x696969
	grid    hue = 0xe4e4e4
	neutral hue = 0x8c8c8c
	blue    hue = 0x0072b2
	sky     hue = 0x56b4e9
	green   hue = 0x009e73
	orange  hue = 0xe69f00
	red     hue = 0xd55e00
	purple  hue = 0xcc79a7
)

// RGBA implements color.Color.
func (h hue) RGBA() (r, g, b, a uint32) {
	part := func(shift uint) uint32 { return uint32(h>>shift&0xff) * 0x101 }
	return part(16), part(8), part(0), 0xffff
}

// hueOf is a rule's colour: the product's rules are cold, other tools' warm or grey.
func hueOf(rule string) hue {
	switch rule {
	case "serin":
		return blue
	case "serin-relative":
		return sky
	case "serin-horizon", "serin-horizon-relative":
		return green
	case "serin-strict":
		return purple
	}
	switch {
	case strings.HasPrefix(rule, "kayenta-any"):
		return red
	case strings.HasPrefix(rule, "kayenta-score"):
		return orange
	}
	return neutral
}

// pen draws on a canvas whose origin is at its lower left.
type pen struct {
	draw.Canvas
	fonts         *font.Cache
	width, height vg.Length
}

// boldWeight is WeightBold of golang.org/x/image/font.
const boldWeight = 3

// words is how text is written.
type words struct {
	size  vg.Length
	hue   hue
	bold  bool
	align text.XAlignment // of x: at the left end of the text unless said otherwise
}

func (w words) style(fonts *font.Cache) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: w.size}
	if w.bold {
		f.Weight = boldWeight
	}
	return text.Style{Color: w.hue, Font: f, XAlign: w.align, YAlign: text.YCenter, Handler: text.Plain{Fonts: fonts}}
}

// write writes text; y is the middle of its letters.
func (p *pen) write(x, y vg.Length, w words, s string) {
	p.FillText(w.style(p.fonts), vg.Point{X: x, Y: y + w.size/12}, s)
}

// lines breaks text between words, so that no line is wider than width.
func (p *pen) lines(w words, width vg.Length, s string) []string {
	style := w.style(p.fonts)
	var out []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		longer := strings.TrimPrefix(line+" "+word, " ")
		if line != "" && style.Width(longer) > width {
			out, longer = append(out, line), word
		}
		line = longer
	}
	return append(out, line)
}

// stroke is how lines are drawn.
type stroke struct {
	hue   hue
	width vg.Length
	dash  bool
}

func (p *pen) line(s stroke, points ...vg.Point) {
	style := draw.LineStyle{Color: s.hue, Width: s.width}
	if s.dash {
		style.Dashes = []vg.Length{3, 2}
	}
	p.StrokeLines(style, points)
}

func (p *pen) dot(x, y, radius vg.Length, h hue) {
	p.DrawGlyph(draw.GlyphStyle{Color: h, Radius: radius, Shape: draw.CircleGlyph{}}, vg.Point{X: x, Y: y})
}
