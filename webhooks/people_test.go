package webhooks

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/webhooks/pages"
)

// browse asks as a browser does.
func (w *world) browse(path string) answer {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	return w.send(r)
}

// announceOne opens a rollout and has it looked at, and returns its ID.
func (w *world) announceOne(t *testing.T) string {
	t.Helper()
	w.want(w.do("POST", "/v1/rollouts", announced1), 201)
	id := w.rollouts()[0].Rollout.ID
	w.want(w.do("POST", "/v1/rollouts/"+id+"/judge", ""), 200)
	return id
}

func TestPagesAreShown(t *testing.T) {
	w := newWorld(t)
	if a := w.want(w.browse("/"), 200); !strings.Contains(a.body, "No rollout has been announced yet") {
		t.Errorf("got %s, want an empty list", a.body)
	}
	w.judge.say(func(v *judge.Verdict) {
		v.Outcome, v.RollBack, v.Reason = judge.Rollback, yes("errors"), "errors are 9 % against 1 %"
	})
	id := w.announceOne(t)
	for path, want := range map[string][]string{
		"/":                           {`href="/r/` + id + `"`, "rollback", "errors are 9 % against 1 %"},
		"/?outcome=rollback&service=": {id},
		"/r/" + id:                    {"Rollback", "errors are 9 % against 1 %", "Decide in the judge", `data-live="/r/` + id + `/events"`},
	} {
		a := w.want(w.browse(path), 200)
		for _, text := range want {
			if !strings.Contains(a.body, text) {
				t.Errorf("%s: got no %q in %s", path, text, a.body)
			}
		}
		if got := a.header.Get("Content-Security-Policy"); got != pages.Policy {
			t.Errorf("%s: got policy %q", path, got)
		}
		if strings.Contains(a.body, " style=") {
			t.Errorf("%s: has a style that its own policy refuses", path)
		}
	}
	for _, path := range []string{"/?outcome=promote", "/?service=other", "/?before=2001-01-01T00:00:00Z"} {
		if a := w.want(w.browse(path), 200); strings.Contains(a.body, id) {
			t.Errorf("%s: got the rollout, want none", path)
		}
	}
	for path, code := range map[string]int{
		"/?servce=x": 400, "/?before=yesterday": 400, "/r/nosuch": 404, "/r/aaaaaaaaaaaaaaaa": 404, "/assets/none.css": 404, "/assets/..%2fpages.go": 404,
	} {
		if a := w.want(w.browse(path), code); !strings.Contains(a.body, "This page cannot be shown") {
			t.Errorf("%s: got %s, want a page that says why", path, a.body)
		}
	}
	for _, name := range []string{"serin.css", "live.js", "serin.svg"} {
		w.want(w.browse("/assets/"+name), 200)
	}
	// Whoever is no browser is told in JSON.
	if a := w.want(w.do("GET", "/r/nosuch", ""), 404); a.object(t)["error"] == "" {
		t.Errorf("got %s, want an error", a.body)
	}
}

