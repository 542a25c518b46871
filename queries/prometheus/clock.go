package prometheus

import (
	"context"
	"sync"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/singleflight"
)

const (
	// clockHolds is how long a measured time of the server is believed. A question
	// more before each look would double the time of a verdict.
	clockHolds = time.Minute
	// clockTrusted is how long it is used while it is measured anew: a look of a rollout
	// that is asked about once a minute would else begin by waiting for the clock.
	clockTrusted = 10 * time.Minute
	// clockServes is how long it serves where the server cannot be asked again:
	// clocks drift by less than a second in that time.
	clockServes = time.Hour
	// clockTimeout bounds the question. A server that is slow with this is slow with
	// everything, and a look needs its time for the metrics.
	clockTimeout = 5 * time.Second
)

// clock remembers the server's time, and goes on by this machine's monotonic
// clock: a wall clock that is set forward here must not close blocks early.
type clock struct {
	asking singleflight.Group

	mu       sync.Mutex
	there    time.Time // the server's, when it was measured
	measured time.Time // here; zero: never
}

// read returns the server's time now, and how old the measurement is; ok is false
// where there is none.
func (c *clock) read() (at time.Time, age time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.measured.IsZero() {
		return time.Time{}, 0, false
	}
	age = time.Since(c.measured)
	return c.there.Add(age).UTC(), age, true
}

// set remembers the server's time.
func (c *clock) set(there, measured time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.there, c.measured = there, measured
}

// Clock returns the server's own time, asked for at most once a minute. Blocks are
// closed by it: where the server's clock is behind, what a block's end holds is not
// there yet. Only the first call, and one after a long silence, waits for the answer;
// while the server does not answer, the last measurement serves on.
func (s *Source) Clock(ctx context.Context) (at time.Time, err error) {
	at, age, ok := s.clock.read()
	if ok && age < clockHolds {
		return at, nil
	}
	// Of many looks that begin at once, one asks. It asks for all of them, so its own
	// end is not the question's.
	answer := s.clock.asking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(s.cfg.Timeout, clockTimeout))
		defer cancel()
		began := time.Now()
		at, err := s.askClock(ctx)
		if err == nil {
			s.clock.set(at, began)
		}
		return at, err
	})
	if ok && age < clockTrusted {
		return at, nil
	}
	select {
	case got := <-answer:
		if got.Err == nil {
			return got.Val.(time.Time), nil
		}
		err = got.Err
	case <-ctx.Done():
		err = s.fault(&outcome{}, ctx.Err())
	}
	if at, age, ok := s.clock.read(); ok && age < clockServes {
		return at, nil
	}
	return time.Time{}, err
}

// askClock asks the server. The answer is as old as its way back was long, which
// errs on the safe side: blocks close a little later.
func (s *Source) askClock(ctx context.Context) (at time.Time, err error) {
	defer s.recovered(&err)
	ctx, seen := observe(ctx)
	// Without a time parameter the server evaluates at its own.
	v, _, _, err := s.api.Query(ctx, "time()", time.Time{}, v1.WithTimeout(s.cfg.Timeout))
	if err != nil {
		return time.Time{}, s.fault(seen, err)
	}
	now, ok := number(v)
	if !ok || !(now > 0) {
		return time.Time{}, s.malformed("it does not answer time() with a number")
	}
	return time.UnixMilli(int64(now * 1000)).UTC(), nil
}

// number reads a number: a scalar, or the vector of one that VictoriaMetrics writes for it.
func number(v model.Value) (float64, bool) {
	switch v := v.(type) {
	case *model.Scalar:
		return float64(v.Value), true
	case model.Vector:
		if len(v) == 1 && v[0].Histogram == nil {
			return float64(v[0].Value), true
		}
	}
	return 0, false
}
