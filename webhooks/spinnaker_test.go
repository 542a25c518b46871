package webhooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// spinnaker is a webhook stage, read from the example, and the rules by which Orca
// (spinnaker/orca, orca-webhook: WebhookResponseProcessor, MonitorWebhookTask,
// WebhookStatusCheckUrlRetriever, read at 2fdb327a and later) treats what it is
// answered.
type spinnaker struct {
	URL                   string            `json:"url"`
	Method                string            `json:"method"`
	CustomHeaders         map[string]string `json:"customHeaders"`
	Payload               json.RawMessage   `json:"payload"`
	WaitForCompletion     bool              `json:"waitForCompletion"`
	StatusURLResolution   string            `json:"statusUrlResolution"`
	StatusJSONPath        string            `json:"statusJsonPath"`
	ProgressJSONPath      string            `json:"progressJsonPath"`
	SuccessStatuses       string            `json:"successStatuses"`
	CanceledStatuses      string            `json:"canceledStatuses"`
	TerminalStatuses      string            `json:"terminalStatuses"`
	CancelEndpoint        string            `json:"cancelEndpoint"`
	CancelMethod          string            `json:"cancelMethod"`
	CancelPayload         json.RawMessage   `json:"cancelPayload"`
	FailFastStatusCodes   []int             `json:"failFastStatusCodes"`
	RetryStatusCodes      []int             `json:"retryStatusCodes"`
	statusURL, lastBody   string
	progress, errorToUser string
}

// The states of a stage.
const (
	spinRunning, spinSucceeded, spinTerminal, spinCanceled = "RUNNING", "SUCCEEDED", "TERMINAL", "CANCELED"
)

// newSpinnaker reads the example; expressions become texts.
func newSpinnaker(t *testing.T) *spinnaker {
	t.Helper()
	b, err := os.ReadFile("../examples/spinnaker/webhook-stage.json")
	if err != nil {
		t.Fatal(err)
	}
	sp := &spinnaker{}
	if err := json.Unmarshal(regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAll(b, []byte("v2")), sp); err != nil {
		t.Fatal(err)
	}
	sp.FailFastStatusCodes = []int{504}
	if !sp.WaitForCompletion || sp.StatusURLResolution != "locationHeader" {
		t.Fatalf("got %+v, want a stage that waits, for what Location says", sp)
	}
	return sp
}

func (sp *spinnaker) send(w *world, method, address string, body []byte) answer {
	r := httptest.NewRequest(method, address, strings.NewReader(string(body)))
	r.Host = "localhost:8080"
	for name, value := range sp.CustomHeaders {
		r.Header.Set(name, value)
	}
	a := w.send(r)
	sp.lastBody = a.body
	return a
}

