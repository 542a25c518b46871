package webhooks

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/azure"
	"github.com/serin-canary/serin/webhooks/reply"
)

const azureRunToken = "eyJ0eXAiOiJKV1Qi.c2VjcmV0LXJ1bi10b2tlbg.c2lnbmF0dXJl"

// noNetwork fails the test where anything is called.
type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("got a request to %s, want none", r.URL)
	return nil, errors.New("there is no network")
}

// The IDs of somebody else's job do not make a check theirs: what was asked about one
// service is no answer for another.
func TestAzureJobsAreAskedAboutOneService(t *testing.T) {
	desk, with := withAzure(t)
	w := newWorld(t, with)
	w.want(w.check(map[string]string{"mode": "callback"}), 200)
	id := desk.only(t).Rollout
	for _, other := range []map[string]string{{"mode": "callback", "namespace": "bank"}, {"mode": "callback", "service": "arms"}} {
		if a := w.want(w.check(other), 409); strings.Contains(a.body, id) {
			t.Errorf("got %s, want nothing of the rollout", a.body)
		}
	}
	w.want(w.check(map[string]string{"mode": "callback"}), 200)
}

// withAzure lets checks be asked in callback mode, of a desk that is returned.
func withAzure(t *testing.T) (*noted, func(*Config)) {
	t.Helper()
	s, err := azure.New(azure.Config{
		Hosts: []string{"dev.azure.com"}, Keys: []azure.Key{{ID: "k", Secret: [32]byte{1}}}, Client: &http.Client{Transport: noNetwork{t}},
	})
	if err != nil {
		t.Fatal(err)
	}
	desk := newNoted()
	return desk, func(c *Config) { c.Azure, c.Asker = s, desk }
}

