package promql

import (
	"context"
	"math"
	"slices"

	"github.com/serin-canary/serin/queries"
)

// gauge evaluates the query at the end of each block.
func (l *look) gauge(ctx context.Context) error {
	if _, err := queries.ParsePromQL(l.rd.Query.Expr); err != nil {
		return l.r.rejected("the query cannot be read: "+err.Error(), err)
	}
	as := l.r.ask(ctx, []question{{l.rd.Query.Expr, l.g.rangeOf(l.g.lead, l.g.points()-1)}})
	if err := firstError(as); err != nil {
		return err
	}
	l.warn(as)
	values := map[string]queries.Column{}
	series := map[string][]float64{} // how many series have a value in each block
	var names []string
	for _, s := range sortedMatrix(as[0].m) {
		name := l.r.processOf(s.Metric)
		if values[name] == nil {
			names = append(names, name)
			values[name] = queries.Gaps(l.g.blocks)
			series[name] = make([]float64, l.g.blocks)
		}
		for _, v := range s.Values {
			b := l.g.index(int64(v.Timestamp)) - l.g.lead
			if b < 0 {
				continue
			}
			if x := float64(v.Value); math.IsNaN(x) || math.IsInf(x, 0) {
				l.note(queries.NoteNotANumber, "the query gave a value that is not a number; those blocks were taken as gaps")
				continue
			}
			series[name][b]++
			if queries.IsGap(values[name][b]) {
				values[name][b] = 0
			}
			values[name][b] += (float64(v.Value) - values[name][b]) / series[name][b]
		}
		if len(s.Histograms) > 0 {
			l.note(queries.NoteNotANumber, "the query gave histograms where values must be; those blocks were taken as gaps")
		}
	}
	slices.Sort(names)
	for _, n := range names {
		l.frame.Processes = append(l.frame.Processes, queries.Process{Name: n, V: values[n]})
	}
	return nil
}
