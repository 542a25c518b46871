package publish_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts"
	"github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

const (
	id       = "abcdefghijklmnop"
	name     = "serin-" + id
	secret   = "glsa_0123456789abcdefghijklmnop"
	password = "correct-horse-battery"
)

// write writes the rules of a rollout that started a minute ago.
func write(t testing.TB, text string) alerts.Set {
	t.Helper()
	p, err := plan.Parse("plan.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := alerts.Write(alerts.Subject{
		Plan: p,
		Rollout: rollout.Rollout{
			ID: id, Service: "checkout", Namespace: "shop", Started: time.Now().Add(-time.Minute),
			Baseline: rollout.Arm{Namespace: "shop", Workload: "checkout-primary", PodPattern: "checkout-primary-[0-9a-z]+-[0-9a-z]+"},
			Canary:   rollout.Arm{Namespace: "shop", Workload: "checkout", PodPattern: "checkout-[0-9a-z]+-[0-9a-z]+"},
		},
		Links: alerts.Links{Report: "https://serin.example.com/r/" + id},
		Self:  []queries.Matcher{{Label: "job", Op: queries.Equal, Value: "serin"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// some is a set of rules.
func some(t testing.TB) alerts.Set { return write(t, "service: checkout\npreset: http\n") }

// bearer proves the caller by a token, basic by a password.
func bearer(r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+secret)
	return nil
}

func basic(r *http.Request) error {
	r.SetBasicAuth("serin", password)
	return nil
}

// confidential lists what no error may contain.
func confidential() []string {
	return []string{secret, password, base64.StdEncoding.EncodeToString([]byte("serin:" + password))}
}

func server(url string) publish.Server {
	return publish.Server{URL: url, Authorize: bearer, Client: direct()}
}

// direct follows no redirect, as Serin's clients do.
func direct() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func put(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// have returns a folder's files by name, with their text.
func have(t testing.TB, dir string) map[string]string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = string(text)
	}
	return out
}
