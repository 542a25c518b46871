package webhooks

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/pages"
)

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
	if w := callerOf(c); s.mayCompare(w) {
		if r.Judgements, err = s.beside(ctx, sum); err != nil {
			return err
		}
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
	r.Checks, r.Links = runsOf(rec.Checks), s.linksOf(sum, rec.Plan)
	return r, nil
}

// Drawing writes a rollout's dashboard and alert rules.
type Drawing interface {
	// Page is the address of the rollout's dashboard in Grafana, or empty.
	Page(sum journal.Summary, pinned plan.Plan) string
	// Dashboard is the dashboard's JSON, and Rules are the rules' YAML, as they are or
	// would be published.
	Dashboard(sum journal.Summary, pinned plan.Plan) ([]byte, error)
	Rules(sum journal.Summary, pinned plan.Plan) ([]byte, error)
}

// linksOf is what a report leads to.
func (s *Server) linksOf(sum journal.Summary, pinned plan.Plan) []pages.Link {
	own, api := pathReport+"/"+sum.Rollout.ID, "/v1/rollouts/"+sum.Rollout.ID
	links := []pages.Link{{Name: "What the verdict rests on: blocks, checks, weights (JSON)", URL: own + "/data"}}
	if s.cfg.Drawing != nil {
		if at := s.cfg.Drawing.Page(sum, pinned); at != "" {
			links = append(links, pages.Link{Name: "Dashboard in Grafana", URL: at})
		}
		links = append(links, pages.Link{Name: "Dashboard (JSON)", URL: own + "/dashboard"}, pages.Link{Name: "Alert rules (YAML)", URL: own + "/rules"})
	}
	return append(links,
		pages.Link{Name: "This report (JSON)", URL: api}, pages.Link{Name: "Every verdict (JSON)", URL: api + "/verdicts"},
		pages.Link{Name: "How the evidence came to be (JSON)", URL: api + "/trace"})
}

// runsOf is what checks left, in the words of pages.
func runsOf(results []checks.Result) []pages.CheckRun {
	var out []pages.CheckRun
	for _, r := range results {
		run := pages.CheckRun{Name: r.Name, At: r.At, Arms: []pages.ArmRun{{Status: string(r.Status), Took: r.Took, Attempts: r.Attempts, Reason: r.Reason, Steps: stepsOf(r.Steps)}}}
		if r.Canary != nil || r.Baseline != nil {
			run.Arms = nil
		}
		for arm, a := range map[string]*checks.ArmResult{"canary": r.Canary, "baseline": r.Baseline} {
			if a != nil {
				run.Arms = append(run.Arms, pages.ArmRun{Arm: arm, Status: string(a.Status), Took: a.Took, Attempts: a.Attempts, Reason: a.Reason, Steps: stepsOf(a.Steps)})
			}
		}
		slices.SortFunc(run.Arms, func(a, b pages.ArmRun) int { return strings.Compare(b.Arm, a.Arm) }) // the canary first
		out = append(out, run)
	}
	return out
}

func stepsOf(steps []checks.StepResult) []pages.StepRun {
	var out []pages.StepRun
	for _, s := range steps {
		out = append(out, pages.StepRun{Name: s.Name, Status: string(s.Status), Took: s.Took, Reason: s.Reason})
	}
	return out
}

// recordData is what a verdict rests on, for whoever wants to count again. The plan is
// left out, since its checks may hold credentials; its version is in the rollout.
type recordData struct {
	Rollout   rollout.Rollout  `json:"rollout"`
	Closed    time.Time        `json:"closed,omitzero"`
	Looks     int              `json:"looks"`
	Frozen    judge.Frozen     `json:"frozen"`
	Checks    []checks.Result  `json:"checks"`
	Alerts    []judge.Alert    `json:"alerts"`
	Overrides []judge.Override `json:"overrides"`
	Earlier   []judge.Earlier  `json:"earlier"`
}

// reportData is GET /r/{id}/data.
func (s *Server) reportData(c echo.Context) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	rec, err := s.cfg.Journal.Load(c.Request().Context(), sum.Rollout.ID)
	if err != nil {
		return err
	}
	download(c, sum.Rollout.ID+".json")
	return writeJSON(c, http.StatusOK, recordData{
		rec.Rollout, rec.Closed, rec.Looks, rec.Frozen, orEmpty(rec.Checks), orEmpty(rec.Alerts), orEmpty(rec.Overrides), orEmpty(rec.Earlier),
	})
}

// reportDashboard is GET /r/{id}/dashboard.
func (s *Server) reportDashboard(c echo.Context) error {
	return s.drawn(c, "-dashboard.json", echo.MIMEApplicationJSON, Drawing.Dashboard)
}

// reportRules is GET /r/{id}/rules.
func (s *Server) reportRules(c echo.Context) error {
	return s.drawn(c, "-rules.yml", "application/yaml", Drawing.Rules)
}

// drawn sends what is drawn of a rollout.
func (s *Server) drawn(c echo.Context, ending, kind string, draw func(Drawing, journal.Summary, plan.Plan) ([]byte, error)) error {
	sum, err := s.named(c)
	if err != nil {
		return err
	}
	if s.cfg.Drawing == nil {
		return &HTTPError{Code: http.StatusNotFound, Public: "this server draws no dashboards and writes no rules", Next: "serin export does, from the journal"}
	}
	rec, err := s.cfg.Journal.Load(c.Request().Context(), sum.Rollout.ID)
	if err != nil {
		return err
	}
	text, err := draw(s.cfg.Drawing, sum, rec.Plan)
	if err != nil {
		return &HTTPError{Code: http.StatusUnprocessableEntity, Public: "it cannot be written: " + oneLine(err.Error(), 500), Next: "correct the plan; serin export shows the same", Err: err}
	}
	download(c, sum.Rollout.ID+ending)
	return c.Blob(http.StatusOK, kind, text)
}

// download names the file that a browser keeps an answer in.
func download(c echo.Context, name string) {
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
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
