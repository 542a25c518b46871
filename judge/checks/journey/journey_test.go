package journey_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/journey"
)

func TestJourney(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := newShop(t)
	j := buying()
	got := travel(t, journey.Config{}, checks.Spec{Name: "buy", Journey: &j}, s.target())
	if got.Status != checks.Passed || !strings.HasPrefix(got.Reason, "Journey of 2 steps passed in ") ||
		!strings.Contains(got.Reason, "login ") || !strings.Contains(got.Reason, ", order ") || strings.Contains(got.Reason, "cleanup") {
		t.Errorf("got %s: %s", got.Status, got.Reason)
	}
	var seen []string
	for _, step := range got.Steps {
		if seen = append(seen, string(step.Part)+" "+step.Name); step.Status != checks.Passed || step.Took <= 0 || step.Reason == "" {
			t.Errorf("got step %+v, want it passed, with its time", step)
		}
	}
	if want := "setup login, step order, step look, cleanup cancel"; strings.Join(seen, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(seen, ", "), want)
	}
	if !strings.Contains(got.Steps[2].Reason, "GET /orders/o-1 answered 200") {
		t.Errorf("got %s, want the order's number, which is no secret, in it", got.Steps[2].Reason)
	}
	if n := s.left(); n != 0 {
		t.Errorf("got %d orders left, want none", n)
	}
	s.idle(t)
	s.Close()
	goleak.VerifyNone(t, before)
}

