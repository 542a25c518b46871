package webhooks

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/queries"
)

func TestKayentaConfigs(t *testing.T) {
	w, _ := kayentaWorld(t)
	if a := w.want(w.do("GET", "/kayenta/canaryConfig?application=shop", ""), 200); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("got %s, want an empty list and no null", a.body)
	}
	id := w.keep(canaryConfig(map[string]any{"unknown": map[string]any{"kept": 1.5, "dropped": nil}}))
	m := noNulls(t, w.want(w.do("GET", "/kayenta/canaryConfig/"+id, ""), 200)).object(t)
	if m["id"] != id || field(m, "unknown.kept") != 1.5 || m["configVersion"] != "1" || m["createdTimestamp"] != float64(start().UnixMilli()) {
		t.Errorf("got %v, want what was sent, with its ID and times", m)
	}
	w.clock.add(time.Hour)
	w.want(w.do("PUT", "/kayenta/canaryConfig/"+id, canaryConfig(map[string]any{"name": "other"})), 200)
	m = w.want(w.do("GET", "/kayenta/canaryConfig/"+id, ""), 200).object(t)
	if m["name"] != "other" || m["updatedTimestamp"] != float64(start().Add(time.Hour).UnixMilli()) || m["createdTimestamp"] != float64(start().UnixMilli()) {
		t.Errorf("got %v, want it changed now", m)
	}
	list := w.want(w.do("GET", "/kayenta/canaryConfig?application=shop&configurationAccountName=x", ""), 200).body
	if want := `[{"id":"` + id + `","name":"other","updatedTimestamp":1772370000000,"updatedTimestampIso":"2026-03-01T13:00:00Z","applications":["shop"]}]`; strings.TrimSpace(list) != want {
		t.Errorf("got %s, want %s", list, want)
	}
	if a := w.do("GET", "/kayenta/canaryConfig?application=cart", ""); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("got %s, want none of another application", a.body)
	}
	second := w.keep(canaryConfig(map[string]any{"id": "mine"}))
	for name, tt := range map[string]struct {
		method, path, body string
		code               int
	}{
		"existing ID":           {"POST", "", canaryConfig(map[string]any{"id": "mine", "name": "third"}), 400},
		"taken name":            {"POST", "", canaryConfig(nil), 400},
		"taken name, by change": {"PUT", "/" + id, canaryConfig(nil), 400},
		"other application":     {"POST", "", canaryConfig(map[string]any{"applications": []string{"cart"}}), 200},
		"missing ID":            {"PUT", "/nobody", canaryConfig(map[string]any{"name": "new"}), 400},
		"no such":               {"GET", "/nobody", "", 404},
		"no name":               {"POST", "", canaryConfig(map[string]any{"name": ""}), 400},
		"no name at all":        {"POST", "", canaryConfig(map[string]any{"name": "a b"}), 400},
		"no applications":       {"POST", "", canaryConfig(map[string]any{"name": "new", "applications": nil}), 400},
		"two of a name": {"POST", "", canaryConfig(map[string]any{"name": "new", "metrics": []any{
			map[string]any{"name": "a", "groups": []string{}}, map[string]any{"name": "a", "groups": []string{}},
		}}), 400},
		"no JSON": {"POST", "", "{", 400},
	} {
		a := w.do(tt.method, "/kayenta/canaryConfig"+tt.path, tt.body)
		if a.code != tt.code || (a.code == 204) != (a.body == "") {
			t.Errorf("%s: got %d %q, want %d", name, a.code, a.body, tt.code)
		}
	}
	if a := w.want(w.do("DELETE", "/kayenta/canaryConfig/"+second, ""), 204); a.body != "" {
		t.Errorf("got %q, want nothing", a.body)
	}
	w.want(w.do("GET", "/kayenta/canaryConfig/"+second, ""), 404)
}

