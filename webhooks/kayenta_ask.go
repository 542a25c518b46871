package webhooks

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/serin-canary/serin/queries"
)

// kayentaAtOnce bounds the queries of one execution that are under way.
const kayentaAtOnce = 8

// read asks a source for both sides of every metric, and pairs what it answers. The
// first error ends it: nothing is judged on a part.
func readPairs(ctx context.Context, source queries.Source, id string, asked []askedMetric) ([]kayentaPair, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx = queries.WithAsker(ctx, queries.Asker{Rollout: "kayenta-" + id, At: ready(asked), Lag: kayentaLag})
	pairs := make([]kayentaPair, len(asked))
	slots := make(chan struct{}, kayentaAtOnce)
	var wg sync.WaitGroup
	for i, a := range asked {
		pairs[i] = kayentaPair{
			Name: a.metric.Name, ID: id + "-" + strconv.Itoa(i), overlap: a.overlap(),
			Scopes:     map[string]kayentaTiming{"control": a.control.timing(), "experiment": a.experiment.timing()},
			Attributes: map[string]kayentaAsked{"control": {a.control.text}, "experiment": {a.experiment.text}},
		}
		for _, part := range [...]struct {
			from side
			to   *kayentaSamples
		}{{a.control, &pairs[i].Values.Control}, {a.experiment, &pairs[i].Values.Experiment}} {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				values, err := part.from.read(ctx, source)
				if err != nil {
					cancel(fmt.Errorf("metric %q: %w", a.metric.Name, err))
					return
				}
				*part.to = values
			})
		}
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return pairs, nil
}

// overlap is how many samples a step apart rest on the same data: those of a rate over
// five minutes, taken each minute, five.
func (s side) overlap() int {
	r, err := queries.Understand(queries.Query{Lang: queries.PromQL, Expr: s.text})
	if err != nil || r.Range <= s.window.Block {
		return 1
	}
	return int((r.Range + s.window.Block - 1) / s.window.Block)
}

// overlap is that of the side that has more.
func (a askedMetric) overlap() int { return max(a.control.overlap(), a.experiment.overlap()) }

// read asks for one side. A query that gives several series is refused: their average
// is not what the metric's author meant.
func (s side) read(ctx context.Context, source queries.Source) (kayentaSamples, error) {
	if !s.single {
		n, err := s.values(ctx, source, "count("+s.text+")")
		if err != nil {
			return nil, err
		}
		for _, v := range n {
			if v > 1 {
				return nil, &queries.Error{Fault: queries.Rejected, Source: "kayenta", Text: fmt.Sprintf(
					"the query gives %v series at once, and one is judged; aggregate it with sum, avg or max: %s", v, oneLine(s.text, 300))}
			}
		}
	}
	return s.values(ctx, source, s.text)
}

// values asks for a value at the end of each step.
func (s side) values(ctx context.Context, source queries.Source, expr string) (kayentaSamples, error) {
	q := queries.Query{Lang: queries.PromQL, Expr: expr}
	frame, err := source.Blocks(ctx, queries.Reading{Kind: queries.Gauge, Query: q, Scale: 1}, s.window)
	if err != nil {
		return nil, err
	}
	out := make(kayentaSamples, s.window.Len())
	for i := range out {
		out[i] = math.NaN()
	}
	if len(frame.Processes) > 1 {
		return nil, &queries.Error{Fault: queries.Rejected, Source: "kayenta", Text: fmt.Sprintf(
			"the query gives a series for each of %d processes, and one is judged; aggregate it with sum, avg or max: %s", len(frame.Processes), oneLine(expr, 300))}
	}
	for _, p := range frame.Processes {
		copy(out, p.V)
	}
	return out, nil
}
