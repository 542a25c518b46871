package pages

import (
	"fmt"
	"html/template"
	"time"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/serin-canary/serin/judge"
)

// The size of the timeline, in points.
const (
	stripWidth  vg.Length = 940
	stripHeight vg.Length = 110
)

// timeline draws the declared weight over time and the looks below it, each in its
// outcome's colour. It is "" before the first look.
func (p pen) timeline(r Report) (template.HTML, error) {
	if len(r.Looks) == 0 {
		return "", nil
	}
	began, ended := r.Rollout.Started, r.Looks[len(r.Looks)-1].At
	for _, w := range r.Rollout.Weights {
		if w.At.Before(began) {
			began = w.At
		}
	}
	if r.Closed.After(ended) {
		ended = r.Closed
	}
	if !ended.After(began) {
		ended = began.Add(time.Minute)
	}
	const looks, lowest, highest = -22, -32, 106 // percent; looks are below all weights
	return p.picture(stripWidth, stripHeight, timelineAlt(r, began, ended), func(c draw.Canvas) {
		f := p.frame(c, xy{seconds(began), lowest}, xy{seconds(ended), highest})
		f.times()
		for _, y := range []float64{0, 50, 100} {
			f.level(y, levelOf(rule))
			f.values(mark{y, fmt.Sprintf("%g %%", y)})
		}
		f.values(mark{looks, "looks"})
		f.line(stroke{hue: canary, width: 1.8}, weightSteps(r, ended)...)
		for _, l := range r.Looks {
			f.look(l.Outcome, f.at(xy{seconds(l.At), looks}))
		}
	})
}

// weightSteps is the declared weight as a line that goes straight and up.
func weightSteps(r Report, ended time.Time) []xy {
	var steps []xy
	for i, w := range r.Rollout.Weights {
		if i > 0 {
			steps = append(steps, xy{seconds(w.At), r.Rollout.Weights[i-1].Percent})
		}
		steps = append(steps, xy{seconds(w.At), w.Percent})
	}
	if n := len(steps); n > 0 {
		steps = append(steps, xy{seconds(ended), steps[n-1].y})
	}
	return steps
}

func timelineAlt(r Report, began, ended time.Time) string {
	s := fmt.Sprintf("Timeline from %s to %s: %d looks", clock(began), clock(ended), len(r.Looks))
	if n := len(r.Rollout.Weights); n > 0 {
		s += fmt.Sprintf("; %d declared weights, the last %.3g percent", n, r.Rollout.Weights[n-1].Percent)
	} else {
		s += "; weights were not declared"
	}
	return s + fmt.Sprintf("; the last outcome is %s.", r.Looks[len(r.Looks)-1].Outcome)
}

// look draws one look. A rollback has another shape too: not all people see colours.
func (f frame) look(o judge.Outcome, at vg.Point) {
	style := draw.GlyphStyle{Color: faint, Radius: 2.4, Shape: draw.CircleGlyph{}}
	switch o {
	case judge.Promote:
		style.Color = good
	case judge.Inconclusive:
		style.Color = held
	case judge.Rollback:
		const arm = 3.5
		for _, up := range []vg.Length{-arm, arm} {
			f.StrokeLine2(draw.LineStyle{Color: bad, Width: 1.6}, at.X-arm, at.Y-up, at.X+arm, at.Y+up)
		}
		return
	}
	f.DrawGlyph(style, at)
}
