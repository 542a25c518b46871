package azure_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/azure"
	"github.com/serin-canary/serin/webhooks/reply"
)

func TestTheEventThatEndsACheck(t *testing.T) {
	for name, tt := range map[string]struct {
		yes  bool
		want string
	}{"yes": {true, "succeeded"}, "no": {false, "failed"}} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := f.sender(t)
			q := f.question(t, s)
			if err := s.Send(t.Context(), q, reply.Answer{Yes: tt.yes, Reason: "a reason", Outcome: "promote"}); err != nil {
				t.Fatal(err)
			}
			calls := f.calls()
			if len(calls) != 1 {
				t.Fatalf("got %d events, want 1", len(calls))
			}
			want := call{
				"POST", "/contoso/" + projectID + "/_apis/distributedtask/hubs/checks/plans/" + planID + "/events", "api-version=7.1", "Bearer " + runToken,
				`{"name":"TaskCompleted","taskId":"` + taskID + `","jobId":"` + jobID + `","result":"` + tt.want + `"}`,
			}
			if calls[0] != want {
				t.Errorf("got  %+v\nwant %+v", calls[0], want)
			}
			if got, want := s.Target(q), strings.TrimPrefix(f.URL, "https://"); got != want {
				t.Errorf("got target %q, want %q", got, want)
			}
		})
	}
}

func TestTheQuestionHidesTheToken(t *testing.T) {
	f := newFake(t)
	s := f.sender(t)
	q, again := f.question(t, s), f.question(t, s)
	if want := "azure/" + strings.ToLower(planID) + "/" + jobID + "/" + taskID; q.ID != want || again.ID != want {
		t.Errorf("got %q and %q, want %q for both", q.ID, again.ID, want)
	}
	var to struct {
		Token struct {
			Key string `json:"key"`
			Box []byte `json:"box"`
		} `json:"token"`
	}
	if err := json.Unmarshal(q.To, &to); err != nil || to.Token.Key != "2026-05" || len(to.Token.Box) != 12+len(runToken)+16 {
		t.Fatalf("got %s, want a box with a nonce and a tag", q.To)
	}
	for _, part := range append(strings.Split(runToken, "."), runToken) {
		if strings.Contains(string(q.To)+string(to.Token.Box), part) {
			t.Errorf("got %s, want nothing of the token in it", q.To)
		}
	}
	if string(q.To) == string(again.To) {
		t.Error("the same token was sealed with the same nonce twice")
	}
}

func TestASealIsForOneQuestionAndOneKey(t *testing.T) {
	f := newFake(t)
	s := f.sender(t)
	q := f.question(t, s)

	other := q
	other.ID += "0"
	wantPermanent(t, "another question's ID", s.Send(t.Context(), other, reply.Answer{}))

	var to map[string]any
	if err := json.Unmarshal(q.To, &to); err != nil {
		t.Fatal(err)
	}
	to["token"].(map[string]any)["box"] = "AAAA"
	short := q
	short.To, _ = json.Marshal(to)
	wantPermanent(t, "half a box", s.Send(t.Context(), short, reply.Answer{}))

	// A key that is gone may come back: the check still waits.
	err := f.sender(t, func(c *azure.Config) { c.Keys = []azure.Key{key("2026-06", 8)} }).Send(t.Context(), q, reply.Answer{})
	var later *outbox.LaterError
	if !errors.As(err, &later) || !strings.Contains(err.Error(), "2026-05") {
		t.Errorf("without the key: got %v, want to try again, and the key's name", err)
	}
	// A key of the same name that is another one.
	wantPermanent(t, "another key of the name", f.sender(t, func(c *azure.Config) { c.Keys = []azure.Key{key("2026-05", 9)} }).Send(t.Context(), q, reply.Answer{}))
	if n := len(f.calls()); n != 0 {
		t.Fatalf("got %d events, want none of these sent", n)
	}
	// A newer key on top of the old one opens it.
	rotated := f.sender(t, func(c *azure.Config) { c.Keys = []azure.Key{key("2026-06", 8), key("2026-05", 7)} })
	if err := rotated.Send(t.Context(), q, reply.Answer{}); err != nil || len(f.calls()) != 1 {
		t.Errorf("with both keys: got %v and %d events, want one", err, len(f.calls()))
	}
}

func wantPermanent(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, outbox.ErrPermanent) {
		t.Errorf("%s: got %v, want it given up", what, err)
	}
	wantSilent(t, what, err)
}

// wantSilent fails where an error tells the token.
func wantSilent(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), runToken) {
		t.Errorf("%s: got %v, want no token in it", what, err)
	}
}

