package calibrate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// Span is a stretch of time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// History is what is known of a baseline's pods over a time: one frame for each question,
// from From to To. It is only read.
type History struct {
	Span
	// Except are stretches that nothing is judged in: incidents, rollouts.
	Except []Span
	frames map[string]queries.Frame // by key
}

// NewHistory returns a history of frames by the key of their question, for tests and for
// simulated services. All frames cover the same time.
func NewHistory(span Span, frames map[string]queries.Frame) *History {
	return &History{Span: span, frames: frames}
}

// spans are the stretches between the exceptions, on blocks' bounds.
func (h *History) spans(block time.Duration) []Span {
	cuts := slices.Clone(h.Except)
	slices.SortFunc(cuts, func(a, b Span) int { return a.From.Compare(b.From) })
	var out []Span
	from := upTo(h.From, block)
	for _, c := range append(cuts, Span{From: h.To, To: h.To}) {
		if to := c.From.Truncate(block); to.After(from) {
			out = append(out, Span{from, to})
		}
		if c.To.After(from) {
			from = upTo(c.To, block)
		}
	}
	return out
}

// upTo is the first bound of a block that is not before t.
func upTo(t time.Time, block time.Duration) time.Time {
	if at := t.Truncate(block); !at.Before(t) {
		return at
	}
	return t.Truncate(block).Add(block)
}

// slice is a question's frame over a window, without processes that say nothing there.
func (h *History) slice(key string, w queries.Window) (queries.Frame, error) {
	f, ok := h.frames[key]
	if !ok {
		return queries.Frame{}, errors.New("the history has no answer to this question")
	}
	from := int(w.Start.Sub(f.Window.Start) / f.Window.Block)
	if w.Block != f.Window.Block || w.Start.Before(f.Window.Start) || w.End.After(f.Window.End) {
		return queries.Frame{}, fmt.Errorf("the history goes from %s to %s in blocks of %s, and was asked for %s to %s in blocks of %s",
			f.Window.Start.UTC().Format(time.RFC3339), f.Window.End.UTC().Format(time.RFC3339), f.Window.Block,
			w.Start.UTC().Format(time.RFC3339), w.End.UTC().Format(time.RFC3339), w.Block)
	}
	f = f.Slice(from, from+w.Len())
	f.Processes = slices.DeleteFunc(f.Processes, absent)
	return f, nil
}

// absent reports whether a process has no sample.
func absent(p queries.Process) bool { return known(p, 0, math.MaxInt) == 0 }

// known counts the blocks of a process from a block up to another that have a sample.
func known(p queries.Process, from, to int) int {
	c := p.N
	if c == nil {
		c = p.V
	}
	n := 0
	for _, v := range c[min(from, len(c)):min(to, len(c))] {
		if !queries.IsGap(v) {
			n++
		}
	}
	return n
}

// A pod was there all of a stretch if it was seen in at least this part of its blocks,
// among them one near either end: sources lose samples, and some write none where nothing
// happened.
const (
	steadiness = .5
	edge       = .1
)

// pods are the names of the processes that were there all of a stretch.
func (h *History) pods(q Question, s Span) []string {
	f := h.frames[q.Key]
	if f.Window.Block <= 0 {
		return nil
	}
	from, to := int(s.From.Sub(f.Window.Start)/f.Window.Block), int(s.To.Sub(f.Window.Start)/f.Window.Block)
	var out []string
	near := max(int(math.Ceil(edge*float64(to-from))), 1)
	for _, p := range f.Processes {
		seen := float64(known(p, from, to)) >= steadiness*float64(to-from)
		if p.Name != "" && seen && known(p, from, from+near) > 0 && known(p, to-near, to) > 0 {
			out = append(out, p.Name)
		}
	}
	return out
}

// perBlock is the mean number of requests a block of all pods over a stretch.
func (h *History) perBlock(q Question, s Span) float64 {
	f := h.frames[q.Key]
	from, to := int(s.From.Sub(f.Window.Start)/f.Window.Block), int(s.To.Sub(f.Window.Start)/f.Window.Block)
	sum := 0.0
	for _, p := range f.Processes {
		for _, v := range p.N[min(from, len(p.N)):min(to, len(p.N))] {
			if !queries.IsGap(v) {
				sum += v
			}
		}
	}
	return sum / float64(max(to-from, 1))
}

// ErrNoPods says that a source cannot tell pods apart.
var ErrNoPods = errors.New("the source cannot tell the baseline's pods apart, so that none can be judged as a canary")

// fit is what of a plan a history can judge: metrics whose processes are not those of the
// traffic are left out of the plan, and said to be.
func (h *History) fit(p plan.Plan, qs []Question) (plan.Plan, []string, error) {
	traffic := trafficOf(p, qs)
	crew := map[string]bool{}
	for _, pr := range h.frames[traffic.Key].Processes {
		crew[pr.Name] = pr.Name != ""
	}
	delete(crew, "")
	if len(crew) == 0 {
		if len(h.frames[traffic.Key].Processes) == 0 {
			return p, nil, fmt.Errorf("metric %s has no sample of the baseline between %s and %s; check the arms with serin plan check, and the time",
				traffic.Name, h.From.UTC().Format(time.RFC3339), h.To.UTC().Format(time.RFC3339))
		}
		return p, nil, fmt.Errorf("metric %s: %w. Let its query keep a pod's label or tag (Datadog: pod_name, CloudWatch: a dimension of the instance). "+
			"The baseline against its own earlier hours is no substitute: the arms would not share time, for which no rate is promised", traffic.Name, ErrNoPods)
	}
	var notes []string
	kept := p.Metrics
	p.Metrics = nil
	gone := map[string]bool{}
	for i, m := range kept {
		if why := h.unlike(qs[i].Key, crew); why != "" {
			notes = append(notes, fmt.Sprintf("Metric %s was left out: %s.", m.Name, why))
			gone[m.Name] = true
			continue
		}
		p.Metrics = append(p.Metrics, m)
	}
	limits := p.Limits
	p.Limits = nil
	for _, l := range limits {
		if l.Metric == "" || !gone[l.Metric] {
			p.Limits = append(p.Limits, l)
		}
	}
	for _, m := range p.Metrics {
		if m.Of != "" && gone[m.Of] {
			return p, nil, fmt.Errorf("metric %s is counted by requests of %s, which %s", m.Name, m.Of, strings.Join(notes, " "))
		}
	}
	if !slices.ContainsFunc(p.Metrics, func(m plan.Metric) bool { return m.Required }) {
		return p, nil, fmt.Errorf("no metric is left that promotion needs, so that every draw would be promoted without proof: %s", strings.Join(notes, " "))
	}
	return p, notes, nil
}

// unlike says why a question's processes are not the pods of the traffic.
func (h *History) unlike(key string, crew map[string]bool) string {
	ps := h.frames[key].Processes
	if len(ps) == 0 {
		return "the history has no sample of it"
	}
	for _, p := range ps {
		if crew[p.Name] {
			return ""
		}
	}
	if len(ps) == 1 && ps[0].Name == "" {
		return "its source cannot tell pods apart"
	}
	return fmt.Sprintf("its pods have other names than those of the requests (%s)", ps[0].Name)
}
