package webhooks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// state is what the judge says, as far as hooks tell it apart.
type state struct {
	name string
	say  func(*judge.Verdict)
	// want has the status of each judged hook: pre-rollout, rollout,
	// confirm-traffic-increase, confirm-promotion, rollback.
	want [5]int
}

func yes(reason string) judge.Answer { return judge.Answer{Yes: true, Reason: reason} }

// states is DESIGN's table of hooks, column by column. The service decides over
// the plan: strict says noData: rollback, dark is in shadow mode.
func states() map[string][]state {
	at := func(o judge.Outcome, change func(*judge.Verdict)) func(*judge.Verdict) {
		return func(v *judge.Verdict) {
			v.Outcome, v.Reason, v.Fresh, v.Phase = o, "because", true, rollout.Judging
			if change != nil {
				change(v)
			}
		}
	}
	advance := func(v *judge.Verdict) { v.Advance = yes("no harm") }
	check := func(c judge.Class, required bool) func(*judge.Verdict) {
		return at(judge.Continue, func(v *judge.Verdict) {
			v.Findings = []judge.Finding{{Name: "home", About: judge.AboutCheck, Class: c, Required: required, Reason: "got 500"}}
		})
	}
	stale := func(blocks int) func(*judge.Verdict) {
		return at(judge.Continue, func(v *judge.Verdict) { v.Fresh, v.StaleBlocks, v.Progress.Block = false, blocks, "1m0s" })
	}
	dark := func(next func(*judge.Verdict)) func(*judge.Verdict) {
		return func(v *judge.Verdict) { next(v); v.Mode = string(plan.Shadow) }
	}
	rollback := at(judge.Rollback, func(v *judge.Verdict) { v.RollBack = yes("errors 3 %") })
	return map[string][]state{
		"checkout": {
			{"continue", at(judge.Continue, nil), [5]int{200, 200, 409, 409, 409}},
			{"continue, may advance", at(judge.Continue, advance), [5]int{200, 200, 200, 409, 409}},
			{"promote, not final", at(judge.Promote, advance), [5]int{200, 200, 200, 409, 409}},
			{"promote", at(judge.Promote, func(v *judge.Verdict) { advance(v); v.Promotion = yes("proven") }), [5]int{200, 200, 200, 200, 409}},
			{"rollback", rollback, [5]int{200, 409, 409, 409, 200}},
			{"rollback, irreversible", at(judge.Rollback, nil), [5]int{200, 200, 409, 409, 409}},
			{"inconclusive, hold", at(judge.Inconclusive, nil), [5]int{200, 200, 409, 409, 409}},
			{"inconclusive, promote", at(judge.Inconclusive, func(v *judge.Verdict) { v.Promotion = yes("atDeadline") }), [5]int{200, 200, 409, 200, 409}},
			{"stale, hold", stale(5), [5]int{200, 200, 409, 409, 409}},
			{"required check failed", check(judge.CheckFailed, true), [5]int{409, 200, 409, 409, 409}},
			{"required check broken", check(judge.CheckBroken, true), [5]int{409, 200, 409, 409, 409}},
			{"required check fails on both arms", check(judge.Environment, true), [5]int{409, 200, 409, 409, 409}},
			{"required check not due", check(judge.NoData, true), [5]int{200, 200, 409, 409, 409}},
			{"required check not run yet", func(v *judge.Verdict) {
				check(judge.NoData, true)(v)
				v.Findings[len(v.Findings)-1].Stops = true
			}, [5]int{409, 200, 409, 409, 409}},
			{"required check passed", check(judge.Passed, true), [5]int{200, 200, 409, 409, 409}},
			{"other check failed", check(judge.CheckFailed, false), [5]int{200, 200, 409, 409, 409}},
			{"zero", func(v *judge.Verdict) { *v = judge.Verdict{} }, [5]int{200, 200, 409, 409, 409}},
		},
		"strict": {
			{"stale for less than allowed", stale(2), [5]int{200, 200, 409, 409, 409}},
			{"stale for as long as allowed", stale(3), [5]int{200, 409, 409, 409, 409}},
			{"fresh", stale(0), [5]int{200, 200, 409, 409, 409}},
		},
		"dark": {
			{"rollback", dark(rollback), [5]int{200, 200, 200, 200, 409}},
			{"continue", dark(at(judge.Continue, nil)), [5]int{200, 200, 200, 200, 409}},
			{"stale", dark(stale(9)), [5]int{200, 200, 200, 200, 409}},
			{"required check failed", dark(check(judge.CheckFailed, true)), [5]int{200, 200, 200, 200, 409}},
		},
	}
}

