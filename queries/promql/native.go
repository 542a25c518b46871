package promql

import (
	"math"
	"slices"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
)

// maxEdges is how many bounds are read from a native histogram.
const maxEdges = 24

// onlyPlain says whether an answer has plain values and no histogram. Prometheus up
// to 2.42 answers last_over_time of a native histogram with 0; it is then asked for
// the histogram itself, with the time of its sample in bounds.
func onlyPlain(m model.Matrix) bool {
	plain := false
	for _, s := range m {
		if len(s.Histograms) > 0 {
			return false
		}
		plain = plain || len(s.Values) > 0
	}
	return plain
}

// native makes one track of each native histogram.
func (l *look) native(m model.Matrix) []*track {
	if len(l.frame.Bounds) == 0 {
		l.frame.Bounds = l.edges(m)
	}
	var out []*track
	for _, s := range m {
		t := l.newTrack(s.Metric)
		t.role.n = 1
		t.clear(l.g.points(), colBounds+len(l.frame.Bounds))
		for _, h := range s.Histograms {
			if i := l.g.index(int64(h.Timestamp)); i >= 0 && h.Histogram != nil {
				l.fillNative(t.row(i), h.Histogram)
			}
		}
		if len(s.Values) > 0 {
			l.note(queries.NoteNotANumber, "%s gave plain values where native histograms must be; those blocks were taken as gaps", l.rd.Buckets)
		}
		out = append(out, t)
	}
	return out
}

// fillNative writes one histogram into a row. A bound inside a bucket that holds
// observations is not known.
func (l *look) fillNative(row []float64, h *model.SampleHistogram) {
	row[colCount] = l.number(float64(h.Count), l.rd.Buckets)
	row[colSum] = float64(h.Sum) * l.rd.Scale
	if math.IsInf(row[colSum], 0) || math.IsNaN(row[colSum]) {
		l.note(queries.NoteNotANumber, "the histogram's sum is not a number (an observation was not); its blocks were taken as gaps")
		row[colSum] = math.NaN()
	}
	for k, bound := range l.frame.Bounds {
		sum := 0.0
		for _, b := range h.Buckets {
			switch count := float64(b.Count); {
			case atMost(float64(b.Upper)*l.rd.Scale, bound):
				sum += count
			case !atMost(bound, float64(b.Lower)*l.rd.Scale) && count != 0:
				sum = math.NaN()
			}
		}
		row[colBounds+k] = sum
	}
}

// atMost says whether edge a is at or below edge b. Edges of different schemas that
// are meant to be equal differ in their last bits.
func atMost(a, b float64) bool {
	if math.IsInf(a, 0) || math.IsInf(b, 0) {
		return a <= b
	}
	return a <= b+1e-9*math.Abs(b)
}

// edges chooses bounds for native histograms: edges of their buckets that no
// bucket of any of them straddles, which are those of the coarsest schema; thinned
// to maxEdges by keeping those of a coarser schema still.
func (l *look) edges(m model.Matrix) []float64 {
	type bucket struct{ lower, upper float64 }
	buckets := map[bucket]bool{}
	var es []float64
	for _, s := range m {
		for _, h := range s.Histograms {
			if h.Histogram == nil {
				continue
			}
			for _, b := range h.Histogram.Buckets {
				k := bucket{float64(b.Lower) * l.rd.Scale, float64(b.Upper) * l.rd.Scale}
				if b.Count <= 0 || buckets[k] || !(k.lower < k.upper) {
					continue
				}
				buckets[k] = true
				for _, e := range []float64{k.lower, k.upper} {
					if e > 0 && !math.IsInf(e, 0) {
						es = append(es, e)
					}
				}
			}
		}
	}
	slices.Sort(es)
	es = slices.CompactFunc(es, func(a, b float64) bool { return atMost(a, b) && atMost(b, a) })
	es = slices.DeleteFunc(es, func(e float64) bool {
		for b := range buckets {
			if !atMost(e, b.lower) && !atMost(b.upper, e) {
				return true
			}
		}
		return false
	})
	return thin(es, l.rd.Scale)
}

// thin keeps at most maxEdges of the edges. Exponential schemas nest: every second
// edge of one is an edge of the next coarser, 2^(k·2^-s) for whole k. Edges that are
// not of that kind (custom buckets) are thinned evenly.
func thin(es []float64, scale float64) []float64 {
	const finest, coarsest = 8, -4
	for s := finest; s >= coarsest && len(es) > maxEdges; s-- {
		var keep []float64
		for _, e := range es {
			x := math.Log2(e/scale) * math.Exp2(float64(s))
			if math.Abs(x-math.Round(x)) < 1e-6 {
				keep = append(keep, e)
			}
		}
		if len(keep) < maxEdges/4 {
			break
		}
		es = keep
	}
	if every := (len(es) + maxEdges - 1) / maxEdges; every > 1 {
		var keep []float64
		for i := every - 1; i < len(es); i += every {
			keep = append(keep, es[i])
		}
		es = keep
	}
	return es
}
