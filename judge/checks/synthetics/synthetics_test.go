package synthetics_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/synthetics"
	"github.com/serin-canary/serin/judge/checks/synthetics/synthtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// healthTest is the test that examples speak of.
func healthTest() synthtest.Test {
	t := synthtest.Test{Name: "Canary Health Check", Locations: []string{"aws:us-east-1", "aws:us-west-2"}}
	t.Config.Request.URL = "http://127.0.0.1:1/production" // the start URL must replace it
	t.Config.Assertions = []synthtest.Assertion{{Type: "statusCode", Operator: "is", Target: 200.0}, {Type: "body", Operator: "contains", Target: "ok"}}
	return t
}

// canary answers 200 to those who say that they are the test, and 500 to all others.
func canary(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" || r.Header.Get("X-Canary-Test") != "true" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write([]byte("ok"))
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

func keys() (string, string, error) { return synthtest.APIKey, synthtest.AppKey, nil }

// run runs a check as a plan would have it run, and ensures that no key is shown.
func run(t *testing.T, c synthetics.Config, s checks.Synthetics, canaryURL string) checks.Result {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c.Transport = transport
	if c.Poll == 0 {
		c.Poll = time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	target := checks.Target{Canary: checks.Arm{URL: canaryURL}}
	r := checks.Kinds{"synthetics": synthetics.New(c)}.Run(ctx, checks.Spec{Name: "s", Synthetics: &s}, target)
	if strings.Contains(r.Reason, "hunter2") {
		t.Errorf("a key is shown: %s", r.Reason)
	}
	t.Log(r.Status, r.Reason)
	return r
}

// pointed is the check of the deployment reference's test.
func pointed() checks.Synthetics {
	return checks.Synthetics{
		Tests: []string{"abc-def-ghi"}, StartURL: "{{ .Canary.URL }}/health", Headers: map[string]string{"X-Canary-Test": "true"},
	}
}

// TestTheCanaryIsTested ensures that the override reaches the test, and that waiting ends.
func TestTheCanaryIsTested(t *testing.T) {
	dd := synthtest.New(t)
	dd.Add("abc-def-ghi", healthTest())
	dd.Pending(3)
	url := canary(t)
	r := run(t, synthetics.Config{URL: dd.URL + "/", Keys: keys}, pointed(), url)
	if r.Status != checks.Passed || !strings.Contains(r.Reason, "passed: 2 of 2 results at aws:us-east-1, aws:us-west-2") {
		t.Errorf("got %s: %s", r.Status, r.Reason)
	}
	got := dd.Triggered()
	if len(got) != 1 || got[0].StartURL != url+"/health" || got[0].Headers["X-Canary-Test"] != "true" {
		t.Errorf("triggered %+v", got)
	}
	if calls := strings.Join(dd.Calls(), " "); strings.Count(calls, "GET /api/v1/synthetics/ci/batch/") != 4 {
		t.Errorf("calls: %s, want four looks", calls)
	}
}

func TestABrokenCanaryFails(t *testing.T) {
	dd := synthtest.New(t)
	dd.Add("abc-def-ghi", healthTest())
	s := pointed()
	s.Headers, s.Locations = nil, []string{"aws:eu-west-1"}
	r := run(t, synthetics.Config{URL: dd.URL, Keys: keys}, s, canary(t))
	if r.Status != checks.Failed || !strings.Contains(r.Reason, "failed: Canary Health Check (abc-def-ghi) at aws:eu-west-1") || r.Attempts != 1 {
		t.Errorf("got %s: %s", r.Status, r.Reason)
	}
}

// TestFaults injects what goes wrong with the API itself. What is not the canary's fault
// breaks the check; nothing passes.
func TestFaults(t *testing.T) {
	const trigger, batch = "/trigger/ci", "/ci/batch/"
	for _, c := range []struct {
		name  string
		fault synthtest.Fault
		want  checks.Status
		says  string
	}{
		{"wrong keys", synthtest.Fault{Path: trigger, Status: 403, Body: `{"errors":["Forbidden"]}`}, checks.Broken, "answered 403 (Forbidden); are the keys of this site"},
		{"no such test", synthtest.Fault{Path: trigger, Status: 404, Body: `{"errors":["Synthetics test not found"]}`}, checks.Broken, "is there a test of that public ID"},
		{"the limit, for a moment", synthtest.Fault{Path: trigger, Times: 2, Status: 429, Headers: map[string]string{"X-RateLimit-Reset": "0.001"}}, checks.Passed, "passed"},
		{"the limit, for long", synthtest.Fault{Path: trigger, Status: 429}, checks.Broken, "limit of calls is used up"},
		{"a gateway, for a moment", synthtest.Fault{Path: batch, Times: 3, Status: 502, Body: "<html>"}, checks.Passed, "passed"},
		{"a gateway, for long", synthtest.Fault{Path: batch, Status: 502, Body: "<html>"}, checks.Broken, "nothing was heard of it"},
		{"no batch of that name", synthtest.Fault{Path: batch, Status: 404, Body: `{"errors":["Batch not found"]}`}, checks.Broken, "could not be read"},
		{"slow to trigger", synthtest.Fault{Path: trigger, Hang: true}, checks.Broken, "could not be triggered: it took longer than it may"},
		{"slow to tell", synthtest.Fault{Path: batch, Hang: true}, checks.Broken, "nothing was heard of it"},
		{"no JSON", synthtest.Fault{Path: trigger, Status: 200, Body: "<html>"}, checks.Broken, "could not be triggered"},
		{"no batch", synthtest.Fault{Path: trigger, Status: 200, Body: `{"batch_id":null,"results":[]}`}, checks.Broken, "triggered nothing"},
		{"no results", synthtest.Fault{Path: batch, Status: 200, Body: `{}`}, checks.Broken, "is no batch"},
		{"a redirect", synthtest.Fault{Path: trigger, Status: 302, Headers: map[string]string{"Location": "http://127.0.0.1:1/"}}, checks.Broken, "answered 302"},
		{"the key comes back", synthtest.Fault{Path: trigger, Status: 400, Body: `{"errors":["bad key ` + synthtest.APIKey + `"]}`}, checks.Broken, "answered 400"},
		{"endless", synthtest.Fault{Path: batch, Status: 200, Body: `{"data":"` + strings.Repeat("x", 5<<20)}, checks.Broken, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dd := synthtest.New(t)
			dd.Add("abc-def-ghi", healthTest())
			dd.Inject(c.fault)
			s := pointed()
			s.Within = 30 * time.Second // of which none is used, but by what never ends
			if c.fault.Times == 0 {
				s.Within = 300 * time.Millisecond
			}
			r := run(t, synthetics.Config{URL: dd.URL, Keys: keys}, s, canary(t))
			if r.Status != c.want || !strings.Contains(r.Reason, c.says) {
				t.Errorf("got %s: %s, want %s with %q", r.Status, r.Reason, c.want, c.says)
			}
		})
	}
}

// TestBatches holds what a batch says against what it comes to.
func TestBatches(t *testing.T) {
	one := func(status, rule string) string {
		return `{"test_public_id":"abc-def-ghi","test_name":"health","status":"` + status + `","execution_rule":"` + rule + `","location":"aws:us-east-1","duration":1250,"retries":1}`
	}
	data := func(status string, results ...string) string {
		return `{"data":{"status":"` + status + `","results":[` + strings.Join(results, ",") + `]}}`
	}
	for _, c := range []struct {
		name, batch string
		want        checks.Status
		says        string
	}{
		{"passed", data("passed", one("passed", "blocking")), checks.Passed, "passed: 1 of 1 results at aws:us-east-1"},
		{"blocking", data("failed", one("passed", "blocking"), one("failed", "blocking")), checks.Failed, "failed: health (abc-def-ghi) at aws:us-east-1 after 1.25 s, tried 1 times more"},
		{"not blocking", data("passed", one("failed", "non_blocking")), checks.Passed, "passed: 0 of 1 results; failed without blocking: health"},
		{"not blocking, and failed as a whole", data("failed", one("failed", "non_blocking"), one("passed", "blocking")), checks.Passed, "failed without blocking"},
		{"without a rule", data("failed", one("failed", "")), checks.Failed, "failed: health"},
		{"a rule that nobody knows", data("failed", one("failed", "sometimes")), checks.Failed, "failed: health"},
		{"passed, but a result failed", data("passed", one("failed", "blocking")), checks.Failed, "failed: health"},
		{"failed, and nothing says why", data("failed", one("passed", "blocking")), checks.Failed, "no result says why"},
		{"skipped", data("passed", one("skipped", "skipped")), checks.Broken, "has no result of abc-def-ghi"},
		{"skipped by rule", data("passed", one("passed", "skipped")), checks.Broken, "has no result of abc-def-ghi"},
		{"no results", data("passed"), checks.Broken, "has no result of abc-def-ghi"},
		{"another test", data("passed", strings.ReplaceAll(one("passed", "blocking"), "abc-def-ghi", "xyz-xyz-xyz")), checks.Broken, "has no result of abc-def-ghi"},
		{"cancelled", data("cancelled"), checks.Broken, `ended as "cancelled", which is neither passed nor failed`},
		{"a result was cancelled", data("passed", one("passed", "blocking"), one("cancelled", "blocking")), checks.Broken, `ended as "cancelled"`},
		{"a word that nobody knows", data("fine", one("passed", "blocking")), checks.Broken, `ended as "fine"`},
		{"no word", data("", one("passed", "blocking")), checks.Broken, "neither passed nor failed"},
		{"a number for a word", `{"data":{"status":7,"results":[]}}`, checks.Broken, "is no batch"},
		{"nothing", `{"data":null}`, checks.Broken, "is no batch"},
		{"control characters", data("failed", strings.ReplaceAll(one("failed", "blocking"), "health", `\u001b[2J`)), checks.Failed, "failed: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			dd := synthtest.New(t)
			dd.Add("abc-def-ghi", synthtest.Test{})
			dd.Batch(c.batch)
			r := run(t, synthetics.Config{URL: dd.URL, Keys: keys}, checks.Synthetics{Tests: []string{"abc-def-ghi"}, Within: 30 * time.Second}, "")
			if r.Status != c.want || !strings.Contains(r.Reason, c.says) || strings.ContainsAny(r.Reason, "\x1b\n") {
				t.Errorf("got %s: %q, want %s with %q", r.Status, r.Reason, c.want, c.says)
			}
		})
	}
}

