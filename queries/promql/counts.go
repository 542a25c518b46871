package promql

import (
	"context"
	"math"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
)

// arm is one counter of a reading with the ways in which it is counted.
type arm struct {
	selector
	parsed parsedSelector
	role   role
	native bool // its observations are counted
}

// counts answers a Ratio or a Counter.
func (l *look) counts(ctx context.Context) error {
	arms, err := l.arms()
	if err != nil {
		return err
	}
	checks := l.existence(arms)
	as, err := l.readArms(ctx, arms, questions(checks))
	if err == nil && l.withoutHistograms(arms, as) {
		l.old = true
		as, err = l.readArms(ctx, arms, questions(checks))
	}
	if err != nil {
		return err
	}
	var tracks []*track
	found := make([]int, len(arms))
	for i, a := range arms {
		ts := l.counters(as[i].m, a)
		found[i] = len(ts)
		tracks = append(tracks, ts...)
	}
	sortTracks(tracks)
	for _, p := range units(tracks) {
		l.frame.Processes = append(l.frame.Processes, l.count(p))
	}
	for i, a := range as[len(arms):] {
		checks[i].exists = len(a.m) > 0
	}
	return l.neverSeen(ctx, arms, as[:len(arms)], checks)
}

// arms lists the distinct counters of the reading: the requests, and the bad
// events. A counter that is both is asked for once.
func (l *look) arms() ([]arm, error) {
	var out []arm
	add := func(cs queries.Counts, set func(r *role, sign float64)) error {
		for _, c := range cs {
			sign := 1.0
			if c.Minus {
				sign = -1
			}
			k := -1
			for i := range out {
				if out[i].text == c.Selector && out[i].native == c.Native {
					k = i
				}
			}
			if k < 0 {
				p, err := parseSelector(c.Selector)
				if err != nil {
					return l.r.rejected("the selector "+c.Selector+" cannot be read: "+err.Error(), err)
				}
				out = append(out, arm{selector: selector{text: c.Selector}, parsed: p, native: c.Native})
				k = len(out) - 1
			}
			set(&out[k].role, sign)
		}
		return nil
	}
	if len(l.rd.Total) == 0 {
		return nil, l.r.rejected("the reading names no counter of requests", nil)
	}
	if err := add(l.rd.Total, func(r *role, s float64) { r.n += s }); err != nil {
		return nil, err
	}
	if l.rd.Kind == queries.Counter {
		return out, nil
	}
	if len(l.rd.Bad) == 0 {
		return nil, l.r.rejected("the reading names no counter of bad events", nil)
	}
	return out, add(l.rd.Bad, func(r *role, s float64) { r.x += s })
}

// withoutHistograms reports whether a server gave numbers in the place of native
// histograms, as those do whose last_over_time does not know them.
func (l *look) withoutHistograms(arms []arm, as []answer) bool {
	for i, a := range arms {
		if a.native && !l.old && onlyPlain(as[i].m) {
			return true
		}
	}
	return false
}

// counters makes tracks of a counter's series.
func (l *look) counters(m model.Matrix, a arm) []*track {
	var out []*track
	for _, s := range m {
		t := l.newTrack(s.Metric)
		t.key += "\xff" + string(s.Metric[model.MetricNameLabel])
		t.role = a.role
		t.clear(l.g.points(), 1)
		for _, v := range s.Values {
			i := l.g.index(int64(v.Timestamp))
			switch {
			case i < 0:
			case a.native:
				t.v[i] = math.Inf(1)
				l.note(queries.NoteNotANumber, "%s gave numbers where native histograms must be; those blocks were taken as gaps", a.text)
			default:
				t.v[i] = l.number(float64(v.Value), a.text)
			}
		}
		for _, h := range s.Histograms {
			if i := l.g.index(int64(h.Timestamp)); i >= 0 {
				if a.native && h.Histogram != nil {
					t.v[i] = l.number(float64(h.Histogram.Count), a.text)
					continue
				}
				t.v[i] = math.Inf(1)
				l.note(queries.NoteNotANumber, "%s gave histograms where counts must be; those blocks were taken as gaps", a.text)
			}
		}
		out = append(out, t)
	}
	return out
}

// number takes a sample that must be a count.
func (l *look) number(v float64, of string) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		l.note(queries.NoteNotANumber, "%s gave a value that is not a count; those blocks were taken as gaps", of)
		return math.Inf(1)
	}
	return v
}

// count counts one process of a Ratio or Counter.
func (l *look) count(p process) queries.Process {
	n := l.g.blocks
	out := queries.Process{Name: p.name, N: queries.Gaps(n)}
	if l.rd.Kind == queries.Ratio {
		out.X = queries.Gaps(n)
	}
	for b := range n {
		all, total, ok := l.blockOf(p, l.g.lead+b)
		if !ok {
			continue
		}
		out.N[b] = math.Max(0, total)
		if out.X != nil {
			out.X[b] = math.Max(0, all)
		}
	}
	return out
}

// blockOf adds up the bad and all requests of a process in the block that ends at
// instant i; ok is false for a gap.
func (l *look) blockOf(p process, i int) (bad, total float64, ok bool) {
	for _, u := range p.units {
		switch {
		case u.known(i) && !u.broken(i):
		case u.requests:
			continue // this target has a gap; the process's others may not
		case u.seen(l.g.points()):
			return 0, 0, false // bad events that nobody saw are not zero
		default:
			continue
		}
		x, n, whole := l.grown(u, i)
		if !whole {
			if u.requests {
				continue
			}
			return 0, 0, false
		}
		bad, total = bad+x, total+n
		ok = ok || u.requests
	}
	return bad, total, ok
}

// grown adds up what the series of one unit grew by; whole is false where that
// cannot be told.
func (l *look) grown(u *unit, i int) (x, n float64, whole bool) {
	var d [1]float64
	for _, t := range u.tracks {
		switch l.growth(t, i, d[:]) {
		case grew:
			x += t.role.x * d[0]
			n += t.role.n * d[0]
		case fell:
			return 0, 0, false
		}
	}
	return x, n, true
}