func TestAPersonDecidesByTheForm(t *testing.T) {
	w := newWorld(t)
	id := w.announceOne(t)
	send := func(form url.Values, origin string) answer {
		r := httptest.NewRequest(http.MethodPost, "/r/"+id+"/override", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if origin != "" {
			r.Header.Set("Origin", origin)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}
		return w.send(r)
	}
	w.want(send(url.Values{"action": {"hold"}, "reason": {""}}, ""), 400)
	w.want(send(url.Values{"action": {"dance"}, "reason": {"because"}}, ""), 400)
	w.want(send(url.Values{"action": {"hold"}, "reason": {"because"}}, "https://evil.example"), 403)
	if a := w.want(send(url.Values{"action": {"hold"}, "reason": {"the pager rang <b>twice</b>"}}, ""), 303); a.header.Get("Location") != "/r/"+id {
		t.Errorf("got Location %q, want the rollout's page", a.header.Get("Location"))
	}
	a := w.want(w.browse("/r/"+id), 200)
	if !strings.Contains(a.body, "the pager rang &lt;b&gt;twice&lt;/b&gt;") {
		t.Errorf("got %s, want the reason, and inert", a.body)
	}
	w.want(w.do("DELETE", "/v1/rollouts/"+id, ""), 200)
	w.want(send(url.Values{"action": {"hold"}, "reason": {"because"}}, ""), 409)
	if a := w.browse("/r/" + id); strings.Contains(a.body, "<form") || strings.Contains(a.body, "data-live") {
		t.Errorf("got %s, want no form and nothing live where the rollout is over", a.body)
	}
}

func TestPagesNeedRights(t *testing.T) {
	narrowed := func(name, secret string, change func(*Token)) Token {
		tk := FullToken(name, secret)
		change(&tk)
		return tk
	}
	w := newWorld(t, func(c *Config) {
		c.Tokens = []Token{
			FullToken("boss", "boss-secret"),
			narrowed("reader", "reader-secret", func(tk *Token) { tk.Allow, tk.Namespaces = []Right{RightRead}, []string{"other"} }),
			narrowed("viewer", "viewer-secret", func(tk *Token) { tk.Allow = []Right{RightRead} }),
		}
	})
	as := func(secret string, r *http.Request) answer {
		if secret != "" {
			r.SetBasicAuth("somebody", secret)
		}
		return w.send(r)
	}
	get := func(secret, path string) answer { return as(secret, httptest.NewRequest("GET", path, nil)) }
	w.want(as("boss-secret", httptest.NewRequest("POST", "/v1/rollouts", strings.NewReader(announced1))), 201)
	id := w.rollouts()[0].Rollout.ID
	for _, path := range []string{"/", "/r/" + id, "/r/" + id + "/events", "/assets/serin.css"} {
		w.want(get("", path), 401)
	}
	if a := w.want(get("reader-secret", "/"), 200); strings.Contains(a.body, id) || !strings.Contains(a.body, "some namespaces only") {
		t.Errorf("got %s, want nothing of another namespace, and that said", a.body)
	}
	w.want(get("reader-secret", "/r/"+id), 404)
	if a := w.want(get("viewer-secret", "/r/"+id), 200); strings.Contains(a.body, "<form") {
		t.Error("got a form for somebody who may not override")
	}
	r := httptest.NewRequest("POST", "/r/"+id+"/override", strings.NewReader("action=hold&reason=x"))
	w.want(as("viewer-secret", r), 403)
	if a := w.want(get("boss-secret", "/r/"+id), 200); !strings.Contains(a.body, "<form") {
		t.Error("got no form for somebody who may override")
	}
}

func TestAStreamTellsOfChanges(t *testing.T) {
	w := newWorld(t)
	id := w.announceOne(t)
	ticks := make(chan time.Time)
	w.server.after = func(time.Duration) <-chan time.Time { return ticks }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	site := httptest.NewServer(w.server.Handler())
	defer site.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+"/r/"+id+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %d %s", a.StatusCode, a.Header.Get("Content-Type"))
	}
	next := eventsOf(a.Body)
	if got := next(); got != "changed" {
		t.Errorf("got first event %q, want changed: what was before was missed", got)
	}
	for range streamStill {
		ticks <- time.Time{}
	}
	if got := next(); got != "still" {
		t.Errorf("got %q, want still", got)
	}
	w.want(w.do("POST", "/v1/rollouts/"+id+"/judge", ""), 200)
	ticks <- time.Time{}
	if got := next(); got != "changed" {
		t.Errorf("got %q after a look, want changed", got)
	}
	w.want(w.do("DELETE", "/v1/rollouts/"+id, ""), 200)
	ticks <- time.Time{}
	if got := next(); got != "changed" {
		t.Errorf("got %q after the end, want changed", got)
	}
	if got := next(); got != "" {
		t.Errorf("got %q after the end, want no more", got)
	}
}

// A browser that is on plain HTTP says of a form's origin what the page's referrer policy
// lets it say, and nothing else: no-referrer makes it null.
func TestTheFormIsTakenOverPlainHTTP(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Tokens = []Token{FullToken("boss", "boss-secret")} })
	send := func(r *http.Request) answer {
		r.Host = "serin.example:8080"
		r.SetBasicAuth("x", "boss-secret")
		return w.send(r)
	}
	w.want(send(httptest.NewRequest(http.MethodPost, "/v1/rollouts", strings.NewReader(announced1))), 201)
	id := w.rollouts()[0].Rollout.ID
	shown := httptest.NewRequest(http.MethodGet, "/r/"+id, nil)
	shown.Header.Set("Accept", "text/html")
	origin := "null"
	switch policy := w.want(send(shown), 200).header.Get("Referrer-Policy"); policy {
	case "same-origin": // other sites are told nothing, this one its own origin
		origin = "http://serin.example:8080"
	default:
		t.Errorf("got policy %q, want same-origin", policy)
	}
	for sent, code := range map[string]int{origin: 303, "null": 403, "http://evil.example": 403} {
		r := httptest.NewRequest(http.MethodPost, "/r/"+id+"/override", strings.NewReader("action=hold&reason=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", sent)
		w.want(send(r), code)
	}
}

