package webhooks

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/webhooks/pages"
)

// Counter counts the rollouts of a service.
type Counter interface {
	// Standing counts those that started at a moment or later.
	Standing(ctx context.Context, namespace, service string, since time.Time) (journal.Standing, error)
}

// SelfChecks is what is known of the judge's own error rate.
type SelfChecks interface {
	// Of returns the rates among a service's rollouts, and how many rollbacks of it were
	// reversed by people.
	Of(ctx context.Context, namespace, service string) ([]judge.SelfRate, int, error)
}

// serviceAge is how far back a service's page counts, and serviceList how many rollouts it
// shows.
const (
	serviceAge  = 180 * 24 * time.Hour
	serviceList = 60
)

// readService reads the service that a path names.
func readService(c echo.Context) (namespace, service string, err error) {
	namespace, service = c.Param("namespace"), c.Param("service")
	if c.Request().URL.RawPath != "" { // the router has left them as they were sent
		namespace, service = decoded(namespace), decoded(service)
	}
	if namespace == noNamespace {
		namespace = ""
	}
	if err := errors.Join(checkNeeded("service", service), checkFact("namespace", namespace)); err != nil {
		return "", "", bad("write a plain name", "%s", oneLine(err.Error(), 300))
	}
	return namespace, service, callerOf(c).mayIn(namespace)
}

// servicePage is GET /s/{namespace}/{service}.
func (s *Server) servicePage(c echo.Context) error {
	namespace, service, err := readService(c)
	if err != nil {
		return err
	}
	p, err := s.gatherService(c.Request().Context(), namespace, service)
	if err != nil {
		return err
	}
	if s.mayCompare(callerOf(c)) {
		if p.Judgements, err = s.judgements(c.Request().Context(), journal.DocumentFilter{Owner: service}); err != nil {
			return err
		}
	}
	return page(c, http.StatusOK, func(b *bytes.Buffer) error { return s.pages.Service(b, p) })
}

// gatherService reads what a service's page shows.
func (s *Server) gatherService(ctx context.Context, namespace, service string) (pages.Service, error) {
	since := s.now().Add(-serviceAge)
	standing, err := s.cfg.Journal.Standing(ctx, namespace, service, since)
	if err != nil {
		return pages.Service{}, err
	}
	list, err := s.cfg.Journal.List(ctx, journal.Filter{Service: service, Namespace: namespace, Bare: namespace == "", Limit: serviceList})
	if err != nil {
		return pages.Service{}, err
	}
	if len(list) == 0 {
		return pages.Service{}, &HTTPError{Code: http.StatusNotFound, Public: "no rollout of such a service is recorded", Next: "the list at / has every one"}
	}
	of := pages.Selection{Service: service, Namespace: namespace}
	if namespace == "" {
		of.Namespace = noNamespace
	}
	p := pages.Service{
		Namespace: namespace, Name: service, Since: since, Now: s.now(), Rollouts: standing.Rollouts, LiveNow: standing.Live,
		Past: pastOf(list), All: listOf(of, cursor{}),
	}
	for o := judge.Continue; o <= judge.Inconclusive; o++ {
		of.Outcome = o.String()
		p.Outcomes = append(p.Outcomes, pages.OutcomeCount{Outcome: o, Rollouts: standing.Outcomes[o], All: listOf(of, cursor{})})
	}
	for _, b := range standing.Blamed {
		p.Blamed = append(p.Blamed, pages.Blame{Name: b.Name, Rollouts: b.Rollouts, Last: b.Last})
	}
	if s.cfg.SelfChecks != nil {
		if p.Rates, p.Reversed, err = s.cfg.SelfChecks.Of(ctx, namespace, service); err != nil {
			return pages.Service{}, err
		}
	}
	return p, nil
}

// decoded decodes what a path names.
func decoded(name string) string {
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}