// azureBody is a check's body; changes replace or, with an empty value, remove fields.
func azureBody(changes map[string]string) string {
	m := map[string]any{
		"mode": "response", "run": "1207", "namespace": "shop", "service": "checkout", "revision": "4711",
		"canary": map[string]any{"workload": "checkout-canary"}, "baseline": map[string]any{"workload": "checkout"},
	}
	for k, v := range changes {
		if v == "" {
			delete(m, k)
			continue
		}
		m[k] = v
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// check sends a check as Azure does, with its default headers.
func (w *world) check(changes map[string]string, headers ...string) answer {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/azure/check", strings.NewReader(azureBody(changes)))
	for k, v := range map[string]string{
		"Content-Type": "application/json", "PlanUrl": "https://dev.azure.com/contoso/", "HubName": "checks", "AuthToken": azureRunToken,
		"ProjectId": "a1a1a1a1-0000-4000-8000-000000000001", "PlanId": "b2b2b2b2-0000-4000-8000-000000000002",
		"JobId": "c3c3c3c3-0000-4000-8000-000000000003", "TimelineId": "d4d4d4d4-0000-4000-8000-000000000004",
		"TaskInstanceId": "e5e5e5e5-0000-4000-8000-000000000005",
	} {
		r.Header.Set(k, v)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.send(r)
}

func TestAzurePolls(t *testing.T) {
	weight := 50.0
	for name, tt := range map[string]struct {
		gate    string
		verdict func(*judge.Verdict)
		want    string
		closed  bool
	}{
		"nothing is known yet":     {verdict: func(*judge.Verdict) {}, want: "continue"},
		"promotion":                {verdict: func(v *judge.Verdict) { v.Outcome, v.Promotion.Yes = judge.Promote, true }, want: "promote", closed: true},
		"promote, but not granted": {verdict: func(v *judge.Verdict) { v.Outcome = judge.Promote }, want: "continue"},
		"rollback":                 {verdict: func(v *judge.Verdict) { v.Outcome, v.RollBack.Yes = judge.Rollback, true }, want: "rollback"},
		"the deadline came first":  {verdict: func(v *judge.Verdict) { v.Outcome = judge.Inconclusive }, want: "inconclusive"},
		"the deadline promotes":    {verdict: func(v *judge.Verdict) { v.Outcome, v.Promotion.Yes = judge.Inconclusive, true }, want: "promote", closed: true},
		"a step with evidence":     {gate: "step", verdict: func(v *judge.Verdict) { v.Advance.Yes, v.Progress.Paired = true, 3 }, want: "promote"},
		"a step at a known weight": {gate: "step", verdict: func(v *judge.Verdict) { v.Advance.Yes, v.Progress.Weight = true, &weight }, want: "promote"},
		"a step without anything":  {gate: "step", verdict: func(v *judge.Verdict) { v.Advance.Yes = true }, want: "continue"},
		"a step with harm":         {gate: "step", verdict: func(v *judge.Verdict) { v.RollBack.Yes, v.Advance.Yes, v.Progress.Paired = true, true, 3 }, want: "rollback"},
		"shadow":                   {verdict: func(v *judge.Verdict) { v.Mode, v.Outcome, v.RollBack.Yes = string(plan.Shadow), judge.Rollback, true }, want: "promote"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.judge.say(tt.verdict)
			a := w.want(w.check(map[string]string{"gate": tt.gate}), 200).object(t)
			if a["verdict"] != tt.want || a["rollout"] != w.only().Rollout.ID || a["report"] == "" || a["reason"] == nil {
				t.Errorf("got %v, want verdict %q", a, tt.want)
			}
			if got := w.only(); live(got) == tt.closed {
				t.Errorf("got it live: %v, want closed: %v", live(got), tt.closed)
			}
			if log := w.logs.String(); strings.Contains(log, azureRunToken) {
				t.Error("the run's token is in the log")
			}
		})
	}
}

func TestAzurePollsAgain(t *testing.T) {
	w := newWorld(t)
	w.want(w.check(nil), 200)
	w.clock.add(10 * time.Minute)
	w.judge.say(func(v *judge.Verdict) {
		v.Outcome, v.RollBack = judge.Rollback, judge.Answer{Yes: true, Reason: "errors 84:1"}
	})
	for range 3 {
		if a := w.want(w.check(nil), 200).object(t); a["verdict"] != "rollback" || a["reason"] != "errors 84:1" {
			t.Fatalf("got %v, want rollback", a)
		}
		w.clock.add(time.Hour)
	}
	first := w.only().Rollout.ID
	// Once the record is all that there is, the same run is told the same.
	if err := w.journal.End(t.Context(), first, w.clock.Now(), "forgotten"); err != nil {
		t.Fatal(err)
	}
	if a := w.want(w.check(nil), 200).object(t); a["verdict"] != "rollback" || a["rollout"] != first {
		t.Errorf("got %v, want rollback from the record", a)
	}
	// Another run is another attempt.
	w.judge.say(func(v *judge.Verdict) {
		*v = judge.Verdict{Mode: "enforce", Outcome: judge.Promote, Promotion: judge.Answer{Yes: true}}
	})
	a := w.want(w.check(map[string]string{"run": "1208"}), 200).object(t)
	if a["verdict"] != "promote" || a["rollout"] == first {
		t.Errorf("got %v, want another attempt, promoted", a)
	}
	// What was granted stays granted for those who ask again.
	w.judge.say(func(v *judge.Verdict) { v.Promotion.Yes, v.RollBack.Yes = false, true })
	w.clock.add(time.Hour)
	if again := w.want(w.check(map[string]string{"run": "1208"}), 200).object(t); again["verdict"] != "promote" || again["rollout"] != a["rollout"] {
		t.Errorf("got %v, want what was granted", again)
	}
}

func TestAnotherRunOfARevisionThatWasRolledBack(t *testing.T) {
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack.Yes = judge.Rollback, true })
	w.want(w.check(nil), 200)
	first := w.only().Rollout.ID
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack.Yes = judge.Continue, false })
	if a := w.want(w.check(map[string]string{"run": "1208"}), 200).object(t); a["rollout"] == first {
		t.Errorf("got %v, want another attempt than %s", a, first)
	}
	// And the older run does not take it back.
	if a := w.want(w.check(map[string]string{"run": "1208"}), 200).object(t); a["rollout"] == first {
		t.Errorf("got %v", a)
	}
}

func TestARunWhoseRevisionWasSuperseded(t *testing.T) {
	w := newWorld(t)
	w.want(w.check(nil), 200)
	w.clock.add(time.Minute)
	w.want(w.check(map[string]string{"revision": "4712", "run": "1208"}), 200)
	newer := w.rollouts()[0].Rollout.ID
	w.clock.add(time.Minute)
	if a := w.want(w.check(nil), 200).object(t); a["verdict"] != "inconclusive" {
		t.Errorf("got %v, want neither promoted nor judged anew", a)
	}
	if got := w.rollouts(); len(got) != 2 || got[0].Rollout.ID != newer || !live(got[0]) {
		t.Errorf("got %d rollouts, want the newer one left alone", len(got))
	}
}

