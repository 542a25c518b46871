package webhooks

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
)

// step is one call of a story and what it must be answered with.
type step struct {
	after time.Duration
	hook  string
	call  call
	event string // message, for the event hook
	code  int
	live  int // live rollouts afterwards
	all   int // rollouts ever
}

func (w *world) play(steps []step) {
	w.t.Helper()
	for i, s := range steps {
		w.clock.add(s.after)
		var a answer
		if s.hook == "event" {
			a = w.event(s.event, s.call)
		} else {
			a = w.hook(s.hook, s.call)
		}
		live := 0
		for _, sum := range w.rollouts() {
			if sum.Closed.IsZero() {
				live++
			}
		}
		if all := len(w.rollouts()); a.code != s.code || live != s.live || all != s.all {
			w.t.Fatalf("step %d, %s %+v: got %d %q with %d live of %d rollouts, want %d with %d of %d",
				i+1, s.hook, s.call, a.code, a.body, live, all, s.code, s.live, s.all)
		}
	}
}

// A person's confirm-promotion hook that stands after Serin's says no: Flagger waits at the
// full weight and goes on asking, and the canary goes bad meanwhile.
func TestAGrantThatFlaggerMakesNoUseOf(t *testing.T) {
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") })
	two := call{checksum: "2", metadata: map[string]string{"canary": "web"}}
	bare := call{checksum: "2", phase: "WaitingPromotion"}
	w.play([]step{
		{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
		{hook: "event", event: "Advance checkout.shop canary weight 50", call: two, code: 200, live: 1, all: 1},
		{hook: "confirm-promotion", call: two, code: 200, all: 1},
		{after: grantSettles, hook: "rollback", call: bare, code: 409, all: 1}, // it may be promoting still
	})
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Continue, judge.Answer{} })
	w.play([]step{
		{after: time.Second, hook: "rollback", call: call{checksum: "2"}, code: 409, all: 1}, // in blue/green, between the two questions
		{hook: "rollback", call: bare, code: 409, live: 1, all: 2},
		{hook: "rollout", call: two, code: 200, live: 1, all: 2},
		{hook: "confirm-promotion", call: two, code: 409, live: 1, all: 2}, // what was granted is not granted for ever
	})
	first, again := w.rollouts()[1].Rollout, w.rollouts()[0].Rollout
	if again.Attempt != 2 || again.Canary.Workload != "web" || len(again.Weights) != 1 || again.Weights[0].Percent != 50 || again.PlanDigest != first.PlanDigest {
		t.Errorf("got %+v, want a second attempt at the same canary and weight", again)
	}
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors 84:1") })
	w.play([]step{
		{after: time.Minute, hook: "rollback", call: bare, code: 200, live: 1, all: 2},
		{hook: "post-rollout", call: call{checksum: "2", phase: "Failed"}, code: 200, all: 2},
	})
}

