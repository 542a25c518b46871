package scrape

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Run scrapes until ctx ends, each target once at the start and then at its own place
// in every interval. It returns nil when all its loops have ended, and an error at once
// where the source is running already.
func (s *Source) Run(ctx context.Context) error {
	s.mu.Lock()
	if s.running {
		s.mu.Unlock()
		return errors.New("scrape: the source is running already; run it once")
	}
	s.running = true
	s.mu.Unlock()

	loops := map[*scraper]*loop{}
	defer s.stop(loops)
	tidy := time.NewTicker(s.config.Interval)
	defer tidy.Stop()
	for {
		s.reconcile(ctx, loops)
		select {
		case <-ctx.Done():
			return nil
		case <-s.changed:
		case <-tidy.C:
			now := s.config.Now().UnixMilli()
			s.store.tidy(now)
			s.forget(now)
		}
	}
}

// loop is a target that is being scraped.
type loop struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (l *loop) end() {
	l.cancel()
	l.done.Wait()
}

// reconcile ends the loops of targets that are gone and starts those of new ones.
func (s *Source) reconcile(ctx context.Context, loops map[*scraper]*loop) {
	s.mu.Lock()
	leaving := s.leaving
	s.leaving = nil
	now := append([]*scraper(nil), s.scrapers...)
	s.mu.Unlock()
	for _, sc := range leaving {
		if l := loops[sc]; l != nil {
			l.end()
			delete(loops, sc)
		}
		sc.retire()
	}
	for _, sc := range now {
		if loops[sc] != nil {
			continue
		}
		own, cancel := context.WithCancel(ctx)
		l := &loop{cancel: cancel}
		loops[sc] = l
		l.done.Go(func() { s.loop(own, sc) })
	}
}

// stop ends what Run began.
func (s *Source) stop(loops map[*scraper]*loop) {
	for _, l := range loops {
		l.cancel()
	}
	for _, l := range loops {
		l.done.Wait()
	}
	s.client.CloseIdleConnections()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	s.retireLeaving()
}

// loop scrapes one target until ctx ends. The first scrape is at once, so that a
// rollout's first block is not spent waiting and readiness is soon known.
func (s *Source) loop(ctx context.Context, sc *scraper) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		sc.scrapeOnce(ctx)
		timer.Reset(untilNext(s.config.Now(), s.config.Interval, sc.site.offset(s.config.Interval)))
	}
}

// untilNext returns how long it is until the next time that lies offset after a
// multiple of the interval since the Unix epoch. It is never zero.
func untilNext(now time.Time, interval, offset time.Duration) time.Duration {
	since := time.Duration((now.UnixNano() - int64(offset)) % int64(interval))
	if since < 0 {
		since += interval
	}
	return interval - since
}