// TestWhatDoesNotEndFails lets a batch be in progress for ever.
func TestWhatDoesNotEndFails(t *testing.T) {
	dd := synthtest.New(t)
	dd.Add("abc-def-ghi", synthtest.Test{})
	dd.Pending(1 << 30)
	s := checks.Synthetics{Tests: []string{"abc-def-ghi"}, Within: 250 * time.Millisecond}
	r := run(t, synthetics.Config{URL: dd.URL, Keys: keys}, s, "")
	if r.Status != checks.Failed || !strings.Contains(r.Reason, "was still running after") {
		t.Errorf("got %s: %s", r.Status, r.Reason)
	}
}

// TestWhatCannotBeAsked ensures that nothing is triggered without keys or a URL.
func TestWhatCannotBeAsked(t *testing.T) {
	dd := synthtest.New(t)
	dd.Add("abc-def-ghi", healthTest())
	none := func() (string, string, error) { return "", "", errors.New("DD_API_KEY is not set") }
	for _, c := range []struct {
		name string
		cfg  synthetics.Config
		s    checks.Synthetics
		says string
	}{
		{"no keys", synthetics.Config{URL: dd.URL}, pointed(), "no keys of Datadog are configured"},
		{"no key there", synthetics.Config{URL: dd.URL, Keys: none}, pointed(), "DD_API_KEY is not set"},
		{"no tests", synthetics.Config{URL: dd.URL, Keys: keys}, checks.Synthetics{}, "names no tests"},
		{"no URL", synthetics.Config{URL: dd.URL, Keys: keys}, pointed(), "its URL must start with http"},
		{"a template that fails", synthetics.Config{URL: dd.URL, Keys: keys}, checks.Synthetics{Tests: []string{"a"}, Variables: map[string]string{"X": "{{ .Nope }}"}}, "its variables.X cannot be filled in"},
		{"nobody there", synthetics.Config{URL: "http://127.0.0.1:1", Keys: keys}, checks.Synthetics{Tests: []string{"abc-def-ghi"}}, "could not be triggered"},
	} {
		r := run(t, c.cfg, c.s, "")
		if r.Status != checks.Broken || !strings.Contains(r.Reason, c.says) {
			t.Errorf("%s: got %s: %s, want %q", c.name, r.Status, r.Reason, c.says)
		}
	}
	if got := dd.Triggered(); len(got) != 0 {
		t.Errorf("triggered %+v", got)
	}
}

