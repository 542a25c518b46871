package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/queries"
)

// This file answers Flagger's metric checks: to a MetricTemplate of type prometheus,
// Serin is a Prometheus that knows one metric. Its address in the template ends in
// /flagger.

const (
	pathQuery = flaggerPrefix + "api/v1/query"
	// verdictMetric is the metric: [valueBad], [valueOpen] or [valueGood].
	verdictMetric = "serin_verdict"
	// onlineQuery is how Flagger finds out whether its provider is there.
	onlineQuery = "vector(1)"
	// answerQuery bounds an answer. Flagger waits five seconds, and does not ask again.
	answerQuery = 4 * time.Second
)

// The values of the metric. A template's thresholdRange of min: 0 takes what the
// rollout hook says yes to.
const (
	valueBad  = -1 // the rollout hook would be told no
	valueOpen = 0
	valueGood = 1 // promote
)

// queryShape takes the selector out of a query for the metric.
var queryShape = regexp.MustCompile(`(?s)^` + verdictMetric + `\s*\{(.*)\}$`)

// sample is one element of a vector, as Prometheus writes it.
type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"` // Unix seconds, and the value as text
}

// queryData is an instant vector.
type queryData struct {
	ResultType string   `json:"resultType"`
	Result     []sample `json:"result"`
}

// queryAnswer is the body of every answer, failures included.
type queryAnswer struct {
	Status    string     `json:"status"` // success or error
	Data      *queryData `json:"data,omitempty"`
	ErrorType string     `json:"errorType,omitempty"`
	Error     string     `json:"error,omitempty"`
}

// query is GET /flagger/api/v1/query.
func (s *Server) query(c echo.Context) error {
	w := callerOf(c)
	if err := w.may(controllerFlagger, RightJudge); err != nil {
		return err
	}
	texts := c.QueryParams()["query"]
	if len(texts) != 1 {
		return bad("send one", "query: given %d times", len(texts))
	}
	text := strings.TrimSpace(texts[0])
	if text == onlineQuery {
		return s.sayVector(c, []sample{s.sample(map[string]string{}, 1)})
	}
	p, err := readQuery(text)
	if err != nil {
		return err
	}
	if err := w.mayIn(p.Namespace); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), min(s.cfg.Pressure.Flagger, answerQuery))
	defer cancel()
	value, id, err := s.verdictValue(ctx, p)
	switch {
	case err != nil:
		return unanswered(err)
	case id == "":
		return s.sayVector(c, []sample{}) // Flagger: no values found, a failed check
	}
	return s.sayVector(c, []sample{s.sample(map[string]string{
		"__name__": verdictMetric, "namespace": p.Namespace, "name": p.Name, "rollout": id,
	}, value)})
}

// readQuery reads which Canary a query asks about.
func readQuery(text string) (flaggerCall, error) {
	const next = `write ` + verdictMetric + `{namespace="{{ namespace }}", name="{{ name }}"}`
	var p flaggerCall
	inner := queryShape.FindStringSubmatch(text)
	if inner == nil {
		return p, bad(next, "query: %s is none that is answered here", quoted(oneLine(text, 200)))
	}
	ms, err := queries.ParseSelector(inner[1])
	if err != nil {
		return p, bad(next, "query: its selector cannot be read: %s", oneLine(err.Error(), 200))
	}
	for _, m := range ms {
		to, ok := map[string]*string{"namespace": &p.Namespace, "name": &p.Name}[m.Label]
		if !ok || m.Op != queries.Equal || *to != "" {
			return p, bad(next, "query: %s is not one of namespace= and name=, once each", quoted(m.Label+string(m.Op)))
		}
		*to = m.Value
	}
	return p, p.check()
}

// verdictValue returns the metric of a Canary and the rollout that it is of, whose ID is
// empty where there is none. A query has no checksum, so it opens nothing, and asks
// about the newest rollout.
func (s *Server) verdictValue(ctx context.Context, p flaggerCall) (int, string, error) {
	sum, err := s.newestRollout(ctx, p)
	if err != nil || sum.Rollout.ID == "" {
		return 0, "", err
	}
	id := sum.Rollout.ID
	if !live(sum) {
		if sum.Why != whyGranted || s.now().Sub(sum.Closed) > grantHolds {
			return 0, "", nil
		}
		// In blue/green Flagger measures once more between the two questions.
		return valueGood, id, nil
	}
	v, err := s.decide(ctx, sum.Rollout, false)
	switch {
	case errors.Is(err, journal.ErrClosed):
		return 0, "", nil
	case unlooked(err):
		after, cancel := pastTime(ctx)
		defer cancel()
		ctx, v = after, s.standIn(after, sum, err)
	case err != nil:
		return 0, "", err
	}
	r, err := s.ruleRollout(ctx, looked{sum.Rollout, v})
	switch {
	case err != nil:
		return 0, "", err
	case !r.yes:
		s.note(ctx, "told query no", id, r.text)
		return valueBad, id, nil
	case v.Promotion.Yes && !shadow(v):
		return valueGood, id, nil
	}
	return valueOpen, id, nil
}

// newestRollout returns the newest rollout that Flagger opened for a Canary, and the
// zero summary where there is none.
func (s *Server) newestRollout(ctx context.Context, p flaggerCall) (journal.Summary, error) {
	list, err := s.cfg.Journal.List(ctx, journal.Filter{Service: p.Name, Namespace: p.Namespace, Limit: 10})
	if err != nil {
		return journal.Summary{}, err
	}
	for _, sum := range list {
		if sum.Rollout.Controller == controllerFlagger {
			return sum, nil
		}
	}
	return journal.Summary{}, nil
}

// sample is one value, now.
func (s *Server) sample(labels map[string]string, value int) sample {
	return sample{labels, [2]any{json.Number(strconv.FormatInt(s.now().Unix(), 10)), strconv.Itoa(value)}}
}

// sayVector writes a vector.
func (s *Server) sayVector(c echo.Context, list []sample) error {
	return writeJSON(c, http.StatusOK, queryAnswer{Status: "success", Data: &queryData{ResultType: "vector", Result: list}})
}

// queryFailure is the body that an error is told by. Flagger repeats it in its events.
func queryFailure(e *HTTPError) queryAnswer {
	text := e.Public
	if e.Next != "" {
		text += "; " + e.Next
	}
	kind := "bad_data"
	if e.Code >= http.StatusInternalServerError {
		kind = "unavailable"
	}
	return queryAnswer{Status: "error", ErrorType: kind, Error: oneLine(text, maxLine)}
}
