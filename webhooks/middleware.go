package webhooks

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// passedID is a request ID that a caller may choose: it goes into logs.
var passedID = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)

// identify gives each request an ID, the caller's own where it is harmless.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !passedID.MatchString(id) {
			var b [8]byte
			rand.Read(b[:]) // never fails
			id = hex.EncodeToString(b[:])
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

// unmatched stands for every address that has no route, so that strangers cannot
// fill the log or the metrics with names of their choice.
const unmatched = "unmatched"

// routeOf returns the template of the route that a request was matched to.
func routeOf(c echo.Context) string {
	if c.Path() == "" {
		return unmatched
	}
	return c.Path()
}

// logRequests writes one line for each request: the route's template, never the
// path or the query, which may carry a token.
func (s *Server) logRequests() echo.MiddlewareFunc {
	return middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		HandleError: true, // the answer is written, so that its status is known here
		LogMethod:   true, LogStatus: true, LogLatency: true, LogRemoteIP: true, LogError: true, LogResponseSize: true,
		LogValuesFunc: func(c echo.Context, v middleware.RequestLoggerValues) error {
			attrs := []slog.Attr{
				slog.String("method", methodWord(v.Method)), slog.String("route", routeOf(c)), slog.Int("status", v.Status),
				slog.Duration("took", v.Latency), slog.Int64("bytes", v.ResponseSize),
				slog.String("remote", v.RemoteIP), slog.String("id", requestID(c)),
			}
			if v.Error != nil {
				attrs = append(attrs, cause(v.Error))
			}
			s.cfg.Log.LogAttrs(context.WithoutCancel(c.Request().Context()), levelOf(c, v.Status), "request", attrs...)
			return nil
		},
	})
}

func levelOf(c echo.Context, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case isPoll(c):
		return slog.LevelDebug // ten a second, and a wait is a normal answer
	case status == http.StatusConflict || status < http.StatusBadRequest:
		// A refusal by verdict is a normal answer.
		if isOpen(c) {
			return slog.LevelDebug
		}
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// isPoll reports whether a route is asked many times a second.
func isPoll(c echo.Context) bool { return within(c.Path(), pathThrottle) }

// recoverPanics turns a panic into an error: logged with its stack, and of which
// the caller learns nothing. (The library's own way of logging it bypasses slog.)
func (s *Server) recoverPanics() echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		StackSize: 16 << 10, DisableStackAll: true, DisableErrorHandler: true,
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			s.cfg.Log.Error("panic in a handler", cause(err), "route", routeOf(c), "id", requestID(c), "stack", string(stack))
			return &HTTPError{
				Code: http.StatusInternalServerError, Public: "internal error",
				Next: "the server's log has request " + requestID(c), Err: err,
			}
		},
	})
}

// secure sets the headers that keep browsers from making more of an answer than
// it is.
func secure(next echo.HandlerFunc) echo.HandlerFunc {
	set := middleware.SecureWithConfig(middleware.SecureConfig{
		ContentTypeNosniff: "nosniff", XFrameOptions: "DENY", ReferrerPolicy: "no-referrer",
		ContentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
	})(next)
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		return set(c)
	}
}

// sameOrigin refuses what a page of another site sends from somebody's browser:
// no page is a caller.
func sameOrigin() echo.MiddlewareFunc {
	check := http.NewCrossOriginProtection()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := check.Check(c.Request()); err != nil {
				return &HTTPError{
					Code: http.StatusForbidden, Public: "a page of another site may not call this server",
					Next: "call it without a browser", Err: err,
				}
			}
			return next(c)
		}
	}
}

// bound ends the work on a request after the configured time. A route that waits
// on purpose sets its own bound.
func (s *Server) bound(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Path() == pathJudge || isStream(c.Path()) {
			return next(c)
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), s.cfg.Timeout)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// methodWord bounds what a caller can write into logs and metrics.
func methodWord(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
