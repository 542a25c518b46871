package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// statusError is an answer that is none of success.
type statusError struct {
	code int
	text string
}

// Error returns what Grafana said.
func (e *statusError) Error() string { return e.text }

// isStatus reports whether an error is an answer of this status.
func isStatus(err error, code int) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == code
}

// longestPause bounds what an answer may ask for.
const longestPause = time.Hour

// refused says what an answer means: what to mend, and whether trying again helps.
func (g *Grafana) refused(a *http.Response, c call, body []byte) error {
	var said struct {
		Message string `json:"message"`
		Status  any    `json:"status"`
	}
	_ = json.Unmarshal(body, &said) // a proxy's page has neither
	e := &Error{Err: &statusError{a.StatusCode, fmt.Sprintf("grafana: %s %s was answered with %d%s%s",
		c.method, c.path, a.StatusCode, quote(said.Message), next(a.StatusCode, said.Status))}}
	switch code := a.StatusCode; {
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		e.After = pause(a.Header.Get("Retry-After"), g.c.Now())
	case code == http.StatusConflict, code == http.StatusPreconditionFailed && said.Status == "version-mismatch":
		// Somebody wrote at the same moment: the next attempt reads it first.
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		// A token may be on its way: tried again, but not for ever.
	case code >= 400 && code < 500 && code != http.StatusRequestTimeout:
		e.Permanent = true
	}
	return e
}

// quote shortens what was said to one line.
func quote(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return ""
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return ": " + text
}

// next says what to do about a status.
func next(code int, status any) string {
	switch {
	case code == http.StatusUnauthorized:
		return "; the token is missing, wrong or expired: make one for a service account with the role Editor"
	case code == http.StatusForbidden:
		return "; the service account lacks a right: it needs dashboards:create, :read, :write and :delete, folders:read and :create, and annotations:create, :read, :write and :delete"
	case status == "name-exists":
		return "; another board of this title is in the folder: give boards a folder of their own"
	case status == "plugin-dashboard":
		return "; the board belongs to a plugin"
	}
	return ""
}

// pause reads Retry-After: seconds, or a date. What cannot be read is 0.
func pause(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestPause)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longestPause)
	}
	return 0
}