func TestWhatAzureAnswers(t *testing.T) {
	const permanent, again = time.Duration(-1), time.Duration(0)
	for _, tt := range []struct {
		status int
		header []string
		want   time.Duration // to wait at least; or permanent, or again
		done   bool
	}{
		{status: 200, done: true},
		{status: 202, done: true},
		{status: 204, done: true},
		{status: 203, want: time.Minute}, // a page for signing in
		{status: 302, header: []string{"Location", "https://login.example.com/"}, want: time.Minute},
		{status: 307, header: []string{"Location", "/elsewhere"}, want: time.Minute},
		{status: 400, want: permanent},
		{status: 401, want: time.Minute},
		{status: 403, want: time.Minute},
		{status: 404, want: permanent},
		{status: 408, want: again},
		{status: 410, want: permanent},
		{status: 422, want: permanent},
		{status: 429, want: again},
		{status: 429, header: []string{"Retry-After", "90"}, want: 90 * time.Second},
		{status: 429, header: []string{"Retry-After", "Sun, 01 Mar 2026 12:05:00 GMT"}, want: 5 * time.Minute},
		{status: 500, want: again},
		{status: 503, header: []string{"Retry-After", "30"}, want: 30 * time.Second},
		{status: 503, header: []string{"Retry-After", "999999"}, want: time.Hour},
		{status: 504, want: again},
	} {
		f := newFake(t)
		s := f.sender(t, func(c *azure.Config) {
			c.Now = func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
		})
		f.answer(tt.status, tt.header...)
		err := s.Send(t.Context(), f.question(t, s), reply.Answer{Yes: true})
		wantSilent(t, http.StatusText(tt.status), err)
		if n := len(f.calls()); n != 1 {
			t.Errorf("%d: got %d requests, want 1: redirects are not followed", tt.status, n)
		}
		var later *outbox.LaterError
		got := again
		switch {
		case errors.Is(err, outbox.ErrPermanent):
			got = permanent
		case errors.As(err, &later):
			got = later.After
		}
		if (err == nil) != tt.done || got != tt.want {
			t.Errorf("%d %v: got %v (%v), want done %v, wait %v", tt.status, tt.header, err, got, tt.done, tt.want)
		}
	}
}

func TestNoAnswerIsTriedAgain(t *testing.T) {
	f := newFake(t)
	s := f.sender(t)
	q := f.question(t, s)
	f.Close()
	err := s.Send(t.Context(), q, reply.Answer{})
	if err == nil || errors.Is(err, outbox.ErrPermanent) || strings.Contains(err.Error(), planID) {
		t.Errorf("got %v, want an error to try again after, with the host and not the address", err)
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	f := newFake(t)
	s := f.sender(t, func(c *azure.Config) {
		c.Hosts = []string{"dev.azure.com", "*.visualstudio.com", "tfs.example.com:8443"}
	})
	for _, good := range []string{
		"https://dev.azure.com/contoso/", "https://DEV.azure.com:443/contoso", "https://contoso.visualstudio.com/", "https://contoso.visualstudio.com",
		"https://tfs.example.com:8443/tfs/Default%20Collection/",
	} {
		if _, _, err := s.Ask(headers(good)); err != nil {
			t.Errorf("%s: got %v, want it taken", good, err)
		}
	}
	for _, bad := range []string{
		"", "dev.azure.com", "http://dev.azure.com/contoso", "https://dev.azure.com.evil.example/contoso", "https://evil.example/dev.azure.com",
		"https://evildev.azure.com/x", "https://visualstudio.com/x", "https://evilvisualstudio.com/x", "https://dev.azure.com:8443/x", "https://tfs.example.com/x",
		"https://user:pw@dev.azure.com/x", "https://dev.azure.com@evil.example/x", "https://dev.azure.com/x?a=b", "https://dev.azure.com/x?", "https://dev.azure.com/x#y",
		"https://dev.azure.com/../x", "https://dev.azure.com/%2e%2e/x", "https://dev.azure.com//x", "https://dev.azure.com/x%2fy", "https:dev.azure.com/x",
		"https://127.0.0.1/x", "https://169.254.169.254/x", "https://[::1]/x", "file:///etc/passwd", "https://dev.azure.com\\@evil.example/", strings.Repeat("https://dev.azure.com/", 99),
	} {
		_, _, err := s.Ask(headers(bad))
		if err == nil {
			t.Errorf("%s: got it taken, want it refused", bad)
		}
		wantSilent(t, bad, err)
	}
	for _, name := range []string{"ProjectId", "HubName", "PlanId", "JobId", "TaskInstanceId", "AuthToken"} {
		for _, value := range []string{"", "$(system.Something)", "../../x", "a b", strings.Repeat("a", 9000)} {
			h := headers("https://dev.azure.com/contoso/")
			h.Set(name, value)
			_, _, err := s.Ask(h)
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %.40q: got %v, want a refusal that names it", name, value, err)
			}
			if value != "" && err != nil && strings.Contains(err.Error(), value) {
				t.Errorf("%s: got %v, want the value not repeated", name, err)
			}
		}
	}
	if n := len(f.calls()); n != 0 {
		t.Errorf("got %d requests, want none", n)
	}
}

