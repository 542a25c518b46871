// Package notifytest stands in for the services that notices go to: Slack's API and its
// incoming webhooks, Workflows of Teams, PagerDuty's Events API, and the parts of GitHub's
// API that are called. Each refuses what its contract refuses, as docs/notifications.md
// has it; what the contract does not say, they do not know either.
package notifytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
)

// server is what the fakes have in common.
type server struct {
	*httptest.Server
	t  testing.TB
	mu sync.Mutex
	// next are answers that are given before any other, in turn; see [server.Fail].
	next []planned
}

// planned is an answer that a test ordered.
type planned struct {
	match  string // part of the request's method and path
	code   int
	header map[string]string
	body   string
	// done says that the request takes effect first, and only its answer is lost.
	done bool
	then func() // is called before the answer
}

func newServer(t testing.TB, mux *http.ServeMux) *server {
	s := &server{t: t}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("got %s %s, which nobody should ask for", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := s.ordered(r); ok {
			s.lose(w, r, mux, p)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) ordered(r *http.Request) (planned, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) == 0 || !strings.Contains(r.Method+" "+r.URL.Path, s.next[0].match) {
		return planned{}, false
	}
	p := s.next[0]
	s.next = s.next[1:]
	return p, true
}

func (s *server) lose(w http.ResponseWriter, r *http.Request, mux *http.ServeMux, p planned) {
	if p.done {
		mux.ServeHTTP(httptest.NewRecorder(), r)
		if p.then != nil {
			p.then()
		}
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = c.Close()
		}
		return
	}
	for k, v := range p.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(p.code)
	_, _ = io.WriteString(w, p.body)
}

// Fail orders the answer of the next request, which has no effect.
func (s *server) Fail(code int, body string, header map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, planned{code: code, body: body, header: header})
}

// Lose makes the next request whose method and path contain a text take effect, and its
// answer get lost: the connection ends.
func (s *server) Lose(match string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, planned{match: match, done: true})
}

// Then is [server.Lose] with something that happens between the effect and the loss.
func (s *server) Then(match string, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, planned{match: match, done: true, then: do})
}

// chars counts characters as UTF-16 does.
func chars(s string) int { return len(utf16.Encode([]rune(s))) }

func read(r *http.Request, into any) error {
	if r.Body == nil {
		return fmt.Errorf("no body")
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(into); err != nil {
		return fmt.Errorf("the body is no JSON: %w", err)
	}
	return nil
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
