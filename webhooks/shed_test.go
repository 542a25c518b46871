package webhooks

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// sleepy is a store that takes 30 s for each question.
type sleepy struct{ twoArms }

func (s sleepy) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	select {
	case <-time.After(30 * time.Second):
		return s.twoArms.Blocks(ctx, r, w)
	case <-ctx.Done():
		return queries.Frame{}, &queries.Error{Fault: queries.Unavailable, Source: "store", Text: "the question was given up", Err: ctx.Err()}
	}
}

const argoAsk = `{"namespace": "shop", "rollout": "checkout", "revision": "7", "canaryHash": "abc", "stableHash": "def"}`

// TestASlowSourceKeepsNobodyWaiting asks every dialect with the real judge and a
// store that takes 30 s. Time is the test's, and stands still while anything works.
func TestASlowSourceKeepsNobodyWaiting(t *testing.T) {
	hook := func(name string, m map[string]string) func(w *world) answer {
		return func(w *world) answer { return w.hook(name, call{metadata: m}) }
	}
	argo := func(path, body string) func(w *world) answer {
		return func(w *world) answer { return w.do("POST", path, body) }
	}
	for name, tt := range map[string]struct {
		ask    func(w *world) answer
		within time.Duration
		code   int
		says   string
	}{
		"rollout":                  {hook("rollout", nil), 8 * time.Second, 200, "continue: "},
		"confirm-traffic-increase": {hook("confirm-traffic-increase", map[string]string{"weight": "10"}), 8 * time.Second, 409, "hold"},
		"confirm-promotion":        {hook("confirm-promotion", nil), 8 * time.Second, 409, "hold"},
		"rollback":                 {hook("rollback", nil), 8 * time.Second, 409, "no rollback"},
		"a hurried hook":           {hook("rollout", map[string]string{"answerWithin": "3s"}), 3 * time.Second, 200, "0 of 1 metrics were read"},
		"argo":                     {argo("/argo/analysis", argoAsk), 8 * time.Second, 200, `"verdict":"running"`},
		"argo, by errors":          {argo("/argo/analysis?pending=503", argoAsk), 8 * time.Second, 503, `"verdict":"running"`},
		"a hurried analysis":       {argo("/argo/analysis", strings.Replace(argoAsk, "{", `{"answerWithin": "2s", `, 1)), 2 * time.Second, 200, `"verdict":"running"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := realWorld(t, sleepy{twoArms{bad: 0.01}})
				if name == "rollback" {
					w.opened("checkout", "5d59f87694")
				}
				began := time.Now()
				a := w.want(tt.ask(w), tt.code)
				if took := time.Since(began); took > tt.within || took == 0 {
					t.Errorf("got an answer after %v, want one within %v", took, tt.within)
				}
				if !strings.Contains(a.body, tt.says) {
					t.Errorf("got %q, want it to say %q", a.body, tt.says)
				}
				if sum := w.only(); sum.Last == nil || sum.Last.Outcome != judge.Continue || sum.Last.Fresh {
					t.Errorf("got record %+v, want the look to be committed, without fresh evidence", sum.Last)
				}
			})
		})
	}
}

// hung makes looks last until their time is over.
func hung(ctx context.Context) { <-ctx.Done() }

// TestWithoutALook has looks that never end: whoever asks is answered in time and
// by what is known, and nothing advances on it.
func TestWithoutALook(t *testing.T) {
	for name, tt := range map[string]struct {
		last    func(*judge.Verdict) // the last verdict; nil: there is none
		service string
		want    map[string]int
		argo    string
	}{
		"never looked": {want: map[string]int{"pre-rollout": 409, "rollout": 200, "confirm-traffic-increase": 409, "confirm-promotion": 409, "rollback": 409}, argo: "running"},
		"was promoting": {last: func(v *judge.Verdict) {
			v.Outcome, v.Advance.Yes, v.Promotion.Yes = judge.Promote, true, true
		}, want: map[string]int{"pre-rollout": 409, "rollout": 200, "confirm-traffic-increase": 409, "confirm-promotion": 409, "rollback": 409}, argo: "running"},
		"was rolling back": {last: func(v *judge.Verdict) { v.Outcome, v.RollBack.Yes = judge.Rollback, true },
			want: map[string]int{"rollout": 409, "confirm-traffic-increase": 409, "confirm-promotion": 409, "rollback": 200}, argo: "fail"},
		"shadow": {service: "dark", want: map[string]int{"pre-rollout": 200, "rollout": 200, "confirm-traffic-increase": 200, "confirm-promotion": 200, "rollback": 409}, argo: "pass"},
	} {
		for hook, code := range tt.want {
			t.Run(name+"/"+hook, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					if tt.last != nil {
						w.judge.say(tt.last)
						w.hook("rollout", call{})
					}
					w.judge.mu.Lock()
					w.judge.before = hung
					w.judge.mu.Unlock()
					began := time.Now()
					a := w.want(w.hook(hook, call{name: tt.service}), code)
					checkLine(t, a)
					if took := time.Since(began); took > 8*time.Second {
						t.Errorf("got an answer after %v, want one within 8 s", took)
					}
				})
			})
		}
		t.Run(name+"/argo", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				ask := argoAsk
				if tt.service != "" {
					ask = strings.Replace(ask, "checkout", tt.service, 1)
				}
				if tt.last != nil {
					w.want(w.do("POST", "/argo/analysis", ask), 200)
					sum := w.only()
					v := *sum.Last
					tt.last(&v)
					v.Seq++
					if err := w.journal.Commit(t.Context(), judge.Look{Rollout: sum.Rollout.ID, Verdict: v}); err != nil {
						t.Fatal(err)
					}
				}
				w.judge.before = hung
				if got := w.want(w.do("POST", "/argo/analysis", ask), 200).object(t)["verdict"]; got != tt.argo {
					t.Errorf("got %v, want %s", got, tt.argo)
				}
			})
		})
	}
}

// TestTheAPIIsToldToAskAgain: only callers that do so by themselves get a 503.
func TestTheAPIIsToldToAskAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id := w.announce(announced1)
		w.judge.before = hung
		r := httptest.NewRequest("POST", id+"/judge", nil)
		r.Header.Set("Prefer", "respond-async, wait=5")
		began := time.Now()
		a := w.want(w.send(r), 503)
		if took := time.Since(began); took != 5*time.Second || a.header.Get("Retry-After") != "5" {
			t.Errorf("got an answer after %v, Retry-After %q, want 5 s as preferred, and when to ask again", took, a.header.Get("Retry-After"))
		}
		a = w.want(w.do("POST", "/argo/analysis?pending=503", argoAsk), 503)
		if a.header.Get("Retry-After") == "" {
			t.Error("got no Retry-After for Argo, which was told to wait by errors")
		}
	})
}

// TestShedding: beyond the bound on looks, each dialect is answered at once.
func TestShedding(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Pressure.Looks = 1 })
	id := w.announce(announced1)
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	w.judge.before = func(context.Context) { entered <- struct{}{}; <-leave }
	done := make(chan answer)
	go func() { done <- w.do("POST", id+"/judge", "") }()
	<-entered
	other := w.announce(strings.Replace(announced1, `"checkout"`, `"strict"`, 1))
	a := w.want(w.do("POST", other+"/judge", ""), 503)
	if a.header.Get("Retry-After") != "2" || !strings.Contains(a.body, "too many looks are under way (1)") {
		t.Errorf("got %v, want 503 that says why and when to ask again", a)
	}
	checkLine(t, w.want(w.hook("rollout", call{name: "dark"}), 200))
	if got := w.want(w.hook("confirm-traffic-increase", call{name: "strict", checksum: "1"}), 409); !strings.Contains(got.body, "too many looks") {
		t.Errorf("got %q, want the reason", got.body)
	}
	close(leave)
	w.want(<-done, 200)
	body := w.do("GET", "/metrics", "").body
	if !strings.Contains(body, `serin_looks_total{how="shed"} 3`) || !strings.Contains(body, "serin_looks_running 0") {
		t.Errorf("got metrics without what was shed:\n%s", body)
	}
}

// counting is a judge whose looks end when the test says so.
type counting struct {
	mu    sync.Mutex
	asked int
	reply chan error
}

func (c *counting) Decide(ctx context.Context, _ rollout.Rollout, _ time.Time) (judge.Verdict, error) {
	c.mu.Lock()
	c.asked++
	n := c.asked
	c.mu.Unlock()
	select {
	case err := <-c.reply:
		return judge.Verdict{Seq: n}, err
	case <-ctx.Done():
		return judge.Verdict{}, ctx.Err()
	}
}

// TestCallersShareALook: those that ask for one rollout at once are told one
// verdict; one that leaves does not end it for the others, and the last one does.
func TestCallersShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &counting{reply: make(chan error)}
		l := newLooks(j, 10)
		ask := func(ctx context.Context, id string, last bool) chan error {
			out := make(chan error, 1)
			go func() { _, err := l.decide(ctx, rollout.Rollout{ID: id}, last, time.Now()); out <- err }()
			synctest.Wait()
			return out
		}
		first, leave := context.WithCancel(t.Context())
		cs := []chan error{ask(first, "a", false), ask(t.Context(), "a", false), ask(t.Context(), "a", false)}
		if j.asked != 1 {
			t.Fatalf("got %d looks for 3 callers of one rollout, want 1", j.asked)
		}
		ask2, ask3 := ask(t.Context(), "b", false), ask(t.Context(), "a", true)
		if j.asked != 3 {
			t.Fatalf("got %d looks, want others for another rollout and for the last promotion", j.asked)
		}
		leave()
		if err := <-cs[0]; !unlooked(err) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the caller's own end", err)
		}
		for range 3 {
			j.reply <- nil
		}
		for _, c := range []chan error{cs[1], cs[2], ask2, ask3} {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
		alone, leave := context.WithCancel(t.Context())
		c := ask(alone, "a", false)
		leave()
		<-c
		synctest.Wait()
		if l.running != 0 || len(l.underWay) != 0 {
			t.Errorf("got %d looks although nobody waits", l.running)
		}
	})
}

// takesLong is a judge that needs two seconds.
type takesLong struct{}

func (takesLong) Decide(ctx context.Context, _ rollout.Rollout, _ time.Time) (judge.Verdict, error) {
	select {
	case <-time.After(2 * time.Second):
		return judge.Verdict{Outcome: judge.Promote}, nil
	case <-ctx.Done():
		return judge.Verdict{}, ctx.Err()
	}
}

// Who joins the look of a caller in a hurry does not inherit its hurry.
func TestAPatientCallerJoinsAHastyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooks(takesLong{}, 10)
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := l.decide(hasty, rollout.Rollout{ID: "x"}, true, start()); !unlooked(err) {
				t.Errorf("got %v for the hasty one, want that no look was finished", err)
			}
		})
		time.Sleep(900 * time.Millisecond)
		patient, cancel := context.WithTimeout(t.Context(), 28*time.Second)
		defer cancel()
		if v, err := l.decide(patient, rollout.Rollout{ID: "x"}, true, start()); err != nil || v.Outcome != judge.Promote {
			t.Errorf("got %v, %v for the patient one, want a verdict", v.Outcome, err)
		}
		all.Wait()
	})
}
