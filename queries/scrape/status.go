package scrape

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// TargetStatus is how a target's last scrape went.
type TargetStatus struct {
	URL        string            `json:"url"` // without its query, which may hold a secret
	Job        string            `json:"job"`
	Instance   string            `json:"instance"`
	Labels     map[string]string `json:"labels"` // job and instance among them
	Up         bool              `json:"up"`     // false before the first scrape
	LastError  string            `json:"lastError,omitempty"`
	LastScrape time.Time         `json:"lastScrape,omitzero"` // when it began; zero before the first
	Duration   time.Duration     `json:"duration"`
	Samples    int               `json:"samples"` // on the page
}

func newStatus(at *site) TargetStatus {
	t := TargetStatus{URL: at.shown, Job: at.label(model.JobLabel), Instance: at.label(model.InstanceLabel), Labels: map[string]string{}}
	for _, l := range at.labels {
		t.Labels[l.Name] = l.Value
	}
	return t
}

// name is how messages call a target.
func (t TargetStatus) name() string { return t.Job + " at " + t.Instance }

// Status returns how each target's last scrape went, in the order of the configuration.
func (s *Source) Status() []TargetStatus {
	s.mu.Lock()
	scrapers := slices.Clone(s.scrapers)
	s.mu.Unlock()
	all := make([]TargetStatus, len(scrapers))
	for i, sc := range scrapers {
		sc.mu.Lock()
		all[i] = sc.status
		sc.mu.Unlock()
		all[i].Labels = maps.Clone(all[i].Labels)
	}
	return all
}

// report remembers how a scrape went, and logs where it went otherwise than the one
// before: a target that is down for an hour is two lines, not hundreds.
func (sc *scraper) report(now TargetStatus) {
	sc.mu.Lock()
	t := &sc.status
	first, turned := t.LastScrape.IsZero(), t.Up != now.Up
	t.Up, t.LastError, t.LastScrape, t.Duration, t.Samples = now.Up, now.LastError, now.LastScrape, now.Duration, now.Samples
	sc.mu.Unlock()
	log := sc.source.config.Log.With("source", sc.source.config.Name, "target", sc.site.shown)
	switch {
	case !now.Up && (first || turned):
		log.Warn("target does not answer", "error", now.LastError)
	case now.Up && turned && !first:
		log.Info("target answers again")
	}
	if !now.Up {
		sc.source.failed(sc.site, now.LastScrape.UnixMilli(), now.LastError)
	}
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// failures remembers when targets did not answer, also those that are scraped no
// longer: their blocks may still be asked for.
type failures map[string]*failing

type failing struct {
	site   *site
	spells []spell
}

// failed remembers that a target did not answer.
func (s *Source) failed(at *site, now int64, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.failures[at.key]
	if f == nil {
		f = &failing{site: at}
		s.failures[at.key] = f
	}
	// A spell is over where one scrape between was well.
	quiet := s.config.Interval.Milliseconds() * 3 / 2
	f.spells = lengthened(f.spells, spell{from: now, to: now, count: 1, text: why}, quiet)
}

// forget drops the failures that are older than any sample.
func (s *Source) forget(now int64) {
	oldest := now - s.config.Retention.Milliseconds()
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.failures, func(_ string, f *failing) bool {
		return f.spells[len(f.spells)-1].to < oldest
	})
}
