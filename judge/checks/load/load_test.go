package load_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func anyAddress(netip.AddrPort) error { return nil }

func local() load.Config { return load.Config{Hosts: []string{"127.0.0.1"}, Guard: anyAddress} }

func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

func failures(samples []checks.LoadSample) map[checks.LoadFailure]int {
	out := map[checks.LoadFailure]int{}
	for _, s := range samples {
		out[s.Failure]++
	}
	return out
}

// both runs a small load of which one arm is strange and the other is not.
func both(t *testing.T, strange string, change func(*load.Load)) checks.LoadRun {
	t.Helper()
	l := load.Load{Canary: strange, Baseline: serve(t, ok), Rate: 50, Duration: time.Second, Timeout: 10 * time.Second, Seed: 1}
	if change != nil {
		change(&l)
	}
	run, err := local().Run(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if got := failures(run.Baseline); got[checks.LoadAnswered] != len(run.Baseline) {
		t.Errorf("got %v of the healthy arm, want %d answers: the arms must not wait for each other", got, len(run.Baseline))
	}
	return run
}

func TestEveryRequestIsSentOnceToItsArm(t *testing.T) {
	var canary, baseline atomic.Int64
	var mu sync.Mutex
	seen := map[string]int{}
	note := func(n *atomic.Int64, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n.Add(1)
			b, _ := io.ReadAll(r.Body)
			mu.Lock()
			seen[r.Method+" "+r.RequestURI+" "+r.Header.Get("X-Key")+" "+string(b)]++
			mu.Unlock()
			w.WriteHeader(status)
		}
	}
	run, err := local().Run(t.Context(), load.Load{
		Canary: serve(t, note(&canary, 503)) + "/api/", Baseline: serve(t, note(&baseline, 200)) + "/api",
		Requests: []load.Request{{Path: "/a?x=1"}, {Method: "POST", Path: "/b", Body: "hello", Header: http.Header{"X-Key": {"k"}}}},
		Rate:     100, Duration: 500 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Canary) != 50 || canary.Load() != 50 || len(run.Baseline) != 50 || baseline.Load() != 50 {
		t.Errorf("got %d and %d samples of %d and %d requests, want 50 of each", len(run.Canary), len(run.Baseline), canary.Load(), baseline.Load())
	}
	for k := range run.Canary {
		if c, b := run.Canary[k], run.Baseline[k]; c.Status != 503 || b.Status != 200 || c.Latency <= 0 || c.Late > c.Latency {
			t.Fatalf("got %+v and %+v of pair %d", c, b, k)
		}
	}
	if len(seen) != 2 || seen["GET /api/a?x=1  "] != 50 || seen["POST /api/b k hello"] != 50 {
		t.Errorf("got requests %v, want each of the two 50 times", seen)
	}
}

func TestOrderIsACoinsThrowBySeed(t *testing.T) {
	first := func(seed uint64) string {
		address := serve(t, ok)
		run, err := local().Run(t.Context(), load.Load{Canary: address, Baseline: address, Rate: 400, Duration: 100 * time.Millisecond, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for k, c := range run.Canary {
			who, apart := "c", run.Baseline[k].At-c.At
			if apart < 0 {
				who, apart = "b", -apart
			}
			if apart != 1250*time.Microsecond {
				t.Errorf("pair %d is %s apart, want half of an interval", k, apart)
			}
			out.WriteString(who)
		}
		return out.String()
	}
	one, again, other := first(1), first(1), first(2)
	if one != again || one == other {
		t.Errorf("got orders %s, %s with the same seed and %s with another", one, again, other)
	}
	if n := strings.Count(one, "c"); n < 10 || n > 30 {
		t.Errorf("the canary goes first %d times of 40", n)
	}
}

func TestHostileServers(t *testing.T) {
	answer := func(text string, then func(net.Conn)) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, text)
			then(c)
		}
	}
	shut := func(c net.Conn) { _ = c.Close() }
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	head := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	endless := func(w http.ResponseWriter, r *http.Request) {
		page := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(page); err != nil {
				return
			}
		}
	}
	slow := func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
			}
		}
	}
	reset := func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }
	for name, tt := range map[string]struct {
		server http.HandlerFunc
		want   checks.LoadFailure
	}{
		"hangs":             {hang, checks.LoadTimedOut},
		"resets":            {answer("", reset), checks.LoadNoAnswer},
		"resets in a body":  {answer(head+"abc", reset), checks.LoadNoAnswer},
		"half an answer":    {answer(head+"abc", shut), checks.LoadNoAnswer},
		"no HTTP":           {answer("hello\r\n\r\n", shut), checks.LoadNoAnswer},
		"slow body":         {slow, checks.LoadTimedOut},
		"endless body":      {endless, checks.LoadTooLarge},
		"huge headers":      {answer("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n", shut), checks.LoadNoAnswer},
		"redirects is seen": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://192.0.2.1/", 302) }, checks.LoadAnswered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := both(t, serve(t, tt.server), func(l *load.Load) {
				l.Rate = 20
				if tt.want == checks.LoadTimedOut {
					l.Timeout = time.Second
				}
			})
			if got := failures(run.Canary); got[tt.want] != len(run.Canary) {
				t.Errorf("got %v, want %d × %q", got, len(run.Canary), tt.want)
			}
			if tt.want == checks.LoadAnswered && run.Canary[0].Status != http.StatusFound {
				t.Errorf("got status %d, want 302: a redirect is the answer", run.Canary[0].Status)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	_ = l.Close()
	run := both(t, address, nil)
	if got := failures(run.Canary); got[checks.LoadNoAnswer] != len(run.Canary) {
		t.Errorf("got %v, want no answer at all", got)
	}
}

