package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// announced1 is a whole announcement.
const announced1 = `{"service": "checkout", "namespace": "shop", "revision": "v2",
	"baseline": {"podPattern": "checkout-v1-.*"}, "canary": {"podPattern": "checkout-v2-.*", "url": "http://canary:8080"},
	"weights": [{"percent": 10, "at": "2026-03-01T11:59:00Z"}, {"percent": 5, "at": "2026-03-01T11:58:00Z"}],
	"started": "2026-03-01T13:57:00+02:00"}`

func (w *world) get(path string) map[string]any {
	w.t.Helper()
	return w.want(w.do("GET", path, ""), 200).object(w.t)
}

// announce announces a rollout and returns its path.
func (w *world) announce(body string) string {
	w.t.Helper()
	a := w.do("POST", "/v1/rollouts", body)
	if a.code != 200 && a.code != 201 {
		w.t.Fatalf("got %d %q, want it announced", a.code, a.body)
	}
	return a.header.Get("Location")
}

func TestLifeOfAnAnnouncedRollout(t *testing.T) {
	w := newWorld(t)
	a := w.want(w.do("POST", "/v1/rollouts", announced1), 201)
	path := a.header.Get("Location")
	sum := w.only()
	r := sum.Rollout
	if path != "/v1/rollouts/"+r.ID || r.Controller != "api" || !r.Started.Equal(start().Add(-3*time.Minute)) || r.Plan != "shop" {
		t.Errorf("got %q and %+v, want what was announced", path, r)
	}
	if len(r.Weights) != 2 || r.Weights[0].Percent != 5 || r.Weights[1].Percent != 10 {
		t.Errorf("got weights %v, want 5 and 10 in order of time", r.Weights)
	}
	if b := w.want(w.do("POST", "/v1/rollouts", announced1), 200); !strings.Contains(b.body, `"new":false`) || !strings.Contains(b.body, `"superseded":[]`) {
		t.Errorf("got %s, want the live one", b.body)
	}

	w.want(w.do("POST", path+"/weights", `{"percent": 20}`), 200)
	w.want(w.do("POST", path+"/judge", ""), 200)
	v := w.want(w.do("POST", path+"/judge", `{"final": true}`), 200).object(t)
	if v["outcome"] != "continue" || v["seq"] != 2.0 {
		t.Errorf("got %v, want the second look", v)
	}
	if got := w.only().Rollout; got.FinalStep.IsZero() || len(got.Weights) != 3 {
		t.Errorf("got %+v, want a third weight and the final step", got)
	}
	if n := len(w.get(path + "/verdicts")["verdicts"].([]any)); n != 2 {
		t.Errorf("got %d verdicts, want 2", n)
	}
	if tr := w.get(path + "/trace"); tr["rollout"] != strings.TrimPrefix(path, "/v1/rollouts/") || len(tr["metrics"].([]any)) == 0 {
		t.Errorf("got %v, want this rollout's trace", tr)
	}
	if got := w.get(path); got["looks"] != 2.0 {
		t.Errorf("got %v, want 2 looks", got["looks"])
	}

	for range 2 { // closing what is closed changes nothing
		a := w.want(w.do("DELETE", path+"?why=tired%0Aof+it", ""), 200)
		if !strings.Contains(a.body, `"why":"closed by api: tired of it"`) {
			t.Errorf("got %s, want why", a.body)
		}
	}
	w.want(w.do("POST", path+"/judge", ""), 409)
	w.want(w.do("POST", path+"/weights", `{"percent": 20}`), 409)
	w.clock.add(time.Minute)
	again := strings.Replace(announced1, `"started": "2026-03-01T13:57:00+02:00"`, `"controller": "api"`, 1)
	if next := w.announce(again); next == path {
		t.Errorf("got the closed rollout %s again, want a new attempt", next)
	}
}

func TestAnnouncingAgainDeclaresWhatIsNew(t *testing.T) {
	w := newWorld(t)
	w.announce(announced1)
	w.clock.add(time.Minute)
	w.announce(strings.Replace(announced1, `"weights": [`, `"weights": [{"percent": 30, "at": "2026-03-01T12:01:00Z"}, {"percent": 99, "at": "2026-03-01T11:00:00Z"}, `, 1))
	got := w.only().Rollout.Weights
	if len(got) != 3 || got[2].Percent != 30 {
		t.Errorf("got %v, want 5, 10 and 30: what was before is as it was declared", got)
	}
}

