package scrape

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"pgregory.net/rapid"
)

// lines returns n lines of one metric.
func linesOf(name string, n int) []*line {
	all := make([]*line, n)
	for i := range all {
		all[i] = &line{labels: labels.FromStrings("__name__", name, "i", strconv.Itoa(i))}
	}
	return all
}

// commitAll commits one sample of every line.
func commitAll(st *store, t int64, ls []*line, v float64) {
	points := make([]point, len(ls))
	for i, l := range ls {
		points[i] = point{line: l, t: t, v: v}
	}
	st.commit(t, points)
}

// held reads every sample that the store shows, by series.
func held(t testing.TB, st *store, from, to int64) map[string][]int64 {
	t.Helper()
	q, err := st.Querier(from, to)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+"))
	all := map[string][]int64{}
	var it chunkenc.Iterator
	for set.Next() {
		s := set.At()
		it = s.Iterator(it)
		for it.Next() != chunkenc.ValNone {
			all[s.Labels().String()] = append(all[s.Labels().String()], it.AtT())
		}
		if it.Err() != nil {
			t.Fatal(it.Err())
		}
	}
	return all
}

// trueSize counts what the store really holds, series by series.
func trueSize(st *store) (samples int) {
	for _, s := range st.index.all {
		for _, c := range s.chunks {
			samples += c.data.NumSamples()
		}
	}
	return samples
}

func TestStoreNeverGrowsPastItsBounds(t *testing.T) {
	const maxSeries, maxSamples, step = 100, 2_000, 1_000
	st := newStore(bounds{retention: time.Hour, series: maxSeries, samples: maxSamples})
	now := int64(1_000_000)
	for scrape := range 200 {
		now += step
		commitAll(st, now, linesOf(fmt.Sprintf("m%d", scrape%3), 60), 1)
		u := st.usage()
		if u.series > maxSeries || u.samples > maxSamples || u.samples != trueSize(st) {
			t.Fatalf("scrape %d: got %d series and %d samples (counted %d), want at most %d and %d", scrape, u.series, u.samples, trueSize(st), maxSeries, maxSamples)
		}
	}
	u := st.usage()
	if u.series != maxSeries {
		t.Errorf("series: got %d, want the bound %d reached", u.series, maxSeries)
	}
	if u.samples < maxSamples*8/10 {
		t.Errorf("samples: got %d, want most of the bound %d used", u.samples, maxSamples)
	}
	if got := u.dropped[noSeries] + u.dropped[evicted] + uint64(u.samples); got != 200*60 {
		t.Errorf("dropped and held: got %d samples, want all 12000 accounted for", got)
	}
}

func TestOldestSamplesGoFirstAndForAllSeriesAtOnce(t *testing.T) {
	const maxSamples = 1_000
	st := newStore(bounds{retention: time.Hour, series: 100, samples: maxSamples})
	ls := linesOf("m", 10)
	for scrape := range int64(300) {
		commitAll(st, 1_000_000+scrape*1_000, ls, float64(scrape))
	}
	all := held(t, st, 0, math.MaxInt64)
	if len(all) != 10 {
		t.Fatalf("series: got %d, want 10", len(all))
	}
	var first []int64
	for name, ts := range all {
		if ts[len(ts)-1] != 1_000_000+299_000 {
			t.Errorf("%s: got last sample at %d, want the newest kept", name, ts[len(ts)-1])
		}
		for i := 1; i < len(ts); i++ {
			if ts[i] != ts[i-1]+1_000 {
				t.Fatalf("%s: got a hole between %d and %d", name, ts[i-1], ts[i])
			}
		}
		first = append(first, ts[0])
	}
	if slices.Min(first) != slices.Max(first) {
		t.Errorf("first samples: got %v, want the same time in all series", first)
	}
	since, trimmed, known := st.since()
	if !trimmed || !known || since > first[0] || since <= first[0]-1_000 {
		t.Errorf("since: got %d, %v, %v; want trimmed and just before %d", since, trimmed, known, first[0])
	}
}

