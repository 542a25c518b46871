package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/aca"
	"github.com/serin-canary/serin/judge/journal"
)

const (
	maxAnalysis   = 7 * 24 * time.Hour
	maxJudgements = 200
)

// analysisRequest is what a standalone analysis is asked for: several judgements over
// a time.
type analysisRequest struct {
	Scopes     []analysisScope    `json:"scopes"`
	Thresholds *kayentaThresholds `json:"thresholds"`
	Lifetime   int                `json:"lifetimeDurationMins"`
	Begin      int                `json:"beginAfterMins"`
	Lookback   int                `json:"lookbackMins"`
	Interval   int                `json:"analysisIntervalMins"`
}

// analysisScope is a scope of both arms.
type analysisScope struct {
	Name       string            `json:"scopeName"`
	Control    string            `json:"controlScope"`
	ControlAt  string            `json:"controlLocation"`
	Offset     int               `json:"controlOffsetInMinutes"`
	Experiment string            `json:"experimentScope"`
	ExperAt    string            `json:"experimentLocation"`
	Start      string            `json:"startTimeIso"`
	End        string            `json:"endTimeIso"`
	Step       int               `json:"step"`
	Extended   map[string]string `json:"extendedScopeParams"`
}

// kayentaAnalysis is an analysis as it is kept.
type kayentaAnalysis struct {
	kayentaRun
	User       string              `json:"user"`
	Judgements []analysisJudgement `json:"judgements"`
}

// analysisJudgement is one of its judgements that is done.
type analysisJudgement struct {
	Start     time.Time         `json:"start"`
	End       time.Time         `json:"end"`
	Judgement *kayentaJudgement `json:"judgement"`
}

// timetable is when an analysis looks at what, and how often.
func (r analysisRequest) timetable(now time.Time) (aca.Timetable, int, error) {
	var t aca.Timetable
	if len(r.Scopes) == 0 {
		return t, 0, bad("name the arms", "scopes: missing")
	}
	first := r.Scopes[0] // times and step are those of the first scope, for all
	for name, minutes := range map[string]int{
		"lifetimeDurationMins": r.Lifetime, "beginAfterMins": r.Begin, "lookbackMins": r.Lookback, "analysisIntervalMins": r.Interval,
	} {
		if minutes < 0 || minutes > int(maxAnalysis/time.Minute) {
			return t, 0, bad("write minutes, up to seven days of them", "%s: %d is out of range", name, minutes)
		}
	}
	if first.Offset < 0 || first.Offset > 60*24*60 {
		return t, 0, bad("write minutes, up to sixty days of them", "scopes[0].controlOffsetInMinutes: %d is out of range", first.Offset)
	}
	t = aca.Timetable{
		Now: now, Warmup: time.Duration(r.Begin) * time.Minute, Lookback: time.Duration(r.Lookback) * time.Minute,
		Interval: time.Duration(r.Interval) * time.Minute, ControlOffset: time.Duration(first.Offset) * time.Minute,
	}
	var err error
	if first.Start != "" {
		if t.Start, err = readInstant("scopes[0].startTimeIso", first.Start); err != nil {
			return t, 0, err
		}
	}
	lifetime := time.Duration(r.Lifetime) * time.Minute
	if first.End != "" {
		if t.End, err = readInstant("scopes[0].endTimeIso", first.End); err != nil {
			return t, 0, err
		}
		if lifetime = t.End.Sub(latestStart(t)); lifetime <= 0 {
			return t, 0, bad("end after the start", "scopes[0].endTimeIso: it is not after the start")
		}
	}
	if lifetime <= 0 || lifetime > maxAnalysis {
		return t, 0, bad("give endTimeIso, or lifetimeDurationMins of up to seven days", "the analysis has no length that it could have")
	}
	if t.Interval <= 0 || t.Interval > lifetime {
		t.Interval = lifetime
	}
	n := int(lifetime / t.Interval)
	if n > maxJudgements {
		return t, 0, bad("take a longer analysisIntervalMins", "%d judgements, and there may be %d", n, maxJudgements)
	}
	return t, n, nil
}

func latestStart(t aca.Timetable) time.Time {
	if t.Start.IsZero() {
		return t.Now
	}
	return t.Start
}

// request is what one judgement is asked for, counted from 1.
func (r analysisRequest) request(t aca.Timetable, judgement int) (kayentaRequest, aca.Windows) {
	w := t.Window(judgement)
	out := kayentaRequest{Scopes: map[string]kayentaScopes{}, Thresholds: r.Thresholds}
	step := r.Scopes[0].Step
	if step == 0 {
		step = 60
	}
	for _, s := range r.Scopes {
		if s.Name == "" {
			s.Name = "default"
		}
		out.Scopes[s.Name] = kayentaScopes{
			Control:    kayentaScope{Scope: s.Control, Location: s.ControlAt, Start: iso(w.ControlStart), End: iso(w.ControlEnd), Step: step, Extended: s.Extended},
			Experiment: kayentaScope{Scope: s.Experiment, Location: s.ExperAt, Start: iso(w.ExperimentStart), End: iso(w.ExperimentEnd), Step: step, Extended: s.Extended},
		}
	}
	return out, w
}