func TestListOfRollouts(t *testing.T) {
	w := newWorld(t)
	one := w.announce(announced1)
	two := w.announce(strings.Replace(announced1, `"checkout"`, `"strict"`, 1))
	w.want(w.do("DELETE", one, ""), 200)
	for query, want := range map[string][]string{
		"": {one, two}, "?live=true": {two}, "?service=checkout": {one}, "?namespace=shop": {one, two}, "?namespace=else": {},
		"?limit=1": {two}, "?live=false": {one, two}, "?outcome=rollback": {}, "?before=2026-03-01T11:00:00Z": {},
		"?before=2199-01-01T00:00:00Z": {one, two}, "?before=2199-01-01T00:00:00Z,abcdefghijklmnop": {one, two},
	} {
		list := w.get("/v1/rollouts" + query)["rollouts"].([]any)
		if len(list) != len(want) {
			t.Errorf("%s: got %d rollouts, want %v", query, len(list), want)
		}
	}
	for _, query := range [...]string{"?limit=0", "?limit=x", "?limit=1001", "?live=maybe", "?servce=checkout", "?service=a&service=b", "?service=%22", "?outcome=good", "?before=yesterday", "?before=2999-01-01T00:00:00Z", "?before=2026-03-01T11:00:00Z,x"} {
		if a := w.want(w.do("GET", "/v1/rollouts"+query, ""), 400); a.object(t)["next"] == "" {
			t.Errorf("%s: got %s, want what to do", query, a.body)
		}
	}
}

func TestWhatTheAPIRefuses(t *testing.T) {
	with := func(field, value string) string {
		return `{"service":"checkout","revision":"v2","baseline":{"workload":"a"},"canary":{"workload":"b"},` + fmt.Sprintf("%q:%s}", field, value)
	}
	for name, tt := range map[string]struct {
		body string
		code int
		says string
	}{
		"empty":               {"", 400, "empty"},
		"unknown field":       {with("planet", `"x"`), 400, "planet: unknown field"},
		"unknown inner field": {`{"canary":{"pod":"x"}}`, 400, "canary.pod: unknown field"},
		"unknown in a list":   {with("weights", `[{"percent":1},{"procent":1}]`), 400, "weights[1].procent: unknown field"},
		"other case":          {`{"Service":"checkout"}`, 400, "Service: unknown field"},
		"wrong type":          {with("weights", `[{"percent":"10"}]`), 400, "percent"},
		"wrong inner type":    {`{"canary":{"labels":{"a":1}}}`, 400, "canary.labels"},
		"wrong type of whole": {`"checkout"`, 400, "not an object"},
		"trailing":            {`{} x`, 400, "line 1, column 4"},
		"deep":                {with("labels", strings.Repeat(`[`, 40)+strings.Repeat(`]`, 40)), 400, "unknown field"},
		"very deep":           {strings.Repeat(`{"service":`, 9000) + "1" + strings.Repeat(`}`, 9000), 400, "deep"},
		"no service":          {`{"revision":"v2"}`, 400, "service: missing"},
		"no revision":         {`{"service":"checkout"}`, 400, "revision: missing"},
		"null":                {`{"service":null}`, 400, "service: null"},
		"controller":          {with("controller", `"A b"`), 400, "controller"},
		"comparison":          {with("comparison", `"odd"`), 400, "comparison"},
		"same arms":           {`{"service":"checkout","revision":"v2"}`, 400, "nothing to compare"},
		"unknown plan":        {with("plan", `"nope"`), 404, "arms, dark, shop, strict"},
		"time":                {with("started", `"yesterday"`), 400, "started: \"yesterday\" is not an RFC 3339 time"},
		"future":              {with("started", `"2026-03-01T12:02:00Z"`), 400, "in the future"},
		"absurd past":         {with("started", `"1999-01-01T00:00:00Z"`), 400, "30 days"},
		"weight over":         {with("weights", `[{"percent":100.5}]`), 400, "weights[0].percent"},
		"weight under":        {with("weights", `[{"percent":-1}]`), 400, "weights[0].percent"},
		"weight missing":      {with("weights", `[{}]`), 400, "weights[0].percent: missing"},
		"weight in future":    {with("weights", `[{"percent":1,"at":"2027-01-01T00:00:00Z"}]`), 400, "weights[0].at"},
		"two at once":         {with("weights", `[{"percent":1},{"percent":2}]`), 400, "two weights"},
		"pattern":             {`{"service":"checkout","revision":"v2","canary":{"podPattern":"("}}`, 400, "canary.podPattern"},
		"pattern escapes":     {`{"service":"checkout","revision":"v2","canary":{"podPattern":"a)|(b"}}`, 400, "canary.podPattern"},
		"quotes":              {`{"service":"checkout","revision":"v2","canary":{"workload":"a\"}"}}`, 400, "canary.workload"},
		"label name":          {`{"service":"checkout","revision":"v2","canary":{"labels":{"":"x"}}}`, 400, "canary.labels"},
		"label value":         {`{"service":"checkout","revision":"v2","canary":{"labels":{"a":"x\ny"}}}`, 400, "canary.labels.a"},
		"url":                 {`{"service":"checkout","revision":"v2","canary":{"url":"file:///etc/passwd"}}`, 400, "canary.url"},
		"url with password":   {`{"service":"checkout","revision":"v2","canary":{"url":"http://bob:hunter2@x"}}`, 400, "credentials"},
		"skew of a minute":    {with("started", `"2026-03-01T12:00:59Z"`), 201, `"2026-03-01T12:00:00Z"`},
		"clean":               {with("weights", `[{"percent":0}]`), 201, "checkout"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, path := range [...]string{"/v1/judge", "/v1/rollouts"} {
				code := tt.code
				if code == 201 && path == "/v1/judge" {
					code = 202
				} else if code == 201 {
					code = 200 // the one before has opened it
				}
				a := w.want(w.do("POST", path, tt.body), code)
				a.object(t)
				if !strings.Contains(strings.ReplaceAll(a.body, `\"`, `"`), tt.says) {
					t.Errorf("got %s, want %q in it", a.body, tt.says)
				}
				if strings.Contains(a.body+w.logs.String(), "hunter2") {
					t.Errorf("got %s, want no credentials", a.body)
				}
			}
		})
	}
}

