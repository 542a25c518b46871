package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/webhooks/pages"
)

// The addresses of pages.
const (
	pathHome   = "/"
	pathReport = "/r"
	pathAssets = "/assets"
)

// isPage reports whether an address is meant for people.
func isPage(path string) bool {
	return path == pathHome || within(path, pathReport) || within(path, pathAssets)
}

// pageRoutes registers the pages.
func (s *Server) pageRoutes(e *echo.Echo) {
	for _, p := range []struct {
		method, path string
		handler      echo.HandlerFunc
	}{
		{http.MethodGet, pathHome, needs(s.history, RightRead)},
		{http.MethodGet, pathReport + "/:id", needs(s.reportPage, RightRead)},
		{http.MethodGet, pathReport + "/:id/events", needs(s.events, RightRead)},
		{http.MethodPost, pathReport + "/:id/override", needs(s.overrideByForm, RightOverride)},
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
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, pages.Policy)
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

// reportPage is GET /r/{id}.
func (s *Server) reportPage(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	r, err := s.gatherReport(ctx, sum)
	if err != nil {
		return err
	}
	r.MayOverride = callerOf(c).may(controllerAPI, RightOverride) == nil
	return page(c, http.StatusOK, func(b *bytes.Buffer) error { return s.pages.Report(b, r) })
}

// gatherReport reads what a rollout's page shows. No source is asked.
func (s *Server) gatherReport(ctx context.Context, sum journal.Summary) (pages.Report, error) {
	id := sum.Rollout.ID
	rec, err := s.cfg.Journal.Load(ctx, id)
	if err != nil {
		return pages.Report{}, err
	}
	verdicts, err := s.cfg.Journal.Verdicts(ctx, id)
	if err != nil {
		return pages.Report{}, err
	}
	r := pages.Report{
		Rollout: sum.Rollout, Closed: sum.Closed, Why: sum.Why, Verdict: sum.Last, Plan: rec.Plan, Overrides: rec.Overrides,
		Unpublished: s.unpublished(ctx, id), Now: s.now(),
	}
	for _, v := range verdicts {
		r.Looks = append(r.Looks, pages.Look{Seq: v.Seq, At: v.At, Outcome: v.Outcome, Evidence: v.Evidence, Reason: v.Reason})
	}
	if sum.Last != nil {
		r.Trace = judge.TraceOfRecord(rec, *sum.Last)
	}
	for _, l := range []struct{ name, rest string }{
		{"This report as JSON", ""}, {"Every verdict as JSON", "/verdicts"}, {"How the evidence came to be, as JSON", "/trace"},
	} {
		r.Links = append(r.Links, pages.Link{Name: l.name, URL: "/v1/rollouts/" + id + l.rest})
	}
	return r, nil
}

// overrideByForm is POST /r/{id}/override: what POST /v1/rollouts/{id}/override is, by a
// page's form. Who sends it is known by the same token as of any other call; pages of
// other sites are refused before.
func (s *Server) overrideByForm(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return bad("use the form of the rollout's page", "the body is no form")
	}
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	if _, err := s.decideByHand(c, sum, overrideBody{Action: form.Get("action"), Reason: form.Get("reason")}); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, pathReport+"/"+sum.Rollout.ID)
}

// perPage is how many rollouts a page of the list shows.
const perPage = 50

// history is GET /.
func (s *Server) history(c echo.Context) error {
	sel, before, err := readSelection(c.QueryParams())
	if err != nil {
		return err
	}
	w := callerOf(c)
	found, older, err := s.past(c.Request().Context(), w, sel, before)
	if err != nil {
		return err
	}
	h := pages.History{Selected: sel, Limited: !w.everywhere(), Now: s.now()}
	for o := judge.Continue; o <= judge.Inconclusive; o++ {
		h.Outcomes = append(h.Outcomes, o.String())
	}
	for _, sum := range found {
		p := pages.Past{Rollout: sum.Rollout, Closed: sum.Closed, Looks: sum.Looks}
		if sum.Last != nil {
			v := report.ViewOf(*sum.Last)
			p.Verdict = &v
		}
		h.Rollouts = append(h.Rollouts, p)
	}
	if !older.IsZero() {
		q := c.QueryParams()
		q.Set("before", older.UTC().Format(time.RFC3339Nano))
		h.Older = "/?" + q.Encode()
	}
	return page(c, http.StatusOK, func(b *bytes.Buffer) error { return s.pages.History(b, h) })
}

