package webhooks

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// Work is what the handlers need of the work that is done later; [*outbox.Queue]
// is one.
type Work interface {
	// List returns work, the newest first.
	List(ctx context.Context, f outbox.Filter) ([]outbox.Work, error)
	// Retry queues dead or cancelled work again.
	Retry(ctx context.Context, id string) (outbox.Work, error)
}

// workID is the form of every piece of work's ID.
var workID = regexp.MustCompile(`^[a-z2-7]{16}$`)

// listWork is GET /v1/work.
func (s *Server) listWork(c echo.Context) error {
	if s.cfg.Work == nil {
		return noWork()
	}
	f, err := readWorkFilter(c.QueryParams())
	if err != nil {
		return err
	}
	list, err := s.cfg.Work.List(c.Request().Context(), f)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, map[string][]outbox.Work{"work": orEmpty(list)})
}

// retryWork is POST /v1/work/{id}/retry.
func (s *Server) retryWork(c echo.Context) error {
	if s.cfg.Work == nil {
		return noWork()
	}
	id := c.Param("id")
	if !workID.MatchString(id) {
		return unknownWork(nil)
	}
	w, err := s.cfg.Work.Retry(c.Request().Context(), id)
	switch {
	case errors.Is(err, outbox.ErrNotFound):
		return unknownWork(err)
	case errors.Is(err, outbox.ErrState):
		e := conflict("GET /v1/work shows how it stands", "only dead or cancelled work can be tried again")
		e.Err = err
		return e
	case err != nil:
		return err
	}
	s.cfg.Log.InfoContext(c.Request().Context(), "work is tried again", "id", w.ID, "kind", w.Kind, "key", w.Key, "rollout", w.Rollout)
	return writeJSON(c, http.StatusAccepted, w)
}

func noWork() *HTTPError {
	return &HTTPError{Code: http.StatusNotFound, Public: "this server does no work later", Next: "ask the one that does"}
}

func unknownWork(err error) *HTTPError {
	return &HTTPError{Code: http.StatusNotFound, Public: "no such work is recorded", Next: "GET /v1/work lists the work with its IDs", Err: err}
}

// readWorkFilter reads the query of GET /v1/work. What is not known is refused.
func readWorkFilter(q url.Values) (outbox.Filter, error) {
	f := outbox.Filter{Limit: 100}
	for name, values := range q {
		if len(values) > 1 {
			return f, bad("give it once", "%s: given %d times", quoted(name), len(values))
		}
		var err error
		switch value := values[0]; name {
		case "state":
			f.State, err = outbox.ReadState(value)
			if err != nil {
				err = bad("write queued, done, dead or cancelled", "state: %s is none", quoted(value))
			}
		case "kind":
			f.Kind, err = value, checkFact(name, value)
		case "rollout":
			f.Rollout, err = value, checkFact(name, value)
		case "limit":
			if f.Limit, err = strconv.Atoi(value); err != nil || f.Limit < 1 || f.Limit > 1000 {
				err = bad("write a number from 1 to 1000", "limit: %s is not one", quoted(value))
			}
		default:
			err = bad("known are state, kind, rollout and limit", "%s: unknown parameter", quoted(name))
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// mayCallBack refuses a callback that cannot be sent, before the rollout is
// announced.
func (s *Server) mayCallBack(to string) error {
	if to == "" {
		return nil
	}
	if s.cfg.Callbacks == nil {
		return bad("leave it out, or ask the operator to configure callbacks", "callback_url: this server sends no callbacks")
	}
	return s.cfg.Callbacks.Check(to)
}