func TestLivesOfRollouts(t *testing.T) {
	grant := func(w *world) {
		w.judge.say(func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") })
	}
	bad := func(w *world) {
		w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors") })
	}
	two, three := call{checksum: "2"}, call{checksum: "3"}
	at := func(phase string, c call) call { c.phase = phase; return c }
	for name, tt := range map[string]struct {
		judge func(*world)
		steps []step
	}{
		"promoted": {grant, []step{
			{hook: "confirm-rollout", call: at("Initialized", call{checksum: "1"}), code: 200},
			{hook: "event", event: "New revision detected! Scaling up checkout.shop", call: two, code: 200},
			// Flagger asks for a rollback before anything else; that opens nothing.
			{hook: "rollback", call: two, code: 409},
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "rollback", call: two, code: 409, live: 1, all: 1},
			{hook: "rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "confirm-promotion", call: two, code: 200, all: 1},
			// Blue/green asks twice; what is late belongs to the promotion.
			{after: 10 * time.Minute, hook: "confirm-promotion", call: two, code: 200, all: 1},
			{hook: "rollout", call: two, code: 200, all: 1},
			{hook: "confirm-traffic-increase", call: two, code: 200, all: 1},
			{hook: "rollback", call: two, code: 409, all: 1},
			{hook: "post-rollout", call: at("Succeeded", two), code: 200, all: 1},
			{hook: "event", event: "Promotion completed! Scaling down checkout.shop", call: at("Succeeded", two), code: 200, all: 1},
		}},
		"a grant does not outlive another revision": {grant, []step{
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "confirm-promotion", call: two, code: 200, all: 1},
			{after: time.Minute, hook: "rollout", call: three, code: 200, live: 1, all: 2},
			{after: time.Minute, hook: "confirm-promotion", call: two, code: 409, live: 1, all: 2},
			{hook: "rollout", call: two, code: 409, live: 1, all: 2},
		}},
		"a grant does not hold for ever": {grant, []step{
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "confirm-promotion", call: two, code: 200, all: 1},
			{after: grantHolds + time.Second, hook: "confirm-promotion", call: two, code: 409, all: 1},
		}},
		"failed, and tried again": {bad, []step{
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "rollback", call: two, code: 200, live: 1, all: 1},
			{hook: "post-rollout", call: at("Failed", two), code: 200, all: 1},
			// What was under way when it ended opens nothing and signals nothing.
			{hook: "rollout", call: two, code: 409, all: 1},
			{hook: "rollback", call: two, code: 409, all: 1},
			{hook: "confirm-traffic-increase", call: two, code: 409, all: 1},
			{hook: "confirm-promotion", call: two, code: 409, all: 1},
			{hook: "event", event: "Advance checkout.shop canary weight 10", call: two, code: 200, all: 1},
			// The first tick of the next attempt.
			{after: time.Hour, hook: "rollback", call: two, code: 409, all: 1},
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 2},
		}},
		"a newer revision": {nil, []step{
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{after: time.Minute, hook: "pre-rollout", call: three, code: 200, live: 1, all: 2},
			{hook: "rollout", call: two, code: 409, live: 1, all: 2},
			{after: time.Minute, hook: "pre-rollout", call: two, code: 200, live: 1, all: 3},
		}},
		"the journal was lost, or the first hook is missing": {nil, []step{
			{hook: "rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "rollout", call: two, code: 200, live: 1, all: 1},
		}},
		"no post-rollout hook, but events": {nil, []step{
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "event", event: "Canary failed! Scaling down checkout.shop", call: at("Failed", two), code: 200, all: 1},
		}},
		"no post-rollout hook, but confirm-rollout": {nil, []step{
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "confirm-rollout", call: at("Progressing", two), code: 200, live: 1, all: 1},
			{hook: "confirm-rollout", call: at("Waiting", three), code: 200, live: 1, all: 1},
			{hook: "confirm-rollout", call: at("Failed", three), code: 200, all: 1},
		}},
		"neither, and the same revision again": {nil, []step{
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "event", event: "Advance checkout.shop canary weight 10", call: two, code: 200, live: 1, all: 1},
			{after: time.Hour, hook: "pre-rollout", call: two, code: 200, live: 1, all: 2},
		}},
		"a constant weight says nothing of when": {nil, []step{
			{hook: "rollout", call: call{checksum: "2", metadata: map[string]string{"weight": "50"}}, code: 200, live: 1, all: 1},
			{after: time.Minute, hook: "pre-rollout", call: call{checksum: "2", metadata: map[string]string{"weight": "50"}}, code: 200, live: 1, all: 1},
		}},
		"skipAnalysis": {nil, []step{
			{hook: "confirm-rollout", call: at("Succeeded", two), code: 200},
			{hook: "post-rollout", call: at("Succeeded", three), code: 200},
		}},
		"other Canaries are left alone": {nil, []step{
			{hook: "pre-rollout", call: two, code: 200, live: 1, all: 1},
			{hook: "pre-rollout", call: call{name: "strict", checksum: "2"}, code: 200, live: 2, all: 2},
			{hook: "post-rollout", call: at("Succeeded", call{name: "strict", checksum: "9"}), code: 200, live: 1, all: 2},
			{hook: "event", event: "x", call: at("Failed", call{name: "strict"}), code: 200, live: 1, all: 2},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tt.judge != nil {
				tt.judge(w)
			}
			w.play(tt.steps)
		})
	}
}

// Before a Canary is initialised Flagger's events have no phase.
func TestAnEventWithoutAPhase(t *testing.T) {
	w := newWorld(t)
	w.want(w.hook("pre-rollout", call{}), 200)
	a := w.do("POST", "/flagger/event", `{"name":"checkout","namespace":"shop","phase":"","checksum":"5d59f87694",`+
		`"metadata":{"eventMessage":"checkout-primary.shop not ready","eventType":"Warning","timestamp":"1772366400000"}}`)
	w.want(a, 200)
	if sum := w.only(); !sum.Closed.IsZero() {
		t.Errorf("got it closed for %q, want it to go on", sum.Why)
	}
}

func TestPromotionIsGrantedOnlyWhenItIsRecorded(t *testing.T) {
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") })
	w.faults.set("End", errBroken)
	w.want(w.hook("confirm-promotion", call{}), 503)
	w.faults.set("End", nil)
	a := w.want(w.hook("confirm-promotion", call{}), 200)
	if a.body != "promote: proven\n" {
		t.Errorf("got %q, want the reason", a.body)
	}
	sum := w.only()
	if sum.Why != whyGranted || !sum.Rollout.FinalStep.Equal(start()) {
		t.Errorf("got closed for %q with final step %v, want %q and %v", sum.Why, sum.Rollout.FinalStep, whyGranted, start())
	}
}

func TestOnlyConfirmPromotionRecordsTheFinalStep(t *testing.T) {
	for _, hook := range judgedHooks() {
		w := newWorld(t)
		w.want(w.hook("pre-rollout", call{}), 200)
		w.hook(hook, call{})
		if got, want := !w.only().Rollout.FinalStep.IsZero(), hook == "confirm-promotion"; got != want {
			t.Errorf("%s: got final step recorded %v, want %v", hook, got, want)
		}
	}
}

