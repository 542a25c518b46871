package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/reply"
)

// review is what a deployment's gate is told. Without a state it is a report on how
// the gate stands, of which GitHub takes ten in all.
type review struct {
	Environment string `json:"environment_name"`
	State       string `json:"state,omitempty"`
	Comment     string `json:"comment"`
}

// Send implements [reply.Sender]: it approves or rejects the deployment.
func (s *Sender) Send(ctx context.Context, q reply.Question, a reply.Answer) error {
	state := "rejected"
	if a.Yes {
		state = "approved"
	}
	return s.review(ctx, q, review{State: state, Comment: comment(headline(a), a.Reason, a.Link)})
}

// Report implements [reply.Reporter]: it says how far the judging is.
func (s *Sender) Report(ctx context.Context, q reply.Question, v judge.Verdict) error {
	link := ""
	if s.c.BaseURL != "" {
		link = s.c.BaseURL + "/r/" + q.Rollout
	}
	return s.review(ctx, q, review{Comment: comment("waiting: "+v.Outcome.String(), v.Reason, link)})
}

func (s *Sender) review(ctx context.Context, q reply.Question, r review) error {
	var to address
	if err := json.Unmarshal(q.To, &to); err != nil {
		return fmt.Errorf("the question's address cannot be read: %w", outbox.ErrPermanent)
	}
	// The configuration may have changed since the question was asked.
	if err := s.check(to); err != nil {
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	token, err := s.token(ctx, to)
	if err != nil {
		return err
	}
	r.Environment = to.Environment
	err = s.post(ctx, request{url: to.Callback, bearer: token, body: r})
	var refused *refusedError
	if errors.As(err, &refused) && refused.code == http.StatusUnauthorized {
		s.tokens.drop(to.key()) // the next attempt gets another
	}
	return err
}

// request is a call of the API.
type request struct {
	url, bearer string
	body        any
	into        any // where the answer is read to; nil where it says nothing
}

func (s *Sender) post(ctx context.Context, q request) error {
	body, err := json.Marshal(q.body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, q.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the address cannot be used: %w", outbox.ErrPermanent)
	}
	r.Header.Set("Authorization", "Bearer "+q.bearer)
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "serin")
	answer, err := s.c.Client.Do(r)
	if err != nil {
		return reply.Unreachable(r, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode >= 300 {
		return s.refused(answer, q.bearer)
	}
	if q.into != nil {
		return read(answer, q.into)
	}
	reply.Drain(answer)
	return nil
}

// refusedError is an answer of GitHub that is no success.
type refusedError struct {
	code int
	text string
}

// Error returns the host, the status and GitHub's own message.
func (e *refusedError) Error() string { return e.text }

// unwelcome is how long to wait after a refusal that a person must mend: a permission
// of the App, its key, its installation.
const unwelcome = time.Minute

// refused says what an answer means.
//
// 401 and 403 are tried again slowly until the deadline: a key that was exchanged, a
// clock, a permission that is not granted yet. Nobody else releases the deployment. 404,
// 410 and 422 are for good: the run, the installation or the gate is not there any
// more, or has been decided by somebody else. A limit on calls says itself when it ends.
func (s *Sender) refused(a *http.Response, bearer string) error {
	var said struct {
		Message string `json:"message"`
	}
	if read(a, &said) != nil || strings.Contains(said.Message, bearer) {
		said.Message = "" // a proxy's page says nothing
	}
	host, code := a.Request.URL.Host, a.StatusCode
	text := fmt.Sprintf("%s answered %d %s", host, code, http.StatusText(code))
	if said.Message != "" {
		text += ": " + plain(said.Message, 200)
	}
	err := &refusedError{code, text}
	after := s.waitOf(a.Header)
	switch {
	case after > 0:
		return &outbox.LaterError{Err: err, After: after}
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return &outbox.LaterError{Err: err, After: unwelcome}
	case code == http.StatusNotFound, code == http.StatusGone, code == http.StatusUnprocessableEntity, code == http.StatusBadRequest,
		code >= 300 && code < 400:
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	return err
}

// waitOf is how long an answer asks to wait: Retry-After, or until the limit on calls
// is lifted where that is used up.
func (s *Sender) waitOf(h http.Header) time.Duration {
	now := s.c.Now()
	if after := reply.RetryAfter(h, now); after > 0 {
		return after
	}
	if h.Get("X-RateLimit-Remaining") != "0" {
		return 0
	}
	at, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		return 0
	}
	return min(max(time.Unix(at, 0).Sub(now), time.Second), time.Hour)
}