// plan reads an analysis: its request, when it looks, and how often.
func (a kayentaAnalysis) plan(now time.Time) (analysisRequest, aca.Timetable, int, error) {
	var r analysisRequest
	if err := decode(a.Request, &r, tolerant); err != nil {
		return r, aca.Timetable{}, 0, err
	}
	t, n, err := r.timetable(now)
	return r, t, n, err
}

// step returns what one judgement asks.
func (a kayentaAnalysis) step(now time.Time, judgement int) (kayentaCase, []askedMetric, aca.Windows, error) {
	r, t, _, err := a.plan(now)
	if err != nil {
		return kayentaCase{}, nil, aca.Windows{}, err
	}
	request, w := r.request(t, judgement)
	one := a.kayentaRun
	if one.Request, err = json.Marshal(request); err != nil {
		return kayentaCase{}, nil, w, fmt.Errorf("write a judgement's request: %w", err)
	}
	// An end far ahead is what an analysis is for.
	k, asked, err := one.parsed(w.ExperimentEnd)
	return k, asked, w, err
}

// startAnalysis is POST /standalone_canary_analysis and the same with a config's ID.
func (s *Server) startAnalysis(c echo.Context) error {
	run, err := s.sentRun(c)
	if err != nil {
		return err
	}
	a := kayentaAnalysis{kayentaRun: run, User: c.QueryParam("user")}
	if a.User == "" {
		a.User = "anonymous"
	}
	if err := checkFact("user", a.User); err != nil {
		return err
	}
	if _, _, _, err := a.step(s.now(), 1); err != nil {
		return err
	}
	ctx := c.Request().Context()
	id, err := s.addRun(ctx, kayentaAnalyses, a.Application, a)
	if err != nil {
		return err
	}
	s.note(ctx, "canary analysis started", "", id+" "+a.Application+" "+a.ConfigID)
	return writeJSON(c, http.StatusOK, map[string]string{"canaryAnalysisExecutionId": id})
}

// judgeAnalysis takes the judgements of an analysis that are due, one after another,
// and keeps each.
func (s *Server) judgeAnalysis(ctx context.Context, d journal.Document) error {
	for d.State == kayentaRunning {
		var a kayentaAnalysis
		if err := json.Unmarshal(d.Body, &a); err != nil {
			return fmt.Errorf("analysis %s cannot be read: %w", d.ID, err)
		}
		k, asked, w, err := a.step(d.Created, len(a.Judgements)+1)
		if err == nil && (s.now().Before(ready(asked)) || s.now().Sub(a.Tried) < kayentaPause) {
			return nil
		}
		var j *kayentaJudgement
		if err == nil {
			j, err = s.judgeAsked(ctx, fmt.Sprintf("%s-%d", d.ID, len(a.Judgements)+1), a.Account, k, asked)
		}
		waits := err != nil && s.again(err, latest(d.Created, ready(asked)))
		switch {
		case waits:
			a.Tried, a.Error = s.now(), oneLine(redact(err.Error()), 1000)
		case err != nil:
			d.State, a.Ended, a.Error = kayentaTerminal, s.now(), oneLine(redact(publicText(err)), 1000)
		default:
			a.Tried, a.Error = time.Time{}, ""
			a.Judgements = append(a.Judgements, analysisJudgement{w.ExperimentStart, w.ExperimentEnd, j})
			if d.State, err = a.state(d.Created); err != nil {
				return err
			}
			if d.State != kayentaRunning {
				a.Ended = s.now()
			}
		}
		if d.Body, err = json.Marshal(a); err != nil {
			return fmt.Errorf("write analysis %s: %w", d.ID, err)
		}
		if d, err = s.cfg.Kayenta.Documents.ReplaceDocument(ctx, d); err != nil || waits {
			return err
		}
	}
	return nil
}

// gates are the thresholds as those of the analysis around the judge.
func (r analysisRequest) gates() aca.Gates {
	if r.Thresholds == nil {
		return aca.Gates{}
	}
	return aca.Gates{Pass: r.Thresholds.Pass, Marginal: r.Thresholds.Marginal}
}