func TestAzureWithoutAVerdict(t *testing.T) {
	w := newWorld(t)
	w.judge.err = errBroken
	a := w.want(w.check(nil), 503)
	if strings.Contains(a.body, "hunter2") || !strings.Contains(a.body, "no verdict could be formed") {
		t.Errorf("got %s", a.body)
	}
	// Shadow mode never blocks.
	if a := w.want(w.check(map[string]string{"service": "dark"}), 200).object(t); a["verdict"] != "promote" {
		t.Errorf("got %v, want promote in shadow mode", a)
	}
}

func TestAzureAsksToBeCalledBack(t *testing.T) {
	desk, with := withAzure(t)
	w := newWorld(t, with, func(c *Config) { c.BaseURL = "https://serin.example.org" })
	a := w.want(w.check(map[string]string{"mode": "callback", "within": "2h", "gate": "step", "weight": "25"}), 200).object(t)
	q := desk.only(t)
	sum := w.only()
	r := sum.Rollout
	if q.ID != "azure/b2b2b2b2-0000-4000-8000-000000000002/c3c3c3c3-0000-4000-8000-000000000003/e5e5e5e5-0000-4000-8000-000000000005" ||
		q.Sender != "azure" || q.Gate != reply.GateStep || q.Fallback || q.Rollout != r.ID || !q.Deadline.Equal(start().Add(2*time.Hour)) {
		t.Errorf("got %+v", q)
	}
	if r.Controller != "azure" || r.Service != "checkout" || r.Revision != "4711" || r.Ref != "1207" || r.Canary.Workload != "checkout-canary" || r.Canary.Namespace != "shop" {
		t.Errorf("got %+v", r)
	}
	if p, ok := r.WeightAtTime(start()); !ok || p != 25 {
		t.Errorf("got weight %v %v, want 25", p, ok)
	}
	if a["question"] != q.ID || a["report"] != "https://serin.example.org/v1/rollouts/"+r.ID || a["deadline"] != "2026-03-01T14:00:00Z" {
		t.Errorf("got %v", a)
	}
	if strings.Contains(string(q.To)+w.logs.String(), azureRunToken) {
		t.Error("the run's token can be read")
	}
	// The same check again is the same question, and opens nothing.
	w.clock.add(time.Minute)
	again := w.want(w.check(map[string]string{"mode": "callback", "within": "3h", "gate": "step"}), 200).object(t)
	if again["deadline"] != a["deadline"] || desk.only(t).Rollout != r.ID {
		t.Errorf("got %v, want %v", again, a)
	}
	desk.given[q.ID] = reply.Answer{Yes: true}
	if err := w.journal.End(t.Context(), r.ID, w.clock.Now(), reply.WhyGranted); err != nil {
		t.Fatal(err)
	}
	if again := w.want(w.check(map[string]string{"mode": "callback", "gate": "step"}), 200).object(t); again["answered"] != true || len(w.rollouts()) != 1 {
		t.Errorf("got %v and %d rollouts, want it answered and nothing opened", again, len(w.rollouts()))
	}
	// Another check of a run whose promotion was granted is about another deployment.
	next := w.want(w.check(map[string]string{"mode": "callback"}, "TaskInstanceId", "e5e5e5e5-0000-4000-8000-000000000006"), 200).object(t)
	if next["rollout"] == r.ID {
		t.Errorf("got %v, want another attempt", next)
	}
}

func TestAzureAnswersWhereNothingIsDecided(t *testing.T) {
	desk, with := withAzure(t)
	w := newWorld(t, with)
	w.want(w.check(map[string]string{"mode": "callback", "undecided": "approve"}), 200)
	if q := desk.only(t); !q.Fallback || !q.Deadline.Equal(start().Add(12*time.Hour)) || q.Gate != reply.GatePromotion {
		t.Errorf("got %+v", q)
	}
}

