package wscheck_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/wscheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serving upgrades every request and hands the connection to do.
func serving(t *testing.T, do func(context.Context, *websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"shop.v2"}})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		do(r.Context(), c)
	}
}

func saying(texts ...string) func(context.Context, *websocket.Conn) {
	return func(ctx context.Context, c *websocket.Conn) {
		for _, text := range texts {
			if c.Write(ctx, websocket.MessageText, []byte(text)) != nil {
				return
			}
		}
		untilClosed(ctx, c)
	}
}

func untilClosed(ctx context.Context, c *websocket.Conn) {
	for {
		if _, _, err := c.Read(ctx); err != nil {
			return
		}
	}
}

func echo(ctx context.Context, c *websocket.Conn) {
	for {
		kind, b, err := c.Read(ctx)
		if err != nil || c.Write(ctx, kind, b) != nil {
			return
		}
	}
}

func closing(_ context.Context, c *websocket.Conn) {
	c.Close(websocket.StatusPolicyViolation, "token=hunter2 is stale")
}

func run(t *testing.T, cfg wscheck.Config, c checks.WebSocket) checks.Result {
	t.Helper()
	if c.Within == 0 {
		c.Within = 20 * time.Second
	}
	return wscheck.New(cfg).Run(t.Context(), checks.Spec{Name: "x", WebSocket: &c}, checks.Target{Revision: "r7"})
}