// state is how an analysis stands after its judgements: over when all are done, or
// when one is not above marginal. An analysis that failed is terminal, as in Kayenta.
func (a kayentaAnalysis) state(now time.Time) (string, error) {
	r, _, n, err := a.plan(now)
	if err != nil {
		return "", err
	}
	gates, scores := r.gates(), a.scores()
	if len(scores) < n && !gates.FailsFast(scores[len(scores)-1]) {
		return kayentaRunning, nil
	}
	if passed, _, err := aca.Aggregate(scores, gates); err != nil || !passed {
		return kayentaTerminal, err
	}
	return kayentaSucceeded, nil
}

func (a kayentaAnalysis) scores() []float64 {
	out := []float64{}
	for _, j := range a.Judgements {
		out = append(out, j.Judgement.Score.Score)
	}
	return out
}

// getAnalysis is GET /standalone_canary_analysis/{id}.
func (s *Server) getAnalysis(c echo.Context) error {
	d, err := s.polled(c, kayentaAnalyses, "there is no such analysis")
	if err != nil {
		return err
	}
	if d.State == kayentaRunning {
		if d, err = s.proceed(c.Request().Context(), d, s.judgeAnalysis); err != nil {
			return err
		}
	}
	var a kayentaAnalysis
	if err := json.Unmarshal(d.Body, &a); err != nil {
		return fmt.Errorf("analysis %s cannot be read: %w", d.ID, err)
	}
	out, err := a.shown(d)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, out)
}

// shown says an analysis in Kayenta's form. Nothing is null.
func (a kayentaAnalysis) shown(d journal.Document) (map[string]any, error) {
	r, t, _, err := a.plan(d.Created)
	if err != nil {
		return nil, err
	}
	out := map[string]any{
		"pipelineId": d.ID, "application": a.Application, "user": a.User, "complete": d.State != kayentaRunning,
		"status": d.State, "executionStatus": strings.ToUpper(d.State), "stageStatus": a.stages(d),
		"canaryAnalysisExecutionRequest": a.Request, "canaryConfig": a.Config, "metricsAccountName": a.Account,
		"buildTimeMillis": d.Created.UnixMilli(), "buildTimeIso": iso(d.Created), "startTimeMillis": d.Created.UnixMilli(), "startTimeIso": iso(d.Created),
	}
	if a.ConfigID != "" {
		out["canaryConfigId"] = a.ConfigID
	}
	if a.Parent != "" {
		out["parentPipelineExecutionId"] = a.Parent
	}
	for _, name := range [...]string{"configurationAccountName", "storageAccountName"} {
		if v := a.Accounts[name]; v != "" {
			out[name] = v
		}
	}
	if d.State == kayentaRunning {
		return out, nil
	}
	out["endTimeMillis"], out["endTimeIso"] = a.Ended.UnixMilli(), iso(a.Ended)
	if a.Error != "" {
		out["exception"] = exceptionOf(a.Error, a.Ended)
	}
	if len(a.Judgements) == 0 {
		return out, nil
	}
	passed, message, err := aca.Aggregate(a.scores(), r.gates())
	if err != nil {
		return nil, err
	}
	if d.State != kayentaSucceeded {
		passed = false
	}
	out["canaryAnalysisExecutionResult"] = map[string]any{
		"didPassThresholds": passed, "hasWarnings": false, "canaryScoreMessage": message, "canaryScores": a.scores(),
		"canaryExecutionResults": a.results(d), "buildTimeIso": iso(d.Created), "startTimeIso": iso(t.Window(1).ExperimentStart), "endTimeIso": iso(a.Ended),
	}
	return out, nil
}

// results are the judgements that are done.
func (a kayentaAnalysis) results(d journal.Document) []map[string]any {
	out := []map[string]any{}
	for i, j := range a.Judgements {
		id := fmt.Sprintf("%s-%d", d.ID, i+1)
		out = append(out, map[string]any{
			"executionId": id, "executionStatus": "SUCCEEDED", "metricSetPairListId": id, "warnings": []string{},
			"judgementStartTimeMillis": j.Start.UnixMilli(), "judgementStartTimeIso": iso(j.Start),
			"judgementEndTimeMillis": j.End.UnixMilli(), "judgementEndTimeIso": iso(j.End),
			"result": kayentaResult{Application: a.Application, Judgement: j.Judgement, Duration: "PT" + strings.ToUpper(j.End.Sub(j.Start).String())},
		})
	}
	return out
}

// stages are the judgements as Kayenta names its stages.
func (a kayentaAnalysis) stages(d journal.Document) []map[string]string {
	out := []map[string]string{}
	for i := range a.Judgements {
		out = append(out, map[string]string{
			"type": "runCanary", "name": fmt.Sprintf("Run Canary #%d", i+1), "status": kayentaSucceeded, "executionId": fmt.Sprintf("%s-%d", d.ID, i+1),
		})
	}
	return out
}
