package webhooks

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// controllerAPI is the controller of what is announced through the API, where the
// caller names none.
const controllerAPI = "api"

// weightBody is a declared weight. A weight that is left out is not zero.
type weightBody struct {
	At      time.Time `json:"at"`
	Percent *float64  `json:"percent"`
}

// read checks the weight. A time that is left out is instead.
func (w weightBody) read(field string, instead, now time.Time) (rollout.WeightAt, error) {
	if w.Percent == nil {
		return rollout.WeightAt{}, bad("write the canary's percentage of traffic", "%s: missing", join(field, "percent"))
	}
	if err := checkPercent(join(field, "percent"), *w.Percent); err != nil {
		return rollout.WeightAt{}, err
	}
	at := w.At
	if at.IsZero() {
		at = instead
	}
	at, err := moment(join(field, "at"), at, now)
	return rollout.WeightAt{At: at, Percent: *w.Percent}, err
}

// announcement is the body of POST /v1/rollouts and of POST /v1/judge.
type announcement struct {
	Controller string             `json:"controller"` // default api
	Service    string             `json:"service"`
	Namespace  string             `json:"namespace"`
	Revision   string             `json:"revision"`
	Plan       string             `json:"plan"` // default: the service's
	Baseline   rollout.Arm        `json:"baseline"`
	Canary     rollout.Arm        `json:"canary"`
	Comparison rollout.Comparison `json:"comparison"`
	Weights    []weightBody       `json:"weights"`
	Started    time.Time          `json:"started"` // default now
	// Callback is told how it ends. Whoever is called back need not poll, so that
	// Serin looks by itself.
	Callback string `json:"callback_url"`
	Watch    bool   `json:"watch"` // look at each block's close
}

// controllerName is what a controller may be called.
var controllerName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// read checks the announcement.
func (a announcement) read(now time.Time) (rollout.Rollout, error) {
	here := rollout.Arm{Namespace: a.Namespace} // unless an arm says otherwise
	r := rollout.Rollout{
		Controller: a.Controller, Namespace: a.Namespace, Service: a.Service, Revision: a.Revision,
		Baseline: override(here, a.Baseline), Canary: override(here, a.Canary), Comparison: a.Comparison,
		Callback: a.Callback, Watch: a.Watch || a.Callback != "",
	}
	if r.Controller == "" {
		r.Controller = controllerAPI
	}
	if !controllerName.MatchString(r.Controller) {
		return r, bad("write a short lower-case word, or leave it out", "controller: %s is no name of one", quoted(r.Controller))
	}
	for _, f := range [...]struct{ name, text string }{{"service", r.Service}, {"revision", r.Revision}} {
		if err := checkNeeded(f.name, f.text); err != nil {
			return r, err
		}
	}
	for _, f := range [...]struct{ name, text string }{{"namespace", r.Namespace}, {"plan", a.Plan}} {
		if err := checkFact(f.name, f.text); err != nil {
			return r, err
		}
	}
	if err := checkArm("baseline", r.Baseline); err != nil {
		return r, err
	}
	if err := checkArm("canary", r.Canary); err != nil {
		return r, err
	}
	started, err := moment("started", a.Started, now)
	if err != nil {
		return r, err
	}
	if !a.Started.IsZero() {
		r.Started = started // else the journal says when
	}
	r.Weights, err = a.weights(started, now)
	return r, err
}

func (a announcement) weights(started, now time.Time) ([]rollout.WeightAt, error) {
	if len(a.Weights) > maxFacts {
		return nil, bad("announce the newest", "weights: more than %d", maxFacts)
	}
	var out []rollout.WeightAt
	for i, w := range a.Weights {
		at, err := w.read("weights["+strconv.Itoa(i)+"]", started, now)
		if err != nil {
			return nil, err
		}
		out = append(out, at)
	}
	slices.SortStableFunc(out, func(a, b rollout.WeightAt) int { return a.At.Compare(b.At) })
	for i := 1; i < len(out); i++ {
		if out[i].At.Equal(out[i-1].At) && out[i].Percent != out[i-1].Percent {
			return nil, bad("give each its own time", "weights: two weights at %s", out[i].At.Format(time.RFC3339))
		}
	}
	return out, nil
}

// announced is what an announcement did.
type announced struct {
	Rollout    rollout.Rollout `json:"rollout"`
	New        bool            `json:"new"`
	Superseded []string        `json:"superseded"` // rollouts that this one closed
}

// take announces a rollout, or finds the live one; weights that are newer than its
// own are declared.
func (s *Server) take(ctx context.Context, a announcement) (journal.Announced, error) {
	r, err := a.read(s.now())
	if err != nil {
		return journal.Announced{}, err
	}
	if err := s.mayCallBack(r.Callback); err != nil {
		return journal.Announced{}, err
	}
	p, err := s.cfg.Plans.Find(a.Plan, r.Namespace, r.Service)
	if err != nil {
		return journal.Announced{}, err
	}
	if r, err = applyPlan(r, p); err != nil {
		return journal.Announced{}, err
	}
	done, err := s.open(ctx, r, p)
	if err != nil || done.New {
		return done, err
	}
	if r.Callback != "" && r.Callback != done.Rollout.Callback {
		return done, conflict("leave it out, or end the rollout first", "rollout %s is live already, and it was announced without this callback_url", done.Rollout.ID)
	}
	var newest time.Time
	if n := len(done.Rollout.Weights); n > 0 {
		newest = done.Rollout.Weights[n-1].At
	}
	for _, w := range r.Weights {
		if !w.At.After(newest) {
			continue
		}
		if err := s.cfg.Journal.Declare(ctx, done.Rollout.ID, w); err != nil {
			return done, err
		}
		done.Rollout.Weights = append(done.Rollout.Weights, w)
	}
	return done, nil
}

