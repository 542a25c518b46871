package webhooks

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

func TestRatesOfOneToken(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Tokens = []Token{FullToken("busy", "busy-token"), FullToken("quiet", "quiet-token")}
		c.Limits = Limits{Rate: 1, Burst: 3}
	})
	for range 3 {
		w.want(w.as("busy-token", "GET", "/v1/rollouts", ""), 200)
	}
	a := w.want(w.as("busy-token", "GET", "/v1/rollouts", ""), 429)
	if a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, "Retry-After") {
		t.Errorf("got %v %s, want when to come back", a.header, a.body)
	}
	w.want(w.as("quiet-token", "GET", "/v1/rollouts", ""), 200)
	// Controllers are never told to wait: to them it would be a failure.
	for range 20 {
		w.want(w.as("busy-token", "POST", "/flagger/rollout", flaggerIn("shop", "")), 200)
		w.want(w.as("busy-token", "POST", "/argo/analysis", argoArgs(nil)), 200)
		w.want(w.as("busy-token", "POST", pathAlertmanager, group(nil)), 200)
		if a := w.as("busy-token", "GET", "/kayenta/judges", ""); a.code == 429 {
			t.Fatal("got a caller of Kayenta's told to wait, want it answered")
		}
	}
	w.want(w.as("busy-token", "GET", "/v1/rollouts", ""), 429)
	w.clock.add(time.Second)
	w.want(w.as("busy-token", "GET", "/v1/rollouts", ""), 200)
	w.want(w.as("busy-token", "GET", "/v1/rollouts", ""), 429)
}

func TestRatesOfStrangers(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Tokens = []Token{FullToken("known", "known-token")}
		c.Limits = Limits{Strangers: 1, StrangersBurst: 2}
	})
	from := func(address, path, token string) answer {
		r := httptest.NewRequest("POST", path, strings.NewReader("{}"))
		r.RemoteAddr = address
		r.Header.Set("Authorization", "Bearer "+token)
		return w.send(r)
	}
	for i, want := range []int{401, 401, 429, 429} {
		if a := from("10.0.0.1:1", "/v1/rollouts", "guess"); a.code != want {
			t.Errorf("try %d: got %d, want %d", i, a.code, want)
		}
	}
	w.want(from("10.0.0.1:2", "/flagger/rollout", "guess"), 401)
	w.want(from("10.0.0.1:2", "/argo/analysis", "guess"), 401)
	w.want(from("10.0.0.2:1", "/v1/rollouts", "guess"), 401)
	// Who has a token is not kept out by others behind the same address.
	w.want(from("10.0.0.1:1", "/v1/rollouts", "known-token"), 400)
	// One host has a whole network of IPv6 addresses to choose from.
	for i, want := range []int{401, 401, 429} {
		if a := from(fmt.Sprintf("[2001:db8:1:2::%d]:1", i+1), "/v1/rollouts", "guess"); a.code != want {
			t.Errorf("IPv6 %d: got %d, want %d", i, a.code, want)
		}
	}
	for i := range 2 * maxBuckets {
		from(fmt.Sprintf("10.%d.%d.%d:1", 1+i>>16, i>>8&255, i&255), "/v1/rollouts", "guess")
	}
	if n := len(w.server.rates.buckets); n > maxBuckets || n != w.server.rates.order.Len() {
		t.Errorf("got %d buckets, want at most %d", n, maxBuckets)
	}
}

// crowded serves a world over a real listener.
func crowded(t *testing.T, limits Limits) (w *world, address string) {
	t.Helper()
	w = newWorld(t, func(c *Config) {
		c.Tokens, c.Limits = []Token{FullToken("known", "known-token")}, limits
	})
	url, stop, ended := w.serve(t)
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return w, strings.TrimPrefix(url, "http://")
}

