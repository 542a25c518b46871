package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
)

// HTTPError is a request that was not answered as asked. A handler returns one to
// choose what the caller is told; of any other error the caller learns nothing but
// that it happened, and the log has the rest.
type HTTPError struct {
	Code   int    // HTTP status, 400 to 599
	Public string // what is wrong, for the caller; free of credentials
	Next   string // what the caller can do about it; may be empty
	Err    error  // the cause, for the log; may be nil
	// RetryAfter, where positive, is when to ask again.
	RetryAfter time.Duration
}

// Error returns the status, the public text and the cause.
func (e *HTTPError) Error() string {
	text := strconv.Itoa(e.Code) + " " + e.Public
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *HTTPError) Unwrap() error { return e.Err }

// bad is a request that cannot be understood.
func bad(next, format string, args ...any) *HTTPError {
	return &HTTPError{Code: http.StatusBadRequest, Public: fmt.Sprintf(format, args...), Next: next}
}

// conflict is a request that the rollout's state refuses.
func conflict(next, format string, args ...any) *HTTPError {
	return &HTTPError{Code: http.StatusConflict, Public: fmt.Sprintf(format, args...), Next: next}
}

// noVerdict is an error of the judge or of the journal: no verdict could be formed.
func noVerdict(err error) *HTTPError {
	return &HTTPError{
		Code: http.StatusServiceUnavailable, Public: "no verdict could be formed: " + redact(err.Error()),
		Next: "ask again; /readyz says which part cannot be reached", Err: err, RetryAfter: 10 * time.Second,
	}
}

// asHTTPError says what an error of any package means to a caller.
func asHTTPError(err error) *HTTPError {
	var ours *HTTPError
	var theirs *echo.HTTPError
	var unknown *plan.UnknownError
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &theirs):
		return fromEcho(theirs)
	case errors.As(err, &unknown):
		return unknownPlan(unknown)
	case errors.Is(err, journal.ErrNotFound), errors.Is(err, judge.ErrUnknownRollout):
		return &HTTPError{
			Code: http.StatusNotFound, Public: "no such rollout is recorded",
			Next: "GET /v1/rollouts lists what is", Err: err,
		}
	case errors.Is(err, journal.ErrClosed):
		return &HTTPError{
			Code: http.StatusConflict, Public: "the rollout is over; nothing of it can change",
			Next: "announce it again: that opens a new attempt", Err: err,
		}
	case errors.Is(err, journal.ErrUnavailable), errors.Is(err, journal.ErrUnknown):
		return &HTTPError{
			Code: http.StatusServiceUnavailable, Public: redact(err.Error()),
			Next: "ask again: nothing is recorded twice; /readyz says which part cannot be reached", Err: err, RetryAfter: 10 * time.Second,
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &HTTPError{
			Code: http.StatusServiceUnavailable, Public: "the answer took too long",
			Next: "ask again", Err: err, RetryAfter: 10 * time.Second,
		}
	}
	return &HTTPError{
		Code: http.StatusInternalServerError, Public: "internal error",
		Next: "the server's log has the request ID and the cause", Err: err,
	}
}

func unknownPlan(err *plan.UnknownError) *HTTPError {
	e := &HTTPError{Code: http.StatusNotFound, Public: err.Error(), Next: "name a plan in the request, or load one for this service", Err: err}
	if len(err.Known) > 0 { // the error lists them
		e.Next = "name one of them in the request, or load a plan for this service"
	}
	return e
}

func fromEcho(err *echo.HTTPError) *HTTPError {
	e := &HTTPError{Code: err.Code, Public: strings.ToLower(http.StatusText(err.Code)), Err: err.Internal}
	switch err.Code {
	case http.StatusNotFound:
		e.Public, e.Next = "there is nothing at this address", "GET /openapi.json lists every address"
	case http.StatusMethodNotAllowed:
		e.Public, e.Next = "this address does not take this method", "the Allow header names those that it takes"
	}
	return e
}

// fail answers a request with an error, in the style of the caller's dialect. It
// is the only place that does.
func (s *Server) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	e := guarded(callerOf(c), asHTTPError(err))
	s.refused(c, e)
	h := c.Response().Header()
	if e.RetryAfter > 0 {
		h.Set(echo.HeaderRetryAfter, strconv.Itoa(int(e.RetryAfter.Seconds())))
	}
	if e.Code == http.StatusUnauthorized {
		h.Add(echo.HeaderWWWAuthenticate, `Bearer realm="serin"`)
		h.Add(echo.HeaderWWWAuthenticate, `Basic realm="serin"`)
	}
	var werr error
	switch path := c.Request().URL.Path; {
	case isPage(path) && wantsPage(c):
		werr = s.failurePage(c, e)
	case path == pathQuery:
		werr = writeJSON(c, e.Code, queryFailure(e))
	case within(path, "/flagger"):
		werr = sayFlagger(c, e.Code, e.Public, e.Next)
	case path == pathNotice:
		werr = writeJSON(c, e.Code, noticeFailure(e))
	case within(path, "/argo"):
		werr = writeJSON(c, e.Code, argoFailure(e))
	case within(path, kayentaPrefix):
		werr = writeJSON(c, e.Code, kayentaFailure(e))
	default:
		werr = writeJSON(c, e.Code, map[string]string{"error": oneLine(e.Public, 4096), "next": oneLine(e.Next, 4096)})
	}
	if werr != nil {
		s.cfg.Log.Error("answer could not be written", cause(werr), "id", requestID(c))
	}
}

// within reports whether a path is below a prefix, or the prefix itself.
func within(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// oneLine brings a text into one line of at most max bytes of valid UTF-8: what
// goes into Kubernetes events, logs and summaries.
func oneLine(text string, max int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= max {
		return text
	}
	const more = "…"
	cut := max - len(more)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}

// The parts of URLs that may carry credentials.
var (
	urlUser  = regexp.MustCompile(`://[^/\s"'@]*@`)
	urlQuery = regexp.MustCompile(`(://[^\s"'?]*\?)[^\s"']*`)
)

// redact removes what may be a credential from an error's text. The packages
// below write none; this is the second lock.
func redact(text string) string {
	return urlQuery.ReplaceAllString(urlUser.ReplaceAllString(text, "://…@"), "$1…")
}

// cause writes an error into the log.
func cause(err error) slog.Attr { return slog.String("error", oneLine(redact(err.Error()), 2000)) }