// TestWaitingForAConnectionCounts: an arm that hangs with few connections cannot be
// asked at the rate. Its waiting requests are its own, not the load's lateness.
func TestWaitingForAConnectionCounts(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	run := both(t, serve(t, hang), func(l *load.Load) { l.Connections, l.Timeout = 4, time.Second })
	got := failures(run.Canary)
	if got[checks.LoadTimedOut] < 4 || got[checks.LoadUnsent] < 20 || got[checks.LoadMissed] > 0 {
		t.Errorf("got %v, want some timed out, most unsent, none missed", got)
	}
	waited := false
	for _, s := range run.Canary {
		waited = waited || s.Failure == checks.LoadTimedOut && s.Latency-s.Late > 1300*time.Millisecond
	}
	if !waited {
		t.Error("no latency holds the wait for a connection before the 1 s of the request itself: coordinated omission")
	}
}

func TestGuardRefuses(t *testing.T) {
	for name, guard := range map[string]func(netip.AddrPort) error{
		"refuses": func(netip.AddrPort) error { return errors.New("loopback") },
		"panics":  func(netip.AddrPort) error { panic("hunter2") },
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			address := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
			c := load.Config{Hosts: []string{"127.0.0.1"}, Guard: guard}
			run, err := c.Run(t.Context(), load.Load{Canary: address, Baseline: address, Rate: 50, Duration: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if got := failures(run.Canary); got[checks.LoadForbidden] != 10 || asked.Load() != 0 {
				t.Errorf("got %v and %d requests, want 10 forbidden and none sent", got, asked.Load())
			}
		})
	}
}

func TestCancelledLoadEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	hang := func(_ http.ResponseWriter, r *http.Request) {
		once.Do(cancel)
		<-r.Context().Done()
	}
	run, err := local().Run(ctx, load.Load{Canary: serve(t, hang), Baseline: serve(t, ok), Rate: 1, Duration: 5 * time.Minute, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	// Without the cancelling it takes five minutes; the bound only tells these apart.
	if run.Took > 20*time.Second || run.Ended == "" {
		t.Errorf("took %s, ended %q", run.Took, run.Ended)
	}
	if got := failures(run.Canary); got[checks.LoadCancelled] != len(run.Canary) {
		t.Errorf("got %v, want %d cancelled", got, len(run.Canary))
	}
}

func TestRefusedLoads(t *testing.T) {
	good := func() load.Load {
		return load.Load{Canary: "http://127.0.0.1:1", Baseline: "http://127.0.0.1:2", Rate: 1, Duration: time.Second}
	}
	if err := local().Check(good()); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*load.Load, *load.Config){
		"not among the hosts":    func(l *load.Load, _ *load.Config) { l.Canary = "http://169.254.169.254/" },
		"baseline: host":         func(l *load.Load, _ *load.Config) { l.Baseline = "https://example.org" },
		"canary: host":           func(_ *load.Load, c *load.Config) { c.Hosts = nil },
		"no guard":               func(_ *load.Load, c *load.Config) { c.Guard = nil },
		"http:// or https://":    func(l *load.Load, _ *load.Config) { l.Canary = "file:///etc/passwd" },
		"user or password":       func(l *load.Load, _ *load.Config) { l.Canary = "http://u:hunter2@127.0.0.1" },
		"cannot be read":         func(l *load.Load, _ *load.Config) { l.Canary = "http://hunter2\x00" },
		"names no host":          func(l *load.Load, _ *load.Config) { l.Canary = "http:///x" },
		"query or a fragment":    func(l *load.Load, _ *load.Config) { l.Canary += "/?x=hunter2" },
		"rate: 501":              func(l *load.Load, _ *load.Config) { l.Rate = 501 },
		"rate: 0 ":               func(l *load.Load, _ *load.Config) { l.Rate = 0 },
		"duration: 11m0s":        func(l *load.Load, _ *load.Config) { l.Duration = 11 * time.Minute },
		"too many, at most 6000": func(l *load.Load, _ *load.Config) { l.Rate, l.Duration = 500, 5*time.Minute },
		"not a single request":   func(l *load.Load, _ *load.Config) { l.Rate = .5 },
		"connections: 257":       func(l *load.Load, _ *load.Config) { l.Connections = 257 },
		"timeout: 31s":           func(l *load.Load, _ *load.Config) { l.Timeout = 31 * time.Second },
		"requests: 17":           func(l *load.Load, _ *load.Config) { l.Requests = make([]load.Request, 17) },
		"body of 65537 bytes":    func(l *load.Load, _ *load.Config) { l.Requests = []load.Request{{Body: strings.Repeat("x", 65537)}} },
		"no method":              func(l *load.Load, _ *load.Config) { l.Requests = []load.Request{{Method: "GE T"}} },
		"must begin with /":      func(l *load.Load, _ *load.Config) { l.Requests = []load.Request{{Path: "@hunter2"}} },
		"header Host":            func(l *load.Load, _ *load.Config) { l.Requests = []load.Request{{Header: http.Header{"host": {"x"}}}} },
		"line break": func(l *load.Load, _ *load.Config) {
			l.Requests = []load.Request{{Header: http.Header{"X": {"hunter2\n"}}}}
		},
	} {
		t.Run(want, func(t *testing.T) {
			l, c := good(), local()
			change(&l, &c)
			_, err := c.Run(t.Context(), l)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q without the secret", err, want)
			}
		})
	}
	all := load.Config{}.Check(load.Load{})
	if n := strings.Count(all.Error(), "\n") + 1; n != 5 {
		t.Errorf("got %d faults of the empty load, want 5 at once: %v", n, all)
	}
}
