package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
)

// badSource is a source that begins to misbehave when everything has been proven.
type badSource struct {
	fault http.HandlerFunc
	// heals: it mends, and the canary can be promoted again.
	heals bool
	// passes: what is wrong is overcome, and answers are right all along.
	passes bool
	says   string // part of the reason that callers are told
}

// TestSourcesThatMisbehave has a source for each fault. Before it begins, the canary
// is proven good; from then on nothing new is known of it. Every caller is answered
// before it gives up, nothing is promoted or advanced on what is stale, nothing is
// rolled back, and where the source mends, the canary is promoted.
//
// The answers below are also tests of queries/prometheus and queries/share; here are
// the callers, and what a process holds.
func TestSourcesThatMisbehave(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	w := newWorld(t)
	cases := w.badSources()
	debug, target := freeAddr(t), filepath.Join(t.TempDir(), "serin.db")
	config := func(replaced map[string]string) string {
		more := "debug: { listen: \"" + debug + "\" }\nsources:\n"
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			at := w.store.url(name)
			if replaced[name] != "" {
				at = replaced[name]
			}
			more += fmt.Sprintf("  - { name: %s, prometheus: { url: %q } }\n", name, at)
		}
		return w.config("serin.yaml", target, "plans: "+filepath.Join(w.dir, "bad")+"\n"+more)
	}
	for name := range cases {
		w.plan("bad", name, "")
	}
	s := serve(t, config(nil))
	l := newLedger(t)
	trials := map[string]*trial{}
	for name, c := range cases {
		trials[name] = &trial{t: t, w: w, name: name, source: c, caller: l.caller(t, s)}
		trials[name].prove()
	}
	// A name that is gone: the same journal, and a source that no longer resolves.
	s.kill()
	config(map[string]string{"gone": "http://prometheus.invalid:9090"})
	s.start()
	goroutinesBefore, memoryBefore := goroutines(t, debug), s.memory("VmRSS")
	var wg sync.WaitGroup
	for _, one := range trials {
		wg.Go(one.run)
	}
	wg.Wait()
	now, peak := s.memory("VmRSS"), s.memory("VmHWM")
	t.Logf("memory %d MiB before, %d MiB at most, %d MiB after", memoryBefore, peak, now)
	// One look of four questions reads 16 MiB of each, which takes four times as much,
	// and then asks for sums, before the first is collected.
	if peak > 640 {
		t.Errorf("got %d MiB resident at most, want it bounded by limits.answer", peak)
	}
	w.store.front.CloseClientConnections() // connections that wait for the next question have goroutines too
	trials["slow"].caller.client.CloseIdleConnections()
	eventually(t, patience, "every goroutine ends", func() bool {
		n := goroutines(t, debug)
		if n > goroutinesBefore+5 {
			w.store.front.CloseClientConnections()
		}
		return n <= goroutinesBefore+5
	})
	t.Logf("%d goroutines before, %d after", goroutinesBefore, goroutines(t, debug))
	s.signal(syscall.SIGTERM)
	<-s.done
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("got exit %d, want a quiet end", code)
	}
	recomputed(t, target, len(l.verdicts))
}

