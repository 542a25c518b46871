package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal"
)

// kayentaStarted is the answer to a start.
type kayentaStarted struct {
	ID string `json:"canaryExecutionId"`
}

// adHoc is the body of a start that brings its own config.
type adHoc struct {
	Config  json.RawMessage `json:"canaryConfig"`
	Request json.RawMessage `json:"executionRequest"`
}

// accounts are the accounts that a caller named, by Kayenta's parameters.
func accounts(q url.Values) map[string]string {
	out := map[string]string{}
	for _, name := range [...]string{"metricsAccountName", "configurationAccountName", "storageAccountName"} {
		if v := q.Get(name); v != "" {
			out[name] = oneLine(v, maxFact)
		}
	}
	return out
}

// sentRun reads a start: the config that the path names, or the one that the body
// brings, and the request.
func (s *Server) sentRun(c echo.Context) (kayentaRun, error) {
	q := c.QueryParams()
	run := kayentaRun{Application: q.Get("application"), Parent: q.Get("parentPipelineExecutionId"), Accounts: accounts(q)}
	body, err := readBody(c)
	if err != nil {
		return run, err
	}
	for name, text := range map[string]string{"application": run.Application, "parentPipelineExecutionId": run.Parent} {
		if err := checkFact(name, text); err != nil {
			return run, err
		}
	}
	if run.Account, _, err = s.account(q.Get("metricsAccountName")); err != nil {
		return run, err
	}
	if !s.cfg.Kayenta.Queries {
		return run, &HTTPError{
			Code: http.StatusForbidden, Public: "this server takes no queries from callers, and a canary config brings some",
			Next: "set kayenta.queries: allow in its configuration, or keep Kayenta and let it ask this server as its remote judge (POST /kayenta/judge)",
		}
	}
	if c.Param("id") == "" {
		var own adHoc
		if err := decode(body, &own, tolerant); err != nil {
			return run, err
		}
		if len(own.Config) == 0 || len(own.Request) == 0 {
			return run, bad("send both", "canaryConfig and executionRequest are needed where the address names no config")
		}
		run.Config, run.Request = own.Config, own.Request
		if run.Application == "" {
			run.Application = "ad-hoc"
		}
		return run, nil
	}
	d, err := s.document(c, kayentaConfigs, "there is no such canary config")
	if err != nil {
		return run, err
	}
	run.ConfigID, run.Request = d.ID, body
	run.Config, err = shownConfig(d)
	return run, err
}

// startCanary is POST /canary and POST /canary/{id}. What is wrong with the request is
// said now; what is wrong with the store, by the execution.
func (s *Server) startCanary(c echo.Context) error {
	run, err := s.sentRun(c)
	if err != nil {
		return err
	}
	if _, _, err := run.parsed(s.now()); err != nil {
		return err
	}
	ctx := c.Request().Context()
	id, err := s.addRun(ctx, kayentaExecutions, run.Application, run)
	if err != nil {
		return err
	}
	s.note(ctx, "canary execution started", "", id+" "+run.Application+" "+run.ConfigID)
	return writeJSON(c, http.StatusOK, kayentaStarted{id})
}

// addRun keeps what was started.
func (s *Server) addRun(ctx context.Context, kind, owner string, run any) (string, error) {
	body, err := json.Marshal(run)
	if err != nil {
		return "", bad("send plain JSON", "the request cannot be kept: %s", oneLine(err.Error(), 200))
	}
	if body, err = withoutNulls(body, nil); err != nil {
		return "", err
	}
	s.forget(ctx)
	d := journal.Document{Kind: kind, ID: newKayentaID(), Owner: owner, State: kayentaRunning, Body: body}
	_, err = s.cfg.Kayenta.Documents.AddDocument(ctx, d)
	return d.ID, err
}

// kayentaExecution is an execution as its callers read it. Nothing is null.
type kayentaExecution struct {
	Application  string            `json:"application"`
	Parent       string            `json:"parentPipelineExecutionId,omitempty"`
	PipelineID   string            `json:"pipelineId"`
	Stages       map[string]string `json:"stageStatus"`
	Complete     bool              `json:"complete"`
	Status       string            `json:"status"`
	Exception    *kayentaException `json:"exception,omitempty"`
	Result       *kayentaResult    `json:"result,omitempty"`
	Config       json.RawMessage   `json:"config"`
	ConfigID     string            `json:"canaryConfigId,omitempty"`
	Request      json.RawMessage   `json:"canaryExecutionRequest"`
	PairsID      string            `json:"metricSetPairListId,omitempty"`
	BuildMillis  int64             `json:"buildTimeMillis"`
	BuildIso     string            `json:"buildTimeIso"`
	StartMillis  int64             `json:"startTimeMillis"`
	StartIso     string            `json:"startTimeIso"`
	EndMillis    int64             `json:"endTimeMillis,omitempty"`
	EndIso       string            `json:"endTimeIso,omitempty"`
	Storage      string            `json:"storageAccountName,omitempty"`
	Metrics      string            `json:"metricsAccountName,omitempty"`
	ConfigHolder string            `json:"configurationAccountName,omitempty"`
}

