package webhooks

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// later asks for an answer later, with a key where one is given.
func (w *world) later(query, key, body string) answer {
	w.t.Helper()
	r := httptest.NewRequest("POST", "/v1/judge"+query, strings.NewReader(body))
	r.Header.Set("Prefer", "wait=5, respond-async")
	if key != "" {
		r.Header.Set(headerIdempotency, key)
	}
	return w.send(r)
}

// keyed is a request with a key.
func (w *world) keyed(path, key, body string) answer {
	w.t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set(headerIdempotency, key)
	return w.send(r)
}

var promoting = func(v *judge.Verdict) {
	v.Outcome, v.Promotion, v.Advance = judge.Promote, judge.Answer{Yes: true, Reason: "proven"}, judge.Answer{Yes: true, Reason: "no harm"}
	v.Progress.Paired = 5
}

func TestGatesOfPollers(t *testing.T) {
	for gate, want := range map[string]string{"": "promote", "?gate=promotion": "promote", "?gate=step": "advance", "?gate=start": "advance"} {
		w, d := newDeskWorld(t)
		w.judge.say(promoting)
		a := w.want(w.later(gate, "", announced1), 202)
		if a.header.Get("Preference-Applied") != "respond-async" || a.header.Get("Retry-After") == "" || a.object(t)["status"] != "running" {
			t.Errorf("%s: got %v %s, want it taken", gate, a.header, a.body)
		}
		d.work(time.Minute)
		b := w.get(a.header.Get("Location"))
		if b["status"] != want || b["final"] != true || b["deadline"] == "" || b["self"] != a.header.Get("Location") {
			t.Errorf("%s: got %v, want %s", gate, b, want)
		}
		if ended := w.only().Why == whyGranted; ended != (want == "promote") {
			t.Errorf("%s: got closed because %q", gate, w.only().Why)
		}
	}
}

// What was answered at one step is no answer at the next: evidence grows old.
func TestEachStepIsAskedAnew(t *testing.T) {
	w, d := newDeskWorld(t)
	w.judge.say(promoting)
	first := w.want(w.later("?gate=step", "", announced1), 202).header.Get("Location")
	d.work(time.Minute)
	w.judge.say(func(v *judge.Verdict) { v.Advance = judge.Answer{Reason: "harm"} })
	second := w.want(w.later("?gate=step", "", announced1), 202).header.Get("Location")
	d.work(time.Minute)
	if a, b := w.get(first), w.get(second); first == second || a["status"] != "advance" || b["status"] != "running" || b["rollout"] != a["rollout"] {
		t.Errorf("got %s %v, then %s %v; want the second step to wait", first, a["status"], second, b["status"])
	}
	if again := w.want(w.later("?gate=step", "", announced1), 202).header.Get("Location"); again != second {
		t.Errorf("got %s while %s is open, want one question", again, second)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	w, d := newDeskWorld(t)
	w.judge.say(promoting)
	one := w.want(w.later("", "run-1", announced1), 202).header.Get("Location")
	d.work(time.Minute)
	if live(w.only()) {
		t.Fatal("got it live, want it promoted")
	}
	w.clock.add(time.Hour)
	// The answer got lost: the same request leads to the same answer, although the
	// rollout is over by now.
	again := w.want(w.later("", "run-1", strings.ReplaceAll(announced1, "\n", " ")), 202)
	if got := again.header.Get("Location"); got != one || again.object(t)["status"] != "promote" || len(w.rollouts()) != 1 {
		t.Errorf("got %s %s and %d rollouts, want %s again", got, again.body, len(w.rollouts()), one)
	}
	w.want(w.later("", "run-1", strings.Replace(announced1, "v2", "v3", 1)), 422)
	// A synchronous caller is told the same from the record.
	if a := w.want(w.keyed("/v1/judge", "run-1", announced1), 200).object(t); a["outcome"] != "promote" || a["phase"] != "closed" {
		t.Errorf("got %v, want the last verdict", a)
	}
	if a := w.want(w.keyed("/v1/rollouts", "run-1", announced1), 200); !strings.Contains(a.body, `"new":false`) || len(w.rollouts()) != 1 {
		t.Errorf("got %s, want the same rollout", a.body)
	}
	// Another key is another attempt.
	fresh := strings.Replace(announced1, `"started": "2026-03-01T13:57:00+02:00"`, `"controller": "api"`, 1)
	if other := w.want(w.later("", "run-2", fresh), 202).header.Get("Location"); other == one || len(w.rollouts()) != 2 {
		t.Errorf("got %s, want a new attempt", other)
	}
	for _, key := range []string{strings.Repeat("x", 256), "a b", "ü"} {
		w.want(w.later("", key, announced1), 400)
	}
	// A key is forgotten some day.
	w.clock.add(keyHolds + time.Minute)
	w.want(w.later("", "run-3", fresh), 202)
	if docs, err := w.journal.Documents(t.Context(), journal.DocumentFilter{Kind: kindIdempotency}); err != nil || len(docs) != 1 {
		t.Errorf("got %d keys, %v; want one", len(docs), err)
	}
}

// A process that died between the key and the rollout is no trouble.
func TestAKeyWithoutItsRollout(t *testing.T) {
	w, _ := newDeskWorld(t)
	w.faults.set("Announce", journal.ErrUnavailable)
	w.want(w.keyed("/v1/rollouts", "run-1", announced1), 503)
	w.faults.set("Announce", nil)
	w.want(w.keyed("/v1/rollouts", "run-1", announced1), 201)
	w.want(w.keyed("/v1/rollouts", "run-1", announced1), 200)
	w.want(w.keyed("/v1/rollouts", "run-1", strings.Replace(announced1, "v2", "v3", 1)), 422)
	w.only()
}

func TestStatusOfWhatWasNotAsked(t *testing.T) {
	w, _ := newDeskWorld(t)
	path := w.announce(announced1)
	if b := w.get(path + "/status"); b["status"] != "running" || b["deadline"] != "" || b["progress"] != "announced; no look yet" {
		t.Errorf("got %v, want it running", b)
	}
	for outcome, say := range map[string]func(*judge.Verdict){
		"running": func(*judge.Verdict) {}, "promote": promoting,
		"inconclusive": func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Inconclusive, judge.Answer{} },
		"rollback":     func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, judge.Answer{Yes: true} },
	} {
		w, _ := newDeskWorld(t)
		path := w.announce(announced1)
		w.judge.say(say)
		w.want(w.do("POST", path+"/judge", ""), 200)
		if b := w.get(path + "/status"); b["status"] != outcome || b["final"] != (outcome == "rollback") {
			t.Errorf("got %v, want %s", b, outcome)
		}
	}
	for query, code := range map[string]int{"?question=promotion.1": 404, "?question=../x": 404, "?asked=1": 400} {
		w.want(w.do("GET", path+"/status"+query, ""), code)
	}
	w.want(w.do("GET", "/v1/rollouts/abcdefghijklmnop/status", ""), 404)
	w.want(w.do("GET", "/v1/rollouts/none/status", ""), 404)
}

