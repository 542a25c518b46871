package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

// echoContext returns a context outside any request.
func (w *world) echoContext() echo.Context {
	return echo.New().NewContext(httptest.NewRequest("GET", "/", nil), httptest.NewRecorder())
}

// The library's traps, as they were measured.

func TestTimeoutsAreSet(t *testing.T) {
	s := newWorld(t).server.server()
	for name, d := range map[string]time.Duration{
		"read header": s.ReadHeaderTimeout, "read": s.ReadTimeout, "write": s.WriteTimeout, "idle": s.IdleTimeout,
	} {
		if d <= 0 || d > 2*time.Minute {
			t.Errorf("got %s timeout %v, want a bound", name, d)
		}
	}
	if s.WriteTimeout <= newWorld(t).server.cfg.Timeout {
		t.Errorf("got write timeout %v, want more than the work may take", s.WriteTimeout)
	}
}

func TestClientAddressIsTheConnections(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest("GET", "/v1/rollouts", nil)
	r.Header.Set("X-Forwarded-For", "6.6.6.6")
	r.Header.Set("X-Real-IP", "6.6.6.6")
	r.RemoteAddr = "10.1.2.3:4567"
	w.want(w.send(r), 200)
	if log := w.logs.String(); strings.Contains(log, "6.6.6.6") || !strings.Contains(log, `"remote":"10.1.2.3"`) {
		t.Errorf("got log %s, want the address of the connection", log)
	}
}

func TestBodyCannotOverrideThePath(t *testing.T) {
	w := newWorld(t)
	one := w.announce(announced1)
	two := w.announce(strings.Replace(announced1, `"checkout"`, `"strict"`, 1))
	id := strings.TrimPrefix(two, "/v1/rollouts/")
	w.want(w.do("POST", one+"/weights", `{"percent": 77, "id": "`+id+`"}`), 400)
	w.want(w.do("POST", one+"/weights?id="+id, `{"percent": 77}`), 200)
	for _, sum := range w.rollouts() {
		n := len(sum.Rollout.Weights)
		if want := map[bool]int{true: 2, false: 3}[sum.Rollout.ID == id]; n != want {
			t.Errorf("%s: got %d weights, want %d", sum.Rollout.Service, n, want)
		}
	}
}

func TestBodyLimitHoldsForChunks(t *testing.T) {
	w := newWorld(t)
	srv := httptest.NewServer(w.server.Handler())
	defer srv.Close()
	for path, want := range map[string]string{"/flagger/rollout": "text/plain; charset=UTF-8", "/argo/analysis": "application/json", "/v1/rollouts": "application/json"} {
		for _, chunked := range [...]bool{true, false} {
			// Valid JSON up to the end, so that only the limit can refuse it.
			var body io.Reader = strings.NewReader(`{"name":"checkout","namespace":"shop","checksum":"1"` + strings.Repeat(" ", maxBody) + `}`)
			if chunked {
				body = io.MultiReader(body) // hides the length
			}
			resp, err := http.Post(srv.URL+path, "application/json", body)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusRequestEntityTooLarge || resp.Header.Get("Content-Type") != want {
				t.Errorf("%s, chunked %v: got %d %s, want 413 as %s", path, chunked, resp.StatusCode, resp.Header.Get("Content-Type"), want)
			}
		}
	}
}

func TestUnknownPathsCannotFillTheMetrics(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		r := httptest.NewRequest("GET", fmt.Sprintf("/none/%d?token=hunter2", i), nil)
		w.want(w.send(r), 404)
		w.want(w.do(fmt.Sprintf("METHOD%d", i), "/v1/rollouts", ""), 405)
		w.want(w.do("GET", fmt.Sprintf("/v1/rollouts/aaaaaaaaaaaaaa%02d", i), ""), 404)
		w.want(w.do("POST", fmt.Sprintf("/flagger/none%d", i), "{}"), 404)
	}
	body := w.want(w.do("GET", "/metrics", ""), 200).body
	n := strings.Count(body, "\nserin_http_requests_total{")
	if n != 4 || !strings.Contains(body, `serin_http_requests_total{code="404",method="GET",route="unmatched"} 20`) {
		t.Errorf("got %d series of requests, want 4:\n%s", n, body)
	}
	if strings.Contains(body+w.logs.String(), "hunter2") || strings.Contains(w.logs.String(), "/none/") {
		t.Errorf("got a path or a query in log or metrics, want neither")
	}
}

