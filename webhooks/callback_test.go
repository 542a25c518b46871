package webhooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/rollout"
)

// The secrets of tests.
const (
	newSecret = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldyE="
	oldSecret = "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZCE="
)

// anywhere is a guard that lets everything pass.
func anywhere(netip.AddrPort) error { return nil }

// onlyPublic is a guard that knows loopback and link-local addresses.
func onlyPublic(to netip.AddrPort) error {
	if a := to.Addr().Unmap(); a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsPrivate() {
		return fmt.Errorf("%s is not public", a)
	}
	return nil
}

func someCallbacks(t *testing.T, change func(*CallbackConfig)) *Callbacks {
	t.Helper()
	c := CallbackConfig{Secrets: []string{newSecret, oldSecret}, Hosts: []string{"*"}, PlainHTTP: true, Guard: anywhere, BaseURL: "https://serin.example.org/"}
	if change != nil {
		change(&c)
	}
	cb, err := NewCallbacks(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cb.Close)
	return cb
}

// ended is the event of a rollback.
func ended(url string) journal.Event {
	at := start()
	return journal.Event{
		Kind: journal.EventLooked, At: at,
		Rollout: rollout.Rollout{ID: "abcdefghijklmnop", Service: "checkout", Namespace: "shop", Revision: "v2", Plan: "shop", Attempt: 1, Callback: url},
		Verdict: &judge.Verdict{Seq: 7, At: at, Mode: "enforce", Outcome: judge.Rollback, Proven: true, Reason: "errors are worse"},
	}
}

func callbackJob(t *testing.T, cb *Callbacks, e journal.Event) outbox.Job {
	t.Helper()
	jobs := cb.Follow(e)
	if len(jobs) != 1 {
		t.Fatalf("got %d jobs, want 1", len(jobs))
	}
	return jobs[0]
}

func TestCallbacksAreSigned(t *testing.T) {
	var got *http.Request
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer receiver.Close()
	cb := someCallbacks(t, func(c *CallbackConfig) { c.Hosts = []string{"127.0.0.1:*"} })
	j := callbackJob(t, cb, ended(receiver.URL+"/hook"))
	if j.Key != "abcdefghijklmnop.rollout.rollback" || j.Rollout != "abcdefghijklmnop" || !strings.HasPrefix(j.Target, "127.0.0.1:") {
		t.Errorf("got job %+v", j)
	}
	if err := cb.Send(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if got.Header.Get("webhook-id") != j.Key || got.Method != http.MethodPost || got.URL.Path != "/hook" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s %s with %v", got.Method, got.URL, got.Header)
	}
	// During a rotation receivers of either secret accept it.
	for _, secret := range []string{newSecret, oldSecret} {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verify(body, got.Header); err != nil {
			t.Errorf("with %.10s…: %v", secret, err)
		}
		if err := w.Verify(append(body, ' '), got.Header); err == nil {
			t.Error("a changed body was accepted")
		}
	}
	var p callbackPayload
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatal(err)
	}
	if p.Type != "rollout.rollback" || !p.Timestamp.Equal(start()) || p.Data.Outcome != "rollback" || p.Data.Proven == nil || !*p.Data.Proven ||
		p.Data.Link != "https://serin.example.org/v1/rollouts/abcdefghijklmnop" || p.Data.Look != 7 || p.Data.Reason != "errors are worse" {
		t.Errorf("got %s", body)
	}
}