func TestAHostThatIsNoMoreListedIsNotCalled(t *testing.T) {
	f := newFake(t)
	q := f.question(t, f.sender(t))
	s := f.sender(t, func(c *azure.Config) { c.Hosts = []string{"dev.azure.com"} })
	wantPermanent(t, "another configuration", s.Send(t.Context(), q, reply.Answer{}))
	if n := len(f.calls()); n != 0 {
		t.Errorf("got %d requests, want none", n)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	good := azure.Config{Hosts: []string{"dev.azure.com"}, Keys: []azure.Key{key("a", 1)}, Client: http.DefaultClient}
	if _, err := azure.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*azure.Config){
		"no client": func(c *azure.Config) { c.Client = nil },
		"no host":   func(c *azure.Config) { c.Hosts = nil },
		"no key":    func(c *azure.Config) { c.Keys = nil },
		"same key":  func(c *azure.Config) { c.Keys = []azure.Key{key("a", 1), key("a", 2)} },
		"key name":  func(c *azure.Config) { c.Keys = []azure.Key{key("a b", 1)} },
		"version":   func(c *azure.Config) { c.APIVersion = "7.1&x=y" },
		"host":      func(c *azure.Config) { c.Hosts = []string{"dev.azure.com", "*"} },
	} {
		c := good
		change(&c)
		if _, err := azure.New(c); err == nil {
			t.Errorf("%s: got it taken, want it refused", name)
		}
	}
	for _, bad := range []string{"", "*", "*.com", "a b", "https://dev.azure.com", "dev.azure.com/x", "a@b", "dev.*.com", "h:99999", "h:*"} {
		if azure.CheckHost(bad) == nil {
			t.Errorf("host %q: got it taken, want it refused", bad)
		}
	}
	for _, bad := range []string{"", "c2hvcnQ=", "not base64", strings.Repeat("A", 43) + "="} {
		if _, err := azure.ParseKey(bad); err == nil || (bad != "" && strings.Contains(err.Error(), bad)) {
			t.Errorf("key %q: got %v, want it refused and not repeated", bad, err)
		}
	}
	if k, err := azure.ParseKey("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n"); err != nil || k != key("", 7).Secret {
		t.Errorf("got %v, %v, want the key", k, err)
	}
}

// FuzzAsk holds that no header makes an address outside the listed hosts, and that
// nothing that is kept or said holds the token.
func FuzzAsk(f *testing.F) {
	f.Add("https://dev.azure.com/contoso/", "checks", planID)
	f.Add("https://dev.azure.com@evil/", "a/b", "..")
	f.Add("https://dev.azure.com:443", "build", "")
	s, err := azure.New(azure.Config{Hosts: []string{"dev.azure.com"}, Keys: []azure.Key{key("k", 1)}, Client: &http.Client{Transport: nobody{f}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, planURL, hub, plan string) {
		h := headers(planURL)
		h.Set("HubName", hub)
		h.Set("PlanId", plan)
		id, to, err := s.Ask(h)
		if err != nil {
			wantSilent(t, "refusal", err)
			return
		}
		if strings.Contains(string(to), runToken) {
			t.Fatalf("got %s, want no token", to)
		}
		// nobody fails the test where anything but the host is called.
		_ = s.Send(t.Context(), reply.Question{ID: id, To: to}, reply.Answer{})
	})
}

// nobody is a network in which only dev.azure.com exists.
type nobody struct{ t testing.TB }

func (n nobody) RoundTrip(r *http.Request) (*http.Response, error) {
	if host := strings.ToLower(strings.TrimSuffix(r.URL.Hostname(), ".")); host != "dev.azure.com" || r.URL.Scheme != "https" || !strings.HasSuffix(r.URL.Path, "/events") {
		panic("called " + r.URL.String())
	}
	return nil, errors.New("nobody is here")
}
