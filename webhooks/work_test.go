package webhooks

import (
	"net/http"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// withCallbacks gives a world a queue, and callbacks that are queued there.
func withCallbacks(t *testing.T) (*world, *outbox.Queue) {
	t.Helper()
	q, err := outbox.New(outbox.Options{Kinds: map[string]outbox.Kind{KindCallback: {}}})
	if err != nil {
		t.Fatal(err)
	}
	cb := someCallbacks(t, func(c *CallbackConfig) { c.Hosts, c.PlainHTTP = []string{"ci.example.com"}, false })
	j, err := journal.Open(t.Context(), ":memory:", journal.Options{Follow: cb.Follow, Queue: q})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	if err := q.Attach(t.Context(), j.DB()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *Config) { c.Journal, c.Callbacks, c.Work = j, cb, q })
	w.journal, w.judge.journal = j, j
	return w, q
}

const withCallback = `{"service": "checkout", "namespace": "shop", "revision": "v2",
	"baseline": {"workload": "a"}, "canary": {"workload": "b"}, "callback_url": "https://ci.example.com/serin"}`

func TestACallbackIsQueuedWithItsVerdict(t *testing.T) {
	w, q := withCallbacks(t)
	a := w.want(w.do("POST", "/v1/rollouts", withCallback), http.StatusCreated).object(t)
	r, _ := a["rollout"].(map[string]any)
	id, _ := r["id"].(string)
	if r["callback_url"] != "https://ci.example.com/serin" || r["watch"] != true {
		t.Errorf("got %v, want the callback and that it is watched", r)
	}
	look := func() { w.want(w.do("POST", "/v1/rollouts/"+id+"/judge", ""), http.StatusOK) }
	look()
	if list, err := q.List(t.Context(), outbox.Filter{}); err != nil || len(list) != 0 {
		t.Fatalf("got %d works after a verdict that goes on, error %v; want none", len(list), err)
	}
	w.judge.say(func(v *judge.Verdict) { v.Outcome = judge.Rollback })
	look()
	look()
	list, err := q.List(t.Context(), outbox.Filter{Rollout: id})
	if err != nil || len(list) != 1 || list[0].Key != id+".rollout.rollback" || list[0].State != outbox.Queued {
		t.Fatalf("got %+v, error %v; want one callback", list, err)
	}
	w.want(w.do("DELETE", "/v1/rollouts/"+id, ""), http.StatusOK)
	body := w.want(w.do("GET", "/v1/work?state=queued&kind=callback&rollout="+id, ""), http.StatusOK).body
	if !strings.Contains(body, ".rollout.closed") || !strings.Contains(body, ".rollout.rollback") || strings.Contains(body, "payload") {
		t.Errorf("got %s, want both callbacks without their bodies", body)
	}
}

func TestAOneShotVerdictCallsBack(t *testing.T) {
	w, q := withCallbacks(t)
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.Promotion.Yes = judge.Promote, true })
	w.want(w.do("POST", "/v1/judge", withCallback), http.StatusOK)
	w.want(w.do("POST", "/v1/judge", withCallback), http.StatusOK) // granted for the first time once
	list, err := q.List(t.Context(), outbox.Filter{})
	if err != nil || len(list) != 1 || !strings.HasSuffix(list[0].Key, ".rollout.promoted") || list[0].Target != "ci.example.com" {
		t.Fatalf("got %+v, error %v; want one callback of the promotion", list, err)
	}
}

func TestCallbacksAreRefusedAtTheAnnouncement(t *testing.T) {
	w, _ := withCallbacks(t)
	for name, c := range map[string]struct{ from, to string }{
		"plain http":   {"https://ci", "http://ci"},
		"credentials":  {"https://ci", "https://bob:hunter2@ci"},
		"another host": {"ci.example.com", "evil.example.org"},
	} {
		a := w.want(w.do("POST", "/v1/rollouts", strings.Replace(withCallback, c.from, c.to, 1)), http.StatusBadRequest)
		if !strings.Contains(a.body, "callback_url") || strings.Contains(a.body, "hunter2") {
			t.Errorf("%s: got %s", name, a.body)
		}
	}
	if got := w.rollouts(); len(got) != 0 {
		t.Errorf("got %d rollouts, want none", len(got))
	}
	off := newWorld(t)
	if a := off.want(off.do("POST", "/v1/judge", withCallback), http.StatusBadRequest); !strings.Contains(a.body, "sends no callbacks") {
		t.Errorf("without callbacks: got %s", a.body)
	}
	// A live rollout's callback cannot be changed by announcing it again.
	w.want(w.do("POST", "/v1/rollouts", withCallback), http.StatusCreated)
	w.want(w.do("POST", "/v1/rollouts", withCallback), http.StatusOK)
	w.want(w.do("POST", "/v1/rollouts", strings.Replace(withCallback, "com/serin", "com/other", 1)), http.StatusConflict)
}

func TestWorkIsSeenAndRetried(t *testing.T) {
	w, q := withCallbacks(t)
	a := w.want(w.do("POST", "/v1/rollouts", withCallback), http.StatusCreated).object(t)
	id := a["rollout"].(map[string]any)["id"].(string)
	w.want(w.do("DELETE", "/v1/rollouts/"+id, ""), http.StatusOK)
	key := outbox.ID(id + ".rollout.closed")
	w.want(w.do("POST", "/v1/work/"+key+"/retry", ""), http.StatusConflict) // it waits for its first attempt
	if _, err := q.Drop(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := w.want(w.do("POST", "/v1/work/"+key+"/retry", ""), http.StatusAccepted).object(t); got["state"] != "queued" || got["id"] != key {
		t.Errorf("got %v, want it queued", got)
	}
	w.want(w.do("POST", "/v1/work/aaaaaaaaaaaaaaaa/retry", ""), http.StatusNotFound)
	w.want(w.do("POST", "/v1/work/x/retry", ""), http.StatusNotFound)
	for _, query := range []string{"state=lost", "state=dead&state=dead", "limit=0", "limit=x", "colour=red", "kind=%22"} {
		w.want(w.do("GET", "/v1/work?"+query, ""), http.StatusBadRequest)
	}
	w.want(w.do("GET", "/v1/work?limit=1", ""), http.StatusOK)
	none := newWorld(t)
	none.want(none.do("GET", "/v1/work", ""), http.StatusNotFound)
	none.want(none.do("POST", "/v1/work/"+key+"/retry", ""), http.StatusNotFound)
}