func judgedHooks() [5]string {
	return [5]string{"pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "rollback"}
}

// opened opens a Canary's rollout without a look at it, for the rollback hook, which
// opens none.
func (w *world) opened(name, checksum string) {
	w.t.Helper()
	_, err := w.server.attempt(w.t.Context(), questions()[0], flaggerCall{Name: name, Namespace: "shop", Checksum: checksum})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestEveryHookAtEveryOutcome(t *testing.T) {
	for service, list := range states() {
		for _, st := range list {
			t.Run(service+"/"+st.name, func(t *testing.T) {
				w := newWorld(t)
				w.judge.say(st.say)
				for i, hook := range judgedHooks() {
					// Each has a rollout of its own.
					if hook == "rollback" {
						w.opened(service, hook)
					}
					a := w.hook(hook, call{name: service, checksum: hook})
					if a.code != st.want[i] {
						t.Errorf("%s: got %d %q, want %d", hook, a.code, a.body, st.want[i])
					}
					checkLine(t, a)
				}
				rollouts, looks := len(w.rollouts()), w.judge.asked
				if rollouts != 5 || looks != 5 {
					t.Errorf("got %d rollouts and %d looks, want 5 of both", rollouts, looks)
				}
				for _, hook := range [...]string{"confirm-rollout", "event", "post-rollout"} {
					checkLine(t, w.want(w.hook(hook, call{name: service, checksum: hook}), 200))
				}
				if len(w.rollouts()) != rollouts || w.judge.asked != looks {
					t.Errorf("got %d rollouts and %d looks, want no more: these hooks open nothing", len(w.rollouts()), w.judge.asked)
				}
			})
		}
	}
}

// checkLine checks what lands in Kubernetes events: one short line.
func checkLine(t *testing.T, a answer) {
	t.Helper()
	if len(a.body) > maxLine || len(a.body) < 2 || strings.Count(a.body, "\n") != 1 || !strings.HasSuffix(a.body, "\n") {
		t.Errorf("got body %q, want one line of at most %d bytes", a.body, maxLine)
	}
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("got content type %q, want text/plain", got)
	}
}

func TestHooksWhenNoVerdictCanBeFormed(t *testing.T) {
	broken := map[string]func(*world){
		"judge":    func(w *world) { w.judge.err = errBroken },
		"newest":   func(w *world) { w.faults.set("Newest", errBroken) },
		"announce": func(w *world) { w.faults.set("Announce", errBroken) },
	}
	want := map[string]map[string]int{
		"checkout": {"pre-rollout": 503, "rollout": 503, "confirm-traffic-increase": 503, "confirm-promotion": 503, "rollback": 409},
		"dark":     {"pre-rollout": 200, "rollout": 200, "confirm-traffic-increase": 200, "confirm-promotion": 200, "rollback": 409},
	}
	for what, breakIt := range broken {
		for service, codes := range want {
			t.Run(what+"/"+service, func(t *testing.T) {
				w := newWorld(t)
				breakIt(w)
				for hook, code := range codes {
					a := w.want(w.hook(hook, call{name: service, checksum: hook}), code)
					checkLine(t, a)
					if strings.Contains(a.body+w.logs.String(), "hunter2") {
						t.Errorf("%s: got %q and log %s, want no credentials", hook, a.body, w.logs)
					}
				}
				w.faults.set("List", errBroken)
				for _, hook := range [...]string{"confirm-rollout", "event", "post-rollout"} {
					checkLine(t, w.want(w.hook(hook, call{name: service, phase: "Failed"}), 200))
				}
			})
		}
	}
}

func TestPolicyOfTheNoDataRule(t *testing.T) {
	stale := func(v *judge.Verdict) {
		v.Outcome, v.StaleBlocks, v.Fresh, v.Progress.Block = judge.Continue, 9, false, "1m0s"
	}
	t.Run("the pinned plan rules", func(t *testing.T) {
		plans := testPlans(t)
		w := newWorld(t, func(c *Config) { c.Plans = plans })
		w.want(w.hook("pre-rollout", call{name: "strict"}), 200)
		p := plans["strict"]
		p.NoData = plan.Hold
		plans["strict"] = p
		w.judge.say(stale)
		w.want(w.hook("rollout", call{name: "strict"}), 409)
	})
	t.Run("what cannot be reversed is not rolled back", func(t *testing.T) {
		plans := testPlans(t)
		p := plans["strict"]
		p.Reversible = false
		plans["strict"] = p
		w := newWorld(t, func(c *Config) { c.Plans = plans })
		w.judge.say(stale)
		w.want(w.hook("rollout", call{name: "strict"}), 200)
	})
	t.Run("time before the first weight is not missing", func(t *testing.T) {
		w := newWorld(t)
		w.judge.say(stale)
		c := call{name: "strict"}
		w.want(w.hook("pre-rollout", c), 200)
		w.clock.add(10 * time.Minute)
		w.want(w.event("Advance strict.shop canary weight 5", c), 200)
		w.clock.add(2 * time.Minute)
		w.want(w.hook("rollout", c), 200)
		w.clock.add(time.Minute)
		w.want(w.hook("rollout", c), 409)
		w.want(w.event("Advance strict.shop canary weight 0", c), 200)
		w.want(w.hook("rollout", c), 200)
	})
	t.Run("a record that cannot be read is no yes", func(t *testing.T) {
		w := newWorld(t)
		w.judge.say(stale)
		w.faults.set("Load", errBroken)
		w.want(w.hook("rollout", call{name: "strict"}), 503)
	})
}

func TestReasonsFitIntoAnEvent(t *testing.T) {
	long := strings.Repeat("errors 2.1 % against 0.4 % – äöü\n\x00", 100)
	for _, base := range [...]string{"", "https://serin.example.org", "https://serin.example.org/" + strings.Repeat("x", 400)} {
		w := newWorld(t, func(c *Config) { c.BaseURL = base })
		w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes(long) })
		a := w.want(w.hook("rollout", call{}), 409)
		checkLine(t, a)
		if base != "" && len(base) < 100 && !strings.Contains(a.body, "(https://serin.example.org/v1/rollouts/"+w.only().Rollout.ID+")") {
			t.Errorf("got %q, want the rollout's address in it", a.body)
		}
		if !strings.HasPrefix(a.body, "rollback: errors 2.1 % against 0.4 %") {
			t.Errorf("got %q, want the reason first", a.body)
		}
	}
}

