package journey_test

import (
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

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/journey"
)

// Credentials of the shop. None of them may ever be in a sentence.
const (
	password = "hunter2-hunter2"
	session  = "c0ffee-sid-c0ffee-sid"
	token    = "tok-7f3a9b2c4d5e6f708192"
)

// shop is a service with a login, a token and orders, as far as a journey sees it.
type shop struct {
	*httptest.Server
	// instead answers a request where it returns true.
	instead func(http.ResponseWriter, *http.Request) bool

	mu     sync.Mutex
	orders map[string]bool
	logins int
	conns  map[net.Conn]bool
	gone   chan struct{} // gets one when the last connection is gone
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{orders: map[string]bool{}, conns: map[net.Conn]bool{}, gone: make(chan struct{}, 1)}
	m := http.NewServeMux()
	m.HandleFunc("POST /login", s.login)
	m.HandleFunc("GET /account", s.account)
	m.HandleFunc("POST /orders", s.order)
	m.HandleFunc("GET /orders/{id}", s.read)
	m.HandleFunc("DELETE /orders/{id}", s.remove)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.instead == nil || !s.instead(w, r) {
			m.ServeHTTP(w, r)
		}
	}))
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.conns[c] = true; state == http.StateClosed || state == http.StateHijacked {
			delete(s.conns, c)
		}
		if len(s.conns) == 0 {
			select {
			case s.gone <- struct{}{}:
			default:
			}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("user") != "bob" || r.PostFormValue("password") != password {
		http.Error(w, "no entry for "+r.PostFormValue("user")+" with "+r.PostFormValue("password"), http.StatusForbidden)
		return
	}
	s.mu.Lock()
	s.logins++
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: session, Path: "/"})
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

func (s *shop) account(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie("sid"); err != nil || c.Value != session {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	w.Header().Set("X-Tenant", "t-1")
	fmt.Fprintf(w, `{"token": %q, "customer": {"id": 42, "name": "Bob"}}`, token)
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "Bearer "+token {
		http.Error(w, "what is "+got+"?", http.StatusUnauthorized)
		return
	}
	var body struct{ Customer, Tenant string }
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Customer != "42" || body.Tenant != "t-1" {
		http.Error(w, "a strange order", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprintf("o-%d", len(s.orders)+1)
	s.orders[id] = true
	w.Header().Set("Location", "/orders/"+id)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "<p>Your order <b>%s</b></p>", id)
}

func (s *shop) read(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(w, `{"id": %q, "state": %q}`, r.PathValue("id"), map[bool]string{true: "placed", false: "unknown"}[s.orders[r.PathValue("id")]])
}

func (s *shop) remove(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.orders, r.PathValue("id"))
}

// left returns how many orders nobody cleaned up.
func (s *shop) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.orders)
}

// idle waits until the shop has no connection any more, as it was at the start.
func (s *shop) idle(t *testing.T) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		s.mu.Lock()
		n := len(s.conns)
		s.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-s.gone:
		case <-late:
			t.Fatalf("%d connections are still open", n)
		}
	}
}

func (s *shop) target() checks.Target { return checks.Target{Canary: checks.Arm{URL: s.URL}} }

// buying is the journey through the shop: log in, order, look at the order.
func buying() checks.Journey {
	open := false
	return checks.Journey{
		Setup: []checks.Step{{
			Name: "login", HTTP: checks.HTTP{Method: "POST", URL: "{{ .Arm.URL }}/login", Form: map[string]string{"user": "bob", "password": `{{ secret "shop" }}`}},
			Extract: []checks.Extract{{As: "token", JSON: "$.token"}, {As: "sid", Cookie: "sid"}, {As: "tenant", Header: "X-Tenant"}, {As: "customer", JSON: "$.customer.id"}},
		}},
		Steps: []checks.Step{{
			Name: "order", HTTP: checks.HTTP{
				Method: "POST", URL: "{{ .Arm.URL }}/orders", Headers: map[string]string{"Authorization": "Bearer {{ .Values.token }}"},
				Body: `{"customer": "{{ .Values.customer }}", "tenant": "{{ .Values.tenant }}"}`, Status: []int{201},
			},
			Extract: []checks.Extract{{As: "order", Regex: `<b>([\w-]+)</b>`, Secret: &open}},
		}, {
			Name: "look", HTTP: checks.HTTP{URL: "{{ .Arm.URL }}/orders/{{ .Values.order }}", JSON: map[string]any{"id": "{{ .Values.order }}", "state": "placed"}},
		}},
		Cleanup: []checks.Step{
			{Name: "cancel", HTTP: checks.HTTP{Method: "DELETE", URL: "{{ .Arm.URL }}/orders/{{ .Values.order }}"}},
		},
	}
}

func secrets(_ checks.Target, name string) (string, error) {
	if name == "shop" {
		return password, nil
	}
	return "", errors.New("is not known here; add it under secrets: in the configuration")
}

// travel runs a journey as a server does.
func travel(t *testing.T, cfg journey.Config, s checks.Spec, to checks.Target) checks.Result {
	t.Helper()
	cfg.Clock.Pause = time.Millisecond
	got := checks.WithSecrets(secrets, checks.Kinds{"journey": journey.New(cfg)}).Run(t.Context(), s, to)
	quiet(t, got)
	return got
}

// quiet fails where a credential is in anything that a run left.
func quiet(t *testing.T, r checks.Result) {
	t.Helper()
	all, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{password, session, token, "aHVudGVyMi1", "dG9rLTdmM2E5", "c0ffee-sid"} {
		if strings.Contains(string(all), secret) {
			t.Errorf("%q is in %s", secret, all)
		}
	}
}

// on answers one path in place of the shop.
func on(method, path string, do http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.HasPrefix(r.URL.Path, path) {
			return false
		}
		do(w, r)
		return true
	}
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}
