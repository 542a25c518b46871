package webhooks

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/aca"
)

// series are samples of a minute each, about a level.
func series(seed uint64, n int, level float64) kayentaSamples {
	value, out := about(seed, level), make(kayentaSamples, n)
	for i := range out {
		out[i] = value(start().Add(time.Duration(i) * time.Minute))
	}
	return out
}

// remote is what Kayenta sends to its remote judge: the config with its templates
// escaped, and the pairs.
func remote(config map[string]any, pairs ...kayentaPair) string {
	return `{"canaryConfig":` + canaryConfig(config) + `,"scoreThresholds":{"pass":95,"marginal":75},"metricSetPairList":` + jsonOf(pairs) + `}`
}

func TestKayentaRemoteJudge(t *testing.T) {
	named := func(configurations map[string]any) map[string]any {
		return map[string]any{
			"judge":     map[string]any{"name": judgeRemote, "judgeConfigurations": configurations},
			"templates": map[string]any{"t": `PromQL:avg(x{a="$\{scope}"})`},
		}
	}
	base := series(1, 60, 100)
	pair := func(canary kayentaSamples) kayentaPair {
		return kayentaPair{Name: "latency", ID: "7c3e", Tags: map[string]string{"zone": "a"}, Values: kayentaValues{Control: base, Experiment: canary}}
	}
	for name, tt := range map[string]struct {
		config       map[string]any
		canary       kayentaSamples
		judge, score string
		label        string
	}{
		"healthy":                {named(nil), series(2, 60, 100), judgeSerin, "100 Pass", "Pass"},
		"twice as slow":          {named(nil), series(2, 60, 200), judgeSerin, "0 Fail", "High"},
		"nothing":                {named(nil), nil, judgeSerin, "85 Marginal", "Nodata"},
		"few":                    {named(nil), series(2, 9, 300), judgeSerin, "85 Marginal", "Nodata"},
		"the same":               {named(nil), base, judgeSerin, "85 Marginal", "Error"},
		"Kayenta's judge":        {named(map[string]any{"judge": aca.Name}), series(2, 60, 200), aca.Name, "0 Fail", "High"},
		"Kayenta's, the same":    {named(map[string]any{"judge": aca.Name}), base, aca.Name, "100 Pass", "Pass"},
		"Kayenta's, no baseline": {map[string]any{"judge": map[string]any{}}, kayentaSamples{math.NaN()}, aca.Name, "0 Fail", "Nodata"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t) // needs nothing: no store, no documents
			m := noNulls(t, w.want(w.do("POST", "/kayenta/judge", remote(tt.config, pair(tt.canary))), 200)).object(t)
			results, _ := m["results"].([]any)
			if len(results) != 1 || m["judgeName"] != tt.judge || m["groupScores"] == nil {
				t.Fatalf("got %v, want one result by %s", m, tt.judge)
			}
			r := results[0].(map[string]any)
			if got := fmt.Sprintf("%v %v", field(m, "score.score"), field(m, "score.classification")); got != tt.score || r["classification"] != tt.label {
				t.Errorf("got %s, label %v; want %s, %s; %v", got, r["classification"], tt.score, tt.label, m)
			}
			if r["id"] != "7c3e" || field(r, "tags.zone") != "a" || fmt.Sprint(r["groups"]) != "[slow]" {
				t.Errorf("got %v, want the pair's ID, tags and groups", r)
			}
			for _, path := range [...]string{"controlMetadata.stats.count", "experimentMetadata.stats.mean", "critical", "muted"} {
				if field(r, path) == nil {
					t.Errorf("got no %s", path)
				}
			}
			if tt.judge == judgeSerin && field(m, "score.classificationReason") == "" {
				t.Error("got no reason")
			}
		})
	}
}

