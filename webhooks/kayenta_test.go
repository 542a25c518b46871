package webhooks

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/aca"
	"github.com/serin-canary/serin/queries"
)

// What each caller makes of each outcome, for both judges.
func TestKayentaOutcomes(t *testing.T) {
	short := map[string]any{"scopes": map[string]any{"default": map[string]any{
		"controlScope":    map[string]any{"scope": "app=shop,version=base", "region": "eu", "step": 60, "start": "2026-03-01T11:50:00Z", "end": "2026-03-01T11:55:00Z"},
		"experimentScope": map[string]any{"scope": `app="shop",version="good"`, "region": "eu", "step": 60, "start": "2026-03-01T11:50:00Z", "end": "2026-03-01T11:55:00Z"},
	}}}
	both := func(judge string) map[string]any { return map[string]any{"judge": map[string]any{"name": judge}} }
	for name, tt := range map[string]struct {
		config           map[string]any
		canary           string
		change           map[string]any
		argo, orca, last string
		score            float64
	}{
		"serin, healthy":       {both("serin"), "good", nil, "Successful", "SUCCEEDED", "SUCCEEDED", 100},
		"serin, twice as slow": {both("serin"), "bad", nil, "Failed", "TERMINAL", "TERMINAL", 0},
		"serin, undecided":     {both("serin"), "good", short, "Inconclusive", "SUCCEEDED", "TERMINAL at the end", 82},
		"serin, no data":       {both("serin"), "unknown", nil, "Inconclusive", "SUCCEEDED", "TERMINAL at the end", 82},
		"serin, no room": {both("serin"), "unknown", map[string]any{"thresholds": map[string]any{"pass": 75, "marginal": 75}},
			"Failed", "TERMINAL", "TERMINAL", 74},
		"serin, a point of room": {both("serin"), "unknown", map[string]any{"thresholds": map[string]any{"pass": 76, "marginal": 75}},
			"Inconclusive", "TERMINAL", "TERMINAL", 75},
		"Kayenta's, healthy":       {both(aca.Name), "good", nil, "Successful", "SUCCEEDED", "SUCCEEDED", 100},
		"Kayenta's, unnamed":       {both(""), "good", nil, "Successful", "SUCCEEDED", "SUCCEEDED", 100},
		"Kayenta's, twice as slow": {both(aca.Name), "bad", nil, "Failed", "TERMINAL", "TERMINAL", 0},
		"Kayenta's, no data":       {both(aca.Name), "unknown", nil, "Failed", "TERMINAL", "TERMINAL", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := kayentaWorld(t)
			id := w.keep(canaryConfig(tt.config))
			thresholds, _ := tt.change["thresholds"].(map[string]any)
			pass, marginal := 90, 75
			if thresholds != nil {
				pass, marginal = thresholds["pass"].(int), thresholds["marginal"].(int)
			}
			request := execution(tt.canary, tt.change)
			if got := w.argoSays("/kayenta", "shop-canary", request, int64(pass), int64(marginal)); got != tt.argo {
				t.Errorf("got Argo saying %s, want %s", got, tt.argo)
			}
			run := w.begin("/kayenta/canary/"+id+"?application=shop&parentPipelineExecutionId=01ABC", request)
			if got := w.orcaSays(run, pass, marginal, false); got != tt.orca {
				t.Errorf("got Orca saying %s, want %s", got, tt.orca)
			}
			if got := w.orcaSays(run, pass, marginal, true); got != tt.last {
				t.Errorf("got Orca saying %s at the last interval, want %s", got, tt.last)
			}
			if got := field(w.stands(run), "result.judgeResult.score.score"); got != tt.score {
				t.Errorf("got score %v, want %v", got, tt.score)
			}
		})
	}
}

