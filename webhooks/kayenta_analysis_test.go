package webhooks

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

// analysis is a request of three judgements over an hour that has passed.
func analysis(canary string, change map[string]any) string {
	scope := map[string]any{
		"controlScope": "version=base", "experimentScope": "version=" + canary, "controlLocation": "eu", "experimentLocation": "eu",
		"startTimeIso": "2026-03-01T10:55:00Z", "endTimeIso": "2026-03-01T11:55:00Z", "step": 60,
	}
	m := map[string]any{"thresholds": map[string]any{"pass": 90, "marginal": 75}, "analysisIntervalMins": 20}
	for k, v := range change {
		if _, ok := scope[k]; ok || k == "controlOffsetInMinutes" {
			scope[k] = v
			continue
		}
		m[k] = v
	}
	m["scopes"] = []any{scope}
	return jsonOf(m)
}

func (w *world) analysed(body string, waits ...time.Duration) map[string]any {
	w.t.Helper()
	a := noNulls(w.t, w.want(w.do("POST", "/kayenta/standalone_canary_analysis?user=ann&application=shop", body), 200))
	id, _ := a.object(w.t)["canaryAnalysisExecutionId"].(string)
	var m map[string]any
	for _, d := range append([]time.Duration{0}, waits...) {
		w.clock.add(d)
		m = noNulls(w.t, w.want(w.do("GET", "/kayenta/standalone_canary_analysis/"+id, ""), 200)).object(w.t)
	}
	return m
}

func TestKayentaAnalysis(t *testing.T) {
	for name, tt := range map[string]struct {
		canary string
		change map[string]any
		waits  []time.Duration
		status string
		scores string
		passed any
		says   string
	}{
		"healthy":        {"good", nil, nil, "succeeded", "[100 100 100]", true, "Final canary score 100.0 met or exceeded the pass score threshold."},
		"fails at once":  {"bad", nil, nil, "terminal", "[0]", false, "Final canary score 0.0 is not above the marginal score threshold."},
		"never proven":   {"unknown", nil, nil, "terminal", "[82 82 82]", false, "Final canary score 82.0 is below the pass score threshold."},
		"one judgement":  {"good", map[string]any{"analysisIntervalMins": 0}, nil, "succeeded", "[100]", true, ""},
		"sliding window": {"good", map[string]any{"lookbackMins": 15}, nil, "succeeded", "[100 100 100]", true, ""},
		"time-shifted":   {"good", map[string]any{"controlOffsetInMinutes": 60}, nil, "succeeded", "[100 100 100]", true, ""},
		"in real time, runs": {"good", map[string]any{"startTimeIso": "", "endTimeIso": "", "lifetimeDurationMins": 60},
			[]time.Duration{21 * time.Minute}, "running", "", nil, ""},
		"in real time, ends": {"good", map[string]any{"startTimeIso": "", "endTimeIso": "", "lifetimeDurationMins": 60, "beginAfterMins": 5},
			[]time.Duration{26 * time.Minute, 20 * time.Minute, 20 * time.Minute}, "succeeded", "[100 100 100]", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := kayentaWorld(t)
			m := w.analysed(`{"canaryConfig":`+canaryConfig(nil)+`,"executionRequest":`+analysis(tt.canary, tt.change)+`}`, tt.waits...)
			if m["status"] != tt.status || m["user"] != "ann" || m["complete"] != (tt.status != "running") {
				t.Fatalf("got %v, complete %v; want %s; %v", m["status"], m["complete"], tt.status, m["exception"])
			}
			if tt.status == "running" {
				if n := len(m["stageStatus"].([]any)); n != 1 || m["canaryAnalysisExecutionResult"] != nil {
					t.Errorf("got %d judgements, want one and no result yet", n)
				}
				return
			}
			r := m["canaryAnalysisExecutionResult"].(map[string]any)
			if fmt.Sprint(r["canaryScores"]) != tt.scores || r["didPassThresholds"] != tt.passed {
				t.Errorf("got scores %v, passed %v; want %s, %v", r["canaryScores"], r["didPassThresholds"], tt.scores, tt.passed)
			}
			if tt.says != "" && r["canaryScoreMessage"] != tt.says {
				t.Errorf("got %v, want %s", r["canaryScoreMessage"], tt.says)
			}
		})
	}
}

func TestKayentaAnalysisWithoutAStore(t *testing.T) {
	w, g := kayentaWorld(t)
	g.fail(&queries.Error{Fault: queries.Unavailable, Source: "prom", Text: "away"})
	body := `{"canaryConfig":` + canaryConfig(nil) + `,"executionRequest":` + analysis("good", nil) + `}`
	if m := w.analysed(body, time.Minute); m["status"] != "running" {
		t.Errorf("got %v, want it to wait for the store", m["status"])
	}
	if m := w.analysed(body, time.Hour); m["status"] != "terminal" || field(m, "exception.details.error") == nil || m["canaryAnalysisExecutionResult"] != nil {
		t.Errorf("got %v, want it terminal with the reason and no score", m)
	}
	a := w.want(w.do("POST", "/kayenta/standalone_canary_analysis", body), 200)
	id := a.object(t)["canaryAnalysisExecutionId"].(string)
	w.want(w.do("PUT", "/kayenta/pipelines/"+id+"/cancel", ""), 202)
	if m := w.want(w.do("GET", "/kayenta/standalone_canary_analysis/"+id, ""), 200).object(t); m["executionStatus"] != "CANCELED" {
		t.Errorf("got %v, want CANCELED", m["executionStatus"])
	}
}

func TestKayentaAnalysisRefusals(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"no length":        {"endTimeIso": ""},
		"end before start": {"endTimeIso": "2026-03-01T09:00:00Z"},
		"too long":         {"endTimeIso": "2026-04-01T09:00:00Z"},
		"negative":         {"beginAfterMins": -1},
		"offset":           {"controlOffsetInMinutes": -1},
		"too many":         {"analysisIntervalMins": 1, "endTimeIso": "2026-03-05T09:00:00Z"},
		"no time":          {"startTimeIso": "soon"},
		"no thresholds":    {"thresholds": map[string]any{}},
	} {
		w, _ := kayentaWorld(t)
		a := w.do("POST", "/kayenta/standalone_canary_analysis", `{"canaryConfig":`+canaryConfig(nil)+`,"executionRequest":`+analysis("good", maps.Clone(change))+`}`)
		if a.code != 400 || a.object(t)["message"] == "" {
			t.Errorf("%s: got %d %s, want 400", name, a.code, a.body)
		}
	}
	w, _ := kayentaWorld(t)
	w.want(w.do("POST", "/kayenta/standalone_canary_analysis", `{"canaryConfig":`+canaryConfig(nil)+`,"executionRequest":{"scopes":[]}}`), 400)
	w.want(w.do("GET", "/kayenta/standalone_canary_analysis/nobody", ""), 404)
}
