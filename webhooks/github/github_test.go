package github_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/github"
	"github.com/serin-canary/serin/webhooks/reply"
)

func TestADeploymentIsReviewed(t *testing.T) {
	f := newFake(t)
	s := f.sender(t)
	q := f.question(t, s)
	if err := s.Report(t.Context(), q, judge.Verdict{Outcome: judge.Continue, Reason: "2 of 10 paired blocks"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), q, reply.Answer{Yes: true, Outcome: "promote", Reason: "errors 0.5 % and 0.5 %", Link: "https://serin.example.org/r/abcdefgh"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), q, reply.Answer{Outcome: "rollback", Reason: "errors 5 %, 84:1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), q, reply.Answer{Fallback: true, Outcome: "continue", Reason: "nothing was decided"}); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"environment_name": "prod", "comment": "**Serin: waiting: continue**\n\n2 of 10 paired blocks\n\n<https://serin.example.org/r/abcdefgh>"},
		{"environment_name": "prod", "state": "approved", "comment": "**Serin: approved: promote**\n\nerrors 0.5 % and 0.5 %\n\n<https://serin.example.org/r/abcdefgh>"},
		{"environment_name": "prod", "state": "rejected", "comment": "**Serin: rejected: rollback**\n\nerrors 5 %, 84:1"},
		{"environment_name": "prod", "state": "rejected", "comment": "**Serin: rejected, undecided**\n\nnothing was decided"},
	}
	if got := fmt.Sprint(f.reviews); got != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	// One token for an hour, good for less than the App is.
	if f.issued != 1 || f.asked[0] != `{"repositories":["checkout"],"permissions":{"actions":"read","deployments":"write"}}` {
		t.Errorf("got %d tokens, asked by %v, want one", f.issued, f.asked)
	}
	if got := s.Target(q); got != strings.TrimPrefix(f.URL, "https://") {
		t.Errorf("got target %q", got)
	}
}

func TestATokenIsRenewed(t *testing.T) {
	f := newFake(t)
	now := start()
	f.now = func() time.Time { return now }
	s := f.sender(t)
	q := f.question(t, s)
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {57 * time.Minute, 1}, {2 * time.Minute, 2}, {time.Minute, 2}} {
		now = now.Add(step.after)
		if err := s.Send(t.Context(), q, reply.Answer{}); err != nil {
			t.Fatal(err)
		}
		if f.issued != step.want {
			t.Errorf("after %s: got %d tokens, want %d", now.Sub(start()), f.issued, step.want)
		}
	}
	// One that counts no more is asked for anew at the next attempt.
	f.issued++
	if err := s.Send(t.Context(), q, reply.Answer{}); err == nil {
		t.Fatal("got it sent with an old token")
	}
	if err := s.Send(t.Context(), q, reply.Answer{}); err != nil {
		t.Error(err)
	}
}

func TestAnExchangedKeyIsRead(t *testing.T) {
	f := newFake(t)
	c := f.config()
	good := pemOf(f.key)
	current := pemOf(newKey(t))
	c.Key = func() ([]byte, error) { return current, nil }
	s, err := github.New(c)
	if err != nil {
		t.Fatal(err)
	}
	q := f.question(t, s)
	err = s.Send(t.Context(), q, reply.Answer{})
	var later *outbox.LaterError
	if !errors.As(err, &later) || errors.Is(err, outbox.ErrPermanent) {
		t.Fatalf("with another App's key: got %v, want to try again later", err)
	}
	current = nil
	if err := s.Send(t.Context(), q, reply.Answer{}); !errors.As(err, &later) {
		t.Fatalf("without a key: got %v, want to try again later", err)
	}
	current = good
	if err := s.Send(t.Context(), q, reply.Answer{}); err != nil || len(f.reviews) != 1 {
		t.Errorf("got %v and %d reviews, want one", err, len(f.reviews))
	}
}