func TestKayentaRemoteRefusals(t *testing.T) {
	pair := kayentaPair{Name: "latency", Values: kayentaValues{Control: series(1, 3, 1), Experiment: series(2, 3, 1)}}
	other := pair
	other.Name = "cpu"
	long := pair
	long.Values.Control = make(kayentaSamples, maxKayentaPoints+1)
	for name, tt := range map[string]struct {
		body string
		code int
		says string
	}{
		"empty":        {"", 400, "empty"},
		"no JSON":      {"{", 400, "not JSON"},
		"a list":       {"[]", 400, "not an object"},
		"no config":    {`{"scoreThresholds":{"pass":1,"marginal":1}}`, 400, "canaryConfig: missing"},
		"no pairs":     {remote(nil), 400, "no series"},
		"other metric": {remote(nil, other), 400, `no metric "cpu"`},
		"too long":     {remote(nil, long), 400, "more than 5000 samples"},
		"a text":       {strings.Replace(remote(nil, pair), `"control":[`, `"control":["x",`, 1), 400, "not a number"},
		"thresholds":   {strings.Replace(remote(nil, pair), `"scoreThresholds":{"pass":95,"marginal":75},`, "", 1), 400, "thresholds"},
		"judge":        {remote(map[string]any{"judge": map[string]any{"name": "other"}}, pair), 400, "judge.name"},
		"outliers": {remote(mergeMaps(withMetric(map[string]any{"analysisConfigurations": map[string]any{"canary": map[string]any{"outliers": map[string]any{"outlierFactor": -1}}}}),
			map[string]any{"judge": map[string]any{"name": aca.Name}}), pair), 400, "outlierFactor"},
		"large": {strings.Repeat(" ", kayentaBody+1), 413, "8192 KiB"},
	} {
		w := newWorld(t)
		a := w.do("POST", "/kayenta/judge", tt.body)
		if message, _ := a.object(t)["message"].(string); a.code != tt.code || !strings.Contains(message, tt.says) {
			t.Errorf("%s: got %d %q, want %d with %q", name, a.code, message, tt.code, tt.says)
		}
	}
}

func mergeMaps(a, b map[string]any) map[string]any {
	for k, v := range b {
		a[k] = v
	}
	return a
}

// Gaps are zeros where a config says so, but a canary without any sample never passes.
func TestKayentaReplacedGaps(t *testing.T) {
	nan := math.NaN()
	gaps, zeros, errors := make(kayentaSamples, 60), make(kayentaSamples, 60), make(kayentaSamples, 60)
	for i := range gaps {
		gaps[i], errors[i] = nan, 5
		if i%2 == 0 {
			errors[i] = nan
		}
	}
	for name, tt := range map[string]struct {
		control, experiment kayentaSamples
		want                string
	}{
		"nothing anywhere":          {gaps, gaps, "Nodata"},
		"no list at all":            {nil, nil, "Nodata"},
		"no canary":                 {errors, gaps, "Nodata"},
		"no canary, baseline zeros": {zeros, nil, "Nodata"},
		"errors on the canary only": {gaps, errors, "High"},
		"the same, without a list":  {nil, errors, "High"},
		"zeros on both":             {gaps, zeros, "Nodata"},
	} {
		config := withMetric(map[string]any{"analysisConfigurations": map[string]any{"canary": map[string]any{"direction": "increase", "nanStrategy": "replace"}}})
		w := newWorld(t)
		a := w.want(w.do("POST", "/kayenta/judge", remote(config, kayentaPair{Name: "latency", Values: kayentaValues{Control: tt.control, Experiment: tt.experiment}})), 200)
		results, _ := a.object(t)["results"].([]any)
		if len(results) != 1 || results[0].(map[string]any)["classification"] != tt.want {
			t.Errorf("%s: got %v, want %s", name, results, tt.want)
		}
	}
}

// A gap is never a zero, however it is written.
func TestKayentaGaps(t *testing.T) {
	var s kayentaSamples
	if err := json.Unmarshal([]byte(`[1, null, "NaN", "Infinity", -2.5e-3]`), &s); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(s[1]) || !math.IsNaN(s[2]) || !math.IsInf(s[3], 1) || s[4] != -2.5e-3 {
		t.Errorf("got %v, want 1 NaN NaN +Inf -0.0025", s)
	}
	if b, err := json.Marshal(s); err != nil || string(b) != `[1,"NaN","NaN","Infinity",-0.0025]` {
		t.Errorf("got %s, error %v", b, err)
	}
	if b, err := json.Marshal(kayentaValues{}); err != nil || string(b) != `{"control":[],"experiment":[]}` {
		t.Errorf("got %s, error %v; want empty lists", b, err)
	}
}

