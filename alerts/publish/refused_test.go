package publish_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts/publish"
)

func permanent(err error) bool {
	var e *publish.Error
	return errors.As(err, &e) && e.Permanent
}

// refusal is an answer, and what must become of it.
type refusal struct {
	name      string
	answer    http.HandlerFunc
	permanent bool
	after     time.Duration
	says      string
}

func status(code int, pairs ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(pairs); i += 2 {
			w.Header().Set(pairs[i], pairs[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte("because\n of this"))
	}
}

func refusals() []refusal {
	date := now().Add(90 * time.Second).Format(http.TimeFormat)
	echo := func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		http.Error(w, "you sent "+r.Header.Get("Authorization")+" "+user+" "+pass, http.StatusBadRequest)
	}
	broken := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half"))
	}
	login := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<!doctype html><title>Log in</title>"))
	}
	return []refusal{
		{"bad request", status(400), true, 0, "with 400: because of this"},
		{"no credentials", status(401), false, 0, "missing, wrong or expired"},
		{"no right", status(403), false, 0, ""},
		{"too large", status(413), true, 0, "413"},
		{"conflict", status(409), false, 0, "409"},
		{"timeout", status(408), false, 0, "408"},
		{"limit of the tenant", status(422), true, 0, "422"},
		{"too many requests", status(429, "Retry-After", "7"), false, 7 * time.Second, "429"},
		{"down for a while", status(503, "Retry-After", date), false, 90 * time.Second, "503"},
		{"down for too long", status(503, "Retry-After", "999999"), false, time.Hour, "503"},
		{"down, who knows", status(503, "Retry-After", "soon"), false, 0, "503"},
		{"broken", status(502), false, 0, "502"},
		{"sent elsewhere", status(302, "Location", "https://login.example.com/?next=1"), false, 0, "sends elsewhere"},
		{"a login page", login, false, 0, "page for people"},
		{"an echo", echo, true, 0, "[hidden]"},
		{"half an answer", broken, false, 0, "broke off"},
	}
}

func now() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// What a place answers is told apart into what is tried again, when, and what is of no
// use; and no error repeats what proves the caller.
func TestRefusals(t *testing.T) {
	for _, c := range refusals() {
		for auth, authorize := range map[string]func(*http.Request) error{"bearer": bearer, "basic": basic} {
			t.Run(c.name+", "+auth, func(t *testing.T) {
				for what, err := range attempts(t, c.answer, authorize) {
					var e *publish.Error
					if !errors.As(err, &e) || e.Permanent != c.permanent || e.After != c.after || !strings.Contains(err.Error(), c.says) {
						t.Errorf("%s: got %#v: %v", what, e, err)
					}
					quiet(t, err)
				}
			})
		}
	}
}

func quiet(t *testing.T, err error) {
	t.Helper()
	for _, s := range confidential() {
		if err != nil && strings.Contains(err.Error(), s) {
			t.Errorf("the error has %q in it: %v", s, err)
		}
	}
}

// attempts writes to every kind of place, whose changes are all answered so.
func attempts(t *testing.T, answer http.HandlerFunc, authorize func(*http.Request) error) map[string]error {
	t.Helper()
	s := some(t)
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
			answer(w, r)
		case strings.HasPrefix(r.URL.Path, "/prometheus"):
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, "alert-rules"):
			_, _ = w.Write([]byte("[]"))
		}
	}))
	t.Cleanup(fake.Close)
	to := server(fake.URL)
	to.Authorize, to.Now = authorize, now
	ruler, err := publish.NewRuler(to, "prometheus")
	if err != nil {
		t.Fatal(err)
	}
	grafana, err := publish.NewGrafana(to, "canaries", "prom")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]error{"ruler": ruler.Publish(t.Context(), s), "grafana": grafana.Publish(t.Context(), s)}
}

// A server that is slow or not there is tried again.
func TestNoAnswer(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release); slow.Close() })
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for what, url := range map[string]string{"slow": slow.URL, "down": gone.URL} {
		ruler, err := publish.NewRuler(server(url), "prometheus")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = ruler.Owned(ctx)
		cancel()
		if err == nil || permanent(err) || !strings.Contains(err.Error(), "gave no answer") || strings.Contains(err.Error(), "/config/") {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// Credentials that cannot be read are tried again, and nothing is sent.
func TestNoCredentials(t *testing.T) {
	f, url := newRuler(t)
	s := server(url)
	s.Authorize = func(*http.Request) error { return errors.New("the file token is empty") }
	p, err := publish.NewRuler(s, "prometheus")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), some(t)); err == nil || permanent(err) || !strings.Contains(err.Error(), "the file token is empty") || len(f.calls) > 0 {
		t.Errorf("got %v after the calls %v", err, f.calls)
	}
}

func TestServers(t *testing.T) {
	for url, want := range map[string]string{
		"":                                     "is none",
		"mimir:9009":                           "is none",
		"ftp://mimir":                          "is none",
		"https://serin:" + password + "@mimir": "has credentials in it",
		"https://mimir/?token=" + secret:       "more than a path",
		"https://mimir/#x":                     "more than a path",
	} {
		_, err := publish.NewRuler(server(url), "prometheus")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", url, err)
		}
		quiet(t, err)
	}
	if _, err := publish.NewRuler(publish.Server{URL: "https://mimir"}, ""); err == nil {
		t.Error("a server without a client was accepted")
	}
	if _, err := publish.NewGrafana(server("https://grafana"), "", "prom"); err == nil {
		t.Error("a Grafana without a folder was accepted")
	}
	if _, err := publish.NewPrometheus("", server("https://prometheus")); err == nil {
		t.Error("no folder was accepted")
	}
}

func pauseOf(err error) time.Duration {
	var e *publish.Error
	if errors.As(err, &e) {
		return e.After
	}
	return 0
}
