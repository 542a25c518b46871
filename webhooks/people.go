package webhooks

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/webhooks/pages"
)

// The addresses of pages.
const (
	pathHome      = "/"
	pathReport    = "/r"
	pathService   = "/s"
	pathJudgement = "/k"
	pathAssets    = "/assets"
	pathChanges   = "/events"
)

// isPage reports whether an address is meant for people.
func isPage(path string) bool {
	return path == pathHome || slices.ContainsFunc([]string{pathReport, pathService, pathJudgement, pathAssets, pathChanges}, func(below string) bool { return within(path, below) })
}

// pageRoutes registers the pages.
func (s *Server) pageRoutes(e *echo.Echo) {
	for _, p := range []struct {
		method, path string
		handler      echo.HandlerFunc
	}{
		{http.MethodGet, pathHome, needs(s.history, RightRead)},
		{http.MethodGet, pathChanges, needs(s.listEvents, RightRead)},
		{http.MethodGet, pathReport + "/:id", needs(s.reportPage, RightRead)},
		{http.MethodGet, pathReport + "/:id/events", needs(s.events, RightRead)},
		{http.MethodPost, pathReport + "/:id/override", needs(s.overrideByForm, RightOverride)},
		{http.MethodGet, pathReport + "/:id/data", needs(s.reportData, RightRead)},
		{http.MethodGet, pathReport + "/:id/dashboard", needs(s.reportDashboard, RightRead)},
		{http.MethodGet, pathReport + "/:id/rules", needs(s.reportRules, RightRead)},
		{http.MethodGet, pathService + "/:namespace/:service", needs(s.servicePage, RightRead)},
		{http.MethodGet, pathService + "/:namespace/:service/events", needs(s.serviceEvents, RightRead)},
		{http.MethodGet, pathJudgement, s.forComparison(s.judgementList)},
		{http.MethodGet, pathJudgement + "/:id", s.forComparison(s.judgementPage)},
		{http.MethodGet, pathAssets + "/:name", s.asset},
	} {
		e.Add(p.method, p.path, p.handler)
	}
}

// page sends a page.
func page(c echo.Context, code int, write func(*bytes.Buffer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentSecurityPolicy, pages.Policy)
	// Under no-referrer a browser sends a form's origin as null, and over plain HTTP that is
	// all that it says of where the form stands: it would be refused. Other sites are told
	// nothing by this policy either.
	h.Set(echo.HeaderReferrerPolicy, "same-origin")
	return c.Blob(code, echo.MIMETextHTMLCharsetUTF8, b.Bytes())
}

// asset is a file that pages need.
func (s *Server) asset(c echo.Context) error {
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	name := c.Param("name")
	kind, ok := kinds[path.Ext(name)]
	if !ok || !fs.ValidPath(name) {
		return echo.ErrNotFound
	}
	b, err := fs.ReadFile(s.assets, name)
	if err != nil {
		return echo.ErrNotFound
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "private, max-age=300")
	return c.Blob(http.StatusOK, kind, b)
}

// wantsPage reports whether a browser asks.
func wantsPage(c echo.Context) bool {
	return strings.Contains(c.Request().Header.Get(echo.HeaderAccept), echo.MIMETextHTML)
}

// failurePage says in a page why there is none.
func (s *Server) failurePage(c echo.Context, e *HTTPError) error {
	return page(c, e.Code, func(b *bytes.Buffer) error {
		return s.pages.Failure(b, pages.Failure{Code: e.Code, Public: oneLine(e.Public, 4096), Next: oneLine(e.Next, 4096), Now: s.now()})
	})
}
