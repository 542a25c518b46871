package gatecheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/ddapi"
)

const (
	apiKey = "0123456789abcdef0123456789abcdef"
	appKey = "fedcba9876543210fedcba9876543210fedcba98"
)

// fake stands in for Datadog, as far as its answers are known: an evaluation has an ID, may
// not be there for a moment, is in progress for some looks, and then passes or fails.
type fake struct {
	begin  []answer // of POSTs, in their order; the last one again and again
	look   []answer // of GETs
	mu     sync.Mutex
	begun  int
	looked int
	asked  []map[string]any
	bad    []string
}

type answer struct {
	status int
	body   string
	header map[string]string
	slow   bool
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if r.Header.Get("DD-API-KEY") != apiKey || r.Header.Get("DD-APPLICATION-KEY") != appKey {
		f.bad = append(f.bad, "the keys are missing")
	}
	var a answer
	switch {
	case r.Method == http.MethodPost && r.URL.Path == path:
		text, _ := io.ReadAll(r.Body)
		var body map[string]any
		if json.Unmarshal(text, &body) != nil {
			f.bad = append(f.bad, "the question is no JSON")
		}
		f.asked = append(f.asked, body)
		a = f.begin[min(f.begun, len(f.begin)-1)]
		f.begun++
	case r.Method == http.MethodGet && r.URL.Path == path+"/e-1":
		a = f.look[min(f.looked, len(f.look)-1)]
		f.looked++
	default:
		f.bad = append(f.bad, r.Method+" "+r.URL.Path)
	}
	f.mu.Unlock()
	if a.slow {
		<-r.Context().Done()
		return
	}
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	fmt.Fprint(w, a.body)
}

var begun = answer{status: http.StatusAccepted, body: `{"data":{"id":"e-1","type":"deployment_gates_evaluation_response","attributes":{"evaluation_id":"e-1"}}}`}

func is(status string, rules ...string) answer {
	return answer{body: fmt.Sprintf(`{"data":{"id":"e-1","type":"x","attributes":{"gate_status":%q,"evaluation_url":"https://app.example/e-1","rules":[%s]}}}`, status, strings.Join(rules, ","))}
}

func ruled(name, status, reason string, dry bool) string {
	return fmt.Sprintf(`{"name":%q,"status":%q,"reason":%q,"dry_run":%v}`, name, status, reason, dry)
}

// undecided is the time of a gate that is never decided.
const undecided = 4 * time.Second

func run(t *testing.T, f *fake, g checks.DatadogGate) checks.Result {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	poll := 5 * time.Millisecond
	if g.Within == undecided {
		poll = g.Within - time.Second // the time is over in a pause, and not while Datadog is asked
	}
	r := New(Config{URL: server.URL, Keys: func() (string, string, error) { return apiKey, appKey, nil }, Poll: poll, Clock: checks.Clock{Pause: time.Millisecond}})
	return checks.Kinds{"datadogGate": r}.Run(t.Context(), checks.Spec{Name: "gate", DatadogGate: &g}, checks.Target{Service: "checkout", Canary: checks.Arm{Version: "1.5.0"}})
}

func TestGate(t *testing.T) {
	whole := []answer{begun}
	good := ruled("monitors", "pass", "", false)
	for _, c := range []struct {
		name        string
		begin, look []answer
		within      time.Duration
		status      checks.Status
		want        string
	}{
		{"passes", whole, []answer{is("pass", good)}, 0, checks.Passed, "Datadog gate of checkout in prod passes, by 1 rule"},
		{"passes after a while", whole, []answer{{status: 404}, is("in_progress"), is("in_progress"), is("pass", good, good)}, 0, checks.Passed, "by 2 rules"},
		{"a monitor alerts", whole, []answer{is("fail", ruled("monitors", "fail", "Monitor 5xx of checkout is in ALERT", false), good)}, 0, checks.Failed,
			"fails: monitors is fail (Monitor 5xx of checkout is in ALERT)"},
		{"a monitor has no data", whole, []answer{is("fail", ruled("monitors", "fail", "NO_DATA", false))}, 0, checks.Failed, "(NO_DATA)"},
		{"fails without a word", whole, []answer{is("fail")}, 0, checks.Failed, "prod fails"},
		{"passes by no rule", whole, []answer{is("pass")}, 0, checks.Broken, "no rule of it counts (0 are dry runs)"},
		{"passes by dry runs", whole, []answer{is("pass", ruled("a", "fail", "x", true))}, 0, checks.Broken, "no rule of it counts (1 are dry runs)"},
		{"contradicts itself", whole, []answer{is("pass", ruled("a", "fail", "x", false))}, 0, checks.Broken, "says that it passes, and that a is fail"},
		{"another status", whole, []answer{is("skipped", good)}, 0, checks.Broken, "neither pass nor fail"},
		{"no status", whole, []answer{{body: `{}`}}, 0, checks.Broken, "neither pass nor fail"},
		{"never decided", whole, []answer{is("in_progress")}, undecided, checks.Broken, "was not decided in time"},
		{"slow", whole, []answer{{slow: true}}, 100 * time.Millisecond, checks.Broken, "Datadog did not answer in time"},
		{"throttled, then not", []answer{{status: 429, header: map[string]string{"X-RateLimit-Reset": "0.01"}}, begun}, []answer{is("pass", good)}, 0, checks.Passed, "passes"},
		{"throttled for long", []answer{{status: 429, header: map[string]string{"X-RateLimit-Reset": "600"}, body: `{"errors":["Too many requests"]}`}}, nil, 0, checks.Broken,
			"Datadog answered 429 (Too many requests); the organisation's limit"},
		{"away, then not", []answer{{status: 503}, begun}, []answer{{status: 502}, is("pass", good)}, 0, checks.Passed, "passes"},
		{"away", []answer{{status: 500, body: "key " + apiKey}}, nil, time.Minute, checks.Broken, "could not be evaluated: Datadog answered 500"},
		{"keys refused", []answer{{status: 403, body: `{"errors":["Forbidden ` + appKey + `"]}`}}, nil, 0, checks.Broken, "may the application key evaluate deployment gates?"},
		{"no such gate", []answer{{status: 404, body: `{"errors":[{"title":"Not found","detail":"no gate"}]}`}}, nil, 0, checks.Broken, "(Not found no gate); is there a gate of this service and env?"},
		{"redirects", []answer{{status: 302, header: map[string]string{"Location": "http://elsewhere.example/"}}}, nil, 0, checks.Broken, "answered 302"},
		{"no JSON", []answer{{body: "<html>"}}, nil, 0, checks.Broken, "not the JSON"},
		{"no ID", []answer{{body: `{"data":{}}`}}, nil, 0, checks.Broken, "has no evaluation_id"},
		{"an ID that is a path", []answer{{body: `{"data":{"attributes":{"evaluation_id":"../../keys"}}}`}}, nil, 0, checks.Broken, "has no evaluation_id"},
		{"too large", []answer{{body: strings.Repeat(" ", maxAnswer+1)}}, nil, 0, checks.Broken, "larger than 1 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{begin: c.begin, look: c.look}
			got := run(t, f, checks.DatadogGate{Env: "prod", Monitors: "service:checkout", Within: c.within})
			if got.Status != c.status || !strings.Contains(got.Reason, c.want) {
				t.Errorf("got %s: %s, want %s with %q", got.Status, got.Reason, c.status, c.want)
			}
			if strings.Contains(got.Reason, apiKey) || strings.Contains(got.Reason, appKey) {
				t.Errorf("the reason shows a key: %s", got.Reason)
			}
			if len(f.bad) > 0 {
				t.Errorf("asked wrongly: %q", f.bad)
			}
		})
	}
}

