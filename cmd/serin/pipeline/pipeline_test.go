package pipeline

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

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	id    = "qk3v5zgq7xmh2b4t"
	token = "pipeline-0123456789abcdef"
)

// answer is one answer of a fake server; status 0 drops the connection.
type answer struct {
	status int
	body   string
	header http.Header
}

// fake is a Serin server that answers each address by a list; beyond its end it
// repeats the last.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]answer // by "METHOD path"
	asked   []string            // "METHOD path body"
}

func newFake(t testing.TB, answers map[string][]answer) *fake {
	t.Helper()
	f := &fake{answers: map[string][]answer{
		"POST /v1/rollouts": {{201, `{"rollout":{"id":"` + id + `"},"new":true}`, http.Header{"Location": {"/v1/rollouts/" + id}}}},
	}}
	for path, list := range answers {
		f.answers[path] = list
	}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		f.mu.Lock()
		key := r.Method + " " + r.URL.Path
		f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(b)))
		list := f.answers[key]
		if len(list) > 1 {
			f.answers[key] = list[1:]
		}
		f.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("%s came without the token", key)
		}
		if len(list) == 0 || list[0].status == 0 {
			panic(http.ErrAbortHandler)
		}
		for name, values := range list[0].header {
			w.Header()[name] = values
		}
		w.WriteHeader(list[0].status)
		_, _ = io.WriteString(w, list[0].body)
	}))
	t.Cleanup(f.Close)
	return f
}

// look is the address of a look.
const look = "POST /v1/rollouts/" + id + "/judge"

