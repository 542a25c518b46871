package adopt

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
)

// TestFaults ensures that what is wrong with the input is said with its place, all of
// it at once.
func TestFaults(t *testing.T) {
	canary := "kind: Canary\nmetadata: {name: a}\nspec:\n  targetRef: {name: a}\n  analysis:\n"
	for _, tt := range []struct{ kind, name, text, want string }{
		{"flagger", "empty", "", "in.yaml:1:1: is empty"},
		{"flagger", "comments alone", "# nothing\n---\n", "in.yaml:1:1: is empty"},
		{"flagger", "foreign kinds", "kind: Deployment\n", "in.yaml:1:1: is no Canary or MetricTemplate"},
		{"argo", "foreign kinds", "kind: Canary\n", "in.yaml:1:1: is no AnalysisTemplate"},
		{"blackbox", "foreign", "kind: Canary\n", "in.yaml:1:1: is no configuration of blackbox_exporter: it has no modules"},
		{"blackbox", "no service", "modules: {a: {prober: http}}\n", "in.yaml:1:10: modules: modules do not say which service the plan is for; write --service NAME"},
		{"blackbox", "modules in a list", "modules: [a]\n", "modules: is a list; keys with values are needed here"},
		{"kayenta", "foreign", `{"a": 1}`, "in.yaml:1:1: is no canary config: it has no metrics"},
		{"flagger", "text", "just words\n", `in.yaml:1:1: is "just words"; an object with keys is needed here`},
		{"flagger", "truncated", canary + "    metrics: [ {name: x", "in.yaml:5:1: is not YAML: "},
		{"flagger", "tabs", "kind:\tCanary\nmetadata:\n\tname: a\n", "in.yaml:3:1: is not YAML: "},
		{"flagger", "Helm", "kind: Canary\nmetadata:\n  {{- include \"labels\" . }}\n", "render it first (helm template)"},
		{"flagger", "no name", "kind: Canary\nspec: {targetRef: {name: a}}\n", "the Canary has no metadata.name"},
		{"flagger", "no target", "kind: Canary\nmetadata: {name: a}\n", "the Canary has no spec.targetRef.name"},
		{"flagger", "list for mapping", "kind: Canary\nmetadata: {name: a}\nspec: []\n", "in.yaml:3:7: spec: is a list; keys with values are needed here"},
		{"flagger", "mapping for list", canary + "    metrics: {name: x}\n", "in.yaml:6:14: spec.analysis.metrics: is a mapping; a list is needed here"},
		{"flagger", "no number", canary + "    metrics:\n    - name: request-duration\n      thresholdRange: {max: fast}\n", `in.yaml:8:29: spec.analysis.metrics[0].thresholdRange.max: "fast" is no number`},
		{"flagger", "no duration", canary + "    interval: soon\n", `spec.analysis.interval: "soon" is no duration`},
		{"flagger", "NaN", canary + "    threshold: .nan\n    stepWeight: 5\n", "is no number"},
		{"flagger", "twice", "kind: Canary\nkind: Canary\n", "in.yaml:2:1: kind: is given already on line 1"},
		{"flagger", "template alone", "kind: MetricTemplate\nmetadata: {name: a}\n", "in.yaml:1:7: kind: there is no Canary among these files"},
		{"argo", "template alone", "kind: AnalysisTemplate\nmetadata: {name: a}\n", "or write --service NAME"},
		{"argo", "rollout alone", "kind: Rollout\nmetadata: {name: a}\nspec: {strategy: {canary: {}}}\n", "no Rollout here has an analysis"},
		{"kayenta", "broken JSON", "{\n  \"metrics\": [\n    {\"name\": oops}\n", "in.yaml:3:14: is not JSON: invalid character 'o'"},
		{"kayenta", "truncated JSON", "{\n  \"metrics\": [\n", "in.yaml:3:1: is not JSON: ends too early"},
		{"kayenta", "two objects", "{\"metrics\": []} {}", "after top-level value"},
		{"kayenta", "deep", strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500), "nests more than 64 deep"},
		{"flagger", "deep", "kind: Canary\na: " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "\n", "nests more than 64 deep"},
		{"flagger", "long", strings.Repeat("# padding\n", 1<<19), "is longer than 4 MiB"},
		{"flagger", "very many metrics", canary + "    metrics:\n" + strings.Repeat("    - {name: x}\n", 501), "has 501 elements; at most 500 are read"},
	} {
		_, err := translators()[tt.kind]([]File{{Name: "in.yaml", Text: []byte(tt.text)}}, Options{})
		var faults plan.Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %s:\ngot  %v\nwant %s", tt.kind, tt.name, err, tt.want)
		}
	}
}

