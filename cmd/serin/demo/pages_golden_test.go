package demo

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// screens are the pictures of the documentation, which the pages are held against.
const screens = "../../../docs/screens"

// golden holds what the window shows against a picture of the documentation.
func (b *browser) golden(name string) {
	b.t.Helper()
	var text []byte
	b.do(chromedp.CaptureScreenshot(&text))
	file := filepath.Join(screens, name+".png")
	if *update {
		if err := os.WriteFile(file, smaller(b.t, text), 0o644); err != nil {
			b.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		b.t.Errorf("%v; run the test with -update, and look at the picture", err)
		return
	}
	if d := differenceOf(b.t, text, want); d > mostDifference {
		b.picture("not-golden-" + name)
		b.t.Errorf("%s: %.1f %% of the picture is not as in %s; run with SERIN_PAGES=FOLDER to see it, and with -update where it is meant", name, 100*d, file)
	}
}

// smaller writes a picture in fewer bytes.
func smaller(t *testing.T, text []byte) []byte {
	t.Helper()
	p, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Pictures are compared as somebody would who has taken the glasses off: in cells of so
// many pixels, each by its mean colour. Letters differ with the font, with its version and
// with how they are smoothed, and lines may break elsewhere; what is looked for is a page
// without its colours, tables or layout. With another font of the same width one cell in a
// hundred is off by so much, and of two different pages at least thirty are.
const (
	cell           = 25
	mostOff        = 12 // of 255, in any colour
	mostDifference = 0.15
)

// differenceOf is the share of cells that are off.
func differenceOf(t *testing.T, a, b []byte) float64 {
	t.Helper()
	got, want := cellsOf(t, a), cellsOf(t, b)
	if len(got) != len(want) {
		return 1
	}
	off := 0
	for i := range got {
		for c := range got[i] {
			if d := got[i][c] - want[i][c]; d > mostOff || d < -mostOff {
				off++
				break
			}
		}
	}
	return float64(off) / float64(len(got))
}

// cellsOf is a picture's mean colours, cell by cell.
func cellsOf(t *testing.T, text []byte) [][3]float64 {
	t.Helper()
	p, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out [][3]float64
	size := p.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y += cell {
		for x := size.Min.X; x < size.Max.X; x += cell {
			out = append(out, meanOf(p, image.Rect(x, y, x+cell, y+cell).Intersect(size)))
		}
	}
	return out
}

func meanOf(p image.Image, in image.Rectangle) [3]float64 {
	var sum [3]float64
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for x := in.Min.X; x < in.Max.X; x++ {
			c := color.RGBAModel.Convert(p.At(x, y)).(color.RGBA)
			for i, v := range [...]uint8{c.R, c.G, c.B} {
				sum[i] += float64(v)
			}
		}
	}
	for i := range sum {
		sum[i] /= float64(in.Dx() * in.Dy())
	}
	return sum
}

// TestPicturesAreToldApart holds that the comparison sees what it is for: another page,
// and a page in other colours.
func TestPicturesAreToldApart(t *testing.T) {
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(screens, name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if d := differenceOf(t, read("report"), read("report")); d != 0 {
		t.Errorf("got a difference of %.2f from itself", d)
	}
	for _, pair := range [][2]string{{"report", "report-dark"}, {"list", "service"}, {"list", "judges"}, {"service", "judges"}} {
		if d := differenceOf(t, read(pair[0]), read(pair[1])); d <= mostDifference {
			t.Errorf("%v: got a difference of %.2f, which would pass", pair, d)
		}
	}
}
