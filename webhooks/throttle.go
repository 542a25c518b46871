package webhooks

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// pathThrottle is what a schema migration asks: gh-ost sends HEAD ten times a second
// and goes on copying only while the answer is 200.
const pathThrottle = "/throttle"

const (
	// staleAfter blocks and staleSlack without a look, a verdict says nothing of now.
	staleAfter = 3
	staleSlack = 2 * time.Minute
	// noNamespace stands for no namespace in a path.
	noNamespace = "-"
	// manyNamespaces bounds a list of one service's rollouts that is searched for those
	// of no namespace: where others have many live ones, they must not push these out.
	manyNamespaces = 10_000
)

// throttled is what a migration is told.
type throttled struct {
	Code    int    `json:"code"` // the answer's status
	Go      bool   `json:"go"`
	Reason  string `json:"reason"`
	Rollout string `json:"rollout"` // empty where none is live
}

// throttleByID is HEAD and GET /throttle/{id}: 200 go on, 429 wait, 409 rolled back.
func (s *Server) throttleByID(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	if live(sum) {
		return sayThrottle(c, s.throttle(c.Request().Context(), sum))
	}
	t := throttled{http.StatusOK, true, fmt.Sprintf("the rollout ended at %s (%s)", sum.Closed.UTC().Format(time.RFC3339), sum.Why), sum.Rollout.ID}
	if rolledBack(sum) {
		t.Code, t.Go, t.Reason = http.StatusConflict, false, said("rolled back", reasonOf(sum.Last.RollBack, *sum.Last))
	}
	return sayThrottle(c, t)
}

// throttleByService is HEAD and GET /throttle/{namespace}/{service}: the strictest
// answer of its live rollouts. Where none is live, nothing is on trial, and the
// migration goes on. A service of which nothing is recorded is 404: it may be misspelt,
// and a wait by that name shows in gh-ost's status.
func (s *Server) throttleByService(c echo.Context) error {
	f := journal.Filter{Namespace: c.Param("namespace"), Service: c.Param("service"), Live: true, Limit: 100}
	for _, p := range [...]struct{ name, text string }{{"namespace", f.Namespace}, {"service", f.Service}} {
		if err := checkNeeded(p.name, p.text); err != nil {
			return err
		}
	}
	if f.Namespace == noNamespace {
		f.Limit = manyNamespaces
	}
	list, err := s.ofService(c, f)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		if f.Live = false; f.Namespace != noNamespace {
			f.Limit = 1
		}
		if list, err = s.ofService(c, f); err != nil {
			return err
		}
		if len(list) == 0 {
			return &HTTPError{
				Code: http.StatusNotFound, Public: "no rollout of this service was ever recorded",
				Next: "write /throttle/NAMESPACE/SERVICE as they are announced; a namespace of - is none",
			}
		}
		return sayThrottle(c, throttled{Code: http.StatusOK, Go: true, Reason: "no rollout is live"})
	}
	strictest := throttled{Code: http.StatusOK}
	for _, sum := range list {
		t := s.throttle(c.Request().Context(), sum)
		if strictest.Rollout == "" || weigh(t.Code) > weigh(strictest.Code) {
			strictest = t
		}
	}
	return sayThrottle(c, strictest)
}

// weigh orders answers by strictness: go on, wait, rolled back.
func weigh(code int) int {
	switch code {
	case http.StatusOK:
		return 0
	case http.StatusConflict:
		return 2
	}
	return 1
}

// ofService lists a service's rollouts that the caller may know of.
func (s *Server) ofService(c echo.Context, f journal.Filter) ([]journal.Summary, error) {
	bare := f.Namespace == noNamespace
	if bare {
		f.Namespace = ""
	}
	list, err := s.visible(c.Request().Context(), callerOf(c), f)
	if err != nil || !bare {
		return list, err
	}
	var out []journal.Summary
	for _, sum := range list {
		if sum.Rollout.Namespace == "" {
			out = append(out, sum)
		}
	}
	return out, nil
}

// throttle answers from the record of a live rollout. To a migration that copies rows, a
// yes is what a yes is to more traffic: fresh evidence and no harm.
func (s *Server) throttle(ctx context.Context, sum journal.Summary) throttled {
	t := throttled{Code: http.StatusTooManyRequests, Rollout: sum.Rollout.ID}
	v := sum.Last
	switch {
	case v == nil && s.pinnedShadow(ctx, sum), v != nil && shadow(*v):
		t.Reason = "shadow: nothing is held up"
		t.Code, t.Go = http.StatusOK, true
	case v == nil:
		t.Reason = "wait: nobody has looked yet"
	case v.RollBack.Yes:
		t.Code, t.Reason = http.StatusConflict, said("rolled back", reasonOf(v.RollBack, *v))
	case s.now().Sub(v.At) > staleAfter*blockOf(*v)+staleSlack:
		t.Reason = fmt.Sprintf("wait: nobody has looked since %s; announce the rollout with watch: true, so that Serin does",
			v.At.UTC().Format(time.RFC3339))
	case v.Advance.Yes && !v.Evidenced():
		t.Reason = "wait: the canary has had no request, and no weight is declared, so nothing is known of it"
	case v.Advance.Yes:
		t.Code, t.Go, t.Reason = http.StatusOK, true, said("go on", reasonOf(v.Advance, *v))
	default:
		t.Reason = said("wait", reasonOf(v.Advance, *v))
	}
	return t
}

// sayThrottle writes the answer. HEAD has no body, so a header has the reason.
func sayThrottle(c echo.Context, t throttled) error {
	t.Reason = oneLine(t.Reason, maxLine)
	c.Response().Header().Set("X-Serin-Reason", plainASCII(t.Reason))
	return writeJSON(c, t.Code, t)
}

// plainASCII writes a text as a header can hold it.
func plainASCII(text string) string {
	b := []byte(text)
	for i, x := range b {
		if x < ' ' || x > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

// blockOf returns the length of a verdict's blocks.
func blockOf(v judge.Verdict) time.Duration {
	block, err := time.ParseDuration(v.Progress.Block)
	if err != nil || block <= 0 {
		return time.Minute
	}
	return block
}
