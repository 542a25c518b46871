package pages

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/report"
)

// The sizes of plots, in points. Pages scale them to their width.
const (
	plotWidth  vg.Length = 460
	plotHeight vg.Length = 120
)

// fewest is how many points a curve needs.
const fewest = 2

// The ends of the axis of evidence: beyond, nobody asks how much.
const (
	lowestEvidence = -1
	mostEvidence   = 12
)

// The lines of plots.
func curveOf(h hue) stroke { return stroke{hue: h, width: 1.6} }
func levelOf(h hue) stroke { return stroke{hue: h, width: 0.9} }
func dashed(h hue) stroke  { return stroke{hue: h, width: 1, dashes: []vg.Length{4, 3}} }

func seconds(t time.Time) float64 { return float64(t.Unix()) }

// evidence draws how the evidence of harm went, up to what rolls back. It is "" where
// there is too little.
func (p pen) evidence(name string, points []judge.TracePoint, threshold float64) (template.HTML, error) {
	if len(points) < fewest || threshold <= 0 {
		return "", nil
	}
	curve := make([]xy, len(points))
	top := threshold
	for i, k := range points {
		curve[i] = xy{seconds(k.End), k.Worse}
		top = max(top, k.Worse)
	}
	first, last := points[0], points[len(points)-1]
	alt := fmt.Sprintf("Evidence that %s is worse than tolerated, from %s to %s: now %s; %s rolls back.",
		report.Plain(name), clock(first.End), clock(last.End), report.Odds(last.Worse), report.Odds(threshold))
	return p.picture(plotWidth, plotHeight, alt, func(c draw.Canvas) {
		f := p.frame(c, xy{curve[0].x, lowestEvidence}, xy{curve[len(curve)-1].x, min(top*1.15, mostEvidence)})
		f.times()
		f.level(0, levelOf(rule))
		f.level(threshold, dashed(bad))
		f.values(oddsMarks(f, threshold)...)
		f.line(curveOf(canary), curve...)
	})
}

// oddsMarks writes evidence as odds, the threshold among them, and none too near another.
func oddsMarks(f frame, threshold float64) []mark {
	marks := []mark{{threshold, report.Odds(threshold)}}
	step := math.Ceil((f.high.y - f.low.y) / 5)
	for v := 0.0; v <= f.high.y; v += step {
		if math.Abs(v-threshold) > (f.high.y-f.low.y)/8 {
			marks = append(marks, mark{v, report.Odds(v)})
		}
	}
	return marks
}

// ratios draws canary over baseline with its always-valid interval, beside what is
// tolerated and what promotion must exclude. Its axis is logarithmic: half as much is as
// far from the baseline as twice as much. It is "" where there is too little.
func (p pen) ratios(m plan.Metric, points []judge.TracePoint) (template.HTML, error) {
	known := withRatio(points)
	if len(known) < fewest {
		return "", nil
	}
	first, last := known[0], known[len(known)-1]
	low, high := span(m, known)
	return p.picture(plotWidth, plotHeight, ratiosAlt(m, first, last), func(c draw.Canvas) {
		f := p.frame(c, xy{seconds(first.End), math.Log(low)}, xy{seconds(last.End), math.Log(high)})
		var curve, upper, lower []xy
		for _, k := range known {
			x := seconds(k.End)
			curve = append(curve, xy{x, math.Log(k.Effect.Ratio)})
			if k.Effect.Low != nil || k.Effect.High != nil {
				upper = append(upper, xy{x, logOr(k.Effect.High, high)})
				lower = append(lower, xy{x, logOr(k.Effect.Low, low)})
			}
		}
		f.area(rule, upper, lower)
		f.times()
		f.level(0, levelOf(baseline))
		for _, l := range boundsOf(m, *last.Effect) {
			if l.at > low && l.at < high {
				f.level(math.Log(l.at), dashed(l.hue))
			}
		}
		if beyond := offScale(m, known); beyond != "" {
			f.write(beyond, f.at(xy{f.high.x, f.high.y * 0.92}), text.XRight)
		}
		f.values(timesMarks(low, high)...)
		f.line(curveOf(canary), curve...)
	})
}

// withRatio returns the points that have a ratio.
func withRatio(points []judge.TracePoint) []judge.TracePoint {
	return slices.DeleteFunc(slices.Clone(points), func(k judge.TracePoint) bool {
		return k.Effect == nil || !(k.Effect.Ratio > 0)
	})
}

