package webhooks

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// noticeBody is what the templates write of the Rollout that argoArgs speaks of.
func noticeBody(event string, change map[string]any) string {
	m := map[string]any{
		"event": event, "namespace": "shop", "rollout": "checkout", "uid": "0f2c1a3b-aaaa-bbbb", "revision": "2",
		"canaryHash": "6cb7cc687d", "stableHash": "5b48864f7f", "strategy": "canary", "step": "0", "weight": "20", "maxWeight": "",
		"aborted": "", "phase": "Progressing", "image": "app:v2", "plan": "", "watch": "", "at": "",
	}
	maps.Copy(m, change)
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// notice sends one notification and checks what every answer must have.
func (w *world) notice(event string, change map[string]any, code int) map[string]any {
	w.t.Helper()
	m := w.want(w.do("POST", "/argo/notifications", noticeBody(event, change)), code).object(w.t)
	if got := fmt.Sprint(slices.Sorted(maps.Keys(m))); got != "[error event message next report rollout state]" {
		w.t.Errorf("got keys %v, want all of them in every answer", got)
	}
	if (m["error"] != "") != (code != 200) || m["message"] == "" {
		w.t.Errorf("got %v, want a message, and an error where it is refused", m)
	}
	return m
}

// happened is one notification, or a poll, of a story.
type happened struct {
	event  string // "poll" asks /argo/analysis
	change map[string]any
	after  time.Duration
	say    func(*judge.Verdict)
	state  string // open, closed, none; or the poll's verdict
	all    int    // rollouts that are recorded then
	why    string // of the newest one; empty while it is live
}

func TestNotifications(t *testing.T) {
	fail := func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors") }
	pass := func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") }
	rev := func(n, hash string) map[string]any {
		return map[string]any{"revision": n, "canaryHash": hash}
	}
	// An updated Rollout has the hashes of the revision before it.
	late := map[string]any{"revision": "2", "canaryHash": "5b48864f7f"}
	third := map[string]any{"revision": "3"}
	const completed, aborted = "Argo completed the rollout", "Argo aborted the rollout"
	for name, story := range map[string][]happened{
		"a rollout that is completed": {
			{event: "updated", change: late, state: "none"},
			{event: "step-completed", state: "open", all: 1},
			{event: "paused", state: "open", all: 1},
			{event: "analysis-run-running", state: "open", all: 1},
			{event: "poll", state: "running", all: 1},
			{event: "step-completed", change: map[string]any{"step": "2", "weight": "50"}, state: "open", all: 1},
			{event: "completed", state: "closed", all: 1, why: completed},
		},
		"one that is aborted": {
			{event: "step-completed", state: "open", all: 1},
			{event: "analysis-run-failed", state: "open", all: 1},
			{event: "aborted", state: "closed", all: 1, why: aborted},
		},
		"duplicates": {
			{event: "step-completed", state: "open", all: 1}, {event: "step-completed", state: "open", all: 1},
			{event: "completed", state: "closed", all: 1, why: completed}, {event: "completed", state: "closed", all: 1, why: completed},
		},
		"what is over is not opened again": {
			{event: "step-completed", state: "open", all: 1}, {event: "aborted", state: "closed", all: 1, why: aborted},
			{event: "step-completed", state: "closed", all: 1, why: aborted}, {event: "analysis-run-running", state: "closed", all: 1, why: aborted},
			{event: "paused", after: time.Hour, state: "closed", all: 1, why: aborted},
			{event: "analysis-run-error", state: "closed", all: 1, why: aborted},
			// It is the analysis that asks again.
			{event: "poll", state: "running", all: 2},
			{event: "step-completed", state: "open", all: 2},
		},
		"a poll that comes just after the end": {
			{event: "step-completed", state: "open", all: 1}, {event: "aborted", state: "closed", all: 1, why: aborted},
			{event: "poll", after: 59 * time.Second, state: "running", all: 1, why: aborted},
			{event: "poll", after: time.Second, state: "running", all: 2},
		},
		"judging that the analysis has ended": {
			{event: "step-completed", state: "open", all: 1}, {event: "poll", say: pass, state: "pass", all: 1, why: "argo: pass delivered at step 1"},
			{event: "step-completed", change: map[string]any{"step": "1"}, state: "closed", all: 1, why: "argo: pass delivered at step 1"},
			{event: "completed", state: "closed", all: 1, why: "argo: pass delivered at step 1"},
		},
		"a failed analysis, then the abort": {
			{event: "poll", say: fail, state: "fail", all: 1, why: "argo: fail delivered"},
			{event: "analysis-run-failed", state: "closed", all: 1, why: "argo: fail delivered"},
			{event: "aborted", state: "closed", all: 1, why: "argo: fail delivered"},
		},
		"a new revision midway": {
			{event: "step-completed", state: "open", all: 1}, {event: "updated", change: third, state: "none", all: 1, why: "superseded by revision 3"},
			{event: "updated", change: third, state: "none", all: 1, why: "superseded by revision 3"},
			{event: "step-completed", change: rev("3", "77"), state: "open", all: 2},
			// The older one's retries come late.
			{event: "step-completed", state: "closed", all: 2}, {event: "aborted", state: "closed", all: 2}, {event: "updated", change: late, state: "none", all: 2},
			{event: "completed", change: rev("3", "77"), state: "closed", all: 2, why: completed},
		},
		"a new revision without the update": {
			{event: "step-completed", state: "open", all: 1}, {event: "step-completed", change: rev("3", "77"), state: "open", all: 2},
		},
		"an older revision that was never known": {
			{event: "step-completed", change: rev("3", "77"), state: "open", all: 1}, {event: "step-completed", state: "none", all: 1}, {event: "completed", state: "none", all: 1},
			{event: "aborted", change: rev("3", "77"), state: "closed", all: 1, why: aborted}, {event: "paused", state: "none", all: 1, why: aborted},
		},
		"an end whose revision came without a beginning": {
			{event: "step-completed", state: "open", all: 1}, {event: "completed", change: rev("3", "77"), state: "none", all: 1, why: completed},
		},
		"a revision that is opened by a poll without its number": {
			{event: "poll", change: map[string]any{"revision": ""}, state: "running", all: 1}, {event: "step-completed", state: "open", all: 1},
			{event: "updated", change: third, state: "none", all: 1}, {event: "aborted", state: "closed", all: 1, why: aborted},
		},
		"one that is opened by a poll without hash and UID": {
			{event: "poll", change: map[string]any{"canaryHash": "", "uid": "", "canary": map[string]any{"podPattern": "a"}}, state: "running", all: 1},
			{event: "analysis-run-running", state: "open", all: 1}, {event: "updated", change: third, state: "none", all: 1, why: "superseded by revision 3"},
		},
		"an experiment with hashes of its own": {
			{event: "step-completed", state: "open", all: 1}, {event: "poll", change: map[string]any{"canaryHash": "e1", "stableHash": "e2"}, state: "running", all: 2},
			{event: "step-completed", state: "closed", all: 2}, {event: "completed", state: "closed", all: 2, why: completed},
		},
		"the first deployment": {
			{event: "updated", change: map[string]any{"revision": "1", "canaryHash": "", "stableHash": ""}, state: "none"},
			{event: "analysis-run-running", change: map[string]any{"revision": "1", "stableHash": ""}, state: "none"},
			{event: "paused", change: map[string]any{"revision": "1", "canaryHash": ""}, state: "none"},
			{event: "completed", change: map[string]any{"revision": "1", "stableHash": ""}, state: "none"},
		},
		"nothing on trial": {
			{event: "paused", change: map[string]any{"canaryHash": "5b48864f7f"}, state: "none"},
			{event: "step-completed", change: map[string]any{"aborted": "true"}, state: "none"},
			{event: "step-completed", change: map[string]any{"revision": ""}, state: "none"},
			{event: "analysis-run-failed", state: "none"},
		},
		"a Rollout of the same name that is created anew": {
			{event: "step-completed", change: rev("7", "77"), state: "open", all: 1}, {event: "completed", change: map[string]any{"revision": "9", "uid": "another-one"}, state: "none", all: 1},
			{event: "deleted", change: map[string]any{"uid": "another-one"}, state: "none", all: 1},
			{event: "updated", change: map[string]any{"revision": "1", "uid": "another-one"}, state: "none", all: 1, why: "superseded by revision 1"},
			{event: "step-completed", change: map[string]any{"uid": "another-one"}, state: "open", all: 2},
		},
		"a Rollout that is deleted": {
			{event: "step-completed", change: rev("7", "77"), state: "open", all: 1}, {event: "deleted", state: "none", all: 1, why: "the Rollout was deleted"},
			{event: "deleted", change: rev("7", "77"), state: "closed", all: 1, why: "the Rollout was deleted"},
		},
	} {
		t.Run(name, func(t *testing.T) { tell(t, story) })
	}
}

// tell tells a story to a new world, each notification of it twice over: the second
// time it must be told the same and change nothing.
func tell(t *testing.T, story []happened) {
	w := newWorld(t)
	for i, p := range story {
		w.clock.add(p.after + time.Millisecond) // rollouts are listed by their start
		if p.say != nil {
			w.judge.say(p.say)
		}
		if p.event == "poll" {
			if m := w.poll("", p.change, 200); m["verdict"] != p.state {
				t.Fatalf("%d, poll: got %v, want %s", i+1, m, p.state)
			}
		} else {
			m := w.notice(p.event, p.change, 200)
			before := mustJSON(t, w.rollouts())
			again := w.notice(p.event, p.change, 200)
			if m["state"] != p.state || m["event"] != p.event || (m["rollout"] == "") != (p.state == "none") {
				t.Fatalf("%d, %s: got %v, want %s", i+1, p.event, m, p.state)
			}
			if after := mustJSON(t, w.rollouts()); fmt.Sprint(again) != fmt.Sprint(m) || after != before {
				t.Fatalf("%d, %s: got %v and then %v with\n%s\n%s\nwant nothing changed", i+1, p.event, m, again, before, after)
			}
		}
		list := w.rollouts()
		if len(list) != p.all {
			t.Fatalf("%d, %s: got %d rollouts, want %d", i+1, p.event, len(list), p.all)
		}
		if p.all > 0 && (list[0].Why != p.why || list[0].Closed.IsZero() != (p.why == "")) {
			t.Fatalf("%d, %s: got the newest closed %q, want %q", i+1, p.event, list[0].Why, p.why)
		}
	}
}

// A rollout is the same, whether a notification or a poll opens it.
func TestNotificationsAndPollsOpenTheSameRollout(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	a.notice("step-completed", map[string]any{"weight": ""}, 200)
	b.poll("", map[string]any{"gate": "step"}, 200)
	if got, want := mustJSON(t, a.only().Rollout), mustJSON(t, b.only().Rollout); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	a = newWorld(t)
	a.notice("paused", map[string]any{"strategy": "blueGreen", "comparison": "checks", "watch": "true", "plan": "dark", "weight": ""}, 200)
	r := a.only().Rollout
	if r.Comparison != "checks" || !r.Watch || r.Plan != "dark" || len(r.Weights) != 0 {
		t.Errorf("got %+v, want checks alone, watched, by the named plan", r)
	}
	// How blue-green is compared is for the plan, the annotation or the analysis to say.
	a = newWorld(t)
	if m := a.notice("paused", map[string]any{"strategy": "blueGreen"}, 200); m["state"] != "none" || len(a.rollouts()) != 0 {
		t.Errorf("got %v, want nothing opened", m)
	}
	a.notice("paused", map[string]any{"strategy": "blueGreen", "plan": "arms"}, 200)
	if r := a.only().Rollout; r.Comparison != "checks" {
		t.Errorf("got %s, want the plan's comparison", r.Comparison)
	}
	a.notice("paused", map[string]any{"comparison": "sideways", "revision": "3", "canaryHash": "77"}, 400)
}

func TestNotificationsTellWeights(t *testing.T) {
	for name, tt := range map[string]struct {
		event  string
		change map[string]any
		want   string // time after the start and percent
	}{
		"a step":                 {"step-completed", nil, "[0s 20]"},
		"none":                   {"step-completed", map[string]any{"weight": nil}, "[]"},
		"zero":                   {"paused", map[string]any{"weight": 0}, "[0s 0]"},
		"a pause":                {"paused", map[string]any{"weight": "7.5"}, "[0s 7.5]"},
		"of a thousand":          {"step-completed", map[string]any{"weight": "20", "maxWeight": 1000}, "[0s 2]"},
		"an analysis that began": {"analysis-run-running", nil, "[]"},
		"a moment ago":           {"step-completed", map[string]any{"at": "2026-03-01T11:59:50Z"}, "[-10s 20]"},
		"another clock":          {"step-completed", map[string]any{"at": "2026-03-01T11:50:00Z"}, "[0s 20]"},
		"a clock ahead":          {"step-completed", map[string]any{"at": "2026-03-01T12:00:03Z"}, "[0s 20]"},
		"no time":                {"step-completed", map[string]any{"at": "noon"}, "[0s 20]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.notice(tt.event, tt.change, 200)
			got := "["
			for _, at := range w.only().Rollout.Weights {
				got += at.At.Sub(start()).String() + " " + number(at.Percent)
			}
			if got += "]"; got != tt.want {
				t.Errorf("got weights %s, want %s", got, tt.want)
			}
		})
	}
	// One that comes late tells what was, not what is.
	w := newWorld(t)
	w.notice("step-completed", map[string]any{"at": "2026-03-01T12:00:00Z"}, 200)
	w.clock.add(5 * time.Second)
	w.notice("step-completed", map[string]any{"at": "2026-03-01T12:00:05Z", "step": "2", "weight": "50"}, 200)
	w.clock.add(5 * time.Second)
	w.notice("step-completed", map[string]any{"at": "2026-03-01T12:00:00Z"}, 200)
	if ws := w.only().Rollout.Weights; len(ws) != 2 || ws[1].Percent != 50 {
		t.Errorf("got %v, want 20 and then 50", ws)
	}
}

func TestNotificationsThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		event  string
		change map[string]any
		code   int
		says   string
	}{
		"unknown event":     {"scaling-replica-set", nil, 400, "step-completed, paused"},
		"no event":          {"", nil, 400, "event: missing"},
		"no namespace":      {"updated", map[string]any{"namespace": ""}, 400, "namespace: missing"},
		"nothing there":     {"updated", map[string]any{"rollout": "<no value>"}, 400, "rollout: missing"},
		"revision":          {"updated", map[string]any{"revision": "two"}, 400, "revision"},
		"negative revision": {"updated", map[string]any{"revision": "-2"}, 400, "revision"},
		"weight":            {"step-completed", map[string]any{"weight": "heavy"}, 400, "weight"},
		"too much":          {"step-completed", map[string]any{"weight": "120"}, 400, "weight"},
		"not a number":      {"step-completed", map[string]any{"weight": "NaN"}, 400, "weight"},
		"most":              {"step-completed", map[string]any{"maxWeight": "0"}, 400, "maxWeight"},
		"injection":         {"step-completed", map[string]any{"canaryHash": "x\"}"}, 400, "canaryHash"},
		"object":            {"step-completed", map[string]any{"step": map[string]any{}}, 400, "text"},
		"unknown plan":      {"step-completed", map[string]any{"plan": "nope"}, 404, "arms, dark, shop, strict"},
		"no plan":           {"step-completed", map[string]any{"rollout": "cart"}, 404, "no plan"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.notice(tt.event, tt.change, tt.code)
			if m["state"] != "" || !strings.Contains(fmt.Sprint(m["error"], m["next"]), tt.says) || len(w.rollouts()) != 0 {
				t.Errorf("got %v, want nothing opened and %q", m, tt.says)
			}
		})
	}
	w := newWorld(t)
	// What needs no plan is no matter of plans.
	for _, event := range [...]string{"updated", "completed", "aborted", "deleted", "analysis-run-failed"} {
		w.notice(event, map[string]any{"rollout": "cart"}, 200)
	}
	// A template of tomorrow may tell more, and one of yesterday less.
	w.notice("paused", map[string]any{"mood": "good"}, 200)
	w.want(w.do("POST", "/argo/notifications", `{"event":"updated","namespace":"shop","rollout":"checkout"}`), 200)
	for _, body := range [...]string{"", "null", "[]", "7", "{", `{"event":"paused"}{}`} {
		w.want(w.do("POST", "/argo/notifications", body), 400).object(t)
	}
	w.want(w.do("GET", "/argo/notifications", ""), 405).object(t)
}