func TestPathsThatAreWrong(t *testing.T) {
	w := newWorld(t)
	path := w.announce(announced1)
	for _, tt := range [...]struct {
		method, path, body string
		code               int
	}{
		{"GET", "/v1/rollouts/abcdefghijklmnop", "", 404}, {"GET", "/v1/rollouts/short", "", 404}, {"GET", "/v1/rollouts/..%2f..%2fetc", "", 404},
		{"POST", "/v1/rollouts/abcdefghijklmnop/judge", "", 404}, {"DELETE", "/v1/rollouts/abcdefghijklmnop", "", 404},
		{"GET", "/v1/rollouts/abcdefghijklmnop/verdicts", "", 404}, {"GET", "/v1/rollouts/abcdefghijklmnop/trace", "", 404}, {"POST", "/v1/rollouts/abcdefghijklmnop/weights", `{"percent":1}`, 404},
		{"POST", path + "/weights", `{"percent":1,"id":"x"}`, 400}, {"POST", path + "/weights", `{}`, 400}, {"POST", path + "/judge", `{"x":1}`, 400},
		{"POST", path + "/weights", `{"percent":1,"at":"2020-01-01T00:00:00Z"}`, 400},
		{"PUT", path, "", 405}, {"GET", "/v1/judge", "", 405}, {"GET", "/no-such", "", 404}, {"GET", "/v1", "", 404},
		{"POST", "/v1/judge?wait=1h", announced1, 400}, {"POST", "/v1/judge?wait=soon", announced1, 400}, {"POST", "/v1/judge?wiat=1s", announced1, 400},
	} {
		a := w.want(w.do(tt.method, tt.path, tt.body), tt.code)
		if m := a.object(t); m["error"] == "" || m["next"] == "" || len(m) != 2 {
			t.Errorf("%s %s: got %s, want what is wrong and what to do", tt.method, tt.path, a.body)
		}
	}
}

func TestAPIWhenNoVerdictCanBeFormed(t *testing.T) {
	w := newWorld(t)
	path := w.announce(announced1)
	for name, err := range map[string]error{"judge": errBroken, "too slow": context.DeadlineExceeded, "stale": judge.ErrStale} {
		w.judge.err = err
		for _, p := range [...]string{path + "/judge", "/v1/judge"} {
			a := w.want(w.do("POST", p, map[bool]string{true: announced1}[p == "/v1/judge"]), 503)
			if a.header.Get("Retry-After") == "" || strings.Contains(a.body, "hunter2") {
				t.Errorf("%s: got %s with %v, want when to ask again and no credentials", name, a.body, a.header)
			}
		}
	}
	w.faults.set("List", errBroken)
	if a := w.want(w.do("GET", "/v1/rollouts", ""), 500); strings.Contains(a.body, "source") {
		t.Errorf("got %s, want nothing of the cause", a.body)
	}
}