func (s *Server) readAnnouncement(c echo.Context) (announcement, error) {
	var a announcement
	body, err := readBody(c)
	if err == nil {
		err = decode(body, &a, strict)
	}
	if err == nil {
		err = s.mayAnnounce(callerOf(c), a)
	}
	return a, err
}

// announce is POST /v1/rollouts: 201 where it was opened, 200 where it is live
// already.
func (s *Server) announce(c echo.Context) error {
	a, err := s.readAnnouncement(c)
	if err != nil {
		return err
	}
	done, err := s.takeOnce(c.Request().Context(), c, a)
	if err != nil {
		return err
	}
	code := http.StatusOK
	if done.New {
		code = http.StatusCreated
	}
	c.Response().Header().Set(echo.HeaderLocation, s.link(done.Rollout.ID))
	return writeJSON(c, code, announced{done.Rollout, done.New, orEmpty(done.Superseded)})
}

// orEmpty makes a list that JSON writes as [], never as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// rolloutID is the form of every rollout's ID.
var rolloutID = regexp.MustCompile(`^[a-z2-7]{16}$`)

// named reads the rollout that a path names. The path is the only place that it
// is read from.
func (s *Server) named(c echo.Context) (journal.Summary, error) {
	id := c.Param("id")
	if !rolloutID.MatchString(id) {
		return journal.Summary{}, &HTTPError{
			Code: http.StatusNotFound, Public: "that is not a rollout's ID", Next: "GET /v1/rollouts lists the rollouts with their IDs",
		}
	}
	sum, err := s.cfg.Journal.Get(c.Request().Context(), id)
	if err == nil && !callerOf(c).sees(sum.Rollout.Namespace) {
		// As if it were not there: an ID must not tell what others do.
		return journal.Summary{}, journal.ErrNotFound
	}
	return sum, err
}

// listVerdicts is GET /v1/rollouts/{id}/verdicts.
func (s *Server) listVerdicts(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	list, err := s.cfg.Journal.Verdicts(c.Request().Context(), sum.Rollout.ID)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, map[string][]judge.Verdict{"verdicts": orEmpty(list)})
}

// listRollouts is GET /v1/rollouts.
func (s *Server) listRollouts(c echo.Context) error {
	f, err := readFilter(c.QueryParams())
	if err != nil {
		return err
	}
	list, err := s.visible(c.Request().Context(), callerOf(c), f)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, map[string][]journal.Summary{"rollouts": orEmpty(list)})
}

// readFilter reads the query of GET /v1/rollouts. What is not known is refused: a
// misspelt filter would select everything.
func readFilter(q url.Values) (journal.Filter, error) {
	f := journal.Filter{Limit: 100}
	for name, values := range q {
		if len(values) > 1 {
			return f, bad("give it once", "%s: given %d times", quoted(name), len(values))
		}
		var err error
		switch value := values[0]; name {
		case "service":
			f.Service, err = value, checkFact(name, value)
		case "namespace":
			f.Namespace, err = value, checkFact(name, value)
		case "live":
			if f.Live, err = strconv.ParseBool(value); err != nil {
				err = bad("write true or false", "live: %s is neither", quoted(value))
			}
		case "limit":
			if f.Limit, err = strconv.Atoi(value); err != nil || f.Limit < 1 || f.Limit > 1000 {
				err = bad("write a number from 1 to 1000", "limit: %s is not one", quoted(value))
			}
		case "outcome":
			f.Outcome, err = value, new(judge.Outcome).UnmarshalText([]byte(value))
			if err != nil {
				err = bad("write continue, promote, rollback or inconclusive", "outcome: %s is none", quoted(value))
			}
		case "before":
			err = readBefore(&f, value)
		default:
			err = bad("known are service, namespace, outcome, live, before and limit", "%s: unknown filter", quoted(name))
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// readBefore reads where a list goes on: a moment, or the start of the last rollout that
// was listed, a comma, and its ID.
func readBefore(f *journal.Filter, text string) (err error) {
	when, id, _ := strings.Cut(text, ",")
	const last = 2200 // a journal counts nanoseconds, and cannot count to much later ones
	f.Before, err = time.Parse(time.RFC3339Nano, when)
	if y := f.Before.Year(); err != nil || y < 1970 || y > last || id != "" && !rolloutID.MatchString(id) {
		return bad("write a time such as 2026-03-04T05:06:07Z, or the start and the ID of the last rollout of a list with a comma between them",
			"before: %s is neither", quoted(text))
	}
	f.ID = id
	return nil
}

// closeRollout is DELETE /v1/rollouts/{id}: the judging ends, the record stays.
func (s *Server) closeRollout(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if live(sum) {
		why := "closed by " + controllerAPI
		if given := strings.TrimSpace(c.QueryParam("why")); given != "" {
			why += ": " + oneLine(given, 200)
		}
		if err := s.end(ctx, sum.Rollout, why); err != nil {
			return err
		}
		if sum, err = s.cfg.Journal.Get(ctx, sum.Rollout.ID); err != nil {
			return err
		}
	}
	return writeJSON(c, http.StatusOK, sum)
}

// declareWeight is POST /v1/rollouts/{id}/weights.
func (s *Server) declareWeight(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var b weightBody
	if err := decode(body, &b, strict); err != nil {
		return err
	}
	now := s.now()
	w, err := b.read("", now, now)
	if err != nil {
		return err
	}
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.cfg.Journal.Declare(ctx, sum.Rollout.ID, w); err != nil {
		return err
	}
	if sum, err = s.cfg.Journal.Get(ctx, sum.Rollout.ID); err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, sum)
}