// create is CreateWebhookTask.
func (sp *spinnaker) create(w *world) string {
	a := sp.send(w, sp.Method, sp.URL, sp.Payload)
	switch {
	case slices.Contains(sp.FailFastStatusCodes, a.code):
		return spinTerminal
	case a.code >= 500 || a.code == http.StatusTooManyRequests:
		return spinRunning
	case a.code >= 400:
		return spinTerminal
	}
	own, err := url.Parse(sp.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	status, err := url.Parse(a.header.Get("Location"))
	if err != nil || status.String() == "" {
		sp.errorToUser = "the status URL couldn't be resolved"
		return spinTerminal
	}
	// The scheme of the stage wins on the same host; what is relative is resolved.
	if status.Hostname() == own.Hostname() {
		status.Scheme = own.Scheme
	}
	sp.statusURL = own.ResolveReference(status).String()
	return spinSucceeded
}

// monitor is one poll of MonitorWebhookTask.
func (sp *spinnaker) monitor(w *world) string {
	a := sp.send(w, http.MethodGet, sp.statusURL, nil)
	switch {
	case a.code >= 500, a.code == http.StatusTooManyRequests, slices.Contains(sp.RetryStatusCodes, a.code):
		return spinRunning
	case a.code >= 400:
		return spinTerminal
	}
	body := a.object(w.t)
	status, found := sp.path(body, sp.StatusJSONPath)
	switch status.(type) {
	case string, float64, bool:
	default:
		sp.errorToUser = fmt.Sprintf("%s did not resolve to a single value (found %v)", sp.StatusJSONPath, found)
		return spinTerminal
	}
	if sp.ProgressJSONPath != "" {
		progress, _ := sp.path(body, sp.ProgressJSONPath)
		text, ok := progress.(string)
		if !ok {
			sp.errorToUser = sp.ProgressJSONPath + " did not resolve to a String"
			return spinTerminal
		}
		sp.progress = text
	}
	if n, ok := status.(float64); ok {
		// The trap: a number is a percentage, and only the integer 100 succeeds.
		if n == 100 {
			return spinSucceeded
		}
		return spinRunning
	}
	word := strings.ToUpper(fmt.Sprint(status))
	for _, list := range []struct{ statuses, state string }{ // later lists win
		{sp.TerminalStatuses, spinTerminal}, {sp.CanceledStatuses, spinCanceled}, {sp.SuccessStatuses, spinSucceeded},
	} {
		for _, s := range strings.Split(list.statuses, ",") {
			if strings.ToUpper(strings.TrimSpace(s)) == word {
				return list.state
			}
		}
	}
	return spinRunning
}

// path reads a path of one name, which is all that the example has.
func (sp *spinnaker) path(body map[string]any, p string) (any, bool) {
	v, ok := body[strings.TrimPrefix(p, "$.")]
	return v, ok
}

// onCancel is best effort: what it is answered changes nothing.
func (sp *spinnaker) onCancel(w *world) answer {
	return sp.send(w, sp.CancelMethod, sp.CancelEndpoint, sp.CancelPayload)
}

// TestSpinnaker is the table of what a stage comes to.
func TestSpinnaker(t *testing.T) {
	inconclusive := func(v *judge.Verdict) { v.Outcome, v.Reason = judge.Inconclusive, "the deadline came first" }
	for name, c := range map[string]struct {
		says    func(*judge.Verdict)
		then    func(w *world, d *desk)
		want    string
		status  string
		granted bool
	}{
		"promote": {func(v *judge.Verdict) {
			v.Outcome, v.Promotion = judge.Promote, judge.Answer{Yes: true, Reason: "proven"}
		}, nil, spinSucceeded, "promote", true},
		"rollback": {func(v *judge.Verdict) {
			v.Outcome, v.RollBack = judge.Rollback, judge.Answer{Yes: true, Reason: "errors 9 %"}
		}, nil, spinTerminal, "rollback", false},
		"still running":      {func(*judge.Verdict) {}, nil, spinRunning, "running", false},
		"held at the end":    {inconclusive, nil, spinTerminal, "inconclusive", false},
		"nothing in time":    {func(*judge.Verdict) {}, func(_ *world, d *desk) { d.work(time.Hour) }, spinTerminal, "inconclusive", false},
		"shadow":             {func(v *judge.Verdict) { v.Mode = "shadow" }, nil, spinSucceeded, "promote", false},
		"superseded":         {func(*judge.Verdict) {}, func(w *world, d *desk) { w.announce(strings.Replace(announced1, "v2", "v3", 1)); d.work(time.Minute) }, spinCanceled, "closed", false},
		"no verdict at all":  {func(*judge.Verdict) {}, func(w *world, d *desk) { w.judge.err = errBroken; d.work(time.Hour) }, spinTerminal, "inconclusive", false},
		"cancelled by Orca":  {func(*judge.Verdict) {}, func(w *world, d *desk) { cancelTwice(w); d.work(time.Minute) }, spinCanceled, "closed", false},
		"closed by somebody": {func(*judge.Verdict) {}, func(w *world, d *desk) { w.do("DELETE", "/v1/rollouts/"+w.only().Rollout.ID, ""); d.work(time.Minute) }, spinCanceled, "closed", false},
	} {
		t.Run(name, func(t *testing.T) {
			w, d := newDeskWorld(t)
			w.judge.say(c.says)
			sp := newSpinnaker(t)
			if got := sp.create(w); got != spinSucceeded {
				t.Fatalf("got %s %s, want it created", got, sp.lastBody)
			}
			if got := sp.monitor(w); got != spinRunning || sp.progress == "" {
				t.Errorf("before the first look: got %s %s, want it running", got, sp.lastBody)
			}
			d.work(2 * time.Minute)
			if c.then != nil {
				c.then(w, d)
			}
			for range 2 { // and it does not change any more
				if got := sp.monitor(w); got != c.want || sp.progress == "" {
					t.Errorf("got %s (%s) with %s, want %s", got, sp.errorToUser, sp.lastBody, c.want)
				}
			}
			if got := w.want(sp.send(w, "GET", sp.statusURL, nil), 200).object(t)["status"]; got != c.status {
				t.Errorf("got status %v, want %s", got, c.status)
			}
			granted := slices.ContainsFunc(w.rollouts(), func(s journal.Summary) bool { return s.Why == whyGranted })
			if granted != c.granted {
				t.Errorf("got granted %v, want %v", granted, c.granted)
			}
		})
	}
}

func cancelTwice(w *world) {
	sp := newSpinnaker(w.t.(*testing.T))
	for _, want := range []bool{true, false} {
		a := w.want(sp.onCancel(w), 200).object(w.t)
		if a["cancelled"] != want || a["status"] != "closed" {
			w.t.Errorf("got %v, want cancelled %v", a, want)
		}
	}
}

// What goes wrong on the way is retried where that can help, and ends the stage
// where it cannot; nothing is ever 504, which ends it at once.
func TestSpinnakerOnErrors(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(w *world, sp *spinnaker)
		create  string
		monitor string
	}{
		"the journal is away": {func(w *world, _ *spinnaker) { w.faults.set("Announce", journal.ErrUnavailable) }, spinRunning, ""},
		"the journal is away for a poll": {func(w *world, sp *spinnaker) {
			if sp.statusURL != "" {
				w.faults.set("Get", journal.ErrUnavailable)
			}
		}, spinSucceeded, spinRunning},
		"no such plan":      {func(_ *world, sp *spinnaker) { sp.Payload = []byte(`{"service":"x","revision":"v2"}`) }, spinTerminal, ""},
		"not JSON":          {func(_ *world, sp *spinnaker) { sp.Payload = []byte(`{`) }, spinTerminal, ""},
		"unknown field":     {func(_ *world, sp *spinnaker) { sp.Payload = []byte(`{"serivce":"x"}`) }, spinTerminal, ""},
		"too large":         {func(_ *world, sp *spinnaker) { sp.Payload = []byte(`{"a":"` + strings.Repeat("x", 2<<20) + `"}`) }, spinTerminal, ""},
		"bad wait":          {func(_ *world, sp *spinnaker) { sp.URL = "https://serin.example.com/v1/judge?wait=1s" }, spinTerminal, ""},
		"unknown gate":      {func(_ *world, sp *spinnaker) { sp.URL = "https://serin.example.com/v1/judge?gate=door" }, spinTerminal, ""},
		"unknown parameter": {func(_ *world, sp *spinnaker) { sp.URL = "https://serin.example.com/v1/judge?wiat=1h" }, spinTerminal, ""},
		"misconfigured poll": {func(_ *world, sp *spinnaker) {
			sp.statusURL = strings.Replace(sp.statusURL, "promotion.1", "promotion.9", 1)
		}, spinSucceeded, spinTerminal},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := newDeskWorld(t)
			sp := newSpinnaker(t)
			c.before(w, sp)
			if got := sp.create(w); got != c.create {
				t.Fatalf("got %s with %s, want %s", got, sp.lastBody, c.create)
			}
			if c.monitor == "" {
				return
			}
			c.before(w, sp)
			if got := sp.monitor(w); got != c.monitor {
				t.Errorf("got %s with %s, want %s", got, sp.lastBody, c.monitor)
			}
		})
	}
}