func TestWhatGitHubAnswers(t *testing.T) {
	const permanent, again = time.Duration(-1), time.Duration(0)
	reset := fmt.Sprint(start().Add(7 * time.Minute).Unix())
	for _, tt := range []struct {
		status int
		header []string
		want   time.Duration
	}{
		{status: 301, header: []string{"Location", "/elsewhere"}, want: permanent},
		{status: 400, want: permanent},
		{status: 401, want: time.Minute},
		{status: 403, want: time.Minute},
		{status: 403, header: []string{"Retry-After", "120"}, want: 2 * time.Minute},
		{status: 403, header: []string{"X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", reset}, want: 7 * time.Minute},
		{status: 403, header: []string{"X-Ratelimit-Remaining", "12", "X-Ratelimit-Reset", reset}, want: time.Minute},
		{status: 404, want: permanent},
		{status: 410, want: permanent},
		{status: 422, want: permanent},
		{status: 429, header: []string{"Retry-After", "90"}, want: 90 * time.Second},
		{status: 429, header: []string{"X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "soon"}, want: again},
		{status: 500, want: again},
		{status: 502, want: again},
		{status: 503, header: []string{"Retry-After", "30"}, want: 30 * time.Second},
	} {
		for _, where := range []string{"token", "review"} {
			f := newFake(t)
			for i := 0; i+1 < len(tt.header); i += 2 {
				f.header.Set(tt.header[i], tt.header[i+1])
			}
			// A message that quotes what it was sent must not pass it on.
			f.message = "bad credentials ghs_secret1"
			s := f.sender(t)
			if where == "token" {
				f.token = tt.status
			} else {
				f.status = tt.status
			}
			err := s.Send(t.Context(), f.question(t, s), reply.Answer{Yes: true})
			got := again
			var later *outbox.LaterError
			switch {
			case errors.Is(err, outbox.ErrPermanent):
				got = permanent
			case errors.As(err, &later):
				got = later.After
			}
			if err == nil || got != tt.want {
				t.Errorf("%s %d %v: got %v (%v), want wait %v", where, tt.status, tt.header, err, got, tt.want)
			}
			if where == "review" && strings.Contains(fmt.Sprint(err), "ghs_secret1") {
				t.Errorf("got %v, want no token in it", err)
			}
		}
	}
}

func TestForeignAddressesAreNotCalled(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.API = ""
	s, err := github.New(c) // api.github.com, through a client that must not be used
	if err != nil {
		t.Fatal(err)
	}
	const good = "https://api.github.com/repos/shop/checkout/actions/runs/7/deployment_protection_rule"
	for _, url := range []string{good, "https://API.github.com:443/repos/Shop/Checkout/actions/runs/7/deployment_protection_rule"} {
		if _, err := s.To(42, "shop/checkout", url, "prod"); err != nil {
			t.Errorf("%s: got %v, want it taken", url, err)
		}
	}
	for _, bad := range []string{
		"", "/repos/shop/checkout/actions/runs/7/deployment_protection_rule", strings.Replace(good, "https", "http", 1),
		strings.Replace(good, "api.github.com", "api.github.com.evil.example", 1), strings.Replace(good, "api.github.com", "evil.example", 1),
		strings.Replace(good, "api.github.com", "api.github.com:8443", 1), strings.Replace(good, "api.github.com", "api.github.com@evil.example", 1),
		strings.Replace(good, "api.github.com", "user:pw@api.github.com", 1), strings.Replace(good, "api.github.com", "127.0.0.1", 1),
		strings.Replace(good, "checkout", "other", 1), strings.Replace(good, "runs/7", "runs/../7", 1), strings.Replace(good, "runs/7", "runs/x", 1),
		good + "?a=b", good + "#x", good + "/..", good + "/", "https://api.github.com/app/installations/42", "https://api.github.com/repos/shop%2fcheckout/actions/runs/7/deployment_protection_rule",
	} {
		if to, err := s.To(42, "shop/checkout", bad, "prod"); err == nil {
			t.Errorf("%s: got %s, want it refused", bad, to)
		}
	}
	for name, err := range map[string]error{
		"installation": second(s.To(0, "shop/checkout", good, "prod")), "environment": second(s.To(42, "shop/checkout", good, "")),
		"repository": second(s.To(42, "shop/../x", good, "prod")),
	} {
		if err == nil {
			t.Errorf("%s: got it taken, want it refused", name)
		}
	}
	// What was allowed before the configuration changed.
	q := f.question(t, f.sender(t))
	if err := s.Send(t.Context(), q, reply.Answer{}); !errors.Is(err, outbox.ErrPermanent) {
		t.Errorf("got %v, want it given up", err)
	}
	if f.issued != 0 || len(f.reviews) != 0 {
		t.Error("got requests, want none")
	}
}

func second[T any](_ T, err error) error { return err }

func TestConfigurationsThatAreRefused(t *testing.T) {
	f := newFake(t)
	for name, change := range map[string]func(*github.Config){
		"plain http": func(c *github.Config) { c.API = "http://api.github.com" },
		"user":       func(c *github.Config) { c.API = "https://a:b@api.github.com" },
		"no App":     func(c *github.Config) { c.App = "" },
		"App":        func(c *github.Config) { c.App = "a b" },
		"no client":  func(c *github.Config) { c.Client = nil },
		"no key":     func(c *github.Config) { c.Key = nil },
		"key":        func(c *github.Config) { c.Key = func() ([]byte, error) { return []byte("not-a-key"), nil } },
		"key's file": func(c *github.Config) { c.Key = func() ([]byte, error) { return nil, errors.New("gone") } },
	} {
		c := f.config()
		change(&c)
		_, err := github.New(c)
		if err == nil || strings.Contains(err.Error(), "not-a-key") {
			t.Errorf("%s: got %v, want it refused, without the key", name, err)
		}
	}
}

func TestCommentsAreShortAndPlain(t *testing.T) {
	f := newFake(t)
	s := f.sender(t)
	q := f.question(t, s)
	for name, reason := range map[string]string{
		"long":        strings.Repeat("errors are worse; ", 200),
		"multibyte":   strings.Repeat("müßig 🐤 ", 300),
		"odd bytes":   strings.Repeat("a", 900) + strings.Repeat("ü", 300),
		"escapes":     strings.Repeat(`\`, 5000),
		"stars":       strings.Repeat("*", 5000),
		"not UTF-8":   strings.Repeat("\xff", 3000),
		"Markdown":    "[x](https://evil.example) <img src=x> **bold** `code` @everyone #1 | a\nb",
		"empty":       "",
		"many joined": strings.Repeat("@", 2000),
	} {
		if err := s.Send(t.Context(), q, reply.Answer{Reason: reason, Outcome: "rollback", Link: "https://serin.example.org/r/abcdefgh"}); err != nil {
			t.Fatal(err)
		}
		got, _ := f.reviews[len(f.reviews)-1]["comment"].(string)
		if len(got) > 1024 || utf8.RuneCountInString(got) > 1024 || !utf8.ValidString(got) {
			t.Errorf("%s: got %d bytes, valid %v, want at most 1024 characters", name, len(got), utf8.ValidString(got))
		}
		if !strings.HasPrefix(got, "**Serin: rejected: rollback**") || !strings.HasSuffix(got, "\n\n<https://serin.example.org/r/abcdefgh>") {
			t.Errorf("%s: got %q, want the answer and the link kept", name, got)
		}
		body := strings.TrimSuffix(got, "<https://serin.example.org/r/abcdefgh>")
		for _, active := range []string{"<img", "](", "@everyone", " **bold"} {
			if strings.Contains(body, active) && !strings.Contains(body, `\`+active) {
				t.Errorf("%s: got %q, want %q without its meaning", name, got, active)
			}
		}
	}
}

func TestSendsAtOnceAreSafe(t *testing.T) {
	f := newFake(t)
	s := f.sender(t)
	q := f.question(t, s)
	if err := s.Send(t.Context(), q, reply.Answer{}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := s.Send(context.WithoutCancel(t.Context()), q, reply.Answer{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// FuzzTo holds that no event makes an address outside the API, and no path on it but
// that of a run.
func FuzzTo(f *testing.F) {
	f.Add("shop/checkout", "https://api.github.com/repos/shop/checkout/actions/runs/7/deployment_protection_rule", "prod")
	f.Add("a/..", "https://api.github.com@evil/", "")
	key := pemOf(newKey(f))
	s, err := github.New(github.Config{App: "1", Key: func() ([]byte, error) { return key, nil }, Client: &http.Client{Transport: nobody{}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, repository, callback, environment string) {
		to, err := s.To(42, repository, callback, environment)
		if err != nil {
			return
		}
		_ = s.Send(t.Context(), reply.Question{ID: "q", To: to}, reply.Answer{Reason: environment})
	})
}

// nobody is a network in which only the API exists.
type nobody struct{}

func (nobody) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.EqualFold(r.URL.Hostname(), "api.github.com") || r.URL.Scheme != "https" {
		panic("called " + r.URL.String())
	}
	body := `{"token":"t","expires_at":"2100-01-01T00:00:00Z"}`
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body)), Request: r, Header: http.Header{}}, nil
}
