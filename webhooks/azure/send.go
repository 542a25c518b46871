package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/reply"
)

// completed is the event that ends a check.
type completed struct {
	Name   string `json:"name"`
	TaskID string `json:"taskId"`
	JobID  string `json:"jobId"`
	Result string `json:"result"`
}

// unwelcome is how long to wait after a refusal of the token: trying at once again
// would be refused again, and the service's own troubles last minutes.
const unwelcome = time.Minute

// Send implements [reply.Sender]: it posts the event that ends the check.
func (s *Sender) Send(ctx context.Context, q reply.Question, a reply.Answer) error {
	var to address
	if err := json.Unmarshal(q.To, &to); err != nil {
		return fmt.Errorf("the question's address cannot be read: %w", outbox.ErrPermanent)
	}
	// The configuration may have changed since the question was asked.
	if err := errors.Join(to.check(), s.allowed(to.PlanURL)); err != nil {
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	token, err := s.ring.open(q.ID, to.Token)
	switch {
	case errors.Is(err, errNoKey):
		return &outbox.LaterError{Err: err, After: unwelcome}
	case err != nil:
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	body, err := json.Marshal(completed{Name: "TaskCompleted", TaskID: to.Task, JobID: to.Job, Result: result(a)})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.events(to), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the address of the plan cannot be used: %w", outbox.ErrPermanent)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "serin")
	answer, err := s.c.Client.Do(r)
	if err != nil {
		return reply.Unreachable(r, err)
	}
	defer answer.Body.Close()
	reply.Drain(answer)
	return s.judge(answer)
}

// result is an answer in Azure's words.
func result(a reply.Answer) string {
	if a.Yes {
		return "succeeded"
	}
	return "failed"
}

// judge says what an answer of Azure means.
//
// Where its token does not count, Azure sends people to a page for signing in: 203
// with that page, or a redirect to it, so that neither means that the event has
// arrived. A refused token is tried again all the same, slowly and until the deadline: nobody
// else releases the check, and the host is one that the configuration names. A run that is
// over or was never there does not come back.
func (s *Sender) judge(a *http.Response) error {
	host := a.Request.URL.Host
	code := a.StatusCode
	err := fmt.Errorf("%s answered %d %s", host, code, http.StatusText(code))
	switch {
	case code == http.StatusNonAuthoritativeInfo, code >= 300 && code < 400, code == http.StatusUnauthorized, code == http.StatusForbidden:
		return &outbox.LaterError{
			Err:   fmt.Errorf("%s answered %d: the run's token does not count there; the run may be over, or may not post events", host, code),
			After: max(reply.RetryAfter(a.Header, s.c.Now()), unwelcome),
		}
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusNotFound, code == http.StatusGone:
		return fmt.Errorf("%s answered %d: there is no such plan any more, so the run is over: %w", host, code, outbox.ErrPermanent)
	case code == http.StatusBadRequest, code == http.StatusMethodNotAllowed, code == http.StatusConflict, code == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	if after := reply.RetryAfter(a.Header, s.c.Now()); after > 0 {
		return &outbox.LaterError{Err: err, After: after}
	}
	return err
}