func TestASampleOfASlowTargetIsHiddenWithItsTime(t *testing.T) {
	// One target's scrape began before a segment's end and was committed after it: when
	// the segment goes, the sample must not be the only one of its time to stay.
	st := newStore(bounds{retention: time.Hour, series: 10, samples: 64})
	ls := linesOf("m", 2)
	for i := range int64(4) { // fills a segment of 64/16
		commitAll(st, 1_000+i*10, ls[:1], 1)
	}
	st.commit(1_040, []point{{line: ls[1], t: 1_015, v: 1}})
	for i := range int64(61) {
		commitAll(st, 1_050+i*10, ls[:1], 1)
	}
	for name, ts := range held(t, st, 0, math.MaxInt64) {
		if ts[0] <= 1_030 {
			t.Errorf("%s: got a sample at %d, want none up to 1030, the dropped segment's end", name, ts[0])
		}
	}
}

func TestRetentionForgetsSamplesAndSeries(t *testing.T) {
	st := newStore(bounds{retention: time.Minute, series: 2, samples: 1_000})
	old, young := linesOf("old", 1), linesOf("young", 2)
	commitAll(st, 0, old, 1)
	commitAll(st, 30_000, young[:1], 1)
	if commitAll(st, 40_000, young[1:], 1); st.usage().dropped[noSeries] != 1 {
		t.Fatal("the third series was accepted, want it refused by the bound of 2")
	}
	st.tidy(60_001)
	if got := st.usage(); got.series != 1 || got.samples != 1 {
		t.Errorf("after the retention: got %d series and %d samples, want 1 and 1", got.series, got.samples)
	}
	if values := st.index.postings["__name__"]; len(values) != 1 || len(st.index.byHash) != 1 {
		t.Errorf("index: got %d names and %d hashes, want the dead series forgotten", len(values), len(st.index.byHash))
	}
	commitAll(st, 70_000, young[1:], 1)
	commitAll(st, 80_000, young[:1], 1)
	if got := st.usage(); got.series != 2 || got.samples != 3 {
		t.Errorf("after new samples: got %d series and %d samples, want 2 and 3", got.series, got.samples)
	}
	if commitAll(st, 90_000, old, 1); old[0].series == nil || !old[0].series.dead {
		t.Error("a line whose series was forgotten feeds it still, though there is no room")
	}
	st.tidy(1_000_000)
	if got := st.usage(); got.series != 0 || got.samples != 0 || len(st.index.postings) != 0 {
		t.Errorf("after a long time: got %+v, want an empty store", got)
	}
	commitAll(st, 1_000_000, old, 1)
	if got := held(t, st, 0, math.MaxInt64); len(got) != 1 {
		t.Errorf("a series that came back: got %v, want its one sample", got)
	}
}