// The boundary at marginal: the judge and Argo say marginal, Orca and the standalone
// analysis say failed. One of four groups of equal weight fails: 75.
func TestKayentaAtMarginal(t *testing.T) {
	w, _ := kayentaWorld(t)
	metrics := []any{}
	for _, name := range [...]string{"a", "b", "c", "d"} {
		filter := `version="${scope}"`
		if name == "d" {
			filter = `version="${` + `other}"`
		}
		metrics = append(metrics, map[string]any{
			"name": name, "groups": []string{name}, "scopeName": "default",
			"query": map[string]any{"type": "prometheus", "metricName": "request_ms", "customInlineTemplate": filter},
		})
	}
	config := canaryConfig(map[string]any{"judge": map[string]any{"name": aca.Name}, "metrics": metrics, "classifier": map[string]any{}})
	scope := func(version, other string) map[string]any {
		return map[string]any{
			"scope": version, "location": "", "step": 60, "start": "2026-03-01T11:00:00Z", "end": "2026-03-01T11:50:00Z",
			"extendedScopeParams": map[string]any{"other": other},
		}
	}
	request := execution("", map[string]any{"scopes": map[string]any{"default": map[string]any{
		"controlScope": scope("base", "base"), "experimentScope": scope("good", "bad"),
	}}})
	run := w.begin("/kayenta/canary/"+w.keep(config), request)
	m := w.stands(run)
	if got := fmt.Sprintf("%v %v", field(m, "result.judgeResult.score.score"), field(m, "result.judgeResult.score.classification")); got != "75 Marginal" {
		t.Fatalf("got %s, want 75 Marginal", got)
	}
	if got := w.argoSays("/kayenta", "shop-canary", request, 90, 75); got != "Inconclusive" {
		t.Errorf("got Argo saying %s, want Inconclusive", got)
	}
	if got := w.orcaSays(run, 90, 75, false); got != "TERMINAL" {
		t.Errorf("got Orca saying %s, want TERMINAL", got)
	}
}

// Both judgements are in an answer, and where they differ.
func TestKayentaKeepsBothJudgements(t *testing.T) {
	w, g := kayentaWorld(t)
	// Errors in half of the samples over a baseline of none: Kayenta's judge passes it.
	g.by[`version="bad"`] = func(at time.Time) float64 { return 5 * float64(1-at.Minute()%2) }
	g.by[`version="base"`] = func(time.Time) float64 { return 0 }
	for judge, want := range map[string][3]string{
		aca.Name: {"100 Pass", "serin", "latency: NetflixACAJudge-v1.0 says Pass, serin says High"},
		"serin":  {"0 Fail", aca.Name, "latency: serin says High, NetflixACAJudge-v1.0 says Pass"},
	} {
		config := canaryConfig(map[string]any{"judge": map[string]any{"name": judge}})
		run := w.begin("/kayenta/canary", `{"canaryConfig":`+config+`,"executionRequest":`+execution("bad", nil)+`}`)
		m := w.stands(run)
		r, _ := field(m, "result.judgeResult").(map[string]any)
		if got := fmt.Sprint(field(r, "score.score"), " ", field(r, "score.classification")); got != want[0] || r["judgeName"] != judge {
			t.Errorf("%s: got %s by %v, want %s; %v", judge, got, r["judgeName"], want[0], r)
		}
		others, _ := r["others"].([]any)
		if len(others) != 1 || others[0].(map[string]any)["judgeName"] != want[1] {
			t.Errorf("%s: got others %v, want %s", judge, others, want[1])
		}
		if got := fmt.Sprint(r["differences"]); !strings.Contains(got, want[2]) {
			t.Errorf("%s: got differences %s, want %q", judge, got, want[2])
		}
		if m["application"] != "ad-hoc" {
			t.Errorf("got application %v, want ad-hoc", m["application"])
		}
	}
}