// TestJourneysThatFail ensures that the step, what was expected and an excerpt are named,
// and that what was made is cleaned up all the same.
func TestJourneysThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		instead func(http.ResponseWriter, *http.Request) bool
		edit    func(*checks.Journey)
		says    []string
		logins  int
	}{
		"a status": {on("POST", "/orders", answering(503, "no stock left")), nil,
			[]string{"failed at step 1 of 2 (order): POST /orders answered 503 in ", `want 201; it says "no stock left"`, "; before it: login "}, 1},
		"a document": {on("GET", "/orders", answering(200, `{"id": "o-1", "state": "lost"}`)), nil,
			[]string{"failed at step 2 of 2 (look): GET /orders/o-1 answered 200", `$.state is "lost", want "placed"`, "before it: login ", ", order "}, 1},
		"an assertion": {nil, func(j *checks.Journey) { j.Steps[1].HTTP.Assert = []string{`json.state == "shipped"`} },
			[]string{"failed at step 2 of 2 (look)", `the assertion json.state == "shipped" does not hold: json.state is "placed"`}, 1},
		"the setup": {nil, func(j *checks.Journey) { j.Setup[0].HTTP.Form["user"] = "eve" },
			[]string{"failed at setup 1 of 1 (login): POST /login answered 403", `want 200; it says "no entry for eve with (hidden)"`}, 0},
		"a value in a document": {nil, func(j *checks.Journey) { j.Setup[0].Extract[0].JSON = "$.access_token" },
			[]string{"failed at setup 1 of 1 (login): POST /login answered 200", "but token could not be taken out of the answer: $.access_token is not in the answer's JSON", `it says "{\"token\": (hidden), \"customer\"`}, 1},
		"a value that is a list": {nil, func(j *checks.Journey) { j.Setup[0].Extract[0].JSON = "$.customer" },
			[]string{"$.customer is no text, number or truth"}, 1},
		"a value in a header": {nil, func(j *checks.Journey) { j.Setup[0].Extract[2].Header = "X-Other" },
			[]string{"but tenant could not be taken out of the answer: it has no header X-Other"}, 1},
		"a value in a cookie": {nil, func(j *checks.Journey) { j.Setup[0].Extract[1].Cookie = "other" },
			[]string{"but sid could not be taken out of the answer: it sets no cookie other"}, 1},
		"a value in text": {on("POST", "/orders", answering(201, "thanks")), nil,
			[]string{"failed at step 1 of 2 (order): POST /orders answered 201", `order could not be taken out of the answer: nothing in its body matches`, `it says "thanks"`}, 1},
		"no body": {on("POST", "/orders", answering(201, "")), nil, []string{"its body is empty"}, 1},
		"an empty value": {on("POST", "/orders", answering(201, "<b></b>")), func(j *checks.Journey) { j.Steps[0].Extract[0].Regex = "<b>(.*)</b>" },
			[]string{"is empty"}, 1},
		"an endless value": {on("POST", "/orders", answering(201, "<b>"+strings.Repeat("a", 1<<19)+"</b>")), nil,
			[]string{"is 524288 bytes long, and at most 8192 are taken"}, 1},
		"no JSON": {on("GET", "/account", answering(200, "<html>")), nil, []string{"its body is no JSON"}, 1},
		"an echo": {on("POST", "/orders", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			fmt.Fprintf(w, "%s %s %s", r.Header.Get("Authorization"), r.Header.Get("Cookie"), base64.StdEncoding.EncodeToString([]byte("x"+token+" "+password)))
		}), nil, []string{"failed at step 1 of 2 (order)", `it says "Bearer (hidden) sid=(hidden) `}, 1},
		"an echo of what is no credential by its place": {on("POST", "/orders", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			fmt.Fprintf(w, "no %s of %s", r.Header.Get("X-Who"), r.Header.Get("Cookie"))
		}), func(j *checks.Journey) {
			j.Setup[0].Extract = append(j.Setup[0].Extract[:1:1], j.Setup[0].Extract[2:]...) // all but the cookie
			j.Steps[0].HTTP.Headers = map[string]string{"X-Who": "{{ .Values.token }}"}
		}, []string{`it says "no (hidden) of sid=(hidden)"`}, 1},
		"another user's token": {nil, func(j *checks.Journey) { j.Steps[0].HTTP.Headers["Authorization"] = "Bearer x{{ .Values.token }}" },
			[]string{"answered 401", `it says "what is Bearer (hidden)?"`}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.instead = c.instead
			j := buying()
			if c.edit != nil {
				c.edit(&j)
			}
			got := travel(t, journey.Config{}, checks.Spec{Name: "buy", Journey: &j}, s.target())
			for _, want := range c.says {
				if got.Status != checks.Failed || !strings.Contains(got.Reason, want) {
					t.Errorf("got %s: %s\nwant failed, saying %q", got.Status, got.Reason, want)
				}
			}
			if strings.Contains(got.Reason, "cleanup") {
				t.Errorf("got %s, want no word of a cleanup that had nothing to clean, or worked", got.Reason)
			}
			if last := got.Steps[len(got.Steps)-1]; len(got.Reason) > 1200 || last.Part != checks.InCleanup && last.Status != checks.Failed {
				t.Errorf("got %d bytes, the last step %+v", len(got.Reason), last)
			}
			if s.left() != 0 || s.logins != c.logins {
				t.Errorf("got %d orders left after %d logins, want none after %d", s.left(), s.logins, c.logins)
			}
			s.idle(t)
		})
	}
}

func TestJourneysThatCannotBeRun(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*checks.Journey)
		says string
	}{
		"no steps":        {func(j *checks.Journey) { j.Steps = nil }, "it is not a journey with steps"},
		"no such secret":  {func(j *checks.Journey) { j.Setup[0].HTTP.Form["password"] = `{{ secret "other" }}` }, `could not go on at setup 1 of 1 (login): it could not be run: its form field password cannot be filled in: the secret "other" is not known here; add it`},
		"no such value":   {func(j *checks.Journey) { j.Setup[0].Extract = nil }, `step 1 of 2 (order): it could not be run: `},
		"no such header":  {func(j *checks.Journey) { j.Steps[0].HTTP.Headers["a b"] = "x" }, "cannot be sent"},
		"no URL":          {func(j *checks.Journey) { j.Steps[1].HTTP.URL = "/orders" }, "step 2 of 2 (look): it could not be run: its URL must start with"},
		"a broken regex":  {func(j *checks.Journey) { j.Steps[1].HTTP.Assert = []string{"json."} }, "step 2 of 2 (look)"},
		"no place at all": {func(j *checks.Journey) { j.Steps[0].Extract[0] = checks.Extract{As: "x"} }, "nothing says where it is"},
	} {
		s := newShop(t)
		j := buying()
		c.edit(&j)
		got := travel(t, journey.Config{}, checks.Spec{Name: "buy", Journey: &j}, s.target())
		if got.Status == checks.Passed || !strings.Contains(got.Reason, c.says) {
			t.Errorf("%s: got %s: %s\nwant it to say %q", name, got.Status, got.Reason, c.says)
		}
		if want := map[bool]checks.Status{true: checks.Failed, false: checks.Broken}[name == "no place at all"]; got.Status != want {
			t.Errorf("%s: got %s, want %s", name, got.Status, want)
		}
	}
}

