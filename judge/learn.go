package judge

import (
	"context"
	"math"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/stats/sequential"
)

// minPreBlocks is how many pre-period blocks are needed before anything is learnt
// from them, and minPrePods how many processes.
const (
	minPreBlocks = 10
	minPrePods   = 2
	lateBlocks   = 3 // baseline blocks that a late prior takes its bounds from
)

// learn reads the baseline's pre-period and computes the prior. It returns nil
// where there are too few blocks: then the prior is learnt late, from the baseline's
// first blocks.
func (g *gathering) learn(ctx context.Context, q question, start time.Time) (*Prior, error) {
	block := q.block.D()
	w := queries.Window{Start: start.Add(-g.rec.Plan.PrePeriod.D().Truncate(block)), End: start, Block: block}
	if w.Len() < minPreBlocks {
		return nil, nil
	}
	f, err := g.blocks(ctx, q.readings[baseline], w)
	if err != nil {
		return nil, err
	}
	if blocksWithData(f) < minPreBlocks {
		return nil, nil
	}
	var of *queries.Frame
	if q.metric.Of != "" {
		if of, err = g.requestsOf(ctx, q.metric.Of, w); err != nil {
			return nil, err
		}
	}
	p := newPrior(*q.metric, f, of, g.forecast(f))
	if len(p.Streams) == 0 && q.metric.Kind != plan.Rate {
		s := sharpnessOf(g.rec.Plan, g.rec.Rollout).of(g.rec.Plan, *q.metric)
		p.Calibration = p.calibrate(*q.metric, s, crewOf(f, of, p.Idle, nil))
	}
	return p, nil
}

// requestsOf reads the pre-period of the metric that another one is divided by.
func (g *gathering) requestsOf(ctx context.Context, name string, w queries.Window) (*queries.Frame, error) {
	for _, q := range g.asked {
		if q.key == name && q.err == nil {
			f, err := g.blocks(ctx, q.readings[baseline], w)
			return &f, err
		}
	}
	return nil, &queries.Error{Fault: queries.Rejected, Source: g.rec.Plan.Source, Text: "the requests of metric " + name + " cannot be asked for"}
}

// forecast is how many canary requests the whole rollout is expected to have.
func (g *gathering) forecast(pre queries.Frame) float64 {
	perBlock := mean(known(pre.Total().N))
	return perBlock * forecastShare(g.rec.Rollout, nil) * float64(g.rec.Plan.MaxDuration.D()/pre.Window.Block)
}

// learnLate takes bounds and rates from the baseline's first blocks where there is
// no pre-period; dispersion is then the default, which a finding says.
func (g *gathering) learnLate(q question, have, fresh FrozenMetric) *Prior {
	f := fresh.Baseline
	if have.Baseline.Window.Len() > 0 {
		joined, err := have.Baseline.Append(fresh.Baseline)
		if err != nil {
			return nil
		}
		f = joined
	}
	first := -1
	total := f.Total()
	for t := range max(len(total.N), len(total.V)) {
		if (total.N != nil && !queries.IsGap(total.N[t]) && total.N[t] > 0) || (total.V != nil && !queries.IsGap(total.V[t])) {
			first = t
			break
		}
	}
	if first < 0 || f.Window.Len()-first < lateBlocks {
		return nil
	}
	early := f.Slice(first, first+lateBlocks)
	p := newPrior(*q.metric, early, nil, g.forecast(early))
	p.Blocks, p.Pods, p.Total, p.Bad = 0, 0, 0, 0
	return p
}

func blocksWithData(f queries.Frame) int {
	t := f.Total()
	return max(len(known(t.N)), len(known(t.V)))
}

func known(c queries.Column) []float64 {
	out := make([]float64, 0, len(c))
	for _, v := range c {
		if !queries.IsGap(v) {
			out = append(out, v)
		}
	}
	return out
}

// newPrior computes what a baseline's pre-period says of a metric. of holds the
// requests that a cost is divided by; horizon is the forecast of canary requests.
func newPrior(m plan.Metric, f queries.Frame, of *queries.Frame, horizon float64) *Prior {
	p := &Prior{Blocks: blocksWithData(f), Pods: steadyPods(f), Bounds: f.Bounds, Notes: f.Notes}
	t := f.Total()
	p.RequestsPerBlock = mean(known(t.N))
	n := columns(f, func(pr queries.Process) queries.Column { return pr.N })
	switch m.Reading.Kind {
	case queries.Ratio:
		x := columns(f, func(pr queries.Process) queries.Column { return pr.X })
		p.Streams = []StreamPrior{streamPrior(sequential.PlaceboCounts(n, x))}
		p.Rate = ratioOf(t.X, t.N)
		if countsFailures(m, p.Rate) {
			p.Streams[0].Phi = math.Max(sequential.PlaceboCounts(n, failuresOf(n, x)).Phi, 1)
		}
		p.Total, p.Bad = sequential.Decay(t.N, t.X)
		p.Requests = requestsPrior(n)
	case queries.Histogram:
		p.learnHistogram(f, t, n, horizon)
		p.Requests = requestsPrior(n)
	default:
		p.learnSeries(f, of)
	}
	if p.Pods < minPrePods {
		p.Blocks = 0 // one pod says nothing of how pods differ: defaults, and a warning
	}
	return p
}

// countsFailures reports whether a metric that is worse when lower is judged by its
// failures: they are the rarer where more than half succeed.
func countsFailures(m plan.Metric, rate float64) bool { return m.Worse == plan.Lower && rate > 0.5 }

