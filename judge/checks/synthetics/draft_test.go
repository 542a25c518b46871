package synthetics_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/synthetics"
	"github.com/serin-canary/serin/judge/checks/synthetics/synthtest"
)

// reference is the test that teams write by hand, as the API takes it.
const reference = `{
  "name": "Canary Health Check", "type": "api", "subtype": "http", "status": "live",
  "config": {
    "request": {"method": "GET", "url": "https://myapp-canary.example.com/health", "headers": {"X-Canary-Test": "true"}},
    "assertions": [
      {"type": "statusCode", "operator": "is", "target": 200},
      {"type": "responseTime", "operator": "lessThan", "target": 1000},
      {"type": "body", "operator": "contains", "target": "ok"}
    ]
  },
  "locations": ["aws:us-east-1", "aws:us-west-2"],
  "options": {"tick_every": 60, "min_failure_duration": 0, "min_location_failed": 1},
  "message": "Canary health check failed @pagerduty", "tags": ["env:canary", "team:backend"]
}`

// health is the check that it is made of.
func health() (checks.Spec, synthetics.Design) {
	s := checks.Spec{Name: "health", HTTP: &checks.HTTP{
		Method: "GET", URL: "{{ .Canary.URL }}/health", Headers: map[string]string{"X-Canary-Test": "true"}, Status: []int{200},
		Within: time.Second, Assert: []string{`body contains "ok"`},
	}}
	return s, synthetics.Design{
		Name: "Canary Health Check", Locations: []string{"aws:us-east-1", "aws:us-west-2"}, Message: "Canary health check failed @pagerduty",
		Tags: []string{"env:canary", "team:backend"}, Every: time.Minute,
	}
}

func online() checks.Target {
	return checks.Target{Canary: checks.Arm{URL: "https://myapp-canary.example.com"}}
}