// Series are kept, shown and judged again; those of an execution have its ID.
func TestKayentaJudgesStoredSeries(t *testing.T) {
	w, g := kayentaWorld(t)
	id := w.keep(canaryConfig(nil))
	run := w.begin("/kayenta/canary/"+id, execution("bad", nil))
	m := w.stands(run)
	pairs := m["metricSetPairListId"].(string)
	shown := noNulls(t, w.want(w.do("GET", "/kayenta/metricSetPairList/"+pairs, ""), 200))
	for _, part := range [...]string{`"name":"latency"`, `"query":"avg(request_ms`, `"stepMillis":60000`, `"startTimeMillis":1772362800000`} {
		if !strings.Contains(shown.body, part) {
			t.Errorf("got %.300s, want %s in it", shown.body, part)
		}
	}
	asked := len(g.questions())
	judged := noNulls(t, w.want(w.do("POST", "/kayenta/judges/judge?canaryConfigId="+id+"&metricSetPairListId="+pairs+"&passThreshold=90&marginalThreshold=75", ""), 200)).object(t)
	if jsonOf(judged) != jsonOf(field(m, "result.judgeResult")) || len(g.questions()) != asked {
		t.Errorf("got %v, want the execution's judgement and nothing asked", judged)
	}
	own := noNulls(t, w.want(w.do("POST", "/kayenta/metricSetPairList", shown.body), 200)).object(t)["metricSetPairListId"].(string)
	for path, code := range map[string]int{
		"?canaryConfigId=" + id + "&metricSetPairListId=" + own + "&passThreshold=90&marginalThreshold=75":   200,
		"?canaryConfigId=" + id + "&metricSetPairListId=" + own + "&passThreshold=x&marginalThreshold=75":    400,
		"?canaryConfigId=" + id + "&metricSetPairListId=" + own + "&passThreshold=NaN&marginalThreshold=NaN": 400,
		"?canaryConfigId=" + id + "&metricSetPairListId=nobody&passThreshold=90&marginalThreshold=75":        404,
		"?metricSetPairListId=" + own + "&passThreshold=90&marginalThreshold=75":                             404,
	} {
		if a := w.do("POST", "/kayenta/judges/judge"+path, ""); a.code != code {
			t.Errorf("%s: got %d %s, want %d", path, a.code, a.body, code)
		}
	}
	w.want(w.do("DELETE", "/kayenta/metricSetPairList/"+own, ""), 204)
	w.want(w.do("GET", "/kayenta/metricSetPairList/"+own, ""), 404)
	w.want(w.do("POST", "/kayenta/metricSetPairList", "[]"), 400)
	w.want(w.do("POST", "/kayenta/metricSetPairList", "{}"), 400)
}

// A rate over five minutes that is taken each minute says the same thing five times:
// Serin's judge takes every fifth.
func TestKayentaOverlappingSamples(t *testing.T) {
	w, _ := kayentaWorld(t)
	config := canaryConfig(withMetric(map[string]any{"query": map[string]any{
		"type": "prometheus", "customInlineTemplate": `PromQL:avg(rate(request_ms{version="${scope}"}[5m]))`,
	}}))
	scope := func(version string) map[string]any {
		return map[string]any{"scope": version, "step": 60, "start": "2026-03-01T11:00:00Z", "end": "2026-03-01T11:59:00Z"}
	}
	request := execution("", map[string]any{"scopes": map[string]any{"default": map[string]any{"controlScope": scope("base"), "experimentScope": scope("bad")}}})
	m := w.stands(w.begin("/kayenta/canary", `{"canaryConfig":`+config+`,"executionRequest":`+request+`}`))
	results, _ := field(m, "result.judgeResult.results").([]any)
	if len(results) != 1 || field(results[0].(map[string]any), "controlMetadata.stats.count") != 12.0 {
		t.Errorf("got %v, want 12 of 59 samples", results)
	}
}

