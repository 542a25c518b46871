package promql

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
)

// track is what one series was at each instant: width numbers, of which the first
// says whether it was there (NaN: it was not; an infinity: what it was is not a
// number). Counters have one. A histogram has its count, its sum, and how many
// observations were at most each bound; of these, NaN means that it is not known.
type track struct {
	target  string // job and instance
	process string // the name of its process
	key     string // all its labels
	role    role
	width   int
	v       []float64
}

// role says how a counter enters a count: 0, 1 or -1 times.
type role struct{ n, x float64 }

// The numbers of a histogram's track.
const (
	colCount  = 0
	colSum    = 1
	colBounds = 2
)

func (l *look) newTrack(m model.Metric, without ...model.LabelName) *track {
	t := &track{key: keyOf(m, without), process: l.r.processOf(m), width: 1}
	t.target = string(m["job"]) + "\x00" + string(m["instance"])
	if len(t.target) == 1 {
		// Series without a scrape target stem from pushes or relabelling; the name of
		// their process is all that is known of where they come from.
		t.target = "\x00" + t.process
	}
	return t
}

// clear sets the track to absent everywhere.
func (t *track) clear(points, width int) {
	t.width = width
	t.v = queries.Gaps(points * width)
}

// row is the numbers at one instant.
func (t *track) row(i int) []float64 { return t.v[i*t.width : (i+1)*t.width] }

// there says whether the series had a sample at the instant.
func (t *track) there(i int) bool { return !math.IsNaN(t.v[i*t.width]) }

// broken says whether a count at the instant was not a number.
func (t *track) broken(i int) bool {
	for c, v := range t.row(i) {
		if c != colSum && math.IsInf(v, 0) {
			return true
		}
	}
	return false
}

// processOf names the process of a series.
func (r *Reader) processOf(m model.Metric) string {
	for _, name := range r.o.Process {
		if v := m[model.LabelName(name)]; v != "" {
			return string(v)
		}
	}
	return ""
}

// keyOf writes a series' labels without its name and without some others, so that
// equal series have equal keys.
func keyOf(m model.Metric, without []model.LabelName) string {
	names := make([]model.LabelName, 0, len(m))
	for n := range m {
		if n != model.MetricNameLabel && !slices.Contains(without, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, n := range names {
		b.WriteString(string(n))
		b.WriteByte(0xff)
		b.WriteString(string(m[n]))
		b.WriteByte(0xff)
	}
	return b.String()
}

// change is what a series did over a block.
type change int

const (
	still change = iota // no sample at its end: nothing is counted
	grew                // it grew by a known amount
	back                // it is back from an absence; its growth belongs to no block
	fell                // it fell, and it is a sum: some series ended or was reset
)

// growth writes what the series grew by between the instants i-1 and i.
func (l *look) growth(t *track, i int, dst []float64) change {
	now := t.row(i)
	if !t.there(i) {
		return still
	}
	if t.there(i - 1) {
		before := t.row(i - 1)
		if l.fall(before, now) {
			if l.summed {
				return fell
			}
			copy(dst, now)
			return grew
		}
		for c := range now {
			dst[c] = now[c] - before[c]
			if c != colSum && dst[c] < 0 {
				dst[c] = 0
			}
		}
		return grew
	}
	for k := i - 2; k >= 0 && k >= i-l.g.lead; k-- {
		if t.there(k) {
			if t.broken(k) || !l.fall(t.row(k), now) {
				return back
			}
			break
		}
	}
	copy(dst, now)
	return grew
}

// fall says whether any count of a series is less than it was. The sum of a
// histogram may fall by itself: observations can be negative.
func (l *look) fall(before, now []float64) bool {
	for c := range now {
		slack := 0.0
		if l.summed {
			slack = 1e-9 * math.Abs(before[c]) // sums of floats depend on their order
		}
		if c != colSum && now[c] < before[c]-slack {
			return true
		}
	}
	return false
}

// sortTracks puts tracks into the order in which they are added up, so that equal
// samples give equal sums to the last bit.
func sortTracks(ts []*track) {
	slices.SortFunc(ts, func(a, b *track) int {
		return cmp.Or(cmp.Compare(a.process, b.process), cmp.Compare(a.target, b.target),
			cmp.Compare(b.role.n, a.role.n), cmp.Compare(b.role.x, a.role.x), cmp.Compare(a.key, b.key))
	})
}
