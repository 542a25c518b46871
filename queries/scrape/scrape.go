package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	engine "github.com/prometheus/prometheus/promql"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/promql"
)

// Target is one metrics page. Labels are added to every series of it, as a
// Prometheus scrape configuration does (job and instance are set where missing).
type Target struct {
	URL    string            `json:"url" yaml:"url"`
	Labels map[string]string `json:"labels" yaml:"labels"`
}

// Config configures a [Source].
type Config struct {
	Name       string // the source's name in plans, and the job of targets without one; default "scrape"
	Targets    []Target
	Interval   time.Duration    // default 15 s
	Timeout    time.Duration    // default: Interval, at most 10 s
	Retention  time.Duration    // default 3 h
	MaxSeries  int              // default 50,000
	MaxSamples int              // default 20 million; a native histogram counts as one more than it has buckets
	Now        func() time.Time // default time.Now
	Log        *slog.Logger     // default: discard

	// MaxBody bounds a page, unpacked, in bytes. A larger page is a failed scrape.
	// Default 16 MiB.
	MaxBody int64
	// HonourTimestamps keeps the times that a page gives its samples. Otherwise every
	// sample has the time at which its scrape began.
	HonourTimestamps bool
	// SeriesLimit and Process are those of promql.Options.
	SeriesLimit int
	Process     []string
}

// Source scrapes its targets and answers readings from what it scraped.
type Source struct {
	config Config
	store  *store
	engine *engine.Engine
	reader *promql.Reader
	client *http.Client

	changed chan struct{} // holds one token where Run has targets to start or stop

	mu       sync.Mutex
	running  bool
	scrapers []*scraper // in the order of the configuration
	leaving  []*scraper // removed, and still to be stopped by Run
	failures failures
}

var _ queries.Source = (*Source)(nil)

// New checks the configuration and returns a source that does not scrape yet. A
// source without targets is legal: they may come later by SetTargets.
func New(c Config) (*Source, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Source{
		config:   c,
		store:    newStore(bounds{retention: c.Retention, series: c.MaxSeries, samples: c.MaxSamples}),
		engine:   newEngine(c.Log),
		client:   newClient(),
		changed:  make(chan struct{}, 1),
		failures: failures{},
	}
	s.reader = promql.NewReader(s, promql.Options{Source: c.Name, SeriesLimit: c.SeriesLimit, Process: c.Process})
	if err := s.SetTargets(c.Targets); err != nil {
		return nil, err
	}
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = "scrape"
	}
	if c.Interval == 0 {
		c.Interval = 15 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = min(c.Interval, 10*time.Second)
	}
	if c.Retention == 0 {
		c.Retention = 3 * time.Hour
	}
	if c.MaxSeries == 0 {
		c.MaxSeries = 50_000
	}
	if c.MaxSamples == 0 {
		c.MaxSamples = 20_000_000
	}
	if c.MaxBody == 0 {
		c.MaxBody = 16 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) check() error {
	var faults []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("scrape: "+format, args...))
		}
	}
	add(c.Interval < 10*time.Millisecond, "the interval %v is shorter than 10ms", c.Interval)
	add(c.Timeout < 0 || c.Timeout > c.Interval, "the timeout %v must be positive and at most the interval %v", c.Timeout, c.Interval)
	add(c.Retention < 2*c.Interval, "the retention %v must be at least two intervals of %v", c.Retention, c.Interval)
	add(c.MaxSeries < 0, "the series bound %d is negative", c.MaxSeries)
	add(c.MaxSamples < 0, "the sample bound %d is negative", c.MaxSamples)
	add(c.MaxBody < 0, "the page bound %d is negative", c.MaxBody)
	return errors.Join(faults...)
}

// SetTargets replaces the targets. Those that stay keep being scraped as if nothing
// had happened; scraping begins for those that are new and ends for those that are
// gone, whose series are marked stale. Where any target is faulty nothing changes and
// the error names every fault. It may be called while Run runs.
func (s *Source) SetTargets(targets []Target) error {
	sites, err := s.config.sites(targets)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	had := make(map[string]*scraper, len(s.scrapers))
	for _, sc := range s.scrapers {
		had[sc.site.key] = sc
	}
	next := make([]*scraper, 0, len(sites))
	for _, at := range sites {
		sc := had[at.key]
		if sc == nil {
			sc = newScraper(s, at)
		}
		delete(had, at.key)
		next = append(next, sc)
	}
	for _, sc := range s.scrapers {
		if had[sc.site.key] != nil {
			s.leaving = append(s.leaving, sc)
		}
	}
	s.scrapers = next
	if !s.running {
		s.retireLeaving()
		return nil
	}
	select {
	case s.changed <- struct{}{}:
	default: // Run has not yet taken the token before; it will see these targets too.
	}
	return nil
}

// retireLeaving marks the series of removed targets stale. The caller holds s.mu, and
// no loop of theirs runs.
func (s *Source) retireLeaving() {
	for _, sc := range s.leaving {
		sc.retire()
	}
	s.leaving = nil
}

// Blocks implements queries.Source. Beside the reader's notes the frame says which
// targets that the reading may concern did not answer in the window, and how many of
// its blocks this process cannot answer because they began before its first scrape or
// were dropped to keep the store within its bounds.
func (s *Source) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	f, err := s.reader.Blocks(ctx, r, w)
	if err != nil {
		return f, err
	}
	f.Notes = queries.SortNotes(append(f.Notes, s.remarks(r, f)...))
	return f, nil
}

// ScrapeInterval returns how far apart the samples of all its series are: they are scraped
// at one interval.
func (s *Source) ScrapeInterval(context.Context, string, time.Time, time.Duration) (time.Duration, error) {
	return s.config.Interval, nil
}

// Ping reports an error while not one target answers: also before the first scrape.
// A source without targets has nothing to answer for and pings well.
func (s *Source) Ping(context.Context) error {
	var last error
	statuses := s.Status()
	for _, t := range statuses {
		switch {
		case t.Up:
			return nil
		case t.LastScrape.IsZero():
			last = errors.New("none has been scraped yet")
		default:
			last = fmt.Errorf("the last of them, %s: %s", t.name(), t.LastError)
		}
	}
	if last == nil {
		return nil
	}
	return &queries.Error{
		Fault:  queries.Unavailable,
		Source: s.config.Name,
		Text:   fmt.Sprintf("not one of %d scrape targets answers; %v", len(statuses), last),
	}
}