func ratiosAlt(m plan.Metric, first, last judge.TracePoint) string {
	e := *last.Effect
	alt := fmt.Sprintf("%s, canary over baseline, from %s to %s: now %.3g times", report.Plain(m.Name), clock(first.End), clock(last.End), e.Ratio)
	if e.Low != nil && e.High != nil {
		alt += fmt.Sprintf(", interval %.3g to %.3g", *e.Low, *e.High)
	}
	return alt + fmt.Sprintf("; %.3g is tolerated, promotion excludes %.3g.", bound(m, m.Tolerance, e), bound(m, m.Margin, e))
}

// drawnBound is a line that a ratio is held against.
type drawnBound struct {
	at   float64
	hue  hue
	name string
}

// boundsOf are what is tolerated and what promotion must exclude, as ratios.
func boundsOf(m plan.Metric, e judge.Effect) []drawnBound {
	return []drawnBound{{bound(m, m.Tolerance, e), held, "tolerated"}, {bound(m, m.Margin, e), bad, "promotion excludes"}}
}

// offScale says which of the lines the plot of ratios has no room for, and where they are:
// against a baseline of nearly nothing they are far away. It is "" where all are drawn.
func offScale(m plan.Metric, points []judge.TracePoint) string {
	points = withRatio(points)
	if len(points) == 0 {
		return ""
	}
	low, high := span(m, points)
	var out []string
	for _, b := range boundsOf(m, *points[len(points)-1].Effect) {
		if !(b.at > low && b.at < high) {
			out = append(out, fmt.Sprintf("%s %s", b.name, boundWords(b.at)))
		}
	}
	return strings.Join(out, ", ")
}

// boundWords writes a line's ratio. None is below 0, so a line there is never crossed.
func boundWords(at float64) string {
	if at <= 0 {
		return "0×"
	}
	return fmt.Sprintf("%.3g×", at)
}

func orElse(v *float64, or float64) float64 {
	if v == nil {
		return or
	}
	return *v
}

// logOr is where an interval's end is on the axis of ratios; an end that is not known, or
// is 0, is at the axis's own.
func logOr(v *float64, end float64) float64 {
	if v == nil || !(*v > 0) {
		return math.Log(end)
	}
	return math.Log(*v)
}

// bound is a margin as a ratio, at the baseline's value so far.
func bound(m plan.Metric, by plan.Margin, e judge.Effect) float64 {
	return by.Ratio(m.Worse, e.Baseline)
}

// span returns the part of the axis that is drawn: what is tolerated, the ratio, and of
// the intervals the later ones, since the first are as wide as nothing is known.
func span(m plan.Metric, points []judge.TracePoint) (low, high float64) {
	const (
		wide   = 100    // times; how much more an interval reaches is not asked
		widest = 10_000 // times; a ratio beyond stays at the edge
	)
	low, high = 0.9, 1.1
	for i, k := range points {
		low, high = min(low, max(k.Effect.Ratio, 1./widest)), max(high, min(k.Effect.Ratio, widest))
		if i >= len(points)/2 {
			low = min(low, max(orElse(k.Effect.Low, low), 1./wide))
			high = max(high, min(orElse(k.Effect.High, high), wide))
		}
	}
	e := *points[len(points)-1].Effect
	for _, by := range []plan.Margin{m.Tolerance, m.Margin} {
		if at := bound(m, by, e); at > 0.25 && at < 4 {
			low, high = min(low, at), max(high, at)
		}
	}
	room := math.Pow(high/low, 0.08)
	return low / room, high * room
}

// timesMarks names round ratios on their logarithmic axis: in equal steps where it is
// short, else by decades and what is round between them.
func timesMarks(low, high float64) []mark {
	if high/low < 3 {
		return evenMarks(low, high)
	}
	var out []mark
	for _, round := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		out = nil
		for decade := math.Floor(math.Log10(low)); decade <= math.Log10(high); decade++ {
			for _, by := range round {
				if v := by * math.Pow(10, decade); v >= low && v <= high {
					out = append(out, mark{math.Log(v), fmt.Sprintf("%.3g×", v)})
				}
			}
		}
		if len(out) <= 6 {
			return out
		}
	}
	return slices.DeleteFunc(out, func(m mark) bool { return math.Mod(math.Round(m.y/math.Ln10), 2) != 0 })
}

func evenMarks(low, high float64) []mark {
	step := math.Pow(10, math.Floor(math.Log10(high-low)))
	for _, by := range []float64{0.1, 0.2, 0.5, 1, 2} {
		if (high-low)/(step*by) <= 5 {
			step *= by
			break
		}
	}
	var out []mark
	for v := math.Ceil(low/step) * step; v <= high; v += step {
		out = append(out, mark{math.Log(v), fmt.Sprintf("%.3g×", v)})
	}
	return out
}

func clock(t time.Time) string { return t.UTC().Format("15:04") }