// TestCleanupTellsAndDecidesNothing ensures that all of it is run, and what fails in it
// is told.
func TestCleanupTellsAndDecidesNothing(t *testing.T) {
	s := newShop(t)
	var last atomic.Bool
	s.instead = on("DELETE", "/", func(w http.ResponseWriter, r *http.Request) {
		last.Store(r.URL.Path == "/session")
		w.WriteHeader(500)
	})
	j := buying()
	j.Cleanup = append(j.Cleanup, checks.Step{Name: "logout", HTTP: checks.HTTP{Method: "DELETE", URL: "{{ .Arm.URL }}/session"}})
	got := travel(t, journey.Config{}, checks.Spec{Name: "buy", Journey: &j}, s.target())
	if got.Status != checks.Passed || !strings.Contains(got.Reason, "; cleanup: cancel: DELETE /orders/o-1 answered 500") || !strings.Contains(got.Reason, "; logout: DELETE /session answered 500") || !last.Load() {
		t.Errorf("got %s: %s", got.Status, got.Reason)
	}
}

// TestTimeIsOver ensures that a journey ends in its time, and cleans up after it.
func TestTimeIsOver(t *testing.T) {
	for name, c := range map[string]struct {
		cfg    journey.Config
		spec   checks.Spec
		caller time.Duration
		want   checks.Status
		says   string
	}{
		"its own":        {journey.Config{Longest: 2 * time.Second}, checks.Spec{}, 0, checks.Failed, "step 2 of 2 (look): GET /orders/o-1 was not answered within 10 s: the journey's time was over"},
		"the check's":    {journey.Config{}, checks.Spec{Total: 2 * time.Second}, 0, checks.Failed, "step 2 of 2 (look)"},
		"a step's":       {journey.Config{}, checks.Spec{}, 0, checks.Failed, "step 2 of 2 (look): GET /orders/o-1 was not answered within 250 ms; before it"},
		"the caller's":   {journey.Config{}, checks.Spec{}, 2 * time.Second, checks.Broken, "step 2 of 2 (look): GET /orders/o-1 was not answered within 10 s: the caller gave up"},
		"total is later": {journey.Config{}, checks.Spec{Total: time.Hour}, 2 * time.Second, checks.Broken, "the caller gave up"},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			s := newShop(t)
			s.instead = on("GET", "/orders", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			j := buying()
			if name == "a step's" {
				j.Steps[1].HTTP.Within = 250 * time.Millisecond
			}
			c.spec.Journey = &j
			ctx := t.Context()
			if c.caller > 0 {
				bound, cancel := context.WithTimeout(ctx, c.caller)
				defer cancel()
				ctx = bound
			}
			got := checks.WithSecrets(secrets, checks.Kinds{"journey": journey.New(c.cfg)}).Run(ctx, c.spec, s.target())
			if got.Status != c.want || !strings.Contains(got.Reason, c.says) {
				t.Errorf("got %s: %s\nwant %s: … %s", got.Status, got.Reason, c.want, c.says)
			}
			if n := s.left(); n != 0 {
				t.Errorf("got %d orders left, want them cleaned up", n)
			}
			s.idle(t)
			s.Close()
			goleak.VerifyNone(t, before)
		})
	}
}

