package picture_test

import (
	"bytes"
	"errors"
	"flag"
	"image"
	_ "image/png" // the format
	"os"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/webhooks/notify/picture"
)

var out = flag.String("out", "", "write the picture there, to look at it")

func trace(points int) judge.Trace {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := judge.MetricTrace{Name: "errors <b>\x1b[31m", Unit: "ratio", Weight: 0.5}
	for i := range points {
		low, high := 1.0+float64(i)/10, 9.0
		p := judge.TracePoint{At: i, End: at.Add(time.Duration(i) * time.Minute), Worse: float64(i)/2 - 1}
		if i%2 == 0 {
			p.Effect = &judge.Effect{Ratio: 2 + float64(i)/10, Low: &low, High: &high}
		}
		m.Points = append(m.Points, p)
	}
	return judge.Trace{Threshold: 1.30103, Metrics: []judge.MetricTrace{{Name: "other"}, m}}
}

func TestPicture(t *testing.T) {
	b, alt, err := picture.Of(trace(20), picture.Metric{Name: "errors <b>\x1b[31m", Tolerated: 1.5})
	if err != nil {
		t.Fatal(err)
	}
	if *out != "" {
		if err := os.WriteFile(*out, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	img, kind, err := image.Decode(bytes.NewReader(b))
	if err != nil || kind != "png" || img.Bounds().Dx() != 1120 || img.Bounds().Dy() != 600 {
		t.Fatalf("got %s of %v, %v; want a PNG of 1120 by 600 pixels", kind, img.Bounds(), err)
	}
	colours := map[[3]uint32]int{}
	for y := range 600 {
		for x := range 1120 {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r >> 8, g >> 8, b >> 8}]++
		}
	}
	for name, c := range map[string][3]uint32{"curve": {0xb5, 0x6a, 0}, "interval": {0xf3, 0xe3, 0xc8}, "what rolls back": {0xb3, 0x26, 0x1e}} {
		if colours[c] < 100 {
			t.Errorf("the %s is not drawn: %d pixels", name, colours[c])
		}
	}
	const want = "Evidence that errors <b> [31m is worse than tolerated, at 12:19 UTC: >1,000,000:1; 40:1 rolls back. Canary over baseline: 3.8 times."
	if alt != want || strings.ContainsRune(alt, '\x1b') {
		t.Errorf("got  %q\nwant %q", alt, want)
	}
}

func TestTooLittle(t *testing.T) {
	weightless := trace(20)
	weightless.Metrics[1].Weight = 0
	for name, tr := range map[string]judge.Trace{"no weight": weightless, "one point": trace(1), "none": trace(0), "no threshold": {Metrics: trace(9).Metrics}} {
		if _, _, err := picture.Of(tr, picture.Metric{Name: "errors <b>\x1b[31m"}); !errors.Is(err, picture.ErrTooLittle) {
			t.Errorf("%s: got %v, want that there is too little", name, err)
		}
	}
	if _, _, err := picture.Of(trace(20), picture.Metric{Name: "nobody"}); !errors.Is(err, picture.ErrTooLittle) {
		t.Errorf("unknown metric: got %v, want that there is too little", err)
	}
}

// A metric rolls back by itself later than all together: its share of the budget is less.
func TestPictureNamesTheMetricsOwnThreshold(t *testing.T) {
	for weight, want := range map[float64]string{1: "20:1 rolls back", 0.5: "40:1 rolls back", 0.1: "200:1 rolls back"} {
		tr := trace(20)
		tr.Metrics[1].Weight = weight
		_, alt, err := picture.Of(tr, picture.Metric{Name: tr.Metrics[1].Name})
		if err != nil || !strings.Contains(alt, want) {
			t.Errorf("weight %v: got %q, %v; want %q", weight, alt, err, want)
		}
	}
}

// Both axes of time are one: what is drawn at the first and at the last moment stands in
// the same columns of both parts, however wide the labels are.
func TestPictureHasOneAxisOfTime(t *testing.T) {
	tr := trace(20)
	m := &tr.Metrics[1]
	m.Points = m.Points[:19] // so that both curves end at the same moment
	for i := range m.Points {
		m.Points[i].Worse = 7 // at 1,000,000:1, the widest label
	}
	b, _, err := picture.Of(tr, picture.Metric{Name: m.Name})
	if err != nil {
		t.Fatal(err)
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	ends := func(from, to int) (left, right int) {
		left = img.Bounds().Dx()
		for y := from; y < to; y++ {
			for x := range img.Bounds().Dx() {
				if r, g, b, _ := img.At(x, y).RGBA(); r>>8 == 0xb5 && g>>8 == 0x6a && b>>8 == 0 {
					left, right = min(left, x), max(right, x)
				}
			}
		}
		return left, right
	}
	half := img.Bounds().Dy() / 2
	left, right := ends(0, half)
	below, end := ends(half, 2*half)
	if max(left-below, below-left) > 2 || max(right-end, end-right) > 2 {
		t.Errorf("the curves are drawn from %d to %d and from %d to %d, want the same columns", left, right, below, end)
	}
}
