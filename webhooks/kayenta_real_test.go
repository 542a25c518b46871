package webhooks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/aca"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// TestKayentaOverARealPrometheus judges samples that a real server has recorded, with
// nothing faked between it and the answer.
func TestKayentaOverARealPrometheus(t *testing.T) {
	var h promtest.History
	from := promtest.Epoch().Truncate(time.Minute)
	for _, arm := range []struct {
		name  string
		value func(time.Time) float64
	}{{"base", about(1, 100)}, {"good", about(2, 100)}, {"bad", about(3, 200)}} {
		for pod := range 2 {
			m := promtest.Metric{Family: "request_ms", Kind: "unknown", Labels: fmt.Sprintf(`version=%q,pod=%q`, arm.name, fmt.Sprint(arm.name, "-", pod))}
			for i := range 61 {
				at := from.Add(time.Duration(i) * time.Minute)
				h.Add(m, at, arm.value(at)+float64(pod))
			}
		}
	}
	source, err := prometheus.New(prometheus.Config{Name: "real", URL: promtest.Start(t, promtest.Config{History: h.String()})})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	w, _ := kayentaWorld(t, func(c *Config) { c.Kayenta.Sources = map[string]queries.Source{"real": source} })
	ask := func(judge, canary string, query map[string]any) map[string]any {
		scope := func(version string) map[string]any {
			return map[string]any{"scope": "version=" + version, "step": 60, "start": from.Format(time.RFC3339), "end": from.Add(time.Hour).Format(time.RFC3339),
				"extendedScopeParams": map[string]any{"version": version}}
		}
		config := canaryConfig(mergeMaps(withMetric(map[string]any{"query": query}), map[string]any{"judge": map[string]any{"name": judge}}))
		request := execution("", map[string]any{"scopes": map[string]any{"default": map[string]any{"controlScope": scope("base"), "experimentScope": scope(canary)}}})
		id := w.begin("/kayenta/canary?metricsAccountName=real", `{"canaryConfig":`+config+`,"executionRequest":`+request+`}`)
		m := w.stands(id)
		for range 10 { // a real server may take longer than a poll waits
			if m["complete"] == true {
				break
			}
			m = w.stands(id)
		}
		return m
	}
	average := map[string]any{"type": "prometheus", "metricName": "request_ms"}
	whole := map[string]any{"type": "prometheus", "customInlineTemplate": `PromQL:max(request_ms{version="${version}"})`}
	for _, tt := range []struct {
		judge, canary string
		query         map[string]any
		score         float64
	}{
		{judgeSerin, "good", average, 100},
		{judgeSerin, "bad", average, 0},
		{judgeSerin, "none", average, 82},
		{aca.Name, "good", whole, 100},
		{aca.Name, "bad", whole, 0},
	} {
		m := ask(tt.judge, tt.canary, tt.query)
		if got := field(m, "result.judgeResult.score.score"); got != tt.score {
			t.Errorf("%s, %s: got %v, want %v; %v %v", tt.judge, tt.canary, got, tt.score, m["exception"], field(m, "result.judgeResult.score"))
		}
		results, _ := field(m, "result.judgeResult.results").([]any)
		if len(results) != 1 || field(results[0].(map[string]any), "controlMetadata.stats.count") != 60.0 {
			t.Errorf("%s, %s: got %v, want 60 samples of the baseline", tt.judge, tt.canary, results)
		}
	}
	m := ask(judgeSerin, "good", map[string]any{"type": "prometheus", "customInlineTemplate": `PromQL:request_ms{version="${version}"}`})
	if text := fmt.Sprint(field(m, "exception.details.error")); !strings.Contains(text, "2 series at once") {
		t.Errorf("got %v, want several series refused", m["exception"])
	}
}
