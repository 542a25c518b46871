package httpcheck_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/httpcheck"
)

// ticking is a clock that moves by a fixed step at each reading: a request takes
// one step.
func ticking(step time.Duration) func() time.Time {
	var n atomic.Int64
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	return func() time.Time { return start.Add(time.Duration(n.Add(1)) * step) }
}

func runner(cfg httpcheck.Config) *httpcheck.Runner {
	if cfg.Clock.Now == nil {
		cfg.Clock.Now = ticking(12 * time.Millisecond)
	}
	cfg.Clock.Pause = time.Millisecond
	return httpcheck.New(cfg)
}

// serve starts a server and returns a target whose canary it is.
func serve(t *testing.T, h http.HandlerFunc) checks.Target {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return checks.Target{
		Service: "checkout", Namespace: "shop", Revision: "r1",
		Canary:   checks.Arm{URL: s.URL, Version: "v2", Labels: map[string]string{"track": "canary"}},
		Baseline: checks.Arm{URL: "http://baseline.invalid", Version: "v1"},
	}
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestAnswers(t *testing.T) {
	get := func(h checks.HTTP) checks.HTTP {
		if h.URL == "" {
			h.URL = "{{ .Canary.URL }}/health"
		}
		return h
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		check   checks.HTTP
		status  checks.Status
		reason  string
	}{
		"ok": {answering(200, "fine"), checks.HTTP{}, checks.Passed, "GET /health answered 200 in 12 ms"},
		"another status": {answering(503, ""), checks.HTTP{}, checks.Failed,
			"GET /health answered 503 in 12 ms, want 200"},
		"a set of statuses": {answering(204, ""), checks.HTTP{Method: "delete", Status: []int{200, 202, 204}}, checks.Passed,
			"DELETE /health answered 204 in 12 ms"},
		"none of a set": {answering(500, ""), checks.HTTP{Status: []int{200, 202, 204}}, checks.Failed,
			"GET /health answered 500 in 12 ms, want 200, 202 or 204"},
		"the right JSON": {answering(200, `{"status":"ok","version":"v2","more":1}`),
			checks.HTTP{JSON: map[string]any{"status": "ok", "version": "{{ .Canary.Version }}"}}, checks.Passed,
			"GET /health answered 200 in 12 ms with the JSON that is wanted"},
		"other JSON": {answering(200, `{"status":"degraded"}`), checks.HTTP{JSON: map[string]any{"status": "ok"}}, checks.Failed,
			`GET /health answered 200 in 12 ms, but $.status is "degraded", want "ok"`},
		"no JSON": {answering(200, "<html>"), checks.HTTP{JSON: map[string]any{"status": "ok"}}, checks.Failed,
			"GET /health answered 200 in 12 ms, but its body is no JSON: invalid character '<' looking for beginning of value"},
		"nothing for JSON": {answering(200, ""), checks.HTTP{JSON: map[string]any{}}, checks.Failed,
			"GET /health answered 200 in 12 ms, but its body is no JSON: it is empty"},
		"two documents": {answering(200, `{} {}`), checks.HTTP{JSON: map[string]any{}}, checks.Failed,
			"GET /health answered 200 in 12 ms, but its body is no JSON: something follows the document"},
		"JSON of the wrong status": {answering(500, `{"status":"ok"}`), checks.HTTP{JSON: map[string]any{"status": "ok"}}, checks.Failed,
			`GET /health answered 500 in 12 ms, want 200; it says "{\"status\":\"ok\"}"`},
		"in time": {answering(200, ""), checks.HTTP{Within: 12 * time.Millisecond * 1000}, checks.Passed, "GET /health answered 200 in 12 ms"},
		"a large body that nobody looks at": {answering(200, strings.Repeat("x", 2<<20)), checks.HTTP{}, checks.Passed,
			"GET /health answered 200 in 12 ms"},
		"a large body with JSON": {answering(200, `"`+strings.Repeat("x", 2<<20)+`"`), checks.HTTP{JSON: "x"}, checks.Failed,
			"GET /health answered 200 in 12 ms with more than 1 MiB, and no more is read"},
		"a query": {answering(404, ""), checks.HTTP{URL: "{{ .Canary.URL }}/a%20b?token=hunter2#x"}, checks.Failed,
			"GET /a%20b?… answered 404 in 12 ms, want 200"},
		"no path": {answering(404, ""), checks.HTTP{URL: "{{ .Canary.URL }}"}, checks.Failed, "GET / answered 404 in 12 ms, want 200"},
	} {
		t.Run(name, func(t *testing.T) {
			h := get(c.check)
			got := runner(httpcheck.Config{}).Run(t.Context(), checks.Spec{Name: "home", HTTP: &h}, serve(t, c.handler))
			if got.Status != c.status || got.Reason != c.reason {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.reason)
			}
			if got.Name != "home" || got.Attempts != 1 || got.At.IsZero() || got.Took <= 0 {
				t.Errorf("got %+v, want its name, one attempt, a time and a duration", got)
			}
		})
	}
}