// An execution that cannot be judged is complete and has no result: an error to Argo,
// and never a score.
func TestKayentaWithoutAStore(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		again bool
	}{
		"away":      {&queries.Error{Fault: queries.Unavailable, Source: "prom", Text: "connection refused"}, true},
		"throttled": {&queries.Error{Fault: queries.Throttled, Source: "prom", Text: "slow down"}, true},
		"refused":   {&queries.Error{Fault: queries.Rejected, Source: "prom", Text: "bad query"}, false},
		"malformed": {&queries.Error{Fault: queries.Malformed, Source: "prom", Text: "no JSON"}, false},
		"secret":    {errBroken, true},
	} {
		t.Run(name, func(t *testing.T) {
			w, g := kayentaWorld(t)
			g.fail(tt.err)
			run := w.begin("/kayenta/canary/"+w.keep(canaryConfig(nil)), execution("good", nil))
			m := w.stands(run)
			if m["complete"] == tt.again {
				t.Fatalf("got complete %v, want %v", m["complete"], !tt.again)
			}
			if tt.again {
				n := len(g.questions())
				w.stands(run)
				if got := len(g.questions()); got != n {
					t.Errorf("got the store asked %d times more at once, want a pause", got-n)
				}
				w.clock.add(kayentaPatience + time.Minute)
				m = w.stands(run)
			}
			if got := fmt.Sprintf("%v %v %v", m["complete"], m["status"], m["result"]); got != "true terminal <nil>" {
				t.Errorf("got %s, want it complete, terminal, without a result", got)
			}
			text, _ := field(m, "exception.details.error").(string)
			if text == "" || strings.Contains(text, "hunter2") {
				t.Errorf("got exception %q, want the reason without credentials", text)
			}
			if got := w.orcaSays(run, 90, 75, true); got != "TERMINAL" {
				t.Errorf("got Orca saying %s, want TERMINAL", got)
			}
		})
	}
	t.Run("comes back", func(t *testing.T) {
		w, g := kayentaWorld(t)
		g.fail(&queries.Error{Fault: queries.Unavailable, Source: "prom", Text: "connection refused"})
		run := w.begin("/kayenta/canary/"+w.keep(canaryConfig(nil)), execution("good", nil))
		w.stands(run)
		g.fail(nil)
		w.clock.add(kayentaPause)
		if got := w.stands(run)["status"]; got != kayentaSucceeded {
			t.Errorf("got %v, want it to succeed once the store is there", got)
		}
	})
}

// Until its end has passed an execution runs, and it is judged at the first poll after.
func TestKayentaWaitsForTheEnd(t *testing.T) {
	w, g := kayentaWorld(t)
	scope := func(version string) map[string]any {
		return map[string]any{"scope": "version=" + version, "step": 60, "start": "2026-03-01T11:30:00Z", "end": "2026-03-01T12:30:00Z"}
	}
	run := w.begin("/kayenta/canary/"+w.keep(canaryConfig(nil)), execution("", map[string]any{
		"scopes": map[string]any{"default": map[string]any{"controlScope": scope("base"), "experimentScope": scope("good")}},
	}))
	if m := w.stands(run); m["status"] != kayentaRunning || m["complete"] != false || len(g.questions()) != 0 {
		t.Errorf("got %v with %d questions, want it running and nothing asked", m["status"], len(g.questions()))
	}
	w.clock.add(30 * time.Minute)
	if m := w.stands(run); m["complete"] != false {
		t.Error("got it complete before the last samples can have arrived")
	}
	w.clock.add(kayentaLag)
	m := w.stands(run)
	if m["complete"] != true || field(m, "result.canaryDuration") != "PT1H0M0S" {
		t.Errorf("got complete %v, duration %v; want true and PT1H0M0S", m["complete"], field(m, "result.canaryDuration"))
	}
	n := len(g.questions())
	again := w.stands(run)
	if jsonOf(again) != jsonOf(m) || len(g.questions()) != n {
		t.Error("got another answer or more questions when asked again, want what was kept")
	}
}