// streamed opens a stream of changes and returns what reads its next event.
func (w *world) streamed(path, secret string) func() string {
	w.t.Helper()
	site := httptest.NewServer(w.server.Handler())
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute) // so that what never comes is told
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if secret != "" {
		r.SetBasicAuth("x", secret)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { cancel(); a.Body.Close(); site.Close() })
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("%s: got %d %s", path, a.StatusCode, a.Header.Get("Content-Type"))
	}
	return eventsOf(a.Body)
}

// A stream tells what a page would show otherwise than before: a decision of a person, and
// that nobody judges any more.
func TestAStreamTellsOfDecisionsAndOfAge(t *testing.T) {
	w := newWorld(t)
	id := w.announceOne(t)
	ticks := make(chan time.Time, streamStill)
	w.server.after = func(time.Duration) <-chan time.Time { return ticks }
	next := w.streamed("/r/"+id+"/events", "")
	want := func(what string) {
		t.Helper()
		if got := next(); got != "changed" {
			t.Errorf("got %q after %s, want changed", got, what)
		}
	}
	want("the beginning")
	r := httptest.NewRequest(http.MethodPost, "/r/"+id+"/override", strings.NewReader("action=hold&reason=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.want(w.send(r), 303)
	ticks <- time.Time{}
	want("a decision")
	w.clock.add(time.Hour)
	ticks <- time.Time{}
	want("an hour without a look")
}

// Lists and services' pages have streams of their own, which tell nobody of what their
// token does not show.
func TestListsAreKeptUpToDate(t *testing.T) {
	for _, c := range []struct{ page, stream, secret, yes, no string }{
		{"/", "/events", "boss-secret", "elsewhere", ""},
		{"/", "/events", "narrow-secret", "shop", "elsewhere"},
		{"/s/shop/cart", "/s/shop/cart/events", "narrow-secret", "shop", "elsewhere"},
	} {
		w := newWorld(t, func(c *Config) {
			narrow := FullToken("narrow", "narrow-secret")
			narrow.Namespaces = []string{"shop"}
			c.Tokens = []Token{FullToken("boss", "boss-secret"), narrow}
		})
		as := func(secret, method, path, body string) answer {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.SetBasicAuth("x", secret)
			return w.send(r)
		}
		announce := func(namespace, revision string) string {
			w.clock.add(time.Minute)
			body := fmt.Sprintf(`{"service": "cart", "namespace": %q, "revision": %q, "plan": "shop", "baseline": {"workload": "old"}, "canary": {"workload": "new"}}`, namespace, revision)
			return w.want(as("boss-secret", "POST", "/v1/rollouts", body), 201).object(t)["rollout"].(map[string]any)["id"].(string)
		}
		announce("shop", "r1")
		if a := w.want(as(c.secret, "GET", c.page, ""), 200); !strings.Contains(a.body, `data-live="`+c.stream+`"`) || !strings.Contains(a.body, "live.js") || !strings.Contains(a.body, `http-equiv="refresh"`) {
			t.Errorf("%s: got %s, want a page that is kept up to date", c.page, a.body)
		}
		ticks := make(chan time.Time, streamStill)
		w.server.after = func(time.Duration) <-chan time.Time { return ticks }
		next := w.streamed(c.stream, c.secret)
		told := func(what, want string) {
			t.Helper()
			if got := next(); got != want {
				t.Errorf("%s as %s: got %q after %s, want %s", c.stream, c.secret, got, what, want)
			}
		}
		told("the beginning", "changed")
		if c.no != "" {
			announce(c.no, "r1")
			for range streamStill {
				ticks <- time.Time{}
			}
			told("what it must not know", "still")
		}
		id := announce(c.yes, "r2")
		ticks <- time.Time{}
		told("an announcement", "changed")
		w.clock.add(time.Minute)
		w.want(as("boss-secret", "DELETE", "/v1/rollouts/"+id, ""), 200)
		ticks <- time.Time{}
		told("an end", "changed")
	}
}

func TestAServiceThatIsNotToBeKnownHasNoStream(t *testing.T) {
	narrow := FullToken("narrow", "narrow-secret")
	narrow.Namespaces = []string{"shop"}
	w := newWorld(t, func(c *Config) { c.Tokens = []Token{narrow} })
	for path, code := range map[string]int{"/s/other/cart/events": 403, "/s/-/cart/events": 403} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.SetBasicAuth("x", "narrow-secret")
		w.want(w.send(r), code)
	}
}
