package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/promql"
)

// fault turns an error of the client into one that says whose fault it is. Of the
// cause, only what is known to be free of credentials is kept.
func (s *Source) fault(seen *outcome, err error) error {
	out := &queries.Error{Source: s.cfg.Name}
	for _, safe := range []error{context.DeadlineExceeded, context.Canceled, promql.ErrTooLarge} {
		if errors.Is(err, safe) {
			out.Err = safe
		}
	}
	out.RetryAfter = seen.asked()
	var secret *errSecret
	var large *tooLargeError
	var said *v1.Error
	switch {
	case errors.As(err, &secret):
		out.Fault, out.Text = queries.Rejected, seen.redact(secret.Error())
	case errors.As(err, &large):
		out.Fault, out.Text = queries.Rejected, large.text
	case errors.As(err, &said):
		out.Fault, out.Text = refused(seen, said)
	case errors.Is(out.Err, context.Canceled):
		out.Fault, out.Text = queries.Unavailable, "the question was given up before it was answered"
	case errors.Is(out.Err, context.DeadlineExceeded) || timedOut(err):
		out.Fault, out.Text = queries.Unavailable, fmt.Sprintf("it did not answer in time (its timeout is %v)", s.cfg.Timeout)
	case seen.last() != 0:
		out.Fault, out.Text = queries.Unavailable, "its answer broke off: "+seen.redact(inner(err))
	default:
		out.Fault, out.Text = queries.Unavailable, "it cannot be reached: "+seen.redact(inner(err))
	}
	return out
}

// refused reads an answer that is an error, or is none that can be read.
func refused(seen *outcome, e *v1.Error) (queries.Fault, string) {
	switch status := seen.last(); {
	case status >= 200 && status < 300 && e.Type == v1.ErrBadResponse:
		return queries.Malformed, "its answer cannot be read (" + seen.redact(e.Msg) + "); is it a Prometheus server, or a login page before one?"
	case status == http.StatusTooManyRequests:
		return queries.Throttled, "it asks to be asked less often (429)"
	case status >= 500 || status == http.StatusRequestTimeout:
		return queries.Unavailable, fmt.Sprintf("it answered %d %s", status, http.StatusText(status)) + seen.redact(detail(e))
	case status >= 300 && status < 400:
		return queries.Rejected, fmt.Sprintf("it answered with a redirect (%d), which is not followed; give the url that it leads to", status)
	case status == http.StatusUnauthorized && strings.Contains(e.Detail, "no org id"):
		return queries.Rejected, "it wants to know the tenant (401, no org id); give it under headers as X-Scope-OrgID"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return queries.Rejected, fmt.Sprintf("it refused the credentials (%d)", status)
	case status == http.StatusNotFound:
		return queries.Rejected, "there is no Prometheus API at this url (404); check its path"
	case e.Type == v1.ErrTimeout || e.Type == v1.ErrCanceled || e.Type == v1.ErrServer:
		return queries.Unavailable, "it gave the query up: " + seen.redact(e.Msg)
	case status >= 200 && status < 300 || status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
		return queries.Rejected, "it refused the query: " + seen.redact(e.Msg)
	default:
		return queries.Rejected, fmt.Sprintf("it answered %d %s", status, http.StatusText(status))
	}
}

// detail is the reason that the body of an error gives, where it is Prometheus's.
func detail(e *v1.Error) string {
	var body struct{ Error string }
	if json.Unmarshal([]byte(e.Detail), &body) != nil || body.Error == "" {
		return ""
	}
	return ": " + body.Error
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// inner is the text of what went wrong without the URL that http.Client puts
// before it.
func inner(err error) string {
	var u *url.Error
	if errors.As(err, &u) && u.Err != nil {
		return u.Err.Error()
	}
	return err.Error()
}

func (s *Source) malformed(text string) error {
	return &queries.Error{Fault: queries.Malformed, Source: s.cfg.Name, Text: text}
}

// recovered turns a panic of the client's decoder into an error.
func (s *Source) recovered(err *error) {
	if v := recover(); v != nil {
		*err = s.malformed("its answer cannot be read at all")
	}
}
