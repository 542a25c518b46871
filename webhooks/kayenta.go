package webhooks

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/aca"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/queries"
)

const (
	controllerKayenta = "kayenta"
	kayentaPrefix     = "/kayenta"
)

// Documents keeps what is no rollout; [*journal.Journal] is one.
type Documents interface {
	DocumentWriter
	DocumentReader
}

// DocumentWriter changes documents.
type DocumentWriter interface {
	// AddDocument adds a document. A taken ID is journal.ErrExists.
	AddDocument(ctx context.Context, d journal.Document) (journal.Document, error)
	// ReplaceDocument changes one, unless its revision is another: journal.ErrChanged.
	ReplaceDocument(ctx context.Context, d journal.Document) (journal.Document, error)
	// RemoveDocument removes one, or returns journal.ErrNotFound.
	RemoveDocument(ctx context.Context, kind, id string) error
}

// DocumentReader shows documents, and forgets old ones.
type DocumentReader interface {
	// Document returns one, or journal.ErrNotFound.
	Document(ctx context.Context, kind, id string) (journal.Document, error)
	// Documents returns those that a filter selects, the newest first.
	Documents(ctx context.Context, f journal.DocumentFilter) ([]journal.Document, error)
	// PruneDocuments removes those that were changed last before a moment.
	PruneDocuments(ctx context.Context, kind string, before time.Time) (int, error)
}

var _ Documents = (*journal.Journal)(nil)

// Kayenta is what the API of Kayenta needs. Its zero value judges the samples that a
// caller sends, and nothing else.
type Kayenta struct {
	// Documents keep canary configs, executions and series.
	Documents Documents
	// Sources are asked, by the names that callers use for metrics accounts.
	Sources map[string]queries.Source
	// Queries says that callers may bring queries, in canary configs. They are bounded,
	// and can still read everything that the source holds.
	Queries bool
	// Keep is for how long executions and series are kept (default 30 days).
	Keep time.Duration
}

// The kinds of documents.
const (
	kayentaConfigs    = "kayenta config"
	kayentaExecutions = "kayenta execution"
	kayentaAnalyses   = "kayenta analysis"
	kayentaPairLists  = "kayenta pairs"
)

// kayentaRoutes adds the addresses of Kayenta's API.
func (s *Server) kayentaRoutes(e *echo.Echo) {
	get, post := e.GET, e.POST
	get("/kayenta/canaryConfig", s.forKayenta(s.listConfigs, RightRead))
	post("/kayenta/canaryConfig", s.forKayenta(s.addConfig, RightAnnounce))
	get("/kayenta/canaryConfig/:id", s.forKayenta(s.getConfig, RightRead))
	e.PUT("/kayenta/canaryConfig/:id", s.forKayenta(s.replaceConfig, RightAnnounce))
	e.DELETE("/kayenta/canaryConfig/:id", s.forKayenta(s.removeConfig, RightAnnounce))
	post("/kayenta/canary", s.forKayenta(s.startCanary, RightJudge))
	post("/kayenta/canary/:id", s.forKayenta(s.startCanary, RightJudge))
	get("/kayenta/canary/executions", s.forKayenta(s.listExecutions, RightRead))
	get("/kayenta/canary/:id", s.forKayenta(s.getCanary, RightRead))
	post("/kayenta/standalone_canary_analysis", s.forKayenta(s.startAnalysis, RightJudge))
	post("/kayenta/standalone_canary_analysis/:id", s.forKayenta(s.startAnalysis, RightJudge))
	get("/kayenta/standalone_canary_analysis/:id", s.forKayenta(s.getAnalysis, RightRead))
	e.PUT("/kayenta/pipelines/:id/cancel", s.forKayenta(s.cancelCanary, RightJudge))
	post("/kayenta/metricSetPairList", s.forKayenta(s.addPairs, RightJudge))
	get("/kayenta/metricSetPairList/:id", s.forKayenta(s.getPairs, RightRead))
	e.DELETE("/kayenta/metricSetPairList/:id", s.forKayenta(s.removePairs, RightJudge))
	post("/kayenta/judges/judge", s.forKayenta(s.judgeStored, RightJudge))
	get("/kayenta/judges", s.forKayenta(s.listJudges, RightRead))
	get("/kayenta/credentials", s.forKayenta(s.listAccounts, RightRead))
	get("/kayenta/metricsServices", s.forKayenta(s.listAccounts, RightRead))
	get("/kayenta/metadata/metricsService", s.forKayenta(s.listMetricNames, RightRead))
	post("/kayenta/judge", s.forKayenta(s.judgeRemotely, RightJudge))
}

// forKayenta guards a route. What a scope selects cannot be held to a namespace, so
// a token must be good for all of them.
func (s *Server) forKayenta(h echo.HandlerFunc, rights ...Right) echo.HandlerFunc {
	return func(c echo.Context) error {
		w := callerOf(c)
		if err := w.may(controllerKayenta, rights...); err != nil {
			return err
		}
		if !w.everywhere() {
			return w.forbidden("use one for every namespace", "is limited to namespaces, which Kayenta's scopes cannot be held to")
		}
		if s.cfg.Kayenta.Documents == nil && c.Path() != kayentaPrefix+"/judge" && c.Path() != kayentaPrefix+"/judges" {
			return &HTTPError{Code: http.StatusNotFound, Public: "this server keeps nothing for Kayenta's callers", Next: "ask the one that does"}
		}
		return h(c)
	}
}

// oneSlash takes away the second slash that Argo sends where its address ends with
// one.
func oneSlash(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if rest, ok := strings.CutPrefix(c.Request().URL.Path, kayentaPrefix+"//"); ok {
			c.Request().URL.Path, c.Request().URL.RawPath = kayentaPrefix+"/"+strings.TrimLeft(rest, "/"), ""
		}
		return next(c)
	}
}