// TestQuestion holds what is sent, with the facts filled in.
func TestQuestion(t *testing.T) {
	for _, c := range []struct {
		name string
		gate checks.DatadogGate
		want string
	}{
		{"configured in Datadog", checks.DatadogGate{Env: "prod", Identifier: "pre"}, `{"service":"checkout","env":"prod","identifier":"pre"}`},
		{"rules of its own", checks.DatadogGate{Service: "pay", Env: "eu", Version: "{{ .Canary.Version }}", Monitors: "service:pay version:{{ .Canary.Version }}", Faulty: true},
			`{"service":"pay","env":"eu","version":"1.5.0","configuration":{"rules":[` +
				`{"type":"monitor","name":"monitors","options":{"query":"service:pay version:1.5.0"}},{"type":"faulty_deployment_detection","name":"faulty deployment","options":{}}]}}`},
	} {
		f := &fake{begin: []answer{begun}, look: []answer{is("pass", ruled("a", "pass", "", false))}}
		if got := run(t, f, c.gate); got.Status != checks.Passed || len(f.asked) != 1 {
			t.Fatalf("%s: got %s: %s", c.name, got.Status, got.Reason)
		}
		var want any
		if err := json.Unmarshal([]byte(`{"data":{"type":"deployment_gates_evaluation_request","attributes":`+c.want+`}}`), &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, any(f.asked[0])); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// TestNotAsked holds what is refused before anything is sent.
func TestNotAsked(t *testing.T) {
	target := checks.Target{Service: "checkout", Canary: checks.Arm{Version: `1" OR *`}}
	for _, c := range []struct {
		name string
		keys ddapi.Keys
		spec checks.Spec
		want string
	}{
		{"no keys", nil, checks.Spec{DatadogGate: &checks.DatadogGate{Env: "prod"}}, "no keys of Datadog are configured"},
		{"keys that cannot be read", func() (string, string, error) { return "", "", errors.New("DD_API_KEY is not set") },
			checks.Spec{DatadogGate: &checks.DatadogGate{Env: "prod"}}, "DD_API_KEY is not set"},
		{"another kind", ok, checks.Spec{}, "no check of a gate"},
		{"an empty env", ok, checks.Spec{DatadogGate: &checks.DatadogGate{Env: "{{ .Canary.Workload }}"}}, "env"},
		{"a fact that would change the search", ok, checks.Spec{DatadogGate: &checks.DatadogGate{Env: "prod", Monitors: "version:{{ .Canary.Version }}"}}, "may not stand in a query"},
	} {
		r := New(Config{URL: "http://127.0.0.1:1", Keys: c.keys})
		if got := r.Run(t.Context(), c.spec, target); got.Status != checks.Broken || !strings.Contains(got.Reason, c.want) {
			t.Errorf("%s: got %s: %s, want it broken with %q", c.name, got.Status, got.Reason, c.want)
		}
	}
}

func ok() (api, app string, err error) { return apiKey, appKey, nil }

// TestNobodyIsThere holds that a Datadog that is not reached breaks the check.
func TestNobodyIsThere(t *testing.T) {
	r := New(Config{URL: "http://127.0.0.1:1", Keys: ok, Poll: time.Millisecond, Clock: checks.Clock{Pause: time.Millisecond}})
	got := r.Run(context.Background(), checks.Spec{DatadogGate: &checks.DatadogGate{Env: "prod", Within: 50 * time.Millisecond}}, checks.Target{Service: "a"})
	if got.Status != checks.Broken || !strings.Contains(got.Reason, "could not be evaluated") {
		t.Errorf("got %s: %s, want it broken", got.Status, got.Reason)
	}
}
