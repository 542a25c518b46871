package promql

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
)

// histogram answers a Histogram.
func (l *look) histogram(ctx context.Context) error {
	p, err := parseSelector(l.rd.Buckets)
	if err != nil {
		return l.r.rejected("the selector "+l.rd.Buckets+" cannot be read: "+err.Error(), err)
	}
	if l.rd.Scale < 0 || math.IsInf(l.rd.Scale, 0) || math.IsNaN(l.rd.Scale) {
		return l.r.rejected("a histogram's scale must be above zero, not "+strconv.FormatFloat(l.rd.Scale, 'g', -1, 64), nil)
	}
	ss := []selector{{text: l.rd.Buckets}}
	if !l.rd.Native {
		ss[0].by = []string{model.BucketLabel}
		if sum, ok := sumOf(p); ok {
			ss = append(ss, selector{text: sum})
		}
	}
	as, err := l.read(ctx, ss, nil)
	if err != nil {
		return err
	}
	if l.rd.Native && onlyPlain(as[0].m) {
		l.old = true
		if as, err = l.read(ctx, ss, nil); err != nil {
			return err
		}
	}
	var tracks []*track
	if l.rd.Native {
		tracks = l.native(as[0].m)
	} else {
		var sums model.Matrix
		if len(as) > 1 {
			sums = as[1].m
		}
		tracks = l.classic(as[0].m, sums)
		if err := l.incomplete(ctx, ss[0], tracks); err != nil {
			return err
		}
	}
	sortTracks(tracks)
	for _, p := range units(tracks) {
		l.frame.Processes = append(l.frame.Processes, l.observe(p))
	}
	return nil
}

// sumOf is the selector of the sum that belongs to a classic histogram's buckets.
func sumOf(p parsedSelector) (string, bool) {
	base, ok := strings.CutSuffix(p.name, "_bucket")
	if !ok {
		return "", false
	}
	sum := parsedSelector{name: base + "_sum"}
	for _, m := range p.matchers {
		if m.Name != model.BucketLabel {
			sum.matchers = append(sum.matchers, m)
		}
	}
	return sum.text(), true
}

// classic makes one track of each set of _bucket series that differ in le alone,
// with its _sum where there is one.
func (l *look) classic(buckets, sums model.Matrix) []*track {
	if len(l.frame.Bounds) == 0 {
		l.frame.Bounds = l.boundsOf(buckets)
	}
	at := map[string]*track{}
	var out []*track
	for _, s := range buckets {
		le, err := strconv.ParseFloat(string(s.Metric[model.BucketLabel]), 64)
		if err != nil || math.IsNaN(le) {
			continue
		}
		t := l.newTrack(s.Metric, model.BucketLabel)
		if at[t.key] == nil {
			t.role.n = 1
			t.clear(l.g.points(), colBounds+len(l.frame.Bounds))
			at[t.key] = t
			out = append(out, t)
		}
		col := colCount
		if !math.IsInf(le, 1) {
			k, ok := slices.BinarySearch(l.frame.Bounds, le*l.rd.Scale)
			if !ok {
				continue
			}
			col = colBounds + k
		}
		l.fill(at[t.key], col, s, l.rd.Buckets)
	}
	for _, s := range sums {
		if t := at[keyOf(s.Metric, []model.LabelName{model.BucketLabel})]; t != nil {
			l.fill(t, colSum, s, "the histogram's sum")
		}
	}
	return out
}

// incomplete blots out the bounds at which a sum over series does not hold all of
// them: where handlers have different buckets, a sum at a bound that some lack is
// too small, and all that those observed would seem to be over it.
func (l *look) incomplete(ctx context.Context, s selector, tracks []*track) error {
	if !l.summed {
		return nil
	}
	q := l.last(s)
	q.expr = "count" + strings.TrimPrefix(q.expr, "sum")
	as := l.r.ask(ctx, []question{q})
	if err := firstError(as); err != nil {
		return err
	}
	members := map[string]*track{}
	for _, t := range l.classic(as[0].m, nil) {
		members[t.key] = t
	}
	for _, t := range tracks {
		m := members[t.key]
		for i := range l.g.points() {
			for c := colBounds; c < t.width; c++ {
				if m == nil || m.row(i)[c] != m.row(i)[colCount] {
					t.row(i)[c] = math.NaN()
				}
			}
		}
	}
	return nil
}

// fill writes one series into a column of a track.
func (l *look) fill(t *track, col int, s *model.SampleStream, of string) {
	for _, v := range s.Values {
		i := l.g.index(int64(v.Timestamp))
		if i < 0 {
			continue
		}
		x := float64(v.Value)
		if col != colSum {
			t.row(i)[col] = l.number(x, of)
			continue
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			l.note(queries.NoteNotANumber, "%s is not a number (an observation was not); its blocks were taken as gaps", of)
			continue
		}
		t.row(i)[col] = x * l.rd.Scale
	}
}

// boundsOf lists the finite bounds of all series, scaled, ascending.
func (l *look) boundsOf(buckets model.Matrix) []float64 {
	var out []float64
	for _, s := range buckets {
		le, err := strconv.ParseFloat(string(s.Metric[model.BucketLabel]), 64)
		if err == nil && !math.IsInf(le, 0) && !math.IsNaN(le) {
			out = append(out, le*l.rd.Scale)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// observe counts one process of a Histogram.
func (l *look) observe(p process) queries.Process {
	n, k := l.g.blocks, len(l.frame.Bounds)
	out := queries.Process{Name: p.name, N: queries.Gaps(n), Sum: queries.Gaps(n), Over: queries.Gaps(n * k)}
	sums := make([]float64, colBounds+k)
	d := make([]float64, colBounds+k)
	for b := range n {
		i := l.g.lead + b
		clear(sums)
		ok := false
		for _, u := range p.units {
			if u.known(i) && !u.broken(i) {
				ok = l.observed(u, i, sums, d) || ok
			}
		}
		if !ok {
			continue
		}
		out.N[b], out.Sum[b] = sums[colCount], sums[colSum]
		copy(out.Over[b*k:], sums[colBounds:])
	}
	return out
}

// observed adds what one unit observed in a block to sums: the count, the sum, and
// how many observations were over each bound. It adds nothing and returns false
// where that cannot be told.
func (l *look) observed(u *unit, i int, sums, d []float64) bool {
	add := make([]float64, len(sums))
	for _, t := range u.tracks {
		switch l.growth(t, i, d) {
		case fell:
			return false
		case grew:
			if d[colCount] == 0 {
				continue // nothing was observed, also where bounds are missing
			}
			add[colCount] += d[colCount]
			add[colSum] += d[colSum]
			for c := colBounds; c < len(d); c++ {
				// A missing bound is NaN, and stays so in the sum: a gap.
				add[c] += math.Max(0, d[colCount]-d[c])
			}
		}
	}
	for c := range add {
		sums[c] += add[c]
	}
	return true
}

// sortedMatrix orders series by their labels, so that sums over them are equal to
// the last bit from call to call.
func sortedMatrix(m model.Matrix) model.Matrix {
	slices.SortFunc(m, func(a, b *model.SampleStream) int {
		return strings.Compare(keyOf(a.Metric, nil), keyOf(b.Metric, nil))
	})
	return m
}
