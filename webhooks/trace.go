package webhooks

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
)

// trace is GET /v1/rollouts/{id}/trace: how the evidence came to be, as of the latest
// look. It is computed from the record; no source is asked.
func (s *Server) trace(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	rec, err := s.cfg.Journal.Load(c.Request().Context(), sum.Rollout.ID)
	if err != nil {
		return err
	}
	var latest judge.Verdict // the zero one, with no block, where nobody has looked yet
	if sum.Last != nil {
		latest = *sum.Last
	}
	return writeJSON(c, http.StatusOK, judge.TraceOfRecord(rec, latest))
}