func TestRequestIDs(t *testing.T) {
	w := newWorld(t)
	for sent, kept := range map[string]bool{"abc-1.2_3": true, "": false, "a b": false, "a\"b": false, strings.Repeat("a", 65): false} {
		r := httptest.NewRequest("GET", "/v1/rollouts", nil)
		r.Header.Set("X-Request-Id", sent)
		got := w.send(r).header.Get("X-Request-Id")
		if (got == sent) != kept || got == "" {
			t.Errorf("sent %q: got %q, want it kept: %v", sent, got, kept)
		}
		if !strings.Contains(w.logs.String(), `"id":"`+got+`"`) {
			t.Errorf("got log %s, want request %s in it", w.logs, got)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	w := newWorld(t)
	for _, path := range [...]string{"/healthz", "/none", "/v1/rollouts"} {
		h := w.do("GET", path, "").header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cache-Control": "no-store",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestPagesOfOtherSitesAreNoCallers(t *testing.T) {
	w := newWorld(t)
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r := httptest.NewRequest("POST", "/v1/rollouts", strings.NewReader(announced1))
		r.Header.Set(header, value)
		w.want(w.send(r), 403)
	}
	if n := len(w.rollouts()); n != 0 {
		t.Errorf("got %d rollouts, want none", n)
	}
}

func TestWorkIsBounded(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Timeout = time.Nanosecond })
	w.judge.before = func(ctx context.Context) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("got no deadline, want the server's")
		}
	}
	a := w.do("POST", "/flagger/rollout", `{"name":"checkout","namespace":"shop","checksum":"1"}`)
	w.want(a, 503)
	w.want(w.do("POST", "/v1/judge", announced1), 503)
}

// TestManyCallersAtOnce has every dialect ask about one service at once.
func TestManyCallersAtOnce(t *testing.T) {
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Advance = yes("no harm") })
	srv := httptest.NewServer(w.server.Handler())
	defer srv.Close()
	var wg sync.WaitGroup
	post := func(path, body string, want ...int) {
		wg.Go(func() {
			resp, err := http.Post(srv.URL+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			for _, code := range want {
				if resp.StatusCode == code {
					return
				}
			}
			t.Errorf("%s: got %d %q, want one of %v", path, resp.StatusCode, text, want)
		})
	}
	for i := range 8 {
		flagger := `{"name":"checkout","namespace":"shop","checksum":"1"}`
		post("/flagger/rollout", flagger, 200)
		post("/flagger/confirm-traffic-increase", flagger, 200)
		post("/flagger/rollback", flagger, 409)
		post("/flagger/event", fmt.Sprintf(`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"eventMessage":"Advance checkout.shop canary weight %d"}}`, i), 200)
		post("/argo/analysis", argoArgs(nil), 200)
		post("/v1/judge", announced1, 202)
	}
	wg.Wait()
	if n := len(w.rollouts()); n != 3 {
		t.Errorf("got %d rollouts, want one for each controller", n)
	}
	resp, err := http.Get(srv.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
}

// serve runs a server on loopback until the returned function ends it.
func (w *world) serve(t *testing.T) (url string, stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.server.Serve(ctx, l) }()
	t.Cleanup(cancel)
	return "http://" + l.Addr().String(), cancel, done
}

