package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/aca"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/webhooks/pages"
)

// judgementsShown is how many of Kayenta's executions a page shows and counts.
const judgementsShown = 50

// mayCompare reports whether a caller may see Kayenta's executions: their scopes cannot be
// held to a namespace.
func (s *Server) mayCompare(w caller) bool {
	return s.cfg.Kayenta.Documents != nil && w.everywhere() && w.may(controllerKayenta, RightRead) == nil
}

// forComparison guards the pages of Kayenta's executions.
func (s *Server) forComparison(h echo.HandlerFunc) echo.HandlerFunc {
	return needs(func(c echo.Context) error {
		if !s.mayCompare(callerOf(c)) {
			return &HTTPError{Code: http.StatusNotFound, Public: "this server shows no executions of Kayenta's callers", Next: "use a token of every namespace that may call Kayenta's API"}
		}
		return h(c)
	}, RightRead)
}

// judgements reads executions of Kayenta's callers, the newest first.
func (s *Server) judgements(ctx context.Context, f journal.DocumentFilter) ([]pages.Judgement, error) {
	f.Kind, f.Limit = kayentaExecutions, judgementsShown
	docs, err := s.cfg.Kayenta.Documents.Documents(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []pages.Judgement
	for _, d := range docs {
		j, err := judgementOf(d)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

// judgementOf is an execution in the words of pages.
func judgementOf(d journal.Document) (pages.Judgement, error) {
	var run kayentaRun
	if err := json.Unmarshal(d.Body, &run); err != nil {
		return pages.Judgement{}, fmt.Errorf("execution %s cannot be read: %w", d.ID, err)
	}
	out := pages.Judgement{ID: d.ID, Application: run.Application, State: d.State, Started: d.Created, Ended: run.Ended, Error: run.Error}
	var config struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(run.Config, &config) == nil {
		out.Config = config.Name
	}
	if run.Judgement == nil {
		return out, nil
	}
	out.Differences = run.Judgement.Differences
	rows := map[string]int{}
	for i, r := range append([]aca.Result{run.Judgement.Result}, run.Judgement.Others...) {
		out.Judges = append(out.Judges, pages.JudgeScore{
			Name: r.JudgeName, Decides: i == 0, Score: r.Score.Score, Class: string(r.Score.Classification), Reason: r.Score.Reason,
		})
		for _, m := range r.Results {
			at, ok := rows[m.Name]
			if !ok {
				at = len(out.Metrics)
				rows[m.Name] = at
				out.Metrics = append(out.Metrics, pages.JudgedMetric{Name: m.Name})
			}
			for len(out.Metrics[at].Said) < i {
				out.Metrics[at].Said = append(out.Metrics[at].Said, pages.Said{})
			}
			out.Metrics[at].Said = append(out.Metrics[at].Said, pages.Said{Class: string(m.Classification), Reason: m.Reason})
		}
	}
	return out, nil
}

// judgementPage is GET /k/{id}.
func (s *Server) judgementPage(c echo.Context) error {
	d, err := s.document(c, kayentaExecutions, "there is no such execution")
	if err != nil {
		return err
	}
	j, err := judgementOf(d)
	if err != nil {
		return err
	}
	return page(c, http.StatusOK, func(b *bytes.Buffer) error { return s.pages.Judgement(b, j, s.now()) })
}

// judgementList is GET /k.
func (s *Server) judgementList(c echo.Context) error {
	list, err := s.judgements(c.Request().Context(), journal.DocumentFilter{})
	if err != nil {
		return err
	}
	return page(c, http.StatusOK, func(b *bytes.Buffer) error { return s.pages.Judgements(b, list, s.now()) })
}

// beside returns the executions of Kayenta's callers that ran for a rollout's service
// while it was live.
func (s *Server) beside(ctx context.Context, sum journal.Summary) ([]pages.Judgement, error) {
	list, err := s.judgements(ctx, journal.DocumentFilter{Owner: sum.Rollout.Service})
	if err != nil {
		return nil, err
	}
	var out []pages.Judgement
	for _, j := range list {
		if !j.Started.Before(sum.Rollout.Started) && (live(sum) || !j.Started.After(sum.Closed)) {
			out = append(out, j)
		}
	}
	return out, nil
}