func TestJudgeOnce(t *testing.T) {
	final := func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") }
	t.Run("final at once", func(t *testing.T) {
		w := newWorld(t)
		w.judge.say(final)
		a := w.want(w.do("POST", "/v1/judge", announced1), 200)
		if a.object(t)["outcome"] != "promote" || !w.only().Closed.IsZero() || w.only().Rollout.FinalStep.IsZero() {
			t.Errorf("got %s, want promote, the rollout live and its final step recorded", a.body)
		}
	})
	for name, say := range map[string]func(*judge.Verdict){
		"continue":           func(v *judge.Verdict) {},
		"promote, not final": func(v *judge.Verdict) { v.Outcome = judge.Promote },
		"shadow continue":    func(v *judge.Verdict) { v.Mode, v.Promotion = "shadow", yes("shadow") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.judge.say(say)
			a := w.want(w.do("POST", "/v1/judge", announced1), 202)
			if a.header.Get("Location") != "/v1/rollouts/"+w.only().Rollout.ID {
				t.Errorf("got location %q, want the rollout's", a.header.Get("Location"))
			}
		})
	}
	for name, say := range map[string]func(*judge.Verdict){
		"rollback":     func(v *judge.Verdict) { v.Outcome = judge.Rollback },
		"inconclusive": func(v *judge.Verdict) { v.Outcome = judge.Inconclusive },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.judge.say(say)
			w.want(w.do("POST", "/v1/judge?wait=10m", announced1), 200)
		})
	}
}

func TestJudgeOnceWaits(t *testing.T) {
	// Each pause moves the clock by as much, and the third verdict is final.
	waiting := func(t *testing.T, looks int) *world {
		w := newWorld(t)
		w.judge.say(func(v *judge.Verdict) { v.Progress.Block = "10s" })
		w.server.after = func(d time.Duration) <-chan time.Time {
			w.clock.add(d)
			if w.judge.asked == looks-1 {
				w.judge.say(func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") })
			}
			c := make(chan time.Time, 1)
			c <- w.clock.Now()
			return c
		}
		return w
	}
	w := waiting(t, 3)
	w.want(w.do("POST", "/v1/judge?wait=30s", announced1), 200)
	if w.judge.asked != 3 || !w.clock.Now().Equal(start().Add(10*time.Second)) {
		t.Errorf("got %d looks until %v, want 3, half a block apart", w.judge.asked, w.clock.Now())
	}
	w = waiting(t, 100)
	w.want(w.do("POST", "/v1/judge?wait=30s", announced1), 202)
	if w.judge.asked != 7 {
		t.Errorf("got %d looks, want 7 in 30 s", w.judge.asked)
	}
	// A later failure does not lose the verdict that there is.
	w = waiting(t, 100)
	w.server.after = func(d time.Duration) <-chan time.Time {
		w.judge.err = errBroken
		c := make(chan time.Time, 1)
		c <- time.Time{}
		return c
	}
	w.want(w.do("POST", "/v1/judge?wait=30s", announced1), 202)
	// Nor does a stop of the server, or of the caller.
	w = waiting(t, 100)
	w.server.after = func(time.Duration) <-chan time.Time { close(w.server.stopping); return nil }
	w.want(w.do("POST", "/v1/judge?wait=30s", announced1), 202)
	w = waiting(t, 100)
	ctx, cancel := context.WithCancel(t.Context())
	w.server.after = func(time.Duration) <-chan time.Time { cancel(); return nil }
	w.want(w.send(httptest.NewRequest("POST", "/v1/judge?wait=30s", strings.NewReader(announced1)).WithContext(ctx)), 202)
}

func TestPlansAreListedWithoutTheirContents(t *testing.T) {
	w := newWorld(t)
	a := w.want(w.do("GET", "/v1/plans", ""), 200)
	if n := len(a.object(t)["plans"].([]any)); n != 4 || strings.Contains(a.body, "hidden-from-lists") || !strings.Contains(a.body, `"checks":["home"]`) {
		t.Errorf("got %s, want four plans and no headers of checks", a.body)
	}
}

// TestNumbersThatAreNotFinite holds that half an answer is never sent.
func TestNumbersThatAreNotFinite(t *testing.T) {
	w := newWorld(t)
	err := writeJSON(w.echoContext(), 200, map[string]any{"a": 1.0, "b": func() {}})
	if err == nil {
		t.Error("got no error, want one")
	}
	if e := asHTTPError(errors.Join(err, journal.ErrDamaged)); e.Code != 500 {
		t.Errorf("got %d, want 500", e.Code)
	}
	var v judge.Verdict
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("got %v, want the zero verdict to be written", err)
	}
}

// Presets select by an arm's namespace: it is the rollout's, unless the arm has another.
func TestArmsLieInTheRolloutsNamespace(t *testing.T) {
	w := newWorld(t)
	w.announce(`{"service": "checkout", "namespace": "shop", "revision": "v2", "baseline": {"workload": "a"}, "canary": {"workload": "b", "namespace": "shop-canary"}}`)
	if r := w.only().Rollout; r.Baseline.Namespace != "shop" || r.Canary.Namespace != "shop-canary" {
		t.Errorf("got %+v and %+v, want the baseline in shop and the canary in shop-canary", r.Baseline, r.Canary)
	}
}
