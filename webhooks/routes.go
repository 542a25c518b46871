package webhooks

import (
	_ "embed"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// The addresses that more than one place speaks of.
const (
	flaggerPrefix = "/flagger/"
	pathJudge     = "/v1/judge"
)

// openAPI describes every address. A test holds it to the routes.
//
//go:embed openapi.json
var openAPI []byte

// routes builds the handler. Read it from the outside in: a request gets an ID,
// is counted, logged and answered whatever happens, and only then authenticated.
func (s *Server) routes() http.Handler {
	e := echo.New()
	e.Logger.SetOutput(io.Discard) // slog has the log
	e.HTTPErrorHandler = s.fail
	// Headers that name another client address are the caller's to invent.
	e.IPExtractor = echo.ExtractIPDirect()
	// An address with a slash at its end is the one without. Callers are not sent there: they
	// would ask by GET, or not again.
	e.Pre(oneSlash, middleware.RemoveTrailingSlash())
	e.Use(identify, s.metrics.count, s.logRequests(), s.recoverPanics(), secure, sameOrigin(), s.bound, s.authenticate)

	e.GET("/healthz", s.healthz)
	e.GET("/readyz", s.readyz)
	e.GET("/metrics", needsAll(echo.WrapHandler(s.metrics.handler(s.cfg.Log)), RightRead))
	e.GET("/openapi.json", func(c echo.Context) error { return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, openAPI) })

	s.pageRoutes(e)
	for _, h := range s.hooks() {
		e.POST(flaggerPrefix+h.name, s.flagger(h))
	}
	e.GET(pathQuery, s.query)
	e.RouteNotFound(flaggerPrefix+"*", s.unknownHook)
	e.RouteNotFound(strings.TrimSuffix(flaggerPrefix, "/"), s.unknownHook)
	e.POST("/argo/analysis", s.argo)
	e.POST(pathNotice, s.notice)
	s.kayentaRoutes(e)
	e.POST(pathAlertmanager, s.alertmanager)
	e.POST(pathAzure, s.azure)
	e.POST(pathGitHub, s.github)
	e.POST(pathCodeDeploy, s.codeDeploy)
	e.POST(pathEvents, s.awsEvents)
	e.POST(pathECSHook, s.ecsHook)

	e.GET("/v1/plans", needs(s.listPlans, RightRead))
	e.POST("/v1/rollouts", needs(s.announce, RightAnnounce))
	e.GET("/v1/rollouts", needs(s.listRollouts, RightRead))
	e.GET("/v1/rollouts/:id", needs(s.getRollout, RightRead))
	e.GET("/v1/rollouts/:id/status", needs(s.getStatus, RightRead))
	e.DELETE("/v1/rollouts/:id", needs(s.closeRollout, RightAnnounce))
	e.GET("/v1/rollouts/:id/verdicts", needs(s.listVerdicts, RightRead))
	e.GET("/v1/rollouts/:id/trace", needs(s.trace, RightRead))
	e.POST("/v1/rollouts/:id/judge", needs(s.judgeRollout, RightJudge))
	e.POST("/v1/rollouts/:id/override", needs(s.override, RightOverride))
	e.GET("/v1/audit", needsAll(s.listAudit, RightAdmin))
	e.POST("/v1/rollouts/:id/weights", needs(s.declareWeight, RightAnnounce))
	e.GET("/v1/work", needsAll(s.listWork, RightAdmin))
	e.POST("/v1/work/:id/retry", needsAll(s.retryWork, RightAdmin))
	e.POST(pathJudge, needs(s.judgeOnce, RightJudge, RightAnnounce))
	e.POST(pathJudge+"/cancel", needs(s.cancelJudging, RightAnnounce))

	for _, method := range [...]string{http.MethodHead, http.MethodGet} {
		e.Add(method, pathThrottle+"/:id", needs(s.throttleByID, RightRead))
		e.Add(method, pathThrottle+"/:namespace/:service", needs(s.throttleByService, RightRead))
	}

	return e
}