// TestFaultsTogether ensures that faults of several places and files come at once.
func TestFaultsTogether(t *testing.T) {
	_, err := Flagger([]File{
		{"b.yaml", []byte("kind: Canary\nmetadata: {name: a}\nspec:\n  targetRef: {name: a}\n  analysis:\n    interval: soon\n    metrics:\n    - {name: request-duration, thresholdRange: {max: x, min: y}}\n")},
		{"a.yaml", []byte("kind: Canary\nmetadata: []\n")},
	}, Options{})
	var faults plan.Faults
	if !errors.As(err, &faults) || len(faults) < 5 || faults[0].File != "a.yaml" {
		t.Fatalf("got %v, want at least five faults, a.yaml's first", err)
	}
}

// TestAliases ensures that anchors mean what they do in Kubernetes' tools, and that
// a bomb of them costs a fault and no more.
func TestAliases(t *testing.T) {
	text := "x-base: &base {interval: 1m, stepWeight: 10}\nkind: Canary\nmetadata: &m {name: a}\nspec:\n  targetRef: *m\n  analysis:\n    <<: *base\n    maxWeight: 50\n"
	got, err := Flagger([]File{{"in.yaml", []byte(text)}}, Options{})
	if err != nil || !strings.Contains(string(got[0].Plan), "steps of 10 % up to 50 %") {
		t.Errorf("got %v, %v", got, err)
	}
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [" + strings.Repeat("{name: x},", 400) + "]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 400))
	}
	bomb.WriteString("kind: Canary\nmetadata: {name: a}\nspec: {targetRef: {name: a}, analysis: {metrics: *a8}}\n")
	if _, err := Flagger([]File{{"in.yaml", []byte(bomb.String())}}, Options{}); err == nil {
		t.Error("a list of lists was taken for metrics")
	}
	merge := "a0: &a0 {x: 1}\n"
	for i := 1; i < 30; i++ {
		merge += fmt.Sprintf("a%d: &a%d {<<: [*a%d, *a%d, *a%d]}\n", i, i, i-1, i-1, i-1)
	}
	_, err = Flagger([]File{{"in.yaml", []byte(merge + "kind: Canary\nmetadata: {name: a}\nspec: {targetRef: {name: a}, analysis: *a29}\n")}}, Options{})
	if err == nil || !strings.Contains(err.Error(), "stand for too many values") {
		t.Errorf("got %v, want a fault about too many values", err)
	}
	self := "kind: Canary\nmetadata: {name: a}\nspec: &s\n  targetRef: {name: a}\n  analysis: *s\n"
	if _, err := Flagger([]File{{"in.yaml", []byte(self)}}, Options{}); err == nil {
		t.Log("an alias of itself has no faults here, and ends")
	}
}

// TestCannotInject ensures that texts of the input stay texts: in comments, in names,
// in values.
func TestCannotInject(t *testing.T) {
	nasty := []string{
		"x\nservice: evil", "x\u2028mode: shadow", "x\u0085mode: shadow", "x\rmode: shadow", "*/ #", "\"\\", "'", "{{ .Canary.URL }}", "\x1b[31m", "- a", "null", "0x1f", "&a", "!!python/object", "~", "a: b", "x #y",
	}
	for _, s := range nasty {
		quoted := fmt.Sprintf("%q", s)
		if strings.ContainsAny(s, "\x1b") {
			quoted = `"\e[31m"`
		}
		text := fmt.Sprintf(`kind: Canary
metadata: {name: a, namespace: %[1]s}
spec:
  provider: %[1]s
  targetRef: {name: %[1]s, kind: %[1]s}
  service: {name: %[1]s}
  analysis:
    iterations: 3
    metrics:
    - {name: %[1]s, templateRef: {name: t}, thresholdRange: {max: 1}}
    - {name: %[1]s, query: %[1]s}
    - {name: dd, templateRef: {name: dd}}
    webhooks:
    - {name: %[1]s, type: %[1]s, url: %[1]s, metadata: {cmd: %[1]s}}
---
kind: MetricTemplate
metadata: {name: t}
spec: {provider: {type: prometheus, address: %[1]s}, query: 'avg(q{service="{{ service }}",a=~"{{ target }}"})'}
---
kind: MetricTemplate
metadata: {name: dd}
spec: {provider: {type: %[1]s}, query: %[1]s}
`, quoted)
		got, err := Flagger([]File{{"in.yaml", []byte(text)}}, Options{})
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		p, err := plan.Parse("out.yaml", got[0].Plan)
		if err != nil || p.Service != "a" || p.Mode != plan.Enforce {
			t.Errorf("%q: service %q, mode %q, %v:\n%s", s, p.Service, p.Mode, err, got[0].Plan)
		}
	}
}