func TestRefusedSamplesAreCountedAndSaid(t *testing.T) {
	long := &line{labels: labels.FromStrings("__name__", "m", "x", strings.Repeat("y", maxLabelBytes))}
	ok := linesOf("m", 3)
	tests := []struct {
		name   string
		points []point
		why    reason
		n      int
		said   string
	}{
		{"too many series", []point{{line: ok[0], t: 100_000}, {line: ok[1], t: 100_000}, {line: ok[2], t: 100_000}}, noSeries, 1, "more than the 2 series"},
		{"too many samples at once", slices.Repeat([]point{{line: ok[0], t: 100_000, fh: wide(6)}}, 3), badOrder, 2, ""},
		{"one histogram wider than the store", []point{{line: ok[0], t: 100_000, fh: wide(100)}}, noSamples, 1, "one scrape was larger"},
		{"labels too long", []point{{line: long, t: 100_000}}, badLabels, 1, "longer than 4096 bytes"},
		{"too old", []point{{line: ok[0], t: 100_000 - 60_001}}, badTime, 1, "check the target's clock"},
		{"too far ahead", []point{{line: ok[0], t: 100_000 + 600_001}}, badTime, 1, "check the target's clock"},
		{"the same time twice", []point{{line: ok[0], t: 100_000}, {line: ok[0], t: 100_000, v: 1}}, badOrder, 1, ""},
		{"backwards", []point{{line: ok[0], t: 100_000}, {line: ok[0], t: 99_999}}, badOrder, 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, l := range ok {
				l.series = nil
			}
			st := newStore(bounds{retention: time.Minute, series: 2, samples: 20})
			st.commit(100_000, tt.points)
			u := st.usage()
			if u.dropped[tt.why] != uint64(tt.n) || u.samples > 20 {
				t.Errorf("got %d dropped as %v and %d held, want %d and at most 20", u.dropped[tt.why], tt.why, u.samples, tt.n)
			}
			said := strings.Join(st.lostWithin(90_000, 110_000), "\n")
			if tt.said == "" && said != "" || !strings.Contains(said, tt.said) {
				t.Errorf("warnings: got %q, want %q", said, tt.said)
			}
			if said := st.lostWithin(0, 99_999); len(said) > 0 {
				t.Errorf("warnings of an earlier time: got %q, want none", said)
			}
		})
	}
}

// wide is a native histogram with n buckets.
func wide(n int) *histogram.FloatHistogram {
	h := &histogram.FloatHistogram{Schema: 0, Count: float64(n), PositiveSpans: []histogram.Span{{Length: uint32(n)}}}
	for range n {
		h.PositiveBuckets = append(h.PositiveBuckets, 1)
	}
	return h
}

func TestSpellsForgetExactnessNeverARefusal(t *testing.T) {
	var d drops
	for i := range int64(1000) {
		d.add(badTime, i*interval.Milliseconds(), 1)
	}
	if n := len(d.spells[badTime]); n != 1 {
		t.Errorf("spells of refusals at every scrape: got %d, want 1", n)
	}
	d = drops{}
	for i := range int64(3 * maxSpells) {
		d.add(noSeries, i*1_000_000, 1)
	}
	if n := len(d.spells[noSeries]); n > maxSpells {
		t.Errorf("spells: got %d, want at most %d", n, maxSpells)
	}
	for i := range int64(3 * maxSpells) {
		if said := d.within(i*1_000_000-1, i*1_000_000+1, bounds{}); len(said) != 1 {
			t.Errorf("refusal %d: got %q, want it said", i, said)
		}
	}
	if said := d.within(3*maxSpells*1_000_000-500_000, 3*maxSpells*1_000_000, bounds{}); len(said) != 0 {
		t.Errorf("after the last refusal: got %q, want nothing", said)
	}
}

