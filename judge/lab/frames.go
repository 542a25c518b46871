package lab

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/queries"
)

// start is when every simulated rollout begins.
func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// window holds all blocks of a run.
func window() queries.Window {
	return queries.Window{Start: start().Add(-preBlocks * time.Minute), End: start().Add(runBlocks * time.Minute), Block: time.Minute}
}

// world is one run: what a metrics store would hold of it.
type world struct {
	bounds []float64 // of its histograms
	arms   [2]arm
}

// The indices of the arms.
const (
	canary = iota
	baseline
)

// subject is what a query of the lab's plans asks about.
type subject int

const (
	ofErrors subject = iota
	ofLatency
	ofGauge
	ofCost // CPU seconds
	ofClients
	ofThrottling
	subjects
)

// subjectOf finds what a query asks about by the names in it. Two of the names lie in
// others: the order matters.
func subjectOf(expr string) (subject, bool) {
	for _, q := range [...]struct {
		name string
		subject
	}{
		{`code=~"4..`, ofClients}, {"http_requests_total", ofErrors},
		{"http_request_duration_seconds", ofLatency}, {"http_response_size_bytes", ofLatency},
		{"lab_cpu_seconds_total", ofCost}, {"lab_throttled_periods_total", ofThrottling}, {"lab_value", ofGauge},
	} {
		if strings.Contains(expr, q.name) {
			return q.subject, true
		}
	}
	return 0, false
}

// arm is one arm's numbers through the pre-period and the run.
type arm struct {
	frames [subjects]queries.Frame
	total  totals
}

// totals are an arm's numbers with its processes taken together, as other tools
// query them. A block in which no process was scraped is a gap.
type totals struct {
	n, x, v []float64
	seen    []float64 // the errors that a store sees: some lose the first of a series
	over    []float64 // block-major
	present []float64 // processes with numbers
}

// staff is who serves in one run.
type staff struct {
	places   []slot
	canaries int    // how many of them, from the first on
	first    [2]int // the first block of which a store knows, by arm
}

// build turns places into frames.
func (w *world) build(limits []float64, s staff) {
	w.bounds = limits
	for i, name := range [...]string{"canary", "baseline"} {
		a := &w.arms[i]
		a.clear(w.bounds)
		from, to := s.canaries, len(s.places)
		if i == canary {
			from, to = 0, s.canaries
		}
		for k := from; k < to; k++ {
			a.add(&s.places[k], fmt.Sprintf("%s-%03d", name, k), s.first[i])
		}
		a.total.sum(s.places[from:to], len(w.bounds))
		a.total.forget(s.first[i])
	}
}

// clear makes an arm one without processes.
func (a *arm) clear(limits []float64) {
	for i := range a.frames {
		a.frames[i] = queries.Frame{Window: window(), Processes: a.frames[i].Processes[:0]}
	}
	a.frames[ofLatency].Bounds = limits
}

// add makes the processes of one place: one, or more where it was restarted. What
// lies before first did not exist.
func (a *arm) add(s *slot, name string, first int) {
	if len(s.births) == 0 {
		if first > 0 {
			part := s.only(first, allBlocks)
			s = &part
		}
		a.keep(name, *s)
		return
	}
	for i := 0; i <= len(s.births); i++ {
		from, to := first, allBlocks
		if i > 0 {
			from = max(first, s.births[i-1])
		}
		if i < len(s.births) {
			to = s.births[i]
		}
		if from >= to {
			continue
		}
		a.keep(fmt.Sprintf("%s-%02d", name, i), s.only(from, to))
	}
}

func (a *arm) keep(name string, s slot) {
	for i, p := range [subjects]queries.Process{
		ofErrors:     {N: s.n, X: s.x},
		ofLatency:    {N: s.n, Sum: s.sum, Over: s.over},
		ofGauge:      {V: s.v},
		ofCost:       {N: seconds(s.v)},
		ofClients:    {N: s.n, X: s.client},
		ofThrottling: {N: periods(s.n), X: s.throttled},
	} {
		p.Name = name
		a.frames[i].Processes = append(a.frames[i].Processes, p)
	}
}