func TestWhatIsCalledBack(t *testing.T) {
	cb := someCallbacks(t, nil)
	with := func(change func(*journal.Event)) journal.Event {
		e := ended("https://ci.example.com/x")
		change(&e)
		return e
	}
	verdict := func(o judge.Outcome, yes bool) journal.Event {
		return with(func(e *journal.Event) { e.Verdict = &judge.Verdict{Outcome: o, Promotion: judge.Answer{Yes: yes}} })
	}
	for name, c := range map[string]struct {
		event journal.Event
		want  string
	}{
		"rollback":            {verdict(judge.Rollback, false), "rollout.rollback"},
		"inconclusive":        {verdict(judge.Inconclusive, false), "rollout.inconclusive"},
		"promotion granted":   {verdict(judge.Promote, true), "rollout.promoted"},
		"promotion not final": {verdict(judge.Promote, false), ""},
		"shadow goes on":      {verdict(judge.Continue, true), ""},
		"closed":              {with(func(e *journal.Event) { e.Kind, e.Verdict, e.Why = journal.EventClosed, nil, "done" }), "rollout.closed"},
		"closed by its grant": {with(func(e *journal.Event) { e.Kind, e.Verdict, e.Why = journal.EventClosed, nil, whyGranted }), "rollout.promoted"},
		"granted undecided": {with(func(e *journal.Event) {
			e.Kind, e.Verdict, e.Why = journal.EventClosed, nil, whyGranted+" without a decision: none was reached in time"
		}), "rollout.closed"},
		"announced":            {with(func(e *journal.Event) { e.Kind, e.Verdict = journal.EventAnnounced, nil }), ""},
		"nobody asked for any": {with(func(e *journal.Event) { e.Rollout.Callback = "" }), ""},
	} {
		got := ""
		if jobs := cb.Follow(c.event); len(jobs) > 0 {
			got = strings.TrimPrefix(jobs[0].Key, "abcdefghijklmnop.")
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// Every status, and what follows from it.
func TestAnswersToCallbacks(t *testing.T) {
	var status int
	var after string
	asked := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(status)
	}))
	defer receiver.Close()
	cb := someCallbacks(t, func(c *CallbackConfig) { c.Hosts = []string{"127.0.0.1:*"}; c.Now = start })
	j := callbackJob(t, cb, ended(receiver.URL))
	for status = 200; status < 600; status++ {
		asked = 0
		err := cb.Send(t.Context(), j)
		switch {
		case asked != 1:
			t.Errorf("%d: got %d requests, want 1", status, asked)
		case status < 300 && err != nil:
			t.Errorf("%d: got %v, want it done", status, err)
		case status >= 300 && (err == nil || errors.Is(err, outbox.ErrPermanent) != (status == 410)):
			t.Errorf("%d: got %v", status, err)
		}
	}
	for _, c := range []struct {
		status int
		after  string
		want   time.Duration
	}{
		{429, "7", 7 * time.Second}, {503, "120", 2 * time.Minute}, {503, start().Add(time.Minute).Format(http.TimeFormat), time.Minute},
		{429, "99999999", time.Hour}, {429, "soon", 0}, {429, "-5", 0}, {500, "7", 0},
	} {
		status, after = c.status, c.after
		var later *outbox.LaterError
		got := time.Duration(0)
		if err := cb.Send(t.Context(), j); errors.As(err, &later) {
			got = later.After
		}
		if got != c.want {
			t.Errorf("%d with Retry-After %s: got %s, want %s", c.status, c.after, got, c.want)
		}
	}
}

// What a receiver sends is read only in part, whatever there is.
func TestAnswersAreCapped(t *testing.T) {
	wrote := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 64<<10)
		for wrote < 64<<20 {
			n, err := w.Write(piece)
			if err != nil {
				return
			}
			wrote += n
		}
	}))
	cb := someCallbacks(t, func(c *CallbackConfig) { c.Hosts = []string{"127.0.0.1:*"} })
	if err := cb.Send(t.Context(), callbackJob(t, cb, ended(receiver.URL))); err != nil {
		t.Fatal(err)
	}
	receiver.Close()
	if wrote > 32<<20 {
		t.Errorf("got %d bytes taken, want the connection closed early", wrote)
	}
}

func TestCallbackURLs(t *testing.T) {
	cb := someCallbacks(t, func(c *CallbackConfig) {
		c.Hosts, c.PlainHTTP, c.Guard = []string{"ci.example.com", "*.hooks.example.com", "odd.example.com:8443", "169.254.169.254", "127.0.0.1:*", "[::1]:*"}, false, onlyPublic
	})
	for url, want := range map[string]string{
		"https://ci.example.com/serin":                        "",
		"https://CI.example.com:443/":                         "",
		"https://a.b.hooks.example.com/":                      "",
		"https://odd.example.com:8443/":                       "",
		"https://odd.example.com/":                            "not among the hosts",
		"https://ci.example.com:8443/":                        "not among the hosts",
		"https://hooks.example.com/":                          "not among the hosts",
		"https://evilhooks.example.com/":                      "not among the hosts",
		"https://ci.example.com.evil.org/":                    "not among the hosts",
		"https://evil.org/?ci.example.com":                    "no query",
		"http://ci.example.com/":                              "plain http",
		"https://bob:hunter2@ci.example.com/":                 "may not carry credentials",
		"https://ci.example.com/?token=hunter2":               "no query",
		"https://ci.example.com/#x":                           "no fragment",
		"https://127.0.0.1:9/":                                "is not public",
		"https://[::1]:9/":                                    "is not public",
		"https://[::ffff:127.0.0.1]:9/":                       "not among the hosts",
		"https://169.254.169.254/latest/metadata":             "is not public",
		"ftp://ci.example.com/":                               "not an https URL",
		"https:///nohost":                                     "not an https URL",
		"/relative":                                           "not an https URL",
		"https://ci.example.com/" + strings.Repeat("x", 3000): "not an https URL",
	} {
		err := cb.Check(url)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", oneLine(url, 60), err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got its credential in %v", url, err)
		}
	}
}

