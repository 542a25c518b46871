package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

// gauges is a store that answers by a part of the query's text; what no part names has
// no samples.
type gauges struct {
	mu    sync.Mutex
	by    map[string]func(at time.Time) float64
	err   error
	asked []string
}

func (g *gauges) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, r.Query.Expr)
	if g.err != nil {
		return queries.Frame{}, g.err
	}
	f := queries.Frame{Window: w}
	if strings.HasPrefix(r.Query.Expr, "count(") {
		series := 1.0
		if strings.Contains(r.Query.Expr, "by (code)") {
			series = 3
		}
		p := queries.Process{}
		for range w.Len() {
			p.V = append(p.V, series)
		}
		f.Processes = append(f.Processes, p)
		return f, nil
	}
	for part, value := range g.by {
		if !strings.Contains(r.Query.Expr, part) {
			continue
		}
		p := queries.Process{}
		for i := range w.Len() {
			p.V = append(p.V, value(w.Start.Add(time.Duration(i)*w.Block)))
		}
		f.Processes = append(f.Processes, p)
	}
	return f, nil
}

func (g *gauges) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

func (g *gauges) questions() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string{}, g.asked...)
}

// about is a value with some noise, the same each time for a seed.
func about(seed uint64, level float64) func(time.Time) float64 {
	return func(at time.Time) float64 {
		return level * (1 + 0.05*rand.New(rand.NewPCG(seed, uint64(at.Unix()))).NormFloat64())
	}
}

// kayentaWorld is a server with a store in which version=good is like the baseline and
// version=bad is twice as slow.
func kayentaWorld(t testing.TB, change ...func(*Config)) (*world, *gauges) {
	t.Helper()
	g := &gauges{by: map[string]func(time.Time) float64{
		`version="base"`: about(1, 100), `version="good"`: about(2, 100), `version="bad"`: about(3, 200),
	}}
	w := newWorld(t, append([]func(*Config){func(c *Config) {
		c.Kayenta = Kayenta{Sources: map[string]queries.Source{"prom": g}, Queries: true}
	}}, change...)...)
	w.server.cfg.Kayenta.Documents = w.journal
	return w, g
}

// canaryConfig is a config with one metric, and what is changed.
func canaryConfig(change map[string]any) string {
	m := map[string]any{
		"name": "shop-canary", "applications": []string{"shop"}, "configVersion": "1", "description": nil,
		"judge": map[string]any{"name": "serin", "judgeConfigurations": map[string]any{}},
		"metrics": []any{map[string]any{
			"name": "latency", "groups": []string{"slow"}, "scopeName": "default",
			"analysisConfigurations": map[string]any{"canary": map[string]any{"direction": "increase"}},
			"query":                  map[string]any{"type": "prometheus", "metricName": "request_ms"},
		}},
		"classifier": map[string]any{"groupWeights": map[string]any{"slow": 100}, "scoreThresholds": map[string]any{"pass": 95, "marginal": 75}},
		"templates":  map[string]any{},
	}
	maps.Copy(m, change)
	return jsonOf(m)
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// withMetric is a change of a config's metric.
func withMetric(change map[string]any) map[string]any {
	m := map[string]any{
		"name": "latency", "groups": []string{"slow"}, "scopeName": "default",
		"analysisConfigurations": map[string]any{"canary": map[string]any{"direction": "increase"}},
		"query":                  map[string]any{"type": "prometheus", "metricName": "request_ms"},
	}
	maps.Copy(m, change)
	return map[string]any{"metrics": []any{m}}
}

// execution is a request over the last hour, as Argo writes it since 1.9.
func execution(canary string, change map[string]any) string {
	scope := func(version string) map[string]any {
		return map[string]any{
			"scope": "app=shop and version=" + version, "location": "eu", "step": 60,
			"start": start().Add(-time.Hour).Format(time.RFC3339), "end": start().Add(-time.Minute).Format(time.RFC3339),
		}
	}
	m := map[string]any{
		"scopes":     map[string]any{"default": map[string]any{"controlScope": scope("base"), "experimentScope": scope(canary)}},
		"thresholds": map[string]any{"pass": 90, "marginal": 75},
	}
	maps.Copy(m, change)
	return jsonOf(m)
}

// noNulls fails where an answer has a null: Argo and Orca read them as what they are
// not.
func noNulls(t testing.TB, a answer) answer {
	t.Helper()
	var walk func(v any, at string)
	walk = func(v any, at string) {
		switch v := v.(type) {
		case nil:
			t.Errorf("got null at %s in %s", at, a.body)
		case map[string]any:
			for k, x := range v {
				walk(x, at+"."+k)
			}
		case []any:
			for i, x := range v {
				walk(x, fmt.Sprint(at, "[", i, "]"))
			}
		}
	}
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("got %q: %v", a.body, err)
	}
	walk(v, "")
	return a
}