// only returns a slot of which what lies outside [from, to) is a gap.
func (s *slot) only(from, to int) slot {
	width := len(s.over) / len(s.n)
	return slot{
		n: only(s.n, from, to), x: only(s.x, from, to), sum: only(s.sum, from, to), v: only(s.v, from, to),
		over:   only(s.over, from*width, to*width),
		client: only(s.client, from, to), throttled: only(s.throttled, from, to),
	}
}

// only returns a copy of v that is a gap outside [from, to).
func only(v []float64, from, to int) []float64 {
	out := queries.Gaps(len(v))
	copy(out[from:to], v[from:to])
	return out
}

// seconds turns utilisation into CPU seconds a minute.
func seconds(v []float64) []float64 {
	out := slices.Clone(v)
	for i := range out {
		out[i] *= 60
	}
	return out
}

// periods counts scheduling periods wherever there are requests.
func periods(n []float64) []float64 {
	out := slices.Clone(n)
	for i, v := range out {
		if !math.IsNaN(v) {
			out[i] = throttlePeriods
		}
	}
	return out
}

func (t *totals) reset(width int) {
	if t.n == nil {
		for _, c := range [...]*[]float64{&t.n, &t.x, &t.v, &t.seen, &t.present} {
			*c = make([]float64, allBlocks)
		}
		t.over = make([]float64, allBlocks*width)
	}
	for _, col := range [...][]float64{t.n, t.x, t.v, t.seen, t.present, t.over} {
		clear(col)
	}
}

func (t *totals) sum(places []slot, width int) {
	t.reset(width)
	for _, s := range places {
		for b, n := range s.n {
			if math.IsNaN(n) {
				continue
			}
			t.present[b]++
			t.n[b] += n
			t.x[b] += s.x[b]
			t.seen[b] += s.x[b] - s.lost[b]
			t.v[b] += s.v[b]
			for k := b * width; k < (b+1)*width; k++ {
				t.over[k] += s.over[k]
			}
		}
	}
	for b, present := range t.present {
		t.v[b] /= present // no process: not a number, a gap
	}
}

// forget makes the first blocks empty.
func (t *totals) forget(blocks int) {
	for _, col := range [...][]float64{t.n, t.x, t.seen, t.present} {
		clear(col[:blocks])
	}
	clear(t.over[:blocks*len(t.over)/len(t.n)])
	copy(t.v[:blocks], queries.Gaps(blocks))
}

// served counts the canary's errors up to a minute; 0 means the whole hour.
func (w *world) served(minute int) float64 {
	if minute == 0 {
		minute = runBlocks
	}
	var sum float64
	for _, x := range w.arms[canary].total.x[preBlocks : preBlocks+minute] {
		sum += x
	}
	return sum
}

// source answers the judge from a world.
type source struct{ world *world }

// Blocks implements [queries.Source].
func (s source) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	a := &s.world.arms[baseline]
	if strings.Contains(r.Query.Expr, `arm="canary"`) {
		a = &s.world.arms[canary]
	}
	about, ok := subjectOf(r.Query.Expr)
	if !ok {
		return queries.Frame{}, &queries.Error{Fault: queries.Rejected, Source: sourceName, Text: fmt.Sprintf("the lab has no series for %s", r.Query.Expr)}
	}
	f := a.frames[about]
	from := int(w.Start.Sub(f.Window.Start) / time.Minute)
	if from < 0 || from+w.Len() > allBlocks {
		return queries.Frame{}, &queries.Error{Fault: queries.Rejected, Source: sourceName, Text: "the lab simulates one hour before the rollout and one after its start"}
	}
	f = f.Slice(from, from+w.Len())
	f.Processes = slices.DeleteFunc(f.Processes, absent)
	return f, nil
}

// absent reports whether a process has no sample at all, so that a store would not
// have heard of it.
func absent(p queries.Process) bool {
	for _, v := range p.N {
		if !math.IsNaN(v) {
			return false
		}
	}
	for _, v := range p.V {
		if !math.IsNaN(v) {
			return false
		}
	}
	return true
}