// Both judges answer every recorded case of Kayenta's own tests, by way of HTTP; that
// of Kayenta gives the recorded label where the case has the judge's own constants.
func TestKayentaJudgesRecordedCases(t *testing.T) {
	data, err := os.ReadFile("../judge/aca/testdata/kayenta_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	type loose struct {
		ID                            int
		Kind                          string
		Params                        json.RawMessage
		Control, Experiment, Expected json.RawMessage
	}
	var raw []loose
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	counts := map[string]int{}
	for _, c := range raw {
		switch c.Kind {
		case "classifier", "user_reported", "derived_edge":
		default:
			continue
		}
		var p struct {
			Direction, NanStrategy, EffectSizeMeasure string
			Tolerance, ConfLevel                      float64
			Critical, MustHaveData                    bool
			EffectSizeThresholds                      struct{ AllowedIncrease, AllowedDecrease *float64 }
			CriticalThresholds                        struct{ CriticalIncrease, CriticalDecrease *float64 }
		}
		var want struct {
			Classification        aca.Label
			KayentaClassification aca.Label `json:"kayenta_classification"`
		}
		if err := json.Unmarshal(c.Params, &p); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(c.Expected, &want); err != nil {
			t.Fatal(err)
		}
		effect := map[string]any{"measure": p.EffectSizeMeasure}
		for name, v := range map[string]*float64{
			"allowedIncrease": p.EffectSizeThresholds.AllowedIncrease, "allowedDecrease": p.EffectSizeThresholds.AllowedDecrease,
			"criticalIncrease": p.CriticalThresholds.CriticalIncrease, "criticalDecrease": p.CriticalThresholds.CriticalDecrease,
		} {
			if v != nil {
				effect[name] = *v
			}
		}
		config := mergeMaps(withMetric(map[string]any{"analysisConfigurations": map[string]any{"canary": map[string]any{
			"direction": p.Direction, "nanStrategy": p.NanStrategy, "critical": p.Critical, "mustHaveData": p.MustHaveData, "effectSize": effect,
		}}}), map[string]any{"judge": map[string]any{"name": aca.Name}})
		body := `{"canaryConfig":` + canaryConfig(config) + `,"scoreThresholds":{"pass":95,"marginal":75},"metricSetPairList":[{"name":"latency","values":{"control":` +
			orList(c.Control) + `,"experiment":` + orList(c.Experiment) + `}}]}`
		a := noNulls(t, w.want(w.do("POST", "/kayenta/judge", body), 200))
		var got kayentaJudgement
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || len(got.Results) != 1 || len(got.Others) != 1 || len(got.Others[0].Results) != 1 {
			t.Fatalf("case %d: got %s, error %v; want a result of each judge", c.ID, a.body, err)
		}
		label := want.KayentaClassification
		if label == "" {
			label = want.Classification
		}
		own := got.Others[0].Results[0]
		if own.Reason == "" || own.Classification == "" {
			t.Errorf("case %d: got %+v from serin, want a label with its reason", c.ID, own)
		}
		counts[fmt.Sprintf("%s / serin %s", got.Results[0].Classification, own.Classification)]++
		if p.Tolerance == 0.25 && p.ConfLevel == 0.98 && label != "" {
			counts["with the judge's constants"]++
			if got.Results[0].Classification != label {
				t.Errorf("case %d (%s): got %s, want %s", c.ID, c.Kind, got.Results[0].Classification, label)
			}
		}
	}
	t.Logf("%v", counts)
	if counts["with the judge's constants"] < 20 {
		t.Errorf("got %d cases with the judge's constants, want most of those recorded", counts["with the judge's constants"])
	}
}

func orList(data json.RawMessage) string {
	if len(data) == 0 {
		return "[]"
	}
	return string(data)
}

// Every answer to a body is one JSON value without nulls, or an error with a message.
func FuzzKayentaRemote(f *testing.F) {
	pair := kayentaPair{Name: "latency", Values: kayentaValues{Control: series(1, 12, 1), Experiment: series(2, 12, 1)}}
	for _, seed := range [...]string{
		"", "{}", "[]", "null", remote(nil, pair), remote(map[string]any{"judge": map[string]any{"name": aca.Name}}, pair),
		remote(map[string]any{"classifier": map[string]any{"groupWeights": map[string]any{"slow": 1e308, "x": -1e308}}}, pair, pair),
		strings.Replace(remote(nil, pair), "[", `[1e308,-1e308,"Infinity",null,`, 1), `{"canaryConfig":{},"metricSetPairList":[{}]}`,
		strings.Replace(remote(nil, pair), "95", "1e400", 1), strings.Replace(remote(nil, pair), "75", "-1e300", 1),
	} {
		f.Add([]byte(seed))
	}
	w := fuzzed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		a := w.try(t, "/kayenta/judge", string(body))
		m := noNulls(t, a).object(t)
		if message, _ := m["message"].(string); a.code != 200 && message == "" {
			t.Fatalf("%q: got %d %s, want a message", body, a.code, a.body)
		}
		if a.code == 200 && field(m, "score.score") == nil {
			t.Fatalf("%q: got %s, want a score", body, a.body)
		}
	})
}

