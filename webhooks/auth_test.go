package webhooks

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

func TestWhoMayCall(t *testing.T) {
	const flagger = `{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"token":"TOKEN"}}`
	for name, tt := range map[string]struct {
		set   func(*http.Request)
		body  string // token in Flagger's metadata
		code  int    // of Flagger's hook
		other int    // of everything else
	}{
		"nothing":             {nil, "", 401, 401},
		"bearer":              {func(r *http.Request) { r.Header.Set("Authorization", "Bearer second-token") }, "", 200, 200},
		"bearer, other case":  {func(r *http.Request) { r.Header.Set("Authorization", "bearer first-token") }, "", 200, 200},
		"wrong bearer":        {func(r *http.Request) { r.Header.Set("Authorization", "Bearer first-token2") }, "", 401, 401},
		"empty bearer":        {func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, "", 401, 401},
		"basic":               {func(r *http.Request) { r.SetBasicAuth("anybody", "first-token") }, "", 200, 200},
		"basic, as user":      {func(r *http.Request) { r.SetBasicAuth("first-token", "") }, "", 401, 401},
		"another scheme":      {func(r *http.Request) { r.Header.Set("Authorization", "Digest first-token") }, "", 401, 401},
		"in the body":         {nil, "first-token", 200, 401},
		"wrong in the body":   {nil, "third-token", 401, 401},
		"in the query":        {func(r *http.Request) { r.URL.RawQuery = "token=first-token" }, "", 401, 401},
		"wrong header, right": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "first-token", 200, 401},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) {
				c.Tokens = []Token{FullToken("first", "first-token"), FullToken("second", "second-token")}
			})
			try := func(method, path, body string, code int) {
				t.Helper()
				r := httptest.NewRequest(method, path, strings.NewReader(body))
				if tt.set != nil {
					tt.set(r)
				}
				// With a token, callers may come from anywhere.
				far := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(far)))
				a := w.want(w.send(r), code)
				if code == 401 && len(a.header.Values("WWW-Authenticate")) != 2 {
					t.Errorf("%s: got %v, want both ways named", path, a.header)
				}
			}
			try("POST", "/flagger/rollout", strings.Replace(flagger, "TOKEN", tt.body, 1), tt.code)
			try("POST", "/flagger/event", strings.Replace(flagger, "TOKEN", tt.body, 1), tt.code)
			malformed := 401
			if tt.other == 200 {
				malformed = 400
			}
			try("POST", "/flagger/rollout", "{", malformed)
			try("GET", "/v1/rollouts", "", tt.other)
			try("GET", "/metrics", "", tt.other)
			try("GET", "/openapi.json", "", tt.other)
			try("POST", "/argo/analysis", argoArgs(nil), tt.other)
			if tt.other == 401 {
				try("GET", "/none", "", 401)
				try("POST", "/flagger/none", "{}", 401)
				try("GET", "/flagger/rollout", "", 401)
			}
			try("GET", "/healthz", "", 200)
			try("GET", "/readyz", "", 200)
			if log := w.logs.String(); strings.Contains(log, "first-token") || strings.Contains(log, "third-token") {
				t.Errorf("got log %s, want no tokens", log)
			}
		})
	}
}

func TestEveryRouteNeedsAToken(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Tokens, c.Limits = []Token{FullToken("first", "first-token")}, Limits{StrangersBurst: 1000}
	})
	for _, route := range w.server.handler.(*echo.Echo).Routes() {
		if route.Method == echo.RouteNotFound {
			continue
		}
		r := httptest.NewRequest(route.Method, route.Path, strings.NewReader("{}"))
		open := route.Path == "/healthz" || route.Path == "/readyz"
		if a := w.send(r); (a.code == 401) == open {
			t.Errorf("%s %s without a token: got %d, want it open: %v", route.Method, route.Path, a.code, open)
		}
		r = httptest.NewRequest(route.Method, route.Path, strings.NewReader("{}"))
		r.SetBasicAuth("", "first-token")
		if a := w.send(r); a.code == 401 {
			t.Errorf("%s %s with a token: got %d, want it let in", route.Method, route.Path, a.code)
		}
	}
}

func TestWithoutTokensOnlyLoopback(t *testing.T) {
	for name, tt := range map[string]struct {
		local net.Addr
		host  string
		code  int
	}{
		"loopback":             {&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, "127.0.0.1:8080", 200},
		"loopback by name":     {&net.TCPAddr{IP: net.IPv6loopback}, "localhost:8080", 200},
		"loopback, IPv6":       {&net.TCPAddr{IP: net.IPv6loopback}, "[::1]:8080", 200},
		"no port":              {&net.TCPAddr{IP: net.IPv6loopback}, "[::1]", 200},
		"a socket":             {&net.UnixAddr{Name: "/x", Net: "unix"}, "localhost", 200},
		"from afar":            {&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}, "localhost:8080", 403},
		"unknown":              {nil, "localhost", 403},
		"a name bound to it":   {&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, "evil.example:8080", 403},
		"a name that seems so": {&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, "127.0.0.1.evil.example", 403},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for path, code := range map[string]int{"/v1/rollouts": tt.code, "/healthz": 200, "/readyz": 200} {
				r := httptest.NewRequest("GET", path, nil)
				r.Host = tt.host
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, tt.local))
				rec := httptest.NewRecorder()
				w.server.Handler().ServeHTTP(rec, r)
				if rec.Code != code {
					t.Errorf("%s: got %d %s, want %d", path, rec.Code, rec.Body, code)
				}
				if code == 403 && !strings.Contains(rec.Body.String(), "configure a token or listen on loopback") {
					t.Errorf("got %s, want what to do", rec.Body)
				}
			}
		})
	}
}
