package webhooks

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

func TestCodeDeployHook(t *testing.T) {
	a := newAmazon(t)
	got := a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, nil)), 202).object(t)
	q := a.question(t)
	if q.Sender != "codedeploy" || q.Gate != reply.GateStart || q.Fallback || !q.Asked.Equal(start()) || !q.Deadline.Equal(start().Add(55*time.Minute)) {
		t.Errorf("got %+v, want a question at the start, to be answered before the hour ends", q)
	}
	if want := `{"region":"eu-west-1","deploymentId":"d-A1B2C3D4E","lifecycleEventHookExecutionId":"eyJlbmNyeXB0ZWREYXRhIjoi","until":"2026-03-01T13:00:00Z"}`; string(q.To) != want {
		t.Errorf("got to %s, want %s", q.To, want)
	}
	if got["rollout"] != q.Rollout || got["question"] != q.ID || strings.Contains(q.ID, "eyJ") {
		t.Errorf("got %v, want the question %s, without the execution's ID", got, q.ID)
	}
	r := a.only().Rollout
	if r.Controller != "codedeploy" || r.Namespace != "shop" || r.Service != "checkout" || r.Revision != "d-A1B2C3D4E" || r.Ref != "eu-west-1/d-A1B2C3D4E" ||
		!r.Watch || r.Canary.Version != "2" || r.Baseline.Version != "1" || r.Canary.Workload != "fn" || r.Comparison != rollout.Concurrent {
		t.Errorf("got %+v, want the deployment in it, watched", r)
	}
	// CodeDeploy calls a function again that did not return, and the forwarder tries again.
	a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, nil)), 202)
	a.question(t)
	a.only()
}

// TestCodeDeployGates is what each hook asks.
func TestCodeDeployGates(t *testing.T) {
	for hook, want := range map[string]struct {
		platform string
		gate     reply.Gate // empty: answered without a look
		within   time.Duration
	}{
		"BeforeInstall": {"ecs", "", 0}, "AfterInstall": {"ecs", reply.GateStart, 55 * time.Minute}, "AfterAllowTestTraffic": {"ecs", reply.GateStart, 55 * time.Minute},
		"BeforeAllowTraffic": {"ecs", reply.GateStart, 55 * time.Minute}, "AfterAllowTraffic": {"lambda", reply.GatePromotion, 10 * time.Minute},
	} {
		t.Run(hook, func(t *testing.T) {
			a := newAmazon(t)
			a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"hook": hook, "platform": want.platform})), 202)
			if want.gate == "" {
				if len(a.desk.asked) != 0 || len(a.rollouts()) != 0 || len(a.told) != 1 {
					t.Errorf("got %v asked and %v told, want it answered at once", a.desk.asked, a.told)
				}
				for _, said := range a.told {
					if !said.Yes {
						t.Errorf("got %+v, want yes: a failure there cannot be rolled back", said)
					}
				}
				return
			}
			if q := a.question(t); q.Gate != want.gate || !q.Deadline.Equal(start().Add(want.within)) || q.Granted {
				t.Errorf("got %+v, want gate %s within %s", q, want.gate, want.within)
			}
		})
	}
}

// TestCodeDeployAfterTraffic is the hook at which nothing can be compared any more.
func TestCodeDeployAfterTraffic(t *testing.T) {
	after := func(t *testing.T) string {
		return codeDeployHookBody(t, map[string]any{"hook": "AfterAllowTraffic", "lifecycleEventHookExecutionId": "second", "fallback": nil})
	}
	look := func(a *amazon, change func(*judge.Verdict)) {
		a.judge.say(change)
		if _, err := a.judge.Decide(t.Context(), a.only().Rollout, a.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	granted := func(v *judge.Verdict) { v.Outcome, v.Promotion, v.Fresh = judge.Promote, yes("proven"), true }
	stale := func(v *judge.Verdict) { v.Outcome, v.Promotion, v.Fresh = judge.Continue, judge.Answer{}, false }
	unproven := func(v *judge.Verdict) { v.Outcome, v.Promotion, v.Fresh = judge.Continue, judge.Answer{}, true }
	gone := func(v *judge.Verdict) {
		v.Outcome, v.Promotion, v.RollBack, v.Fresh = judge.Rollback, judge.Answer{}, yes("errors"), false
	}
	for name, tt := range map[string]struct {
		looks []func(*judge.Verdict)
		want  bool
	}{
		"granted, then stale": {[]func(*judge.Verdict){unproven, granted, stale, stale}, true},
		"never granted":       {[]func(*judge.Verdict){unproven, stale}, false},
		"granted, then not":   {[]func(*judge.Verdict){granted, unproven, stale}, false},
		"rolled back since":   {[]func(*judge.Verdict){granted, gone}, false},
		"no look":             {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAmazon(t)
			a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, nil)), 202)
			for _, l := range tt.looks {
				look(a, l)
			}
			a.clock.add(20 * time.Minute)
			a.want(a.do("POST", "/codedeploy/hook", after(t)), 202)
			for _, q := range a.desk.asked {
				if q.Gate == reply.GatePromotion && (q.Granted != tt.want || !q.Fallback) {
					t.Errorf("got %+v, want granted %v and the configured fallback", q, tt.want)
				}
			}
			if len(a.desk.asked) != 2 || a.only().Rollout.Comparison != rollout.Concurrent {
				t.Errorf("got %d questions about %+v, want two about the rollout that is live", len(a.desk.asked), a.only().Rollout)
			}
		})
	}
	// Where nobody looked before, there is only the past to compare with.
	a := newAmazon(t)
	a.want(a.do("POST", "/codedeploy/hook", after(t)), 202)
	if r := a.only().Rollout; r.Comparison != rollout.BeforeAfter || a.question(t).Granted {
		t.Errorf("got %+v, want before-after and nothing granted", r)
	}
}