// FuzzKayentaConfig holds that what is kept can be read, shown and listed.
func FuzzKayentaConfig(f *testing.F) {
	for _, seed := range [...]string{"{}", canaryConfig(nil), canaryConfig(map[string]any{"id": "a", "createdTimestamp": 1.5, "x": []any{nil, map[string]any{"y": nil}}})} {
		f.Add([]byte(seed))
	}
	w, _ := kayentaWorld(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		a := w.try(t, "/kayenta/canaryConfig", string(body))
		if a.code != 200 {
			return
		}
		path := "/kayenta/canaryConfig/" + a.object(t)["canaryConfigId"].(string)
		noNulls(t, w.want(w.do("GET", path, ""), 200))
		noNulls(t, w.want(w.do("GET", "/kayenta/canaryConfig", ""), 200))
		w.want(w.do("DELETE", path, ""), 204)
	})
}

// FuzzKayentaRequest holds that a request is refused with a message, or begins an
// execution that ends.
func FuzzKayentaRequest(f *testing.F) {
	f.Add([]byte(execution("good", nil)), "version=good", `PromQL:sum(x{a="${scope}"})`)
	f.Add([]byte(`{"scopes":{"default":{}}}`), "", "${")
	f.Add([]byte(execution("bad", map[string]any{"thresholds": map[string]any{"pass": 1e300, "marginal": -1}})), `a"b`, "PromQL:'${scope}' # ${location}\n1")
	w, _ := kayentaWorld(f)
	f.Fuzz(func(t *testing.T, body []byte, scope, template string) {
		a := w.try(t, "/kayenta/canary", `{"canaryConfig":`+canaryConfig(nil)+`,"executionRequest":`+string(body)+`}`)
		if a.code == 200 {
			if m := noNulls(t, w.do("GET", "/kayenta/canary/"+a.object(t)["canaryExecutionId"].(string), "")).object(t); m["complete"] == nil {
				t.Fatalf("%q: got %v", body, m)
			}
		}
		c := kayentaConfig{}
		e, err := c.expression(kayentaMetric{Name: "n", Query: kayentaQuery{Type: "prometheus", MetricName: "m", CustomInlineTemplate: template}}, kayentaScope{Scope: scope})
		if err == nil && e.text == "" {
			t.Fatalf("%q, %q: got no query and no error", scope, template)
		}
	})
}

// A value cannot make another query of a template than the one that it is put into.
func FuzzKayentaExpand(f *testing.F) {
	f.Add("checkout")
	f.Add(`x"} or secrets{a="`)
	f.Add("1 or secrets")
	f.Fuzz(func(t *testing.T, value string) {
		values := map[string]string{"v": value}
		got, err := expand(`sum(m{a="${v}",b='${v}'}) # "`+"\n"+` / ${v}`, values)
		if err != nil {
			return
		}
		if !bareWord.MatchString(value) {
			t.Errorf("%q: got %s, want it refused outside quotes", value, got)
		}
		if inside, err := expand(`m{a="${v}"}`, values); err == nil && strings.Count(inside, `"`) != 2 {
			t.Errorf("%q: got %s", value, inside)
		}
	})
}

func TestKayentaDoubleSlash(t *testing.T) {
	w, _ := kayentaWorld(t)
	w.keep(canaryConfig(nil))
	r := httptest.NewRequest("GET", "/", nil)
	r.URL.Path = "/kayenta//canaryConfig"
	if a := noNulls(t, w.want(w.send(r), 200)); !strings.Contains(a.body, "shop-canary") {
		t.Errorf("got %s, want the list", a.body)
	}
	if got := w.argoSays("/kayenta/", "shop-canary", execution("good", nil), 90, 75); got != "Successful" {
		t.Errorf("got Argo saying %s with an address that ends with a slash, want Successful", got)
	}
}