// kayentaResult is what an execution came to.
type kayentaResult struct {
	Application string            `json:"application,omitempty"`
	Judgement   *kayentaJudgement `json:"judgeResult"`
	Duration    string            `json:"canaryDuration,omitempty"`
}

// shown says an execution in Kayenta's form.
func (r kayentaRun) shown(d journal.Document) kayentaExecution {
	out := kayentaExecution{
		Application: r.Application, Parent: r.Parent, PipelineID: d.ID, Status: d.State, Complete: d.State != kayentaRunning,
		Config: r.Config, ConfigID: r.ConfigID, Request: r.Request,
		BuildMillis: d.Created.UnixMilli(), BuildIso: iso(d.Created), StartMillis: d.Created.UnixMilli(), StartIso: iso(d.Created),
		Storage: r.Accounts["storageAccountName"], Metrics: r.Account, ConfigHolder: r.Accounts["configurationAccountName"],
	}
	_, asked, err := r.parsed(d.Created)
	out.Stages = stages(len(asked), d.State)
	if !out.Complete {
		return out
	}
	out.EndMillis, out.EndIso = r.Ended.UnixMilli(), iso(r.Ended)
	switch {
	case d.State == kayentaSucceeded && r.Judgement != nil:
		out.PairsID = d.ID
		out.Result = &kayentaResult{Application: r.Application, Judgement: r.Judgement}
		if length, ok := duration(asked); ok && err == nil {
			out.Result.Duration = "PT" + strings.ToUpper(length.String())
		}
	case r.Error != "":
		out.Exception = exceptionOf(r.Error, r.Ended)
	}
	return out
}

// getCanary is GET /canary/{id}. The poll itself does the work where it is due, so that
// nothing is lost with a process.
func (s *Server) getCanary(c echo.Context) error {
	d, err := s.polled(c, kayentaExecutions, "there is no such execution")
	if err != nil {
		return err
	}
	if d.State == kayentaRunning {
		if d, err = s.proceed(c.Request().Context(), d, s.judgeRun); err != nil {
			return err
		}
	}
	out, err := showExecution(d)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, out)
}

func showExecution(d journal.Document) (kayentaExecution, error) {
	var run kayentaRun
	if err := json.Unmarshal(d.Body, &run); err != nil {
		return kayentaExecution{}, fmt.Errorf("execution %s cannot be read: %w", d.ID, err)
	}
	return run.shown(d), nil
}

// listExecutions is GET /canary/executions, the newest first.
func (s *Server) listExecutions(c echo.Context) error {
	q := c.QueryParams()
	f := journal.DocumentFilter{Kind: kayentaExecutions, Owner: q.Get("application"), Limit: 20}
	page := 1
	for name, to := range map[string]*int{"limit": &f.Limit, "page": &page} {
		if q.Get(name) == "" {
			continue
		}
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 1 || n > 100 {
			return bad("write a number from 1 to 100", "%s: %s is not one", name, quoted(q.Get(name)))
		}
		*to = n
	}
	f.Skip = (page - 1) * f.Limit
	if words := q.Get("statuses"); words != "" {
		var err error
		if f.States, err = kayentaStatuses(strings.Split(strings.ToLower(words), ",")); err != nil {
			return err
		}
	}
	list, err := s.cfg.Kayenta.Documents.Documents(c.Request().Context(), f)
	if err != nil {
		return err
	}
	out := []kayentaExecution{}
	for _, d := range list {
		one, err := showExecution(d)
		if err != nil {
			return err
		}
		out = append(out, one)
	}
	return writeJSON(c, http.StatusOK, out)
}

// cancelCanary is PUT /pipelines/{id}/cancel: 202, also where it is over already.
func (s *Server) cancelCanary(c echo.Context) error {
	id, err := kayentaID(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	for _, kind := range [...]string{kayentaExecutions, kayentaAnalyses} {
		err = s.cancel(ctx, kind, id)
		if !errors.Is(err, journal.ErrNotFound) {
			break
		}
	}
	if errors.Is(err, journal.ErrNotFound) {
		return noSuch("there is no such execution", err)
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusAccepted)
}

// cancel ends an execution that runs. An attempt that is under way may end it first.
func (s *Server) cancel(ctx context.Context, kind, id string) error {
	const tries = 5
	var err error
	for range tries {
		var d journal.Document
		if d, err = s.cfg.Kayenta.Documents.Document(ctx, kind, id); err != nil || d.State != kayentaRunning {
			return err
		}
		if d.Body, err = withoutNulls(d.Body, map[string]any{"ended": s.now().UTC().Format(time.RFC3339Nano)}); err != nil {
			return err
		}
		d.State = kayentaCanceled
		if _, err = s.cfg.Kayenta.Documents.ReplaceDocument(ctx, d); !errors.Is(err, journal.ErrChanged) {
			s.note(ctx, "canary execution "+kayentaCanceled, "", id)
			return err
		}
	}
	return err
}