// Argo's controller waits for the answer, and as long as Retry-After says.
func TestNotificationsWhileTheJournalIsAway(t *testing.T) {
	for _, method := range [...]string{"List", "Announce", "Declare", "End"} {
		w := newWorld(t)
		if method == "End" {
			w.notice("step-completed", nil, 200)
		}
		w.faults.set(method, fmt.Errorf("%w: the disk is full", journal.ErrUnavailable))
		event := map[string]string{"End": "completed"}[method]
		if event == "" {
			event = "step-completed"
		}
		a := w.want(w.do("POST", "/argo/notifications", noticeBody(event, nil)), 503)
		if got := a.header.Get("Retry-After"); got != "1" {
			t.Errorf("%s: got Retry-After %q, want 1", method, got)
		}
		w.faults.set(method, nil)
		w.notice(event, nil, 200)
	}
}

func TestNotificationsNeedTheirToken(t *testing.T) {
	send := func(w *world, namespace string, change func(set func(name, value string), basic func(user, password string))) answer {
		r := httptest.NewRequest("POST", "/argo/notifications", strings.NewReader(noticeBody("step-completed", map[string]any{"namespace": namespace})))
		change(r.Header.Set, r.SetBasicAuth)
		return w.send(r)
	}
	w := scopedWorld(t)
	bearer := func(set func(string, string), _ func(string, string)) { set("Authorization", "Bearer shop-token") }
	basic := func(_ func(string, string), basic func(string, string)) { basic("argo", "shop-token") }
	none := func(func(string, string), func(string, string)) {}
	w.want(send(w, "shop", bearer), 200)
	w.want(send(w, "shop", basic), 200)
	w.want(send(w, "bank", bearer), 403).object(t)
	w.want(send(w, "shop", none), 401).object(t)
	for _, tt := range []struct {
		change func(*Token)
		code   int
	}{
		{func(tk *Token) { tk.Callers = []string{controllerFlagger} }, 403}, {func(tk *Token) { tk.Callers = []string{controllerArgo} }, 200},
		{func(tk *Token) { tk.Allow = []Right{RightAnnounce} }, 200}, {func(tk *Token) { tk.Allow = []Right{RightRead, RightJudge} }, 403},
	} {
		w := scopedWorld(t, tt.change)
		w.want(send(w, "shop", bearer), tt.code)
	}
	// It is never told to come back later: Argo would wait, or lose it.
	w = newWorld(t, func(c *Config) {
		c.Tokens, c.Limits = []Token{scoped()}, Limits{Rate: 1, Burst: 1}
	})
	for range 5 {
		w.want(send(w, "shop", bearer), 200)
	}
}

func FuzzNotice(f *testing.F) {
	for _, seed := range [...]string{
		"", "null", "{}", "[]", `"x"`, noticeBody("updated", nil), noticeBody("step-completed", map[string]any{"weight": "1e400", "maxWeight": "1e-400"}),
		noticeBody("completed", map[string]any{"uid": "äöüäöüäöü", "revision": 3}), noticeBody("paused", map[string]any{"at": "2026-03-01T12:00:00Z", "plan": "shop"}),
		noticeBody("deleted", map[string]any{"revision": "99999999999999999999"}), `{"event":"aborted","namespace":"shop","rollout":"checkout","canaryHash":"/"}`,
	} {
		f.Add([]byte(seed))
	}
	w := fuzzed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		m := w.try(t, "/argo/notifications", string(body)).object(t)
		for _, key := range [...]string{"event", "state", "rollout", "report", "message", "error", "next"} {
			if m[key] == nil {
				t.Fatalf("%q: got %v, want every key with a value", body, m)
			}
		}
	})
}
