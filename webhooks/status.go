package webhooks

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/webhooks/reply"
)

// The words of a status. Callers map them to their own; a poller that knows none of
// them goes on waiting.
const (
	statusRunning      = "running"
	statusPromote      = "promote"
	statusAdvance      = "advance" // a yes at the gates start and step
	statusRollback     = "rollback"
	statusInconclusive = "inconclusive"
	statusClosed       = "closed" // over without a decision: superseded, cancelled, swept
)

// statusBody says how a rollout, or a question about it, stands. Every field is in
// every answer. What pollers read is text and never a number: Spinnaker takes a
// number for a percentage, of which only 100 succeeds.
type statusBody struct {
	Status   string `json:"status"`
	Progress string `json:"progress"` // one line, never empty
	Reason   string `json:"reason"`
	Outcome  string `json:"outcome"` // the last verdict's; empty before the first
	Proven   bool   `json:"proven"`
	Shadow   bool   `json:"shadow"` // the plan decides nothing
	Final    bool   `json:"final"`  // the status will not change any more

	Rollout   string `json:"rollout"`
	Service   string `json:"service"`
	Namespace string `json:"namespace"`
	Revision  string `json:"revision"`
	// Deadline is when a question is answered at the latest, RFC 3339; empty where
	// nothing was asked.
	Deadline string `json:"deadline"`
	Self     string `json:"self"`   // this address
	Report   string `json:"report"` // the rollout's
}

// getStatus is GET /v1/rollouts/{id}/status. It only reads the record.
func (s *Server) getStatus(c echo.Context) error {
	name := c.QueryParam("question")
	for param := range c.QueryParams() {
		if param != "question" {
			return bad("known is question", "%s: unknown parameter", quoted(param))
		}
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), min(prompt, s.cfg.Timeout))
	defer cancel()
	c.SetRequest(c.Request().WithContext(ctx))
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	b, err := s.statusOf(ctx, sum, name)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, b)
}

// statusOf reads how a rollout stands or, with a name, a question about it.
func (s *Server) statusOf(ctx context.Context, sum journal.Summary, name string) (statusBody, error) {
	b := s.describe(sum)
	if name == "" {
		b.Status, b.Final = wordOfRecord(sum)
		return b, nil
	}
	b.Self += "?question=" + name
	id := pollID(sum.Rollout.ID, name)
	unknown := &HTTPError{Code: http.StatusNotFound, Public: "no such question was asked about this rollout", Next: "leave question out, or ask again"}
	if s.cfg.Asker == nil || !questionName.MatchString(name) {
		return b, unknown
	}
	q, asked, err := s.cfg.Asker.Asked(ctx, id)
	switch {
	case err != nil:
		return b, unrecorded(err)
	case !asked:
		return b, unknown
	}
	b.Deadline = q.Deadline.UTC().Format(time.RFC3339)
	a, given, err := s.cfg.Asker.Given(ctx, id)
	if err != nil {
		return b, unrecorded(err)
	}
	if given {
		b.Status, b.Final, b.Reason = wordOfAnswer(q, a), true, a.Reason
		b.Progress = oneLine(a.Reason, maxSummary)
		return b, nil
	}
	b.Status = statusRunning
	if q.Lapsed(s.now()) {
		b.Status, b.Final = statusInconclusive, true
		b.Reason = "no server was there to look when the time was over"
		b.Progress = b.Reason
		return b, nil
	}
	if sum.Last != nil && sum.Last.Outcome == judge.Inconclusive && !shadow(*sum.Last) {
		// It is held for a person. Whoever does not wait for one stops here.
		b.Status = statusInconclusive
	}
	return b, nil
}

// describe fills in what does not depend on who asks.
func (s *Server) describe(sum journal.Summary) statusBody {
	r := sum.Rollout
	b := statusBody{
		Rollout: r.ID, Service: r.Service, Namespace: r.Namespace, Revision: r.Revision,
		Report: s.link(r.ID), Self: s.link(r.ID) + "/status",
		Reason: "nobody has looked yet", Progress: "announced; no look yet",
	}
	if v := sum.Last; v != nil {
		b.Outcome, b.Proven, b.Shadow, b.Reason = v.Outcome.String(), v.Proven, shadow(*v), oneLine(v.Reason, maxReason)
		b.Progress = progressOf(*v)
	}
	if !live(sum) {
		b.Progress = oneLine(fmt.Sprintf("over since %s (%s); %s", sum.Closed.UTC().Format(time.RFC3339), sum.Why, b.Progress), maxSummary)
	}
	return b
}

// progressOf says in one line how far a verdict is.
func progressOf(v judge.Verdict) string {
	g := v.Progress
	text := fmt.Sprintf("look %d: %s; %d blocks compared, %s canary requests", v.Seq, v.Outcome, g.Paired, number(math.Round(g.CanaryRequests)))
	if g.Weight != nil {
		text += ", at " + number(*g.Weight) + " %"
	}
	return oneLine(text+"; "+v.Reason, maxSummary)
}

// wordOfRecord is the status of a rollout about which nothing in particular was asked.
func wordOfRecord(sum journal.Summary) (word string, last bool) {
	over, v := !live(sum), sum.Last
	switch {
	case v != nil && v.RollBack.Yes:
		return statusRollback, true // it latches
	case strings.HasPrefix(sum.Why, reply.WhyGranted):
		return statusPromote, true
	case over:
		return statusClosed, true
	case v == nil:
		return statusRunning, false
	case v.Promotion.Yes:
		return statusPromote, false
	case v.Outcome == judge.Inconclusive:
		return statusInconclusive, false
	}
	return statusRunning, false
}

// wordOfAnswer is the status of a question that has its answer.
func wordOfAnswer(q reply.Question, a reply.Answer) string {
	switch {
	case a.Yes && q.Gate == reply.GatePromotion:
		return statusPromote
	case a.Yes:
		return statusAdvance
	case a.Fallback:
		return statusInconclusive
	case a.Over && a.Outcome != judge.Rollback.String():
		return statusClosed
	}
	return statusRollback
}
