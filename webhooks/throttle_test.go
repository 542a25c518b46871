package webhooks

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// migrates is gh-ost's rule: it goes on while the answer to HEAD is 200.
func (w *world) migrates(path string) (bool, answer) {
	w.t.Helper()
	a := w.do(http.MethodHead, path, "")
	if b := w.do(http.MethodGet, path, ""); b.code != a.code {
		w.t.Errorf("%s: got %d for GET and %d for HEAD", path, b.code, a.code)
	}
	return a.code == http.StatusOK, a
}

func TestThrottle(t *testing.T) {
	advancing := func(v *judge.Verdict) {
		v.Advance, v.Progress.Paired = judge.Answer{Yes: true, Reason: "no harm"}, 3
	}
	none := 0.0
	bad := func(v *judge.Verdict) {
		v.Outcome, v.RollBack = judge.Rollback, judge.Answer{Yes: true, Reason: "errors 9 %"}
	}
	ends := func(why string) func(*world, string) {
		return func(w *world, path string) { w.want(w.do("DELETE", path+"?why="+why, ""), 200) }
	}
	for name, c := range map[string]struct {
		says          func(*judge.Verdict)
		then          func(w *world, path string)
		byID, service int
		reason        string // by ID
	}{
		"fresh and no harm": {advancing, nil, 200, 200, "go on: no harm"},
		"nothing is known": {func(v *judge.Verdict) { v.Advance = judge.Answer{Yes: true, Reason: "the canary has no traffic yet"} }, nil, 429, 429,
			"wait: the canary has had no request"},
		"no traffic, as declared": {func(v *judge.Verdict) {
			v.Advance, v.Progress.Weight = judge.Answer{Yes: true, Reason: "the canary has no traffic yet"}, &none
		}, nil, 200, 200, "go on: the canary has no traffic yet"},
		"warming up":            {func(v *judge.Verdict) { v.Advance.Reason = "the canary is warming up" }, nil, 429, 429, "wait: the canary is warming up"},
		"rolled back":           {bad, nil, 409, 409, "rolled back: errors 9 %"},
		"shadow":                {func(v *judge.Verdict) { v.Mode = "shadow" }, nil, 200, 200, "shadow"},
		"nobody looks any more": {advancing, func(w *world, _ string) { w.clock.add(6 * time.Minute) }, 429, 429, "wait: nobody has looked since"},
		"looked at lately":      {advancing, func(w *world, _ string) { w.clock.add(4 * time.Minute) }, 200, 200, "go on"},
		"over":                  {advancing, ends("done"), 200, 200, "the rollout ended at"},
		// The migration of this attempt must not go on; the service has recovered.
		"over after a rollback": {bad, ends("undone"), 409, 200, "rolled back"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.judge.say(c.says)
			path := w.announce(announced1)
			id := w.only().Rollout.ID
			if ok, a := w.migrates("/throttle/" + id); ok || a.code != 429 {
				t.Errorf("before the first look: got %d, want 429", a.code)
			}
			w.want(w.do("POST", path+"/judge", ""), 200)
			looks := w.judge.asked
			if c.then != nil {
				c.then(w, path)
			}
			for path, want := range map[string]int{"/throttle/" + id: c.byID, "/throttle/shop/checkout": c.service} {
				_, a := w.migrates(path)
				if a.code != want {
					t.Errorf("%s: got %d (%s), want %d", path, a.code, a.header.Get("X-Serin-Reason"), want)
				}
			}
			_, a := w.migrates("/throttle/" + id)
			if got := a.header.Get("X-Serin-Reason"); len(got) < len(c.reason) || got[:len(c.reason)] != c.reason {
				t.Errorf("got reason %q, want %q", got, c.reason)
			}
			if w.judge.asked != looks {
				t.Error("got a look, want an answer from the record")
			}
		})
	}
}

// What is not known is a wait by a name of its own, never a go.
func TestThrottleOfTheUnknown(t *testing.T) {
	w := newWorld(t)
	w.announce(announced1)
	for path, code := range map[string]int{
		"/throttle/abcdefghijklmnop": 404, "/throttle/checkout": 404, "/throttle/shop/chekcout": 404, "/throttle/-/checkout": 404,
		"/throttle/shop/%22": 400, "/throttle/": 404,
	} {
		if ok, a := w.migrates(path); ok || a.code != code {
			t.Errorf("%s: got %d, want %d", path, a.code, code)
		}
	}
	id := w.only().Rollout.ID
	w.faults.set("Get", journal.ErrUnavailable)
	w.faults.set("List", journal.ErrUnavailable)
	for _, path := range []string{"/throttle/" + id, "/throttle/shop/checkout"} {
		if ok, a := w.migrates(path); ok || a.code != 503 {
			t.Errorf("%s without a journal: got %d, want 503", path, a.code)
		}
	}
}

