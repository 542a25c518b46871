package scrape

import (
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// chunkSamples is how many samples a chunk takes before the next is begun. The newest
// chunk is copied for each query, so that it should not grow large.
const chunkSamples = 120

// series is one series' samples, oldest first. Its fields belong to the store's lock.
type series struct {
	labels labels.Labels
	hash   uint64
	chunks []chunk
	last   chunkenc.Appender // of the newest chunk; nil where the next sample begins a chunk
	dead   bool              // the store has forgotten it; a line that feeds it must ask again
}

// chunk is a compressed run of samples of one kind within one segment.
type chunk struct {
	segment    int64
	minT, maxT int64
	data       chunkenc.Chunk
}

// has reports whether the series has a sample at t or later: it takes no other.
func (s *series) has(t int64) bool {
	n := len(s.chunks)
	return n > 0 && s.chunks[n-1].maxT >= t
}

// append adds a sample that is newer than all others of the series.
func (s *series) append(segment int64, p *point) {
	kind := chunkenc.EncXOR
	switch {
	case p.h != nil:
		kind = chunkenc.EncHistogram
	case p.fh != nil:
		kind = chunkenc.EncFloatHistogram
	}
	n := len(s.chunks)
	prev := s.last
	if s.last == nil || s.chunks[n-1].segment != segment || s.chunks[n-1].data.Encoding() != kind ||
		s.chunks[n-1].data.NumSamples() >= chunkSamples {
		s.begin(segment, p.t, kind)
	}
	now := &s.chunks[len(s.chunks)-1]
	var (
		next     chunkenc.Chunk
		recoded  bool
		appender chunkenc.Appender
		err      error
	)
	switch kind {
	case chunkenc.EncHistogram:
		next, recoded, appender, err = s.last.AppendHistogram(prev, 0, p.t, p.h, false)
	case chunkenc.EncFloatHistogram:
		next, recoded, appender, err = s.last.AppendFloatHistogram(prev, 0, p.t, p.fh, false)
	default:
		s.last.Append(0, p.t, p.v)
		appender = s.last
	}
	if err != nil { // Only an append that may not change the chunk can fail; ours may.
		panic(fmt.Sprintf("scrape: chunk refused a sample: %v", err))
	}
	switch {
	case next == nil:
	case recoded: // The buckets' layout grew: all of the chunk was written anew.
		now.data = next
	default: // A reset, or another schema: a histogram chunk holds neither.
		s.chunks = append(s.chunks, chunk{segment: segment, minT: p.t, data: next})
		now = &s.chunks[len(s.chunks)-1]
	}
	s.last, now.maxT = appender, p.t
}

// begin closes the newest chunk and opens another.
func (s *series) begin(segment, t int64, kind chunkenc.Encoding) {
	if n := len(s.chunks); n > 0 {
		s.chunks[n-1].data.Compact()
	}
	data, err := chunkenc.NewEmptyChunk(kind)
	if err == nil {
		s.last, err = data.Appender()
	}
	if err != nil { // The kinds are ours, and an empty chunk can always be appended to.
		panic(fmt.Sprintf("scrape: new chunk: %v", err))
	}
	s.chunks = append(s.chunks, chunk{segment: segment, minT: t, maxT: t, data: data})
}

// dropTo forgets the samples of segments up to one.
func (s *series) dropTo(segment int64) {
	n := 0
	for n < len(s.chunks) && s.chunks[n].segment <= segment {
		n++
	}
	if n == 0 {
		return
	}
	// A new slice, so that the dropped chunks' places are freed too.
	s.chunks = append([]chunk(nil), s.chunks[n:]...)
	if len(s.chunks) == 0 {
		s.chunks, s.last = nil, nil
	}
}

// between returns the chunks with samples in [from, to]. What it returns is not
// written to any more: the newest chunk is copied. The second result is whether the
// series has any.
func (s *series) between(from, to int64) ([]chunkenc.Chunk, bool) {
	var found []chunkenc.Chunk
	for i, c := range s.chunks {
		if c.maxT < from || c.minT > to {
			continue
		}
		data := c.data
		if i == len(s.chunks)-1 {
			data = copied(data)
		}
		found = append(found, data)
	}
	return found, len(found) > 0
}

func copied(c chunkenc.Chunk) chunkenc.Chunk {
	same, err := chunkenc.FromData(c.Encoding(), append([]byte(nil), c.Bytes()...))
	if err != nil { // The kinds are ours.
		panic(fmt.Sprintf("scrape: copy of a chunk: %v", err))
	}
	return same
}
