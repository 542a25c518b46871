package httpcheck_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/httpcheck"
)

func TestAssertionsOnAnswers(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Version", "v2")
		io.WriteString(w, `{"total":3,"echo":"`+r.Header.Get("X-Api-Key")+`","sent":"`+r.PostFormValue("item")+`"}`)
	}
	for name, c := range map[string]struct {
		check  checks.HTTP
		status checks.Status
		reason string
	}{
		"all hold": {checks.HTTP{Assert: []string{`json.total == 3`, `headers["x-version"] == "v2"`, `latency < duration("20ms")`, `body contains "total"`}},
			checks.Passed, "GET /x answered 200 in 12 ms"},
		"two do not": {checks.HTTP{Assert: []string{`json.total > 3`, `status == 200`, `json.sum == 3`}}, checks.Failed,
			`GET /x answered 200 in 12 ms, but the assertion json.total > 3 does not hold: json.total is 3; the assertion json.sum == 3 fails: json has no key "sum"`},
		"many do not": {checks.HTTP{Assert: []string{`json.a`, `json.b`, `json.c`, `json.d`, `json.e`, `json.f`, `json.g`}}, checks.Failed, "and 2 more do not hold"},
		"a form": {checks.HTTP{Method: "POST", Form: map[string]string{"item": "{{ .Canary.Version }} tea"}, Assert: []string{`json.sent == "v2 tea"`}},
			checks.Passed, "POST /x answered 200 in 12 ms"},
		"an echoed credential": {checks.HTTP{Headers: map[string]string{"X-Api-Key": "open sesame"}, Assert: []string{`json.echo == "x"`}}, checks.Failed,
			`json.echo is "(hidden)"`},
		"no assertion": {checks.HTTP{Assert: []string{`json.`}}, checks.Broken, "the check could not be run: its assertion json.: at character 5: "},
	} {
		t.Run(name, func(t *testing.T) {
			c.check.URL = "{{ .Canary.URL }}/x"
			got := runner(httpcheck.Config{}).Run(t.Context(), checks.Spec{HTTP: &c.check}, serve(t, handler))
			if got.Status != c.status || !strings.Contains(got.Reason, c.reason) || strings.Contains(got.Reason, "sesame") {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.reason)
			}
		})
	}
}

func TestHowFarRedirectsGo(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		if fmt.Sscanf(r.URL.Path, "/%d", &n); n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
		}
	})
	number := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		hops   int
		follow *int
		status checks.Status
	}{
		"three by default": {3, nil, checks.Passed},
		"four by default":  {4, nil, checks.Failed},
		"never":            {1, number(0), checks.Failed},
		"as many":          {5, number(5), checks.Passed},
		"one more":         {6, number(5), checks.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			h := checks.HTTP{URL: fmt.Sprintf("{{ .Canary.URL }}/%d", c.hops), Redirects: c.follow}
			if got := runner(httpcheck.Config{}).Run(t.Context(), checks.Spec{HTTP: &h}, target); got.Status != c.status {
				t.Errorf("got %s: %s, want %s", got.Status, got.Reason, c.status)
			}
		})
	}
}

func TestTLSAndHTTP2(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := httptest.NewUnstartedServer(answering(200, "{}"))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	now := s.Certificate().NotAfter.Add(-36 * time.Hour)
	r := runner(httpcheck.Config{Roots: roots, Clock: checks.Clock{Now: func() time.Time { return now }}})
	h := checks.HTTP{URL: "{{ .Canary.URL }}/", Assert: []string{
		`proto == "HTTP/2.0"`, `tls.version == "1.3" && "example.com" in tls.names`, `tls.daysLeft > 1.4 && tls.daysLeft < 1.6`, `tls.daysLeft > 14`}}
	got := r.Run(t.Context(), checks.Spec{HTTP: &h}, checks.Target{Canary: checks.Arm{URL: s.URL}})
	if want := "but the assertion tls.daysLeft > 14 does not hold: tls.daysLeft is 1.5"; got.Status != checks.Failed || !strings.HasSuffix(got.Reason, want) {
		t.Errorf("got %s: %s, want %s", got.Status, got.Reason, want)
	}
}
