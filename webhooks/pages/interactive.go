package pages

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/report"
)

// interactive is a plot for the script of pages, which draws what the picture has and
// says what was known at a look where somebody points at. It computes nothing.
type interactive struct {
	X     []int64     `json:"x"` // Unix seconds
	Lines []drawnLine `json:"lines"`
	Band  *drawnBand  `json:"band,omitempty"`
	Low   float64     `json:"low"` // of the upright axis
	High  float64     `json:"high"`
	Marks []drawnMark `json:"marks"`
	Say   []string    `json:"say"` // a sentence for each x
}

type drawnLine struct {
	Hue    string     `json:"hue"`
	Y      []*float64 `json:"y"`
	Dashed bool       `json:"dashed,omitempty"`
}

// drawnBand is between two lines.
type drawnBand struct {
	Low  []*float64 `json:"low"`
	High []*float64 `json:"high"`
}

type drawnMark struct {
	Y    float64 `json:"y"`
	Text string  `json:"text"`
}

// attribute writes the plot as an attribute's value.
func (i interactive) attribute() (string, error) {
	b, err := json.Marshal(i)
	if err != nil {
		return "", fmt.Errorf("pages: a plot: %w", err)
	}
	return string(b), nil
}

// level is a line across.
func (i *interactive) level(at float64, h hue, dashed bool) {
	if math.IsNaN(at) || math.IsInf(at, 0) {
		return
	}
	y := make([]*float64, len(i.X))
	for k := range y {
		y[k] = &at
	}
	i.Lines = append(i.Lines, drawnLine{Hue: names()[h], Y: y, Dashed: dashed})
}

func (i *interactive) name(marks []mark) {
	for _, m := range marks {
		i.Marks = append(i.Marks, drawnMark{m.y, m.text})
	}
}

// within keeps a value on the axis, as the picture does; nil is a gap.
func (i interactive) within(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	v = min(max(v, i.Low), i.High)
	return &v
}

// liveEvidence is what evidence draws.
func liveEvidence(points []judge.TracePoint, threshold float64) (string, error) {
	if len(points) < fewest || threshold <= 0 {
		return "", nil
	}
	top := threshold
	for _, k := range points {
		top = max(top, k.Worse)
	}
	p := interactive{Low: lowestEvidence, High: min(top*1.15, mostEvidence)}
	curve := drawnLine{Hue: names()[canary]}
	for _, k := range points {
		p.X = append(p.X, k.End.Unix())
		curve.Y = append(curve.Y, p.within(k.Worse))
		p.Say = append(p.Say, fmt.Sprintf("%s: evidence of harm %s; %s rolls back", moment(k), report.Odds(k.Worse), report.Odds(threshold)))
	}
	p.level(0, rule, false)
	p.level(threshold, bad, true)
	p.Lines = append(p.Lines, curve)
	p.name(oddsMarks(frame{low: xy{y: p.Low}, high: xy{y: p.High}}, threshold))
	return p.attribute()
}

// liveRatios is what ratios draws.
func liveRatios(m plan.Metric, points []judge.TracePoint) (string, error) {
	points = withRatio(points)
	if len(points) < fewest {
		return "", nil
	}
	low, high := span(m, points)
	p := interactive{Low: math.Log(low), High: math.Log(high), Band: &drawnBand{}}
	curve := drawnLine{Hue: names()[canary]}
	last := *points[len(points)-1].Effect
	for _, k := range points {
		p.X = append(p.X, k.End.Unix())
		curve.Y = append(curve.Y, p.within(math.Log(k.Effect.Ratio)))
		from, to := p.within(logOr(k.Effect.Low, low)), p.within(logOr(k.Effect.High, high))
		if k.Effect.Low == nil && k.Effect.High == nil {
			from, to = nil, nil // nothing is known
		}
		p.Band.Low, p.Band.High = append(p.Band.Low, from), append(p.Band.High, to)
		p.Say = append(p.Say, said(k))
	}
	p.level(0, baseline, false)
	for _, l := range boundsOf(m, last) {
		if l.at > low && l.at < high {
			p.level(math.Log(l.at), l.hue, true)
		}
	}
	p.Lines = append(p.Lines, curve)
	p.name(timesMarks(low, high))
	return p.attribute()
}

// said is what was known of a metric after a block.
func said(k judge.TracePoint) string {
	e := *k.Effect
	s := fmt.Sprintf("%s: canary %s, baseline %s, %.3g×", moment(k), report.Value(e.Canary, e.Unit), report.Value(e.Baseline, e.Unit), e.Ratio)
	if e.Low != nil && e.High != nil {
		s += fmt.Sprintf(" (%.3g to %.3g)", *e.Low, *e.High)
	}
	s += fmt.Sprintf("; worse %s", report.Odds(k.Worse))
	if k.NotWorse != nil {
		s += ", not worse " + report.Odds(*k.NotWorse)
	}
	return s
}

func moment(k judge.TracePoint) string { return k.End.UTC().Format("15:04:05") }