// ask asks as a known caller, over a connection of its own.
func ask(address string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	r, err := http.NewRequest("GET", "http://"+address+"/v1/rollouts", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer known-token")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("got %s", resp.Status)
	}
	return err
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-look.C {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

// TestTenThousandConnections has one caller open as many, of which some begin a
// request and never end it, while another asks.
func TestTenThousandConnections(t *testing.T) {
	const many, room = 10_000, 512
	w, address := crowded(t, Limits{Connections: room})
	if err := ask(address); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var before, during, after runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()

	conns := make([]net.Conn, 0, many)
	for i := range many {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if i%3 == 0 {
			_, _ = c.Write([]byte("GET /v1/rollouts HTTP/1.1\r\nHost: x\r\nX-Slow: ")) // it may be cut off by now
		}
		conns = append(conns, c)
		if i%1000 == 999 {
			if err := ask(address); err != nil {
				t.Errorf("with %d connections open, a known caller: %v", i+1, err)
			}
			if open, _ := w.server.crowd.state(); open > room {
				t.Errorf("got %d connections held, want at most %d", open, room)
			}
		}
	}
	runtime.ReadMemStats(&during)
	if n := runtime.NumGoroutine(); n > goroutines+2*room+50 {
		t.Errorf("got %d goroutines, want no more than the bound on connections needs", n)
	}
	if _, dropped := w.server.crowd.state(); dropped < many-room-100 {
		t.Errorf("got %d dropped, want the rest of %d", dropped, many)
	}
	for _, c := range conns {
		c.Close()
	}
	eventually(t, "every connection is given back", func() bool { open, _ := w.server.crowd.state(); return open == 0 })
	eventually(t, "every goroutine ends", func() bool { return runtime.NumGoroutine() <= goroutines+5 })
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("heap in use: %d KiB before, %d KiB during, %d KiB after", before.HeapInuse>>10, during.HeapInuse>>10, after.HeapInuse>>10)
	if after.HeapInuse > before.HeapInuse+32<<20 {
		t.Errorf("got %d bytes of heap in use, want about the %d of before", after.HeapInuse, before.HeapInuse)
	}
}

func TestWorkUnderWayKeepsItsConnection(t *testing.T) {
	w, address := crowded(t, Limits{Connections: 4})
	asked, release := make(chan bool), make(chan bool)
	w.judge.before = func(context.Context) { asked <- true; <-release }
	done := make(chan error, 1)
	go func() {
		r, err := http.NewRequest("POST", "http://"+address+"/flagger/rollout", strings.NewReader(flaggerIn("shop", "")))
		if err != nil {
			done <- err
			return
		}
		r.SetBasicAuth("", "known-token")
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(r)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != 200 {
				err = fmt.Errorf("got %s", resp.Status)
			}
		}
		done <- err
	}()
	<-asked
	for range 40 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	if err := ask(address); err != nil {
		t.Errorf("a second caller: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("got %v, want the answer: the work was there first", err)
	}
}

// TestWhereAllAreBusy: the next connection waits in the system's queue, and is
// served when there is room.
func TestWhereAllAreBusy(t *testing.T) {
	w, address := crowded(t, Limits{Connections: 1})
	asked, release := make(chan bool, 1), make(chan bool)
	w.judge.before = func(context.Context) { asked <- true; <-release }
	first := make(chan answer, 1)
	go func() {
		r, _ := http.NewRequest("POST", "http://"+address+"/flagger/rollout", strings.NewReader(flaggerIn("shop", "")))
		r.SetBasicAuth("", "known-token")
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if resp, err := client.Do(r); err == nil {
			resp.Body.Close()
			first <- answer{code: resp.StatusCode}
			return
		}
		first <- answer{}
	}()
	<-asked
	second := make(chan error, 1)
	go func() { second <- ask(address) }()
	select {
	case err := <-second:
		t.Errorf("got an answer (%v) without room for it", err)
	case release <- true:
	}
	if a := <-first; a.code != 200 {
		t.Errorf("got %d for the first, want 200", a.code)
	}
	if err := <-second; err != nil {
		t.Errorf("the second, once there was room: %v", err)
	}
}

func TestUnknownSendersSendLittle(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Tokens = []Token{FullToken("known", "known-token")} })
	large := `{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"token":"known-token","x":"` + strings.Repeat("a", strangersBody) + `"}}`
	w.want(w.do("POST", "/flagger/rollout", large), http.StatusRequestEntityTooLarge)
	w.want(w.as("known-token", "POST", "/flagger/rollout", large), 200)
}

func TestEveryRouteIsCountedOrACannotWait(t *testing.T) {
	w := newWorld(t)
	for _, r := range w.server.handler.(*echo.Echo).Routes() {
		controller := strings.HasPrefix(r.Path, "/flagger") || strings.HasPrefix(r.Path, "/argo") || strings.HasPrefix(r.Path, "/azure") ||
			strings.HasPrefix(r.Path, kayentaPrefix) || r.Path == pathAlertmanager
		if canWait(r.Path) == controller {
			t.Errorf("%s: got %v, want a 429 for those that try again, and for nobody else", r.Path, !controller)
		}
	}
}