func TestLateIsFailed(t *testing.T) {
	// The clock says 400 ms, whatever the machine does. The context's own limit is
	// real time, which a loopback request is far below.
	r := runner(httpcheck.Config{Clock: checks.Clock{Now: ticking(400 * time.Millisecond)}})
	h := checks.HTTP{URL: "{{ .Canary.URL }}/slow", Within: 300 * time.Millisecond}
	got := r.Run(t.Context(), checks.Spec{HTTP: &h}, serve(t, answering(200, "")))
	if want := "GET /slow answered 200 in 400 ms, want at most 300 ms"; got.Status != checks.Failed || got.Reason != want {
		t.Errorf("got %s: %s, want failed: %s", got.Status, got.Reason, want)
	}
}

func TestNoAnswer(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	wait := func(r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://user:hunter2@" + free.Addr().String() + "/x?token=hunter2"
	free.Close()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		check   checks.HTTP
		want    string // beginning
	}{
		"nothing within": {func(_ http.ResponseWriter, r *http.Request) { wait(r) }, checks.HTTP{Within: 30 * time.Millisecond},
			"GET /health was not answered within 30 ms"},
		"a body that does not end": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			wait(r)
		}, checks.HTTP{Within: 30 * time.Millisecond}, "GET /health answered 200, but its body did not end within 30 ms"},
		"a body that breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "a")
		}, checks.HTTP{}, "GET /health answered 200, and its body broke off: unexpected EOF"},
		"nobody listens": {nil, checks.HTTP{URL: nobody}, "GET /x?… was not answered: dial tcp 127.0.0.1:"},
		"no such host":   {nil, checks.HTTP{URL: "http://user:hunter2@nobody.invalid/?token=hunter2"}, "GET /?… was not answered: dial tcp"},
		"not HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				io.WriteString(conn, "220 smtp.example\x1b[31m ESMTP\r\n")
				conn.Close()
			}
		}, checks.HTTP{}, `GET /health was not answered: net/http: HTTP/1.x transport connection broken: malformed HTTP`},
	} {
		t.Run(name, func(t *testing.T) {
			target := checks.Target{}
			if c.handler != nil {
				target = serve(t, c.handler)
			}
			if c.check.URL == "" {
				c.check.URL = "{{ .Canary.URL }}/health"
			}
			got := runner(httpcheck.Config{}).Run(t.Context(), checks.Spec{HTTP: &c.check}, target)
			if got.Status != checks.Failed || !strings.HasPrefix(got.Reason, c.want) {
				t.Errorf("got %s: %s\nwant failed: %s…", got.Status, got.Reason, c.want)
			}
			harmless(t, got.Reason)
		})
	}
}

// harmless fails where a sentence carries a credential or is not one line.
func harmless(t *testing.T, reason string) {
	t.Helper()
	if strings.Contains(reason, "hunter2") || strings.ContainsAny(reason, "\n\x1b") || strings.Contains(reason, "user:") {
		t.Errorf("a credential or a control character in %q", reason)
	}
}