func TestKayentaLists(t *testing.T) {
	w, _ := kayentaWorld(t)
	for path, want := range map[string]string{
		"judges": `[{"name":"NetflixACAJudge-v1.0","visible":true},{"name":"serin","visible":true}]`,
		"credentials": `[{"name":"prom","type":"prometheus","supportedTypes":["METRICS_STORE"],"locations":[],"recommendedLocations":[]},` +
			`{"name":"serin","type":"serin","supportedTypes":["OBJECT_STORE","CONFIGURATION_STORE"],"locations":[],"recommendedLocations":[]}]`,
		"metricsServices": `[{"name":"prom","type":"prometheus","supportedTypes":["METRICS_STORE"],"locations":[],"recommendedLocations":[]}]`,
		"metadata/metricsService?metricsAccountName=prom&filter=x": `[]`,
		"canary/executions?application=shop":                       `[]`,
	} {
		if a := noNulls(t, w.want(w.do("GET", "/kayenta/"+path, ""), 200)); strings.TrimSpace(a.body) != want {
			t.Errorf("%s: got %s, want %s", path, a.body, want)
		}
	}
	w.want(w.do("GET", "/kayenta/metadata/metricsService?metricsAccountName=other", ""), 400)
	id := w.keep(canaryConfig(nil))
	for i := range 3 {
		w.clock.add(time.Minute)
		run := w.begin("/kayenta/canary/"+id+fmt.Sprintf("?application=a%d", i%2), execution("good", nil))
		if i > 0 {
			w.stands(run)
		}
	}
	for query, want := range map[string]int{
		"": 3, "?application=a0": 2, "?limit=2": 2, "?limit=2&page=2": 1, "?statuses=succeeded": 2, "?statuses=running,terminal": 1, "?statuses=paused": 0,
	} {
		a := noNulls(t, w.want(w.do("GET", "/kayenta/canary/executions"+query, ""), 200))
		if got := strings.Count(a.body, `"pipelineId"`); got != want {
			t.Errorf("%q: got %d executions, want %d", query, got, want)
		}
	}
	for _, query := range [...]string{"limit=0", "limit=x", "page=-1", "statuses=broken"} {
		w.want(w.do("GET", "/kayenta/canary/executions?"+query, ""), 400)
	}
}

// What is old is forgotten where something new is kept.
func TestKayentaForgets(t *testing.T) {
	w, _ := kayentaWorld(t)
	id := w.keep(canaryConfig(nil))
	old := w.begin("/kayenta/canary/"+id, execution("good", nil))
	w.stands(old)
	w.clock.add(31 * 24 * time.Hour)
	w.begin("/kayenta/canary/"+id, execution("good", nil))
	w.want(w.do("GET", "/kayenta/canary/"+old, ""), 404)
	w.want(w.do("GET", "/kayenta/metricSetPairList/"+old, ""), 404)
	w.want(w.do("GET", "/kayenta/canaryConfig/"+id, ""), 200)
}

// Kayenta's scopes cannot be held to a namespace, so only a token for all of them is
// good for them; each address needs its right.
func TestKayentaTokens(t *testing.T) {
	token := func(name string, change func(*Token)) Token {
		x := FullToken(name, "secret-of-"+name)
		if change != nil {
			change(&x)
		}
		return x
	}
	w, _ := kayentaWorld(t, func(c *Config) {
		c.Tokens = []Token{
			token("full", nil),
			token("flagger", func(x *Token) { x.Callers = []string{controllerFlagger} }),
			token("shop", func(x *Token) { x.Namespaces = []string{"shop"} }),
			token("reader", func(x *Token) { x.Allow = []Right{RightRead}; x.Callers = []string{controllerKayenta} }),
		}
	})
	for _, r := range w.server.routesOfKayenta() {
		for name, want := range map[string]int{"": 401, "wrong": 401, "flagger": 403, "shop": 403} {
			q := httptest.NewRequest(r[0], strings.ReplaceAll(r[1], ":id", "x"), strings.NewReader("{}"))
			if name != "" {
				q.SetBasicAuth("argo", "secret-of-"+name)
			}
			w.server.rates = newRates(w.server.cfg.Limits) // strangers are many here
			if a := w.send(q); a.code != want || a.object(t)["message"] == "" {
				t.Errorf("%s %s as %q: got %d %s, want %d", r[0], r[1], name, a.code, a.body, want)
			}
		}
	}
	q := httptest.NewRequest("GET", "/kayenta/judges", nil)
	q.SetBasicAuth("argo", "secret-of-reader")
	w.want(w.send(q), 200)
	q = httptest.NewRequest("POST", "/kayenta/judge", strings.NewReader("{}"))
	q.SetBasicAuth("argo", "secret-of-reader")
	w.want(w.send(q), 403)
}