// A POST is answered before the judge has looked, since Orca gives it 20 s and does
// not send it again; and one that is sent twice asks once.
func TestSpinnakerIsAnsweredAtOnce(t *testing.T) {
	w, d := newDeskWorld(t)
	w.judge.err = errors.New("never asked")
	sp := newSpinnaker(t)
	for range 2 {
		if got := sp.create(w); got != spinSucceeded {
			t.Fatalf("got %s with %s", got, sp.lastBody)
		}
	}
	if w.judge.asked != 0 || len(w.rollouts()) != 1 || len(d.jobs) != 2 {
		t.Errorf("got %d looks, %d rollouts and %d jobs; want none, one, and a first and a last look", w.judge.asked, len(w.rollouts()), len(d.jobs))
	}
	if want := "https://serin.example.com/v1/rollouts/" + w.only().Rollout.ID + "/status?question=promotion.1"; sp.statusURL != want {
		t.Errorf("got %s, want %s", sp.statusURL, want)
	}
}

// The fields that a poller reads are there, and text, whatever the state.
func TestPollersReadText(t *testing.T) {
	w, d := newDeskWorld(t)
	sp := newSpinnaker(t)
	sp.create(w)
	check := func(what string) {
		t.Helper()
		for _, path := range []string{sp.statusURL, "/v1/rollouts/" + w.only().Rollout.ID + "/status", "/v1/rollouts/" + w.only().Rollout.ID} {
			body := w.want(sp.send(w, "GET", path, nil), 200).object(t)
			for _, field := range []string{"status", "progress"} {
				if text, ok := body[field].(string); !ok || text == "" {
					t.Errorf("%s, %s: got %s %v, want a text", what, path, field, body[field])
				}
			}
		}
	}
	check("announced")
	d.work(2 * time.Minute)
	check("looked at")
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, judge.Answer{Yes: true} })
	d.work(2 * time.Minute)
	check("rolled back")
	if a := w.want(sp.onCancel(w), 200).object(t); a["status"] != "rollback" {
		t.Errorf("got %v, want the rollback told", a)
	}
	check("closed")
}
