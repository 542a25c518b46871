package promql

import (
	"context"

	"github.com/prometheus/common/model"
)

// within says of each counter which other one has all of its series, and more:
// requests that failed are among all requests. Such a counter need not be asked for,
// since its series are in the other's answer; that the two are of one moment comes with
// it. A counter that stands alone is within itself.
func within(arms []arm) []int {
	out := make([]int, len(arms))
	for i := range arms {
		out[i] = i
		for k := range arms {
			if arms[k].contains(arms[i]) && !arms[i].contains(arms[k]) && (out[i] == i || arms[k].contains(arms[out[i]])) {
				out[i] = k
			}
		}
	}
	return out
}

// contains reports whether every series of b is one of a: the names are the same, and
// b has all of a's matchers. It may overlook that where matchers are written differently.
func (a arm) contains(b arm) bool {
	if a.parsed.name == "" || a.parsed.name != b.parsed.name {
		return false
	}
	for _, m := range a.parsed.matchers {
		if !has(b.parsed.matchers, m) {
			return false
		}
	}
	return true
}

// selects reports whether a series that has the selector's name matches it.
func (p parsedSelector) selects(m model.Metric) bool {
	for _, want := range p.matchers {
		if !want.Matches(string(m[model.LabelName(want.Name)])) {
			return false
		}
	}
	return true
}

// readArms asks for counters, and for extra questions beside them; the answers come in
// that order, one for each counter.
func (l *look) readArms(ctx context.Context, arms []arm, extra []question) ([]answer, error) {
	of := within(arms)
	var ss []selector
	for i, k := range of {
		if k == i {
			ss = append(ss, arms[i].selector)
		}
	}
	got, err := l.read(ctx, ss, extra)
	if err != nil {
		return nil, err
	}
	as := make([]answer, len(arms), len(arms)+len(extra))
	n := 0
	for i, k := range of {
		if k == i {
			as[i] = got[n]
			n++
		}
	}
	if err := l.fillWithin(ctx, arms, as, of); err != nil {
		return nil, err
	}
	return append(as, got[n:]...), nil
}

// fillWithin takes the series of counters that are within others out of those, or asks
// for them where series came as sums, which have lost their labels.
func (l *look) fillWithin(ctx context.Context, arms []arm, as []answer, of []int) error {
	var asked []int
	var qs []question
	for i, k := range of {
		switch {
		case k == i:
		case l.summed:
			asked, qs = append(asked, i), append(qs, l.last(arms[i].selector))
		default:
			for _, s := range as[k].m {
				if arms[i].parsed.selects(s.Metric) {
					as[i].m = append(as[i].m, s)
				}
			}
		}
	}
	if len(qs) == 0 {
		return nil
	}
	got := l.r.ask(ctx, qs)
	if err := firstError(got); err != nil {
		return err
	}
	l.warn(got)
	for n, i := range asked {
		as[i] = got[n]
	}
	return nil
}