func TestIteratorSeeksAcrossChunksAndWindows(t *testing.T) {
	st := newStore(bounds{retention: time.Hour, series: 10, samples: 100_000})
	ls := linesOf("m", 1)
	for i := range int64(5 * chunkSamples) {
		commitAll(st, i*10, ls, float64(i))
	}
	if n := len(ls[0].series.chunks); n < 5 {
		t.Fatalf("chunks: got %d, want at least 5", n)
	}
	found := st.selected(1_000, 5_000, []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", "m")})
	it := found[0].Iterator(nil)
	for _, tt := range []struct{ to, want int64 }{{0, 1_000}, {500, 1_000}, {1_001, 1_010}, {1_001, 1_010}, {2_500, 2_500}, {4_991, 5_000}} {
		if kind := it.Seek(tt.to); kind != chunkenc.ValFloat || it.AtT() != tt.want {
			t.Errorf("Seek(%d): got %v at %d, want a float at %d", tt.to, kind, it.AtT(), tt.want)
		}
		if ts, v := it.At(); v != float64(ts/10) {
			t.Errorf("value at %d: got %v, want %d", ts, v, ts/10)
		}
	}
	if kind := it.Seek(5_001); kind != chunkenc.ValNone {
		t.Errorf("Seek past the window: got %v, want nothing", kind)
	}
	if kind := it.Next(); kind != chunkenc.ValNone {
		t.Errorf("Next past the window: got %v, want nothing", kind)
	}
}

func TestIndexFindsWhatAScanFinds(t *testing.T) {
	values := []string{"", "a", "b", "ab", "ba", "aab"}
	rapid.Check(t, func(t *rapid.T) {
		st := newStore(bounds{retention: time.Hour, series: 1000, samples: 100_000})
		pick := rapid.SampledFrom(values)
		var ls []*line
		for range rapid.IntRange(0, 40).Draw(t, "series") {
			b := labels.NewScratchBuilder(3)
			for _, name := range []string{"__name__", "x", "y"} {
				if v := pick.Draw(t, name); v != "" {
					b.Add(name, v)
				}
			}
			ls = append(ls, &line{labels: b.Labels()})
		}
		commitAll(st, 1_000, ls, 1)
		var matchers []*labels.Matcher
		for range rapid.IntRange(0, 3).Draw(t, "matchers") {
			kind := rapid.SampledFrom([]labels.MatchType{labels.MatchEqual, labels.MatchNotEqual, labels.MatchRegexp, labels.MatchNotRegexp}).Draw(t, "type")
			name := rapid.SampledFrom([]string{"__name__", "x", "y", "z"}).Draw(t, "name")
			value := rapid.SampledFrom([]string{"", "a", "b", "ab", "a.*", "a|b", ".*", ".+", "b.+|a"}).Draw(t, "value")
			matchers = append(matchers, labels.MustNewMatcher(kind, name, value))
		}
		var want []string
		for _, s := range st.index.all {
			all := true
			for _, m := range matchers {
				all = all && m.Matches(s.labels.Get(m.Name))
			}
			if all {
				want = append(want, s.labels.String())
			}
		}
		q, _ := st.Querier(0, 2_000)
		set := q.Select(t.Context(), true, &storage.SelectHints{Start: 500, End: 1_500}, matchers...)
		var got []string
		for set.Next() {
			got = append(got, set.At().Labels().String())
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%v:\n got %v\nwant %v", matchers, got, want)
		}
	})
}

func TestLabelNamesAndValues(t *testing.T) {
	st := newStore(bounds{retention: time.Hour, series: 1000, samples: 100_000})
	commitAll(st, 1_000, linesOf("m", 3), 1)
	q, _ := st.Querier(0, 2_000)
	if got, _, _ := q.LabelValues(t.Context(), "i", nil); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("values of i: got %v, want 0 1 2", got)
	}
	if got, _, _ := q.LabelValues(t.Context(), "i", &storage.LabelHints{Limit: 2}, labels.MustNewMatcher(labels.MatchNotEqual, "i", "0")); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("values of i but 0: got %v, want 1 2", got)
	}
	if got, _, _ := q.LabelNames(t.Context(), nil); !slices.Equal(got, []string{"__name__", "i"}) {
		t.Errorf("names: got %v, want __name__ i", got)
	}
}

// TestQueriesSeeWholeScrapes commits scrapes in which all series have the same value
// while queries ask whether they ever differ.
func TestQueriesSeeWholeScrapes(t *testing.T) {
	s, _ := newTestSource(t, Config{MaxSamples: 4_000, Retention: time.Hour})
	ls := linesOf("m", 50)
	var writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				return
			default:
				commitAll(s.store, epoch.UnixMilli()+i, ls, float64(i))
			}
		}
	})
	for seen := 0; seen < 100; {
		for _, line := range values(t, s, "stddev(m)", epoch.Add(4*time.Minute)) {
			seen++
			if line != "{} 0" {
				t.Errorf("got %q, want all series alike", line)
			}
		}
		s.store.usage()
	}
	close(stop)
	writer.Wait()
}