// kayentaFailure is the body of an error, as Kayenta's clients show it.
func kayentaFailure(e *HTTPError) map[string]any {
	message := oneLine(e.Public, 2000)
	if e.Next != "" {
		message += "; " + oneLine(e.Next, 2000)
	}
	return map[string]any{"message": message, "error": http.StatusText(e.Code), "status": e.Code}
}

// newKayentaID returns an ID that nobody can guess.
func newKayentaID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// kayentaID checks an ID that a path names.
func kayentaID(c echo.Context) (string, error) {
	id := c.Param("id")
	if !kayentaName.MatchString(id) {
		return "", noSuch("that is not an ID", nil)
	}
	return id, nil
}

func noSuch(what string, err error) *HTTPError {
	return &HTTPError{Code: http.StatusNotFound, Public: what, Next: "ask for the list, which has the IDs", Err: err}
}

// document reads what a path names.
func (s *Server) document(c echo.Context, kind, missing string) (journal.Document, error) {
	id, err := kayentaID(c)
	if err != nil {
		return journal.Document{}, err
	}
	return s.documentOf(c.Request().Context(), kind, id, missing)
}

func (s *Server) documentOf(ctx context.Context, kind, id, missing string) (journal.Document, error) {
	d, err := s.cfg.Kayenta.Documents.Document(ctx, kind, id)
	if errors.Is(err, journal.ErrNotFound) {
		err = noSuch(missing, err)
	}
	return d, err
}

// polled is document of a poll. A poll that fails makes Argo begin a new execution, and
// five in a row end its rollout; so a journal that is away for a moment is asked again.
func (s *Server) polled(c echo.Context, kind, missing string) (journal.Document, error) {
	const pause = time.Second
	ctx := c.Request().Context()
	for waited := time.Duration(0); ; waited += pause {
		d, err := s.document(c, kind, missing)
		var told *HTTPError
		if err == nil || errors.As(err, &told) || waited >= kayentaWait {
			return d, err
		}
		select {
		case <-ctx.Done():
			return d, err
		case <-s.stopping:
			return d, err
		case <-s.after(pause):
		}
	}
}

// forget removes what is older than it is kept. It is called where something is added,
// so that what is kept stays bounded without work of its own.
func (s *Server) forget(ctx context.Context) {
	keep := s.cfg.Kayenta.Keep
	if keep <= 0 {
		keep = 30 * 24 * time.Hour
	}
	for _, kind := range [...]string{kayentaExecutions, kayentaAnalyses, kayentaPairLists} {
		if _, err := s.cfg.Kayenta.Documents.PruneDocuments(ctx, kind, s.now().Add(-keep)); err != nil {
			s.cfg.Log.WarnContext(ctx, "old documents could not be removed", "kind", kind, cause(err))
			return
		}
	}
}

// account returns the source of a metrics account. Without a name it is the only one,
// or the first by name.
func (s *Server) account(name string) (string, queries.Source, error) {
	names := slices.Sorted(maps.Keys(s.cfg.Kayenta.Sources))
	if len(names) == 0 {
		return "", nil, bad("configure a source", "this server has no metrics store")
	}
	if name == "" {
		name = names[0]
	}
	source, ok := s.cfg.Kayenta.Sources[name]
	if !ok {
		return "", nil, bad("name one of "+oneLine(strings.Join(names, ", "), 300), "metricsAccountName: there is no account %s", quoted(name))
	}
	return name, source, nil
}

// kayentaAccount is an account as Kayenta lists it.
type kayentaAccount struct {
	Name           string   `json:"name"`
	Type           string   `json:"type"`
	SupportedTypes []string `json:"supportedTypes"`
	Locations      []string `json:"locations"`
	Recommended    []string `json:"recommendedLocations"`
}

// listAccounts is GET /credentials and GET /metricsServices.
func (s *Server) listAccounts(c echo.Context) error {
	out := []kayentaAccount{}
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Kayenta.Sources)) {
		out = append(out, kayentaAccount{Name: name, Type: "prometheus", SupportedTypes: []string{"METRICS_STORE"}, Locations: []string{}, Recommended: []string{}})
	}
	if c.Path() == kayentaPrefix+"/credentials" {
		out = append(out, kayentaAccount{
			Name: "serin", Type: "serin", SupportedTypes: []string{"OBJECT_STORE", "CONFIGURATION_STORE"}, Locations: []string{}, Recommended: []string{},
		})
	}
	return writeJSON(c, http.StatusOK, out)
}

// kayentaJudgeLine is a judge as Kayenta lists it.
type kayentaJudgeLine struct {
	Name    string `json:"name"`
	Visible bool   `json:"visible"`
}

// listJudges is GET /judges. The first is what a config without a judge gets.
func (s *Server) listJudges(c echo.Context) error {
	return writeJSON(c, http.StatusOK, []kayentaJudgeLine{{aca.Name, true}, {judgeSerin, true}})
}

// listMetricNames is GET /metadata/metricsService, by which a page completes names
// while somebody types. A source is not asked for its names, so there are none.
func (s *Server) listMetricNames(c echo.Context) error {
	if _, _, err := s.account(c.QueryParam("metricsAccountName")); err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, []json.RawMessage{})
}

// judgeRemotely is POST /judge: another Kayenta has read the samples and asks for a
// judgement. Nothing is read and nothing is kept.
func (s *Server) judgeRemotely(c echo.Context) error {
	body, err := readUpTo(c, kayentaBody)
	if err != nil {
		return err
	}
	k, err := readRemote(body)
	if err != nil {
		return err
	}
	j, err := k.judged()
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, j)
}