// TestCredentials ensures that nothing that could be one is copied, wherever it stands.
func TestCredentials(t *testing.T) {
	argo := `kind: AnalysisTemplate
metadata: {name: a}
spec:
  args:
  - {name: api-token, value: hunter2}
  - {name: s, valueFrom: {secretKeyRef: {name: x, key: y}}}
  metrics:
  - name: one
    provider: {prometheus: {address: "http://u:hunter2@p/x?token=hunter2", headers: [{key: A, value: hunter2}], authentication: {oauth2: {clientSecret: hunter2}}, query: 'avg(q{a="{{args.api-token}}"})'}}
  - name: two
    successCondition: result == "ok"
    provider: {web: {url: "http://p/x?api_key=hunter2", jsonPath: "{$.a}"}}
  - name: three
    successCondition: result == "ok"
    provider: {web: {url: "http://u:hunter2@p/x", jsonPath: "{$.a}"}}
  - name: four
    provider: {web: {url: "http://p/{{args.api-token}}", headers: [{key: A, value: hunter2}]}}
  - name: five
    provider: {newRelic: {profile: hunter2, query: "SELECT 1 FROM http://u:hunter2@h"}}
`
	got, err := Argo([]File{{"in.yaml", []byte(argo)}}, Options{Service: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if out := string(got[0].Plan) + report(got[0]); strings.Contains(out, "hunter2") {
		t.Errorf("a credential was copied:\n%s", out)
	}
}

// TestExampleCheck ensures that the check that a comment shows is one.
func TestExampleCheck(t *testing.T) {
	text := "kind: Canary\nmetadata: {name: a, namespace: b}\nspec: {provider: kubernetes, targetRef: {name: a}, service: {port: 80}, analysis: {iterations: 3}}\n"
	got, err := Flagger([]File{{"in.yaml", []byte(text)}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.NewReplacer("# checks:", "checks:", "#   - name:", "  - name:", "#     http:", "    http:").Replace(string(got[0].Plan))
	p, err := plan.Parse("out.yaml", []byte(shown))
	if err != nil || len(p.Checks) != 1 || p.Checks[0].HTTP.URL != "http://a-canary.b:80/health" {
		t.Errorf("got %v, %v of\n%s", p.Checks, err, shown)
	}
}

// TestTooMuch ensures that input of which no plan can be made is a fault of the file.
func TestTooMuch(t *testing.T) {
	metric := "  - name: x\n    failureCondition: result > 2 || result < 1\n    provider: {prometheus: {query: avg(x)}}\n"
	text := "kind: AnalysisTemplate\nmetadata: {name: a}\nspec:\n  metrics:\n" + strings.Repeat(metric, 300)
	_, err := Argo([]File{{"in.yaml", []byte(text)}}, Options{Service: "a"})
	var faults plan.Faults
	if want := "in.yaml:1:1: makes a plan of 600 limits; a plan has at most 500"; !errors.As(err, &faults) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestModules holds what modules may be against what is said of them.
func TestModules(t *testing.T) {
	for text, want := range map[string]string{
		"modules: {p: {prober: icmp}}\n":                                             "none of its modules can be a check",
		"modules: {a: {prober: http, http: {valid_status_codes: [99]}}}\n":           `"99" is no status code`,
		"modules: {a: {prober: http, timeout: soon}}\n":                              `"soon" is no duration`,
		"modules: {a: {prober: http, http: {fail_if_body_matches_regexp: \"x\"}}}\n": "a list is needed here",
		"modules: {a: {prober: http, http: [x]}}\n":                                  "keys with values are needed here",
	} {
		_, err := Blackbox([]File{{Name: "in.yaml", Text: []byte(text)}}, Options{Service: "shop"})
		var faults plan.Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	got, err := Blackbox([]File{{Name: "in.yaml", Text: []byte("modules:\n  a: {prober: http, http: {fail_if_body_matches_regexp: [\"(\"], body: \"password=hunter2\"}}\n")}}, Options{Service: "shop"})
	if err != nil || strings.Contains(string(got[0].Plan), "hunter2") || strings.Contains(string(got[0].Plan), "assert:") {
		t.Errorf("got %v, %v, want neither the expression that does not compile nor the credential", got, err)
	}
}