func TestAzureChecksThatAreRefused(t *testing.T) {
	callback := func(m map[string]string) map[string]string {
		all := map[string]string{"mode": "callback"}
		maps.Copy(all, m)
		return all
	}
	for name, tt := range map[string]struct {
		changes map[string]string
		headers []string
		code    int
		say     string
	}{
		"no mode":                   {changes: map[string]string{"mode": ""}, code: 400, say: "mode"},
		"no run":                    {changes: map[string]string{"run": ""}, code: 400, say: "run: missing"},
		"no service":                {changes: map[string]string{"service": ""}, code: 400, say: "service"},
		"no revision":               {changes: map[string]string{"revision": ""}, code: 400, say: "revision"},
		"an unknown field":          {changes: map[string]string{"stage": "x"}, code: 400, say: "stage"},
		"a gate that is none":       {changes: map[string]string{"gate": "prod"}, code: 400, say: "gate"},
		"start cannot be polled":    {changes: map[string]string{"gate": "start"}, code: 400, say: "callback"},
		"a weight that is none":     {changes: map[string]string{"weight": "half"}, code: 400, say: "weight"},
		"no plan":                   {changes: map[string]string{"service": "nobody's"}, code: 400, say: "service"},
		"an unknown plan":           {changes: map[string]string{"service": "unknown"}, code: 404, say: "unknown"},
		"the same arms":             {changes: map[string]string{"canary": "", "baseline": ""}, code: 400, say: "same"},
		"too long":                  {changes: callback(map[string]string{"within": "48h"}), code: 400, say: "48 h"},
		"too short":                 {changes: callback(map[string]string{"within": "1s"}), code: 400, say: "within"},
		"an answer that is none":    {changes: callback(map[string]string{"undecided": "promote"}), code: 400, say: "undecided"},
		"a foreign host":            {changes: callback(nil), headers: []string{"PlanUrl", "https://evil.example/contoso/"}, code: 400, say: "azure.hosts"},
		"a host that looks like it": {changes: callback(nil), headers: []string{"PlanUrl", "https://dev.azure.com.evil.example/"}, code: 400, say: "azure.hosts"},
		"a plain host":              {changes: callback(nil), headers: []string{"PlanUrl", "http://dev.azure.com/contoso/"}, code: 400, say: "https"},
		"no token":                  {changes: callback(nil), headers: []string{"AuthToken", "$(system.AccessToken)"}, code: 400, say: "AuthToken"},
		"no plan's ID":              {changes: callback(nil), headers: []string{"PlanId", "../../x"}, code: 400, say: "PlanId"},
	} {
		t.Run(name, func(t *testing.T) {
			desk, with := withAzure(t) // whose client fails the test where it is used
			w := newWorld(t, with)
			a := w.want(w.check(tt.changes, tt.headers...), tt.code)
			if !strings.Contains(a.body, tt.say) || strings.Contains(a.body+w.logs.String(), azureRunToken) {
				t.Errorf("got %s, want %q in it, and no token", a.body, tt.say)
			}
			if len(desk.asked) != 0 || len(w.rollouts()) != 0 {
				t.Errorf("got %d questions and %d rollouts, want none", len(desk.asked), len(w.rollouts()))
			}
		})
	}
}

func TestCallbackModeThatIsNotConfigured(t *testing.T) {
	w := newWorld(t)
	a := w.want(w.check(map[string]string{"mode": "callback"}), 400)
	for _, word := range []string{"azure.hosts", "azure.keys", "ApiResponse"} {
		if !strings.Contains(a.body, word) {
			t.Errorf("got %s, want %s in it", a.body, word)
		}
	}
	if len(w.rollouts()) != 0 {
		t.Error("a rollout was opened")
	}
}

func TestAQuestionThatCannotBeRecorded(t *testing.T) {
	desk, with := withAzure(t)
	w := newWorld(t, with)
	desk.failed = errBroken
	if a := w.want(w.check(map[string]string{"mode": "callback"}), 503); strings.Contains(a.body, "hunter2") {
		t.Errorf("got %s", a.body)
	}
	desk.failed = nil
	w.want(w.check(map[string]string{"mode": "callback"}), 200)
	if q := desk.only(t); q.Rollout != w.only().Rollout.ID {
		t.Errorf("got %+v, want the rollout that was opened at the first try", q)
	}
}

func TestAzureBodies(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("POST", "/azure/check", `{"x":"`+strings.Repeat("a", maxBody)+`"}`), http.StatusRequestEntityTooLarge)
	for _, body := range []string{"", "[]", "{", "null", `{"mode":null}`, `{"mode":["response"]}`} {
		w.want(w.do("POST", "/azure/check", body), 400)
	}
}

