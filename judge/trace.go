package judge

import (
	"slices"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/queries"
)

// Bounds on what a trace holds. Evidence after each block is at hand; everything else
// of a point costs as much as a look over the blocks up to it.
const (
	mostPoints = 240
	fullPoints = 30
)

// Trace is how the evidence of a rollout came to be, for pages and plots. Evidence is
// log10; Threshold is where the combined one rolls back.
type Trace struct {
	Rollout   string        `json:"rollout"` // ID
	Block     string        `json:"block"`   // length of a block
	Threshold float64       `json:"threshold"`
	Promote   float64       `json:"promote"` // what each required metric's NotWorse must reach
	Points    []TracePoint  `json:"points"`  // of all weighted metrics together
	Metrics   []MetricTrace `json:"metrics"` // in the plan's order
}

// MetricTrace is the trace of one metric. Points is empty where it has no evidence.
type MetricTrace struct {
	Name     string       `json:"name"`
	Unit     string       `json:"unit,omitempty"`
	Weight   float64      `json:"weight"`
	Required bool         `json:"required,omitempty"`
	Points   []TracePoint `json:"points"`
}

// TracePoint is what was known after one block. NotWorse and Effect, with the ratio so
// far, its always-valid interval, the counts and φ̂, are filled in for up to 30 points,
// the last among them.
type TracePoint struct {
	At       int       `json:"block"` // index of the block
	End      time.Time `json:"end"`   // of the block
	Worse    float64   `json:"worse"`
	NotWorse *float64  `json:"notWorse,omitempty"`
	Effect   *Effect   `json:"effect,omitempty"`
}

// TraceOf returns the trace of an input. It is pure, like [Evaluate], and has the numbers
// of the same engines: a point is what a look after its block would have found. It depends
// on the input's Record and Closed alone, and costs as much as some fifteen looks over all
// of its blocks.
func TraceOf(in Input) Trace {
	e := gathered(in)
	e.combine()
	t := Trace{
		Rollout: e.r.ID, Block: e.p.Block.String(), Threshold: e.v.Threshold, Promote: *log10(logInverse(e.sharp.beta)),
		Points: e.points(e.combined), Metrics: make([]MetricTrace, 0, len(e.trials)),
	}
	for _, tr := range e.trials {
		t.Metrics = append(t.Metrics, MetricTrace{
			Name: tr.m.Name, Unit: tr.m.Unit, Weight: round(tr.weight), Required: tr.m.Required, Points: e.points(tr.worse),
		})
	}
	if e.tl.open == unknownBlock {
		return t
	}
	every := fullPoints * e.stride()
	step := (e.tl.closed - e.tl.open + every - 1) / every * e.stride()
	for at := e.tl.closed - 1; at >= e.tl.open; at -= step {
		t.fill(at, gathered(e.prefix(at+1)))
	}
	return t
}

// TraceOfRecord returns the trace of a rollout as of a look, its latest as a rule, from
// what the journal holds of it.
func TraceOfRecord(rec Record, look Verdict) Trace {
	return TraceOf(Input{Record: rec, Closed: look.Progress.Blocks})
}

// stride is how many blocks lie between two points.
func (e *evaluator) stride() int {
	return max(1, (e.tl.closed-max(e.tl.open, 0)+mostPoints-1)/mostPoints)
}

// points returns evidence after the compared blocks, evenly, the last among them.
func (e *evaluator) points(ev []float64) []TracePoint {
	out := []TracePoint{}
	if len(ev) == 0 || e.tl.open == unknownBlock {
		return out
	}
	step := e.stride()
	for at := e.tl.closed - 1 - (e.tl.closed-1-e.tl.open)/step*step; at < e.tl.closed; at += step {
		out = append(out, TracePoint{At: at, End: e.tl.end(at).UTC(), Worse: *log10(valueAt(ev, at))})
	}
	return out
}

// fill adds to the points after block at what a look there would have found.
func (t *Trace) fill(at int, e *evaluator) {
	for i, tr := range e.trials {
		points := t.Metrics[i].Points
		for k := range points {
			if points[k].At != at {
				continue
			}
			points[k].Effect = roundEffect(tr.effect)
			if tr.certifies {
				points[k].NotWorse = log10(tr.notWorse)
			}
		}
	}
}

// prefix is the input as it was when so many blocks had closed.
func (e *evaluator) prefix(closed int) Input {
	in := e.in
	in.Closed, in.Checks = closed, nil
	in.Record.Rounds = slices.DeleteFunc(slices.Clone(e.in.Record.Rounds), func(r checks.Result) bool {
		return r.At.Add(r.Took).After(e.tl.end(closed - 1))
	})
	in.Record.Frozen.Metrics = make(map[string]FrozenMetric, len(e.p.Metrics))
	for _, m := range e.p.Metrics {
		f, ok := e.in.Record.Frozen.Metrics[m.Name]
		if !ok {
			continue
		}
		own := (closed + e.tl.offset(m)) / e.tl.factor(m)
		for _, frame := range []*queries.Frame{&f.Canary, &f.Baseline, &f.Week} {
			*frame = upTo(*frame, own)
		}
		in.Record.Frozen.Metrics[m.Name] = f
	}
	return in
}

// upTo returns a frame's first blocks.
func upTo(f queries.Frame, n int) queries.Frame {
	if f.Window.Len() <= n {
		return f
	}
	return f.Slice(0, n)
}
