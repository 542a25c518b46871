package promql

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

const storyBlocks = 12

// story is what truly happened in some processes, and what was seen of it.
type story struct {
	m       model.Matrix
	n, x    map[string][]float64 // requests and errors, by process and block
	restart map[string][]bool
	seen    map[string][]bool // was it scraped at the end of block i-1, for i from 0
}

// drawStory lets processes serve requests, restart, and be missed by scrapes. A
// series begins with its first event, as those of client libraries do.
func drawStory(t *rapid.T) story {
	s := story{n: map[string][]float64{}, x: map[string][]float64{}, restart: map[string][]bool{}, seen: map[string][]bool{}}
	for p := range rapid.IntRange(1, 3).Draw(t, "processes") {
		name := fmt.Sprintf("p%d", p)
		counters := map[string]float64{}
		streams := map[string]*model.SampleStream{}
		from := rapid.IntRange(0, 4).Draw(t, "from")
		for b := range storyBlocks + 1 { // block 0 ends at the start of the window
			n, x, restart := 0.0, 0.0, b > 0 && rapid.IntRange(0, 7).Draw(t, "restart") == 0
			for _, half := range []bool{true, false} {
				for _, code := range []string{"200", "404", "500"} {
					if events := float64(rapid.IntRange(-2, 5).Draw(t, code)); events > 0 {
						counters[code] += events
						n += events
						if code == "500" {
							x += events
						}
					}
				}
				if half && restart {
					clear(counters)
				}
			}
			scraped := b >= from && rapid.IntRange(0, 5).Draw(t, "missed") > 0
			s.seen[name] = append(s.seen[name], scraped && len(counters) > 0)
			if b > 0 {
				s.n[name] = append(s.n[name], n)
				s.x[name] = append(s.x[name], x)
				s.restart[name] = append(s.restart[name], restart)
			}
			if !scraped {
				continue
			}
			at := model.TimeFromUnixNano(promtest.Epoch().Add(time.Duration(b) * time.Minute).UnixNano())
			for code, v := range counters {
				if streams[code] == nil {
					streams[code] = &model.SampleStream{Metric: model.Metric{
						"__name__": "http_requests_total", "job": "shop", "instance": model.LabelValue(name), "code": model.LabelValue(code)}}
					s.m = append(s.m, streams[code])
				}
				streams[code].Values = append(streams[code].Values, model.SamplePair{Timestamp: at, Value: model.SampleValue(v)})
			}
		}
	}
	return s
}

func storyReading() queries.Reading {
	return queries.Reading{Kind: queries.Ratio, Scale: 1,
		Bad:   queries.Counts{{Selector: `http_requests_total{code=~"5.."}`}},
		Total: queries.Counts{{Selector: `http_requests_total`}},
	}
}

// TestTruth compares what is counted with what happened: exactly that where a
// process was seen at both ends of a block and did not restart in it, never more where
// it did, and a gap wherever it was not seen.
func TestTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t)
		f, err := NewReader(&fake{m: s.m}, Options{}).Blocks(context.Background(), storyReading(), window(storyBlocks))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range f.Processes {
			for b := range storyBlocks {
				n, x := p.N[b], p.X[b]
				switch both := s.seen[p.Name][b] && s.seen[p.Name][b+1]; {
				case queries.IsGap(n) != queries.IsGap(x):
					t.Fatalf("%s block %d: got %v of %v, want both or none to be gaps", p.Name, b, x, n)
				case both == queries.IsGap(n):
					t.Fatalf("%s block %d: got %v requests, seen at both ends: %v", p.Name, b, n, both)
				case !both:
				case n > s.n[p.Name][b] || x > s.x[p.Name][b]:
					t.Fatalf("%s block %d: got %v of %v, which invents some of %v of %v", p.Name, b, x, n, s.x[p.Name][b], s.n[p.Name][b])
				case !s.restart[p.Name][b] && (n != s.n[p.Name][b] || x != s.x[p.Name][b]) && !away(s, p.Name, b):
					t.Fatalf("%s block %d: got %v of %v, want %v of %v", p.Name, b, x, n, s.x[p.Name][b], s.n[p.Name][b])
				}
			}
		}
	})
}

// away says whether a process restarted within the reader's memory: a series that
// is back after it, with more than before, counts for no block.
func away(s story, name string, b int) bool {
	for i := max(0, b-5); i < b; i++ {
		if s.restart[name][i] {
			return true
		}
	}
	return false
}

// TestPieces cuts the window anywhere: the counts do not change.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t)
		// What was before the window must be there, or its first blocks could not be known.
		r := NewReader(&fake{m: s.m}, Options{})
		whole, err := r.Blocks(context.Background(), storyReading(), window(storyBlocks))
		if err != nil {
			t.Fatal(err)
		}
		var joined queries.Frame
		for at := 0; at < storyBlocks; {
			n := rapid.IntRange(1, storyBlocks-at).Draw(t, "piece")
			w := window(n)
			w.Start = w.Start.Add(time.Duration(at) * time.Minute)
			w.End = w.End.Add(time.Duration(at) * time.Minute)
			piece, err := r.Blocks(context.Background(), storyReading(), w)
			if err != nil {
				t.Fatal(err)
			}
			if joined, err = joined.Append(piece); err != nil {
				t.Fatal(err)
			}
			at += n
		}
		if d := cmp.Diff(whole.Total(), joined.Total(), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("whole - pieces +:\n%s", d)
		}
	})
}