func TestBrokenChecks(t *testing.T) {
	for name, c := range map[string]struct {
		spec checks.Spec
		want string
	}{
		"no HTTP check":      {checks.Spec{}, "it is not an HTTP check"},
		"no template":        {checks.Spec{HTTP: &checks.HTTP{URL: "{{ .Canary.URL"}}, "its url is no template"},
		"no such field":      {checks.Spec{HTTP: &checks.HTTP{URL: "{{ .Canary.Host }}/"}}, "its url cannot be filled in"},
		"no such label":      {checks.Spec{HTTP: &checks.HTTP{URL: "http://x/", Body: "{{ .Canary.Labels.team }}"}}, `map has no entry for key "team"`},
		"no URL of the arm":  {checks.Spec{HTTP: &checks.HTTP{URL: "{{ .Canary.URL }}/health"}}, `and starts with "/health"; is the arm's URL known?`},
		"another scheme":     {checks.Spec{HTTP: &checks.HTTP{URL: "file:///etc/passwd"}}, `and starts with "file:"`},
		"a bad URL":          {checks.Spec{HTTP: &checks.HTTP{URL: "http://user:hunter2@host:hunter2/"}}, "its URL cannot be read"},
		"a bad method":       {checks.Spec{HTTP: &checks.HTTP{URL: "http://x/", Method: "GE T"}}, "its method is not one of HTTP's"},
		"a bad header":       {checks.Spec{HTTP: &checks.HTTP{URL: "http://x/", Headers: map[string]string{"X": "a\nhunter2"}}}, `its header "X" cannot be sent`},
		"a bad header name":  {checks.Spec{HTTP: &checks.HTTP{URL: "http://x/", Headers: map[string]string{"X y": "a"}}}, `its header "X y" cannot be sent`},
		"a bad status":       {checks.Spec{HTTP: &checks.HTTP{URL: "http://x/", Status: []int{200, 20}}}, "it wants the status 20, and there is none"},
		"JSON of no text":    {checks.Spec{HTTP: &checks.HTTP{URL: "http://x/", JSON: func() {}}}, "the JSON that it wants cannot be written"},
		"a template in JSON": {checks.Spec{HTTP: &checks.HTTP{URL: "http://x/", JSON: []any{map[string]any{"v": "{{ .Nope }}"}}}}, "its json cannot be filled in"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Retries = 3
			got := runner(httpcheck.Config{}).Run(t.Context(), c.spec, checks.Target{})
			if got.Status != checks.Broken || !strings.Contains(got.Reason, c.want) {
				t.Errorf("got %s: %s\nwant broken with %q", got.Status, got.Reason, c.want)
			}
			if got.Attempts > 1 {
				t.Errorf("got %d attempts, want no repetition of what cannot work", got.Attempts)
			}
			harmless(t, got.Reason)
		})
	}
}

func TestTheRequestIsAsDeclared(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "%q", strings.Join([]string{r.Method, r.Host, r.URL.String(), r.Header.Get("X-Track"), r.Header.Get("User-Agent"),
			user, password, string(body), fmt.Sprint(r.Close)}, " "))
	})
	target.Canary.URL = strings.Replace(target.Canary.URL, "http://", "http://u:p@", 1)
	h := checks.HTTP{
		Method: "post", URL: "{{ .Canary.URL }}/v?revision={{ .Revision }}",
		Headers: map[string]string{"x-track": "{{ .Canary.Labels.track }}", "host": "{{ .Service }}.{{ .Namespace }}"},
		Body:    "{{ .Baseline.Version }}",
		JSON:    "POST checkout.shop /v?revision=r1 canary serin-check u p v1 true",
	}
	got := runner(httpcheck.Config{}).Run(t.Context(), checks.Spec{HTTP: &h}, target)
	if got.Status != checks.Passed {
		t.Errorf("got %s: %s", got.Status, got.Reason)
	}
}

func TestRetries(t *testing.T) {
	for name, c := range map[string]struct {
		answers  []int
		retries  int
		status   checks.Status
		attempts int
		reason   string
	}{
		"not needed":    {[]int{200}, 2, checks.Passed, 1, "GET / answered 200 in 12 ms"},
		"needed":        {[]int{503, 200}, 1, checks.Passed, 2, "GET / answered 200 in 12 ms; attempt 2 of 2 (before: answered 503 in 12 ms, want 200)"},
		"in vain":       {[]int{500, 500, 502}, 2, checks.Failed, 3, "GET / answered 502 in 12 ms, want 200; attempt 3 of 3 (before: answered 500 in 12 ms, want 200)"},
		"none":          {[]int{500}, 0, checks.Failed, 1, "GET / answered 500 in 12 ms, want 200"},
		"less than one": {[]int{500}, -1, checks.Failed, 1, "GET / answered 500 in 12 ms, want 200"},
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			target := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.answers[n.Add(1)-1]) })
			got := runner(httpcheck.Config{}).Run(t.Context(), checks.Spec{Retries: c.retries, HTTP: &checks.HTTP{URL: "{{ .Canary.URL }}"}}, target)
			if got.Status != c.status || got.Attempts != c.attempts || got.Reason != c.reason {
				t.Errorf("got %s after %d: %s\nwant %s after %d: %s", got.Status, got.Attempts, got.Reason, c.status, c.attempts, c.reason)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	other := httptest.NewServer(answering(200, ""))
	defer other.Close()
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/end":
			w.WriteHeader(200)
		case "/away":
			http.Redirect(w, r, elsewhere+"/?token=hunter2", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/created":
			w.Header().Set("Location", elsewhere)
			w.WriteHeader(201)
		default: // /1, /2, /3, /4: so many redirects
			n := int(r.URL.Path[1] - '0')
			to := "/end"
			if n > 1 {
				to = fmt.Sprintf("/%d", n-1)
			}
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
	})
	for name, c := range map[string]struct {
		path   string
		want   []int
		status checks.Status
		reason string
	}{
		"three":              {"/3", nil, checks.Passed, "GET /3 answered 200 in 12 ms"},
		"four":               {"/4", nil, checks.Failed, "GET /4 was not answered: it was redirected more than 3 times"},
		"in a circle":        {"/loop", nil, checks.Failed, "GET /loop was not answered: it was redirected more than 3 times"},
		"to another host":    {"/away", nil, checks.Failed, "GET /away answered 302 in 12 ms with a redirect to another host (localhost), which is not followed, want 200"},
		"that is wanted":     {"/away", []int{302}, checks.Passed, "GET /away answered 302 in 12 ms"},
		"a location, no 3xx": {"/created", nil, checks.Failed, "GET /created answered 201 in 12 ms, want 200"},
	} {
		got := runner(httpcheck.Config{}).Run(t.Context(), checks.Spec{HTTP: &checks.HTTP{URL: target.Canary.URL + c.path, Status: c.want}}, target)
		if got.Status != c.status || got.Reason != c.reason {
			t.Errorf("%s: got %s: %s\nwant %s: %s", name, got.Status, got.Reason, c.status, c.reason)
		}
	}
}