// field reads a path like result.judgeResult.score.score out of an object.
func field(m map[string]any, path string) any {
	var v any = m
	for _, name := range strings.Split(path, ".") {
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = o[name]
	}
	return v
}

// keep stores a config and returns its ID.
func (w *world) keep(config string) string {
	w.t.Helper()
	id, _ := noNulls(w.t, w.want(w.do("POST", "/kayenta/canaryConfig", config), 200)).object(w.t)["canaryConfigId"].(string)
	if id == "" {
		w.t.Fatal("got no canaryConfigId")
	}
	return id
}

// begin starts an execution and returns its ID.
func (w *world) begin(path, body string) string {
	w.t.Helper()
	id, _ := noNulls(w.t, w.want(w.do("POST", path, body), 200)).object(w.t)["canaryExecutionId"].(string)
	if id == "" {
		w.t.Fatal("got no canaryExecutionId")
	}
	return id
}

// stands returns how an execution stands.
func (w *world) stands(id string) map[string]any {
	w.t.Helper()
	return noNulls(w.t, w.want(w.do("GET", "/kayenta/canary/"+id+"?storageAccountName=", ""), 200)).object(w.t)
}

// argoSays does what Argo's provider does with a template, by the rules of its source:
// the list of configs, the start, the poll; 200 exactly, and its own reading of the
// answers.
func (w *world) argoSays(address, name, request string, pass, marginal int64) string {
	w.t.Helper()
	get := func(method, path, body string) (any, bool) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		a := w.send(r)
		if a.code != 200 {
			return nil, false
		}
		var v any
		if json.Unmarshal([]byte(a.body), &v) != nil {
			return nil, false
		}
		return v, true
	}
	list, ok := get("GET", address+"/canaryConfig?application=shop&configurationAccountName=", "")
	configs, isList := list.([]any)
	if !ok || !isList {
		return "Error: configs"
	}
	id := ""
	for _, c := range configs {
		line := c.(map[string]any)
		if ts, ok := line["updatedTimestamp"].(float64); ok && ts != math.Trunc(ts) {
			return "Error: timestamp"
		}
		if line["name"] == name {
			id, _ = line["id"].(string)
			break
		}
	}
	if id == "" {
		return "Error: no config"
	}
	started, ok := get("POST", address+"/canary/"+id+"?application=shop&metricsAccountName=&configurationAccountName=&storageAccountName=", request)
	if !ok {
		return "Error: start"
	}
	execution, _ := started.(map[string]any)["canaryExecutionId"].(string)
	if execution == "" {
		return "Error: no execution"
	}
	polled, ok := get("GET", address+"/canary/"+execution, "")
	if !ok {
		return "Error: poll"
	}
	m := polled.(map[string]any)
	complete, ok := m["complete"].(bool)
	if !ok {
		return "Error: complete"
	}
	if !complete {
		return "Running"
	}
	score, ok := field(m, "result.judgeResult.score.score").(float64)
	switch {
	case !ok:
		return "Error: no score"
	case int64(score) >= pass:
		return "Successful"
	case int64(score) >= marginal:
		return "Inconclusive"
	}
	return "Failed"
}

// orcaSays does what Orca's canary stage does with an execution, by the rules of its
// source. last says that it is the stage's last interval.
func (w *world) orcaSays(id string, pass, marginal int, last bool) string {
	w.t.Helper()
	m := w.stands(id)
	complete, ok := m["complete"].(bool)
	status, _ := m["status"].(string)
	if _, named := m["application"].(string); !ok || !named {
		return "broken"
	}
	known := "not_started running paused suspended succeeded failed_continue terminal canceled redirect stopped skipped buffered"
	if !strings.Contains(" "+known+" ", " "+status+" ") {
		return "broken: status " + status
	}
	if !complete {
		return "RUNNING"
	}
	if status != "succeeded" {
		return strings.ToUpper(status)
	}
	results, ok := field(m, "result.judgeResult.results").([]any)
	if !ok {
		return "broken: results"
	}
	for _, r := range results {
		if _, ok := field(r.(map[string]any), "controlMetadata.stats.count").(float64); !ok {
			return "broken: count"
		}
	}
	for _, name := range [...]string{"classification", "classificationReason"} {
		if _, ok := field(m, "result.judgeResult.score."+name).(string); !ok {
			return "broken: " + name
		}
	}
	score, ok := field(m, "result.judgeResult.score.score").(float64)
	switch {
	case !ok:
		return "broken: score"
	case int(score) <= marginal:
		return "TERMINAL"
	case last && int(score) < pass:
		return "TERMINAL at the end"
	}
	return "SUCCEEDED"
}