func TestHello(t *testing.T) {
	many := make([]string, 30)
	for name, c := range map[string]struct {
		server func(context.Context, *websocket.Conn)
		check  checks.WebSocket
		status checks.Status
		said   string
	}{
		"opened":              {untilClosed, checks.WebSocket{}, checks.Passed, "WebSocket /ws?… was opened in "},
		"a greeting":          {saying("hello"), checks.WebSocket{Text: "hello"}, checks.Passed, "was opened and answered as it must in "},
		"after others":        {saying("a", "b", `{"type":"ready"}`), checks.WebSocket{Assert: []string{`json.type == "ready"`}}, checks.Passed, "answered as it must"},
		"sent and answered":   {echo, checks.WebSocket{Send: "ping {{ .Revision }}", Text: "ping {{ .Revision }}", Matches: "r[0-9]$"}, checks.Passed, "answered as it must"},
		"a subprotocol":       {untilClosed, checks.WebSocket{Subprotocol: "shop.v2"}, checks.Passed, "was opened"},
		"another subprotocol": {untilClosed, checks.WebSocket{Subprotocol: "shop.v3"}, checks.Failed, `chose none, want the subprotocol "shop.v3"`},
		"another text":        {saying("token=hunter2 no"), checks.WebSocket{Text: "hello", Within: 100 * time.Millisecond}, checks.Failed, `said "token=(hidden) no", want "hello"; after 1 messages: it took longer than it may`},
		"no match":            {saying("no"), checks.WebSocket{Matches: "^yes", Within: 100 * time.Millisecond}, checks.Failed, `said "no", which does not match`},
		"no JSON":             {saying("no"), checks.WebSocket{Assert: []string{"json.a == 1"}, Within: 100 * time.Millisecond}, checks.Failed, "the body is no JSON"},
		"never the right one": {saying(many...), checks.WebSocket{Text: "hello"}, checks.Failed, "it was the last of 10 messages"},
		"silent":              {untilClosed, checks.WebSocket{Text: "x", Within: 100 * time.Millisecond}, checks.Failed, "was opened, but said nothing: it took longer than it may"},
		"closed":              {closing, checks.WebSocket{Text: "x"}, checks.Failed, `said nothing: it closed the connection with status 1008 "token=(hidden) is stale"`},
		"dropped":             {func(context.Context, *websocket.Conn) {}, checks.WebSocket{Text: "x"}, checks.Failed, "was opened, but said nothing: "},
		"a large message":     {saying(strings.Repeat("x", 70<<10)), checks.WebSocket{Text: "x"}, checks.Failed, "more than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(serving(t, c.server))
			defer s.Close()
			c.check.URL = s.URL + "/ws?key=hunter2"
			got := run(t, wscheck.Config{}, c.check)
			if got.Status != c.status || !strings.Contains(got.Reason, c.said) || strings.Contains(got.Reason, "hunter2") {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

// TestClosing ensures that a server that ignores the close does not hold up the check.
func TestClosing(t *testing.T) {
	held := make(chan struct{})
	s := httptest.NewServer(serving(t, func(context.Context, *websocket.Conn) { <-held }))
	got := run(t, wscheck.Config{}, checks.WebSocket{URL: s.URL})
	close(held)
	s.Close()
	if got.Status != checks.Passed || !strings.Contains(got.Reason, "it was not closed as the protocol has it") {
		t.Errorf("got %s: %s, want it passed with a remark", got.Status, got.Reason)
	}
}

func TestNoWebSocket(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere":
			asked++
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/auth":
			if r.Header.Get("Authorization") != "Bearer r7" || r.Host != "shop.test" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer s.Close()
	for path, want := range map[string]string{
		"/": "was answered 200 and not 101", "/redirect": "was answered 302 and not 101", "/auth": "was answered 401 and not 101",
	} {
		got := run(t, wscheck.Config{}, checks.WebSocket{URL: s.URL + path, Headers: map[string]string{"Authorization": "Bearer {{ .Revision }}", "Host": "shop.test"}})
		if got.Status != checks.Failed || !strings.Contains(got.Reason, want) {
			t.Errorf("%s: got %s: %s, want %s", path, got.Status, got.Reason, want)
		}
	}
	if asked > 0 {
		t.Errorf("got %d requests after a redirect, want none", asked)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(serving(t, saying("hello")))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := checks.WebSocket{URL: strings.Replace(s.URL, "https", "wss", 1), Text: "hello"}
	if got := run(t, wscheck.Config{Roots: roots}, c); got.Status != checks.Passed {
		t.Errorf("got %s: %s, want it passed", got.Status, got.Reason)
	}
	if got := run(t, wscheck.Config{}, c); got.Status != checks.Failed || !strings.Contains(got.Reason, "was not reached: ") || !strings.Contains(got.Reason, "unknown authority") {
		t.Errorf("got %s: %s, want the unknown authority", got.Status, got.Reason)
	}
}

func TestGuard(t *testing.T) {
	guard := func(a netip.AddrPort) error {
		if !a.Addr().IsLoopback() {
			t.Errorf("asked of %s, want the address that the name stands for", a)
		}
		return errors.New("not there")
	}
	got := run(t, wscheck.Config{Guard: guard}, checks.WebSocket{URL: "ws://localhost:1/"})
	if got.Status != checks.Broken || !strings.Contains(got.Reason, "was not tried: not there") {
		t.Errorf("got %s: %s, want it broken by the guard", got.Status, got.Reason)
	}
}

func TestWhatIsNoCheck(t *testing.T) {
	for want, c := range map[string]checks.WebSocket{
		"its URL must start with ws:// or wss:// or http:// or https:// and a host": {URL: "{{ .Revision }}"},
		"its URL cannot be read":              {URL: "http://a b/"},
		"its send cannot be filled in":        {URL: "ws://a/", Send: "{{ .Nope }}"},
		"its header a cannot be filled in":    {URL: "ws://a/", Headers: map[string]string{"a": "{{ .Nope }}"}},
		`its header "a b" cannot be sent`:     {URL: "ws://a/", Headers: map[string]string{"a b": "c"}},
		"must match is no regular expression": {URL: "ws://a/", Matches: "("},
		"its assertion code":                  {URL: "ws://a/", Assert: []string{`code == "OK"`}},
	} {
		if got := run(t, wscheck.Config{}, c); got.Status != checks.Broken || !strings.Contains(got.Reason, want) {
			t.Errorf("got %s: %s, want %s", got.Status, got.Reason, want)
		}
	}
	if got := wscheck.New(wscheck.Config{}).Run(t.Context(), checks.Spec{}, checks.Target{}); got.Status != checks.Broken {
		t.Errorf("got %s: %s of another kind, want it broken", got.Status, got.Reason)
	}
}