// A restart between any two calls changes nothing.
func TestKayentaSurvivesARestart(t *testing.T) {
	var told [2]string
	for i := range told {
		w, g := kayentaWorld(t)
		restart := func() {
			if i == 0 {
				return
			}
			c := w.server.cfg
			c.Collectors = nil // the old server's own are among them
			s, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			w.server = s
		}
		g.fail(&queries.Error{Fault: queries.Unavailable, Source: "prom", Text: "away"})
		id := w.keep(canaryConfig(map[string]any{"id": "fixed"}))
		restart()
		run := w.begin("/kayenta/canary/"+id, execution("bad", nil))
		restart()
		w.stands(run)
		restart()
		g.fail(nil)
		w.clock.add(time.Minute)
		w.stands(run)
		restart()
		told[i] = strings.ReplaceAll(jsonOf(w.stands(run)), run, "RUN")
	}
	if told[0] != told[1] {
		t.Errorf("got other answers with restarts:\n%s\nwithout:\n%s", told[1], told[0])
	}
}

func TestKayentaCancel(t *testing.T) {
	w, _ := kayentaWorld(t)
	run := w.begin("/kayenta/canary/"+w.keep(canaryConfig(nil)), execution("good", nil))
	for range 2 {
		if a := w.do("PUT", "/kayenta/pipelines/"+run+"/cancel", `""`); a.code != 202 {
			t.Errorf("got %d, want 202, also where it is over", a.code)
		}
	}
	if m := w.stands(run); m["status"] != kayentaCanceled || m["complete"] != true || m["result"] != nil {
		t.Errorf("got %v, want canceled without a result", m)
	}
	w.want(w.do("PUT", "/kayenta/pipelines/unknown/cancel", ""), 404)
}