func TestArmsOfACanary(t *testing.T) {
	for name, tt := range map[string]struct {
		call     call
		canary   rollout.Arm
		baseline rollout.Arm
		compared rollout.Comparison
	}{
		"derived": {
			call:     call{},
			canary:   rollout.Arm{Namespace: "shop", Workload: "checkout", PodPattern: "checkout-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"},
			baseline: rollout.Arm{Namespace: "shop", Workload: "checkout-primary", PodPattern: "checkout-primary-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"},
			compared: rollout.Concurrent,
		},
		"metadata": {
			call: call{metadata: map[string]string{
				"plan": "shop", "canary": "web.v2", "url.canary": "http://web-canary.shop:8080", "url.baseline": "http://web.shop",
				"version.canary": "2.0", "comparison": "before-after",
			}},
			canary:   rollout.Arm{Namespace: "shop", Workload: "web.v2", PodPattern: `web\.v2-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`, URL: "http://web-canary.shop:8080", Version: "2.0"},
			baseline: rollout.Arm{Namespace: "shop", Workload: "web.v2-primary", PodPattern: `web\.v2-primary-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`, URL: "http://web.shop"},
			compared: rollout.BeforeAfter,
		},
		"the plan wins": {
			call:     call{name: "arms", metadata: map[string]string{"baseline": "other", "comparison": "concurrent"}},
			canary:   rollout.Arm{Namespace: "shop", Workload: "arms", PodPattern: "mine-.*", Labels: map[string]string{"track": "canary"}},
			baseline: rollout.Arm{Namespace: "shop", Workload: "old", PodPattern: `other-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`},
			compared: rollout.ChecksOnly,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.want(w.hook("pre-rollout", tt.call), 200)
			r := w.only().Rollout
			if fmt.Sprint(r.Canary) != fmt.Sprint(tt.canary) || fmt.Sprint(r.Baseline) != fmt.Sprint(tt.baseline) {
				t.Errorf("got canary %+v baseline %+v, want %+v and %+v", r.Canary, r.Baseline, tt.canary, tt.baseline)
			}
			if r.Comparison != tt.compared || r.Controller != "flagger" || r.Revision != "5d59f87694" || r.Namespace != "shop" {
				t.Errorf("got %+v, want comparison %s", r, tt.compared)
			}
		})
	}
}