func TestGuard(t *testing.T) {
	asked := make(chan netip.AddrPort, 10)
	loopback := func(a netip.AddrPort) error {
		asked <- a
		if a.Addr().IsLoopback() {
			return errors.New("loopback addresses are not allowed\nhere")
		}
		return nil
	}
	var served atomic.Int32
	target := serve(t, func(http.ResponseWriter, *http.Request) { served.Add(1) })
	for name, guard := range map[string]func(netip.AddrPort) error{
		"refuses": loopback,
		"panics":  func(netip.AddrPort) error { panic("hunter2") },
	} {
		got := runner(httpcheck.Config{Guard: guard}).Run(t.Context(), checks.Spec{Retries: 1, HTTP: &checks.HTTP{URL: "{{ .Canary.URL }}/"}}, target)
		if got.Status != checks.Broken || served.Load() != 0 {
			t.Errorf("%s: got %s: %s, and %d requests served; want broken and none", name, got.Status, got.Reason, served.Load())
		}
		harmless(t, got.Reason)
		if want := "GET / was not sent: loopback addresses are not allowed here"; name == "refuses" && got.Reason != want {
			t.Errorf("got %q, want %q", got.Reason, want)
		}
	}
	if a := <-asked; !a.Addr().Is4() || "http://"+a.String() != target.Canary.URL {
		t.Errorf("got %s asked for, want the address of %s", a, target.Canary.URL)
	}
	got := runner(httpcheck.Config{Guard: func(netip.AddrPort) error { return nil }}).Run(t.Context(), checks.Spec{HTTP: &checks.HTTP{URL: "{{ .Canary.URL }}"}}, target)
	if got.Status != checks.Passed {
		t.Errorf("a guard that allows: got %s: %s", got.Status, got.Reason)
	}
}

func TestACallerThatGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	got := runner(httpcheck.Config{}).Run(ctx, checks.Spec{Retries: 5, HTTP: &checks.HTTP{URL: "{{ .Canary.URL }}"}}, target)
	if want := "GET / was given up by the caller before it was answered"; got.Status != checks.Broken || got.Reason != want {
		t.Errorf("got %s: %s, want broken: %s", got.Status, got.Reason, want)
	}

	ctx, cancel = context.WithCancel(t.Context())
	target = serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	slow := httpcheck.New(httpcheck.Config{Clock: checks.Clock{Pause: time.Hour, Now: ticking(time.Millisecond)}})
	done := make(chan checks.Result)
	go func() {
		done <- slow.Run(ctx, checks.Spec{Retries: 5, HTTP: &checks.HTTP{URL: "{{ .Canary.URL }}"}}, target)
	}()
	cancel()
	if got := <-done; got.Status != checks.Broken {
		t.Errorf("between two attempts: got %s: %s, want broken", got.Status, got.Reason)
	}
}

func TestNoConnectionIsKept(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := httptest.NewServer(answering(200, strings.Repeat("x", 2<<20)))
	r := runner(httpcheck.Config{})
	for range 20 {
		if got := r.Run(t.Context(), checks.Spec{HTTP: &checks.HTTP{URL: s.URL}}, checks.Target{}); got.Status != checks.Passed {
			t.Fatalf("got %s: %s", got.Status, got.Reason)
		}
	}
	s.Close()
	goleak.VerifyNone(t, before)
}
