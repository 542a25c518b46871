package webhooks

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

const (
	maxWait  = 10 * time.Minute
	minPause = time.Second      // between two looks of one waiting caller
	maxPause = 15 * time.Second // the same, for plans with long blocks
)

// lookBody is the body of POST /v1/rollouts/{id}/judge, which may be left out.
type lookBody struct {
	// Final says that the last promotion is asked for: the canary is at its
	// highest weight.
	Final bool `json:"final"`
}

// judgeRollout is POST /v1/rollouts/{id}/judge: one look.
func (s *Server) judgeRollout(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var b lookBody
	if len(bytes.TrimSpace(body)) > 0 {
		if err := decode(body, &b, strict); err != nil {
			return err
		}
	}
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	if !live(sum) {
		return conflict("GET /v1/rollouts/"+sum.Rollout.ID+"/verdicts has what was concluded; announce it again for a new attempt",
			"the rollout ended at %s (%s)", sum.Closed.UTC().Format(time.RFC3339), sum.Why)
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), preferredWait(c.Request().Header, s.cfg.Timeout))
	defer cancel()
	v, err := s.lookAt(ctx, sum.Rollout, b.Final)
	if err != nil {
		return err
	}
	s.tell(ctx, v)
	return writeJSON(c, http.StatusOK, v)
}

// tell notes what an API caller was told, where it has consequences.
func (s *Server) tell(ctx context.Context, v judge.Verdict) {
	if final(v) {
		s.note(ctx, "told "+v.Outcome.String(), v.Rollout.ID, v.Reason)
	}
}

// lookAt asks for a verdict on behalf of an API caller.
func (s *Server) lookAt(ctx context.Context, r rollout.Rollout, last bool) (judge.Verdict, error) {
	if last {
		if err := s.cfg.Journal.FinalStep(ctx, r.ID, s.now()); err != nil {
			return judge.Verdict{}, apiError(err)
		}
	}
	v, err := s.decide(ctx, r, last)
	return v, apiError(err)
}

// apiError says what an error of the judge or of the journal means to an API
// caller: no verdict could be formed, unless the rollout is over.
func apiError(err error) error {
	if err == nil || errors.Is(err, journal.ErrClosed) || isNotFound(err) {
		return err
	}
	if unlooked(err) {
		return shed(err)
	}
	return noVerdict(err)
}

// judgeOnce is POST /v1/judge: the rollout is announced or found, and judged. With
// ?wait=30s it is judged again until nothing can change the verdict or the wait is
// over. 200 has a final verdict; 202 has the verdict so far, and where to ask on.
func (s *Server) judgeOnce(c echo.Context) error {
	if later(c.Request().Header) {
		return s.judgeLater(c)
	}
	wait, err := readWait(c.QueryParams())
	if err != nil {
		return err
	}
	// A caller that waits may be answered later than the server's own bound. Where
	// the connection cannot be told (in a test), that bound stays.
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(wait + s.cfg.Timeout + writeSlack))
	ctx, cancel := context.WithTimeout(c.Request().Context(), wait+s.cfg.Timeout)
	defer cancel()
	a, err := s.readAnnouncement(c)
	if err != nil {
		return err
	}
	done, err := s.takeOnce(ctx, c, a)
	if err != nil {
		return err
	}
	v, err := s.judgeUntil(ctx, done.Rollout, wait)
	if errors.Is(err, journal.ErrClosed) && c.Request().Header.Get(headerIdempotency) != "" {
		v, err = s.lastVerdict(ctx, done.Rollout.ID, err)
	}
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, s.link(done.Rollout.ID))
	code := http.StatusAccepted
	if final(v) {
		code = http.StatusOK
	}
	s.tell(ctx, v)
	return writeJSON(c, code, v)
}

// lastVerdict is what a request is told again whose rollout is over by now; without a
// look there is nothing to tell.
func (s *Server) lastVerdict(ctx context.Context, id string, closed error) (judge.Verdict, error) {
	sum, err := s.cfg.Journal.Get(ctx, id)
	if err == nil && sum.Last == nil {
		err = closed
	}
	if err != nil {
		return judge.Verdict{}, err
	}
	v := *sum.Last
	v.Phase = rollout.Closed
	return v, nil
}

// judgeUntil looks until the verdict is final, the wait is over or the server
// stops. An error after the first verdict is logged, and the verdict stands.
func (s *Server) judgeUntil(ctx context.Context, r rollout.Rollout, wait time.Duration) (judge.Verdict, error) {
	over := s.now().Add(wait)
	// Who asks for one verdict asks for the last promotion.
	v, err := s.lookOnce(ctx, r)
	for err == nil && !final(v) {
		pause := pauseOf(v)
		if s.now().Add(pause).After(over) {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return v, nil
		case <-s.stopping:
			return v, nil
		case <-s.after(pause):
		}
		next, again := s.lookOnce(ctx, r)
		if again != nil {
			s.cfg.Log.WarnContext(ctx, "a later look failed; the earlier verdict stands", "rollout", r.ID, cause(again))
			return v, nil
		}
		v = next
	}
	return v, err
}

// lookOnce is one look of a caller that waits, within the server's bound.
func (s *Server) lookOnce(ctx context.Context, r rollout.Rollout) (judge.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return s.lookAt(ctx, r, true)
}

// pauseOf returns how long to wait before looking again: half a block, since
// nothing changes before the next one closes.
func pauseOf(v judge.Verdict) time.Duration {
	block, err := time.ParseDuration(v.Progress.Block)
	if err != nil {
		block = 2 * minPause
	}
	return min(max(block/2, minPause), maxPause)
}

// readWait reads ?wait=30s.
func readWait(q url.Values) (time.Duration, error) {
	for name := range q {
		if name != "wait" {
			return 0, bad("known is wait", "%s: unknown parameter", quoted(name))
		}
	}
	value := q.Get("wait")
	if value == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(value)
	if err != nil || wait < 0 || wait > maxWait {
		return 0, bad("write a duration up to 10m, like 30s", "wait: %s is not one", quoted(value))
	}
	return wait, nil
}
