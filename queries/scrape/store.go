package scrape

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// bounds are what a store may hold.
type bounds struct {
	retention time.Duration
	series    int
	samples   int
}

// parts is how many segments a full store is cut into, and so the share of it that is
// dropped at once to make room.
const parts = 16

// farthest is how far ahead of the clock a page may date its samples, as in
// Prometheus. A sample dated next year would keep its segment for a year.
const farthest = 10 * time.Minute

// maxLabelBytes bounds one series' labels: without it 50,000 series would bound nothing.
const maxLabelBytes = 4 << 10

// store holds samples within bounds. Pages are committed whole under one lock, so that
// a query never sees half a scrape.
//
// Samples are kept in segments, runs of time that all series share. The oldest segment
// is dropped for all series at once, and what remains of its time is hidden in every
// series: were series truncated one by one, a block at the edge would keep one pod's
// requests and lose another's, and would look like a fall in traffic.
type store struct {
	bounds bounds

	mu       sync.RWMutex
	index    index
	segments []segment // oldest first
	next     int64     // the next segment's number
	samples  int       // weight of all segments
	first    int64     // the first sample's time since the process started
	any      bool      // whether first is set
	floor    int64     // samples before it are hidden: their segment was dropped
	dropped  drops
}

// segment is a run of time that is dropped as one.
type segment struct {
	id         int64
	begun      int64 // the time of the scrape that began it
	minT, maxT int64
	samples    int
}

// line is what one line of a page feeds: a series, once the store has accepted it.
type line struct {
	labels labels.Labels
	series *series
}

// point is one sample on its way into the store. Either h, fh or v holds the value.
type point struct {
	line *line
	t    int64
	v    float64
	h    *histogram.Histogram
	fh   *histogram.FloatHistogram
}

// weight is what a sample counts against the bound: a native histogram is as heavy as
// the classic series that it stands for.
func (p *point) weight() int {
	switch {
	case p.h != nil:
		return 1 + len(p.h.PositiveBuckets) + len(p.h.NegativeBuckets)
	case p.fh != nil:
		return 1 + len(p.fh.PositiveBuckets) + len(p.fh.NegativeBuckets)
	}
	return 1
}

// stale says whether the point ends its series.
func (p *point) stale() bool { return p.h == nil && p.fh == nil && value.IsStaleNaN(p.v) }

func newStore(b bounds) *store {
	return &store{bounds: b, index: newIndex()}
}

// commit adds one scrape's points, whose time is at most now, and sets the series of
// their lines. Points that the bounds do not allow are dropped and counted.
func (st *store) commit(now int64, points []point) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.expire(now)
	need := 0
	for i := range points {
		need += points[i].weight()
	}
	st.room(now, need)
	for i := range points {
		if why := st.add(now, &points[i]); why != kept {
			st.dropped.add(why, now, 1)
		}
	}
}

// refuse counts samples that a scrape did not even offer.
func (st *store) refuse(why reason, now int64, n int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.dropped.add(why, now, n)
}

// tidy drops what is older than the retention, also while nothing is scraped.
func (st *store) tidy(now int64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.expire(now)
}

// expire drops the segments that are older than the retention.
func (st *store) expire(now int64) {
	oldest := now - st.bounds.retention.Milliseconds()
	for len(st.segments) > 0 && st.segments[0].maxT < oldest {
		st.dropOldest()
	}
}

// room opens a new segment where one is due, then drops old ones until need more
// samples fit, or only the newest segment is left.
func (st *store) room(now int64, need int) {
	if n := len(st.segments); n == 0 {
		st.open(now)
	} else {
		last := &st.segments[n-1]
		due := now-last.begun >= st.bounds.retention.Milliseconds()/parts ||
			last.samples >= st.bounds.samples/parts ||
			n == 1 && st.samples+need > st.bounds.samples
		if due && last.samples > 0 {
			st.open(now)
		}
	}
	for st.samples+need > st.bounds.samples && len(st.segments) > 1 {
		st.dropped.add(evicted, now, st.segments[0].samples)
		st.dropOldest()
	}
}

func (st *store) open(now int64) {
	st.segments = append(st.segments, segment{id: st.next, begun: now})
	st.next++
}

// dropOldest forgets the oldest segment, and the series that had samples in it alone.
func (st *store) dropOldest() {
	old := st.segments[0]
	st.segments = slices.Delete(st.segments, 0, 1)
	st.samples -= old.samples
	if old.samples > 0 {
		st.floor = max(st.floor, old.maxT+1)
	}
	var dead []*series
	for _, s := range st.index.all {
		s.dropTo(old.id)
		if len(s.chunks) == 0 {
			s.dead = true
			dead = append(dead, s)
		}
	}
	st.index.remove(dead)
}

// add appends one point, and says why not where it could not.
func (st *store) add(now int64, p *point) reason {
	s := p.line.series
	if s == nil || s.dead {
		if p.stale() {
			return kept // There is nothing left to end.
		}
		if s = st.index.find(p.line.labels); s == nil {
			switch {
			case len(st.index.all) >= st.bounds.series:
				return noSeries
			case p.line.labels.ByteSize() > maxLabelBytes:
				return badLabels
			}
		}
	}
	if p.t > now+farthest.Milliseconds() || p.t < now-st.bounds.retention.Milliseconds() || p.t < st.floor {
		return badTime
	}
	if s != nil && s.has(p.t) {
		if p.stale() {
			return kept // Another line feeds the same series still.
		}
		return badOrder
	}
	w := p.weight()
	if st.samples+w > st.bounds.samples {
		return noSamples
	}
	if s == nil {
		s = st.index.insert(p.line.labels)
	}
	p.line.series = s
	seg := &st.segments[len(st.segments)-1]
	s.append(seg.id, p)
	if seg.samples == 0 {
		seg.minT, seg.maxT = p.t, p.t
	}
	seg.minT, seg.maxT = min(seg.minT, p.t), max(seg.maxT, p.t)
	seg.samples += w
	st.samples += w
	if !st.any || p.t < st.first {
		st.first, st.any = p.t, true
	}
	return kept
}

// since returns the time from which the store answers for every block: the first
// sample, or the end of what was dropped. Known is false before the first sample.
func (st *store) since() (t int64, trimmed, known bool) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	if st.floor > st.first {
		return st.floor, true, st.any
	}
	return st.first, false, st.any
}

// usage is what the store holds now.
type usage struct {
	series, samples int
	dropped         [reasons]uint64
}

func (st *store) usage() usage {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return usage{series: len(st.index.all), samples: st.samples, dropped: st.dropped.counts}
}

// lostWithin says why samples of scrapes in [from, to] were refused, or nothing where
// none was.
func (st *store) lostWithin(from, to int64) []string {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.dropped.within(from, to, st.bounds)
}