func TestCancellingWhatIsNotThere(t *testing.T) {
	w, _ := newDeskWorld(t)
	if a := w.want(w.do("POST", "/v1/judge/cancel", announced1), 200).object(t); a["cancelled"] != false || a["status"] != "closed" {
		t.Errorf("got %v, want nothing cancelled", a)
	}
	for body, code := range map[string]int{"": 400, `{"service":"x"}`: 400, `{"serivce":"x"}`: 400, `{"a":"` + strings.Repeat("x", 2<<20) + `"}`: 413} {
		w.want(w.do("POST", "/v1/judge/cancel", body), code)
	}
}

// A server without a desk says so, and a request without the header is as before.
func TestNothingIsAnsweredLaterHere(t *testing.T) {
	w := newWorld(t)
	w.want(w.later("", "", announced1), 400)
	w.want(w.do("POST", "/v1/judge?wait=1h", announced1), 400)
	w.want(w.do("POST", "/v1/judge?gate=step", announced1), 400)
	w.want(w.keyed("/v1/rollouts", "run-1", announced1), 400)
}

// No server was there when the question's time was over: a poller does not wait for
// ever.
func TestNobodyWasThereToAnswer(t *testing.T) {
	w, _ := newDeskWorld(t)
	where := w.want(w.later("?wait=45m", "", announced1), 202).header.Get("Location")
	w.clock.add(46 * time.Minute)
	if b := w.get(where); b["status"] != "running" {
		t.Errorf("got %v, want it still to be answered", b)
	}
	w.clock.add(2 * time.Hour)
	if b := w.get(where); b["status"] != "inconclusive" || b["final"] != true {
		t.Errorf("got %v, want it over", b)
	}
}

// A caller that vanishes leaves nothing open: its question ends at its deadline, and
// nobody keeps the rollout from being swept after it.
func TestACallerThatVanishes(t *testing.T) {
	w, d := newDeskWorld(t)
	where := w.want(w.later("?wait=45m", "", announced1), 202).header.Get("Location")
	d.work(46 * time.Minute)
	looks := w.judge.asked
	if b := w.get(where); b["status"] != "inconclusive" || b["final"] != true || looks < 30 {
		t.Errorf("got %v after %d looks, want it inconclusive after one a minute", b, looks)
	}
	d.work(3 * time.Hour)
	if w.judge.asked != looks {
		t.Errorf("got %d more looks, want none", w.judge.asked-looks)
	}
}

// FuzzLater sends what callers may send; nothing of it is a fault of the server.
func FuzzLater(f *testing.F) {
	f.Add("wait=45m&gate=step", "respond-async", "run-1", announced1)
	f.Add("wait=-1s", "wait=5;respond-async", "", `{"service":"checkout","revision":"v2"}`)
	f.Add("gate=", " RESPOND-ASYNC ; x", "\x7f", "{")
	f.Add("wait=168h1s&wait=1m", "respond-async", strings.Repeat("k", 300), `{"service":"none","revision":"v2"}`)
	w := newWorld(f, func(c *Config) { c.Judge = quick{judge.Verdict{Reason: "2 of 10 paired blocks"}} }, withDesk(&desk{}))
	f.Fuzz(func(t *testing.T, query, prefer, key, body string) {
		w.t = t
		r := httptest.NewRequest("POST", "/v1/judge", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header["Prefer"], r.Header[headerIdempotency] = []string{prefer}, []string{key}
		if !later(r.Header) {
			return // who waits is answered by other tests
		}
		a := w.send(r)
		switch a.code {
		case 202, 400, 404, 409, 413, 422:
			a.object(t)
		default:
			t.Errorf("got %d %q", a.code, a.body)
		}
		if a.code == 202 {
			w.want(w.do("GET", a.header.Get("Location"), ""), 200)
		}
	})
}

// What nobody looked at in time is over, and so asking again asks anew.
func TestALapsedQuestionIsAskedAnew(t *testing.T) {
	w, d := newDeskWorld(t)
	w.want(w.later("?wait=45m", "", announced1), 202)
	for _, j := range d.jobs {
		j.State = outbox.Cancelled // no server was there
	}
	w.clock.add(3 * time.Hour)
	again := w.want(w.later("?wait=45m", "", announced1), 202)
	if b := again.object(t); b["status"] != "running" || b["final"] != false {
		t.Errorf("got %v, want a question that will be looked at", b)
	}
}
