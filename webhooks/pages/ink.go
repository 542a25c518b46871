package pages

import (
	"bytes"
	"fmt"
	"html/template"
	"regexp"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// hue is a colour of the page. A plot is drawn before it is known whether the page is
// light or dark, so that it is drawn in stand-ins, which become names of the style sheet.
type hue uint8

// The colours. Each arm has its own everywhere; good and bad are for verdicts only.
const (
	ink hue = iota + 1
	faint
	rule // grid lines
	canary
	baseline
	good
	held
	bad
)

// names returns the style sheet's names of the colours.
func names() [bad + 1]string {
	return [...]string{ink: "ink", faint: "faint", rule: "rule", canary: "canary", baseline: "baseline", good: "good", held: "held", bad: "bad"}
}

// RGBA implements color.Color by the stand-in: a grey that is nearly black.
func (h hue) RGBA() (r, g, b, a uint32) {
	v := uint32(h) * 0x101
	return v, v, v, 0xffff
}

// A style attribute of the library's SVG, and a property in it.
var (
	styled   = regexp.MustCompile(`\s+style="([^"]*)"`)
	standIn  = regexp.MustCompile(`^#0([0-9A-F])0([0-9A-F])0([0-9A-F])$`)
	faceName = regexp.MustCompile(`^font-(family|variant|style)$`)
)

// pen draws pictures.
type pen struct{ fonts *font.Cache }

// picture draws on a canvas of so many points and returns it as an element of a page,
// with a text for whom it cannot be seen by.
func (p pen) picture(width, height vg.Length, alt string, drawOn func(draw.Canvas)) (template.HTML, error) {
	c := vgsvg.New(width, height)
	drawOn(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("pages: draw: %w", err)
	}
	svg := b.String()
	at := strings.Index(svg, "<g ")
	if at < 0 {
		return "", fmt.Errorf("pages: draw: no picture in %d bytes", b.Len())
	}
	svg = styled.ReplaceAllStringFunc(svg[at:], attributes)
	open := fmt.Sprintf(`<svg class="plot" viewBox="0 0 %g %g" role="img" aria-label="`, float64(width), float64(height))
	return template.HTML(open + template.HTMLEscapeString(alt) + "\">\n" + svg), nil //nolint:gosec // the library escapes texts, and the rest is ours
}

// attributes makes attributes of a style, which the page's own policy refuses: it takes no
// styles but those of its style sheet.
func attributes(style string) string {
	var b strings.Builder
	for _, property := range strings.Split(styled.FindStringSubmatch(style)[1], ";") {
		name, value, ok := strings.Cut(property, ":")
		if name = strings.TrimSpace(name); !ok || faceName.MatchString(name) {
			continue
		}
		if m := standIn.FindStringSubmatch(value); m != nil {
			if n := int(m[1][0] - '0'); m[1] == m[2] && n < len(names()) && names()[n] != "" {
				fmt.Fprintf(&b, ` %s="var(--%s)"`, name, names()[n])
				continue
			}
		}
		fmt.Fprintf(&b, ` %s="%s"`, name, value)
	}
	return b.String()
}