// Several rollouts of one service: the strictest counts.
func TestThrottleBySeveralRollouts(t *testing.T) {
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Advance, v.Progress.Paired = judge.Answer{Yes: true}, 3 })
	for _, body := range []string{
		`{"controller":"one","service":"checkout","namespace":"shop","revision":"v2","canary":{"workload":"b"},"baseline":{"workload":"a"}}`, `{"controller":"two","service":"checkout","namespace":"shop","revision":"v2","canary":{"workload":"b"},"baseline":{"workload":"a"}}`,
	} {
		w.want(w.do("POST", w.announce(body)+"/judge", ""), 200)
	}
	if ok, a := w.migrates("/throttle/shop/checkout"); !ok {
		t.Errorf("got %d, want a go", a.code)
	}
	w.judge.say(func(v *judge.Verdict) { v.Advance = judge.Answer{} })
	w.want(w.do("POST", w.announce(`{"controller":"one","service":"checkout","namespace":"shop","revision":"v2","canary":{"workload":"b"},"baseline":{"workload":"a"}}`)+"/judge", ""), 200)
	if ok, a := w.migrates("/throttle/shop/checkout"); ok {
		t.Errorf("got %d, want the wait of one of them", a.code)
	}
	// Without a namespace.
	w.want(w.do("POST", w.announce(`{"service":"checkout","revision":"v2","canary":{"workload":"b"},"baseline":{"workload":"a"}}`)+"/judge", ""), 200)
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, judge.Answer{Yes: true} })
	w.want(w.do("POST", w.announce(`{"service":"checkout","revision":"v2","canary":{"workload":"b"},"baseline":{"workload":"a"}}`)+"/judge", ""), 200)
	if _, a := w.migrates("/throttle/-/checkout"); a.code != 409 {
		t.Errorf("got %d, want 409", a.code)
	}
	if _, a := w.migrates("/throttle/shop/checkout"); a.code != 429 {
		t.Errorf("got %d, want 429", a.code)
	}
}

// What belongs to another namespace is as if it were not there, and what a caller may
// not do it may not do here.
func TestPollersStayInTheirNamespaces(t *testing.T) {
	d := &desk{}
	w := newWorld(t, func(c *Config) {
		reader := FullToken("reader", "read-token")
		reader.Namespaces, reader.Allow = []string{"shop"}, []Right{RightRead}
		c.Tokens = []Token{FullToken("all", "full-token"), scoped(), reader}
	}, withDesk(d))
	d.w = w
	path := w.want(w.as("full-token", "POST", "/v1/rollouts", in("bank")), 201).header.Get("Location")
	id := path[len("/v1/rollouts/"):]
	for path, codes := range map[string][2]int{ // for a token of shop, and for one of everything
		path + "/status": {404, 200}, "/throttle/" + id: {404, 429}, "/throttle/bank/checkout": {403, 429},
		"/throttle/shop/checkout": {404, 404}, "/throttle/-/checkout": {404, 404},
	} {
		w.want(w.as("shop-token", "GET", path, ""), codes[0])
		w.want(w.as("full-token", "GET", path, ""), codes[1])
		w.want(w.as("wrong-token", "GET", path, ""), 401)
	}
	w.want(w.as("shop-token", "POST", "/v1/judge/cancel", in("bank")), 403)
	w.want(w.as("read-token", "POST", "/v1/judge/cancel", in("shop")), 403)
	w.want(w.as("read-token", "POST", "/v1/judge", in("shop")), 403)
}

// BenchmarkThrottle is what gh-ost asks ten times a second.
func BenchmarkThrottle(b *testing.B) {
	w := newWorld(b)
	w.judge.say(func(v *judge.Verdict) { v.Advance, v.Progress.Paired = judge.Answer{Yes: true}, 3 })
	w.want(w.do("POST", w.announce(announced1)+"/judge", ""), 200)
	for _, path := range []string{"/throttle/shop/checkout", "/throttle/" + w.only().Rollout.ID} {
		b.Run(map[bool]string{true: "service", false: "id"}[strings.HasPrefix(path, "/throttle/shop")], func(b *testing.B) {
			for b.Loop() {
				w.want(w.do(http.MethodHead, path, ""), 200)
			}
		})
	}
}

// The live rollouts of others, however many, do not hide that one of no namespace must
// be waited for.
func TestThrottleWithoutANamespaceAmongMany(t *testing.T) {
	w := newWorld(t)
	w.announce(`{"service":"checkout","revision":"v2","canary":{"workload":"b"},"baseline":{"workload":"a"}}`)
	for n := range 101 {
		w.clock.add(time.Second)
		w.announce(fmt.Sprintf(`{"service":"checkout","namespace":"review-%d","revision":"v2","canary":{"workload":"b"},"baseline":{"workload":"a"}}`, n))
	}
	if ok, a := w.migrates("/throttle/-/checkout"); ok || a.code != 429 {
		t.Errorf("got %d, want the wait of the one without a namespace", a.code)
	}
}