func TestTheReferenceIsMadeOfACheck(t *testing.T) {
	s, d := health()
	draft, err := synthetics.NewDraft(s, online(), d)
	if err != nil {
		t.Fatal(err)
	}
	text, err := draft.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	for into, from := range map[*any][]byte{&got: text, &want: []byte(reference)} {
		if err := json.Unmarshal(from, into); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(draft.LeftOut) > 0 {
		t.Errorf("the test (-want +got), %v left out:\n%s", draft.LeftOut, diff)
	}
}

// assertions returns what a draft asserts, one line each, and what it leaves out.
func assertions(t *testing.T, h checks.HTTP) (string, []string) {
	t.Helper()
	_, d := health()
	h.Method, h.URL = "GET", "{{ .Canary.URL }}/"
	draft, err := synthetics.NewDraft(checks.Spec{Name: "x", HTTP: &h}, online(), d)
	if err != nil {
		t.Fatal(err)
	}
	text, err := draft.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Config struct {
			Assertions []map[string]any `json:"assertions"`
		} `json:"config"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, a := range read.Config.Assertions[1:] { // the status comes first
		line, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n"), draft.LeftOut
}

// TestAssertions goes through what has a counterpart, and what is said to have none.
func TestAssertions(t *testing.T) {
	path := func(p, v string) string {
		return `{"operator":"validatesJSONPath","target":{"jsonPath":"` + p + `","operator":"is","targetValue":` + v + `},"type":"body"}`
	}
	for _, c := range []struct {
		name string
		http checks.HTTP
		want string
		left string
	}{
		{"body", checks.HTTP{Assert: []string{`body matches "^v[0-9]+$"`}}, `{"operator":"matches","target":"^v[0-9]+$","type":"body"}`, ""},
		{"quotes", checks.HTTP{Assert: []string{`body contains "a \"b\""`}}, `{"operator":"contains","target":"a \"b\"","type":"body"}`, ""},
		{"latency", checks.HTTP{Assert: []string{`latency < duration("1.5s")`}}, `{"operator":"lessThan","target":1500,"type":"responseTime"}`, ""},
		{"header", checks.HTTP{Assert: []string{`headers["content-type"] contains "json"`}}, `{"operator":"contains","property":"content-type","target":"json","type":"header"}`, ""},
		{"JSON text", checks.HTTP{Assert: []string{`json.a.b == "c"`}}, path("$.a.b", `"c"`), ""},
		{"JSON number", checks.HTTP{Assert: []string{`json.n == -1.5`}}, path("$.n", "-1.5"), ""},
		{"document", checks.HTTP{JSON: map[string]any{"status": "ok", "deep": map[string]any{"n": 3}}}, path("$.deep.n", "3") + "\n" + path("$.status", `"ok"`), ""},
		{"a template in a document", checks.HTTP{JSON: map[string]any{"at": "{{ .Canary.URL }}"}}, path("$.at", `"https://myapp-canary.example.com"`), ""},
		{"a truth", checks.HTTP{JSON: map[string]any{"ok": true}}, "", "$.ok"},
		{"null", checks.HTTP{JSON: map[string]any{"a": nil}}, "", "$.a must be null"},
		{"a list", checks.HTTP{JSON: map[string]any{"a": []any{1}}}, "", "$.a"},
		{"a key with a dot", checks.HTTP{JSON: map[string]any{"a.b": 1}}, "", `the key "a.b" at $`},
		{"something else", checks.HTTP{Assert: []string{`len(json.items) > 0`}}, "", "the assertion len(json.items) > 0"},
		{"two at once", checks.HTTP{Assert: []string{`body contains "a" && body contains "b"`}}, "", `body contains "a" && body contains "b"`},
		{"not", checks.HTTP{Assert: []string{`not (body contains "a")`}}, "", "not (body contains"},
	} {
		got, left := assertions(t, c.http)
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		if (c.left == "") != (len(left) == 0) || len(left) > 0 && !strings.Contains(left[0], c.left) {
			t.Errorf("%s: left out %v, want %q", c.name, left, c.left)
		}
	}
	got, _ := assertions(t, checks.HTTP{Status: []int{200, 204}})
	if got != "" {
		t.Errorf("two codes: got %s beside the status", got)
	}
}

// TestNoTestIsMade of what would not be tested, or would be shown to everybody.
func TestNoTestIsMade(t *testing.T) {
	s, d := health()
	secret, nowhere, tcp, bare := s, d, checks.Spec{Name: "x", TCP: &checks.TCP{}}, *s.HTTP
	bare.Headers = map[string]string{"Authorization": `Bearer {{ secret "token" }}`}
	secret.HTTP, nowhere.Locations = &bare, nil
	for _, c := range []struct {
		name   string
		spec   checks.Spec
		target checks.Target
		design synthetics.Design
		says   string
	}{
		{"a secret", secret, online(), d, "it uses a secret"},
		{"another kind", tcp, online(), d, "is of kind tcp"},
		{"no place", s, online(), nowhere, "name a location"},
		{"no URL", s, checks.Target{}, d, "its URL must start with http"},
	} {
		if _, err := synthetics.NewDraft(c.spec, c.target, c.design); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.says)
		}
	}
}

// TestCreate creates the reference's test and has it run: once against a canary that
// answers, and once against one that does not.
func TestCreate(t *testing.T) {
	dd := synthtest.New(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	runner := synthetics.New(synthetics.Config{URL: dd.URL, Keys: keys, Transport: transport, Poll: time.Millisecond})
	s, d := health()
	draft, err := synthetics.NewDraft(s, online(), d)
	if err != nil {
		t.Fatal(err)
	}
	id, err := runner.Create(t.Context(), draft)
	if err != nil {
		t.Fatal(err)
	}
	if made, ok := dd.Created(id); !ok || made.Name != "Canary Health Check" || len(made.Config.Assertions) != 3 {
		t.Errorf("created %+v, %v", made, ok)
	}
	for url, want := range map[string]checks.Status{canary(t): checks.Passed, "http://127.0.0.1:1": checks.Failed} {
		check := checks.Synthetics{Tests: []string{id}, StartURL: "{{ .Canary.URL }}/health"}
		if r := run(t, synthetics.Config{URL: dd.URL, Keys: keys}, check, url); r.Status != want {
			t.Errorf("%s: got %s: %s, want %s", url, r.Status, r.Reason, want)
		}
	}
	dd.Inject(synthtest.Fault{Path: "/tests/api", Status: 402, Body: `{"errors":["quota of ` + synthtest.AppKey + `"]}`})
	if _, err := runner.Create(t.Context(), draft); err == nil || !strings.Contains(err.Error(), "answered 402") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want what Datadog said, without the key", err)
	}
}

// FuzzAssertions ensures that an assertion is either in the test or said to be left out.
func FuzzAssertions(f *testing.F) {
	for _, s := range []string{`body contains "ok"`, `latency < duration("1s")`, `headers["a"] == "b"`, `json.a == 1`, `json.a.b == "\x00"`, `body matches "("`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, left := assertions(t, checks.HTTP{Assert: []string{text}})
		if (got == "") == (len(left) == 0) {
			t.Fatalf("%q: in the test: %s; left out: %v", text, got, left)
		}
	})
}