func TestACallerThatGivesUp(t *testing.T) {
	s := newShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.instead = on("GET", "/orders", func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	j := buying()
	got := checks.WithSecrets(secrets, checks.Kinds{"journey": journey.New(journey.Config{})}).Run(ctx, checks.Spec{Retries: 3, Journey: &j}, s.target())
	if got.Status != checks.Broken || got.Attempts != 1 || !strings.Contains(got.Reason, "(look)") || s.left() != 0 {
		t.Errorf("got %s after %d attempts, %d orders left: %s", got.Status, got.Attempts, s.left(), got.Reason)
	}
}

// TestRetriesBeginAnew ensures that no cookie and no value of an attempt is left to the
// next.
func TestRetriesBeginAnew(t *testing.T) {
	s := newShop(t)
	var n atomic.Int32
	s.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/login" && r.Header.Get("Cookie") != "" {
			t.Errorf("got the cookies %s at a login", r.Header.Get("Cookie"))
		}
		return on("GET", "/orders", answering(500, ""))(w, r) && n.Add(1) > 0
	}
	j := buying()
	got := travel(t, journey.Config{}, checks.Spec{Retries: 2, Journey: &j}, s.target())
	if got.Status != checks.Failed || got.Attempts != 3 || s.logins != 3 || s.left() != 0 || len(got.Steps) != 4 {
		t.Errorf("got %s after %d attempts and %d logins, %d orders left, %d steps: %s", got.Status, got.Attempts, s.logins, s.left(), len(got.Steps), got.Reason)
	}
}

// TestBothArmsTravel ensures that the same journey is made on both arms, each with its
// own cookies and values.
func TestBothArmsTravel(t *testing.T) {
	lost := on("GET", "/orders", answering(200, `{"id": "o-1", "state": "lost"}`))
	for name, c := range map[string]struct {
		canary, baseline func(http.ResponseWriter, *http.Request) bool
		want             checks.Status
		says             string
	}{
		"neither fails": {nil, nil, checks.Passed, "both arms pass"},
		"the canary":    {lost, nil, checks.Failed, "fails on the canary and not on the baseline: canary: Journey of 2 steps failed at step 2 of 2 (look): "},
		"the baseline":  {nil, lost, checks.Passed, "passes on the canary and not on the baseline"},
		"both fail":     {lost, lost, checks.Environment, "environment, not canary"},
	} {
		canary, baseline := newShop(t), newShop(t)
		canary.instead, baseline.instead = c.canary, c.baseline
		j := buying()
		got := travel(t, journey.Config{}, checks.Spec{Arms: checks.OnBoth, Journey: &j},
			checks.Target{Canary: checks.Arm{URL: canary.URL}, Baseline: checks.Arm{URL: baseline.URL}})
		if got.Status != c.want || !strings.Contains(got.Reason, c.says) {
			t.Errorf("%s: got %s: %s", name, got.Status, got.Reason)
		}
		if canary.logins != 1 || baseline.logins != 1 || len(got.Canary.Steps) != 4 || len(got.Baseline.Steps) != 4 {
			t.Errorf("%s: got %d and %d logins, and steps %+v and %+v", name, canary.logins, baseline.logins, got.Canary.Steps, got.Baseline.Steps)
		}
	}
}

// TestAtOnce ensures that no more journeys are on their way than are allowed, and that
// one that finds no place in its time is broken.
func TestAtOnce(t *testing.T) {
	s := newShop(t)
	var served atomic.Int32
	began, release := make(chan struct{}, 2), make(chan struct{})
	s.instead = on("GET", "/wait", func(http.ResponseWriter, *http.Request) {
		served.Add(1)
		began <- struct{}{}
		<-release
	})
	r := journey.New(journey.Config{AtOnce: 1})
	j := checks.Journey{Steps: []checks.Step{{Name: "wait", HTTP: checks.HTTP{URL: s.URL + "/wait"}}}}
	first := make(chan checks.Result)
	go func() { first <- r.Run(t.Context(), checks.Spec{Journey: &j}, checks.Target{}) }()
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := r.Run(ctx, checks.Spec{Journey: &j}, checks.Target{}); got.Status != checks.Broken || !strings.Contains(got.Reason, "1 journeys are run at a time") {
		t.Errorf("got %s: %s", got.Status, got.Reason)
	}
	close(release)
	if got := <-first; got.Status != checks.Passed || served.Load() != 1 {
		t.Errorf("got %s: %s, with %d requests served", got.Status, got.Reason, served.Load())
	}
}
