package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// Overseer records what people decide, and who asked for what.
type Overseer interface {
	// Override records a person's decision about a live rollout.
	Override(ctx context.Context, id string, o judge.Override) (judge.Override, error)
	// Audit appends to the audit trail.
	Audit(ctx context.Context, e journal.Entry) error
	// AuditLog shows the audit trail, the newest first.
	AuditLog(ctx context.Context, f journal.AuditFilter) ([]journal.Entry, error)
}

// auditTime bounds the time that a note in the trail may take.
const auditTime = 2 * time.Second

// asked is where a call came from, for the trail. It travels in the request's
// context, as request IDs do; nothing is decided by it.
type asked struct {
	Who     string `json:"-"`
	Request string `json:"request,omitempty"`
	Remote  string `json:"remote,omitempty"`
}

type askedKey struct{}

// withAsked puts into a request's context who sent it.
func withAsked(c echo.Context, w caller) {
	a := asked{Who: w.name(), Request: requestID(c), Remote: c.RealIP()}
	c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), askedKey{}, a)))
}

// told is the detail of an entry.
type told struct {
	asked
	Reason string `json:"reason,omitempty"`
	Route  string `json:"route,omitempty"`
	Status int    `json:"status,omitempty"`
	// Unrecorded counts refusals since the last recorded one that were not.
	Unrecorded int `json:"unrecorded,omitempty"`
}

// note appends to the audit trail: who did what, with what reason. Where it cannot
// be written the log says so, and the caller is answered all the same.
func (s *Server) note(ctx context.Context, what, rollout, reason string) {
	a, ok := ctx.Value(askedKey{}).(asked)
	if !ok {
		a.Who = "serin" // nobody asked: the server's own work
	}
	s.append(ctx, what, rollout, told{asked: a, Reason: oneLine(reason, 1000)})
}

func (s *Server) append(ctx context.Context, what, rollout string, d told) {
	detail, err := json.Marshal(d)
	if err == nil {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTime)
		defer cancel()
		err = s.cfg.Journal.Audit(bounded, journal.Entry{At: s.now(), Who: d.Who, What: what, Rollout: rollout, Detail: detail})
	}
	if err != nil {
		s.cfg.Log.LogAttrs(ctx, slog.LevelError, "the audit trail could not be written", slog.String("what", what),
			slog.String("who", d.Who), slog.String("rollout", rollout), cause(err))
	}
}

// refusals bound how much strangers can make the trail grow: twenty at once, then
// one in ten seconds; the others are counted.
type refusals struct {
	limit *rate.Limiter

	mu     sync.Mutex
	missed int
}

func newRefusals() *refusals {
	return &refusals{limit: rate.NewLimiter(rate.Every(10*time.Second), 20)}
}

// take reports whether a refusal is recorded, and how many were not before it.
func (r *refusals) take(now time.Time) (missed int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.limit.AllowN(now, 1) {
		r.missed++
		return 0, false
	}
	missed, r.missed = r.missed, 0
	return missed, true
}

// refused notes that a caller was not let in, or to where it wanted.
func (s *Server) refused(c echo.Context, e *HTTPError) {
	switch e.Code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
	default:
		return
	}
	missed, ok := s.refusals.take(s.now())
	if !ok {
		return
	}
	s.append(c.Request().Context(), "refused", "", told{
		asked:  asked{Who: callerOf(c).name(), Request: requestID(c), Remote: c.RealIP()},
		Reason: oneLine(e.Public, 200), Route: methodWord(c.Request().Method) + " " + routeOf(c), Status: e.Code, Unrecorded: missed,
	})
}

// listAudit is GET /v1/audit.
func (s *Server) listAudit(c echo.Context) error {
	f, err := readAudit(c.QueryParams())
	if err != nil {
		return err
	}
	list, err := s.cfg.Journal.AuditLog(c.Request().Context(), f)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, map[string][]journal.Entry{"entries": orEmpty(list)})
}

// readAudit reads the query of GET /v1/audit.
func readAudit(q url.Values) (journal.AuditFilter, error) {
	f := journal.AuditFilter{Limit: 100}
	for name, values := range q {
		if len(values) > 1 {
			return f, bad("give it once", "%s: given %d times", quoted(name), len(values))
		}
		var err error
		switch value := values[0]; name {
		case "rollout":
			f.Rollout, err = value, checkFact(name, value)
		case "who":
			f.Who, err = value, checkFact(name, value)
		case "after":
			f.After, err = value, checkFact(name, value)
		case "since":
			if f.Since, err = time.Parse(time.RFC3339, value); err != nil {
				err = bad("write it like 2026-05-01T12:00:00Z", "since: %s is no time", quoted(value))
			}
		case "limit":
			if f.Limit, err = strconv.Atoi(value); err != nil || f.Limit < 1 || f.Limit > 1000 {
				err = bad("write a number from 1 to 1000", "limit: %s is not one", quoted(value))
			}
		default:
			err = bad("known are rollout, who, since, after and limit", "%s: unknown filter", quoted(name))
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// overrideBody is the body of POST /v1/rollouts/{id}/override.
type overrideBody struct {
	Action      string `json:"action"` // promote, rollback, hold or clear
	Reason      string `json:"reason"` // quoted in every verdict that follows
	DespiteHarm bool   `json:"despiteHarm"`
}

// override is POST /v1/rollouts/{id}/override: a person decides in the judge's
// place. It counts from the next look on.
func (s *Server) override(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var b overrideBody
	if err := decode(body, &b, strict); err != nil {
		return err
	}
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	o, err := s.decideByHand(c, sum, b)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, o)
}

// decideByHand records what a person decides of a rollout.
func (s *Server) decideByHand(c echo.Context, sum journal.Summary, b overrideBody) (judge.Override, error) {
	o := judge.Override{
		At: s.now(), By: callerOf(c).name(), Action: judge.OverrideAction(b.Action), Reason: oneLine(b.Reason, maxReason+1), DespiteHarm: b.DespiteHarm,
	}
	if err := o.Validate(); err != nil {
		return o, bad(`write {"action": "promote", "reason": "…"}; actions are promote, rollback, hold and clear`, "%s", oneLine(err.Error(), 500))
	}
	ctx := c.Request().Context()
	o, err := s.cfg.Journal.Override(ctx, sum.Rollout.ID, o)
	if errors.Is(err, journal.ErrClosed) {
		return o, conflict("nothing can be decided any more", "the rollout is over")
	}
	if err != nil {
		return o, err
	}
	s.cfg.Log.WarnContext(ctx, "a person decided in the judge's place", "rollout", sum.Rollout.ID, "by", o.By,
		"action", string(o.Action), "reason", o.Reason, "despiteHarm", o.DespiteHarm)
	s.note(ctx, "override "+string(o.Action), sum.Rollout.ID, o.Reason)
	return o, nil
}

// maxReason bounds an override's reason, in bytes, as the judge does.
const maxReason = 1000