// TestASecretOfAPlanIsHidden sends one as a variable, and has Datadog tell it.
func TestASecretOfAPlanIsHidden(t *testing.T) {
	dd := synthtest.New(t)
	dd.Add("abc-def-ghi", synthtest.Test{})
	dd.Inject(synthtest.Fault{Path: "/trigger/ci", Status: 400, Body: `{"errors":["the variable is hunter2-secret-of-plan"]}`})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	runner := checks.WithSecrets(func(checks.Target, string) (string, error) { return "hunter2-secret-of-plan", nil }, synthetics.New(synthetics.Config{URL: dd.URL, Keys: keys, Transport: transport}))
	s := checks.Synthetics{Tests: []string{"abc-def-ghi"}, Variables: map[string]string{"PASSWORD": `{{ secret "login" }}`}}
	r := checks.Kinds{"synthetics": runner}.Run(t.Context(), checks.Spec{Name: "s", Synthetics: &s}, checks.Target{})
	if r.Status != checks.Broken || strings.Contains(r.Reason, "hunter2") || !strings.Contains(r.Reason, "the variable is") {
		t.Errorf("got %s: %s", r.Status, r.Reason)
	}
}

// FuzzBatch ensures that no answer passes that has no result which passed, or which
// failed without blocking.
func FuzzBatch(f *testing.F) {
	f.Add(`{"data":{"status":"passed","results":[{"test_public_id":"abc-def-ghi","status":"passed"}]}}`)
	f.Add(`{"data":{"status":"in_progress"}}`)
	f.Add(`{"data":{"status":"passed","results":[null,{}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		runner := synthetics.New(synthetics.Config{URL: "http://datadog.test", Keys: keys, Poll: time.Hour, Transport: answers(text)})
		s := checks.Synthetics{Tests: []string{"abc-def-ghi"}, Within: 5 * time.Millisecond}
		r := checks.Kinds{"synthetics": runner}.Run(t.Context(), checks.Spec{Name: "s", Synthetics: &s}, checks.Target{})
		if r.Status == checks.Passed {
			t.Fatalf("passed after no look at all: %s", text)
		}
		runner = synthetics.New(synthetics.Config{URL: "http://datadog.test", Keys: keys, Poll: time.Nanosecond, Transport: answers(text)})
		s.Within = 100 * time.Millisecond
		r = checks.Kinds{"synthetics": runner}.Run(t.Context(), checks.Spec{Name: "s", Synthetics: &s}, checks.Target{})
		if r.Status == checks.Passed && !strings.Contains(text, "abc-def-ghi") && !strings.Contains(text, `\u`) {
			t.Fatalf("passed without a result: %s", text)
		}
	})
}

// answers is a Datadog that tells every batch the same.
type answers string

// RoundTrip implements [http.RoundTripper].
func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	text := string(a)
	if r.Method == http.MethodPost {
		text = `{"batch_id":"b"}`
	}
	_, _ = w.WriteString(text)
	return w.Result(), nil
}
