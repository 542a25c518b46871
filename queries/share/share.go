package share

import (
	"context"
	"errors"
	"time"

	"github.com/serin-canary/serin/queries"
)

// Config configures a [Source].
type Config struct {
	Name string // the source's name in plans
	// Concurrency bounds the questions under way (default 16).
	Concurrency int
	// Queue bounds the questions that wait for one of those places (default 4096).
	Queue int
	// Keep is how long an answer is served to others (default 10 s; negative: never).
	Keep time.Duration
	// KeepBytes bounds what is kept, in bytes (default 32 MiB).
	KeepBytes int
	// Tries bounds how often a question is asked that is not answered (default 3).
	Tries int

	// Now and After are time.Now and time.AfterFunc, but in tests. What After
	// returns ends the timer.
	Now   func() time.Time
	After func(d time.Duration, f func()) (stop func() bool)
}

func (c Config) withDefaults() Config {
	set := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	set(&c.Concurrency, 16)
	set(&c.Queue, 4096)
	set(&c.KeepBytes, 32<<20)
	set(&c.Tries, 3)
	if c.Keep == 0 {
		c.Keep = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	return c
}

// Source is a source with a queue before it. It is safe for concurrent use.
type Source struct {
	cfg     Config
	inner   queries.Source
	gate    *gate
	flights *flights
	count   *counters
}

// New puts a queue before a source.
func New(inner queries.Source, c Config) *Source {
	c = c.withDefaults()
	count := newCounters(c.Name)
	return &Source{
		cfg: c, inner: inner, count: count, gate: newGate(c, count),
		flights: newFlights(c),
	}
}

// Blocks implements queries.Source. Whoever asks says so by [queries.WithAsker];
// a question without an asker is queued but never shared.
//
// An end of ctx ends this caller's waiting and nobody else's: a question that
// several wait for goes on until the last of them has left.
func (s *Source) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	asker, known := queries.AskerOf(ctx)
	if err := s.spared(ctx); err != nil {
		return queries.Frame{}, err
	}
	if !known {
		s.count.answers.WithLabelValues("asked").Inc()
		return s.ask(ctx, "", r, w)
	}
	k := keyOf(r, w)
	call, how := s.flights.take(k, asker, w)
	s.count.answers.WithLabelValues(how).Inc()
	if how == "asked" {
		// The question outlives its first asker where others wait for it.
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s.flights.began(call, cancel)
		go func() {
			defer cancel()
			f, err := s.ask(shared, asker.Rollout, r, w)
			s.flights.land(call, f, err)
		}()
	}
	select {
	case <-call.done:
		return call.copy()
	case <-ctx.Done():
		s.flights.leave(call)
		return queries.Frame{}, s.tooLate(ctx)
	}
}

// ask asks the source, in turn, and again where that may help.
func (s *Source) ask(ctx context.Context, rollout string, r queries.Reading, w queries.Window) (queries.Frame, error) {
	for try := 1; ; try++ {
		if err := s.gate.enter(ctx, rollout); err != nil {
			return queries.Frame{}, err
		}
		f, err := s.once(ctx, r, w)
		if err == nil || try >= s.cfg.Tries || !again(err) {
			return f, err
		}
		if !s.sleep(ctx, pauseBefore(try)) {
			return f, err
		}
		s.count.retries.Inc()
	}
}

// once asks the source once and gives the place back, whatever happens.
func (s *Source) once(ctx context.Context, r queries.Reading, w queries.Window) (f queries.Frame, err error) {
	began := s.cfg.Now()
	err = &queries.Error{Fault: queries.Malformed, Source: s.cfg.Name, Text: "its client failed"} // stays where Blocks panics
	defer func() {
		s.count.took.WithLabelValues(string(r.Kind), resultOf(err)).Observe(s.cfg.Now().Sub(began).Seconds())
		s.gate.leave(err)
	}()
	f, err = s.inner.Blocks(ctx, r, w)
	return f, err
}

// again says whether the same question may be answered if it is asked again
// soon: a connection broke, a gateway had nobody behind it, or the source asked for
// a pause, which the gate then keeps. Time that ran out does not come back.
func again(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	switch queries.FaultOf(err) {
	case queries.Unavailable, queries.Throttled:
		return true
	}
	return false
}

// pauseBefore is how long to wait after a try: 0.2 s, then twice as long each time.
func pauseBefore(try int) time.Duration { return 200 * time.Millisecond << min(try-1, 5) }

// sleep waits, and reports false where ctx ended first or leaves no time to.
func (s *Source) sleep(ctx context.Context, d time.Duration) bool {
	woken := make(chan struct{})
	stop := s.cfg.After(d, func() { close(woken) })
	defer stop()
	select {
	case <-woken:
		return true
	case <-ctx.Done():
		return false
	}
}

// spared refuses a caller whose time ends before the source may be asked again.
func (s *Source) spared(ctx context.Context) error {
	until := s.gate.pausedUntil()
	deadline, ok := ctx.Deadline()
	if !ok || until.IsZero() || deadline.After(until) {
		return nil
	}
	s.count.refused.WithLabelValues("paused").Inc()
	return &queries.Error{
		Fault: queries.Throttled, Source: s.cfg.Name, RetryAfter: until.Sub(s.cfg.Now()),
		Text: "it asked to be left alone until " + until.UTC().Format("15:04:05") + " UTC, which is later than this look may wait; nothing was asked",
	}
}

// tooLate is the error of a caller whose time ended.
func (s *Source) tooLate(ctx context.Context) error {
	s.count.refused.WithLabelValues("deadline").Inc()
	text := "it has not answered in time"
	if until := s.gate.pausedUntil(); !until.IsZero() {
		text = "it asked to be left alone until " + until.UTC().Format("15:04:05") + " UTC"
	} else if running, waiting := s.gate.load(); waiting > 0 {
		text += " (" + plural(running, "question is", "questions are") + " under way, " + plural(waiting, "waits", "wait") + ")"
	}
	return &queries.Error{Fault: queries.Unavailable, Source: s.cfg.Name, Text: text, Err: ctx.Err()}
}

// Clock returns the source's own time, where it can tell.
func (s *Source) Clock(ctx context.Context) (time.Time, error) {
	c, ok := s.inner.(interface {
		Clock(ctx context.Context) (time.Time, error)
	})
	if !ok {
		return time.Time{}, &queries.Error{Fault: queries.Rejected, Source: s.cfg.Name, Text: "it has no clock that could be asked"}
	}
	return c.Clock(ctx)
}

// ScrapeInterval returns how far apart the samples of a selector's series are over a time
// that ends at an instant, and 0 where the source cannot tell.
func (s *Source) ScrapeInterval(ctx context.Context, selector string, at time.Time, over time.Duration) (time.Duration, error) {
	i, ok := s.inner.(interface {
		ScrapeInterval(ctx context.Context, selector string, at time.Time, over time.Duration) (time.Duration, error)
	})
	if !ok {
		return 0, nil
	}
	return i.ScrapeInterval(ctx, selector, at, over)
}

// Ping reports whether the source answers. It does not queue: what watches a
// source must see it although it is busy.
func (s *Source) Ping(ctx context.Context) error {
	p, ok := s.inner.(interface {
		Ping(ctx context.Context) error
	})
	if !ok {
		return nil
	}
	return p.Ping(ctx)
}
