package alerts

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// scene is a world in which an alert fires, or does not, for the generated unit test:
// constant series, by their selectors.
type scene []sample

// sample is a series with the value that it has all the time or, where it falls, at
// the beginning only.
type sample struct {
	series string
	value  float64
	step   float64 // what is added at each step
	falls  bool    // to zero
}

// of is a sample of a selector that has equality matchers only.
func of(e parser.Expr, value float64) sample { return sample{series: e.String(), value: value} }

// early is how many samples a series has before it falls.
const early = 4

// values writes a series of n samples, as promtool reads it.
func (s sample) values(n int) string {
	text := strconv.FormatFloat(s.value, 'f', -1, 64)
	if s.step > 0 {
		text += "+" + strconv.FormatFloat(s.step, 'f', -1, 64)
	}
	text += "x"
	if s.falls && n > early {
		return text + strconv.Itoa(early-1) + " 0x" + strconv.Itoa(n-early-1)
	}
	return text + strconv.Itoa(max(n-1, 0))
}

// changes reports whether anything in a scene does.
func (s scene) changes() bool {
	return slices.ContainsFunc(s, func(x sample) bool { return x.falls || x.step > 0 })
}

// worseScene is a canary far beyond the margin.
func (b *builder) worseScene(w watched) scene {
	base := w.usual()
	far := base*(1+w.Margin.Relative) + w.Margin.Absolute
	far += math.Abs(far) + 1e-3
	if w.canary.Kind == queries.Ratio {
		far = math.Min(far, 1)
	}
	if w.Worse == plan.Lower {
		far = base*(1-math.Min(w.Margin.Relative, 1)) - w.Margin.Absolute - math.Abs(base)/10 - 1e-3
	}
	return b.comparison(w, base, far)
}

// likeScene is a canary as good as its baseline.
func (b *builder) likeScene(w watched) scene { return b.comparison(w, w.usual(), w.usual()) }

// usual is a plausible value of a metric.
func (w watched) usual() float64 {
	switch {
	case w.canary.Kind != queries.Ratio:
		return 1
	case w.Worse == plan.Lower:
		return 0.9
	}
	return 0.01
}

// comparison is both arms of a metric with their values, and events enough.
func (b *builder) comparison(w watched, baseline, canary float64) scene {
	var out scene
	for _, d := range [...]time.Duration{b.t.short, b.t.long} {
		if w.canary.Kind == queries.Gauge && d != b.t.short {
			continue
		}
		out = append(out, of(b.recorded(w, partValue, armBaseline, d), baseline), of(b.recorded(w, partValue, armCanary, d), canary))
		if w.counts {
			rate := math.Ceil(2*w.least()/d.Seconds()*100) / 100
			out = append(out, of(b.recorded(w, partRequests, armBaseline, d), rate), of(b.recorded(w, partRequests, armCanary, d), rate))
		}
	}
	return out
}

// invented is a series that a selector selects, with the labels that it asks for. It
// returns false where no label's value could be invented.
func invented(selector string, value float64) (sample, bool) {
	e, err := parse(selector)
	if err != nil {
		return sample{}, false
	}
	v, ok := e.(*parser.VectorSelector)
	if !ok {
		return sample{}, false
	}
	pairs := []string{}
	name := v.Name
	for _, m := range v.LabelMatchers {
		text, ok := matching(m)
		switch {
		case !ok:
			return sample{}, false
		case m.Name == "__name__":
			name = text
		case text != "" && !containsPair(pairs, m.Name):
			pairs = append(pairs, m.Name, text)
		}
	}
	if name == "" {
		return sample{}, false
	}
	s := of(series(name, pairs...), value)
	// All matchers on one label must agree with what was invented for the first.
	for _, m := range v.LabelMatchers {
		if m.Name != "__name__" && !m.Matches(valueOf(pairs, m.Name)) {
			return sample{}, false
		}
	}
	return s, true
}

func containsPair(pairs []string, name string) bool {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == name {
			return true
		}
	}
	return false
}

func valueOf(pairs []string, name string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == name {
			return pairs[i+1]
		}
	}
	return ""
}
