package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// answer is what the fake server says to the n-th call of a hook, counted from 1.
type answer func(n int) (status int, body string)

func always(status int, body string) answer {
	return func(int) (int, string) { return status, body }
}

// fake is a server whose answers are scripted by hook; a hook without a script is
// answered as Serin answers for a healthy canary.
type fake struct {
	answers map[string]answer
	calls   []string // "hook phase", without events
	events  []payload
	counts  map[string]int
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var p payload
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	hook := strings.TrimPrefix(r.URL.Path, "/flagger/")
	f.counts[hook]++
	if hook == "event" {
		f.events = append(f.events, p)
	} else {
		f.calls = append(f.calls, hook+" "+string(p.Phase))
	}
	a, ok := f.answers[hook]
	if !ok {
		a = always(http.StatusOK, "")
		if hook == "rollback" {
			a = always(http.StatusConflict, "no harm")
		}
	}
	status, body := a(f.counts[hook])
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

// weights records what the router was told.
type weights struct{ set []int }

func (w *weights) SetWeight(percent int) { w.set = append(w.set, percent) }

// drive returns a driver of a canary against a fake server.
func drive(t *testing.T, answers map[string]answer) (*driver, *fake, *weights) {
	t.Helper()
	f := &fake{answers: answers, counts: map[string]int{}}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	w := &weights{}
	at := time.Unix(1_700_000_000, 0)
	return &driver{
		canary: canary{name: "checkout", namespace: "demo", checksum: "6d5f7", threshold: 3,
			steps: []int{20, 40, 50}, metadata: map[string]string{"plan": "checkout"}},
		hooks: newHooks(srv.URL + "/"), router: w, phase: initialized,
		now: func() time.Time { at = at.Add(time.Millisecond); return at },
	}, f, w
}

// ticks runs the driver until it is over, at most n times, and returns how often.
func ticks(d *driver, n int) int {
	for i := 1; i <= n; i++ {
		d.tick(context.Background())
		if d.phase.over() {
			return i
		}
	}
	return n
}

func messages(d *driver) []string {
	var ms []string
	for _, e := range d.events {
		if !e.Routine {
			ms = append(ms, e.Message)
		}
	}
	return ms
}

func TestDriverPromotesInFlaggersOrder(t *testing.T) {
	d, f, w := drive(t, nil)
	if got := ticks(d, 20); got != 7 {
		t.Errorf("ticks: got %d, want 7", got)
	}
	want := []string{
		"confirm-rollout Initialized",
		"rollback Progressing", "pre-rollout Progressing", "confirm-traffic-increase Progressing",
		"rollback Progressing", "rollout Progressing", "confirm-traffic-increase Progressing",
		"rollback Progressing", "rollout Progressing", "confirm-traffic-increase Progressing",
		"rollback Progressing", "rollout Progressing", "confirm-traffic-increase Progressing", "confirm-promotion Progressing",
		"post-rollout Succeeded",
	}
	if diff := cmp.Diff(want, f.calls); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{20, 40, 50, 0}, w.set); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
	wantEvents := []string{
		"Confirm-rollout check serin passed",
		"New revision detected! Scaling up checkout.demo",
		"Advance checkout.demo canary weight 20",
		"Advance checkout.demo canary weight 40",
		"Advance checkout.demo canary weight 50",
		"Confirm-promotion check serin passed",
		"Copying checkout.demo template spec to checkout-primary.demo",
		"Routing all traffic to primary",
		"Post-rollout check serin passed",
		"Promotion completed! Scaling down checkout.demo",
	}
	if diff := cmp.Diff(wantEvents, messages(d)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if len(f.events) != len(d.events) {
		t.Errorf("event hooks: got %d, want one for each of %d events", len(f.events), len(d.events))
	}
}

func TestDriverTakesAnswersAsFlaggerDoes(t *testing.T) {
	for _, c := range []struct {
		status int
		yes    bool
		text   string // in the event of a refused rollout hook
	}{
		{http.StatusOK, true, ""},
		{http.StatusCreated, true, ""},
		{http.StatusAccepted, true, ""},
		{http.StatusNoContent, false, "failed"},
		{http.StatusBadRequest, false, "failed because"},
		{http.StatusNotFound, false, "failed because"},
		{http.StatusConflict, false, "failed because"},
		{http.StatusPreconditionFailed, false, "failed because"},
		{http.StatusUnprocessableEntity, false, "failed because"},
		{http.StatusTooManyRequests, false, "giving up after 1 attempt(s)"},
		{http.StatusInternalServerError, false, "giving up after 1 attempt(s)"},
		{http.StatusNotImplemented, false, "failed because"},
		{http.StatusServiceUnavailable, false, "giving up after 1 attempt(s)"},
	} {
		t.Run(strconv.Itoa(c.status), func(t *testing.T) {
			body := "because"
			if c.status == http.StatusNoContent {
				body = ""
			}
			d, _, _ := drive(t, map[string]answer{"rollout": always(c.status, body)})
			d.phase, d.weight = progressing, 20
			d.tick(t.Context())
			if got := d.failedChecks == 0; got != c.yes {
				t.Fatalf("rollout hook passed: got %v, want %v", got, c.yes)
			}
			if got := d.weight == 40; got != c.yes {
				t.Errorf("weight advanced: got %v, want %v", got, c.yes)
			}
			all := strings.Join(messages(d), "\n")
			if !strings.Contains(all, c.text) {
				t.Errorf("events: got %q, want %q in them", all, c.text)
			}
			if strings.Contains(all, "because") != strings.Contains(c.text, "because") {
				t.Errorf("events: got %q; the body must be shown for a 4xx only", all)
			}
		})
	}
}

func TestDriverCountsFailedChecksOverTheRollout(t *testing.T) {
	// Every second rollout hook fails: successes in between reset nothing.
	d, f, w := drive(t, map[string]answer{
		"rollout": func(n int) (int, string) {
			if n%2 == 1 {
				return http.StatusConflict, "stale"
			}
			return http.StatusOK, ""
		},
		"confirm-promotion": always(http.StatusConflict, "not proven"),
	})
	n := ticks(d, 20)
	if d.phase != failed || d.failedChecks != 3 {
		t.Fatalf("got phase %s with %d failed checks, want Failed with 3", d.phase, d.failedChecks)
	}
	// 2 ticks to weight 20, then F S F S F, and the rollback at the next tick.
	if n != 8 {
		t.Errorf("ticks: got %d, want 8", n)
	}
	if got := w.set[len(w.set)-1]; got != 0 {
		t.Errorf("last weight: got %d, want 0", got)
	}
	last := f.calls[len(f.calls)-2:]
	if diff := cmp.Diff([]string{"rollback Progressing", "post-rollout Failed"}, last); diff != "" {
		t.Errorf("last hooks (-want +got):\n%s", diff)
	}
	if all := strings.Join(messages(d), "\n"); !strings.Contains(all, "Rolling back checkout.demo failed checks threshold reached 3") {
		t.Errorf("events: got %q, want the threshold in them", all)
	}
}

func TestDriverRollsBackAtOnceWhenTheRollbackHookSaysYes(t *testing.T) {
	d, f, w := drive(t, map[string]answer{"rollback": func(n int) (int, string) {
		if n < 3 {
			return http.StatusConflict, "no harm"
		}
		return http.StatusOK, "harm"
	}})
	if n := ticks(d, 20); n != 4 {
		t.Errorf("ticks: got %d, want 4", n)
	}
	if d.phase != failed {
		t.Fatalf("phase: got %s, want Failed", d.phase)
	}
	if diff := cmp.Diff([]int{20, 40, 0}, w.set); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
	last := f.calls[len(f.calls)-2:]
	if diff := cmp.Diff([]string{"rollback Progressing", "post-rollout Failed"}, last); diff != "" {
		t.Errorf("nothing else may be asked in the tick of the rollback (-want +got):\n%s", diff)
	}
}

func TestDriverWaitsForTheRollout(t *testing.T) {
	d, f, _ := drive(t, map[string]answer{"confirm-rollout": func(n int) (int, string) {
		if n < 3 {
			return http.StatusForbidden, "not now"
		}
		return http.StatusOK, ""
	}})
	for range 3 {
		d.tick(t.Context())
	}
	want := []string{"confirm-rollout Initialized", "confirm-rollout Waiting", "confirm-rollout Waiting"}
	if diff := cmp.Diff(want, f.calls); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
	if d.phase != progressing || d.failedChecks != 0 {
		t.Errorf("got phase %s with %d failed checks, want Progressing with 0", d.phase, d.failedChecks)
	}
	if got := strings.Count(strings.Join(messages(d), "\n"), "waiting for approval"); got != 1 {
		t.Errorf("waiting was recorded %d times, want once", got)
	}
}

func TestDriverHoldsAtTheTrafficGateWithoutCountingIt(t *testing.T) {
	d, f, w := drive(t, map[string]answer{"confirm-traffic-increase": func(n int) (int, string) {
		if n < 4 {
			return http.StatusConflict, "hold"
		}
		return http.StatusOK, ""
	}})
	for range 5 {
		d.tick(t.Context())
	}
	if d.failedChecks != 0 {
		t.Errorf("failed checks: got %d, want 0", d.failedChecks)
	}
	if diff := cmp.Diff([]int{20}, w.set); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
	// At weight 0 a refused gate means that pre-rollout is asked again.
	if got := f.counts["pre-rollout"]; got != 4 {
		t.Errorf("pre-rollout hooks: got %d, want 4", got)
	}
	if got := f.counts["rollout"]; got != 0 {
		t.Errorf("rollout hooks: got %d, want 0 before there is traffic", got)
	}
}

func TestDriverHoldsThePromotionAndGoesOnChecking(t *testing.T) {
	d, f, w := drive(t, map[string]answer{"confirm-promotion": func(n int) (int, string) {
		if n < 3 {
			return http.StatusConflict, "not proven"
		}
		return http.StatusOK, ""
	}})
	if n := ticks(d, 20); n != 9 {
		t.Errorf("ticks: got %d, want 9", n)
	}
	if d.phase != succeeded {
		t.Fatalf("phase: got %s, want Succeeded", d.phase)
	}
	// Waiting, Flagger asks the rollback and rollout hooks but not the traffic gate.
	if got := f.counts["confirm-traffic-increase"]; got != 4 {
		t.Errorf("traffic gates: got %d, want 4", got)
	}
	if got := f.counts["rollout"]; got != 5 {
		t.Errorf("rollout hooks: got %d, want 5", got)
	}
	if !strings.Contains(strings.Join(f.calls, "\n"), "rollback WaitingPromotion") {
		t.Errorf("hooks: got %v, want the rollback hook while waiting", f.calls)
	}
	if got := strings.Count(strings.Join(messages(d), "\n"), "waiting for promotion approval"); got != 1 {
		t.Errorf("waiting was recorded %d times, want once", got)
	}
	if diff := cmp.Diff([]int{20, 40, 50, 0}, w.set); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
}

func TestDriverRollsBackWhileItWaitsForThePromotion(t *testing.T) {
	d, _, _ := drive(t, map[string]answer{
		"confirm-promotion": always(http.StatusConflict, "not proven"),
		"rollout": func(n int) (int, string) {
			if n > 4 {
				return http.StatusConflict, "harm"
			}
			return http.StatusOK, ""
		},
	})
	ticks(d, 20)
	if d.phase != failed || d.failedChecks != 3 {
		t.Errorf("got phase %s with %d failed checks, want Failed with 3", d.phase, d.failedChecks)
	}
}

func TestDriverSendsEventsAsFlaggerDoes(t *testing.T) {
	d, f, _ := drive(t, map[string]answer{"event": always(http.StatusInternalServerError, "ignored")})
	d.tick(t.Context())
	d.tick(t.Context())
	var got payload
	for _, e := range f.events {
		if strings.HasPrefix(e.Metadata["eventMessage"], "Advance") {
			got = e
		}
	}
	want := payload{Name: "checkout", Namespace: "demo", Phase: progressing, Checksum: "6d5f7", Metadata: map[string]string{
		"plan": "checkout", "eventMessage": "Advance checkout.demo canary weight 20", "eventType": "Normal",
		"timestamp": got.Metadata["timestamp"],
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if ms, err := strconv.ParseInt(got.Metadata["timestamp"], 10, 64); err != nil || ms/1000 != 1_700_000_000 {
		t.Errorf("timestamp: got %q, want milliseconds since 1970", got.Metadata["timestamp"])
	}
	if d.canary.metadata["eventMessage"] != "" {
		t.Error("the canary's own metadata was changed")
	}
}

func TestDriverFailsSafeWithoutAServer(t *testing.T) {
	w := &weights{}
	d := &driver{
		canary: canary{name: "checkout", namespace: "demo", threshold: 2, steps: []int{20}},
		hooks:  newHooks("http://127.0.0.1:1"), router: w, phase: progressing, weight: 20, now: time.Now,
	}
	ticks(d, 10)
	if d.phase != failed || d.failedChecks != 2 {
		t.Errorf("got phase %s with %d failed checks, want Failed with 2", d.phase, d.failedChecks)
	}
	if diff := cmp.Diff([]int{0}, w.set); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
}