func TestWhatFlaggerMayNotSend(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		code int
		says string
	}{
		"empty":              {"", 400, "empty"},
		"not JSON":           {"{\"name\": \"a\",\n oops}", 400, "line 2, column 2"},
		"null":               {"null", 400, "not an object"},
		"list":               {"[]", 400, "not an object"},
		"trailing":           {`{"name":"a"} {}`, 400, "not JSON"},
		"no name":            {`{"namespace":"shop","checksum":"1"}`, 400, "name: missing"},
		"no namespace":       {`{"name":"checkout","checksum":"1"}`, 400, "namespace: missing"},
		"no checksum":        {`{"name":"checkout","namespace":"shop"}`, 400, "checksum: missing"},
		"wrong type":         {`{"name":7}`, 400, "name: a JSON number cannot be a string"},
		"wrong metadata":     {`{"name":"checkout","namespace":"shop","metadata":{"weight":20}}`, 400, "metadata"},
		"no Kubernetes name": {`{"name":"check out","namespace":"shop"}`, 400, "Kubernetes name"},
		"injection":          {`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"canary":"a\"} or {b=\""}}`, 400, "metadata.canary"},
		"twice":              {`{"name":"checkout","name":"other","namespace":"shop"}`, 400, "name: given twice"},
		"credentials in URL": {`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"url.canary":"http://a:b@c"}}`, 400, "credentials"},
		"no comparison":      {`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"comparison":"vibes"}}`, 400, "comparison"},
		"same arms":          {`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"baseline":"checkout"}}`, 400, "nothing to compare"},
		"weight beyond":      {`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"weight":"120"}}`, 400, "metadata.weight"},
		"weight not finite":  {`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"weight":"NaN"}}`, 400, "metadata.weight"},
		"unknown plan":       {`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"plan":"nope"}}`, 404, "arms, dark, shop, strict"},
		"unknown service":    {`{"name":"nope","namespace":"shop","checksum":"1"}`, 404, "arms, dark, shop, strict"},
		"a later Flagger":    {`{"name":"checkout","namespace":"shop","checksum":"1","canaryWeight":20}`, 200, "continue"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.want(w.do("POST", "/flagger/rollout", tt.body), tt.code)
			checkLine(t, a)
			if !strings.Contains(a.body, tt.says) {
				t.Errorf("got %q, want %q in it", a.body, tt.says)
			}
		})
	}
}

func TestUnknownHook(t *testing.T) {
	w := newWorld(t)
	for _, a := range []answer{w.hook("confirm", call{}), w.do("POST", "/flagger/", ""), w.do("POST", "/flagger", "")} {
		w.want(a, 404)
		for _, h := range w.server.hooks() {
			if !strings.Contains(a.body, h.name) {
				t.Errorf("got %q, want %s named", a.body, h.name)
			}
		}
	}
	if n := len(w.server.hooks()); n != 8 {
		t.Errorf("got %d hooks, want 8", n)
	}
}

// Flagger shows no text of these hooks, and a refusal of the first would hold it for ever.
func TestHooksThatTellAreNotRefusedForTheirPatience(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"90s", "soon"} {
		patient := call{metadata: map[string]string{"answerWithin": text}}
		for _, name := range []string{"confirm-rollout", "event", "post-rollout"} {
			w.want(w.hook(name, patient), 200)
		}
		w.want(w.hook("pre-rollout", patient), 400)
	}
}