// A name that leads to a private address is refused at the dial, for good, and
// without a request.
func TestTheGuardIsAskedAtTheDial(t *testing.T) {
	asked := false
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer receiver.Close()
	cb := someCallbacks(t, func(c *CallbackConfig) { c.Hosts, c.Guard = []string{"localhost:*"}, onlyPublic })
	url := strings.Replace(receiver.URL, "127.0.0.1", "localhost", 1)
	err := cb.Send(t.Context(), callbackJob(t, cb, ended(url)))
	if !errors.Is(err, outbox.ErrPermanent) || !strings.Contains(err.Error(), "is not public") || asked {
		t.Errorf("got %v, asked %v; want it refused for good before a request", err, asked)
	}
}

// A certificate that nobody vouches for is no receiver.
func TestCallbacksVerifyCertificates(t *testing.T) {
	asked := false
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	receiver.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of the handshake
	defer receiver.Close()
	cb := someCallbacks(t, func(c *CallbackConfig) { c.Hosts = []string{"127.0.0.1:*"} })
	err := cb.Send(t.Context(), callbackJob(t, cb, ended(receiver.URL+"/secret-path")))
	if err == nil || errors.Is(err, outbox.ErrPermanent) || asked || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("got %v, asked %v; want a failure that is tried again and shows no path", err, asked)
	}
	trusting := someCallbacks(t, func(c *CallbackConfig) {
		c.Hosts = []string{"127.0.0.1:*"}
		c.Client = &http.Transport{TLSClientConfig: receiver.Client().Transport.(*http.Transport).TLSClientConfig}
	})
	if err := trusting.Send(t.Context(), callbackJob(t, cb, ended(receiver.URL))); err != nil || !asked {
		t.Errorf("got %v, asked %v; want it sent", err, asked)
	}
}

func TestCallbackConfigurations(t *testing.T) {
	for name, change := range map[string]func(*CallbackConfig){
		"no secret":        func(c *CallbackConfig) { c.Secrets = nil },
		"no prefix":        func(c *CallbackConfig) { c.Secrets = []string{"aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg=="} },
		"too short":        func(c *CallbackConfig) { c.Secrets = []string{"whsec_aHVudGVyMg=="} },
		"no hosts":         func(c *CallbackConfig) { c.Hosts = nil },
		"a URL for a host": func(c *CallbackConfig) { c.Hosts = []string{"https://x"} },
		"a star within":    func(c *CallbackConfig) { c.Hosts = []string{"a.*.com"} },
		"no guard":         func(c *CallbackConfig) { c.Guard = nil },
	} {
		c := CallbackConfig{Secrets: []string{newSecret}, Hosts: []string{"*"}, Guard: anywhere}
		change(&c)
		if _, err := NewCallbacks(c); err == nil || strings.Contains(err.Error(), "aHVudGVy") {
			t.Errorf("%s: got %v, want a refusal without the secret", name, err)
		}
	}
}

// A receiver that switches to another protocol, and then says nothing, keeps nobody.
func TestAReceiverThatSwitchesProtocols(t *testing.T) {
	held := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: silence\r\n\r\n")
		<-held
	}))
	defer receiver.Close()
	defer close(held)
	cb := someCallbacks(t, func(c *CallbackConfig) { c.Hosts = []string{"127.0.0.1:*"} })
	done := make(chan error, 1)
	job := callbackJob(t, cb, ended(receiver.URL))
	go func() { done <- cb.Send(t.Context(), job) }()
	select {
	case err := <-done:
		if err == nil || errors.Is(err, outbox.ErrPermanent) {
			t.Errorf("got %v, want an error that is tried again", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the callback still waits")
	}
}
