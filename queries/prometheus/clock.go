package prometheus

import (
	"context"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Clock returns the server's own time. Blocks are closed by it: where the server's
// clock is behind, what a block's end holds is not there yet.
func (s *Source) Clock(ctx context.Context) (at time.Time, err error) {
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
