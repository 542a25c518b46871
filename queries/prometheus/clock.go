package prometheus

import (
	"context"
	"sync"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// clockHolds is how long a measured offset of the server's clock is believed. A
// question more before each look would double the time of a verdict.
const clockHolds = time.Minute

// clock remembers how far the server's clock is from this machine's.
type clock struct {
	mu       sync.Mutex
	offset   time.Duration // server's time less this machine's
	measured time.Time     // zero: never
}

// Clock returns the server's own time, asked for at most once a minute. Blocks are
// closed by it: where the server's clock is behind, what a block's end holds is not
// there yet.
func (s *Source) Clock(ctx context.Context) (at time.Time, err error) {
	now := time.Now()
	s.clock.mu.Lock()
	offset, measured := s.clock.offset, s.clock.measured
	s.clock.mu.Unlock()
	if !measured.IsZero() && now.Sub(measured) < clockHolds {
		return now.Add(offset).UTC(), nil
	}
	at, err = s.askClock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.clock.offset, s.clock.measured = time.Until(at), now
	return at, nil
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
	got, ok := v.(*model.Scalar)
	if !ok || !(got.Value > 0) {
		return time.Time{}, s.malformed("it does not answer time() with a number")
	}
	return time.UnixMilli(int64(float64(got.Value) * 1000)).UTC(), nil
}