func TestKayentaRefusals(t *testing.T) {
	query := func(q map[string]any) map[string]any { return withMetric(map[string]any{"query": q}) }
	scopes := func(canary map[string]any) map[string]any {
		base := map[string]any{"scope": "version=base", "step": 60, "start": "2026-03-01T11:00:00Z", "end": "2026-03-01T11:50:00Z"}
		return map[string]any{"scopes": map[string]any{"default": map[string]any{"controlScope": base, "experimentScope": canary}}}
	}
	scope := func(change map[string]any) map[string]any {
		m := map[string]any{"scope": "version=good", "step": 60, "start": "2026-03-01T11:00:00Z", "end": "2026-03-01T11:50:00Z"}
		for k, v := range change {
			m[k] = v
		}
		return scopes(m)
	}
	inline := func(template string) map[string]any {
		return query(map[string]any{"type": "prometheus", "customInlineTemplate": template})
	}
	for name, tt := range map[string]struct {
		config, request map[string]any
		says            string
	}{
		"another store":        {query(map[string]any{"type": "datadog", "metricName": "x"}), nil, "not \"datadog\""},
		"no store":             {query(map[string]any{"metricName": "x"}), nil, "prometheus stores only"},
		"grouped":              {query(map[string]any{"type": "prometheus", "metricName": "x", "groupByFields": []string{"zone"}}), nil, "groupByFields"},
		"resource type":        {query(map[string]any{"type": "prometheus", "metricName": "x", "resourceType": "gce_instance"}), nil, "resourceType"},
		"deprecated filter":    {query(map[string]any{"type": "prometheus", "metricName": "x", "customFilter": "a"}), nil, "customFilter"},
		"no such template":     {query(map[string]any{"type": "prometheus", "metricName": "x", "customFilterTemplate": "t"}), nil, "there is no template"},
		"no metric name":       {query(map[string]any{"type": "prometheus", "metricName": "x{} or y"}), nil, "metricName"},
		"unknown variable":     {inline(`PromQL:sum(x{a="${nobody}"})`), nil, "${nobody}"},
		"open variable":        {inline(`PromQL:sum(x{a="b"}) / ${scope`), nil, "without its end"},
		"not PromQL":           {inline(`PromQL:sum(x{a="${scope}"`), nil, "latency"},
		"unbounded":            {inline(`PromQL:sum({a="${scope}"})`), nil, "does not name its metric"},
		"a year":               {inline(`PromQL:sum(rate(x{a="${scope}"}[1y]))`), nil, "looks back"},
		"value ends the quote": {inline(`PromQL:sum(x{a="${scope}"})`), scope(map[string]any{"scope": `x"} or secrets{a="`}), "which no name may have"},
		"value outside quotes": {inline(`PromQL:sum(x{a="b"}) / ${scope}`), scope(map[string]any{"scope": `1 or secrets`}), "may not stand outside quotes"},
		"an operator":          {inline(`PromQL:x{a="b"} ${scope} y{a="b"}`), scope(map[string]any{"scope": `or`}), "may not stand outside quotes"},
		"a quote in a comment": {inline("PromQL:sum(x{a=\"b\"}) # it's\n / ${scope}"), scope(map[string]any{"scope": `1 or secrets`}), "may not stand outside quotes"},
		"scope is no selector": {nil, scope(map[string]any{"scope": "checkout-v42"}), "not a list of labels"},
		"no scope":             {nil, scope(map[string]any{"scope": ""}), "scope: missing"},
		"scope is not given":   {withMetric(map[string]any{"scopeName": "canary"}), nil, "has the scope \"canary\""},
		"no step":              {nil, scope(map[string]any{"step": 0}), "step"},
		"no start":             {nil, scope(map[string]any{"start": ""}), "start"},
		"end before start":     {nil, scope(map[string]any{"end": "2026-03-01T10:00:00Z"}), "no whole step"},
		"far ahead":            {nil, scope(map[string]any{"start": "2026-04-01T10:00:00Z", "end": "2026-04-01T11:00:00Z"}), "more than a day ahead"},
		"too many samples":     {nil, scope(map[string]any{"start": "2025-03-01T10:00:00Z"}), "more than 5000"},
		"other step":           {nil, scope(map[string]any{"step": 30}), "different steps"},
		"no thresholds":        {nil, map[string]any{"thresholds": map[string]any{"pass": 90}}, "thresholds"},
		"thresholds of nothing": {nil, map[string]any{"thresholds": map[string]any{"pass": 0, "marginal": 0}},
			"everything would pass"},
		"no metrics":   {map[string]any{"metrics": []any{}}, nil, "no metrics"},
		"no groups":    {withMetric(map[string]any{"groups": nil}), nil, "groups: missing"},
		"wrong flag":   {withMetric(map[string]any{"analysisConfigurations": map[string]any{"canary": map[string]any{"critical": "true"}}}), nil, "critical"},
		"other judge":  {map[string]any{"judge": map[string]any{"name": "dredd-v1.0"}}, nil, "dredd-v1.0"},
		"judge's type": {map[string]any{"judge": map[string]any{"name": judgeRemote, "judgeConfigurations": map[string]any{"judge": 1}}}, nil, "not a text"},
	} {
		t.Run(name, func(t *testing.T) {
			w, g := kayentaWorld(t)
			a := w.want(w.do("POST", "/kayenta/canary", `{"canaryConfig":`+canaryConfig(tt.config)+`,"executionRequest":`+execution("good", tt.request)+`}`), 400)
			message, _ := a.object(t)["message"].(string)
			if !strings.Contains(message, tt.says) || len(g.questions()) != 0 {
				t.Errorf("got %q, want %q and nothing asked", message, tt.says)
			}
		})
	}
	w, _ := kayentaWorld(t)
	w.want(w.do("POST", "/kayenta/canary/nobody", execution("good", nil)), 404)
	w.want(w.do("GET", "/kayenta/canary/nobody", ""), 404)
	w.want(w.do("POST", "/kayenta/canary?metricsAccountName=datadog", "{}"), 400)
	w.want(w.do("POST", "/kayenta/canary", strings.Repeat("x", maxBody+1)), 413)
	w.server.cfg.Kayenta.Queries = false
	a := w.want(w.do("POST", "/kayenta/canary", `{}`), 403)
	if !strings.Contains(a.body, "kayenta.queries: allow") {
		t.Errorf("got %s, want the switch named", a.body)
	}
}