// A journal that fails is no verdict.
func TestKayentaWithoutAJournal(t *testing.T) {
	w, _ := kayentaWorld(t)
	w.server.cfg.Kayenta.Documents = broken{}
	asked := 0
	w.server.after = func(time.Duration) <-chan time.Time { asked++; return at(time.Time{}) }
	for _, r := range w.server.routesOfKayenta() {
		path := strings.ReplaceAll(r[1], ":id", "x")
		if path == "/kayenta/judges" || path == "/kayenta/judge" || path == "/kayenta/credentials" || strings.Contains(path, "metricsService") {
			continue
		}
		body := canaryConfig(nil)
		switch {
		case strings.HasSuffix(path, "/canary"):
			body = `{"canaryConfig":` + body + `,"executionRequest":` + execution("good", nil) + `}`
		case strings.Contains(path, "standalone"):
			body = `{"canaryConfig":` + body + `,"executionRequest":` + analysis("good", nil) + `}`
		case strings.Contains(path, "PairList"):
			body = `[{"name":"x","values":{}}]`
		case strings.HasSuffix(path, "judges/judge"):
			path += "?canaryConfigId=a&metricSetPairListId=b"
		}
		if a := w.do(r[0], path, body); a.code != 500 || strings.Contains(a.body, "hunter2") {
			t.Errorf("%s %s: got %d %s, want 500 without the cause", r[0], path, a.code, a.body)
		}
	}
	if want := 2 * int(kayentaWait/time.Second); asked != want {
		t.Errorf("polls waited %d times for the journal, want %d", asked, want)
	}
	w.server.cfg.Kayenta = Kayenta{}
	w.want(w.do("GET", "/kayenta/canaryConfig", ""), 404)
	w.want(w.do("GET", "/kayenta/judges", ""), 200)
	w.server.cfg.Kayenta = Kayenta{Documents: w.journal, Queries: true, Sources: map[string]queries.Source{}}
	w.want(w.do("POST", "/kayenta/canary", "{}"), 400)
}

// A journal that is away for a moment is no error to a poll.
func TestKayentaPollsOutlastTheJournal(t *testing.T) {
	w, _ := kayentaWorld(t)
	body := `{"canaryConfig":` + canaryConfig(nil) + `,"executionRequest":` + execution("good", nil) + `}`
	id, _ := w.want(w.do("POST", "/kayenta/canary", body), 200).object(t)["canaryExecutionId"].(string)
	f := &flickering{kept: w.server.cfg.Kayenta.Documents, fails: 3}
	w.server.cfg.Kayenta.Documents = f
	w.server.after = func(time.Duration) <-chan time.Time { return at(time.Time{}) }
	if a := w.want(w.do("GET", "/kayenta/canary/"+id, ""), 200); a.object(t)["status"] == "" || f.fails != 0 {
		t.Errorf("got %s with %d failures left, want an execution after all of them", a.body, f.fails)
	}
}

// flickering is a journal whose first reads fail.
type flickering struct {
	kept
	fails int
}

// kept is what keeps documents.
type kept interface{ Documents }

func (f *flickering) Document(ctx context.Context, kind, id string) (journal.Document, error) {
	if f.fails > 0 {
		f.fails--
		return journal.Document{}, hidden()
	}
	return f.kept.Document(ctx, kind, id)
}

// at is a moment that has come.
func at(t time.Time) <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- t
	return c
}

// routesOfKayenta lists the addresses with their methods.
func (s *Server) routesOfKayenta() [][2]string {
	var out [][2]string
	for _, r := range s.handler.(*echo.Echo).Routes() {
		if strings.HasPrefix(r.Path, kayentaPrefix+"/") {
			out = append(out, [2]string{r.Method, r.Path})
		}
	}
	return out
}

// broken is a journal that fails.
type broken struct{}

// hidden is what it fails with.
func hidden() error { return errors.New("postgres://bob:hunter2@db is gone") }

func (broken) AddDocument(context.Context, journal.Document) (journal.Document, error) {
	return journal.Document{}, hidden()
}

func (broken) ReplaceDocument(context.Context, journal.Document) (journal.Document, error) {
	return journal.Document{}, hidden()
}
func (broken) RemoveDocument(context.Context, string, string) error { return hidden() }
func (broken) Document(context.Context, string, string) (journal.Document, error) {
	return journal.Document{}, hidden()
}

func (broken) Documents(context.Context, journal.DocumentFilter) ([]journal.Document, error) {
	return nil, hidden()
}

func (broken) PruneDocuments(context.Context, string, time.Time) (int, error) { return 0, hidden() }
