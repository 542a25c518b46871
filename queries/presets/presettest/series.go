package presettest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// series is one series of a page.
type series struct {
	family, kind string
	name, labels string
	growth       float64 // of a counter, in a block; else 0
	constant     float64 // what it begins with
}

// value is what the series has after some blocks.
func (s series) value(blocks float64) float64 { return s.constant + s.growth*blocks }

// series reads a target's series.
func (t Target) series(tb testing.TB) (out []series) {
	tb.Helper()
	line := regexp.MustCompile(`^(counter|gauge|histogram) ([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (.+)$`)
	for _, text := range strings.Split(t.Series, "\n") {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			tb.Fatalf("a line of a proof cannot be read: %s", text)
		}
		s := series{family: m[2], kind: m[1], name: m[2], labels: join(m[3], t.Common), constant: base}
		switch m[1] {
		case "counter":
			s.growth = number(tb, m[4])
			out = append(out, s)
		case "gauge":
			s.constant = number(tb, m[4])
			out = append(out, s)
		case "histogram":
			out = append(out, s.buckets(tb, m[4])...)
		}
	}
	return out
}

// buckets are the series of a histogram: each bound's, the sum and the count.
func (s series) buckets(tb testing.TB, text string) (out []series) {
	tb.Helper()
	for _, f := range strings.Fields(text) {
		bound, growth, ok := strings.Cut(f, ":")
		if !ok {
			tb.Fatalf("a histogram is written bound:growth, not %s", f)
		}
		b := s
		b.growth = number(tb, growth)
		if bound == "sum" {
			b.name += "_sum"
			out = append(out, b)
			continue
		}
		b.name += "_bucket"
		b.labels = join(b.labels, `le="`+bound+`"`)
		out = append(out, b)
		if bound == "+Inf" {
			c := s
			c.name, c.growth = s.name+"_count", b.growth
			out = append(out, c)
		}
	}
	return out
}

func number(tb testing.TB, text string) float64 {
	tb.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		tb.Fatalf("%q is not a number", text)
	}
	return v
}