// readSelection reads the query of a list. Fields that a form left empty narrow nothing.
func readSelection(q url.Values) (pages.Selection, time.Time, error) {
	sel := pages.Selection{Service: q.Get("service"), Namespace: q.Get("namespace"), Outcome: q.Get("outcome"), Live: q.Get("live") == "true"}
	var before time.Time
	for name := range q {
		if !slices.Contains([]string{"service", "namespace", "outcome", "live", "before"}, name) {
			return sel, before, bad("known are service, namespace, outcome, live and before", "%s: unknown filter", quoted(name))
		}
	}
	if err := errors.Join(checkFact("service", sel.Service), checkFact("namespace", sel.Namespace)); err != nil {
		return sel, before, bad("write a plain name", "%s", oneLine(err.Error(), 300))
	}
	if text := q.Get("before"); text != "" {
		var err error
		if before, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return sel, before, bad("follow the link of the list", "before: %s is no time", quoted(text))
		}
	}
	return sel, before, nil
}

// past returns a page of the list, and the start of its last one where there may be older
// ones. An outcome is looked for in verdicts, and given up after so many rollouts: the
// link to older ones goes on from there.
func (s *Server) past(ctx context.Context, w caller, sel pages.Selection, before time.Time) ([]journal.Summary, time.Time, error) {
	const atOnce, most = 200, 2000
	var found []journal.Summary
	for range most / atOnce {
		f := journal.Filter{Service: sel.Service, Namespace: sel.Namespace, Live: sel.Live, Before: before, Limit: atOnce}
		if sel.Outcome == "" {
			f.Limit = perPage + 1
		}
		list, err := s.visible(ctx, w, f)
		if err != nil {
			return nil, before, err
		}
		for _, sum := range list {
			if len(found) == perPage {
				return found, before, nil
			}
			before = sum.Rollout.Started
			if sel.Outcome == "" || (sum.Last != nil && sum.Last.Outcome.String() == sel.Outcome) {
				found = append(found, sum)
			}
		}
		if len(list) < f.Limit {
			return found, time.Time{}, nil
		}
	}
	return found, before, nil
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

// streamTime is how long a stream of changes lasts; browsers then open another.
const streamTime = 10 * time.Minute

// events is GET /r/{id}/events: server-sent events that tell when a rollout's page has
// changed. They say nothing of how: the page is asked for again.
func (s *Server) events(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	if !s.streams.enter() {
		return &HTTPError{Code: http.StatusServiceUnavailable, Public: "too many pages are kept up to date already", Next: "load the page again by hand", RetryAfter: time.Minute}
	}
	defer s.streams.leave()
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy would keep events back
	ctx, cancel := context.WithTimeout(c.Request().Context(), streamTime)
	defer cancel()
	control := http.NewResponseController(c.Response())
	last := stateOf(sum)
	say := func(event string) error {
		if err := control.SetWriteDeadline(time.Now().Add(writeSlack)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.Response(), "event: %s\ndata: %s\n\n", event, last); err != nil {
			return err
		}
		return control.Flush()
	}
	// What changed before the stream was open has been missed.
	if err := say("changed"); err != nil {
		return nil // the reader has gone
	}
	for still := 0; ; still++ {
		select {
		case <-ctx.Done():
			return nil
		case <-s.stopping:
			return nil
		case <-s.after(streamPace):
		}
		sum, err := s.cfg.Journal.Get(ctx, sum.Rollout.ID)
		if err != nil {
			return nil // the page says that it hears nothing
		}
		event := ""
		if now := stateOf(sum); now != last {
			last, event, still = now, "changed", 0
		} else if still%streamStill == streamStill-1 {
			event = "still"
		}
		if event == "" {
			continue
		}
		if err := say(event); err != nil || !live(sum) {
			return nil // the reader has gone
		}
	}
}

// The pace at which streams look into the journal, and how many times it may be unchanged
// before that is said.
const (
	streamPace  = 3 * time.Second
	streamStill = 5
)

// stateOf is what a page's stream watches.
func stateOf(s journal.Summary) string {
	return fmt.Sprintf("%d %t %d", s.Looks, live(s), len(s.Rollout.Weights))
}