func TestAzureNeedsItsRights(t *testing.T) {
	token := Token{Name: "pipelines", Hash: HashToken("azure-token-of-shop"), Namespaces: []string{"shop"}, Callers: []string{"azure"}, Allow: []Right{RightJudge, RightAnnounce}}
	other := Token{Name: "argo", Hash: HashToken("argo-token-of-shop"), Namespaces: []string{"shop"}, Callers: []string{"argo"}, Allow: Rights()}
	reads := Token{Name: "reads", Hash: HashToken("reading-token-of-shop"), Namespaces: []string{"shop"}, Callers: []string{"azure"}, Allow: []Right{RightRead}}
	w := newWorld(t, func(c *Config) { c.Tokens = []Token{token, other, reads} })
	for _, tt := range []struct {
		token, namespace string
		basic            bool
		want             int
	}{
		{"", "shop", false, 401}, {"wrong", "shop", false, 401}, {"argo-token-of-shop", "shop", false, 403}, {"reading-token-of-shop", "shop", false, 403},
		{"azure-token-of-shop", "other", false, 403}, {"azure-token-of-shop", "shop", false, 200}, {"azure-token-of-shop", "shop", true, 200},
	} {
		r := httptest.NewRequest(http.MethodPost, "/azure/check", strings.NewReader(azureBody(map[string]string{"namespace": tt.namespace})))
		switch {
		case tt.basic:
			r.SetBasicAuth("anybody", tt.token) // a generic service connection's user and password
		case tt.token != "":
			r.Header.Set("Authorization", "Bearer "+tt.token)
		}
		if a := w.send(r); a.code != tt.want {
			t.Errorf("%+v: got %d %s", tt, a.code, a.body)
		}
	}
}

// FuzzAzureCall holds that no body opens a rollout without what tells it apart, and
// that nothing but 2xx and 4xx is answered.
func FuzzAzureCall(f *testing.F) {
	f.Add(azureBody(nil))
	f.Add(azureBody(map[string]string{"mode": "callback", "within": "2h"}))
	f.Add(`{"mode":1,"run":true}`)
	f.Fuzz(func(t *testing.T, body string) {
		var a azureCall
		if decode([]byte(body), &a, strict) != nil {
			return
		}
		c, err := a.read()
		if err != nil {
			return
		}
		r := c.trial().rollout
		if r.Service == "" || r.Revision == "" || r.Ref == "" || c.gate == "" || c.within <= 0 || c.within > azureToken {
			t.Errorf("got %+v of %q", c, body)
		}
		if _, err := applyPlan(r, plan.Plan{}); err != nil {
			return
		}
		if r.Controller != controllerAzure || (c.callback == c.trial().polled) || r.Comparison == rollout.Comparison("x") {
			t.Errorf("got %+v", r)
		}
	})
}

// TestAnotherRunWhileOneIsJudged: two runs of one revision never share a rollout, so that
// what is found of it is told to whoever it is about, as often as it asks.
func TestAnotherRunWhileOneIsJudged(t *testing.T) {
	w := newWorld(t)
	step := func(run string) map[string]any {
		t.Helper()
		w.clock.add(time.Minute)
		return w.want(w.check(map[string]string{"run": run, "gate": "step", "weight": "10"}), 200).object(t)
	}
	first, second := step("1207.1")["rollout"], step("1207.2")["rollout"] // the stage was run again
	if first == second {
		t.Fatal("got one rollout for two runs, want another attempt")
	}
	harm, none := judge.Answer{Yes: true, Reason: "errors 84:1"}, judge.Answer{}
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, harm })
	// Serin itself looks, between two polls. What the judge says later is of other attempts.
	if _, err := w.judge.Decide(t.Context(), w.rollouts()[0].Rollout, w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a := step("1207.2"); a["verdict"] != "rollback" || a["rollout"] != second {
			t.Errorf("got %v, want rollback, of %v", a, second)
		}
	}
	w.judge.say(func(v *judge.Verdict) {
		v.Outcome, v.RollBack, v.Advance, v.Progress.Paired = judge.Continue, none, judge.Answer{Yes: true, Reason: "no harm so far"}, 2
	})
	third := step("1208")
	if third["rollout"] == second || third["verdict"] != "promote" {
		t.Errorf("got %v, want another attempt that goes on", third)
	}
	// The older runs neither take it back nor share what is said of it.
	for run, want := range map[string]string{"1207.1": "inconclusive", "1207.2": "rollback"} {
		if a := step(run); a["verdict"] != want || a["rollout"] == third["rollout"] {
			t.Errorf("run %s: got %v, want %s", run, a, want)
		}
	}
	if got := w.rollouts(); len(got) != 3 || !live(got[0]) || got[0].Rollout.ID != third["rollout"] {
		t.Errorf("got %d rollouts, want 3 of which the newest is live", len(got))
	}
}
