package scrape

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/value"
)

// pageFactor is how many samples a page may have for each series that the store may
// hold. More are refused before they are decoded.
const pageFactor = 4

// scraper scrapes one target. Only one goroutine at a time calls scrapeOnce and retire.
type scraper struct {
	source   *Source
	site     *site
	labeller labeller

	lines  map[string]*entry
	round  uint64 // the number of the scrape
	own    [3]*line
	points []point
	fresh  []fresh // lines that were not there the scrape before
	size   int     // of the last page
	last   int64   // the time of the last scrape's samples

	mu     sync.Mutex
	status TargetStatus
}

// entry is a line of the target's page, remembered from scrape to scrape so that its
// labels need not be built again.
type entry struct {
	line
	round uint64 // the last scrape that had it
	timed bool   // the page dated it itself; its end is not ours to mark
}

// fresh is an entry that is kept only if the store accepts its series.
type fresh struct {
	key   string
	entry *entry
}

// The series that a scrape itself leaves, in the order of scraper.own.
const (
	ownUp = iota
	ownDuration
	ownSamples
)

func newScraper(s *Source, at *site) *scraper {
	sc := &scraper{
		source:   s,
		site:     at,
		labeller: labeller{target: at.labels},
		lines:    map[string]*entry{},
		status:   newStatus(at),
	}
	for i, name := range [...]string{ownUp: "up", ownDuration: "scrape_duration_seconds", ownSamples: "scrape_samples_scraped"} {
		sc.own[i] = &line{labels: sc.labeller.synthetic(name)}
	}
	return sc
}

// scrapeOnce scrapes the target and commits what it found. Where ctx ends first the
// target is not to blame, and nothing is committed.
func (sc *scraper) scrapeOnce(ctx context.Context) {
	s := sc.source
	begun := s.config.Now()
	now := sc.instant(begun)
	sc.begin()
	samples := 0
	p, err := s.fetch(ctx, sc.site, sc.size)
	if err == nil {
		sc.size = len(p.body)
		samples, err = sc.take(p, now)
	}
	if ctx.Err() != nil {
		sc.begin()
		return
	}
	took := s.config.Now().Sub(begun)
	if err != nil {
		sc.begin() // A page that is broken anywhere counts nowhere.
		samples = 0
	}
	sc.endVanished(now)
	sc.leave(now, err == nil, took, samples)
	s.store.commit(now, sc.points)
	sc.keep()
	sc.report(TargetStatus{Up: err == nil, LastError: words(err), LastScrape: begun, Duration: took, Samples: samples})
}

// instant is the time of samples in milliseconds. Two scrapes within the same one, or
// a scrape and the target's removal, must not share it: the second would be refused.
func (sc *scraper) instant(t time.Time) int64 {
	now := t.UnixMilli()
	if now == sc.last {
		now++
	}
	sc.last = now
	return now
}

// begin forgets what was gathered since the last commit, and starts a new round.
func (sc *scraper) begin() {
	clear(sc.points) // They hold histograms.
	clear(sc.fresh)
	sc.points, sc.fresh = sc.points[:0], sc.fresh[:0]
	sc.round++
}

// take gathers a page's samples and returns how many there were.
func (sc *scraper) take(p page, now int64) (int, error) {
	n, invalid := 0, 0
	var fault error
	err := p.read(pageFactor*sc.source.config.MaxSeries, func(e *exposed) {
		n++
		if e.invalid != nil {
			invalid++
			return
		}
		if err := sc.gather(e, now); err != nil && fault == nil {
			fault = err
		}
	})
	if err == nil {
		err = fault
	}
	if err == nil && invalid > 0 {
		sc.source.store.refuse(badValue, now, invalid)
	}
	return n, err
}

// gather adds one sample to the points.
func (sc *scraper) gather(e *exposed, now int64) error {
	key := sc.labeller.keyOf(e)
	known := sc.lines[string(key)]
	if known == nil {
		ls, err := sc.labeller.of(e)
		if err != nil {
			return err
		}
		known = &entry{line: line{labels: ls}}
		sc.fresh = append(sc.fresh, fresh{key: string(key), entry: known})
	}
	known.round = sc.round
	p := point{line: &known.line, t: now, v: e.v, h: e.h, fh: e.fh}
	known.timed = e.timed && sc.source.config.HonourTimestamps
	if known.timed {
		p.t = e.t
	}
	if p.stale() {
		// Only a scrape itself may end a series: a page that shows this very NaN means a NaN.
		p.v = math.Float64frombits(value.NormalNaN)
	}
	sc.points = append(sc.points, p)
	return nil
}

// endVanished ends the series that were on the last page and are not on this one, or
// all of them where there is none.
func (sc *scraper) endVanished(now int64) {
	for key, e := range sc.lines {
		if e.round == sc.round {
			continue
		}
		delete(sc.lines, key)
		if !e.timed {
			sc.points = append(sc.points, ending(&e.line, now))
		}
	}
}

// ending is the point that ends a series.
func ending(l *line, now int64) point {
	return point{line: l, t: now, v: math.Float64frombits(value.StaleNaN)}
}

// leave adds the scrape's own series.
func (sc *scraper) leave(now int64, up bool, took time.Duration, samples int) {
	ups := 0.0
	if up {
		ups = 1
	}
	for i, v := range [...]float64{ownUp: ups, ownDuration: took.Seconds(), ownSamples: float64(samples)} {
		sc.points = append(sc.points, point{line: sc.own[i], t: now, v: v})
	}
}

// keep remembers the new lines whose series the store accepted.
func (sc *scraper) keep() {
	for _, f := range sc.fresh {
		if f.entry.series != nil {
			sc.lines[f.key] = f.entry
		}
	}
}

// retire ends all series of a target that is scraped no longer.
func (sc *scraper) retire() {
	now := sc.instant(sc.source.config.Now())
	sc.begin()
	sc.endVanished(now)
	for _, l := range sc.own {
		if l.series != nil {
			sc.points = append(sc.points, ending(l, now))
		}
	}
	sc.source.store.commit(now, sc.points)
	sc.begin()
}