// A query that gives several series is an error of the execution, which its client
// shows.
func TestKayentaSeveralSeries(t *testing.T) {
	w, g := kayentaWorld(t)
	config := canaryConfig(withMetric(map[string]any{"query": map[string]any{
		"type": "prometheus", "customInlineTemplate": `PromQL:sum by (code) (rate(request_ms{version="${scope}"}[5m]))`,
	}}))
	request := execution("", map[string]any{"scopes": map[string]any{"default": map[string]any{
		"controlScope":    map[string]any{"scope": "base", "step": 60, "start": "2026-03-01T11:00:00Z", "end": "2026-03-01T11:50:00Z"},
		"experimentScope": map[string]any{"scope": "good", "step": 60, "start": "2026-03-01T11:00:00Z", "end": "2026-03-01T11:50:00Z"},
	}}})
	m := w.stands(w.begin("/kayenta/canary", `{"canaryConfig":`+config+`,"executionRequest":`+request+`}`))
	if text := fmt.Sprint(field(m, "exception.details.error")); m["status"] != kayentaTerminal || !strings.Contains(text, "3 series at once") {
		t.Errorf("got %v: %s; want terminal with the reason", m["status"], text)
	}
	if len(g.questions()) == 0 {
		t.Error("nothing was asked")
	}
}

// What is asked of the store.
func TestKayentaExpressions(t *testing.T) {
	c := kayentaConfig{Templates: map[string]string{"filter": `{app="shop",version=~"$\{scope}"}`}}
	s := kayentaScope{Scope: "app=shop and rollouts-pod-template-hash!=abc", Region: "eu", Extended: map[string]string{"pod": "x-.*", "range": "2m"}}
	for name, tt := range map[string]struct {
		query kayentaQuery
		want  string
	}{
		"scope":          {kayentaQuery{MetricName: "m"}, `avg(m{app="shop",rollouts_pod_template_hash!="abc"})`},
		"bindings":       {kayentaQuery{MetricName: "m", LabelBindings: []string{`job="a"`}}, `avg(m{app="shop",job="a",rollouts_pod_template_hash!="abc"})`},
		"named filter":   {kayentaQuery{MetricName: "m", CustomFilterTemplate: "filter", ResourceType: "x"}, `avg(m{app="shop",version=~"app=shop and rollouts-pod-template-hash!=abc"})`},
		"inline filter":  {kayentaQuery{MetricName: "m", CustomInlineTemplate: `pod=~"${pod}",zone="${location}"`}, `avg(m{pod=~"x-.*",zone="eu"})`},
		"whole":          {kayentaQuery{CustomInlineTemplate: `PromQL: sum(rate(m{pod=~"$\{pod}"}[${range}]))`}, `sum(rate(m{pod=~"x-.*"}[2m]))`},
		"inline wins":    {kayentaQuery{MetricName: "m", CustomInlineTemplate: `a="b"`, CustomFilterTemplate: "filter"}, `avg(m{a="b"})`},
		"escaped quotes": {kayentaQuery{CustomInlineTemplate: `PromQL:sum(m{a="\"",b="${pod}"})`}, `sum(m{a="\"",b="x-.*"})`},
	} {
		tt.query.Type = "prometheus"
		got, err := c.expression(kayentaMetric{Name: "n", Query: tt.query}, s)
		want := queries.Query{Lang: queries.PromQL, Expr: tt.want}
		canonical, scopeErr := want.Scoped(nil)
		again, againErr := queries.Query{Lang: queries.PromQL, Expr: got.text}.Scoped(nil)
		if err := errors.Join(err, scopeErr, againErr); err != nil || !sameSelectors(again.Expr, canonical.Expr) {
			t.Errorf("%s: got %s, error %v; want %s", name, got.text, err, tt.want)
		}
	}
}

// sameSelectors compares expressions whose matchers may be in another order.
func sameSelectors(a, b string) bool {
	sorted := func(s string) string {
		b := []byte(s)
		for i := range b {
			for j := i + 1; j < len(b); j++ {
				if b[j] < b[i] {
					b[i], b[j] = b[j], b[i]
				}
			}
		}
		return string(b)
	}
	return sorted(a) == sorted(b)
}