// verdict is an answer with a verdict.
func verdict(t testing.TB, edit func(*judge.Verdict)) answer {
	t.Helper()
	v := judge.Verdict{Rollout: rollout.Rollout{ID: id}, Mode: "enforce", Reason: "neither side is proven", Progress: judge.Progress{Block: "10s"}}
	if edit != nil {
		edit(&v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: 200, body: string(b)}
}

func promote(v *judge.Verdict) {
	v.Outcome, v.Promotion = judge.Promote, judge.Answer{Yes: true, Reason: "proven"}
}

// asking returns an asker on a fake clock, which remembers what it says and how long
// it waits.
type asking struct {
	*Asker
	clock time.Time
	waits []time.Duration
	said  []string
}

func newAsking(t testing.TB, url string) *asking {
	t.Helper()
	s, err := NewServer(url, token)
	if err != nil {
		t.Fatal(err)
	}
	a := &asking{Asker: NewAsker(s), clock: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	a.Say = func(text string) { a.said = append(a.said, text) }
	a.now = func() time.Time { return a.clock }
	a.pause = func(ctx context.Context, d time.Duration) error {
		a.waits, a.clock = append(a.waits, d), a.clock.Add(d)
		return ctx.Err()
	}
	return a
}

func ask(g reply.Gate, wait, retry time.Duration) Question {
	return Question{Announcement: Announcement{Controller: Controller, Service: "checkout", Revision: "v2"}, Gate: g, Wait: wait, Retry: retry}
}

func TestAskingGoesOnUntilTheGateIsDecided(t *testing.T) {
	f := newFake(t, map[string][]answer{look: {verdict(t, nil), verdict(t, nil), verdict(t, promote)}})
	a := newAsking(t, f.URL)
	percent := 10.0
	q := ask(reply.GatePromotion, time.Minute, 0)
	q.Weight = &percent
	f.answers["POST /v1/rollouts/"+id+"/weights"] = []answer{{status: 200, body: "{}"}}
	told, err := a.Ask(t.Context(), q)
	if err != nil || !told.Yes || told.Link != f.URL+"/v1/rollouts/"+id || told.Verdict.Outcome != judge.Promote {
		t.Fatalf("got %+v, %v, want yes with a link", told, err)
	}
	want := []string{
		`POST /v1/rollouts {"controller":"pipeline","service":"checkout","revision":"v2","baseline":{},"canary":{}}`,
		`POST /v1/rollouts/` + id + `/weights {"percent":10}`,
		look + ` {"final":true}`, look + ` {"final":true}`, look + ` {"final":true}`,
	}
	if got := strings.Join(f.asked, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("asked:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	if fmt.Sprint(a.waits) != "[5s 5s]" {
		t.Errorf("waited %v, want half a block each time", a.waits)
	}
}

func TestAskingEndsWhenTheWaitIsOver(t *testing.T) {
	for wait, looks := range map[time.Duration]int{0: 1, 4 * time.Second: 1, 12 * time.Second: 3} {
		f := newFake(t, map[string][]answer{look: {verdict(t, nil)}})
		told, err := newAsking(t, f.URL).Ask(t.Context(), ask(reply.GateStep, wait, 0))
		if err != nil || told.Decided || told.Yes || told.RollBack || len(f.asked) != looks+1 {
			t.Errorf("wait %s: got %+v, %v after %d looks, want an undecided answer after %d", wait, told.Answer, err, len(f.asked)-1, looks)
		}
	}
}

// TestAServerThatIsAway is asked again until the time is over, and never taken for a yes.
func TestAServerThatIsAway(t *testing.T) {
	busy := answer{503, `{"error":"the journal cannot be reached","next":"ask again"}`, http.Header{"Retry-After": {"7"}}}
	for name, tt := range map[string]struct {
		answers []answer
		q       Question
		err     string // empty: the answer is yes
		waits   string
	}{
		"back in time":          {[]answer{{}, busy, verdict(t, promote)}, ask(reply.GatePromotion, time.Minute, 0), "", "[1s 7s]"},
		"retry without a wait":  {[]answer{{}, {}, verdict(t, promote)}, ask(reply.GatePromotion, 0, time.Minute), "", "[1s 2s]"},
		"no time at all":        {[]answer{busy, verdict(t, promote)}, ask(reply.GatePromotion, 0, 0), "cannot answer now (503): the journal cannot be reached; no verdict", "[]"},
		"away for good":         {[]answer{{}}, ask(reply.GateStep, 10*time.Second, 5*time.Second), "cannot be reached", "[1s 2s 4s]"},
		"away after a verdict":  {[]answer{verdict(t, nil), {}}, ask(reply.GateStep, 10*time.Second, 0), "no verdict, and the time for asking is over", "[5s 1s 2s]"},
		"too many":              {[]answer{{429, ``, nil}, verdict(t, promote)}, ask(reply.GatePromotion, 0, time.Minute), "", "[1s]"},
		"a token that is wrong": {[]answer{{401, `{"error":"no accepted token was presented","next":"send it"}`, nil}}, ask(reply.GateStep, time.Hour, 0), "refuses (401): no accepted token was presented\nsend it", "[]"},
		"another server":        {[]answer{{404, "404 page not found", nil}}, ask(reply.GateStep, time.Hour, 0), "refuses (404): not found\ncheck that the address is that of a Serin server", "[]"},
		"closed meanwhile":      {[]answer{verdict(t, nil), {409, `{"error":"the rollout ended at 12:00 (superseded)"}`, nil}}, ask(reply.GateStep, time.Hour, 0), "(409): the rollout ended", "[5s]"},
		"somewhere else":        {[]answer{{307, ``, http.Header{"Location": {"https://sso.example.org"}}}}, ask(reply.GateStep, time.Hour, 0), "it redirects", "[]"},
		"a page":                {[]answer{{200, `<html>`, nil}}, ask(reply.GateStep, time.Hour, 0), "its answer cannot be read", "[]"},
		"no verdict":            {[]answer{{200, `{"promotion":{"yes":true}}`, nil}}, ask(reply.GatePromotion, time.Hour, 0), "the verdict of another rollout", "[]"},
		"a verdict of the future": {[]answer{{200, `{"rollout":{"id":"` + id + `"},"outcome":"splendid","promotion":{"yes":true}}`, nil}},
			ask(reply.GatePromotion, time.Hour, 0), "its answer cannot be read", "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsking(t, newFake(t, map[string][]answer{look: tt.answers}).URL)
			told, err := a.Ask(t.Context(), tt.q)
			switch {
			case tt.err == "" && (err != nil || !told.Yes):
				t.Errorf("got %+v, %v, want yes", told.Answer, err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || told.Yes):
				t.Errorf("got %+v, %v, want an error with %q", told.Answer, err, tt.err)
			}
			if got := fmt.Sprint(a.waits); got != tt.waits {
				t.Errorf("waited %s, want %s", got, tt.waits)
			}
			for _, text := range append(a.said, fmt.Sprint(err)) {
				if strings.Contains(text, token) {
					t.Errorf("the token was said: %s", text)
				}
			}
		})
	}
}

func TestAskingThatIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFake(t, map[string][]answer{look: {verdict(t, nil)}})
	a := newAsking(t, f.URL)
	a.pause = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	if _, err := a.Ask(ctx, ask(reply.GateStep, time.Hour, 0)); !errors.Is(err, ErrInterrupted) {
		t.Errorf("while it waited: got %v, want ErrInterrupted", err)
	}
	if _, err := a.Ask(ctx, ask(reply.GateStep, time.Hour, 0)); !errors.Is(err, ErrInterrupted) {
		t.Errorf("while it asked: got %v, want ErrInterrupted", err)
	}
}

// TestGates goes through the table of gates.
func TestGates(t *testing.T) {
	yes := judge.Answer{Yes: true, Reason: "because"}
	check := func(class judge.Class, critical bool) func(*judge.Verdict) {
		return func(v *judge.Verdict) {
			v.Findings = []judge.Finding{{Name: "home", About: judge.AboutCheck, Class: class, Required: true, Critical: critical, Reason: "status 500"}}
		}
	}
	bad := func(v *judge.Verdict) {
		v.Outcome, v.RollBack, v.Advance, v.Promotion = judge.Rollback, yes, yes, yes
	}
	const wait, open, back, stop = "wait", "yes", "roll back", "stop"
	for name, tt := range map[string]struct {
		edit                   func(*judge.Verdict)
		start, step, promotion string
	}{
		"nothing is known":      {func(v *judge.Verdict) {}, open, wait, wait},
		"harm":                  {bad, back, back, back},
		"harm, in shadow":       {func(v *judge.Verdict) { bad(v); v.Mode = "shadow" }, open, open, open},
		"nothing, in shadow":    {func(v *judge.Verdict) { v.Mode = "shadow" }, open, open, open},
		"may advance":           {func(v *judge.Verdict) { v.Advance, v.Progress.Paired = yes, 3 }, open, open, wait},
		"may, unseen":           {func(v *judge.Verdict) { v.Advance = yes }, open, wait, wait},
		"may, at a weight":      {func(v *judge.Verdict) { v.Advance, v.Progress.Weight = yes, new(float64) }, open, open, wait},
		"may, by checks alone":  {func(v *judge.Verdict) { v.Advance, v.Rollout.Comparison = yes, rollout.ChecksOnly }, open, open, wait},
		"promoted":              {func(v *judge.Verdict) { promote(v); v.Advance, v.Progress.Paired = yes, 9 }, open, open, open},
		"proven, more to do":    {func(v *judge.Verdict) { v.Outcome = judge.Promote }, open, wait, wait},
		"the deadline":          {func(v *judge.Verdict) { v.Outcome = judge.Inconclusive }, open, stop, stop},
		"the deadline, granted": {func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Inconclusive, yes }, open, stop, open},
		"irreversible":          {func(v *judge.Verdict) { v.Outcome = judge.Rollback; v.RollBack.Reason = "held" }, open, wait, wait},
		"over":                  {func(v *judge.Verdict) { v.Phase = rollout.Closed }, open, stop, stop},
		"a check failed":        {check(judge.CheckFailed, false), wait, wait, wait},
		"a critical one":        {check(judge.CheckFailed, true), back, wait, wait},
		"a check is broken":     {check(judge.CheckBroken, true), wait, wait, wait},
		"a check passed":        {check(judge.Passed, true), open, wait, wait},
		"both arms fail":        {check(judge.Environment, true), wait, wait, wait},
		"not due yet":           {check(judge.NoData, true), open, wait, wait},
		"not run yet":           {func(v *judge.Verdict) { check(judge.NoData, true)(v); v.Findings[len(v.Findings)-1].Stops = true }, wait, wait, wait},
		"not run in time": {func(v *judge.Verdict) {
			check(judge.NoData, true)(v)
			v.Findings[len(v.Findings)-1].Stops, v.Outcome = true, judge.Inconclusive
		}, stop, stop, stop},
	} {
		for gate, want := range map[reply.Gate]string{reply.GateStart: tt.start, reply.GateStep: tt.step, reply.GatePromotion: tt.promotion} {
			v := judge.Verdict{Mode: "enforce", Reason: "a reason"}
			tt.edit(&v)
			q := question{gate: gate}
			a := q.answer(v)
			got := wait
			switch {
			case a.Yes:
				got = open
			case a.RollBack:
				got = back
			case a.Decided:
				got = stop
			}
			if got != want || a.Decided == (want == wait) || a.Yes && a.RollBack || a.Reason == "" {
				t.Errorf("%s, at %s: got %+v, want %s", name, gate, a, want)
			}
		}
	}
}