// badSources lists the faults.
func (w *world) badSources() map[string]badSource {
	status := func(code int) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Retry-After", "2")
			rw.WriteHeader(code)
		}
	}
	var turn atomic.Int64
	return map[string]badSource{
		"slow": {heals: true, says: "in time", fault: func(_ http.ResponseWriter, r *http.Request) {
			select { // 30 seconds, unless the caller has hung up
			case <-r.Context().Done():
			case <-time.After(30 * time.Second):
			}
		}},
		"flapping": {passes: true, fault: func(rw http.ResponseWriter, r *http.Request) {
			if turn.Add(1)%3 == 0 {
				rw.WriteHeader(http.StatusBadGateway)
				return
			}
			w.store.pass.ServeHTTP(rw, r)
		}},
		"partial": {heals: true, says: "one replica of three is away", fault: w.partial},
		"garbage": {heals: true, says: "cannot be read", fault: func(rw http.ResponseWriter, _ *http.Request) {
			io.WriteString(rw, `{"status":"success","data":{"resul`+"\x00")
		}},
		"throttled":  {heals: true, says: "left alone", fault: status(http.StatusTooManyRequests)},
		"overloaded": {heals: true, says: "left alone", fault: status(http.StatusServiceUnavailable)},
		"truncated": {heals: true, says: "broke off", fault: func(rw http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			w.store.pass.ServeHTTP(rec, r)
			rw.Header().Set("Content-Length", fmt.Sprint(rec.Body.Len()))
			_, _ = rw.Write(rec.Body.Bytes()[:rec.Body.Len()/2]) // the server then cuts the connection
		}},
		"huge": {heals: true, says: "larger than", fault: func(rw http.ResponseWriter, _ *http.Request) {
			part := strings.Repeat(`[1700000000,"123456789.123456789"],`, 1000)
			_, err := io.WriteString(rw, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},"values":[`)
			for sent := 0; err == nil && sent < 50<<20; sent += len(part) {
				_, err = io.WriteString(rw, part)
			}
		}},
		"gone": {says: "cannot be reached"},
	}
}

// partial answers with a warning, and without half of the series.
func (w *world) partial(rw http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	r.Header.Del("Accept-Encoding")
	w.store.pass.ServeHTTP(rec, r)
	var body struct {
		Status   string   `json:"status"`
		Warnings []string `json:"warnings"`
		Data     struct {
			Type   string            `json:"resultType"`
			Result []json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || body.Data.Type != "matrix" {
		_, _ = rw.Write(rec.Body.Bytes()) // the question for the time
		return
	}
	body.Warnings = []string{"one replica of three is away"}
	body.Data.Result = body.Data.Result[:len(body.Data.Result)/2]
	if err := json.NewEncoder(rw).Encode(body); err != nil {
		w.t.Error(err)
	}
}

// trial is one canary at one source.
type trial struct {
	t      *testing.T
	w      *world
	name   string
	source badSource
	caller *caller
	id     string
}

// judge asks for a verdict, to be had within some seconds. A refusal in words is no
// verdict and no error.
func (x *trial) judge(within time.Duration) (v judge.Verdict, refused string) {
	req, err := http.NewRequestWithContext(x.t.Context(), http.MethodPost, x.caller.bases[0]+"/v1/rollouts/"+x.id+"/judge", strings.NewReader(`{"final": true}`))
	if err != nil {
		x.t.Error(err)
		return v, ""
	}
	req.Header.Set("Prefer", fmt.Sprintf("wait=%d", int(within.Seconds())))
	began := time.Now()
	resp, err := x.caller.client.Do(req)
	if err != nil {
		x.t.Errorf("%s: %v", x.name, err)
		return v, "none"
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if took := time.Since(began); err != nil || took > within+5*time.Second {
		x.t.Errorf("%s: answered after %s, error %v; want it within %s", x.name, took, err, within)
	}
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(text), `"error"`):
		return v, string(text)
	case resp.StatusCode != http.StatusOK:
		x.t.Errorf("%s: got %d %.300s", x.name, resp.StatusCode, text)
		return v, string(text)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		x.t.Errorf("%s: %v in %.300s", x.name, err, text)
	}
	if err := x.caller.ledger.told(v.ID, text); err != nil {
		x.t.Error(err)
	}
	return v, ""
}

// prove announces a canary and has it proven good.
func (x *trial) prove() {
	x.t.Helper()
	code, text, err := x.caller.call(http.MethodPost, "/v1/rollouts", fmt.Sprintf(`{"controller": "flagger", "service": %q, "namespace": "shop",
		"revision": "1", "started": %q, "baseline": {"workload": "good-primary"}, "canary": {"workload": "good"}}`,
		x.name, time.Now().Add(-2*time.Minute).UTC().Format(time.RFC3339)))
	var got struct {
		Rollout struct {
			ID string `json:"id"`
		} `json:"rollout"`
	}
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil || code != http.StatusCreated {
		x.t.Fatalf("%s: got %d %s, error %v", x.name, code, text, err)
	}
	x.id = got.Rollout.ID
	eventually(x.t, patience, x.name+": the canary is proven good", func() bool {
		v, _ := x.judge(10 * time.Second)
		return v.Promotion.Yes
	})
}

// await asks until a condition holds of a verdict, at most for patience.
func (x *trial) await(what string, is func(v judge.Verdict, refused string) bool) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		v, refused := x.judge(5 * time.Second)
		if v.RollBack.Yes || v.Outcome == judge.Rollback {
			x.t.Errorf("%s: a good canary is rolled back: %s", x.name, v.Reason)
		}
		if is(v, refused) {
			return
		}
		if time.Now().After(end) || x.t.Context().Err() != nil {
			x.t.Errorf("%s: not within %s: %s; the last verdict: %s %s, promotion %+v", x.name, patience, what, v.Outcome, v.Reason, v.Promotion)
			return
		}
	}
}

// run begins the fault, asks as every caller does, and mends.
func (x *trial) run() {
	x.w.store.fail(x.name, x.source.fault)
	failed := time.Now()
	if x.source.passes {
		x.await("blocks are read all the same", func(v judge.Verdict, _ string) bool {
			return v.Promotion.Yes && v.Progress.To.After(failed.Add(10*time.Second))
		})
		x.await("and once more", func(v judge.Verdict, _ string) bool { return v.Promotion.Yes })
	} else {
		// Blocks of 2 s close a second late: what is answered later than this rests on
		// a block that could not be read.
		x.await("nothing new is known", func(v judge.Verdict, refused string) bool {
			if v.Promotion.Yes && v.At.After(failed.Add(7*time.Second)) {
				x.t.Errorf("%s: verdict %s, %s after the fault began, promotes: %s", x.name, v.ID, v.At.Sub(failed), v.Promotion.Reason)
			}
			return refused != "" || !v.Promotion.Yes
		})
		x.hooks()
	}
	if !x.source.heals && !x.source.passes {
		return
	}
	x.w.store.fail(x.name, nil)
	x.await("the canary may be promoted again", func(v judge.Verdict, _ string) bool { return v.Promotion.Yes })
	if code, text, _ := x.hook("confirm-promotion"); code != http.StatusOK {
		x.t.Errorf("%s: mended: got %d %s, want it promoted", x.name, code, text)
	}
}

// hooks has Flagger ask everything at once. Each answer comes in time and says what it
// must; the reason is that of the source as soon as a look is finished in time, which
// a busy machine may not do at the first question.
func (x *trial) hooks() {
	var wg sync.WaitGroup
	for hook, want := range map[string]int{"confirm-promotion": 409, "confirm-traffic-increase": 409, "rollback": 409, "rollout": 200} {
		wg.Go(func() {
			for end := time.Now().Add(patience); ; {
				code, text, took := x.hook(hook)
				if code != want || took > 10*time.Second {
					x.t.Errorf("%s: %s: got %d %s after %s, want %d before Flagger's 10 s are over", x.name, hook, code, text, took, want)
					return
				}
				if strings.Contains(text, x.source.says) || hook == "rollback" {
					x.t.Logf("%s: %s: %d after %s: %.250s", x.name, hook, code, took.Round(100*time.Millisecond), text)
					return
				}
				if !strings.Contains(text, "no look was finished in time") || time.Now().After(end) {
					x.t.Errorf("%s: %s: got %d %s, want it to say %q", x.name, hook, code, text, x.source.says)
					return
				}
			}
		})
	}
	wg.Wait()
}

func (x *trial) hook(hook string) (code int, text string, took time.Duration) {
	began := time.Now()
	code, b, err := x.caller.once(nil, http.MethodPost, x.caller.bases[0]+"/flagger/"+hook,
		fmt.Sprintf(`{"name": %q, "namespace": "shop", "phase": "Progressing", "checksum": "1"}`, x.name))
	if err != nil {
		x.t.Errorf("%s: %s: %v", x.name, hook, err)
	}
	return code, string(b), time.Since(began)
}