// failuresOf turns successes into failures, process by process.
func failuresOf(n, x [][]float64) [][]float64 {
	out := make([][]float64, len(n))
	for i := range n {
		out[i] = make([]float64, len(n[i]))
		for t := range n[i] {
			out[i][t] = math.Max(n[i][t]-x[i][t], 0)
			if math.IsNaN(n[i][t]) || math.IsNaN(x[i][t]) {
				out[i][t] = math.NaN()
			}
		}
	}
	return out
}

// columns returns one column of each process, as plain slices.
func columns(f queries.Frame, of func(queries.Process) queries.Column) [][]float64 {
	out := make([][]float64, 0, len(f.Processes))
	for _, p := range f.Processes {
		if c := of(p); c != nil {
			out = append(out, c)
		}
	}
	return out
}

// steadyPods counts the processes that were there for at least ten blocks.
func steadyPods(f queries.Frame) int {
	n := 0
	for _, p := range f.Processes {
		if max(len(known(p.N)), len(known(p.V))) >= minPreBlocks {
			n++
		}
	}
	return n
}

func streamPrior(c sequential.CountPlacebo) StreamPrior {
	return StreamPrior{Exceed: c.Exceed, Phi: math.Max(c.Phi, 1), Pod: c.Pod, DF: c.DF}
}

// requestsPrior is the dispersion of requests between pods: each pod's exposure is
// the time that it was there.
func requestsPrior(n [][]float64) *StreamPrior {
	ones := make([][]float64, len(n))
	for i, col := range n {
		ones[i] = make([]float64, len(col))
		for t, v := range col {
			ones[i][t] = 1
			if queries.IsGap(v) {
				ones[i][t] = math.NaN()
			}
		}
	}
	s := streamPrior(sequential.PlaceboCounts(ones, n))
	s.Exceed = 0
	return &s
}

func ratioOf(x, n queries.Column) float64 {
	var sx, sn float64
	for t := range n {
		if !queries.IsGap(n[t]) && !queries.IsGap(x[t]) {
			sx += x[t]
			sn += n[t]
		}
	}
	if sn <= 0 {
		return 0
	}
	return sx / sn
}

// learnHistogram learns one stream for each bound and the mean stream, and fixes
// how each bound is used.
func (p *Prior) learnHistogram(f queries.Frame, t queries.Process, n [][]float64, horizon float64) {
	width := len(f.Bounds)
	p.Rate = ratioOf(t.Sum, t.N)
	p.Total, _ = sequential.Decay(t.N, make([]float64, len(t.N)))
	p.Streams = make([]StreamPrior, width)
	for k := range p.Streams {
		x := make([][]float64, 0, len(f.Processes))
		for _, pr := range f.Processes {
			x = append(x, every(pr.Over, k, width))
		}
		s := streamPrior(sequential.PlaceboCounts(n, x))
		s.Exceed = ratioOf(every(t.Over, k, width), t.N)
		s.Phi = math.Max(s.Phi, 1-s.Exceed)
		p.Streams[k] = s
	}
	p.UseBounds(horizon)
	p.Series = seriesPrior(columns(f, meanColumn))
}

// every returns every width-th element of c from k on: one bound's column.
func every(c queries.Column, k, width int) queries.Column {
	out := make(queries.Column, 0, len(c)/max(width, 1))
	for i := k; i < len(c); i += width {
		out = append(out, c[i])
	}
	return out
}

func meanColumn(p queries.Process) queries.Column {
	out := queries.Gaps(len(p.N))
	for t := range out {
		if p.N[t] > 0 && t < len(p.Sum) {
			out[t] = p.Sum[t] / p.N[t]
		}
	}
	return out
}

func seriesPrior(v [][]float64) *SeriesPrior {
	s := sequential.PlaceboSeries(v)
	return &SeriesPrior{Var: s.Var, Rho: s.Rho, Pod: s.Pod, DF: s.DF, Scale: s.Scale, Log: s.Log, Skew: s.Skew}
}

// learnSeries learns a gauge's contrast, or a cost's with its idle floor.
func (p *Prior) learnSeries(f queries.Frame, of *queries.Frame) {
	value := func(pr queries.Process) queries.Column {
		if pr.V != nil {
			return pr.V
		}
		return pr.N
	}
	if of == nil {
		v := columns(f, value)
		p.Series = seriesPrior(v)
		p.Rate = p.Series.Scale
		return
	}
	byName := map[string]queries.Process{}
	for _, pr := range of.Processes {
		byName[pr.Name] = pr
	}
	p.Idle = idleFloor(f, byName)
	p.Series = seriesPrior(columns(f, func(pr queries.Process) queries.Column {
		req, ok := byName[pr.Name]
		if !ok {
			return nil
		}
		out := queries.Gaps(len(pr.N))
		for t := range out {
			if req.N[t] > 0 && !queries.IsGap(pr.N[t]) {
				out[t] = (pr.N[t] - p.Idle) / req.N[t]
			}
		}
		return out
	}))
	p.Rate = p.Series.Scale
}

// idleFloor is the intercept of cost on requests over all pods and blocks: what a
// process costs when idle. It lies between 0 and the least cost seen.
func idleFloor(f queries.Frame, requests map[string]queries.Process) float64 {
	var n, sx, sy, sxx, sxy float64
	least := math.Inf(1)
	for _, pr := range f.Processes {
		req, ok := requests[pr.Name]
		if !ok {
			continue
		}
		for t, y := range pr.N {
			if queries.IsGap(y) || t >= len(req.N) || queries.IsGap(req.N[t]) {
				continue
			}
			x := req.N[t]
			n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
			least = math.Min(least, y)
		}
	}
	det := n*sxx - sx*sx
	if n < minPreBlocks || det <= 1e-9*n*sxx {
		return 0
	}
	slope := (n*sxy - sx*sy) / det
	return math.Min(math.Max((sy-slope*sx)/n, 0), least)
}