func TestCodeDeployFaultsAreAllNamed(t *testing.T) {
	a := newAmazon(t)
	body := codeDeployHookBody(t, map[string]any{
		"deploymentId": "x", "lifecycleEventHookExecutionId": "a b", "hook": "Install", "application": nil, "deploymentGroup": "g\"", "region": "mars-north-1",
		"fallback": "maybe", "within": "2h", "comparison": "guess", "revision": "a\nb", "canary": map[string]any{"podPattern": "("}, "baseline": map[string]any{"url": "ftp://x"},
	})
	got := a.want(a.do("POST", "/codedeploy/hook", body), 400).body
	for _, field := range []string{"deploymentId", "lifecycleEventHookExecutionId", "hook", "application", "deploymentGroup", "region", "fallback", "within", "comparison", "revision", "canary.podPattern", "baseline.url"} {
		if !strings.Contains(got, field+":") {
			t.Errorf("got %s, want %s named", got, field)
		}
	}
	for name, tt := range map[string]struct {
		change map[string]any
		code   int
		says   string
	}{
		"hook of another platform": {map[string]any{"hook": "AfterInstall"}, 400, "BeforeAllowTraffic, AfterAllowTraffic"},
		"unknown platform":         {map[string]any{"platform": "ec2"}, 400, "neither ecs nor lambda"},
		"unknown field":            {map[string]any{"DeploymentId": "d-1"}, 400, "unknown field"},
		"unknown plan":             {map[string]any{"plan": "nope"}, 404, "no plan"},
		"same arms":                {map[string]any{"application": "Other", "service": "checkout"}, 400, "nothing to compare"},
		"long execution":           {map[string]any{"lifecycleEventHookExecutionId": strings.Repeat("a", 9000)}, 400, "longer than"},
	} {
		a.unknown = name == "same arms"
		if got := a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, tt.change)), tt.code).body; !strings.Contains(got, tt.says) && tt.says != "no plan" {
			t.Errorf("%s: got %s, want %q", name, got, tt.says)
		}
	}
	for _, body := range []string{"", "null", "[]", "{", "7"} {
		a.want(a.do("POST", "/codedeploy/hook", body), 400)
	}
	if len(a.desk.asked)+len(a.rollouts()) != 0 {
		t.Errorf("got %v and %v, want nothing opened or asked", a.desk.asked, a.rollouts())
	}
	w := newWorld(t)
	if got := w.want(w.do("POST", "/codedeploy/hook", codeDeployHookBody(t, nil)), 404).body; !strings.Contains(got, "aws section") {
		t.Errorf("got %s, want what to configure", got)
	}
}

// TestCodeDeployRollbacksAreNotJudged: CodeDeploy rolls back by a deployment of its
// own, which runs the same hooks.
func TestCodeDeployRollbacksAreNotJudged(t *testing.T) {
	a := newAmazon(t)
	a.rollbacks["d-ROLLBACK"] = true
	a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"deploymentId": "d-ROLLBACK"})), 202)
	a.want(a.do("POST", "/aws/events", deployEvent(t, "START", "d-ROLLBACK")), 200)
	if len(a.desk.asked)+len(a.rollouts()) != 0 || len(a.told) != 1 {
		t.Errorf("got %v asked, %d rollouts, %v told, want yes at once and nothing to stop", a.desk.asked, len(a.rollouts()), a.told)
	}
	// Where that cannot be found out, it must be asked again: a rollback could be stopped.
	a.failed = errBroken
	a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, nil)), 503)
	a.want(a.do("POST", "/aws/events", deployEvent(t, "START", "d-A1B2C3D4E")), 503)
	// Where it may not be asked, it is judged as any other.
	a.failed, a.unknown = nil, true
	a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, nil)), 202)
	a.question(t)
	if strings.Contains(a.logs.String(), "hunter2") {
		t.Error("got a credential in the log")
	}
}