func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	asked, release := make(chan bool), make(chan bool)
	w.judge.before = func(context.Context) { close(asked); <-release }
	url, stop, ended := w.serve(t)
	got := make(chan string, 1)
	go func() {
		resp, err := http.Post(url+"/flagger/rollout", "application/json", strings.NewReader(`{"name":"checkout","namespace":"shop","checksum":"1"}`))
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		got <- resp.Status + " " + string(text)
	}()
	<-asked
	stop()
	<-w.server.stopping
	select {
	case err := <-ended:
		t.Fatalf("got the end (%v) while a request was under way, want it awaited", err)
	case text := <-got:
		t.Fatalf("got %q before there was a verdict", text)
	default:
	}
	close(release)
	if text := <-got; text != "200 OK continue: 2 of 10 paired blocks\n" {
		t.Errorf("got %q, want the answer", text)
	}
	if err := <-ended; err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestShutdownIsBounded(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Drain = time.Millisecond })
	asked := make(chan bool)
	w.judge.before = func(ctx context.Context) { close(asked); <-ctx.Done() }
	url, stop, ended := w.serve(t)
	got := make(chan error, 1)
	go func() {
		resp, err := http.Post(url+"/flagger/rollout", "application/json", strings.NewReader(`{"name":"checkout","namespace":"shop","checksum":"1"}`))
		if err == nil {
			resp.Body.Close()
		}
		got <- err
	}()
	<-asked
	stop()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v, want it said that a request was cut off", err)
	}
	if err := <-got; err == nil {
		t.Error("got an answer, want the connection cut")
	}
}

func TestListenersThatStrangersReach(t *testing.T) {
	for addr, refused := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		for _, tokens := range [][]Token{nil, {FullToken("secret", "secret-token")}} {
			w := newWorld(t, func(c *Config) { c.Tokens = tokens })
			l, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // one that is let in ends at once
			err = w.server.Serve(ctx, l)
			if got := err != nil; got != (refused && tokens == nil) {
				t.Errorf("%s with %d tokens: got %v, want refused: %v", addr, len(tokens), err, refused && tokens == nil)
			}
			if err != nil && !strings.Contains(err.Error(), "configure a token or listen on loopback") {
				t.Errorf("got %v, want what to do", err)
			}
		}
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	good := w.server.cfg
	for name, change := range map[string]func(*Config){
		"no judge": func(c *Config) { c.Judge = nil }, "no journal": func(c *Config) { c.Journal = nil }, "no plans": func(c *Config) { c.Plans = nil },
		"empty token":    func(c *Config) { c.Tokens = []Token{FullToken("a", "b"), {}} },
		"negative limit": func(c *Config) { c.Limits.Rate = -1 },
		"base URL":       func(c *Config) { c.BaseURL = "serin" }, "base URL with password": func(c *Config) { c.BaseURL = "https://a:b@c" },
		"nil pinger": func(c *Config) { c.Ready = map[string]Pinger{"x": nil} }, "negative": func(c *Config) { c.Timeout = -1 },
	} {
		c := good
		change(&c)
		if s, err := New(c); err == nil || s != nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
}

func TestErrorsWithoutAFace(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	c := echo.New().NewContext(httptest.NewRequest("GET", "/v1/rollouts", nil), rec)
	w.server.fail(errors.New("the password is hunter2"), c)
	var body map[string]string
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || rec.Code != 500 || body["error"] != "internal error" || strings.Contains(rec.Body.String(), "hunter2") {
		t.Errorf("got %d %s, want nothing of the cause", rec.Code, rec.Body)
	}
	before := rec.Body.Len()
	w.server.fail(errors.New("again"), c)
	if rec.Body.Len() != before {
		t.Error("got a second answer, want one")
	}
	e := &HTTPError{Code: 503, Public: "public", Err: errBroken}
	if e.Error() != "503 public: "+errBroken.Error() || !errors.Is(e, errBroken) {
		t.Errorf("got %q, want code, text and cause", e.Error())
	}
}