// TestACheckMustFailTwiceRunning ensures that a process that has only just started gets
// its moment.
func TestACheckMustFailTwiceRunning(t *testing.T) {
	seen := func(class judge.Class) judge.Verdict {
		return judge.Verdict{Mode: "enforce", Findings: []judge.Finding{{Name: "home", About: judge.AboutCheck, Class: class, Required: true}}}
	}
	q := question{gate: reply.GateStart}
	if a := q.answer(seen(judge.CheckFailed)); a.Decided {
		t.Errorf("after one look: got %+v, want it to wait", a)
	}
	if a := q.answer(seen(judge.CheckFailed)); !a.RollBack {
		t.Errorf("after two: got %+v, want no", a)
	}
}

func TestWhatThePipelineSays(t *testing.T) {
	for name, tt := range map[string]struct {
		env               map[string]string
		service, revision Fact
	}{
		"nothing": {nil, Fact{}, Fact{}},
		"CodeDeploy's agent": {map[string]string{"DEPLOYMENT_ID": "d-ABC", "LIFECYCLE_EVENT": "ValidateService", "APPLICATION_NAME": "checkout"},
			Fact{"checkout", "APPLICATION_NAME"}, Fact{"d-ABC", "DEPLOYMENT_ID"}},
		"not CodeDeploy's agent": {map[string]string{"DEPLOYMENT_ID": "7", "APPLICATION_NAME": "x", "CI_COMMIT_SHA": "abc"}, Fact{}, Fact{"abc", "CI_COMMIT_SHA"}},
		"GitHub on CodeBuild":    {map[string]string{"GITHUB_SHA": "g", "CODEBUILD_RESOLVED_SOURCE_VERSION": "c"}, Fact{}, Fact{"g", "GITHUB_SHA"}},
		"Azure":                  {map[string]string{"BUILD_SOURCEVERSION": " a "}, Fact{}, Fact{"a", "BUILD_SOURCEVERSION"}},
		"Cloud Deploy":           {map[string]string{"CLOUD_DEPLOY_RELEASE": "r-1"}, Fact{}, Fact{"r-1", "CLOUD_DEPLOY_RELEASE"}},
		"Cloud Run":              {map[string]string{"K_REVISION": "checkout-7", "K_SERVICE": "checkout"}, Fact{"checkout", "K_SERVICE"}, Fact{"checkout-7", "K_REVISION"}},
		"set to nothing":         {map[string]string{"GITHUB_SHA": "", "CI_COMMIT_SHA": "abc"}, Fact{}, Fact{"abc", "CI_COMMIT_SHA"}},
	} {
		getenv := func(name string) string { return tt.env[name] }
		if s, r := Service(getenv), Revision(getenv); s != tt.service || r != tt.revision {
			t.Errorf("%s: got %+v and %+v, want %+v and %+v", name, s, r, tt.service, tt.revision)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "serin.example.org", "ftp://serin", "https://u:" + token + "@serin", "https://serin?x=1", "http://"} {
		if _, err := NewServer(bad, ""); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%q: got %v, want a refusal without the secret", bad, err)
		}
	}
	if _, err := NewServer("https://serin", token+"\n"+token); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("a token of two lines: got %v, want a refusal without the secret", err)
	}
}