func TestWeightsFromEvents(t *testing.T) {
	w := newWorld(t)
	w.want(w.event("Advance checkout.shop canary weight 5", call{}), 200)
	if n := len(w.rollouts()); n != 0 {
		t.Fatalf("got %d rollouts, want none: an event opens nothing", n)
	}
	w.want(w.hook("pre-rollout", call{}), 200)
	for _, message := range [...]string{
		"Advance checkout.shop canary weight 10", "Advance other.shop canary weight 20", "Advance checkout.shop canary weight 130",
		"Advance checkout.shop canary weight NaN", "Advance checkout.shop canary iteration 3/10", "Starting canary analysis for checkout.shop",
		"Advance checkout.shop canary weight 30",
	} {
		w.clock.add(time.Minute)
		w.want(w.event(message, call{}), 200)
	}
	w.want(w.event("Advance checkout.shop canary weight 40", call{checksum: "another"}), 200)
	weights := w.only().Rollout.Weights
	if len(weights) != 2 || weights[0].Percent != 10 || weights[1].Percent != 30 || !weights[1].At.Equal(start().Add(7*time.Minute)) {
		t.Errorf("got %v, want 10 and 30", weights)
	}
	w.faults.set("Declare", errBroken)
	w.want(w.event("Advance checkout.shop canary weight 50", call{}), 200)
}

func TestAConstantWeightIsDeclaredOnceThereIsTraffic(t *testing.T) {
	w := newWorld(t)
	c := call{metadata: map[string]string{"weight": "50"}}
	for _, hook := range [...]string{"pre-rollout", "rollback", "confirm-traffic-increase"} {
		w.hook(hook, c)
		if got := w.only().Rollout.Weights; len(got) != 0 {
			t.Errorf("%s: got weights %v, want none: it is asked at weight 0 too", hook, got)
		}
	}
	w.want(w.hook("rollout", c), 200)
	w.want(w.hook("rollout", c), 200)
	if got := w.only().Rollout.Weights; len(got) != 1 || got[0].Percent != 50 {
		t.Errorf("got weights %v, want 50", got)
	}
}

func TestFlaggerEndsNothingOfOthers(t *testing.T) {
	w := newWorld(t)
	w.poll("", map[string]any{"gate": "guard"}, 200)
	w.want(w.hook("post-rollout", call{phase: "Failed"}), 200)
	w.want(w.event("x", call{phase: "Failed"}), 200)
	if sum := w.only(); !sum.Closed.IsZero() {
		t.Errorf("got Argo's rollout closed (%s), want it live", sum.Why)
	}
}

// TestClosedWhileLookedAt ends a rollout while a look at it is under way.
func TestClosedWhileLookedAt(t *testing.T) {
	for hook, code := range map[string]int{"rollout": 409, "rollback": 409, "confirm-promotion": 409} {
		w := newWorld(t)
		w.want(w.hook("pre-rollout", call{}), 200)
		id := w.only().Rollout.ID
		w.judge.before = func(ctx context.Context) {
			if err := w.journal.End(ctx, id, start(), "closed by somebody"); err != nil {
				t.Error(err)
			}
		}
		w.judge.say(func(v *judge.Verdict) { v.RollBack, v.Promotion = yes("x"), yes("x") })
		if a := w.want(w.hook(hook, call{}), code); !strings.Contains(a.body, "closed by somebody") {
			t.Errorf("%s: got %q, want why it ended", hook, a.body)
		}
	}
}

func TestLateCallsInShadowMode(t *testing.T) {
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Mode = "shadow" })
	w.want(w.hook("pre-rollout", call{name: "dark"}), 200)
	w.want(w.hook("post-rollout", call{name: "dark", phase: "Failed"}), 200)
	w.want(w.hook("rollout", call{name: "dark"}), 200)
	w.want(w.hook("confirm-promotion", call{name: "dark"}), 200)
	w.want(w.hook("rollback", call{name: "dark"}), 409)
	w.faults.set("List", errBroken)
	w.want(w.hook("rollout", call{name: "dark"}), 200)
}

func TestPanicsAreNoYes(t *testing.T) {
	w := newWorld(t)
	w.judge.before = func(context.Context) { panic("bug with hunter2") }
	for _, hook := range judgedHooks() {
		a := w.want(w.hook(hook, call{}), http.StatusInternalServerError)
		checkLine(t, a)
		if strings.Contains(a.body, "hunter2") {
			t.Errorf("%s: got %q, want nothing of the panic", hook, a.body)
		}
	}
	if log := w.logs.String(); !strings.Contains(log, `"msg":"panic in a handler"`) || !strings.Contains(log, "flagger_life_test.go") {
		t.Errorf("got log %s, want the panic with its stack through slog", log)
	}
}
