package scrape

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

// Querier implements storage.Queryable.
func (st *store) Querier(mint, maxt int64) (storage.Querier, error) {
	return &querier{store: st, mint: mint, maxt: maxt}, nil
}

// querier answers one query's selects. Each sees whole scrapes only.
type querier struct {
	store      *store
	mint, maxt int64
}

// Close implements storage.Querier.
func (*querier) Close() error { return nil }

// Select implements storage.Querier.
func (q *querier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	if err := ctx.Err(); err != nil {
		return storage.ErrSeriesSet(err)
	}
	from, to := q.mint, q.maxt
	if hints != nil {
		from, to = max(from, hints.Start), min(to, hints.End)
	}
	found := q.store.selected(from, to, matchers)
	if sorted {
		slices.SortFunc(found, func(a, b snapshot) int { return labels.Compare(a.labels, b.labels) })
	}
	return &seriesSet{found: found, at: -1}
}

// selected returns the matching series with samples in [from, to] that are not hidden.
func (st *store) selected(from, to int64, matchers []*labels.Matcher) []snapshot {
	st.mu.RLock()
	defer st.mu.RUnlock()
	from = max(from, st.floor)
	var found []snapshot
	for _, s := range st.index.match(matchers) {
		if chunks, ok := s.between(from, to); ok {
			found = append(found, snapshot{labels: s.labels, chunks: chunks, from: from, to: to})
		}
	}
	return found
}

// LabelValues implements storage.LabelQuerier.
func (q *querier) LabelValues(_ context.Context, name string, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.distinct(hints, matchers, func(ls labels.Labels, add func(string)) {
		if v := ls.Get(name); v != "" {
			add(v)
		}
	}), nil, nil
}

// LabelNames implements storage.LabelQuerier.
func (q *querier) LabelNames(_ context.Context, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.distinct(hints, matchers, func(ls labels.Labels, add func(string)) {
		ls.Range(func(l labels.Label) { add(l.Name) })
	}), nil, nil
}

// distinct collects strings of the matching series, sorted.
func (q *querier) distinct(hints *storage.LabelHints, matchers []*labels.Matcher, of func(labels.Labels, func(string))) []string {
	seen := map[string]struct{}{}
	for _, s := range q.store.selected(q.mint, q.maxt, matchers) {
		of(s.labels, func(v string) { seen[v] = struct{}{} })
	}
	all := make([]string, 0, len(seen))
	for v := range seen {
		all = append(all, v)
	}
	slices.Sort(all)
	all, _ = hints.ApplyLimit(all)
	return all
}

// snapshot is a series as it was when it was selected.
type snapshot struct {
	labels   labels.Labels
	chunks   []chunkenc.Chunk
	from, to int64
}

// Labels implements storage.Series.
func (s *snapshot) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *snapshot) Iterator(again chunkenc.Iterator) chunkenc.Iterator {
	it, ok := again.(*iterator)
	if !ok {
		it = &iterator{}
	}
	it.left, it.from, it.to, it.done = s.chunks, s.from, s.to, false
	it.at = chunkenc.ValNone
	if it.Iterator == nil {
		it.Iterator = chunkenc.NewNopIterator()
	}
	it.open()
	return it
}

// seriesSet implements storage.SeriesSet.
type seriesSet struct {
	found []snapshot
	at    int
}

func (s *seriesSet) Next() bool                      { s.at++; return s.at < len(s.found) }
func (s *seriesSet) At() storage.Series              { return &s.found[s.at] }
func (*seriesSet) Err() error                        { return nil }
func (*seriesSet) Warnings() annotations.Annotations { return nil }

// iterator walks a snapshot's samples in [from, to]. The embedded iterator is that of
// the chunk in hand; it answers for the sample that Next or Seek stopped at.
type iterator struct {
	chunkenc.Iterator
	left     []chunkenc.Chunk // after the chunk in hand
	from, to int64
	at       chunkenc.ValueType
	done     bool
}

// open takes the next chunk in hand, and reports whether there was one.
func (it *iterator) open() bool {
	if len(it.left) == 0 {
		return false
	}
	it.Iterator = it.left[0].Iterator(it.Iterator)
	it.left = it.left[1:]
	return true
}

// Next implements chunkenc.Iterator.
func (it *iterator) Next() chunkenc.ValueType {
	for !it.done {
		kind := it.Iterator.Next()
		switch {
		case kind == chunkenc.ValNone:
			it.done = it.Iterator.Err() != nil || !it.open()
		case it.AtT() > it.to:
			it.done = true
		case it.AtT() >= it.from:
			it.at = kind
			return kind
		}
	}
	it.at = chunkenc.ValNone
	return it.at
}

// instant is a time in milliseconds since the Unix epoch. As an alias it also keeps vet
// from taking Seek for a broken io.Seeker.
type instant = int64

// Seek implements chunkenc.Iterator.
func (it *iterator) Seek(t instant) chunkenc.ValueType {
	if it.at != chunkenc.ValNone && it.AtT() >= t {
		return it.at
	}
	for it.Next() != chunkenc.ValNone {
		if it.AtT() >= t {
			break
		}
	}
	return it.at
}