// TestRolloutsAreFoundByWhatPipelinesCallThem: another controller's, another revision's
// and another namespace's are left alone.
func TestRolloutsAreFoundByWhatPipelinesCallThem(t *testing.T) {
	list := func(controller, namespace, revision string) string {
		return fmt.Sprintf(`{"rollout":{"id":%q,"controller":%q,"namespace":%q,"revision":%q,"service":"checkout"}}`, id, controller, namespace, revision)
	}
	for name, tt := range map[string]struct {
		rollouts string
		err      error
	}{
		"it":                     {list("pipeline", "shop", "v2"), nil},
		"none":                   {"", ErrNone},
		"Flagger's":              {list("flagger", "shop", "v2"), ErrNone},
		"of another revision":    {list("pipeline", "shop", "v1"), ErrNone},
		"of another's namespace": {list("pipeline", "", "v2"), ErrNone},
	} {
		f := newFake(t, map[string][]answer{
			"GET /v1/rollouts":                     {{}, {200, `{"rollouts":[` + tt.rollouts + `]}`, nil}},
			"POST /v1/rollouts/" + id + "/weights": {{200, `{}`, nil}},
			"DELETE /v1/rollouts/" + id:            {{200, `{}`, nil}},
		})
		a := newAsking(t, f.URL)
		w := Which{"checkout", "shop", "v2"}
		if got, err := a.Declare(t.Context(), w, 25, time.Minute); !errors.Is(err, tt.err) || (err == nil) != (got == id) {
			t.Errorf("%s: declare: got %q, %v, want %v", name, got, err, tt.err)
		}
		if got, err := a.Close(t.Context(), w, "done & over", time.Minute); !errors.Is(err, tt.err) || (err == nil) != (got == id) {
			t.Errorf("%s: close: got %q, %v, want %v", name, got, err, tt.err)
		}
		if last := f.asked[len(f.asked)-1]; tt.err == nil && last != "DELETE /v1/rollouts/"+id+"?why=done+%26+over" {
			t.Errorf("%s: got %s, want it closed with the reason", name, last)
		}
	}
}

// FuzzAnswers ensures that nothing but a verdict that says so opens a gate.
func FuzzAnswers(f *testing.F) {
	f.Add(200, verdict(f, promote).body)
	f.Add(200, `{"rollout":{"id":"`+id+`"},"mode":"shadow"}`)
	f.Add(202, `[]`)
	f.Add(500, `{"error":"x"}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		fake := newFake(t, map[string][]answer{look: {{status, body, nil}}})
		told, err := newAsking(t, fake.URL).Ask(t.Context(), ask(reply.GatePromotion, 0, 0))
		var v judge.Verdict
		said := status/100 == 2 && json.Unmarshal([]byte(body), &v) == nil && v.Rollout.ID == id && (v.Promotion.Yes || v.Mode == "shadow")
		if told.Yes && (err != nil || !said) {
			t.Errorf("%d %s: got %+v, %v", status, body, told.Answer, err)
		}
	})
}
