package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
)

// TestPlansChangeWhileRunning changes, breaks and removes plans of a server under
// load, with a signal each time. No call fails, a rollout keeps the plan that it
// began with, and what is wrong changes nothing.
func TestPlansChangeWhileRunning(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	w := newWorld(t)
	target := filepath.Join(t.TempDir(), "serin.db")
	s := serve(t, w.config("serin.yaml", target, ""))
	under(t, w, target, []*server{s}, func(l *ledger) {
		c, n := l.caller(t, s), 0
		begin := func() (id, mode string) {
			n++
			id, err := c.announce(announcement{revision: fmt.Sprint("plan-", n), plan: "checkout", canary: "bad", ago: 2 * time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			return id, modeOf(t, c, id)
		}
		id, mode := begin()
		if mode != "enforce" {
			t.Fatalf("got mode %s, want enforce", mode)
		}
		w.plan("plans", "checkout", "mode: shadow\n")
		s.signal(syscall.SIGHUP)
		eventually(t, patience, "new rollouts have the new plan", func() bool { _, mode := begin(); return mode == "shadow" })
		if mode := modeOf(t, c, id); mode != "enforce" {
			t.Errorf("got mode %s of a rollout that began in enforce", mode)
		}
		file := filepath.Join(w.dir, "plans", "checkout.yaml")
		for name, spoil := range map[string]func() error{
			"metrics":              func() error { return os.WriteFile(file, []byte("service: checkout\nmetrics: 3\n"), 0o600) },
			"there is no plan":     func() error { return os.Remove(file) },
			"there is no folder":   func() error { return os.Rename(filepath.Dir(file), filepath.Dir(file)+"-away") },
			"which is not configu": func() error { w.plan("plans", "elsewhere", ""); return nil },
		} {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			before := len(s.said.String())
			s.signal(syscall.SIGHUP)
			eventually(t, patience, "the log says what is wrong: "+name, func() bool { return strings.Contains(s.said.String()[before:], name) })
			if _, mode := begin(); mode != "shadow" {
				t.Errorf("%s: got mode %s, want the plan from before", name, mode)
			}
			_ = os.Rename(filepath.Dir(file)+"-away", filepath.Dir(file)) // where it was moved
			_ = os.Remove(filepath.Join(filepath.Dir(file), "elsewhere.yaml"))
			w.plan("plans", "checkout", "mode: shadow\n")
		}
		l.more(5)
		if broken, shed := l.broken.Load(), l.shed.Load(); broken+shed > 0 {
			t.Errorf("got %d calls without an answer and %d refused, want none", broken, shed)
		}
	})
}

// modeOf returns the mode in which a bad canary is judged.
func modeOf(t *testing.T, c *caller, id string) string {
	t.Helper()
	v, err := c.judge(id, false)
	if err != nil || v.Outcome != judge.Rollback || v.RollBack.Yes != (v.Mode == "enforce") {
		t.Errorf("rollout %s: got %s in mode %s, roll back %v, error %v; want rollback, signalled unless in shadow", id, v.Outcome, v.Mode, v.RollBack.Yes, err)
	}
	return v.Mode
}

// TestTenThousandConnections opens them to a process, whose callers with a token are
// answered all the while.
func TestTenThousandConnections(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	w := newWorld(t)
	debug := freeAddr(t)
	s := serve(t, w.config("serin.yaml", filepath.Join(t.TempDir(), "serin.db"), fmt.Sprintf("debug: { listen: %q }\ntokenFiles: [%s]\n",
		debug, w.write("token", "0123456789abcdef-known"))))
	ask := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.addr+"/v1/rollouts",
			strings.NewReader(announcement{revision: "known", plan: "checkout", canary: "good", ago: 2 * time.Minute}.body()))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer 0123456789abcdef-known")
		resp, err := (&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode/100 != 2 {
			return fmt.Errorf("got %d %.200s, error %w", resp.StatusCode, text, err)
		}
		return nil
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	goroutinesBefore, memoryBefore := goroutines(t, debug), s.memory("VmRSS")
	const many = 10_000
	conns := make([]net.Conn, 0, many)
	for i := range many {
		c, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", s.addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, c)
		if i%3 == 0 {
			_, _ = c.Write([]byte("POST /v1/rollouts HTTP/1.1\r\nHost: x\r\nX-Slow: ")) // it may be cut off by now
		}
		if i%500 == 499 {
			if err := ask(); err != nil {
				t.Errorf("with %d connections open, a known caller: %v", i+1, err)
			}
		}
	}
	during, peak := goroutines(t, debug), s.memory("VmHWM")
	for _, c := range conns {
		c.Close()
	}
	if during > goroutinesBefore+2*2048+100 || peak > memoryBefore+200 {
		t.Errorf("got %d goroutines and %d MiB, want what 2048 connections take at most", during, peak)
	}
	eventually(t, patience, "every goroutine ends", func() bool { return goroutines(t, debug) <= goroutinesBefore+5 })
	t.Logf("goroutines %d, %d, %d; memory %d MiB before, %d at most", goroutinesBefore, during, goroutines(t, debug), memoryBefore, peak)
}

// TestClocksThatJump sets the source's clock five minutes back and forth beneath a
// rollout. To the server that is the same as its own clock that jumps the other way;
// webhooks.TestAClockThatJumps sets that.
func TestClocksThatJump(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	w := newWorld(t)
	target := filepath.Join(t.TempDir(), "serin.db")
	s := serve(t, w.config("serin.yaml", target, ""))
	l := newLedger(t)
	c := l.caller(t, s)
	ids := map[string]string{}
	for canary, want := range map[string]judge.Outcome{"good": judge.Promote, "bad": judge.Rollback} {
		id, err := c.announce(announcement{revision: canary, plan: "checkout", canary: canary, ago: 2 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		ids[canary] = id
		if v, err := c.judge(id, true); err != nil || v.Outcome != want {
			t.Fatalf("%s: got %s (%s), error %v; want %s", canary, v.Outcome, v.Reason, err, want)
		}
	}
	for _, jump := range []time.Duration{-5 * time.Minute, 5 * time.Minute, 0} {
		// The source's time is asked for once a minute; a new process asks at once.
		w.store.fail("prometheus", w.askew(jump))
		s.kill()
		s.start()
		for canary, id := range ids {
			v, err := c.judge(id, true)
			if err != nil {
				t.Errorf("%s, %s: %v", canary, jump, err)
				continue
			}
			t.Logf("source %+.0f s, %s canary: %s, promotion %v, %d of %d blocks closed: %s", jump.Seconds(), canary, v.Outcome, v.Promotion.Yes, v.Progress.Closed, v.Progress.Blocks, v.Reason)
			switch {
			case canary == "bad" && (v.Outcome != judge.Rollback || !v.RollBack.Yes):
				t.Errorf("%s: got %s (%s), want the rollback that was decided", jump, v.Outcome, v.Reason)
			case canary == "good" && (v.Outcome == judge.Rollback || v.RollBack.Yes):
				t.Errorf("%s: a good canary is rolled back: %s", jump, v.Reason)
			case canary == "good" && jump == 0 && !v.Promotion.Yes:
				t.Errorf("with clocks that agree again: got %s (%s), want it promoted", v.Outcome, v.Promotion.Reason)
			case jump != 0 && !strings.Contains(fmt.Sprint(v.Findings), "clock"):
				t.Errorf("%s: got no finding about the clocks: %+v", jump, v.Findings)
			}
		}
	}
	recomputed(t, target, len(l.verdicts))
}

// askew answers as ever, and tells another time.
func (w *world) askew(by time.Duration) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		body, form := asked(r)
		r.Body = body
		if form.Get("query") != "time()" {
			w.store.pass.ServeHTTP(rw, r)
			return
		}
		rec := httptest.NewRecorder()
		r.Header.Del("Accept-Encoding")
		w.store.pass.ServeHTTP(rec, r)
		var answer struct {
			Data struct {
				Result [2]any `json:"result"`
			} `json:"data"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
			w.t.Error(err)
		}
		text, _ := answer.Data.Result[1].(string)
		at, err := strconv.ParseFloat(text, 64)
		if err != nil {
			w.t.Errorf("time(): %v in %s", err, rec.Body)
		}
		fmt.Fprintf(rw, `{"status":"success","data":{"resultType":"scalar","result":[%f,"%f"]}}`, at+by.Seconds(), at+by.Seconds())
	}
}