// TestCodeDeployRedeploys: a revision may come again, and a deployment never does.
func TestCodeDeployRedeploys(t *testing.T) {
	a := newAmazon(t)
	hook := func(change map[string]any) {
		a.t.Helper()
		a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, change)), 202)
	}
	hook(map[string]any{"revision": "v2"})
	first := a.only().Rollout
	hook(map[string]any{"revision": "v2", "deploymentId": "d-SECOND"})
	list := a.rollouts()
	if len(list) != 2 || list[1].Closed.IsZero() || !list[0].Closed.IsZero() || list[0].Rollout.Ref != "eu-west-1/d-SECOND" || list[0].Rollout.Attempt != 2 {
		t.Fatalf("got %+v, want the first closed and a second attempt", list)
	}
	// A late delivery about the first asks about the first.
	hook(map[string]any{"revision": "v2", "lifecycleEventHookExecutionId": "late"})
	if len(a.rollouts()) != 2 || len(a.desk.asked) != 3 {
		t.Errorf("got %d rollouts, want no third one", len(a.rollouts()))
	}
	n := 0
	for _, q := range a.desk.asked {
		if q.Rollout == first.ID {
			n++
		}
	}
	if n != 2 {
		t.Errorf("got %d questions about the first deployment, want 2", n)
	}
}

func TestCodeDeployStateChanges(t *testing.T) {
	a := newAmazon(t)
	got := a.want(a.do("POST", "/aws/events", deployEvent(t, "START", "d-A1B2C3D4E")), 200).object(t)
	r := a.only().Rollout
	if got["rollout"] != r.ID || r.Ref != "eu-west-1/d-A1B2C3D4E" || !r.Watch {
		t.Errorf("got %v and %+v, want a watched rollout", got, r)
	}
	// The hook that comes next, with a revision, is about the same deployment.
	a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"revision": "v2"})), 202)
	if q := a.question(t); q.Rollout != r.ID {
		t.Errorf("got %+v, want it about %s", q, r.ID)
	}
	a.want(a.do("POST", "/aws/events", deployEvent(t, "READY", "d-A1B2C3D4E")), 200)
	a.want(a.do("POST", "/aws/events", deployEvent(t, "FAILURE", "d-OTHER")), 200)
	if !a.only().Closed.IsZero() {
		t.Error("got it closed by another deployment's end")
	}
	a.want(a.do("POST", "/aws/events", deployEvent(t, "FAILURE", "d-A1B2C3D4E")), 200)
	if sum := a.only(); sum.Closed.IsZero() || sum.Why != "codedeploy: FAILURE" {
		t.Errorf("got %+v, want it closed", sum)
	}
	// START that comes again, later, opens nothing.
	a.clock.add(time.Hour)
	a.want(a.do("POST", "/aws/events", deployEvent(t, "START", "d-A1B2C3D4E")), 200)
	a.only()
	// An application that nobody configured is none of ours.
	body := strings.ReplaceAll(deployEvent(t, "START", "d-X"), "Checkout", "Billing")
	if got := a.want(a.do("POST", "/aws/events", body), 200).body; !strings.Contains(got, "ignored") {
		t.Errorf("got %s, want it ignored", got)
	}
}

func TestCodeDeployIsAskedAgainWhenTheJournalIsAway(t *testing.T) {
	a := newAmazon(t)
	for _, method := range []string{"List", "Begin"} {
		a.faults.set(method, errors.Join(errBroken))
		if got := a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, nil)); got.code < 500 || strings.Contains(got.body, "hunter2") {
			t.Errorf("%s: got %d %s, want a failure without its cause", method, got.code, got.body)
		}
		a.faults.set(method, nil)
	}
	a.desk.failed = errBroken
	a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, nil)), 503)
	a.desk.failed = nil
	a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, nil)), 202)
	a.question(t)
	a.only()
}

func FuzzCodeDeployHook(f *testing.F) {
	f.Add([]byte(codeDeployHookBody(f, nil)))
	f.Add([]byte(codeDeployHookBody(f, map[string]any{"hook": "AfterAllowTraffic", "canary": map[string]any{"labels": map[string]any{"a": "b"}}})))
	for _, seed := range []string{"", "{}", "null", `{"deploymentId":"d-1","within":"1h"}`, `{"region":"eu-west-1","platform":"ecs"}`, `{"canary":{"podPattern":"("}}`} {
		f.Add([]byte(seed))
	}
	a := newAmazon(f, func(c *Config) { c.Judge = quick{judge.Verdict{}} })
	f.Fuzz(func(t *testing.T, body []byte) {
		got := a.try(t, "/codedeploy/hook", string(body))
		var any map[string]json.RawMessage
		if json.Unmarshal([]byte(got.body), &any) != nil {
			t.Fatalf("got %q, want an object", got.body)
		}
	})
}

// TestTheEventAndTheHookComeTogether: EventBridge and CodeDeploy speak of a deployment
// at the same moment, and call its revision by two names. It is one rollout.
func TestTheEventAndTheHookComeTogether(t *testing.T) {
	for range 20 {
		a := newAmazon(t)
		var both sync.WaitGroup
		both.Go(func() { a.do("POST", "/aws/events", deployEvent(t, "START", "d-A1B2C3D4E")) })
		both.Go(func() { a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"revision": "v2"})) })
		both.Wait()
		if sum := a.only(); !sum.Closed.IsZero() || a.question(t).Rollout != sum.Rollout.ID {
			t.Fatalf("got %+v, want one live rollout and the question about it", sum)
		}
	}
}
