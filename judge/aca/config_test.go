package aca

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// Words that Kayenta does not know mean its defaults, and nobody is told.
func TestUnknownWordsMeanTheDefault(t *testing.T) {
	for _, c := range []struct {
		json string
		want Settings
	}{
		{``, Settings{}},
		{`null`, Settings{}},
		{`[]`, Settings{}},
		{`{}`, Settings{}},
		{`{"direction":"increase"}`, Settings{Direction: Increase}},
		{`{"direction":"decrease"}`, Settings{Direction: Decrease}},
		{`{"direction":"either"}`, Settings{}},
		{`{"direction":"Increase"}`, Settings{}},
		{`{"direction":"increase "}`, Settings{}},
		{`{"direction":7}`, Settings{}},
		{`{"nanStrategy":"replace"}`, Settings{NaNStrategy: ReplaceNaN}},
		{`{"nanStrategy":"Replace"}`, Settings{}},
		{`{"nanStrategy":"zero"}`, Settings{}},
		{`{"outliers":{"strategy":"remove","outlierFactor":2}}`, Settings{Outliers: Outliers{Strategy: RemoveOutliers, Factor: ptr(2)}}},
		{`{"outliers":{"strategy":"removed"}}`, Settings{}},
		{`{"outliers":"remove"}`, Settings{}},
		{`{"effectSize":{"measure":"cles","allowedIncrease":0.7}}`, Settings{EffectSize: EffectSize{Measure: CLES, AllowedIncrease: ptr(0.7)}}},
		{`{"effectSize":{"measure":"CLES"}}`, Settings{}},
		{`{"effectSize":{"criticalIncrease":2,"criticalDecrease":5e-1,"allowedDecrease":null}}`, Settings{EffectSize: EffectSize{CriticalIncrease: ptr(2), CriticalDecrease: ptr(0.5)}}},
		{`{"critical":true,"mustHaveData":true,"muted":true}`, Settings{Critical: true, MustHaveData: true, Muted: true}},
		{`{"critical":null,"misspelt":1}`, Settings{}},
	} {
		got, err := ParseSettings([]byte(c.json))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.json, got, err, c.want)
		}
	}
}

func TestWrongTypesStop(t *testing.T) {
	for _, c := range []struct{ json, want string }{
		{`{"critical":"true"}`, "canary.critical"},
		{`{"mustHaveData":1}`, "canary.mustHaveData"},
		{`{"muted":"no"}`, "canary.muted"},
		{`{"effectSize":{"allowedIncrease":"1.1"}}`, "canary.effectSize.allowedIncrease"},
		{`{"effectSize":{"allowedDecrease":true}}`, "canary.effectSize.allowedDecrease"},
		{`{"effectSize":{"criticalIncrease":3000000000}}`, "canary.effectSize.criticalIncrease"},
		{`{"effectSize":{"criticalDecrease":1e999}}`, "canary.effectSize.criticalDecrease"},
		{`{"outliers":{"outlierFactor":"3"}}`, "canary.outliers.outlierFactor"},
	} {
		if _, err := ParseSettings([]byte(c.json)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error that names %s", c.json, err, c.want)
		}
	}
}

func TestDefaultLimits(t *testing.T) {
	for measure, want := range map[Measure]float64{MeanRatioMeasure: 1, CLES: 0.5} {
		e := EffectSize{Measure: measure}
		if got := e.limit(e.AllowedIncrease); got != want {
			t.Errorf("%s: got %v, want %v", measure, got, want)
		}
		if got := e.limit(ptr(7)); got != 7 {
			t.Errorf("%s, given: got %v, want 7", measure, got)
		}
	}
}

func TestWordsRoundTrip(t *testing.T) {
	for _, d := range []Direction{Either, Increase, Decrease} {
		if got := ParseDirection(d.String()); got != d {
			t.Errorf("%s: got %s", d, got)
		}
	}
	for _, v := range []uint8{0, 1} {
		if n := NaNStrategy(v); ParseNaNStrategy(n.String()) != n {
			t.Errorf("strategy %s does not read back", n)
		}
		if o := OutlierStrategy(v); ParseOutlierStrategy(o.String()) != o {
			t.Errorf("strategy %s does not read back", o)
		}
		if m := Measure(v); ParseMeasure(m.String()) != m {
			t.Errorf("measure %s does not read back", m)
		}
	}
}

func TestConfigJSON(t *testing.T) {
	var c Config
	err := json.Unmarshal([]byte(`{"name":"x","judge":{"name":"NetflixACAJudge-v1.0"},
		"metrics":[{"name":"cpu","groups":["use"],"scopeName":"default","query":{"type":"prometheus"},
			"analysisConfigurations":{"canary":{"direction":"increase","critical":true}}},
			{"name":"free","groups":[]},{"name":"none"}],
		"classifier":{"groupWeights":{"use":60.5},"scoreThresholds":{"pass":1,"marginal":0}}}`), &c)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Metrics: []MetricConfig{
			{Name: "cpu", Groups: []string{"use"}, Canary: Settings{Direction: Increase, Critical: true}},
			{Name: "free", Groups: []string{}},
			{Name: "none"},
		},
		Classifier: ClassifierConfig{GroupWeights: map[string]float64{"use": 60.5}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for _, bad := range []string{`{"metrics":[{"name":"cpu","analysisConfigurations":{"canary":{"critical":"yes"}}}]}`, `{"metrics":[{"name":1}]}`} {
		if err := json.Unmarshal([]byte(bad), &Config{}); err == nil || !strings.Contains(err.Error(), "metric") {
			t.Errorf("%s: got %v, want an error that says which metric", bad, err)
		}
	}
}

func TestNumberJSON(t *testing.T) {
	for _, text := range []string{`1.5`, `0`, `-3`, `1e+300`, `"NaN"`, `"Infinity"`, `"-Infinity"`} {
		var n Number
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got, err := json.Marshal(n); err != nil || string(got) != text {
			t.Errorf("got %s, %v, want %s", got, err, text)
		}
	}
	for _, text := range []string{`"nan"`, `"1"`, `true`, `{}`} {
		if err := json.Unmarshal([]byte(text), new(Number)); err == nil {
			t.Errorf("%s: got no error", text)
		}
	}
	n := Number(7)
	if err := json.Unmarshal([]byte(`null`), &n); err != nil || n != 7 {
		t.Errorf("null: got %v, %v, want 7 unchanged", n, err)
	}
}
